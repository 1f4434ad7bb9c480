"""From argv to an exit code: settings, options, console and logs, then the one command."""

import gc
import importlib
import sys
from collections.abc import Mapping

from reconciler.adapters.settings import Settings
from reconciler.cli.commands import Command
from reconciler.cli.common_options import CommonOptions
from reconciler.cli.console import Console
from reconciler.cli.given import options_of
from reconciler.cli.invocation import Invocation
from reconciler.cli.logs import set_up_logs
from reconciler.cli.variables import variables_without_effect
from reconciler.cli.watching import watching
from reconciler.render.paint import Paint


def run(command: Command, given: Mapping[str, object]) -> int:
    """Run it; `given` is what was found in argv. Raises ReconcilerError."""
    settings = Settings.from_process()
    common = options_of(CommonOptions, given, settings)
    if command.network:
        # Here, for at the end of a long chain of imports CPython gets a piece of stack from the
        # system, and gives it back, with each call of those that compile expressions.
        importlib.import_module("reconciler.adapters.transport")
    module = command.load()
    idle = variables_without_effect(settings, module.Options)
    options = options_of(module.Options, given, settings)
    colour = settings.colour(terminal=sys.stdout.isatty())
    console = Console(
        out=sys.stdout,
        err=sys.stderr,
        paint=Paint(on=colour and not common.no_color),
        quiet=common.quiet,
    )
    set_up_logs(common.log_format, common.verbose)
    for name in idle:
        console.say(f"warning: {name} is set, and is no option or setting of ours")
    # Above all objects that a short command makes, so that it never looks for garbage
    # (cli.entry); a run over a fleet makes few cycles and much else.
    gc.set_threshold(200_000, 50, 100)
    gc.enable()
    invocation = Invocation(
        name=command.name,
        common=common,
        settings=settings,
        console=console,
        observe=watching(console),
    )
    code: int = module.run(invocation, options)
    sys.stdout.flush()
    return code
