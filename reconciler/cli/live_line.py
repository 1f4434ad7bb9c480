"""LiveLine: one line at the bottom of a terminal, drawn again and again; the home of rich."""

from typing import TextIO

from rich.console import Console as Terminal
from rich.live import Live
from rich.text import Text


class _Terminal(Terminal):
    """A terminal whose cursor is never hidden: whatever ends this process leaves it whole."""

    def show_cursor(self, show: bool = True) -> bool:
        del show
        return False


class LiveLine:
    """The line; threads take turns."""

    def __init__(self, stream: TextIO, *, colour: bool) -> None:
        terminal = _Terminal(
            file=stream, force_terminal=True, no_color=not colour, highlight=False, emoji=False
        )
        self._live = Live(
            console=terminal,
            auto_refresh=False,
            transient=True,
            redirect_stdout=False,
            redirect_stderr=False,
        )

    def draw(self, text: str) -> None:
        """Show it in place of what stands there, as much of it as fits."""
        self._live.start()
        line = Text(text, style="cyan", no_wrap=True, overflow="ellipsis", end="")
        self._live.update(line, refresh=True)

    def clear(self) -> None:
        """Take it away."""
        self._live.stop()
