"""Send again, once, what was delivered or given up, under the same id."""

from __future__ import annotations

from dataclasses import dataclass

from reconciler.cli.options import flag, group, optional_argument
from reconciler.cli.shared_options import SendingOptions, TextOrJson
from reconciler.errors import UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from reconciler.adapters.database import Store
    from reconciler.cli.invocation import Invocation


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """The options of `webhooks replay`."""

    event: str | None = optional_argument("its id, as `webhooks list` shows it")
    given_up: bool = flag("all that were given up")
    sending: SendingOptions = group(SendingOptions)


def run(invocation: Invocation, options: Options) -> int:
    """Send again what was requested; 1 where it was not delivered."""
    from reconciler.adapters.clock import StopSignal
    from reconciler.cli.output import output_of
    from reconciler.cli.sending import delivering_with, show_delivered
    from reconciler.cli.state_store import existing_state
    from reconciler.domain.records import EVENT_ID
    from reconciler.render.plain_text import visible

    event = options.event
    if (event is None) is not options.given_up:
        raise UsageError(
            "name one event, by its id in `reconciler webhooks list`, or give --given-up for all "
            "that were given up"
        )
    if event is not None and not EVENT_ID.fullmatch(event):
        raise UsageError(f"{visible(event)} is no id of an event; see `reconciler webhooks list`")
    stop = StopSignal()
    with (
        output_of(invocation, wanted=options.sending.format is TextOrJson.JSON) as output,
        existing_state(invocation, stop) as store,
        delivering_with(invocation, store, options.sending, stop) as delivering,
    ):
        if event is not None:
            _require_over(event, store)
        delivering.replay(event)
        backlog = store.backlog()
        return show_delivered(invocation, output, delivering, backlog)


def _require_over(event: str, store: Store) -> None:
    """Raise UsageError for an event that waits to be delivered, or that there is none of."""
    from reconciler.ports import Over

    if store.queues(Over(event)):
        return
    if event in (each.event_id for each in store.waiting()):
        raise UsageError(
            f"event {event} waits to be delivered: `reconciler webhooks deliver --now` sends it"
        )
    raise UsageError(
        f"no event {event} was announced, or it was delivered longer ago than --keep-delivered "
        "says; see `reconciler webhooks list`"
    )
