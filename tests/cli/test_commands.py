"""The frame of the commands: each is one module, and a list has their names."""

import inspect
import os
import re
import shutil
import subprocess
import sys
from dataclasses import fields, is_dataclass
from enum import StrEnum
from pathlib import Path

import pytest

from reconciler.cli import commands
from reconciler.cli.commands import COMMANDS, Command, CommandGroup, help_of_group
from reconciler.cli.common_options import CommonOptions
from reconciler.cli.options import options_in
from tests.support.program import ROOT, Folder
from tests.support.warm import Done

GROUPS = sorted({command.parts[0] for command in COMMANDS if len(command.parts) > 1})


def test_every_module_of_the_commands_is_in_the_list_and_the_other_way_round():
    files = {path.stem for path in Path(commands.__file__).parent.glob("*.py")} - {"__init__"}

    assert sorted(files) == sorted(command.module for command in COMMANDS)


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.name)
def test_a_command_declares_its_options_and_a_function_that_takes_them(command: Command):
    module = command.load()

    assert is_dataclass(module.Options)
    assert [*inspect.signature(module.run).parameters] == ["invocation", "options"]
    assert inspect.signature(module.run).parameters["options"].annotation == "Options"


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.name)
def test_the_help_of_a_command_is_the_first_line_of_its_module(command: Command):
    first = (command.load().__doc__ or "").partition("\n")[0]

    assert command.purpose == first
    assert first.endswith(".")
    assert len(first) > 10


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.name)
def test_no_option_of_a_command_has_the_name_of_another(command: Command):
    names = [name for cls in (CommonOptions, command.load().Options) for name, _ in options_in(cls)]

    assert sorted(names) == sorted(set(names))


@pytest.mark.parametrize("group", GROUPS)
def test_the_help_of_a_group_lists_what_is_in_the_group(folder: Folder, group: str):
    inside = [command.parts[1] for command in COMMANDS if command.parts[0] == group]

    overview = folder.run("--help", COLUMNS="200").out
    own = folder.run(group, "--help", COLUMNS="200").out

    assert re.search(rf"^ +{group} +.*: {', '.join(inside)}$", overview, re.M)
    assert re.findall(r"^ {2}(\w+) ", own.partition("\ncommands:\n")[2], re.M) == inside


def test_a_group_that_nobody_has_described_is_described_by_its_commands():
    new = (
        Command("leases list", CommandGroup.TRAIL, "leases list"),
        Command("leases break", CommandGroup.TRAIL, "leases break x"),
    )

    assert help_of_group("leases", (*COMMANDS, *new)) == "list, break"


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """The package in a folder of its own, to be edited."""
    shutil.copytree(
        ROOT / "reconciler", tmp_path / "reconciler", ignore=shutil.ignore_patterns("__pycache__")
    )
    return tmp_path


def edit(file: Path, old: str, new: str) -> None:
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new))


def run_copy(copy: Path, *arguments: str) -> Done:
    done = subprocess.run(
        [sys.executable, "-m", *arguments],
        cwd=copy,
        env={"PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
        check=False,
    )
    return Done(done.returncode, done.stdout, done.stderr)


LEASES_LIST = '''"""List who holds which tenant."""

from __future__ import annotations

from dataclasses import dataclass

from reconciler.cli.exits import Exit
from reconciler.cli.options import number

TYPE_CHECKING = False
if TYPE_CHECKING:
    from reconciler.cli.invocation import Invocation


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """The options of `leases list`."""

    last: int = number("how many", metavar="N", default=3)


def run(invocation: Invocation, options: Options) -> int:
    """Print them."""
    invocation.console.data(f"{options.last} leases\\n")
    return Exit.WELL
'''


@pytest.mark.process
def test_a_command_in_a_new_group_takes_one_module_and_a_line_in_the_list(copy: Path):
    (copy / "reconciler/cli/commands/leases_list.py").write_text(LEASES_LIST)
    edit(
        copy / "reconciler/cli/commands/__init__.py",
        "COMMANDS = (\n",
        'COMMANDS = (\n    Command("leases list", CommandGroup.TRAIL, "leases list --last 7"),\n',
    )

    ran = run_copy(copy, "reconciler", "leases", "list", "--last", "7")
    overview = run_copy(copy, "reconciler", "--help")
    other = run_copy(copy, "reconciler", "schema", "plan")
    slip = run_copy(copy, "reconciler", "leases")

    assert (ran.code, ran.out) == (0, "7 leases\n")
    assert re.search(r"^ +leases +list$", overview.out, re.M)
    assert (other.code, other.out[:1]) == (0, "{")
    assert slip.code == 1
    assert "COMMAND" in slip.err


def enums_of_options() -> dict[str, type[StrEnum]]:
    declared = (CommonOptions, *(command.load().Options for command in COMMANDS))
    found = (option.choices for cls in declared for _, option in options_in(cls))
    return {choices.__name__: choices for choices in found if choices is not None}


@pytest.mark.process
@pytest.mark.timeout(300)
def test_mypy_finds_a_misspelt_option_and_a_format_that_nothing_renders(copy: Path):
    """A copy with a misspelt option in `plan`, and with another member in each enum of options."""
    edit(copy / "reconciler/cli/plan.py", "options.detailed_exitcode", "options.detailed_exit_code")
    edit(copy / "reconciler/cli/wiring.py", "deadlines.read_deadline", "deadlines.read_dedline")
    enums = enums_of_options()
    for file in (copy / "reconciler/cli").rglob("*.py"):
        for name in enums:
            pattern = rf'(class {name}\(StrEnum\):\n    """.*"""\n)'
            file.write_text(re.sub(pattern, r'\1\n    NEW = "new"', file.read_text()))
    shutil.copy(ROOT / "pyproject.toml", copy)

    if (known := ROOT / ".mypy_cache").is_dir():  # so that only what is edited is looked at
        shutil.copytree(known, copy / "cache")

    done = run_copy(copy, "mypy", "reconciler/cli", "--cache-dir", str(copy / "cache"))

    errors = [line for line in done.out.splitlines() if ": error: " in line]
    assert any('no attribute "detailed_exit_code"' in error for error in errors)
    assert any('no attribute "read_dedline"' in error for error in errors)
    # A schema is a file of that name, and a shell one that the library writes scripts for.
    rendered = set(enums) - {"SchemaName", "Shell"}
    for name in rendered:
        assert [e for e in errors if f"Literal[{name}.NEW]" in e and "assert_never" in e], name
    files = {error.partition(":")[0] for error in errors}
    assert {"reconciler/cli/gate.py", "reconciler/cli/status.py"} <= files


def test_every_field_of_common_options_is_an_option():
    assert [each.name for each in fields(CommonOptions)] == [
        name for name, _ in options_in(CommonOptions)
    ]
