"""docs/operations.md: what it says of codes and seconds is so; tests/docs runs its commands."""

import re
from pathlib import Path

from reconciler.adapters.clock import GRACE, LAST
from reconciler.cli.exits import Exit

PAGE = (Path(__file__).parents[2] / "docs/operations.md").read_text()


def test_the_exit_codes_of_the_page_are_those_of_an_apply():
    table = PAGE.split("| exit code | what to do |")[1].split("\n\n")[0]

    reported = {int(code) for code in re.findall(r"^\| (\d) ", table, re.M)}

    assert reported == {*map(int, Exit)} - {Exit.OUT_OF_SYNC}


def test_the_seconds_of_the_page_are_those_of_the_program():
    assert f"has {GRACE:g} seconds to end" in PAGE
    assert f"after {LAST:g} seconds it ends itself" in PAGE
