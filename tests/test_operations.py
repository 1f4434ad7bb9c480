"""docs/operations.md: every command that it shows works, and what it says is so."""

import re
from pathlib import Path

from reconciler.adapters.clock import GRACE, LAST
from reconciler.cli.exits import Exit
from tests.program import Folder

PAGE = (Path(__file__).parents[1] / "docs/operations.md").read_text()


def test_every_command_of_the_page_works(folder: Folder):
    blocks = re.findall(r"^```sh\n(.*?)^```", PAGE, re.M | re.S)
    lines = [line for block in blocks for line in block.splitlines()]

    results = {line: folder.run(*line.split()[1:]) for line in lines}

    assert len(lines) >= 6
    assert all(line.startswith(".venv/bin/reconciler ") for line in lines)
    assert {line: done.code for line, done in results.items()} == dict.fromkeys(lines, 0)
    assert (folder.path / "report.json").exists()


def test_the_exit_codes_of_the_page_are_those_of_an_apply():
    table = PAGE.split("| exit code | what to do |")[1].split("\n\n")[0]

    told = {int(code) for code in re.findall(r"^\| (\d) ", table, re.M)}

    assert told == {*map(int, Exit)} - {Exit.OUT_OF_SYNC}


def test_the_seconds_of_the_page_are_those_of_the_program():
    assert f"has {GRACE:g} seconds to end" in PAGE
    assert f"after {LAST:g} seconds it ends itself" in PAGE
