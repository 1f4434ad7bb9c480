"""Where words go: data to standard output, all else to standard error."""

import select
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import TextIO

from reconciler.adapters.settings import Settings
from reconciler.render.paint import Paint

_LOOK_AGAIN = 0.1  # seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class Console:
    """The two streams of a command, and how they may look."""

    out: TextIO
    err: TextIO
    paint: Paint
    quiet: bool

    @classmethod
    def of_process(cls, settings: Settings, *, no_color: bool, quiet: bool) -> "Console":
        """Standard output and error of this process."""
        colour = not no_color and settings.colour(terminal=sys.stdout.isatty())
        return cls(out=sys.stdout, err=sys.stderr, paint=Paint(on=colour), quiet=quiet)

    def data(self, text: str) -> None:
        """What the command was asked for."""
        print(text, end="", file=self.out)

    def say(self, text: str) -> None:
        """What a person may want to know; silent with -q."""
        if not self.quiet:
            print(text, file=self.err)

    def complain(self, text: str) -> None:
        """What went wrong; never silent."""
        print(text, file=self.err)

    def ask(self, question: str, *, check: Callable[[], None]) -> str:
        """A line from the terminal; empty at its end. While nobody types `check` may raise.

        A read alone would go on after a signal: it is begun again when the handler returns.
        """
        print(question, end="", file=self.err, flush=True)
        while not select.select([sys.stdin], [], [], _LOOK_AGAIN)[0]:
            check()
        return sys.stdin.readline().strip()

    @property
    def interactive(self) -> bool:
        """Whether somebody is there to answer."""
        return sys.stdin.isatty()
