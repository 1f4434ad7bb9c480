"""`completion`: the script of each shell, tried in the shell."""

import os
import pty
import re
import select
import shutil
import subprocess
import time
from pathlib import Path

import pytest

from reconciler.cli.commands.completion import Shell
from tests.support.program import Folder

# A command line, and what its last word may become.
LINES = {
    "reconciler pla": {"plan"},
    "reconciler -C /tmp pla": {"plan"},
    "reconciler audit ": {"list", "verify", "export"},
    "reconciler plan --form": {"--format"},
    "reconciler plan --tenant x --form": {"--format"},
    "reconciler plan --format ": {"text", "markdown", "json"},
    "reconciler audit list --last 5 --sta": {"--state", "--state-deadline", "--status"},
    "reconciler show --sta": set(),
    "reconciler completion ": {"bash", "zsh", "fish"},
    "reconciler show saved-": {"saved-plan.json"},
    "reconciler validate --dialects own-": {"own-dialects"},
}
EACH_LINE = pytest.mark.parametrize("line", LINES)


def needs(shell: str) -> None:
    if shutil.which(shell) is None:
        pytest.skip(f"NOT TESTED: there is no {shell} here; .ci/tools installs it")


@pytest.fixture
def place(folder: Folder) -> Folder:
    """A folder with something to complete, and the script of each shell."""
    folder.write("saved-plan.json", "{}")
    (folder.path / "own-dialects").mkdir()
    for shell in Shell:
        done = folder.run("completion", shell)
        assert (done.code, done.err) == (0, "")
        folder.write(f"script.{shell}", done.out)
    return folder


def ran(place: Folder, *arguments: str) -> str:
    done = subprocess.run(
        arguments, cwd=place.path, capture_output=True, text=True, check=False, timeout=60
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


@EACH_LINE
def test_bash_completes_a_line(place: Folder, line: str):
    needs("bash")
    place.write(
        "complete.sh",
        """\
source script.bash
COMP_WORDS=($1); [[ $1 != *' ' ]] || COMP_WORDS+=('')
COMP_CWORD=$((${#COMP_WORDS[@]} - 1)) COMP_LINE=$1 COMP_POINT=${#1}
complete=$(complete -p reconciler)
[[ $complete =~ -F\\ ([^ ]+) ]] && "${BASH_REMATCH[1]}" reconciler "${COMP_WORDS[-1]}" x
printf '%s\\n' "${COMPREPLY[@]}"
""",
    )

    found = ran(place, "bash", "--norc", "complete.sh", line)

    assert set(found.split()) == LINES[line]


@EACH_LINE
def test_fish_completes_a_line(place: Folder, line: str):
    needs("fish")

    found = ran(place, "fish", "-N", "-c", "source script.fish; complete -C $argv[1]", line)

    assert {each.partition("\t")[0].rstrip("/") for each in found.splitlines()} == LINES[line]


def test_zsh_completes_lines(place: Folder):
    needs("zsh")
    (place.path / "_reconciler").write_text((place.path / "script.zsh").read_text())
    zsh = _Zsh(place.path)

    assert "reconciler plan" in zsh.completed("reconciler pla")
    assert "reconciler -C /tmp plan" in zsh.completed("reconciler -C /tmp pla")
    assert "reconciler plan --format" in zsh.completed("reconciler plan --form")
    assert "reconciler show saved-plan.json" in zsh.completed("reconciler show saved-")
    listed = zsh.completed("reconciler audit ")
    assert {"list", "verify", "export"} <= set(re.findall(r"\w+", listed))
    zsh.end()


class _Zsh:
    """An interactive zsh on a terminal of its own."""

    def __init__(self, folder: Path) -> None:
        self._pid, self._terminal = pty.fork()
        if self._pid == 0:
            os.chdir(folder)
            os.environ.update(TERM="dumb", PS1="> ", ZDOTDIR=str(folder))
            os.execvp("zsh", ["zsh", "-f", "-i"])
        self._send("fpath=($PWD $fpath); autoload -U compinit; compinit -D -u; LISTMAX=999\n")
        self._send("print re''ady\n")
        self._read_until("ready")

    def completed(self, line: str) -> str:
        """The screen after a line and the key Tab."""
        self._send(f"{line}\t")
        shown = self._read_until(None)
        self._send("\x15")  # Ctrl-U clears the line
        self._read_until(None)
        return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]|\x07|\r", "", shown)

    def end(self) -> None:
        """Leave it."""
        self._send("\x04")
        os.close(self._terminal)
        os.waitpid(self._pid, 0)

    def _send(self, text: str) -> None:
        os.write(self._terminal, text.encode())

    def _read_until(self, mark: str | None) -> str:
        """What it writes up to a mark; without one, until it has been silent for a while."""
        shown, until = "", time.monotonic() + 30
        while time.monotonic() < until:
            ready, _, _ = select.select([self._terminal], [], [], 2 if mark is None else 30)
            if not ready:
                break
            shown += os.read(self._terminal, 65536).decode(errors="replace")
            if mark is not None and mark in shown:
                break
        return shown
