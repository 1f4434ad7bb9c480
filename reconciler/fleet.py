"""Use case: apply to all tenants: lock, recover, plan, have it approved, write, deliver.

All tenants are planned before any is changed; inside a tenant there is one writer.
"""

from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, closing, suppress
from dataclasses import dataclass, field, replace
from typing import TypeVar

from reconciler.applying import Applying
from reconciler.delivering import Delivering, Schedule
from reconciler.domain.manifest import Tenant
from reconciler.domain.outcome import LeftOpen, OutcomeKind, Recovered, RunSummary, Waiting
from reconciler.domain.plan import Plan, Subject, TenantPlan, is_in_sync
from reconciler.domain.records import Event, Run, Status
from reconciler.errors import (
    Interrupted,
    LimitExceeded,
    PlanStale,
    ReconcilerError,
    StateError,
    TenantLocked,
    UsageError,
)
from reconciler.parallel import in_parallel
from reconciler.planning import Desired, Keep, plan_fleet
from reconciler.ports import Clock, Journal, Locks, Notifier, Outbox, Retry, SchemaWriter
from reconciler.progress import Progress
from reconciler.recovering import Recovery

T = TypeVar("T")
Approve = Callable[[Plan], None]  # raises PlanStale, LimitExceeded or UsageError to refuse


@dataclass(frozen=True, slots=True, kw_only=True)
class Fleet:
    """All tenants of a run and the means to change them.

    `writers` gives a tenant's gateway, and raises UsageError for a tenant that is set up wrongly;
    `retries` gives its patience, which no other tenant's trouble uses up.
    `lock_timeout` is how many seconds to wait for locks in all. One Fleet is for one run.
    """

    desired: Desired
    writers: Callable[[Tenant], SchemaWriter]
    journal: Journal
    outbox: Outbox
    notifier: Notifier
    locks: Locks
    clock: Clock
    retries: Callable[[Tenant], Retry]
    schedule: Schedule
    run: Run
    parallelism: int
    lock_timeout: float = 0.0
    progress: Progress = field(default_factory=Progress)

    def apply(self, approve: Approve, keep: Keep = TenantPlan.without_live) -> RunSummary:
        """Apply what `approve` lets through; what it raises ends the run before the first write.

        `keep` gets each tenant's plan as soon as it is made, and gives what is kept of it.
        """
        return self._run(lambda free: self._change(free, approve, keep))

    def recover(self) -> RunSummary:
        """Settle what earlier runs left open and deliver what is due; plan and write nothing."""
        return self._run(self._settle)

    def told(self, *, finished: bool) -> RunSummary:
        """How far the run has come, also after an error that ended it."""
        left: tuple[Waiting, ...] | None
        elsewhere: tuple[LeftOpen, ...] = ()
        try:
            left = self.outbox.waiting()
            elsewhere = tuple(self._left_elsewhere())
        except StateError:
            left = None  # that error is told already, and the rest is known
        return self.progress.summary(left, elsewhere=elsewhere, finished=finished)

    def _left_elsewhere(self) -> Iterator[LeftOpen]:
        """What waits for an outcome where this run does not look: not selected, or not named."""
        ours = {tenant.name for tenant in self.desired.tenants()}
        named = {tenant.name for tenant in self.desired.manifests.tenants}
        for tenant, writes in sorted(self.journal.left_open().items()):
            if tenant not in ours:
                yield LeftOpen(tenant=tenant, writes=writes, named=tenant in named)

    def _run(self, work: Callable[[list[Tenant]], None]) -> RunSummary:
        """Hold the locks around `work`, which gets the tenants that are free; then deliver."""
        with ExitStack() as held:
            free = self._lock(held)
            self._record(Event.RUN_STARTED, None, None)
            try:
                try:
                    work(free)
                except (PlanStale, LimitExceeded):
                    self.progress.refused = True
                    held.close()
                    self._deliver()  # what earlier runs did was approved, and HR waits for it
                    raise
                held.close()
                self._deliver()
            except StateError as error:
                with suppress(StateError):  # the first one says what is not known
                    self._record(Event.RUN_COMPLETED, Status.FAILED, _ending(error))
                raise
            except ReconcilerError as error:
                self._record(Event.RUN_COMPLETED, Status.FAILED, _ending(error))
                raise
            summary = self.told(finished=True)
            status = Status.SUCCESS if summary.complete else Status.FAILED
            self._record(Event.RUN_COMPLETED, status, _told(summary))
            return summary

    def _change(self, free: list[Tenant], approve: Approve, keep: Keep) -> None:
        self._each(self._recover, free)
        plan = plan_fleet(
            self.desired,
            self.writers,
            parallelism=self.parallelism,
            keep=keep,
            check=self.clock.check,
        )
        self.progress.plan = plan
        approve(plan)
        self.progress.held_back |= _unsettled(self.progress.recovered)
        self._write(plan, free)

    def _settle(self, free: list[Tenant]) -> None:
        self._each(self._recover, free)

    def _write(self, plan: Plan, free: Iterable[Tenant]) -> None:
        """Carry out every readable plan, tenants in parallel; one held back is not attempted."""
        tenants = {t.name: t for t in free if t.name not in self.progress.held_back}
        todo = [(tenants[p.name], p) for p in plan.tenants if p.name in tenants and p.error is None]
        self._each(self._apply_one, todo)
        self.clock.check()

    def _deliver(self) -> None:
        """Send what is due to whom this run is about, whoever did the change or holds the tenant.

        No lock of a tenant is held meanwhile: a receiver that hangs keeps nobody waiting.
        """
        Delivering(
            outbox=self.outbox,
            notifier=self.notifier,
            locks=self.locks,
            clock=self.clock,
            run=self._run_now(),
            schedule=self.schedule,
            parallelism=self.parallelism,
            tenants=frozenset(tenant.name for tenant in self.desired.tenants()),
            progress=self.progress,
        ).deliver()

    def _record(self, event: Event, status: Status | None, detail: str | None) -> None:
        entry = self._run_now().entry(event, self.clock.now(), status)
        self.journal.record(replace(entry, detail=detail))

    def _run_now(self) -> Run:
        """The run, which has a plan's digest as soon as there is a plan."""
        plan = self.progress.plan
        return self.run if plan is None else replace(self.run, plan_digest=plan.digest())

    def _lock(self, held: ExitStack) -> list[Tenant]:
        """Take the locks, waiting `lock_timeout` in all; the tenants that are ours.

        All runs take them in one order, so two that wait do not wait for each other.
        """
        ends = self.clock.monotonic() + self.lock_timeout
        free = []
        for tenant in sorted(self.desired.tenants(), key=lambda tenant: tenant.name):
            patience = max(0.0, ends - self.clock.monotonic())
            try:
                held.enter_context(self.locks.hold(tenant.name, patience=patience))
            except TenantLocked as error:
                self.progress.locked[tenant.name] = str(error)
            else:
                free.append(tenant)
        self.progress.held_back |= self.progress.locked
        return free

    def _recover(self, tenant: Tenant) -> None:
        for recovered in self._recovery(tenant).settle_all(tenant.name):
            self.progress.recovered.append(recovered)

    def _recovery(self, tenant: Tenant) -> Recovery:
        return Recovery(
            base_url=tenant.base_url,
            reader=lambda: self.writers(tenant),
            journal=self.journal,
            clock=self.clock,
            run=self._run_now(),
            lag_reads=tenant.dialect.lag_reads,
        )

    def _apply_one(self, todo: tuple[Tenant, TenantPlan]) -> None:
        tenant, plan = todo
        webhooks = tuple(webhook.url for webhook in tenant.webhooks)
        for adopted in self._recovery(tenant).adopt_late(tenant.name, _in_sync(plan), webhooks):
            self.progress.recovered.append(adopted)
        dialect = tenant.dialect
        applying = Applying(
            writer=self.writers(tenant),
            journal=self.journal,
            clock=self.clock,
            retry=self.retries(tenant),
            run=self._run_now(),
            base_url=tenant.base_url,
            target_system=tenant.target_system or dialect.target_system,
            webhooks=webhooks,
            lag_reads=dialect.lag_reads,
            progress=self.progress,
        )
        applying.apply(plan)

    def _each(self, work: Callable[[T], None], items: Iterable[T]) -> None:
        """Work on all items in parallel; after a signal, or when one raises, no more are begun."""

        def checked(item: T) -> None:
            self.clock.check()
            work(item)

        with closing(in_parallel(checked, items, self.parallelism)) as ended:
            deque(ended, maxlen=0)


def _unsettled(recovered: Iterable[Recovered]) -> dict[str, str]:
    """The tenants in which a person, or the next run, has to look before anything is written."""
    settled = (OutcomeKind.APPLIED, OutcomeKind.NOT_APPLIED)
    return {
        r.tenant: f"an earlier run left {r.schema_id} {r.kind}, see above"
        for r in recovered
        if r.kind not in settled
    }


def _in_sync(plan: TenantPlan) -> Iterator[Subject]:
    for change in plan.changes:
        if is_in_sync(change):
            yield change.subject


def _ending(error: ReconcilerError) -> str:
    """How a run ended early, for the trail; messages may be long, so they are not repeated."""
    match error:
        case Interrupted():
            return str(error)
        case PlanStale():
            return "refused: the plan is stale, or not the approved one"
        case LimitExceeded():
            return "refused: a safety limit"
        case UsageError():
            return "refused: an option, a variable or a file is wrong"
        case StateError():
            return "ended early: the store failed"
        case _:
            return f"ended early: {type(error).__name__}"


def _told(summary: RunSummary) -> str:
    """Counts of outcomes, for the trail."""
    kinds = Counter(str(outcome.kind) for outcome in summary.outcomes)
    settled = Counter(f"recovered as {recovered.kind}" for recovered in summary.recovered)
    told = ", ".join(f"{number} {kind}" for kind, number in sorted((kinds + settled).items()))
    return told or "nothing to do"
