"""The end of a run by an error: its message on standard error, and the exit code."""

import logging
import sys
from collections.abc import Callable, Sequence

from reconciler.cli.console import fitted, show_line
from reconciler.cli.exits import exit_code
from reconciler.errors import Interrupted, ManifestsInvalid, ReconcilerError
from reconciler.render.paint import Paint
from reconciler.render.plain_text import counted, visible


def ended_early(error: ReconcilerError, argv: Sequence[str]) -> int:
    """The same where no options of a command were found that could say how to show it."""
    if not sys.stderr.isatty():
        return ended_by(error, show_line)
    from reconciler.adapters.settings import Settings

    settings = Settings.from_process()
    colour = settings.colour(terminal=settings.draws(sys.stderr)) and "--no-color" not in argv
    width = settings.width_of(sys.stderr)
    return ended_by(error, lambda text: show_line(fitted(text, Paint(on=colour), width)))


def ended_by(error: ReconcilerError, say: Callable[[str], None]) -> int:
    """Say the error; return the exit code of the contract."""
    match error:
        case ManifestsInvalid(lines=lines):
            for line in lines:
                say(visible(line))
            say(f"error: {counted(len(lines), 'problem')} in the manifests")
        case Interrupted(wrote=wrote):
            more = "; what was begun is recorded, run again to go on" if wrote else ""
            say(f"{error}{more}")
        case _:
            text = "\n".join(visible(line) for line in str(error).splitlines())
            say(f"error: {text}")
    logging.getLogger(__name__).debug("ended by %s", type(error).__name__)
    return exit_code(error)
