"""`webhooks list, deliver, replay`: what was announced, what still waits, what is sent again."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from reconciler.adapters.database import Delivery, Store
from reconciler.cli.exits import Exit
from reconciler.cli.main import Invocation
from reconciler.cli.state import open_state, read_state
from reconciler.delivering import Delivering
from reconciler.domain.jsontext import Json
from reconciler.domain.outcome import DeliverySummary
from reconciler.domain.records import EVENT_ID, rfc3339
from reconciler.errors import UsageError
from reconciler.ports import Pending
from reconciler.render.document import json_text
from reconciler.render.paint import counted, visible

if TYPE_CHECKING:  # `list` reads the store and reaches nobody
    from reconciler.cli.wiring import Workbench
    from reconciler.planning import Desired


def run(invocation: Invocation) -> int:
    """Dispatch on the second word."""
    match invocation.words:
        case (_, "list"):
            return _list(invocation)
        case (_, "replay"):
            return _replay(invocation)
        case _:
            return _deliver(invocation)


def _list(invocation: Invocation) -> int:
    with read_state(invocation) as store:
        deliveries = store.all_deliveries()
    if invocation.arguments.text("format") == "json":
        invocation.console.data(json_text([_document(delivery) for delivery in deliveries]))
        return Exit.WELL
    for delivery in deliveries:
        invocation.console.data(_line(delivery) + "\n")
    if not deliveries:
        invocation.console.say("nothing was announced yet")
    return Exit.WELL


def _document(delivery: Delivery) -> Json:
    return {
        "event_id": delivery.event_id,
        "tenant": delivery.tenant,
        "schema_id": delivery.schema_id,
        "url": delivery.url,
        "sequence": delivery.sequence,
        "state": str(delivery.state),
        "attempts": delivery.attempts,
        "due_at": rfc3339(delivery.due_at) if delivery.due_at else None,
        "last_status": delivery.last_status,
    }


def _line(delivery: Delivery) -> str:
    due = f", due {rfc3339(delivery.due_at)}" if delivery.due_at else ""
    last = f", last answer {delivery.last_status}" if delivery.last_status else ""
    return (
        f"{delivery.state:<9}  {visible(delivery.tenant)}  {visible(delivery.schema_id)}  "
        f"{visible(delivery.event_id)}  to {visible(delivery.url)}  "
        f"({counted(delivery.attempts, 'attempt')}{due}{last})"
    )


def _deliver(invocation: Invocation) -> int:
    """Send what is due; 1 where something that was tried is still not delivered."""
    desired = _desired(invocation)
    with open_state(invocation) as store, _workbench(invocation, desired) as bench:
        now = invocation.arguments.flag("now")
        summary = _delivering(store, bench).deliver(even_if_not_due=now)
        waiting = store.pending()
    code = _told(invocation, summary)
    if waiting and not now:
        due = rfc3339(min(pending.due_at for pending in waiting))
        invocation.console.say(f"the next is due at {due}; --now does not wait for it")
    return code


def _replay(invocation: Invocation) -> int:
    """Send again what was asked for; 1 where it was not delivered."""
    event = invocation.arguments.text("event")
    if (event is None) != invocation.arguments.flag("given_up"):
        raise UsageError(
            "name one event, by its id in `reconciler webhooks list`, or give --given-up for all "
            "that were given up"
        )
    desired = _desired(invocation)
    with read_state(invocation) as store, _workbench(invocation, desired) as bench:
        rows = store.again(_id(event), at=bench.clock.now())
        if event is not None and not rows:
            raise UsageError(_not_over(event, store.pending()))
        summary = _delivering(store, bench).replay(rows)
    return _told(invocation, summary)


def _id(event: str | None) -> str | None:
    if event is not None and not EVENT_ID.fullmatch(event):
        raise UsageError(f"{visible(event)} is no id of an event; see `reconciler webhooks list`")
    return event


def _not_over(event: str, waiting: Iterable[Pending]) -> str:
    if event in (pending.event_id for pending in waiting):
        return f"event {event} waits to be delivered: `reconciler webhooks deliver --now` sends it"
    return f"no event {event} was announced; see `reconciler webhooks list`"


def _desired(invocation: Invocation) -> "Desired":
    from reconciler.cli.desired import desired_of
    from reconciler.domain.plan import Selection

    return desired_of(invocation, Selection())


@contextmanager
def _workbench(invocation: Invocation, desired: "Desired") -> "Iterator[Workbench]":
    from reconciler.cli.wiring import workbench

    with workbench(invocation, desired) as bench:
        yield bench


def _delivering(store: Store, bench: "Workbench") -> Delivering:
    return Delivering(
        outbox=store,
        notifier=bench.notifier(),
        clock=bench.clock,
        run=bench.run,
        schedule=bench.due_again,
    )


def _told(invocation: Invocation, summary: DeliverySummary) -> int:
    for failure in summary.failures:
        invocation.console.complain(f"not delivered: {visible(failure)}")
    invocation.console.data(f"{summary.delivered} delivered, {summary.pending} pending\n")
    return Exit.ERROR if summary.failed else Exit.WELL
