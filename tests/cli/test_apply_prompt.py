"""`apply` at a terminal: it shows the plan, asks, and accepts only "yes"."""

import os
import pty
import signal
import subprocess
import sys

import pytest

from tests.support.program import Folder
from tests.support.warm import Done


def at_a_terminal(folder: Folder, answer: str, *arguments: str) -> Done:
    """Run the program with a terminal as its standard input, and type an answer."""
    ours, theirs = pty.openpty()
    with os.fdopen(ours, "wb", buffering=0) as keyboard:
        process = subprocess.Popen(
            [sys.executable, "-m", "reconciler", *arguments],
            cwd=folder.path,
            env={"PATH": os.environ["PATH"]},
            stdin=theirs,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        os.close(theirs)
        keyboard.write(answer.encode())
        out, err = process.communicate(timeout=60)
    return Done(process.returncode, out, err)


def test_apply_at_a_terminal_takes_yes(folder: Folder):
    done = at_a_terminal(folder, "yes\n", "apply")

    assert done.code == 0
    assert "Plan: 2 to add" in done.out
    assert 'Apply this plan? Only "yes" is accepted:' in done.err
    assert "2 added" in done.out


@pytest.mark.parametrize("answer", ["no\n", "y\n", "\n", "YES!\n", "\x04"])
def test_apply_at_a_terminal_takes_nothing_but_yes(folder: Folder, answer):
    done = at_a_terminal(folder, answer, "apply")

    assert done.code == 1
    after = "\n" if answer == "\x04" else ""  # the Enter key ends the line of the question
    assert f"is accepted: {after}not approved; nothing was written" in done.err
    assert folder.plan()["summary"]["create"] == 2


def test_apply_without_changes_does_not_ask(folder: Folder):
    folder.run("apply", "--auto-approve")

    done = at_a_terminal(folder, "", "apply")

    assert done.code == 0
    assert "Apply this plan?" not in done.err
    assert "0 added" in done.out


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_apply_at_a_terminal_ends_at_a_signal(folder: Folder, number: signal.Signals):
    ours, theirs = pty.openpty()
    pipe = subprocess.PIPE
    with (
        os.fdopen(ours, "wb", buffering=0),
        subprocess.Popen(
            [sys.executable, "-m", "reconciler", "apply"],
            cwd=folder.path,
            env={"PATH": os.environ["PATH"]},
            stdin=theirs,
            stdout=pipe,
            stderr=pipe,
        ) as process,
    ):
        os.close(theirs)
        assert process.stderr is not None
        shown = b""
        while b"accepted: " not in shown:
            more = os.read(process.stderr.fileno(), 4096)
            assert more, shown
            shown += more
        process.send_signal(number)
        _, err = process.communicate(timeout=10)

    assert process.returncode == 128 + number
    # On a line of its own, below the question.
    assert err.decode() == f"\ninterrupted by signal {int(number)}; nothing was written\n"
