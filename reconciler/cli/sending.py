"""`webhooks deliver, replay`: what waits is sent, and what was over is sent again."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from reconciler.adapters.clock import StopSignal
from reconciler.adapters.database import Backlog, Store
from reconciler.cli.desired import desired_of
from reconciler.cli.exits import Exit
from reconciler.cli.main import Invocation
from reconciler.cli.state import existing_state, locks_of, open_state
from reconciler.cli.wiring import workbench
from reconciler.delivering import Delivering
from reconciler.domain.outcome import DeliverySummary, Waiting
from reconciler.domain.records import EVENT_ID
from reconciler.domain.selection import Selection
from reconciler.errors import UsageError
from reconciler.ports import Over
from reconciler.render.plain_text import counted, visible


def run(invocation: Invocation) -> int:
    """Dispatch on the second word."""
    match invocation.words:
        case (_, "replay"):
            return _replay(invocation)
        case _:
            return _deliver(invocation)


def _deliver(invocation: Invocation) -> int:
    """Send what is due; 1 where something that was due is still not delivered."""
    now = invocation.arguments.flag("now")
    stop = StopSignal()
    with (
        open_state(invocation, stop) as store,
        _delivering(invocation, store, stop) as delivering,
    ):
        delivering.deliver(even_if_not_due=now)
        backlog = store.backlog()
    code = _end(invocation, delivering, backlog)
    if backlog.due_at is not None and not now:
        invocation.console.say(f"the next is due at {backlog.due_at}; --now does not wait for it")
    return code


def _replay(invocation: Invocation) -> int:
    """Send again what was asked for; 1 where it was not delivered."""
    event = invocation.arguments.text("event")
    if (event is None) != invocation.arguments.flag("given_up"):
        raise UsageError(
            "name one event, by its id in `reconciler webhooks list`, or give --given-up for all "
            "that were given up"
        )
    if event is not None and not EVENT_ID.fullmatch(event):
        raise UsageError(f"{visible(event)} is no id of an event; see `reconciler webhooks list`")
    stop = StopSignal()
    with (
        existing_state(invocation, stop) as store,
        _delivering(invocation, store, stop) as delivering,
    ):
        if event is not None and not store.queues(Over(event)):
            raise UsageError(_not_over(event, store.waiting()))
        delivering.replay(event)
        backlog = store.backlog()
    return _end(invocation, delivering, backlog)


def _not_over(event: str, waiting: Iterable[Waiting]) -> str:
    if event in (each.event_id for each in waiting):
        return f"event {event} waits to be delivered: `reconciler webhooks deliver --now` sends it"
    return (
        f"no event {event} was announced, or it was delivered longer ago than --keep-delivered "
        "says; see `reconciler webhooks list`"
    )


@contextmanager
def _delivering(invocation: Invocation, store: Store, stop: StopSignal) -> Iterator[Delivering]:
    """The means to send; every tenant that the manifests name may be told."""
    with workbench(invocation, desired_of(invocation, Selection()), stop) as bench:
        holder = f"run {bench.run.id} of {bench.run.actor}"
        yield Delivering(
            outbox=store,
            notifier=bench.notifier(),
            locks=locks_of(invocation, store, holder=holder, clock=bench.clock),
            clock=bench.clock,
            run=bench.run,
            schedule=bench.due_again,
            parallelism=invocation.arguments.number("parallelism"),
        )


def _end(invocation: Invocation, delivering: Delivering, backlog: Backlog) -> int:
    summary = DeliverySummary.of(delivering.progress.attempts, (), delivering.progress.not_tried)
    for failure in summary.failures:
        invocation.console.complain(f"not delivered: {visible(failure)}")
    for group in summary.not_tried:
        number = counted(group.webhooks, "webhook")
        invocation.console.complain(f"{number} not tried: {visible(group.reason)}")
    invocation.console.data(f"{summary.delivered} delivered, {backlog.webhooks} pending\n")
    return Exit.ERROR if summary.failed or summary.not_tried else Exit.WELL
