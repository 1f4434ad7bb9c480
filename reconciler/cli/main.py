"""From argv to an exit code: settings, options, console and logs, then the one command."""

import gc
import importlib
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, assert_never

from reconciler.adapters.settings import Settings
from reconciler.cli.commands import COMMANDS, Command
from reconciler.cli.common_options import COLOR, ColorWhen, CommonOptions
from reconciler.cli.console import Console
from reconciler.cli.exits import Exit, exit_code
from reconciler.cli.given import begun_in, options_of
from reconciler.cli.invocation import Invocation
from reconciler.cli.logs import set_up_logs
from reconciler.cli.options import Need
from reconciler.cli.variables import variables_without_effect
from reconciler.cli.watching import traces_of, watch_of
from reconciler.errors import Interrupted, ReconcilerError, UsageError
from reconciler.render.paint import Paint

if TYPE_CHECKING:  # many repositories have no settings file
    from reconciler.adapters.settings_file import Setting
    from reconciler.adapters.traces import Traces


def run(command: Command, given: Mapping[str, object]) -> int:
    """Run it; `given` is what was found in argv. Raises ReconcilerError."""
    if command.locks_files:
        _require_file_locks(command.name)
    settings = Settings.from_process()
    common = common_options(given, settings, {})
    if Need.NETWORK in command.needs:
        # Here, for at the end of a long chain of imports CPython gets a piece of stack from the
        # system, and gives it back, with each call of those that compile expressions.
        importlib.import_module("reconciler.adapters.transport")
    module = command.load()
    idle = variables_without_effect(settings, module.Options)
    options = begun_in(common.folder, options_of(module.Options, given, settings))
    in_file: Mapping[str, Setting] = {}
    path = Path(os.path.normpath(common.desired_state / os.pardir / "reconciler.toml"))
    ref: str | None = getattr(options, "tenants_from", None)
    if ref is not None or os.path.lexists(path):
        from reconciler.cli.settings_file import settings_at

        in_file = settings_at(path, command, given, settings, ref)
    if in_file:
        common = common_options(given, settings, in_file)
        options = begun_in(common.folder, options_of(module.Options, given, settings, in_file))
    paint, alarm = (
        Paint(on=settings.colour(terminal=_coloured(in_file, draws)) and not common.no_color)
        for draws in (settings.draws(sys.stdout), settings.draws(sys.stderr))
    )
    console = Console(
        out=sys.stdout,
        err=sys.stderr,
        paint=paint,
        alarm=alarm,
        quiet=common.quiet,
        width=settings.width_of(sys.stdout),
        err_width=settings.width_of(sys.stderr),
    )
    run_id = os.urandom(16).hex()
    set_up_logs(common, console, run_id)
    for name in idle:
        console.say(f"warning: {name} is set, and is no option or setting of ours")
    if in_file:
        from reconciler.cli.settings_file import selected_by

        for line in selected_by(in_file, command, given, settings):
            console.say(line)
    # Above all objects that a short command makes, so that it never looks for garbage
    # (cli.entry); a run over a fleet makes few cycles and much else.
    gc.set_threshold(200_000, 50, 100)
    gc.enable()
    traces = None
    if Need.NETWORK in command.needs:
        traces = traces_of(settings, console, command=command.name, run_id=run_id)
    live_colour = settings.colour(terminal=_coloured(in_file, terminal=True))
    watch = watch_of(common, settings, console, traces, colour=live_colour)
    invocation = Invocation(
        name=command.name,
        run_id=run_id,
        common=common,
        settings=settings,
        console=console,
        observe=watch.observe,
        observe_traffic=watch.traffic,
    )
    code = _carry_out(module, invocation, options, traces)
    sys.stdout.flush()
    return code


def common_options(
    given: Mapping[str, object], settings: Settings, in_file: "Mapping[str, Setting]"
) -> CommonOptions:
    """The options of every command, where each relative path begins in the folder of -C."""
    common = options_of(CommonOptions, given, settings, in_file)
    if common.chdir is None:
        return common
    from reconciler.adapters.manifest_files import is_folder  # many commands read no manifests

    if not is_folder(common.folder):
        raise UsageError(f"-C {common.folder}: there is no such folder")
    return begun_in(common.folder, common)


def _coloured(in_file: "Mapping[str, Setting]", terminal: bool) -> bool:
    """Test whether to colour where the environment does not say."""
    when = ColorWhen(in_file[COLOR.key].value) if COLOR.key in in_file else ColorWhen.AUTO
    match when:
        case ColorWhen.AUTO:
            return terminal
        case ColorWhen.ALWAYS:
            return True
        case ColorWhen.NEVER:
            return False
        case _:
            assert_never(when)


def _carry_out(
    module: ModuleType, invocation: Invocation, options: object, traces: "Traces | None"
) -> int:
    """The exit code; the error that ends a run goes where its messages go."""
    code, hurry = int(Exit.ERROR), False
    try:
        code = module.run(invocation, options)
    except ReconcilerError as error:
        code, hurry = exit_code(error), isinstance(error, Interrupted)
        from reconciler.cli.ending import ended_by

        ended_by(error, invocation.console.complain)
    finally:
        if traces is not None:
            traces.end(code, hurry=hurry)
    return code


def _require_file_locks(name: str) -> None:
    """Raise UsageError on a system that cannot lock files as POSIX has it: Windows."""
    try:
        importlib.import_module("fcntl")
    except ImportError as error:
        others = ", ".join(each.name for each in COMMANDS if not each.locks_files)
        raise UsageError(
            f"{name} needs the file locks of POSIX, which this system has not; run it on Linux or "
            f"macOS, or in WSL on Windows (without them there are {others})"
        ) from error
