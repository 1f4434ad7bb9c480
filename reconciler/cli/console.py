"""The way out for every text: data to standard output, all else to standard error.

A job's runner cannot take what leaves here for one of its commands.
"""

import os
import sys

from reconciler.errors import Interrupted, ReconcilerError, UsageError
from reconciler.render.plain_text import without_commands

TYPE_CHECKING = False
if TYPE_CHECKING:  # what is imported here, `--version` pays for
    from collections.abc import Callable, Iterable, Sequence
    from contextlib import AbstractContextManager
    from types import TracebackType
    from typing import TextIO

    from reconciler.domain.documents import SeverityWord
    from reconciler.render.layout import Cell, Column
    from reconciler.render.paint import Paint

_LOOK_AGAIN = 0.1  # seconds
_WARNING = "warning: "
# What a message begins with, perhaps below the place in a file that it is about
_WEIGHT = r"(?:.*?:\d+:\d+: )?((error|warning|not delivered)(?:\[[\w-]+\])?:)"
_COLOURS = {"error": "red", "warning": "yellow", "not delivered": "red"}
_LONGEST_LINE = 4096  # bytes; a terminal gives no more at once


class Way:
    """What stands in the way of a text for people; all consoles of a command share it.

    `aside` takes a line that is drawn again and again out of it. `instead` gets the texts where
    standard error has another form.
    """

    __slots__ = ("aside", "instead")

    def __init__(self) -> None:
        self.aside: Callable[[], AbstractContextManager[None]] | None = None
        self.instead: Callable[[str], None] | None = None


class Console:
    """The two streams of a command, with colours or without.

    `width` is that of the terminal that shows the data, in cells; None where none does. `alarm` are
    the colours of standard error, and `err_width` is the width of its terminal.
    """

    __slots__ = ("_heard", "alarm", "err", "err_width", "out", "paint", "quiet", "way", "width")

    def __init__(
        self,
        *,
        out: "TextIO | None",
        err: "TextIO",
        paint: "Paint",
        quiet: bool,
        width: int | None = None,
        alarm: "Paint | None" = None,
        err_width: int | None = None,
    ) -> None:
        self.out = out
        self.err = err
        self.paint = paint
        self.quiet = quiet
        self.width = width
        self.alarm = alarm
        self.err_width = err_width
        self.way = Way()
        self._heard: list[tuple[SeverityWord, str]] = []

    def data(self, text: str) -> None:
        """Write what the command is for; raises UsageError where it cannot be written."""
        self.commands(without_commands(text))

    def text(self, text: str) -> None:
        """Write data that is text for people, folded to the terminal."""
        if self.width is not None:
            from reconciler.render.layout import folded

            text = folded(text, self.width)
        self.data(text)

    def table(self, head: "Sequence[Column]", rows: "Iterable[Sequence[Cell]]") -> bool:
        """Write a table that fits the terminal; False where it has no row."""
        from reconciler.render.layout import table

        empty = True
        for line in table(head, rows, width=self.width, paint=self.paint):
            self.data(line)
            empty = False
        return not empty

    def commands(self, text: str) -> None:
        """Write data that a runner is to obey; the caller has escaped all foreign text in it."""
        if self.out is None:
            return
        if self.way.aside is None:
            _write_data(text, self.out)
            return
        with self.way.aside():
            _write_data(text, self.out)

    def without_data(self) -> "Console":
        """A console whose data nobody gets, for a command that prints another document."""
        console = Console(
            out=None,
            err=self.err,
            paint=self.paint,
            quiet=self.quiet,
            alarm=self.alarm,
            err_width=self.err_width,
        )
        console.way = self.way
        return console

    def say(self, text: str) -> None:
        """Write what a person may want to know; silent with -q."""
        if text.startswith(_WARNING):
            self._heard.append(("warning", text.removeprefix(_WARNING)))
        if not self.quiet:
            self.conclude(text)

    def complain(self, text: str) -> None:
        """Write what went wrong; never silent."""
        self._heard.append(("error", text))
        self.conclude(text)

    def conclude(self, text: str) -> None:
        """Write how it ended, where what went wrong has been written already; never silent."""
        if self.way.instead is not None:
            self.way.instead(text)
        else:
            self.line(fitted(text, self.alarm, self.err_width))

    def line(self, text: str) -> None:
        """Write a line on standard error as it is."""
        if self.way.aside is None:
            show(f"{text}\n", self.err)
            return
        with self.way.aside():
            show(f"{text}\n", self.err)

    @property
    def heard(self) -> "tuple[tuple[SeverityWord, str], ...]":
        """The warnings and errors that were written so far, also those that -q kept silent."""
        return tuple(self._heard)

    def ask(self, question: str, *, check: "Callable[[], None]") -> str:
        """Ask for a line from the terminal; empty at its end. `check` may raise while it waits."""
        import threading

        show(question, self.err)
        # In a thread, for a signal does not end a read: Python begins it again after the handler,
        # and Ctrl-C would wait for the Enter key.
        typed: list[str] = []
        reader = threading.Thread(target=lambda: typed.append(_read_line()), daemon=True)
        reader.start()
        while reader.is_alive():
            try:
                check()
            except ReconcilerError as error:
                show("\n", self.err)  # the question stands on the line, and perhaps ^C
                if isinstance(error, Interrupted):
                    raise Interrupted(error.signal, wrote=False) from error
                raise
            reader.join(_LOOK_AGAIN)
        line = "".join(typed)
        if not line.endswith("\n"):  # Ctrl-D leaves the question on the line too
            show("\n", self.err)
        return line.strip()

    @property
    def interactive(self) -> bool:
        """True where somebody is there to answer."""
        return sys.stdin.isatty()


def fitted(text: str, paint: "Paint | None", width: int | None) -> str:
    """The message folded to a terminal, and the word that says how grave it is in its colour."""
    if paint is not None and paint.on:
        import re

        if found := re.match(_WEIGHT, text):
            word = paint(_COLOURS[found[2]], found[1])
            text = text[: found.start(1)] + word + text[found.end(1) :]
    if width is not None:
        from reconciler.render.layout import folded

        text = folded(text, width)
    return text


def show(text: str, stream: "TextIO | None" = None) -> None:
    """Write a text for people, where there is no Console yet; by default to standard error.

    Where it cannot be written nobody reads it, and the work goes on.
    """
    out = stream or sys.stderr
    try:
        print(without_commands(text), end="", file=out, flush=True)
    except OSError:
        _drop_buffered(out)


def show_line(text: str) -> None:
    """Write a line for people on standard error, where there is no Console any more."""
    show(f"{text}\n")


def show_last_words(number: int, *, wrote: bool) -> None:
    """Say what is not known where a signal ends the process before the run has ended."""
    unknown = (
        "what became of the last request, and whether it was recorded, is not known; run again, "
        "the next run looks first"
        if wrote
        else "nothing was written"
    )
    # At a terminal ^C stands on the line, and perhaps how far the run had come.
    text = "\n" if os.isatty(2) else ""
    text += f"interrupted by signal {number}, and ended before the run had: {unknown}\n"
    try:
        # Past every buffer: a thread that hangs may hold its lock. A pipe that is full must not
        # keep the process, so the text is dropped where nobody reads.
        os.set_blocking(2, False)
        os.write(2, text.encode())
    except OSError:
        return


def show_data(text: str) -> None:
    """Write data, where there is no Console yet; raises UsageError where it cannot be written."""
    _write_data(without_commands(text), sys.stdout)


def show_command(line: str) -> None:
    """Write a line that a runner is to obey, on standard error, which it reads too."""
    print(line, end="", file=sys.stderr, flush=True)


def show_crash(
    kind: type[BaseException], error: BaseException, trace: "TracebackType | None"
) -> None:
    """Show a mistake of this program, for `sys.excepthook`."""
    import traceback

    # Not by the hook of Python: the message may hold anything, a runner's command too.

    show("".join(traceback.format_exception(kind, error, trace)))


def _write_data(text: str, out: "TextIO") -> None:
    try:
        print(text, end="", file=out, flush=True)
    except BrokenPipeError:  # its reader went away: nothing to explain, cli.entry ends the run
        raise
    except OSError as error:
        _drop_buffered(out)
        raise UsageError(f"standard output cannot be written: {error.strerror}") from error


def _drop_buffered(out: "TextIO") -> None:
    # What is buffered would be tried again when the program ends, and change the exit code.
    os.dup2(os.open(os.devnull, os.O_WRONLY), out.fileno())


def _read_line() -> str:
    try:
        # Past the buffer of standard input, whose lock the end of the program would wait for.
        return os.read(sys.stdin.fileno(), _LONGEST_LINE).decode(errors="replace")
    except OSError:
        return ""  # the terminal is gone
