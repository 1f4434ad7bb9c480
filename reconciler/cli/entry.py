"""What is answered before the program itself is imported: the version, the help, a slip in argv."""

import gc
import os
import sys

from reconciler import __version__
from reconciler.cli.console import show_crash, show_data
from reconciler.cli.streams import mend_streams
from reconciler.errors import ReconcilerError

TYPE_CHECKING = False
if TYPE_CHECKING:  # what is imported here, `--version` pays for
    from collections.abc import Sequence


def asks_for_version(argv: "Sequence[str] | None" = None) -> bool:
    """Whether the version is the first thing that is asked for: nothing else counts then."""
    return (sys.argv[1:] if argv is None else argv)[:1] == ["--version"]


def main(argv: "Sequence[str] | None" = None) -> int:
    """Run one command; the exit code of the contract."""
    sys.excepthook = show_crash
    mend_streams()
    try:
        return _run(sys.argv[1:] if argv is None else argv)
    except BrokenPipeError:  # the reader of our output has gone; there is nobody to tell
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1


def _run(argv: "Sequence[str]") -> int:
    try:
        if asks_for_version(argv):
            show_data(f"reconciler {__version__}\n")
            return 0
        from reconciler.cli.parsing import parse

        command, given = parse(argv)
        gc.disable()  # what is imported now lives until the end; cli.main enables it again
        from reconciler.cli.main import run

        return run(command, given)
    except ReconcilerError as error:
        from reconciler.cli.ending import ended_by

        return ended_by(error)
