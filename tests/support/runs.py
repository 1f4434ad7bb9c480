"""A run made of fakes: its context, the way to its tenants, and the fleet over both."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from reconciler.adapters.emergency import Memory
from reconciler.delivering import Delivering, Schedule
from reconciler.domain.manifest import Manages, Tenant
from reconciler.domain.outbox import DeliveryResult
from reconciler.domain.records import Event, Intent, Run
from reconciler.domain.scim import ABSENT, Schema
from reconciler.domain.tenant_names import KeptNames, Renaming, TenantNames
from reconciler.fleet import Fleet
from reconciler.planning import Desired
from reconciler.ports import Clock, Journal, Notifier, Retry, SchemaWriter
from reconciler.run_context import RunContext
from tests.support.fakes import (
    HOOK,
    START,
    URN,
    FakeClock,
    FakeLocks,
    MemoryJournal,
    Receiver,
    document,
    patience,
)

RUN = Run(id="run-1", actor="user:test")
NEWER = "https://newer.example.com/hook"
HERE = "https://acme.example.com/scim/v2"


def never(attempts: int, result: DeliveryResult) -> datetime | None:
    """A Schedule that gives up what failed once."""
    return None


@dataclass(frozen=True)
class Gateways:
    """The writer of each tenant, and one patience for all."""

    writers: Callable[[Tenant], SchemaWriter]
    patience: Retry = field(default_factory=lambda: patience(1))
    prepared: list[str] = field(default_factory=list)

    def writer(self, tenant: Tenant) -> SchemaWriter:
        return self.writers(tenant)

    def retry(self, tenant: Tenant) -> Retry:
        return self.patience

    def prepare(self, tenant: Tenant) -> None:
        self.prepared.append(tenant.name)


def context_of(journal: Journal, *, clock: Clock | None = None, run: Run = RUN) -> RunContext:
    return RunContext(run=run, journal=journal, clock=clock or FakeClock())


def fleet_of(
    desired: Desired,
    gateways: Gateways,
    memory: Memory,
    *,
    run: Run = RUN,
    clock: Clock | None = None,
    notifier: Notifier | None = None,
    locks: FakeLocks | None = None,
    schedule: Schedule = never,
    parallelism: int = 1,
    lock_timeout: float = 0.0,
    during_freeze: frozenset[str] = frozenset(),
    names: TenantNames | None = None,
    renamed: Sequence[Renaming] = (),
    kept: Callable[[], KeptNames] | None = None,
    stop_after: int = 1,
) -> Fleet:
    """All selected tenants of a desired state, with fakes for what is not given."""
    names = names or TenantNames()
    context = replace(context_of(memory, clock=clock, run=run), during_freeze=during_freeze)
    held = locks or FakeLocks()
    return Fleet(
        context=context,
        desired=desired,
        gateways=gateways,
        locks=held,
        delivering=Delivering(
            context=context,
            outbox=memory,
            notifier=notifier or Receiver(),
            locks=held,
            schedule=schedule,
            parallelism=parallelism,
            tenants=frozenset(n for tenant in desired.tenants() for n in names.of(tenant.name)),
            former=names.old,
        ),
        parallelism=parallelism,
        lock_timeout=lock_timeout,
        names=names,
        renamed=renamed,
        kept=kept or (lambda: KeptNames(open_writes=memory.left_open())),
        stop_after=stop_after,
    )


def journal_with(
    before: str = ABSENT,
    *names: str,
    manages: Manages = Manages.SCHEMA,
    live_before: tuple[str, ...] = (),
    base_url: str | None = HERE,
) -> MemoryJournal:
    """A write of an earlier run that was begun, to the URL of that time."""
    journal = MemoryJournal()
    intent = Intent(
        tenant="acme",
        base_url=base_url,
        change="acme/acme",
        schema_id=URN,
        target_system="Genesys Cloud",
        manages=manages,
        desired=Schema.from_json(document(URN, *names)),
        before=before,
        live_before=Schema.from_json(document(URN, *live_before)) if live_before else None,
        run_id="run-1",
        commit="c0ffee",
        webhooks=(HOOK,),
    )
    journal.intend(intent, RUN.entry(Event.SCHEMA_EXTENSION_CREATE_INTENDED, START))
    return journal
