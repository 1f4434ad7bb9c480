"""The fleet that an apply changes: all of it, or on a worker the one tenant of a task."""

from reconciler.adapters.database import Store
from reconciler.adapters.emergency import Memory
from reconciler.cli.commands.apply import Options
from reconciler.cli.invocation import Invocation
from reconciler.cli.state_store import locks_of
from reconciler.cli.wiring import Workbench
from reconciler.delivering import Delivering
from reconciler.domain.manifest import Tenant
from reconciler.domain.tenant_names import TenantNames, unrecorded
from reconciler.fleet import Fleet
from reconciler.ports import Statements
from reconciler.run_context import RunContext
from reconciler.searchable import Searching

TYPE_CHECKING = False
if TYPE_CHECKING:  # an apply that says nothing to HR but by webhooks does without
    from reconciler.adapters.webhooks import WebhookNotifier


def context_of(
    invocation: Invocation, options: Options, bench: Workbench, memory: Memory
) -> RunContext:
    """The context that all steps of the run share."""
    return RunContext(
        run=bench.run,
        journal=memory,
        clock=bench.clock,
        observe=invocation.observe,
        during_freeze=frozenset(options.during_freeze),
    )


def fleet_of(
    invocation: Invocation,
    options: Options,
    bench: Workbench,
    store: Store,
    memory: Memory,
    context: RunContext,
) -> Fleet:
    """The means to change the selected tenants; `memory` is what records, over the store."""
    holder = f"run {context.run.id} of {context.run.actor}"
    locks = locks_of(invocation, store, holder=holder, clock=bench.clock)
    parallelism = options.fleet.parallelism
    tenants = bench.desired.manifests.tenants
    names = store.carry_on(tenants)
    new = unrecorded(tenants, store.renamings())
    kept = store.kept_of([each.old for each in new])
    notifier = bench.notifier(names)
    store.seal_with(notifier)

    def obstacle(tenant: Tenant) -> str | None:
        return "; ".join(found.reason for found in notifier.obstacles(tenant)) or None

    def searching(tenant: Tenant) -> Searching | None:
        timeout = float(options.searchable_timeout)
        return bench.searching(tenant, timeout=timeout, deadline=timeout) if timeout else None

    return Fleet(
        context=context,
        desired=bench.desired,
        gateways=bench,
        locks=locks,
        delivering=Delivering(
            context=context,
            outbox=memory,
            notifier=notifier,
            locks=locks,
            schedule=bench.due_again,
            parallelism=parallelism,
            tenants=frozenset(
                name for tenant in bench.desired.tenants() for name in names.of(tenant.name)
            ),
            former=names.old,
        ),
        parallelism=parallelism,
        lock_timeout=float(options.lock_timeout),
        stop_after=options.stop_after,
        obstacle=obstacle,
        searching=searching,
        canary=lambda tenant: bench.canary(tenant, store, context.progress.warn),
        ledger=store,
        statements=_statements(options, bench, context, notifier, store, names),
        names=names,
        renamed=[each for each in new if each.old in kept],
        kept=store.kept_names,
    )


def _statements(
    options: Options,
    bench: Workbench,
    context: RunContext,
    signer: "WebhookNotifier",
    store: Store,
    names: TenantNames,
) -> Statements | None:
    if options.gate is None:
        return None
    from reconciler.cli.statements import GateFiles

    deadline = bench.read_deadline
    return GateFiles(
        folder=options.gate,
        context=context,
        signer=signer,
        searching=lambda tenant: bench.searching(tenant, timeout=0.0, deadline=deadline),
        courses=store.courses,
        names=names,
    )
