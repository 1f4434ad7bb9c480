"""Move a store into another database, whole, and close it where it was."""

from __future__ import annotations

from dataclasses import dataclass

from reconciler.cli.exits import Exit
from reconciler.cli.options import optional_text
from reconciler.errors import UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from reconciler.cli.invocation import Invocation


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """The options of `state move`."""

    to: str | None = optional_text(
        "an empty database, named as --state does it, or the path of a new file",
        metavar="URL|PATH",
    )


def run(invocation: Invocation, options: Options) -> int:
    """Copy all rows in one transaction, read each back, and refuse the old store from then on."""
    import shlex
    from dataclasses import replace

    from reconciler.adapters.clock import StopSignal, SystemClock, wall_time
    from reconciler.adapters.database import file_of
    from reconciler.cli.desired import commit_of
    from reconciler.cli.state_store import (
        existing_state,
        require_unlocked,
        target_of_move,
        url_of_target,
    )
    from reconciler.cli.whole_store import require_condition
    from reconciler.domain.records import Event, Run, Status, rfc3339
    from reconciler.render.plain_text import visible
    from reconciler.run_context import RunContext

    if options.to is None:
        raise UsageError("--to names the database or file to move the store into")
    url = url_of_target(invocation, options.to)
    file = file_of(url)
    with (
        existing_state(invocation, StopSignal()) as source,
        target_of_move(invocation, url) as target,
    ):

        def require_ready() -> None:
            require_unlocked(invocation, source)
            require_condition(source, invocation.console)

        place = target.place if file is None else str(file.absolute())
        named = f"{place} on {rfc3339(wall_time())}"
        run = Run(
            id=invocation.run_id,
            actor=invocation.settings.actor,
            commit=commit_of(invocation).commit,
        )
        context = RunContext(run=run, journal=source, clock=SystemClock(StopSignal()))
        entry = replace(
            context.entry(Event.STORE_MOVED, Status.SUCCESS), detail=f"from {source.place}"
        )
        rows = source.move_to(target, named=named, entry=entry, require_ready=require_ready)
        _, head = target.head()
    moved = ", ".join(f"{table} {number}" for table, number in rows.items())
    invocation.console.text(f"moved to {visible(place)}: {moved}; head {head}\n")
    invocation.console.say(
        f"from now on: --state {visible(shlex.quote(url))} (RECONCILER_STATE); "
        "the store that was moved takes no more, and can still be read"
    )
    return Exit.WELL
