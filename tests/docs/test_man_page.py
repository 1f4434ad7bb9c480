"""docs/reconciler.1: each command and option, shown without a warning, and in the wheel."""

import re
import shutil
import subprocess
import zipfile
from pathlib import Path

import pytest

from reconciler.cli.commands import COMMANDS
from reconciler.cli.common_options import CommonOptions
from reconciler.cli.options import flag_of, options_in
from tests.support.man_page import PAGE
from tests.support.recipes import copy_of_the_tree


def output(*arguments: str) -> tuple[str, str]:
    """What a program writes, errors apart; a test of one that is not here is skipped."""
    if shutil.which(arguments[0]) is None:
        pytest.skip(f"NOT TESTED: there is no {arguments[0]} here; .ci/tools installs it")
    done = subprocess.run(
        arguments,
        env={"PATH": "/usr/local/bin:/usr/bin:/bin", "LC_ALL": "C.UTF-8", "MANWIDTH": "80"},
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stdout, done.stderr


def test_the_manual_page_is_shown_without_a_warning() -> None:
    shown, warnings = output("man", "--warnings", "-l", str(PAGE))

    assert warnings == ""
    assert max(map(len, shown.splitlines())) <= 80


def test_the_manual_page_is_what_mandoc_takes_but_for_a_date() -> None:
    found, _ = output("mandoc", "-Tlint", "-Wwarning", str(PAGE))

    assert [line for line in found.splitlines() if "missing date" not in line] == []


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.name)
def test_the_manual_page_has_each_command_with_its_example_and_options(command) -> None:
    shown, _ = output("mandoc", "-Tascii", "-Owidth=200", str(PAGE))
    plain = re.sub(".\x08", "", shown)

    below = plain.split(f"\n   reconciler {command.name}", 1)[1].split("\n   reconciler ", 1)[0]
    assert f"reconciler {command.example.splitlines()[0]}" in below
    for name, option in options_in(command.load().Options):
        word = name.upper() if option.positional else flag_of(name)
        assert re.search(rf"^ +{word}\b", below, re.M), name
    for name, _ in options_in(CommonOptions):
        assert flag_of(name) in plain


@pytest.mark.process
def test_the_wheel_brings_the_manual_page(tmp_path: Path) -> None:
    copy = copy_of_the_tree(tmp_path / "copy")
    done = copy.run("build", "--wheel", "--no-isolation")
    assert done.returncode == 0, done.stdout + done.stderr

    [wheel] = (copy.path / "dist").glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        [name] = (
            each for each in archive.namelist() if each.endswith("share/man/man1/reconciler.1")
        )
        assert archive.read(name).decode() == PAGE.read_text()
