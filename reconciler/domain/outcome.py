"""Outcome: what became of one planned change; RunSummary: what became of a run."""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from reconciler.domain.blocking import BlockReason
from reconciler.domain.canary import Tried
from reconciler.domain.dialect import READ_ONLY
from reconciler.domain.diff import Harm, HarmKind
from reconciler.domain.jsontext import Json
from reconciler.domain.manifest import Tenant
from reconciler.domain.memo import Memo
from reconciler.domain.messages import excerpts
from reconciler.domain.outbox import DeliveryResult, HeldRow, OutboxRow
from reconciler.domain.plan import Blocked, Create, Plan, Update
from reconciler.domain.redaction import Redaction
from reconciler.domain.scim import is_keyword
from reconciler.domain.searching import Searched
from reconciler.domain.tenant_names import UnclaimedName


class OutcomeKind(StrEnum):
    """The end of a planned write."""

    APPLIED = "applied"
    ADOPTED = "adopted"  # it was there already, equal
    NOT_APPLIED = "not-applied"
    CONFLICT = "conflict"  # live is neither as planned nor as desired
    IGNORED_BY_SERVER = "ignored-by-server"
    UNKNOWN = "unknown"
    NOT_ATTEMPTED = "not-attempted"

    @property
    def verified(self) -> bool:
        """True where the schema is there, equal to desired: what HR may rely on."""
        return self in (OutcomeKind.APPLIED, OutcomeKind.ADOPTED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """The end of one change; `detail` is for a person, `fields` are the paths that it is about.

    `blocked` is set where the service turned out not to allow this kind of change at all.
    `latency_ms` runs from the first request of the write to the end of its verification; `waited`
    are the seconds of it in which the service was given time to show what it had taken.
    """

    change: Create | Update
    kind: OutcomeKind
    detail: str = ""
    fields: tuple[str, ...] = ()
    blocked: BlockReason | None = None
    latency_ms: int | None = None
    waited: float = 0.0


def in_freeze(tenant: str, frozen: str) -> str:
    """The reason why nothing is written to a tenant in a freeze, and what would help."""
    return f"{tenant} is {frozen}; before that, only --during-freeze {tenant} writes to it"


def in_wave(number: int, reason: str) -> str:
    """The reason why nothing is written to the tenants of a wave that did not begin."""
    return f"wave {number} did not begin: {reason}"


_WAITS = re.compile(
    rf"{OutcomeKind.NOT_ATTEMPTED}: ([a-z0-9-]+ is frozen |wave [0-9]+ did not begin: )"
)


def waits(detail: str) -> bool:
    """Test whether the record of a change says that it is of a freeze, or of such a wave."""
    return _WAITS.match(detail) is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class ForeignWrite:
    """A write of somebody else since that was read which ours was made of.

    `at` is RFC 3339, `by` for a person; `lost` are the paths of what it changed and that is not so
    any more.
    """

    at: str
    by: str
    lost: tuple[str, ...] = ()


def foreign_message(writes: Sequence[ForeignWrite], *, stands: bool) -> str:
    """The detail of a conflict with writes of others; `stands` is whether ours is there."""
    shown = "; ".join(
        f"{each.by} at {each.at}"
        + (f", and lost of that is {', '.join(each.lost)}" * bool(each.lost))
        for each in writes
    )
    ours = "ours is there" if stands else "ours is not there: plan again"
    lost = "; have what is lost written there again" * any(each.lost for each in writes)
    return f"somebody else wrote between our read and its proof: {shown}; {ours}{lost}"


def harm_message(harms: Sequence[Harm], redaction: Redaction, *, own: str = "") -> str:
    """The detail of a conflict: what others have is not as it was right before a write.

    Credentials are taken out before anything is cut, but for what stands in `own`.
    """
    shown = [_harm_text(harm, redaction, own) for harm in harms[:_SHOWN]]
    more = [f"and {len(harms) - _SHOWN} more"] if len(harms) > _SHOWN else []
    advice = "restore it from the service's own history before anything else"
    if all(harm.of_the_server for harm in harms):
        advice += "; a member that the service sets on its own belongs to serverMembers in "
        advice += "spec.capabilities"
    return f"what the write was not about is not as before: {', '.join(shown + more)}; {advice}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Recovered:
    """The end of an intent that an earlier run left without an outcome.

    What was ADOPTED had no such intent: it is in sync, and HR had not heard of it. `change` is its
    id.
    """

    tenant: str
    schema_id: str
    change: str
    kind: OutcomeKind
    detail: str = ""

    @property
    def ending(self) -> str:
        """How it ended, in words."""
        return LATE if self.kind is OutcomeKind.ADOPTED else f"recovered as {self.kind}"


LATE = "announced late"


@dataclass(frozen=True, slots=True, kw_only=True)
class Unapproved:
    """A tenant that may not be written, for its plan was not approved; both are for a person.

    `difference` has the lines in which its plan differs from what was approved, if that is known.
    """

    tenant: str
    reason: str
    difference: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class NotTried:
    """So many webhooks were due, and a run left them pending; `reason` is for a person."""

    webhooks: int
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliverySummary:
    """The deliveries of a run, and the rows of any run that wait after it.

    `waiting` is None where the store could not be read. `held` are those of verified changes that
    wait for more than to be sent.
    """

    attempts: tuple[DeliveryResult, ...] = ()
    waiting: tuple[OutboxRow, ...] | None = ()
    held: tuple[HeldRow, ...] = ()
    not_tried: tuple[NotTried, ...] = ()

    @property
    def delivered(self) -> int:
        """The number of attempts that delivered."""
        return sum(1 for attempt in self.attempts if attempt.delivered)

    @property
    def failed(self) -> int:
        """The number of attempts that did not."""
        return len(self.attempts) - self.delivered

    @property
    def failures(self) -> tuple[str, ...]:
        """The attempts that did not deliver, each as a line for a person."""
        return tuple(
            f"{each.row.about} to {each.row.url}: {each.detail}"
            for each in self.attempts
            if not each.delivered
        )

    @property
    def pending(self) -> int:
        """The number of rows that wait; 0 where the store could not be read."""
        return len(self.waiting or ())


@dataclass(frozen=True, slots=True)
class LeftOpen:
    """Writes without an outcome to a tenant that a manifest names and a run does not look at."""

    tenant: str
    writes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RunSummary:
    """All that an apply did; `locked` has the holder of each tenant that another run holds.

    `misconfigured` has the reason for each tenant that was not written, since no change of it
    could have been announced. `not_begun` are the numbers of waves that did not begin, for too
    many tenants before them had failed. `searched` is what was found of new attributes, `tried`
    what became of values on a test user, by the change's id.

    `planned` is False where the run ended before it had a plan, or was to make none; `refused` is
    True where that plan was not let through; `finished` is False where a signal or an error cut
    it short.
    """

    plan: Plan
    outcomes: tuple[Outcome, ...] = ()
    recovered: tuple[Recovered, ...] = ()
    locked: Mapping[str, str] = field(default_factory=dict)
    misconfigured: Mapping[str, str] = field(default_factory=dict)
    unapproved: tuple[Unapproved, ...] = ()
    deliveries: DeliverySummary = DeliverySummary()
    warnings: tuple[str, ...] = ()
    left_open: tuple[LeftOpen, ...] = ()
    unclaimed: tuple[UnclaimedName, ...] = ()
    searched: Mapping[str, Searched] = field(default_factory=dict)
    tried: Mapping[str, Tried] = field(default_factory=dict)
    not_begun: tuple[int, ...] = ()
    planned: bool = True
    refused: bool = False
    finished: bool = True
    _verified: Memo[frozenset[str]] = field(
        init=False, compare=False, repr=False, default_factory=Memo
    )

    def found_of(self, ended: Outcome | Recovered) -> str | None:
        """The id under which `searched` and `tried` have what was found of what ended so.

        None where they can have nothing, or have what a later write of the same run has brought.
        """
        if not ended.kind.verified:
            return None
        if isinstance(ended, Outcome):
            return ended.change.subject.id
        verified = self._verified.get(
            lambda: frozenset(o.change.subject.id for o in self.outcomes if o.kind.verified)
        )
        return None if ended.change in verified else ended.change

    @property
    def wrote(self) -> bool:
        """True where anything at all was changed or verified."""
        return any(outcome.kind.verified for outcome in self.outcomes)

    @property
    def touched(self) -> bool:
        """True where anything was tried at all."""
        tried = (o for o in self.outcomes if o.kind is not OutcomeKind.NOT_ATTEMPTED)
        return bool(self.recovered or self.deliveries.attempts) or any(tried)

    @property
    def at_rest(self) -> tuple[Tenant, ...]:
        """The tenants that were read, and of which nothing failed or was left to another run.

        What an option excludes is left to another one as well.
        """
        restless = {*self.locked, *self.misconfigured, *(each.tenant for each in self.unapproved)}
        for ended in _need_a_look(self.outcomes, self.recovered):
            if not ended.kind.verified:
                about = ended if isinstance(ended, Recovered) else ended.change.subject
                restless.add(about.tenant)
        planned = (each for each in self.plan.tenants if each.error is None and each.is_whole)
        return tuple(each.tenant for each in planned if each.name not in restless)

    @property
    def complete(self) -> bool:
        """True where every tenant was read, none was locked, and nothing needs a look."""
        open_ends = self.partial or self.locked or self.plan.summary().unreadable
        return self.finished and not open_ends

    @property
    def partial(self) -> bool:
        """True where something failed, is blocked, in conflict, unknown or not as approved.

        What a read-only tenant lacks is reported and does not count.
        """
        blocked = any(
            isinstance(change, Blocked)
            for planned in self.plan.tenants
            for change in planned.changes
            if planned.tenant.dialect.name != READ_ONLY
        )
        return bool(blocked or self.unapproved) or not all(
            ended.kind.verified for ended in _need_a_look(self.outcomes, self.recovered)
        )


_SHOWN = 10  # harms that a message names; a schema may have thousands of attributes


def _harm_text(harm: Harm, redaction: Redaction, own: str) -> str:
    path = ".".join(redaction.parts(harm.steps, own=own))
    if harm.kind is not HarmKind.CHANGED:
        return f"{path} {harm.kind}"
    member = harm.steps[-1]
    values = (
        value if is_keyword(member, value) else redaction.value(value, own=own)
        for value in (harm.before, harm.after)
    )
    before, after = excerpts(*map(_value_text, values))
    return f"{path} {before} → {after}"


def _value_text(value: Json) -> str:
    return "nothing" if value is None else json.dumps(value, ensure_ascii=False)


def _need_a_look(
    outcomes: Iterable[Outcome], recovered: Iterable[Recovered]
) -> Iterable[Outcome | Recovered]:
    """An intent found not to have been applied is planned again, so it needs nobody."""
    yield from outcomes
    yield from (r for r in recovered if r.kind is not OutcomeKind.NOT_APPLIED)
