"""Use case: find out by writing what a service can do, on a schema of our own that stays there.

The writes go the way of every apply: locked, intended, proved by a read, and recorded.
"""

import math
from collections.abc import Generator, Iterator, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum, auto

from reconciler.announcing import Announcing
from reconciler.applying import Applying
from reconciler.domain.blocking import BlockReason
from reconciler.domain.deciding import plan_tenant
from reconciler.domain.dialect import READ_ONLY, Dialect, PatchPath, UpdateStrategy
from reconciler.domain.diff import Harm, differences, harms, managed_view
from reconciler.domain.doctor import Finding, Grade
from reconciler.domain.jsontext import Json
from reconciler.domain.manifest import Manages, OnDrift, SchemaExtension, Tenant
from reconciler.domain.outcome import Outcome, OutcomeKind
from reconciler.domain.plan import Blocked, Skip
from reconciler.domain.problem import Place
from reconciler.domain.records import Event, Status
from reconciler.domain.scim import Attribute, Mutability, Schema
from reconciler.domain.selection import Selection
from reconciler.errors import ReconcilerError, TenantError
from reconciler.ports import Locks, Retry, SchemaWriter
from reconciler.run_context import LAG_PAUSE, RunContext

PROBE_URN = "urn:ietf:params:scim:schemas:extension:reconciler:2.0:User:reconcilerProbe"
_PATIENT_READS = 5
MOST_LAG_READS = 60  # schemas/dialect.json takes no more
_ATTRIBUTE = "probe"
_DESCRIPTIONS = (
    "a probe as it was made",
    "a probe that was changed",
    "a probe that was changed again",
)
_VALUES = ("one", "two")
_OTHER: dict[str, Json] = {  # looked at after each change: no change may touch it
    "name": "untouched",
    "type": "string",
    "description": "stays as it is while the probe beside it is changed",
}
_MADE: dict[str, Json] = {
    "name": _ATTRIBUTE,
    "type": "string",
    "description": _DESCRIPTIONS[0],
    "caseExact": True,
    "canonicalValues": list(_VALUES[:1]),
    "mutability": str(Mutability.IMMUTABLE),
}


@dataclass(frozen=True, slots=True)
class _Way:
    """One way to change a schema, and its name in a finding."""

    by: UpdateStrategy
    path: PatchPath
    name: str


_WAYS = (
    _Way(UpdateStrategy.PUT, PatchPath.VALUE, "PUT"),
    _Way(UpdateStrategy.PATCH, PatchPath.VALUE, 'PATCH of one attribute, attributes[name eq "…"]'),
    _Way(UpdateStrategy.PATCH, PatchPath.ATTRIBUTE, "PATCH of `attributes`, as Oracle takes it"),
)


class _End(StrEnum):
    """The end of a trial of one way to change schemas."""

    TAKEN = auto()
    UNABLE = auto()  # for any request of that form
    HARMFUL = auto()  # it changes or drops what it does not name
    REFUSED = auto()  # a PATCH that was proved undone: perhaps for its form
    UNKNOWN = auto()


@dataclass(frozen=True, slots=True)
class _Trial:
    """The end of a trial, its reason, and how the probe's attribute is described since."""

    end: _End
    detail: str
    described: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class WriteProbe:
    """The means to probe one tenant; a probe announces nothing to HR."""

    context: RunContext
    tenant: Tenant
    writer: SchemaWriter
    retry: Retry
    locks: Locks
    _lags: list[float] = field(init=False, compare=False, repr=False, default_factory=list)
    _stamps: list[str] = field(init=False, compare=False, repr=False, default_factory=list)

    def probe(self) -> tuple[Finding, ...]:
        """The findings; raises TenantLocked, StateError and Interrupted."""
        if self.tenant.dialect.name == READ_ONLY:
            message = "not probed: the manifest says that nothing is ever written here"
            return (Finding("create", Grade.NOTE, message),)
        with self.locks.hold(self.tenant.name):
            self._record(Event.RUN_STARTED, None)
            try:
                found = tuple(self._findings())
            except ReconcilerError:
                self._record(Event.RUN_COMPLETED, Status.FAILED)
                raise
            self._record(Event.RUN_COMPLETED, Status.SUCCESS)
        return found

    def _findings(self) -> Iterator[Finding]:
        try:
            live = self.writer.find(PROBE_URN)
        except TenantError as error:
            yield Finding("create", Grade.UNKNOWN, f"not probed: {error}")
            return
        if live is None:
            created = self._create()
            yield created
            if not created.learnt.get("creates"):
                return
        else:
            yield Finding("create", Grade.NOTE, f"not probed: {PROBE_URN} is there already")
        sent = yield from self._update()
        if sent is not None:
            yield from self._kept(sent)
        if self._lag_reads > self.tenant.dialect.lag_reads:
            message = f"what the service has taken it shows up to {max(self._lags):g} s later"
            yield Finding("lag", Grade.NOTE, message, {"lagReads": self._lag_reads})
        if self._stamps:
            message = f"the service sets {', '.join(self._stamps)} anew with each write"
            known = {"serverMembers": [*self.tenant.dialect.server_members, *self._stamps]}
            yield Finding("members", Grade.NOTE, message, known)

    @property
    def _lag_reads(self) -> int:
        """How often a write has to be read again, by what was seen; one more for safety."""
        seen = max(self._lags, default=0.0)
        needed = math.ceil(seen / LAG_PAUSE) + 1 if seen else 0
        return max(self.tenant.dialect.lag_reads, min(needed, MOST_LAG_READS))

    def _create(self) -> Finding:
        able = replace(self.tenant.dialect, creates=True, fixed=(), accepts=())
        outcome = self._carry_out(able, _first(self.tenant.dialect))
        match outcome:
            case Outcome(
                kind=OutcomeKind.APPLIED | OutcomeKind.ADOPTED | OutcomeKind.IGNORED_BY_SERVER
            ):
                message = f"schemas can be created; {PROBE_URN} stays, for nothing is ever deleted"
                return Finding("create", Grade.OK, message, {"creates": True})
            case Outcome(blocked=BlockReason.UNSUPPORTED):
                return Finding("create", Grade.WARNING, _message(outcome), {"creates": False})
            case _:
                return Finding("create", Grade.UNKNOWN, _message(outcome))

    def _update(self) -> Generator[Finding, None, Attribute | None]:
        """Change the probe: by PUT, else by PATCH in the form of the RFC, else in Oracle's.

        Returns the attribute as it was sent last; None where the service did neither take nor
        refuse a change.
        """
        trials: list[_Trial] = []
        for way in _WAYS:
            try:
                trial = self._try(way)
            except TenantError as error:
                yield Finding("update", Grade.UNKNOWN, str(error))
                return None
            trials.append(trial)
            match trial.end:
                case _End.TAKEN:
                    learnt = {"updates": str(way.by)}
                    if way.by is UpdateStrategy.PATCH:
                        learnt["patchPath"] = str(way.path)
                    message = f"schemas can be changed by {way.name}"
                    yield Finding("update", Grade.OK, message, learnt)
                    return _sent(self.tenant.dialect, trial.described).attribute(_ATTRIBUTE)
                case _End.HARMFUL:
                    yield Finding("update", Grade.WARNING, f"{way.name} {trial.detail}")
                case _End.UNKNOWN:
                    yield Finding("update", Grade.UNKNOWN, trial.detail)
                    return None
                case _End.UNABLE | _End.REFUSED:
                    pass
        if all(trial.end is _End.REFUSED for trial in trials[1:]):
            yield Finding("update", Grade.UNKNOWN, trial.detail)
            return None
        message = f"schemas cannot be changed: {trial.detail}"
        learnt = {"updates": str(UpdateStrategy.NONE)}
        yield Finding("update", Grade.WARNING, message, learnt)
        return _sent(self.tenant.dialect, trial.described).attribute(_ATTRIBUTE)

    def _try(self, way: _Way) -> _Trial:
        """Add what the probe lacks, then make a change beside what is to stay."""
        live = self.writer.find(PROBE_URN)
        if lacking := _lacking(self.tenant.dialect, live):
            added = self._trial(way, live, _schema(*lacking))
            if added.end is not _End.TAKEN:
                return added
            live = self.writer.find(PROBE_URN)
            if _lacking(self.tenant.dialect, live):
                return _Trial(_End.UNKNOWN, "what was added is not shown yet; probe again")
        return self._trial(way, live, _second(self.tenant.dialect, live))

    def _trial(self, way: _Way, live: Schema | None, wanted: Schema) -> _Trial:
        # What the dialect states of characteristics is on trial: a service that drops a member
        # of its own would block each later change that lacks it.
        able = replace(
            self.tenant.dialect,
            updates=way.by,
            patch_path=way.path,
            ignored=(),
            immutable=(),
            members=(),
            fixed=(),
            accepts=(),
        )
        outcome = self._carry_out(able, wanted)
        after = self.writer.find(PROBE_URN)
        harmed = self._harms(live, after, wanted)
        redaction = self.writer.redaction
        of_the_server = (each.steps[-1] for each in harmed if each.of_the_server)
        set_anew = {member for member in of_the_server if redaction.text(member) == member}
        if stamps := sorted(set_anew.difference(self.tenant.dialect.members)):
            self._stamps.extend(stamps)  # known from now on, so that each comes once
            return self._trial(way, after, _second(self.tenant.dialect, after))
        if harmed:
            detail = "changes or drops what it does not name: "
            detail += ", ".join(".".join(redaction.parts(harm.steps)) for harm in harmed)
            return _Trial(_End.HARMFUL, detail, _description(after))
        if _is_taken(outcome, live, wanted):
            return _Trial(_End.TAKEN, "", _description(wanted))
        return _Trial(_end(outcome, live, way), _message(outcome), _description(after))

    def _harms(self, live: Schema | None, after: Schema | None, wanted: Schema) -> tuple[Harm, ...]:
        """All that a change was not about, and that is not as it was before it."""
        if live is None or after is None:
            return ()
        members = self._probed().dialect.server_members
        manages = Manages.ATTRIBUTES
        return harms(live, after, desired=wanted, manages=manages, server_members=members)

    def _kept(self, sent: Attribute) -> Iterator[Finding]:
        """Compare the attribute with what the service holds: what it dropped, what it added."""
        try:
            live = self.writer.find(PROBE_URN)
        except TenantError as error:
            yield Finding("ignored", Grade.UNKNOWN, str(error))
            return
        held = live.attribute(_ATTRIBUTE) if live else None
        if held is None:
            yield Finding("ignored", Grade.UNKNOWN, f"{PROBE_URN} has no such attribute any more")
            return
        wanted, stored = _members(sent), _members(held)
        for member, _ in self.tenant.dialect.fixed:  # which is known, and no loss
            wanted.pop(member, None)
        if dropped := sorted(m for m in wanted if stored.get(m) != wanted[m]):
            known = [m for m in self.tenant.dialect.ignored if m not in dropped]
            message = f"accepted and dropped: {', '.join(dropped)}; who asks for that never gets it"
            learnt: dict[str, Json] = {"ignored": [*known, *dropped]}
            yield Finding("ignored", Grade.WARNING, message, learnt)
        else:
            yield Finding("ignored", Grade.OK, "every characteristic is stored as it was sent")
        if added := sorted(dict(held.vendor).keys() - dict(sent.vendor).keys()):
            shown = ", ".join(self.writer.redaction.texts(added))
            message = f"the service adds {shown}; no manifest need name them"
            yield Finding("added", Grade.NOTE, message)

    def _carry_out(self, dialect: Dialect, wanted: Schema) -> Outcome | str:
        """Apply the probe as it is wanted; the reason why not, where it could not be planned."""
        try:
            live = self.writer.read_all((PROBE_URN,))
        except TenantError as error:
            return str(error)
        extension = SchemaExtension(
            name="reconciler-probe",
            place=Place("doctor --probe-writes"),
            schema=wanted,
            on_drift=OnDrift.UPDATE,
            manages=Manages.ATTRIBUTES,
        )
        plan = plan_tenant(
            replace(self.tenant, dialect=dialect),
            extensions=(extension.fitted_to(dialect),),
            live=live,
            selection=Selection(),
        )
        silent = self._probed()
        Applying(
            context=self.context,
            tenant=silent,
            writer=self.writer,
            retry=self.retry,
            announcing=Announcing(
                context=self.context, tenant=silent, reader=lambda: self.writer, histories={}
            ),
        ).apply(plan)
        (change,) = plan.changes
        match change:
            case Blocked():
                return change.recipe
            case Skip():
                return "nothing would be changed"
            case _:
                outcome = self.context.progress.outcome_of(change)
                self._lags.append(outcome.waited)
                return outcome

    def _probed(self) -> Tenant:
        """The tenant as it is known by now, without webhooks: a probe is not announced."""
        # What is ignored must not be taken for what is late, nor the other way round.
        dialect = replace(
            self.tenant.dialect,
            lag_reads=max(self._lag_reads, _PATIENT_READS),
            server_members=(*self.tenant.dialect.server_members, *self._stamps),
        )
        return replace(self.tenant, dialect=dialect, webhooks=())

    def _record(self, event: Event, status: Status | None) -> None:
        detail = f"doctor probes {self.tenant.name} with {PROBE_URN}"
        self.context.journal.record(replace(self.context.entry(event, status), detail=detail))


def _first(dialect: Dialect) -> Schema:
    """The probe as it is made: one optional text that asks nothing of anybody.

    Its characteristics are those that services drop; most of them can be loosened later.
    """
    return _schema(_made(dialect))


def _lacking(dialect: Dialect, live: Schema | None) -> list[dict[str, Json]]:
    """The attributes that a probe needs before one of them is changed and the other looked at."""
    other = {**_OTHER, **dict.fromkeys(dialect.members, "reconcilerUntouched")}
    needed = (_made(dialect), other)
    return [each for each in needed if live is None or live.attribute(each["name"]) is None]


def _second(dialect: Dialect, live: Schema | None) -> Schema:
    """The live probe with a compatible change: another description, more values, writable."""
    held = live.attribute(_ATTRIBUTE) if live else None
    if held is None:
        return _first(dialect)
    description = next(each for each in _DESCRIPTIONS[1:] if each != held.description)
    changes: dict[str, Json] = {
        "description": description,
        "mutability": str(Mutability.READ_WRITE),
    }
    if held.canonical_values:  # from none to some would be less than before
        changes["canonicalValues"] = sorted({*held.canonical_values, *_VALUES})
    return _schema({**held.to_json(), **changes})


def _sent(dialect: Dialect, description: str | None) -> Schema:
    """All that was sent for the service to hold; its description tells how often it was changed."""
    if description not in _DESCRIPTIONS[1:]:
        return _first(dialect)
    changes = {
        "description": description,
        "canonicalValues": list(_VALUES),
        "mutability": str(Mutability.READ_WRITE),
    }
    return _schema({**_made(dialect), **changes})


def _made(dialect: Dialect) -> dict[str, Json]:
    return {**_MADE, **dict.fromkeys(dialect.members, "reconcilerProbe")}


def _description(schema: Schema | None) -> str | None:
    attribute = schema.attribute(_ATTRIBUTE) if schema else None
    return attribute.description if attribute else None


def _schema(*attributes: Mapping[str, Json]) -> Schema:
    probe = {"id": PROBE_URN, "name": "reconcilerProbe", "attributes": list(attributes)}
    return Schema.from_json(probe)


def _members(attribute: Attribute) -> dict[str, Json]:
    """All members of an attribute, vendor members too; sub-attributes it has none."""
    return {**attribute.to_json(), **dict(attribute.vendor)}


def _end(outcome: Outcome | str, live: Schema | None, way: _Way) -> _End:
    """The end of a trial by which nothing was changed."""
    if isinstance(outcome, str):
        return _End.UNKNOWN
    # A service that keeps no description at all may have dropped that alone, which shows nothing.
    dropped = outcome.kind is OutcomeKind.IGNORED_BY_SERVER and _description(live) is not None
    if dropped or outcome.blocked is BlockReason.UNSUPPORTED:
        return _End.UNABLE
    undone = outcome.kind is OutcomeKind.NOT_APPLIED and outcome.blocked is None
    return _End.REFUSED if undone and way.by is UpdateStrategy.PATCH else _End.UNKNOWN


def _is_taken(outcome: Outcome | str, live: Schema | None, wanted: Schema) -> bool:
    """Test whether a change was made, be it without some of its characteristics."""
    if isinstance(outcome, str) or live is None:
        return False
    if outcome.kind is not OutcomeKind.IGNORED_BY_SERVER:
        return outcome.kind.verified
    view = managed_view(live, wanted, Manages.ATTRIBUTES)
    return bool({d.path for d in differences(view, wanted)} - set(outcome.fields))


def _message(outcome: Outcome | str) -> str:
    return outcome if isinstance(outcome, str) else f"{outcome.kind}: {outcome.detail}"
