"""Lines and tables in the cells of a terminal: nothing is lost but the middle of what is cut."""

import re
from time import process_time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.render.layout import Cell, Column, cells, cut, folded, table
from reconciler.render.paint import Paint

PLAIN = Paint()
WORDS = st.lists(st.text("abö名e\u0301-:", min_size=1, max_size=60), min_size=1, max_size=12)


@pytest.mark.parametrize(
    ("text", "width"),
    [("", 0), ("abc", 3), ("名前", 4), ("e\u0301", 1), ("ｆｕｌｌ", 8), ("\x1b[31mred\x1b[0m", 3)],
)
def test_text_is_measured_in_cells(text: str, width: int) -> None:
    assert cells(text) == width


@given(WORDS, st.integers(40, 100), st.sampled_from(["", "  ", "  + ", "      - ", "  x "]))
def test_folded_lines_fit_and_keep_every_word_and_the_indent(
    words: list[str], width: int, lead: str
) -> None:
    line = lead + " ".join(words)

    found = folded(line, width).split("\n")

    assert all(cells(part) <= width for part in found)
    assert "".join(found).replace(" ", "") == line.replace(" ", "")
    assert all(part.startswith(" " * (len(lead) + 2)) for part in found[1:])
    assert folded(line, None) == line


def test_a_line_breaks_between_words_and_not_within_one() -> None:
    line = f"  + create: hr  urn:{'a' * 50}:HRExtension  [desired-state/hr.yaml:3]"

    assert folded(line, 80).split("\n") == [
        "  + create: hr",
        f"      urn:{'a' * 50}:HRExtension",
        "      [desired-state/hr.yaml:3]",
    ]


def test_colours_take_no_room_and_hide_no_sign() -> None:
    paint = Paint(on=True)
    line = f"  {paint('green', '+ create: hr')}  {'word ' * 20}end"

    found = folded(line, 60).split("\n")

    bare = [re.sub(r"\x1b\[\d+m", "", part) for part in found]
    assert bare == folded(re.sub(r"\x1b\[\d+m", "", line), 60).split("\n")
    assert bare[1].startswith("      word")


@given(st.text("abc名e\u0301", max_size=60), st.integers(8, 40))
def test_what_is_cut_keeps_both_ends_and_fits(text: str, room: int) -> None:
    shown = cut(text, room)

    assert cells(shown) <= room
    if cells(text) <= room:
        assert shown == text
    else:
        head, _, tail = shown.partition("…")
        assert text.startswith(head)
        assert text.endswith(tail)
        assert head
        assert tail


HEAD = [Column("SEQ"), Column("STATUS"), Column("EXTENSION")]
ROWS = [("1", ("red", "FAILED"), "urn:example:" + "x" * 80), ("22", ("", "名前"), "short")]


def test_a_table_without_a_terminal_is_whole_and_in_columns() -> None:
    lines = list(table(HEAD, ROWS, width=None, paint=PLAIN))

    assert lines == [
        "SEQ  STATUS  EXTENSION\n",
        f"1    FAILED  urn:example:{'x' * 80}\n",
        "22   名前    short\n",
    ]


def test_a_table_on_a_terminal_is_cut_in_the_middle_of_its_widest_column() -> None:
    lines = list(table(HEAD, ROWS, width=60, paint=PLAIN))

    assert [cells(line.rstrip("\n")) for line in lines] == [22, 60, 18]
    assert re.fullmatch(r"1    FAILED  urn:example:x+…x+\n", lines[1])


def test_columns_that_are_whole_are_not_cut_and_the_last_ones_stand_below() -> None:
    row = ("2026-11-30T10:00:00.000Z", "a" * 30, "b" * 30, "c" * 30)
    head = [Column("TIME", whole=True), Column("A"), Column("B", spare=True), Column("C")]

    for width, kept in {90: "2abc", 60: "2ac", 40: "2a", 20: "2"}.items():
        _, line, *below = table(head, [row], width=width, paint=PLAIN)

        assert cells(line.rstrip()) == (24 if width == 20 else width)
        assert "".join(each[:1] for each in line.split()) == kept
        assert line.startswith(row[0])
        assert all(cells(each) <= width for each in "".join(below).splitlines())
        words = re.sub(r"\s", "", "".join(below))
        rest = (letter for letter in "abc" if letter not in kept)
        assert words == "".join(letter.upper() + letter * 30 for letter in rest)


def test_what_a_row_has_not_does_not_stand_below_it() -> None:
    head = [Column("TIME", whole=True), Column("BY", spare=True), Column("WHY", spare=True)]
    rows = [("1" * 24, "user:me", "it was refused"), ("2" * 24, "user:me", "-")]

    assert list(table(head, rows, width=30, paint=PLAIN)) == [
        "TIME\n",
        f"{'1' * 24}\n",
        "    BY user:me  WHY it was\n      refused\n",
        f"{'2' * 24}\n",
        "    BY user:me\n",
    ]


def test_a_column_that_folds_goes_on_below_and_loses_nothing() -> None:
    head = [Column("GRADE"), Column("FOUND", folds=True), Column("N", right=True)]
    rows: list[tuple[Cell, ...]] = [
        (("green", "ok"), "one two three four five", "1"),
        ("note", "short", "100"),
    ]

    assert list(table(head, rows, width=25, paint=PLAIN)) == [
        "GRADE  FOUND            N\n",
        "ok     one two three    1\n",
        "         four five\n",
        "note   short          100\n",
    ]
    assert list(table(head, rows, width=None, paint=PLAIN))[1] == (
        "ok     one two three four five    1\n"
    )


def test_a_table_of_nothing_has_no_head() -> None:
    assert list(table(HEAD, [], width=80, paint=PLAIN)) == []


def test_colours_of_a_table_are_in_its_cells_alone() -> None:
    head, row, _ = table(HEAD, ROWS, width=80, paint=Paint(on=True))

    assert head.startswith("\x1b[1mSEQ\x1b[0m ")
    assert "\x1b[31mFAILED\x1b[0m  urn" in row


@pytest.mark.parametrize("line", ["word " * 40_000, "x" * 200_000])
def test_a_line_of_twice_the_length_is_folded_in_about_twice_the_time(line: str) -> None:
    def took(text: str) -> float:
        begun = process_time()
        assert all(cells(part) <= 80 for part in folded(text, 80).split("\n"))
        return process_time() - begun

    took(line)
    assert took(line * 2) <= 4 * took(line) + 0.2
