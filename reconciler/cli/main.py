"""From argv to an exit code: parse, hand over to one command, turn its error into one message."""

import gc
import importlib
import logging
import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from reconciler import __doc__ as purpose
from reconciler import __version__
from reconciler.adapters.settings import Settings
from reconciler.cli.commands import COMMANDS, COMMON
from reconciler.cli.console import Console, show, show_crash
from reconciler.cli.exits import Exit, exit_code
from reconciler.cli.logs import set_up_logs
from reconciler.cli.options import Arguments, parse
from reconciler.cli.streams import mend_streams
from reconciler.errors import Interrupted, ManifestsInvalid, ReconcilerError
from reconciler.render.paint import counted, visible


@dataclass(frozen=True, slots=True, kw_only=True)
class Invocation:
    """One call of the program: its words, what was asked, and the ways to the outside."""

    words: tuple[str, ...]
    arguments: Arguments
    settings: Settings
    console: Console


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; the exit code of the contract."""
    sys.excepthook = show_crash
    mend_streams()
    settings = Settings.from_process()
    try:
        return _run(sys.argv[1:] if argv is None else argv, settings)
    except BrokenPipeError:  # the reader of our output has gone; there is nobody to tell
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return Exit.ERROR


def _run(argv: Sequence[str], settings: Settings) -> int:
    try:
        command, arguments = parse(
            argv,
            description=str(purpose),
            version=__version__,
            commands=COMMANDS,
            common=COMMON,
            settings=settings,
        )
        invocation = Invocation(
            words=command.words,
            arguments=arguments,
            settings=settings,
            console=Console.of_process(
                settings, no_color=arguments.flag("no_color"), quiet=arguments.flag("quiet")
            ),
        )
        set_up_logs(arguments.text("log_format") or "text", arguments.number("verbose"))
        code: int = _loaded(command.module)(invocation)
        sys.stdout.flush()
    except ReconcilerError as error:
        _tell(error)
        return exit_code(error)
    return code


def _loaded(module: str) -> Callable[[Invocation], int]:
    """What runs a command, imported: all of it lives until the end, so none is garbage.

    To look for some in it, while it is imported and when the program ends, takes a third of the
    time of a short command.
    """
    gc.disable()
    run: Callable[[Invocation], int] = importlib.import_module(f"reconciler.cli.{module}").run
    gc.freeze()
    gc.enable()
    return run


def _tell(error: ReconcilerError) -> None:
    match error:
        case ManifestsInvalid(lines=lines):
            for line in lines:
                show(f"{visible(line)}\n")
            show(f"error: {counted(len(lines), 'problem')} in the manifests\n")
        case Interrupted():
            show(f"{error}; what was begun is recorded, run again to go on\n")
        case _:
            text = "\n".join(visible(line) for line in str(error).splitlines())
            show(f"error: {text}\n")
    logging.getLogger(__name__).debug("ended by %s", type(error).__name__)
