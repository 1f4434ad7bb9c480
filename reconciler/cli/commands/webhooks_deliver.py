"""Send what is due."""

from __future__ import annotations

from dataclasses import dataclass

from reconciler.cli.options import flag, group
from reconciler.cli.shared_options import PruningOptions, SendingOptions, TextOrJson

TYPE_CHECKING = False
if TYPE_CHECKING:
    from reconciler.cli.invocation import Invocation


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """The options of `webhooks deliver`."""

    now: bool = flag("ignore the schedule")
    resign: bool = flag("seal anew what waits and the trail bears out, after a secret was replaced")
    pruning: PruningOptions = group(PruningOptions)
    sending: SendingOptions = group(SendingOptions)


def run(invocation: Invocation, options: Options) -> int:
    """Send what is due; 1 where something that was due is still not delivered."""
    from reconciler.adapters.clock import StopSignal
    from reconciler.cli.output import output_of
    from reconciler.cli.sending import delivering_with, show_delivered
    from reconciler.cli.state_store import open_state
    from reconciler.render.plain_text import counted

    stop = StopSignal()
    with (
        output_of(invocation, wanted=options.sending.format is TextOrJson.JSON) as output,
        open_state(invocation, stop, options.pruning) as store,
        delivering_with(invocation, store, options.sending, stop) as delivering,
    ):
        if options.resign:
            from reconciler.cli.whole_store import require_whole
            from reconciler.domain.records import Event

            require_whole(store, invocation.console)
            sealed = store.reseal(delivering.context.entry(Event.HR_SYNC_RESEALED, None))
            invocation.console.say(f"{counted(sealed, 'webhook')} sealed anew")
        delivering.deliver(even_if_not_due=options.now)
        backlog = store.backlog()
        code = show_delivered(invocation, output, delivering, backlog)
    if backlog.due_at is not None and not options.now:
        invocation.console.say(f"the next is due at {backlog.due_at}; --now does not wait for it")
    return code
