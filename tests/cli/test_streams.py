"""Standard streams that are closed, full or narrow: a message and a code, never a traceback."""

import json
import os
import shlex
import shutil
import subprocess
import sys

import pytest

from tests.support.program import ROOT, Folder

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
def test_data_that_nobody_gets_is_an_error(folder: Folder, arguments, redirected):
    done = run_in_shell(folder, *arguments, redirected=redirected)

    assert done.returncode == 1
    assert done.stderr.startswith("error: standard output cannot be written: ")
    assert done.stderr.count("\n") == 1


def test_an_apply_with_standard_input_closed_has_nobody_to_ask(folder: Folder):
    done = run_in_shell(folder, "apply", redirected="<&-")

    assert done.returncode == 1
    assert done.stderr.startswith("error: nobody is there to approve")


@pytest.mark.parametrize("redirected", ["2>&-", "2> /dev/full"])
def test_words_that_nobody_gets_change_neither_the_work_nor_the_code(folder: Folder, redirected):
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
