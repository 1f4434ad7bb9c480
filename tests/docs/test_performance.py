"""docs/performance.md shows the table that `make bench` prints, row by row."""

import re

from tests.bench.contests import CONTESTS
from tests.bench.page import BEGIN, END, PAGE
from tests.bench.rows import ROWS
from tests.bench.table import HEAD, cells

SHOWN = re.findall(r"^\| (.*) \|$", PAGE.read_text(), re.M)
TABLE = [tuple(cell.strip() for cell in line.split(" | ")) for line in SHOWN]


def test_the_page_has_the_rows_and_the_bounds_of_the_bench():
    head, _, *rows = TABLE
    expected = [cells(row, None) for row in ROWS]

    assert head == HEAD
    assert [row[0] for row in rows] == [row[0] for row in expected]
    assert [row[2].partition(":")[0] for row in rows] == [row.beside for row in ROWS]
    assert [row[4:6] for row in rows] == [row[4:6] for row in expected]


def test_the_page_says_when_and_on_what_it_was_measured():
    part = PAGE.read_text().partition(BEGIN)[2].partition(END)[0]

    assert re.search(r"^Measured on \d{4}-\d\d-\d\d at commit [0-9a-f]+", part, re.M)
    assert re.search(r"\d+ cores, \d+ GiB of memory, Python 3\.\d+\.\d+", part)


def test_no_two_rows_have_one_key():
    assert len({row.key for row in ROWS}) == len(ROWS)
    assert CONTESTS
