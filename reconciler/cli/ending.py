"""The end of a run by an error: its message on standard error, and the exit code."""

import logging

from reconciler.cli.console import show
from reconciler.cli.exits import exit_code
from reconciler.errors import Interrupted, ManifestsInvalid, ReconcilerError
from reconciler.render.plain_text import counted, visible


def ended_by(error: ReconcilerError) -> int:
    """Show the error; return the exit code of the contract."""
    match error:
        case ManifestsInvalid(lines=lines):
            for line in lines:
                show(f"{visible(line)}\n")
            show(f"error: {counted(len(lines), 'problem')} in the manifests\n")
        case Interrupted(wrote=wrote):
            more = "; what was begun is recorded, run again to go on" if wrote else ""
            show(f"{error}{more}\n")
        case _:
            text = "\n".join(visible(line) for line in str(error).splitlines())
            show(f"error: {text}\n")
    logging.getLogger(__name__).debug("ended by %s", type(error).__name__)
    return exit_code(error)
