"""Text at a terminal: it fits, keeps its indent, and is coloured; in a pipe it is whole."""

import fcntl
import os
import pty
import re
import struct
import subprocess
import sys
import termios
from collections.abc import Mapping

import pytest

from reconciler.render.layout import cells
from tests.support.applied import applied
from tests.support.program import Folder
from tests.support.terminal import at_a_terminal

__all__ = ["applied"]

COLOUR = re.compile(r"\x1b\[\d+m")
TEXTS = (
    ("plan",),
    ("audit", "list"),
    ("webhooks", "list"),
    ("status",),
    ("doctor", "dev"),
    ("audit", "verify"),
    ("adoption",),
    ("gate", "dev", "one"),
    ("show", "plan.json"),
)
TABLES = {
    ("audit", "list"): "SEQ TIME EVENT STATUS TENANT EXTENSION",
    ("webhooks", "list"): "STATE TENANT EXTENSION EVENT",
    ("status",): "TENANT LAST READ IN SYNC DRIFT SINCE BLOCKED FAILED WEBHOOKS",
    ("doctor", "dev"): "GRADE CHECK FOUND",
    ("adoption",): "EXTENSION ATTRIBUTE HOLDERS OF SHARE VERDICT",
    ("gate", "dev", "one"): "EXTENSION ATTRIBUTE ANSWER STAGE",
}
URN = "urn:ietf:params:scim:schemas:extension:acme:2.0:User:One"


def shown(
    folder: Folder,
    *arguments: str,
    columns: int = 80,
    environ: Mapping[str, str] = {},
) -> list[str]:
    """The lines of standard output at a terminal of that width."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    with subprocess.Popen(
        [sys.executable, "-m", "reconciler", *arguments],
        cwd=folder.path,
        env={"PATH": os.environ["PATH"], "TERM": "xterm-256color", **environ},
        stdin=subprocess.DEVNULL,
        stdout=theirs,
        stderr=subprocess.DEVNULL,
    ):
        os.close(theirs)
        found = bytearray()
        while piece := _read(ours):
            found += piece
    os.close(ours)
    return found.decode().replace("\r\n", "\n").splitlines()


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 65_536)
    except OSError:  # the program has ended
        return b""


@pytest.mark.parametrize("columns", [60, 80])
@pytest.mark.parametrize("command", TEXTS, ids=" ".join)
def test_every_line_fits_a_terminal(applied: Folder, command: tuple[str, ...], columns: int):
    applied.run("plan", "--out", "plan.json")
    lines = shown(applied, *command, columns=columns)

    assert lines
    assert [line for line in lines if cells(line) > columns] == []


@pytest.mark.parametrize("command", TABLES, ids=" ".join)
def test_tables_have_a_head_short_names_and_each_urn_once(
    applied: Folder, command: tuple[str, ...]
):
    at_terminal = [COLOUR.sub("", line) for line in shown(applied, *command)]
    piped = applied.run(*command).out.splitlines()

    for lines in (at_terminal, piped):
        assert any(" ".join(line.split()).startswith(TABLES[command]) for line in lines), lines
        assert "\n".join(lines).count(URN) == (command[0] not in ("status", "doctor"))
    if command[0] != "status":
        assert any("one" in line.split() for line in piped)


@pytest.mark.parametrize("environ", [{}, {"NO_COLOR": "1"}, {"FORCE_COLOR": "1"}], ids=str)
def test_the_error_that_ends_a_run_is_red_and_fits(applied: Folder, environ: dict[str, str]):
    for arguments in (("nothing",), ("plan", "--nothing"), ("audit", "list", "--event", "X")):
        ended = at_a_terminal(applied.path, *arguments, environ=environ)

        raw = ended.raw
        assert ended.code == 1
        assert ("\x1b[31merror:\x1b[0m" in raw) == ("NO_COLOR" not in environ)
        assert all(cells(line) <= 80 for line in raw.replace("\r", "").split("\n"))


def test_problems_of_manifests_are_coloured_where_a_plan_ends_with_them(folder: Folder):
    folder.write("desired-state/x.yaml", "kind: Nothing\n")

    ended = at_a_terminal(folder.path, "plan", environ={})

    assert re.search(r"x\.yaml:1:\d+: \x1b\[31merror\[REC-\w+\]:\x1b\[0m ", ended.raw), ended.raw
    assert "\x1b" not in at_a_terminal(folder.path, "plan", "--no-color", environ={}).raw


def test_a_plan_at_a_terminal_keeps_the_indent_of_what_goes_on_below(folder: Folder):
    lines = [COLOUR.sub("", line) for line in shown(folder, "plan")]

    first = lines.index("  + create: hr-extension")
    assert lines[first + 1].startswith("      urn:ietf:params:scim:schemas:extension:genesys:")
    assert lines[first + 2] == "      [desired-state/extensions/hr-extension.yaml:2]"


def test_in_a_pipe_nothing_is_folded_or_cut_whatever_the_columns(applied: Folder):
    for command in TEXTS[:3]:
        wide = applied.run(*command, COLUMNS="40").out
        assert wide == applied.run(*command).out
        assert "…" not in wide
    assert re.search(r"^  = in sync: one  urn:\S+  \[\S+\]$", applied.run("plan").out, re.M)


def test_tables_have_a_head_and_are_cut_in_the_middle_at_a_terminal_alone(applied: Folder):
    head = ["SEQ", "TIME", "EVENT", "STATUS", "TENANT", "EXTENSION", "BY", "COMMIT", "DETAIL"]
    piped = applied.run("audit", "list").out.splitlines()
    assert piped[0].split() == head
    assert len({line.find("SCHEMA_EXTENSION") for line in piped if "SCHEMA_EXT" in line}) == 1

    lines = shown(applied, "audit", "list")
    assert COLOUR.sub("", lines[0]).split() != []
    assert any("…" in line for line in lines)
    assert applied.run("webhooks", "list").out.startswith("STATE ")


def test_columns_decides_at_a_terminal(applied: Folder):
    assert max(map(cells, shown(applied, "plan", columns=200, environ={"COLUMNS": "70"}))) <= 70


def test_signs_effects_and_ends_are_coloured_at_a_terminal(folder: Folder):
    lines = shown(folder, "plan", columns=200)
    assert "\x1b[32m+ create: hr-extension\x1b[0m" in "\n".join(lines)
    assert any(line.startswith("      \x1b[32m+ ") for line in lines)

    folder.run("apply", "--auto-approve")
    assert "\x1b[32mSUCCESS\x1b[0m" in "\n".join(shown(folder, "audit", "list", columns=400))


@pytest.mark.parametrize("environ", [{"TERM": "dumb"}, {"NO_COLOR": "1"}], ids=str)
def test_a_dumb_terminal_and_no_color_get_no_colour(folder: Folder, environ: dict[str, str]):
    assert "\x1b" not in "\n".join(shown(folder, "plan", environ=environ))
