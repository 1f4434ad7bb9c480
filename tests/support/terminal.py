"""The program at a real terminal, and the screen that it leaves."""

import fcntl
import os
import pty
import re
import select
import signal
import struct
import sys
import termios
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Shown:
    """All that a program wrote to its terminal, and its exit code."""

    code: int
    raw: str

    @property
    def screen(self) -> list[str]:
        """The lines as they stand in the end."""
        lines, row, column = [""], 0, 0
        for piece in re.findall(r"\x1b\[[0-9;?]*[A-Za-z]|\r|\n|[^\x1b\r\n]+", self.raw):
            if piece == "\r":
                column = 0
            elif piece == "\n":
                row, column = row + 1, 0
                lines += [""] * (row + 1 - len(lines))
            elif piece == "\x1b[2K":
                lines[row] = ""
            elif piece.endswith("A"):
                row -= int(piece[2:-1] or 1)
            elif not piece.startswith("\x1b"):
                line = lines[row].ljust(column)
                lines[row] = line[:column] + piece + line[column + len(piece) :]
                column += len(piece)
        return [line.rstrip() for line in lines]


def at_a_terminal(
    folder: Path,
    *arguments: str,
    environ: Mapping[str, str],
    columns: int = 80,
    interrupt: Callable[[str], bool] = lambda _: False,
) -> Shown:
    """Run it on a terminal of its own, and type Ctrl-C once `interrupt` is true of what came."""
    process, terminal = pty.fork()
    if process == 0:
        os.chdir(folder)
        kept = {"PATH": os.environ["PATH"], "TERM": "xterm-256color", **environ}
        os.execvpe(sys.executable, [sys.executable, "-m", "reconciler", *arguments], kept)
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    came, typed, ends = b"", False, time.monotonic() + 90
    try:
        while time.monotonic() < ends:
            ready, _, _ = select.select([terminal], [], [], 0.05)
            if ready:
                try:
                    piece = os.read(terminal, 65536)
                except OSError:  # it has ended
                    break
                if not piece:
                    break
                came += piece
            if not typed and interrupt(came.decode(errors="replace")):
                typed = True
                os.write(terminal, b"\x03")
        else:
            os.kill(process, signal.SIGKILL)
    finally:
        _, status = os.waitpid(process, 0)
        os.close(terminal)
    return Shown(os.waitstatus_to_exitcode(status), came.decode(errors="replace"))
