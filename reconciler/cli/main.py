"""From what was asked to an exit code: settings, streams and logs, then the one command."""

import gc
import importlib
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from reconciler.adapters.settings import Settings
from reconciler.cli.arguments import Arguments, arguments_of
from reconciler.cli.console import Console
from reconciler.cli.logs import set_up_logs
from reconciler.cli.options import Command
from reconciler.render.paint import Paint


@dataclass(frozen=True, slots=True, kw_only=True)
class Invocation:
    """One call of the program: its words, what was asked, and the ways to the outside."""

    words: tuple[str, ...]
    arguments: Arguments
    settings: Settings
    console: Console


def run(command: Command, given: Mapping[str, object]) -> int:
    """Run it; `given` is what was found in argv. Raises ReconcilerError."""
    settings = Settings.from_process()
    arguments = arguments_of(command, given, settings)
    colour = settings.colour(terminal=sys.stdout.isatty())
    invocation = Invocation(
        words=command.words,
        arguments=arguments,
        settings=settings,
        console=Console(
            out=sys.stdout,
            err=sys.stderr,
            paint=Paint(on=colour and not arguments.flag("no_color")),
            quiet=arguments.flag("quiet"),
        ),
    )
    set_up_logs(arguments.text("log_format") or "text", arguments.number("verbose"))
    code: int = _loaded(command)(invocation)
    sys.stdout.flush()
    return code


def _loaded(command: Command) -> Callable[[Invocation], int]:
    """What runs a command, imported: all of it lives until the end, so none is garbage.

    To look for some in it, while it is imported and when the program ends, takes a third of the
    time of a short command: so cli.entry has disabled that.
    """
    if command.network:
        # Here, for at the end of a long chain of imports CPython gets a piece of stack from the
        # system, and gives it back, with each call of those that compile expressions.
        importlib.import_module("reconciler.adapters.transport")
    module = importlib.import_module(f"reconciler.cli.{command.module}")
    run: Callable[[Invocation], int] = module.run
    gc.freeze()
    gc.set_threshold(50_000, 50, 100)  # a run over a fleet makes few cycles and much else
    gc.enable()
    return run
