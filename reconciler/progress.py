"""Progress: the record of what a run has done by now, and the summary that is made of it."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from threading import Lock

from reconciler.domain.canary import Tried
from reconciler.domain.outbox import DeliveryResult, HeldRow, OutboxRow
from reconciler.domain.outcome import (
    DeliverySummary,
    LeftOpen,
    NotTried,
    Outcome,
    OutcomeKind,
    Recovered,
    RunSummary,
    Unapproved,
    in_wave,
)
from reconciler.domain.plan import Create, Plan, Update
from reconciler.domain.searching import Searched
from reconciler.domain.tenant_names import UnclaimedName
from reconciler.domain.waves import Wave


@dataclass(frozen=True, slots=True, kw_only=True)
class TenantProgress:
    """What was done of one tenant elsewhere, as a Progress there has recorded it.

    `begun` are the ids of the changes whose intents became durable.
    """

    recovered: tuple[Recovered, ...] = ()
    locked: Mapping[str, str] = field(default_factory=dict)
    misconfigured: Mapping[str, str] = field(default_factory=dict)
    held_back: Mapping[str, str] = field(default_factory=dict)
    begun: frozenset[str] = frozenset()
    ended: Mapping[str, Outcome] = field(default_factory=dict)
    searched: Mapping[str, Searched] = field(default_factory=dict)
    tried: Mapping[str, Tried] = field(default_factory=dict)
    attempts: tuple[DeliveryResult, ...] = ()
    not_tried: Mapping[str, int] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()


class Progress:
    """The results of one run, recorded as they become durable; its threads share it.

    A signal or an error may end a run at any point, and the summary must hold all that happened
    until then: docs/decisions.md, "What a run has done is recorded in one place".
    """

    def __init__(self, plan_digest: str | None = None) -> None:
        """`plan_digest` is that of a plan that another process has made, and this one not."""
        self._lock = Lock()
        self._plan: Plan | None = None
        self._plan_digest = plan_digest
        self._refused = False
        self._recovered: list[Recovered] = []
        self._locked: dict[str, str] = {}
        self._misconfigured: dict[str, str] = {}
        self._unapproved: tuple[Unapproved, ...] = ()
        self._lapsed: list[Unapproved] = []
        self._held_back: dict[str, str] = {}
        self._not_begun: tuple[int, ...] = ()
        self._begun: set[str] = set()
        self._ended: dict[str, Outcome] = {}
        self._searched: dict[str, Searched] = {}
        self._tried: dict[str, Tried] = {}
        self._attempts: list[DeliveryResult] = []
        self._not_tried: dict[str, int] = {}
        self._warnings: list[str] = []

    @property
    def plan_digest(self) -> str | None:
        """The digest of the run's plan; None while there is none."""
        return self._plan_digest

    @property
    def recovered(self) -> tuple[Recovered, ...]:
        """The intents of earlier runs that were looked at so far."""
        with self._lock:
            return tuple(self._recovered)

    def record_plan(self, plan: Plan) -> None:
        """Keep the plan that this run is to carry out."""
        digest = plan.digest()  # once: each entry of the run names it
        with self._lock:
            self._plan, self._plan_digest = plan, digest

    def record_refusal(self) -> None:
        """Note that the plan is not the approved one, or exceeds a limit."""
        with self._lock:
            self._refused = True

    def record_unapproved(self, unapproved: tuple[Unapproved, ...]) -> None:
        """Note the tenants whose plan was not approved, which may not be written then."""
        with self._lock:
            self._unapproved = unapproved
            self._held_back.update((each.tenant, each.reason) for each in unapproved)

    def record_lapse(self, lapsed: Unapproved) -> None:
        """Note a tenant whose approval does not hold any more, which may not be written then."""
        with self._lock:
            self._lapsed.append(lapsed)
            self._held_back[lapsed.tenant] = lapsed.reason

    @property
    def lapsed(self) -> tuple[Unapproved, ...]:
        """The tenants whose approval does not hold any more, by name."""
        with self._lock:
            return tuple(sorted(self._lapsed, key=lambda each: each.tenant))

    def record_misconfigured(self, tenant: str, reason: str) -> None:
        """Note that a tenant may not be written, for its changes could not be announced."""
        with self._lock:
            self._misconfigured[tenant] = reason
            self._held_back[tenant] = reason

    def record_lock(self, tenant: str, reason: str) -> None:
        """Note that another run holds a tenant, which may not be written then."""
        with self._lock:  # its webhooks are sent all the same: they have locks of their own
            self._locked[tenant] = reason
            self._held_back[tenant] = reason

    def record_not_begun(self, waves: Sequence[Wave], reason: str) -> None:
        """Note waves that do not begin, so that their tenants may not be written in this run."""
        with self._lock:
            self._not_begun = tuple(wave.number for wave in waves)
            for wave in waves:
                held_back = in_wave(wave.number, reason)
                self._held_back = dict.fromkeys(wave.tenants, held_back) | self._held_back

    def hold_back(self, tenant: str, reason: str) -> None:
        """Note that a tenant may not be written in this run."""
        with self._lock:
            self._held_back[tenant] = reason

    def is_held_back(self, tenant: str) -> bool:
        """Test whether a tenant may not be written in this run."""
        with self._lock:
            return tenant in self._held_back

    def record_recovered(self, recovered: Recovered) -> None:
        """Add what became of an intent that an earlier run left without an outcome."""
        with self._lock:
            self._recovered.append(recovered)

    def begin(self, change: Create | Update) -> None:
        """Note that a change's intent is durable: from now on the tenant may be changed."""
        with self._lock:
            self._begun.add(change.subject.id)

    def end(self, outcome: Outcome) -> None:
        """Add an outcome that is durable."""
        with self._lock:
            self._ended[outcome.change.subject.id] = outcome

    def record_searched(self, change: str, searched: Searched) -> None:
        """Add what was found of the new attributes of a change."""
        with self._lock:
            self._searched[change] = searched

    def record_tried(self, change: str, tried: Tried) -> None:
        """Add what became of values on a test user, of the attributes of a change."""
        with self._lock:
            self._tried[change] = tried

    def outcome_of(self, change: Create | Update) -> Outcome:
        """The outcome of a planned write as far as it is known by now."""
        with self._lock:
            return self._outcome_of(change)

    def record_attempt(self, attempt: DeliveryResult) -> None:
        """Add a delivery that was tried."""
        with self._lock:
            self._attempts.append(attempt)

    def record_not_tried(self, webhooks: int, reason: str) -> None:
        """Add webhooks that were due and are left pending."""
        with self._lock:
            self._not_tried[reason] = self._not_tried.get(reason, 0) + webhooks

    def warn(self, message: str) -> None:
        """Add a warning for a person, about something that is in no outcome."""
        with self._lock:
            self._warnings.append(message)

    def of_tenant(self) -> TenantProgress:
        """All of it, for the process that has given the one tenant away."""
        with self._lock:
            return TenantProgress(
                recovered=tuple(self._recovered),
                locked=dict(self._locked),
                misconfigured=dict(self._misconfigured),
                held_back=dict(self._held_back),
                begun=frozenset(self._begun),
                ended=dict(self._ended),
                searched=dict(self._searched),
                tried=dict(self._tried),
                attempts=tuple(self._attempts),
                not_tried=dict(self._not_tried),
                warnings=tuple(self._warnings),
            )

    def take_over(self, elsewhere: TenantProgress) -> None:
        """Add what was done of a tenant elsewhere."""
        with self._lock:
            self._recovered.extend(elsewhere.recovered)
            self._locked.update(elsewhere.locked)
            self._misconfigured.update(elsewhere.misconfigured)
            self._held_back.update(elsewhere.held_back)
            self._begun |= elsewhere.begun
            self._ended.update(elsewhere.ended)
            self._searched.update(elsewhere.searched)
            self._tried.update(elsewhere.tried)
            self._attempts.extend(elsewhere.attempts)
            self._warnings.extend(elsewhere.warnings)
        for reason, number in elsewhere.not_tried.items():
            self.record_not_tried(number, reason)

    def deliveries(
        self, waiting: tuple[OutboxRow, ...] | None, held: tuple[HeldRow, ...] = ()
    ) -> DeliverySummary:
        """The deliveries so far, and the rows that wait; None where those are not known."""
        with self._lock:
            return DeliverySummary(
                attempts=tuple(self._attempts),
                waiting=waiting,
                held=held,
                not_tried=tuple(
                    NotTried(webhooks=number, reason=reason)
                    for reason, number in self._not_tried.items()
                ),
            )

    def summary(
        self,
        waiting: tuple[OutboxRow, ...] | None,
        *,
        held: tuple[HeldRow, ...] = (),
        left_open: Iterable[LeftOpen] = (),
        unclaimed: tuple[UnclaimedName, ...] = (),
        finished: bool,
    ) -> RunSummary:
        """The outcome of each planned write, in the order of the plan, and all else."""
        deliveries, lapsed = self.deliveries(waiting, held), self.lapsed
        with self._lock:
            plan = self._plan or Plan(tenants=())
            return RunSummary(
                plan=plan,
                outcomes=tuple(
                    self._outcome_of(change) for tenant in plan.tenants for change in tenant.writes
                ),
                recovered=tuple(sorted(self._recovered, key=lambda recovered: recovered.tenant)),
                locked=dict(self._locked),
                misconfigured=dict(self._misconfigured),
                unapproved=(*self._unapproved, *lapsed),
                deliveries=deliveries,
                warnings=tuple(sorted(self._warnings)),
                left_open=tuple(left_open),
                unclaimed=unclaimed,
                searched=dict(self._searched),
                tried=dict(self._tried),
                not_begun=self._not_begun,
                planned=self._plan is not None,
                refused=self._refused,
                finished=finished,
            )

    def _outcome_of(self, change: Create | Update) -> Outcome:
        if (ended := self._ended.get(change.subject.id)) is not None:
            return ended
        if change.subject.id in self._begun:
            return Outcome(change=change, kind=OutcomeKind.UNKNOWN, detail=_OPEN)
        reason = self._held_back.get(change.subject.tenant, "the run ended before it")
        return Outcome(change=change, kind=OutcomeKind.NOT_ATTEMPTED, detail=reason)


_OPEN = "begun, and the run ended before its outcome was known; the next run settles it first"
