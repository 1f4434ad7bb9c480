"""Where words go: data to standard output, all else to standard error, and nothing by another way.

What leaves here a job's runner cannot take for one of its commands.
"""

import os
import sys

from reconciler.errors import UsageError
from reconciler.render.plain_text import without_commands

TYPE_CHECKING = False
if TYPE_CHECKING:  # what is imported here, `--version` pays for
    from collections.abc import Callable
    from types import TracebackType
    from typing import TextIO

    from reconciler.render.paint import Paint

_LOOK_AGAIN = 0.1  # seconds
_LONGEST_LINE = 4096  # bytes; a terminal gives no more at once


class Console:
    """The two streams of a command, and how they may look."""

    __slots__ = ("err", "out", "paint", "quiet")

    def __init__(self, *, out: "TextIO", err: "TextIO", paint: "Paint", quiet: bool) -> None:
        self.out = out
        self.err = err
        self.paint = paint
        self.quiet = quiet

    def data(self, text: str) -> None:
        """What the command was asked for; raises UsageError where it cannot be written."""
        self.commands(without_commands(text))

    def commands(self, text: str) -> None:
        """Data that a runner is to obey; whoever makes it has escaped what is foreign in it."""
        _write_data(text, self.out)

    def say(self, text: str) -> None:
        """What a person may want to know; silent with -q."""
        if not self.quiet:
            self.complain(text)

    def complain(self, text: str) -> None:
        """What went wrong; never silent."""
        show(f"{text}\n", self.err)

    def ask(self, question: str, *, check: "Callable[[], None]") -> str:
        """A line from the terminal; empty at its end. While nobody types `check` may raise.

        The read is left to a thread: a signal does not end it, it is begun again after the handler.
        """
        import threading

        show(question, self.err)
        typed: list[str] = []
        reader = threading.Thread(target=lambda: typed.append(_line()), daemon=True)
        reader.start()
        while reader.is_alive():
            check()
            reader.join(_LOOK_AGAIN)
        return "".join(typed).strip()

    @property
    def interactive(self) -> bool:
        """Whether somebody is there to answer."""
        return sys.stdin.isatty()


def show(text: str, stream: "TextIO | None" = None) -> None:
    """Words for people, where there is no Console yet; to standard error unless told otherwise.

    Where they cannot be written nobody is left to be told, and the work goes on.
    """
    out = stream or sys.stderr
    try:
        print(without_commands(text), end="", file=out, flush=True)
    except OSError:
        _drop_buffered(out)


def show_last_words(number: int) -> None:
    """What is not known where a signal ends the process before the run has ended.

    Past every buffer, for whoever holds its lock may be what hangs; dropped where nobody reads.
    """
    text = (
        f"interrupted by signal {number}, and ended before the run had: what became of the last "
        "request, and whether it was recorded, is not known; run again, the next run looks first\n"
    )
    try:
        os.set_blocking(2, False)
        os.write(2, text.encode())
    except OSError:
        return


def show_data(text: str) -> None:
    """Data, where there is no Console yet; raises UsageError where it cannot be written."""
    _write_data(without_commands(text), sys.stdout)


def show_command(line: str) -> None:
    """A line that a runner is to obey, on standard error, which it reads too."""
    print(line, end="", file=sys.stderr, flush=True)


def show_crash(
    kind: type[BaseException], error: BaseException, trace: "TracebackType | None"
) -> None:
    """A mistake of this program, for `sys.excepthook`: its message may hold anything."""
    import traceback

    show("".join(traceback.format_exception(kind, error, trace)))


def _write_data(text: str, out: "TextIO") -> None:
    try:
        print(text, end="", file=out, flush=True)
    except BrokenPipeError:  # its reader went away, which is no failure of ours to explain
        raise
    except OSError as error:
        _drop_buffered(out)
        raise UsageError(f"standard output cannot be written: {error.strerror}") from error


def _drop_buffered(out: "TextIO") -> None:
    """Else it is tried again when the program ends, and changes the exit code."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), out.fileno())


def _line() -> str:
    """Past the buffer of standard input, whose lock the end of the program would wait for."""
    try:
        return os.read(sys.stdin.fileno(), _LONGEST_LINE).decode(errors="replace")
    except OSError:
        return ""  # the terminal is gone
