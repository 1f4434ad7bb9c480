"""Standard streams that are closed, full or narrow: a message and a code, never a traceback."""

import json
import os
import shlex
import shutil
import subprocess
import sys

import pytest

from tests.support.program import ROOT, Folder, assert_reported

NARROW = {"PYTHONIOENCODING": "ascii"}
C_LOCALE = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}


def run_in_shell(
    folder: Folder, *arguments: str, redirected: str
) -> subprocess.CompletedProcess[str]:
    command = shlex.join([sys.executable, "-m", "reconciler", *arguments])
    return subprocess.run(
        ["sh", "-c", f"{command} {redirected}"],
        cwd=folder.path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


@pytest.mark.parametrize("redirected", [">&-", "> /dev/full"])
@pytest.mark.parametrize("arguments", [["plan"], ["--help"]])
def test_a_closed_standard_output_is_an_error(folder: Folder, arguments, redirected):
    done = run_in_shell(folder, *arguments, redirected=redirected)

    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].startswith("error: standard output cannot be written: ")
    assert done.stderr.count("error: ") == 1


def test_an_apply_with_standard_input_closed_has_nobody_to_ask(folder: Folder):
    done = run_in_shell(folder, "apply", redirected="<&-")

    assert done.returncode == 1
    assert done.stderr.startswith("error: nobody is there to approve")


@pytest.mark.parametrize("redirected", ["2>&-", "2> /dev/full"])
def test_a_closed_standard_error_changes_neither_work_nor_code(folder: Folder, redirected):
    done = run_in_shell(folder, "plan", "--out", "plan.json", redirected=redirected)

    assert done.returncode == 0
    assert "2 to add" in done.stdout


@pytest.mark.parametrize("environ", [NARROW, C_LOCALE], ids=["ascii", "C"])
def test_a_letter_that_standard_output_cannot_write_is_escaped(folder: Folder, environ):
    folder.edit("desired-state/extensions/hr-extension.yaml", "isContractor", "straße-🏢")

    text = folder.run_cold("validate", **environ)
    document = folder.run_cold("validate", "--format", "json", **environ)
    plain = folder.run("validate", "--format", "json")

    assert (text.code, document.code) == (1, 1)
    assert "stra\\u00dfe-\\ud83c\\udfe2" in text.out
    assert json.loads(document.out) == json.loads(plain.out)


def test_a_plan_is_made_in_a_folder_whose_name_the_locale_cannot_write(folder: Folder):
    shutil.copytree(ROOT / "desired-state", folder.path / "Süd" / "desired-state")
    there = Folder(folder.path / "Süd")
    there.run("apply", "--auto-approve")

    done = there.run_cold("plan", **C_LOCALE)

    assert done.code == 0, done.err
    assert "2 in sync" in done.out


def test_a_letter_that_the_terminal_cannot_show_is_an_escape_and_no_crash(folder: Folder):
    folder.edit("desired-state/extensions/hr-extension.yaml", "name: HRExtension", "name: HR…")

    done = folder.run_cold("plan", "--format", "json", PYTHONIOENCODING="ascii")

    assert_reported(done, 0, r"HR\u2026")
    assert json.loads(done.out)["summary"]["create"] == 2


def test_a_folder_whose_name_is_not_utf8_is_reported_where_a_file_would_hold_it(folder: Folder):
    (folder.path / "desired-state").rename(folder.path / os.fsdecode(b"d\xff"))
    arguments = ("plan", "--desired-state", os.fsdecode(b"d\xff"))

    printed = folder.run(*arguments, "--format", "json", GITHUB_STEP_SUMMARY="summary.md")
    saved = folder.run(*arguments, "--out", "plan.json")

    assert_reported(printed, 0, r"d\udcff/extensions")
    assert_reported(saved, 1, "plan.json cannot be written", "not UTF-8; rename that")
    assert not list(folder.path.glob("*plan.json*"))
