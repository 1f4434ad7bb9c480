"""`webhooks deliver` and `webhooks replay` have in common how they send, and how they end."""

from collections.abc import Iterator
from contextlib import contextmanager

from reconciler.adapters.clock import StopSignal
from reconciler.adapters.database import Backlog, Store
from reconciler.cli.desired import desired_of
from reconciler.cli.exits import Exit
from reconciler.cli.invocation import Invocation
from reconciler.cli.output import Output
from reconciler.cli.shared_options import DeadlineOptions, SendingOptions
from reconciler.cli.state_store import locks_of
from reconciler.cli.wiring import workbench
from reconciler.delivering import Delivering
from reconciler.domain.documents import SentData
from reconciler.domain.selection import Selection
from reconciler.render.plain_text import counted, visible
from reconciler.render.unclaimed import unclaimed_lines
from reconciler.run_context import RunContext


@contextmanager
def delivering_with(
    invocation: Invocation, store: Store, options: SendingOptions, stop: StopSignal
) -> Iterator[Delivering]:
    """The means to send; every tenant that the manifests name may get webhooks."""
    desired = desired_of(invocation, Selection(), options.reading)
    deadlines = DeadlineOptions(request_deadline=options.request_deadline)
    with workbench(invocation, desired, deadlines, stop, parallelism=options.parallelism) as bench:
        names = store.carry_on(desired.manifests.tenants)
        notifier = bench.notifier(names)
        store.seal_with(notifier)
        holder = f"run {bench.run.id} of {bench.run.actor}"
        yield Delivering(
            context=RunContext(run=bench.run, journal=store, clock=bench.clock),
            outbox=store,
            notifier=notifier,
            locks=locks_of(invocation, store, holder=holder, clock=bench.clock),
            schedule=bench.due_again,
            parallelism=options.parallelism,
            former=names.old,
        )
        for line in unclaimed_lines(store.kept_names().unclaimed(desired.manifests.tenants)):
            invocation.console.say(f"warning: {visible(line)}")


def show_delivered(
    invocation: Invocation, output: Output, delivering: Delivering, backlog: Backlog
) -> int:
    """Show what was delivered and what was not, and return the exit code."""
    summary = delivering.context.progress.deliveries(waiting=())
    for failure in summary.failures:
        invocation.console.complain(f"not delivered: {visible(failure)}")
    for each in summary.not_tried:
        number = counted(each.webhooks, "webhook")
        invocation.console.complain(f"{number} not tried: {visible(each.reason)}")
    if output.wanted:
        data: SentData = {
            "delivered": summary.delivered,
            "failed": summary.failed,
            "not_tried": sum(each.webhooks for each in summary.not_tried),
            "pending": backlog.webhooks,
            "next_due_at": backlog.due_at,
        }
        output.show(data)
    else:
        invocation.console.data(f"{summary.delivered} delivered, {backlog.webhooks} pending\n")
    return Exit.ERROR if summary.failed or summary.not_tried else Exit.WELL
