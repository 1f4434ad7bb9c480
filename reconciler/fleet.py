"""Use case: apply to all tenants: lock, recover, plan, have it approved, write, deliver.

All tenants are planned before any is changed; inside a tenant there is one writer.
"""

from collections import Counter, deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import ExitStack, closing, suppress
from dataclasses import dataclass, field, replace
from typing import Protocol, TypeVar

from reconciler.announcing import Announcing
from reconciler.applying import Applying
from reconciler.canary import Canary
from reconciler.delivering import Delivering
from reconciler.domain.manifest import Tenant
from reconciler.domain.outbox import HeldRow, OutboxRow
from reconciler.domain.outcome import LeftOpen, OutcomeKind, RunSummary, Unapproved
from reconciler.domain.plan import Plan, TenantPlan
from reconciler.domain.records import Event, Status
from reconciler.domain.scim import Schema
from reconciler.domain.tenant_names import KeptNames, Renaming, TenantNames, UnclaimedName
from reconciler.domain.waves import Wave
from reconciler.errors import (
    Interrupted,
    LimitExceeded,
    PlanStale,
    ReconcilerError,
    StateError,
    TenantError,
    TenantLocked,
    UsageError,
)
from reconciler.occurrences import (
    LockRefused,
    LocksReleased,
    LockTaken,
    Phase,
    WaveBegun,
    about,
    in_phase,
    working_on,
)
from reconciler.parallel import in_parallel
from reconciler.planning import Desired, Keep, plan_fleet, planner
from reconciler.ports import CanaryLedger, Due, Gateways, Locks, Statements
from reconciler.recovering import Recovery
from reconciler.run_context import RunContext
from reconciler.searchable import Searching

T = TypeVar("T")
Obstacle = Callable[[Tenant], str | None]  # why no change of the tenant could be announced
Lapse = Callable[[TenantPlan], Unapproved | None]  # why an approval does not hold any more
Searches = Callable[[Tenant], Searching | None]  # the means to ask whether it is searchable
Approve = Callable[[Plan], None]  # raises PlanStale, LimitExceeded or UsageError to refuse


class TenantSteps(Protocol):
    """What a run does of one tenant at a time; several threads call it.

    What was done goes to the run's progress. Raises StateError and Interrupted.
    """

    def recover_one(self, tenant: Tenant) -> None:
        """Settle what earlier runs have left open."""
        ...

    def plan_one(self, tenant: Tenant) -> TenantPlan:
        """Read a tenant and decide what it needs."""
        ...

    def apply_one(self, tenant: Tenant, plan: TenantPlan, wave: int | None) -> None:
        """Carry out its plan, which was approved."""
        ...

    def deliver_one(self, tenant: Tenant) -> None:
        """Send its webhooks that are due."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Fleet:
    """All tenants of a run and the means to change them; one Fleet is for one run.

    `delivering` shares the context. Once `stop_after` tenants have failed no other wave begins.
    `lock_timeout` is how many seconds to wait for locks in all.
    `lapse` is asked right before a tenant is written.
    `canary` makes the means to write to the test user of a tenant, `ledger` has what is under way.
    `statements` are about each tenant that is ours and could be read, made under its lock.
    `names` are those under which the store has each tenant, `renamed` is to be recorded of them,
    `kept` has what the store keeps under any name. `elsewhere` has the steps where other machines
    do them, which hold the locks then; None where this process does.
    """

    context: RunContext
    desired: Desired
    gateways: Gateways
    locks: Locks
    delivering: Delivering
    parallelism: int
    lock_timeout: float = 0.0
    stop_after: int = 1
    obstacle: Obstacle = lambda _: None
    lapse: Lapse = lambda _: None
    searching: Searches = lambda _: None
    canary: Callable[[Tenant], Canary] | None = None
    ledger: CanaryLedger | None = None
    statements: Statements | None = None
    names: TenantNames = field(default_factory=TenantNames)
    renamed: Sequence[Renaming] = ()
    kept: Callable[[], KeptNames] = KeptNames
    elsewhere: TenantSteps | None = None

    def apply(self, approve: Approve, keep: Keep = TenantPlan.without_live) -> RunSummary:
        """Apply what `approve` lets through; what it raises ends the run before the first write.

        It may refuse single tenants by recording them as unapproved in the run's progress.
        `keep` gets each tenant's plan as soon as it is made, and gives what is kept of it.
        """
        return self._run(lambda free: self._change(free, approve, keep))

    def recover(self) -> RunSummary:
        """Settle what earlier runs left open and deliver what is due; plan and write nothing."""
        return self._run(self._recover_all)

    def summary_so_far(self) -> RunSummary:
        """All that the run had done when an error ended it."""
        return self._summary(finished=False)

    def _summary(self, *, finished: bool) -> RunSummary:
        waiting: tuple[OutboxRow, ...] | None
        held: tuple[HeldRow, ...] = ()
        writes_of: list[tuple[str, int]] = []
        unclaimed: tuple[UnclaimedName, ...] = ()
        try:
            waiting = self.delivering.outbox.waiting()
            held = self.delivering.outbox.held()
            writes_of = sorted(self.context.journal.left_open().items())
            takes = self.desired.selection.takes_tenant
            unclaimed = tuple(
                each
                for each in self.kept().unclaimed(self.desired.manifests.tenants)
                if each.is_open or takes(each.name)
            )
        except StateError:
            waiting = None  # that error is reported already, and the rest is known
        ours = {tenant.name for tenant in self.desired.tenants()}
        # Those of another shard are that one's, which may be at them now.
        shard = self.desired.selection.shard
        named = (tenant.name for tenant in self.desired.manifests.tenants)
        others = {name for name in named if shard is None or shard.takes(name)} - ours
        writes: Counter[str] = Counter()
        for name, number in writes_of:
            writes[self.names.current(name)] += number
        return self.context.progress.summary(
            waiting,
            held=held,
            left_open=[LeftOpen(name, writes[name]) for name in sorted(writes.keys() & others)],
            unclaimed=unclaimed,
            finished=finished,
        )

    def _run(self, work: Callable[[list[Tenant]], None]) -> RunSummary:
        """Hold the locks around `work`, which gets the tenants that are free; then deliver."""
        with ExitStack() as held:
            free = self._lock(held)
            self._record(Event.RUN_STARTED, None, self._lifted())
            try:
                try:
                    self._record_renamings(free)
                    work(free)
                except (PlanStale, LimitExceeded):
                    self.context.progress.record_refusal()
                    held.close()
                    self._deliver()  # what earlier runs did was approved
                    raise
                held.close()  # a receiver that hangs keeps no other run from a tenant
                self._deliver()
            except StateError as error:
                # docs/decisions.md, "After the disk has failed once, the store stays shut": the
                # first error says what is not known.
                with suppress(StateError):
                    self._record(Event.RUN_COMPLETED, Status.FAILED, _ending(error))
                raise
            except ReconcilerError as error:
                self._record(Event.RUN_COMPLETED, Status.FAILED, _ending(error))
                raise
            summary = self._summary(finished=True)
            status = Status.SUCCESS if summary.complete else Status.FAILED
            self._record(Event.RUN_COMPLETED, status, _counts(summary))
            return summary

    def _change(self, free: list[Tenant], approve: Approve, keep: Keep) -> None:
        """Plan all tenants, have the plan approved, and carry out what is readable of it."""
        self._recover_all(free)
        here = planner(self.desired, self.gateways.writer)
        plan = plan_fleet(
            self.desired,
            here if self.elsewhere is None else self.elsewhere.plan_one,
            parallelism=self.parallelism,
            keep=keep,
            check=self.context.clock.check,
            observe=self.context.observe,
        )
        progress = self.context.progress
        progress.record_plan(plan)
        approve(plan)
        self._hold_back(plan.tenants)
        tenants = {t.name: t for t in free if not progress.is_held_back(t.name)}
        todo = [(tenants[p.name], p) for p in plan.tenants if p.name in tenants and p.error is None]
        with in_phase(self.context.observe, Phase.APPLY, sum(p.has_writes for _, p in todo)):
            self._apply_in_waves(plan, todo)
        ours = {tenant.name: tenant for tenant in free}
        readable = (p.name for p in plan.tenants if p.error is None)
        self._each(self._issue, [ours[name] for name in readable if name in ours])
        self.context.clock.check()
        if (lapsed := progress.lapsed) and len(lapsed) == len(todo):
            raise PlanStale(_lapsed(lapsed))

    def apply_one(self, tenant: Tenant, plan: TenantPlan, wave: int | None) -> None:
        """Carry out a tenant's plan that another process has had approved, under its locks.

        That process may have lost one that had begun it, so it begins with recovery.
        """
        with ExitStack() as held:
            if not self._lock(held):
                return
            self._recover(tenant, self._begun().get(tenant.name, {}))
            self._hold_back([plan])
            if not self.context.progress.is_held_back(tenant.name):
                self._carry_out(tenant, plan, wave)

    def recover_one(self, tenant: Tenant) -> None:
        """Settle what earlier runs left open of a tenant of another process, under its locks."""
        with ExitStack() as held:
            if self._lock(held):
                self._recover(tenant, self._begun().get(tenant.name, {}))

    def _hold_back(self, plans: Iterable[TenantPlan]) -> None:
        """Keep from tenants what recovery has left to a person, and what cannot be announced."""
        progress = self.context.progress
        for recovered in progress.recovered:
            # A person, or the next run, has to look before anything is written:
            # docs/decisions.md, "After a conflict in recovery nothing is written to that tenant".
            if recovered.kind not in _SETTLED:
                reason = f"an earlier run left {recovered.change} {recovered.kind}, see above"
                progress.hold_back(recovered.tenant, reason)
        # docs/decisions.md, "What cannot be announced is not written"
        for planned in plans:
            if planned.has_writes and not progress.is_held_back(planned.name):
                obstacle = self.obstacle(planned.tenant)
                if obstacle is not None:
                    progress.record_misconfigured(planned.name, obstacle)

    def _apply_in_waves(self, plan: Plan, todo: Iterable[tuple[Tenant, TenantPlan]]) -> None:
        """Apply one wave after the other; tenants that have nothing to write go with the first."""
        waves = plan.waves()
        number_of = {name: wave.number for wave in waves for name in wave.tenants}
        planned_of = {planned.name: planned for planned in plan.tenants}
        ready = {planned.name: (tenant, planned) for tenant, planned in todo}

        def apply_one(name: str) -> None:
            self._apply_one(*ready[name], number_of.get(name))

        def begin(wave: Wave) -> None:
            self.context.observe(WaveBegun(wave.number, len(wave.tenants)))

        first = waves[0].number if waves else None
        if waves:
            begin(waves[0])
        self._each(apply_one, (name for name in ready if number_of.get(name, first) == first))
        failed: list[str] = []
        for before, *after in (waves[index:] for index in range(len(waves) - 1)):
            failed += (name for name in before.tenants if not self._is_applied(planned_of[name]))
            if len(failed) >= self.stop_after:
                self.context.progress.record_not_begun(after, _failed_text(failed))
                return
            begin(after[0])
            self._each(apply_one, (name for name in after[0].tenants if name in ready))

    def _is_applied(self, planned: TenantPlan) -> bool:
        """Test whether a tenant was read, and all of its writes are verified."""
        outcomes = map(self.context.progress.outcome_of, planned.writes)
        return planned.error is None and all(outcome.kind.verified for outcome in outcomes)

    def _record(self, event: Event, status: Status | None, detail: str | None) -> None:
        self.context.journal.record(replace(self.context.entry(event, status), detail=detail))

    def _lifted(self) -> str | None:
        """The tenants whose freezes do not bind this run, for the trail."""
        names = sorted(self.context.during_freeze)
        return f"--during-freeze {', '.join(names)}" if names else None

    def _record_renamings(self, free: Iterable[Tenant]) -> None:
        """Record, once, the former names of tenants that are ours."""
        ours = {tenant.name for tenant in free}
        entry = self.context.entry(Event.TENANT_RENAMED, Status.SUCCESS)
        self.context.journal.record_all(
            [
                replace(entry, tenant=each.new, detail=each.detail)
                for each in self.renamed
                if each.new in ours
            ]
        )

    def _lock(self, held: ExitStack) -> list[Tenant]:
        """Take the locks, waiting `lock_timeout` in all; the tenants that are ours."""
        # All runs take them in one order, so two that wait do not wait for each other:
        # docs/decisions.md, "Locks are waited for one after the other".
        clock = self.context.clock
        ends = clock.monotonic() + self.lock_timeout
        observe, refused = self.context.observe, set()
        tenants = sorted(self.desired.tenants(), key=lambda tenant: tenant.name)
        if self.elsewhere is not None:  # whoever works on a tenant there holds its lock
            return tenants
        held.callback(observe, LocksReleased())
        # A run from before the renaming holds the lock of the former name.
        wanted = sorted((name, t.name) for t in tenants for name in self.names.of(t.name))
        with in_phase(observe, Phase.LOCK, len(wanted)):
            for name, tenant in wanted:
                patience = max(0.0, ends - clock.monotonic())
                try:
                    held.enter_context(self.locks.hold(name, patience=patience))
                except TenantLocked as error:
                    refused.add(tenant)
                    self.context.progress.record_lock(tenant, str(error))
                    observe(LockRefused(tenant, str(error)))
                else:
                    observe(LockTaken(name))
        return [tenant for tenant in tenants if tenant.name not in refused]

    def _recover_all(self, free: list[Tenant]) -> None:
        """Settle what earlier runs have left open, and take away what they left on test users."""
        begun, observe, elsewhere = self._begun(), self.context.observe, self.elsewhere
        if elsewhere is not None:
            left = {*begun, *self.context.journal.left_open()}
            free = [each for each in free if left.intersection(self.names.of(each.name))]

        def recover(tenant: Tenant) -> None:
            with working_on(tenant.name, Phase.RECOVER, observe):
                if elsewhere is None:
                    self._recover(tenant, begun.get(tenant.name, {}))
                else:
                    elsewhere.recover_one(tenant)

        with in_phase(observe, Phase.RECOVER, len(free)):
            self._each(recover, free)

    def _begun(self) -> Mapping[str, Mapping[str, Sequence[str]]]:
        return self.ledger.canaries() if self.ledger is not None else {}

    def _deliver(self) -> None:
        """Send what is due, here or for one tenant after the other elsewhere."""
        if self.elsewhere is None:
            self.delivering.deliver()
            return
        queues = self.delivering.outbox.queues(Due(self.context.clock.now()))
        waiting = {queue.tenant for queue in queues}
        tenants = self.desired.tenants()
        self._each(
            self.elsewhere.deliver_one,
            [each for each in tenants if waiting.intersection(self.names.of(each.name))],
        )

    def _recover(self, tenant: Tenant, begun: Mapping[str, Sequence[str]]) -> None:
        if begun and self.canary is not None:
            if (frozen := self.context.frozen(tenant)) is None:
                self._clean_up(self._named(self.canary(tenant), tenant), tenant, begun)
            else:
                self.context.progress.warn(
                    f"{tenant.name}: values of an earlier run stay on its test user: it is {frozen}"
                )
        Recovery(
            context=self.context,
            tenant=tenant,
            reader=lambda: self.gateways.writer(tenant),
            wanted=lambda: self.desired.wanted_by(tenant),
            can_be_sent=lambda: self.obstacle(tenant) is None,
            searching=self.searching(tenant),
            canary=self._canary(tenant),
        ).settle_all()

    def _clean_up(self, canary: Canary, tenant: Tenant, begun: Mapping[str, Sequence[str]]) -> None:
        schemas: dict[str, Schema] = {}
        try:
            for schema_id in begun if tenant.canary is not None else ():
                with suppress(TenantError):
                    found = self.gateways.writer(tenant).find(schema_id)
                    schemas |= {} if found is None else {found.key: found}
            canary.clean_up(begun, schemas)
        except UsageError as error:  # of a tenant that is set up wrongly
            self.context.progress.warn(f"{tenant.name}: its test user is not looked at: {error}")

    def _canary(self, tenant: Tenant) -> Canary | None:
        """The means to try what is new; None where the manifest names no test user."""
        if self.canary is None or tenant.canary is None:
            return None
        return self._named(self.canary(tenant), tenant)

    def _named(self, canary: Canary, tenant: Tenant) -> Canary:
        """The same, which calls extensions by the names of their manifests."""
        wanted = self.desired.wanted_by(tenant)
        return replace(canary, names={each.schema.key: each.name for each in wanted})

    def _apply_one(self, tenant: Tenant, plan: TenantPlan, wave: int | None) -> None:
        carry_out = self._carry_out if self.elsewhere is None else self.elsewhere.apply_one
        if not plan.has_writes:
            with about(tenant.name):
                carry_out(tenant, plan, wave)
            return
        progress = self.context.progress
        with working_on(tenant.name, Phase.APPLY, self.context.observe) as work:
            if (lapsed := self.lapse(plan)) is not None:
                progress.record_lapse(lapsed)
                work.failure = lapsed.reason
                return
            carry_out(tenant, plan, wave)
            failed = (o for o in map(progress.outcome_of, plan.writes) if not o.kind.verified)
            work.failure = next((str(outcome.kind) for outcome in failed), None)

    def _carry_out(self, tenant: Tenant, plan: TenantPlan, wave: int | None) -> None:
        writer = self.gateways.writer(tenant)
        if plan.has_writes:
            self.gateways.prepare(tenant)
        if self.statements is not None and plan.has_writes:
            # docs/decisions.md, "A statement for HR is withdrawn before its tenant is written to"
            try:
                self.statements.withdraw(tenant)
            except UsageError as error:
                self.context.progress.record_misconfigured(tenant.name, str(error))
                return
        Applying(
            context=self.context,
            tenant=tenant,
            writer=writer,
            retry=self.gateways.retry(tenant),
            announcing=Announcing(
                context=self.context,
                tenant=tenant,
                reader=lambda: writer,
                histories=self.context.journal.histories(tenant.name),
                can_be_sent=lambda: self.obstacle(tenant) is None,
                searching=self.searching(tenant),
                canary=self._canary(tenant),
            ),
            wave=wave,
        ).apply(plan)

    def _issue(self, tenant: Tenant) -> None:
        if self.statements is not None:
            wanted = self.desired.wanted_by(tenant)
            with about(tenant.name):
                self.statements.issue(tenant, wanted, self.gateways.writer(tenant))

    def _each(self, work: Callable[[T], None], items: Iterable[T]) -> None:
        """Work on all items in parallel; after a signal, or when one raises, no more are begun."""

        def checked(item: T) -> None:
            self.context.clock.check()
            work(item)

        with closing(in_parallel(checked, items, self.parallelism)) as ended:
            deque(ended, maxlen=0)


_SHOWN = 3  # tenants that a message names
_SETTLED = (OutcomeKind.APPLIED, OutcomeKind.NOT_APPLIED)


def _ending(error: ReconcilerError) -> str:
    """The early end of a run, for the trail; messages may be long, so they are not repeated."""
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


def _failed_text(failed: Sequence[str]) -> str:
    more = f" and {len(failed) - _SHOWN} more" if len(failed) > _SHOWN else ""
    were = "was" if len(failed) == 1 else "were"
    return (
        f"{', '.join(failed[:_SHOWN])}{more} {were} not applied in full before it; mend that "
        "first, or let more tenants fail with --stop-after"
    )


def _lapsed(lapsed: Iterable[Unapproved]) -> str:
    differences = (line for each in lapsed for line in (each.tenant, *each.difference))
    return "\n".join(
        (
            "the approval has lapsed, for more users may be hurt than was approved; nothing was "
            "written. Plan again with --impact and have that approved",
            "--- approved",
            "+++ now",
            *differences,
        )
    )


def _counts(summary: RunSummary) -> str:
    """Counts of outcomes, for the trail."""
    kinds = Counter(str(outcome.kind) for outcome in summary.outcomes)
    settled = Counter(recovered.ending for recovered in summary.recovered)
    counts = [f"{number} {kind}" for kind, number in sorted((kinds + settled).items())]
    if summary.not_begun:
        counts.append(f"waves that did not begin: {', '.join(map(str, summary.not_begun))}")
    return ", ".join(counts) or "nothing to do"
