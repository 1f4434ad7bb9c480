"""The answers that need no import of the program: the version, the help, an error in argv."""

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


def main(argv: "Sequence[str] | None" = None) -> int:
    """Run one command; the exit code of the contract."""
    sys.excepthook = show_crash
    mend_streams()
    # What is imported lives until the end: to look for garbage in it, now and when the program
    # ends, takes a third of the time of a short command. cli.main enables the search again.
    gc.disable()
    try:
        return _run(sys.argv[1:] if argv is None else argv)
    except BrokenPipeError:  # whoever read our output has gone, so no message either
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    finally:
        gc.freeze()


def _run(argv: "Sequence[str]") -> int:
    try:
        if argv[:1] in (["--version"], ["-V"], ["version"]):  # nothing else counts then
            show_data(f"reconciler {__version__}\n")
            return 0
        from reconciler.cli.parsing import parse

        command, given = parse(argv)
        from reconciler.cli.main import run

        return run(command, given)
    except ReconcilerError as error:
        from reconciler.cli.ending import ended_early

        return ended_early(error, argv)
