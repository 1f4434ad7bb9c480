"""Who watches a command as it runs: progress on standard error, the log, traces."""

import sys
from collections.abc import Callable
from dataclasses import dataclass

from reconciler.adapters.settings import Settings
from reconciler.cli.common_options import CommonOptions, LogFormat
from reconciler.cli.console import Console
from reconciler.cli.logs import is_logged
from reconciler.domain.memo import Memo
from reconciler.occurrences import Observe, Occurrence, unobserved

TYPE_CHECKING = False
if TYPE_CHECKING:  # many commands show no progress
    from reconciler.adapters.traces import Traces
    from reconciler.cli.live_line import LiveLine


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Watch:
    """The observers of a command: of what happens to tenants, and of requests as well."""

    observe: Observe
    traffic: Observe | None


def traces_of(
    settings: Settings, console: Console, *, command: str, run_id: str
) -> "Traces | None":
    """The traces of a command; None where no receiver is named."""
    if not settings.traced:
        return None
    try:
        from reconciler.adapters.traces import Traces
    except ImportError:
        from reconciler.installation import Extra, way_to

        console.say(
            "warning: OTEL_EXPORTER_OTLP_ENDPOINT is set, and there are no traces: they need the "
            f"extra `{Extra.OTEL}`; {way_to(Extra.OTEL)}"
        )
        return None
    return Traces(command=command, run_id=run_id)


def watch_of(
    common: CommonOptions,
    settings: Settings,
    console: Console,
    traces: Observe | None,
    *,
    colour: bool,
) -> Watch:
    """The observers that options and terminal ask for; requests cost nothing where nobody looks.

    `colour` is for a line that is drawn again and again.
    """
    details = [traces] if traces is not None else []
    if is_logged(common):
        from reconciler.cli.run_log import log_occurrence

        details.append(log_occurrence)
    rest = (
        []
        if common.quiet or common.log_format is LogFormat.JSON
        else [_progress(common, settings, console, colour=colour)]
    )
    return Watch(observe=_all_of([*details, *rest]), traffic=_all_of(details) if details else None)


def _all_of(observers: list[Observe]) -> Observe:
    match observers:
        case []:
            return unobserved
        case [one]:
            return one
        case _:

            def observe(occurrence: Occurrence) -> None:
                for each in observers:
                    each(occurrence)

            return observe


def _progress(
    common: CommonOptions, settings: Settings, console: Console, *, colour: bool
) -> Observe:
    """A line that is drawn again and again at a terminal, else lines; what is logged has none."""
    display: Memo[Observe] = Memo()
    live: Callable[[], LiveLine] | None = None
    if _can_draw(settings):

        def live() -> "LiveLine":
            from reconciler.cli.live_line import LiveLine

            return LiveLine(console.err, colour=colour and not common.no_color)

    def made() -> Observe:
        from reconciler.cli.progress_display import ProgressDisplay

        found = ProgressDisplay(None if common.verbose else console.say, live)
        if live is not None:
            console.way.aside = found.aside
        return found

    def observe(occurrence: Occurrence) -> None:
        display.get(made)(occurrence)

    return observe


def _can_draw(settings: Settings) -> bool:
    """Test whether a line can be drawn again on standard error, and somebody sees it."""
    dumb = (settings.variable("TERM") or "dumb") in ("dumb", "unknown")
    return sys.stderr.isatty() and not dumb and not settings.ci
