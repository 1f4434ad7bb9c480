"""A system without the file locks of POSIX, as Windows is: what runs there, and what says so."""

import sys

import pytest

from reconciler.cli.commands import COMMANDS
from tests.support.program import Folder, assert_reported
from tests.support.warm import Done

AS_WINDOWS = """
import sys
sys.modules["fcntl"] = None
from reconciler.cli.entry import main
_, _, _, _, *arguments = sys.argv
sys.exit(main(arguments))
"""
POSITIONAL = {"import": ["local"], "gate": ["local", "urn:x"], "doctor": ["local"]}


def run(folder: Folder, *arguments: str) -> Done:
    return folder.run_by((sys.executable, "-c", AS_WINDOWS), *arguments)


@pytest.mark.parametrize("name", [each.name for each in COMMANDS if each.locks_files])
def test_a_command_that_locks_files_says_at_its_start_where_it_runs(folder: Folder, name: str):
    done = run(folder, *name.split(), *POSITIONAL.get(name, []))

    assert_reported(done, 1, f"error: {name} needs the file locks of POSIX", "WSL", "validate")
    assert done.out == ""
    assert not (folder.path / ".reconciler").exists()


def test_what_is_offline_runs_without_file_locks(folder: Folder):
    saved = folder.save_plan()

    assert_reported(run(folder, "validate"), 0, "valid")
    assert_reported(run(folder, "show", "plan.json"), 0, saved["digest"])
    assert_reported(run(folder, "schema", "plan"), 0, "$schema")
    assert_reported(run(folder, "explain", "spec.auth"), 0, "spec.auth")
    to_text = ("migrate", "local/hr-extension.isContractor", "--to", "type=string")
    assert_reported(run(folder, *to_text), 0, "isContractor")
    assert_reported(run(folder, "drift-issues", "--plan", "plan.json"), 1, "GITHUB_REPOSITORY")
    body = folder.write("body.md", "a plan")
    assert_reported(run(folder, "comment", "--pr", "1", "--body", str(body)), 1, "GITHUB_")
