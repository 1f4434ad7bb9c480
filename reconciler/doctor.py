"""Use case: find out by writing what a service can do, on a schema of our own that stays there.

The writes go the way of every apply: locked, intended, proved by a read, and recorded.
"""

from collections.abc import Generator, Iterator, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum, auto

from reconciler.applying import Applying
from reconciler.domain.blocking import BlockReason
from reconciler.domain.deciding import plan_tenant
from reconciler.domain.dialect import READ_ONLY, Dialect, PatchPath, UpdateStrategy
from reconciler.domain.diff import differences, managed_view
from reconciler.domain.doctor import Finding, Grade
from reconciler.domain.jsontext import Json
from reconciler.domain.manifest import Manages, OnDrift, SchemaExtension, Tenant
from reconciler.domain.outcome import Outcome, OutcomeKind
from reconciler.domain.plan import Blocked, Skip, TenantPlan
from reconciler.domain.problem import Place
from reconciler.domain.records import Event, Status
from reconciler.domain.scim import Attribute, Mutability, Schema
from reconciler.domain.selection import Selection
from reconciler.errors import ReconcilerError, TenantError
from reconciler.ports import Locks, Retry, SchemaWriter
from reconciler.run_context import RunContext

PROBE_URN = "urn:ietf:params:scim:schemas:extension:reconciler:2.0:User:reconcilerProbe"
_ATTRIBUTE = "probe"
_WORDS = ("a probe as it was made", "a probe that was changed", "a probe that was changed again")
_VALUES = ("one", "two")
_OTHER: dict[str, Json] = {  # looked at after each change: no change may touch it
    "name": "untouched",
    "type": "string",
    "description": "stays as it is while the probe beside it is changed",
}
_MADE: dict[str, Json] = {
    "name": _ATTRIBUTE,
    "type": "string",
    "description": _WORDS[0],
    "caseExact": True,
    "canonicalValues": list(_VALUES[:1]),
    "mutability": str(Mutability.IMMUTABLE),
}


@dataclass(frozen=True, slots=True)
class _Way:
    """One way to change a schema, and its words in a finding."""

    by: UpdateStrategy
    path: PatchPath
    words: str


_WAYS = (
    _Way(UpdateStrategy.PUT, PatchPath.VALUE, "PUT"),
    _Way(UpdateStrategy.PATCH, PatchPath.VALUE, 'PATCH of one attribute, attributes[name eq "…"]'),
    _Way(UpdateStrategy.PATCH, PatchPath.ATTRIBUTE, "PATCH of `attributes`, as Oracle takes it"),
)


class _Verdict(StrEnum):
    """What a trial says of a way to change schemas."""

    TAKEN = auto()
    UNABLE = auto()  # whoever asks, and whatever for
    HARMFUL = auto()  # it changes or drops what it does not name
    REFUSED = auto()  # a PATCH that was proved undone: perhaps for its form
    UNKNOWN = auto()


@dataclass(frozen=True, slots=True)
class _Trial:
    """How a way was found, why, and how the probe's attribute is described since."""

    verdict: _Verdict
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

    def probe(self) -> tuple[tuple[Finding, ...], dict[str, Json]]:
        """What was found, and the capabilities that it shows.

        Raises TenantLocked, StateError and Interrupted.
        """
        if self.tenant.dialect.name == READ_ONLY:
            words = "not probed: the manifest says that nothing is ever written here"
            return (Finding("create", Grade.NOTE, words),), {}
        learnt: dict[str, Json] = {}
        with self.locks.hold(self.tenant.name):
            self._record(Event.RUN_STARTED, None)
            try:
                found = tuple(self._findings(learnt))
            except ReconcilerError:
                self._record(Event.RUN_COMPLETED, Status.FAILED)
                raise
            self._record(Event.RUN_COMPLETED, Status.SUCCESS)
        return found, learnt

    def _findings(self, learnt: dict[str, Json]) -> Iterator[Finding]:
        try:
            live = self.writer.read(PROBE_URN)
        except TenantError as error:
            yield Finding("create", Grade.UNKNOWN, f"not probed: {error}")
            return
        if live is None:
            made = yield from self._created(learnt)
            if not made:
                return
        else:
            yield Finding("create", Grade.NOTE, f"not probed: {PROBE_URN} is there already")
        asked = yield from self._updated(learnt)
        if asked is not None:
            yield from self._kept(asked, learnt)

    def _created(self, learnt: dict[str, Json]) -> Generator[Finding, None, bool]:
        """Whether the probe is there now is what it returns."""
        outcome = self._carried_out(
            replace(self.tenant.dialect, creates=True), _first(self.tenant.dialect)
        )
        match outcome:
            case Outcome(
                kind=OutcomeKind.APPLIED | OutcomeKind.ADOPTED | OutcomeKind.IGNORED_BY_SERVER
            ):
                learnt["creates"] = True
                words = f"schemas can be created; {PROBE_URN} stays, for nothing is ever deleted"
                yield Finding("create", Grade.OK, words)
                return True
            case Outcome(blocked=BlockReason.UNSUPPORTED):
                learnt["creates"] = False
                yield Finding("create", Grade.WARNING, _told(outcome))
            case _:
                yield Finding("create", Grade.UNKNOWN, _told(outcome))
        return False

    def _updated(self, learnt: dict[str, Json]) -> Generator[Finding, None, Attribute | None]:
        """Change the probe: by PUT, else by PATCH in the form of the RFC, else in Oracle's.

        What the service has been asked to hold of its attribute is what it returns; None where the
        service did neither take nor refuse a change.
        """
        trials: list[_Trial] = []
        for way in _WAYS:
            try:
                trial = self._tried(way)
            except TenantError as error:
                yield Finding("update", Grade.UNKNOWN, str(error))
                return None
            trials.append(trial)
            match trial.verdict:
                case _Verdict.TAKEN:
                    learnt["updates"] = str(way.by)
                    if way.by is UpdateStrategy.PATCH:
                        learnt["patchPath"] = str(way.path)
                    yield Finding("update", Grade.OK, f"schemas can be changed by {way.words}")
                    return _asked(self.tenant.dialect, trial.described).attribute(_ATTRIBUTE)
                case _Verdict.HARMFUL:
                    yield Finding("update", Grade.WARNING, f"{way.words} {trial.detail}")
                case _Verdict.UNKNOWN:
                    yield Finding("update", Grade.UNKNOWN, trial.detail)
                    return None
                case _Verdict.UNABLE | _Verdict.REFUSED:
                    pass
        if all(trial.verdict is _Verdict.REFUSED for trial in trials[1:]):
            yield Finding("update", Grade.UNKNOWN, trial.detail)
            return None
        learnt["updates"] = str(UpdateStrategy.NONE)
        yield Finding("update", Grade.WARNING, f"schemas cannot be changed: {trial.detail}")
        return _asked(self.tenant.dialect, trial.described).attribute(_ATTRIBUTE)

    def _tried(self, way: _Way) -> _Trial:
        """What comes of adding what the probe lacks, then of a change beside what is to stay."""
        live = self.writer.read(PROBE_URN)
        if lacking := _lacking(self.tenant.dialect, live):
            added = self._trial(way, live, _schema(*lacking))
            if added.verdict is not _Verdict.TAKEN:
                return added
            live = self.writer.read(PROBE_URN)
            if _lacking(self.tenant.dialect, live):
                return _Trial(_Verdict.UNKNOWN, "what was added is not shown yet; probe again")
        return self._trial(way, live, _second(self.tenant.dialect, live))

    def _trial(self, way: _Way, live: Schema | None, wanted: Schema) -> _Trial:
        # What the dialect says of characteristics is what is tried: a service that drops a member
        # of its own would block each later change that lacks it.
        able = replace(
            self.tenant.dialect,
            updates=way.by,
            patch_path=way.path,
            ignored=(),
            immutable=(),
            members=(),
        )
        outcome = self._carried_out(able, wanted)
        after = self.writer.read(PROBE_URN)
        if harmed := _harmed(live, after, wanted):
            detail = f"changes or drops what it does not name: {', '.join(harmed)}"
            return _Trial(_Verdict.HARMFUL, detail, _description(after))
        if _is_taken(outcome, live, wanted):
            return _Trial(_Verdict.TAKEN, "", _description(wanted))
        return _Trial(_verdict(outcome, live, way), _told(outcome), _description(after))

    def _kept(self, asked: Attribute, learnt: dict[str, Json]) -> Iterator[Finding]:
        """Which of its characteristics the service accepted and dropped, and what it added."""
        try:
            live = self.writer.read(PROBE_URN)
        except TenantError as error:
            yield Finding("ignored", Grade.UNKNOWN, str(error))
            return
        held = live.attribute(_ATTRIBUTE) if live else None
        if held is None:
            yield Finding("ignored", Grade.UNKNOWN, f"{PROBE_URN} has no such attribute any more")
            return
        wanted, stored = _members(asked), _members(held)
        if dropped := sorted(m for m in wanted if stored.get(m) != wanted[m]):
            known = [m for m in self.tenant.dialect.ignored if m not in dropped]
            learnt["ignored"] = [*known, *dropped]
            words = f"accepted and dropped: {', '.join(dropped)}; who asks for that never gets it"
            yield Finding("ignored", Grade.WARNING, words)
        else:
            yield Finding("ignored", Grade.OK, "every characteristic is stored as it was sent")
        if added := sorted(dict(held.vendor).keys() - dict(asked.vendor).keys()):
            words = f"the service adds {', '.join(added)}; no manifest need name them"
            yield Finding("added", Grade.NOTE, words)

    def _carried_out(self, dialect: Dialect, wanted: Schema) -> Outcome | str:
        """Apply the probe as it is wanted; why not, where it could not be planned."""
        try:
            plan = self._plan(dialect, wanted)
        except TenantError as error:
            return str(error)
        Applying(
            context=self.context,
            tenant=replace(self.tenant, webhooks=()),
            writer=self.writer,
            retry=self.retry,
        ).apply(plan)
        (change,) = plan.changes
        match change:
            case Blocked():
                return change.recipe
            case Skip():
                return "nothing would be changed"
            case _:
                return self.context.progress.outcome_of(change)

    def _plan(self, dialect: Dialect, wanted: Schema) -> TenantPlan:
        return plan_tenant(
            replace(self.tenant, dialect=dialect),
            extensions=(_extension(wanted).fitted_to(dialect),),
            live=self.writer.read_all((PROBE_URN,)),
            selection=Selection(),
        )

    def _record(self, event: Event, status: Status | None) -> None:
        detail = f"doctor probes {self.tenant.name} with {PROBE_URN}"
        self.context.journal.record(replace(self.context.entry(event, status), detail=detail))


def _first(dialect: Dialect) -> Schema:
    """The probe as it is made: one optional text that asks nothing of anybody.

    What it says of itself is what services drop; most of it can be loosened later.
    """
    return _schema(_made(dialect))


def _lacking(dialect: Dialect, live: Schema | None) -> list[dict[str, Json]]:
    """The attributes that a probe needs before one of them is changed and the other looked at."""
    other = {**_OTHER, **dict.fromkeys(dialect.members, "reconcilerUntouched")}
    needed = (_made(dialect), other)
    return [each for each in needed if live is None or live.attribute(each["name"]) is None]


def _second(dialect: Dialect, live: Schema | None) -> Schema:
    """The live probe with a compatible change in it: other words, more values, writable."""
    held = live.attribute(_ATTRIBUTE) if live else None
    if held is None:
        return _first(dialect)
    words = next(each for each in _WORDS[1:] if each != held.description)
    changes: dict[str, Json] = {"description": words, "mutability": str(Mutability.READ_WRITE)}
    if held.canonical_values:  # from none to some would be less than before
        changes["canonicalValues"] = sorted({*held.canonical_values, *_VALUES})
    return _schema({**held.to_json(), **changes})


def _asked(dialect: Dialect, words: str | None) -> Schema:
    """All that the service was asked to hold; its words tell whether it was changed since."""
    if words not in _WORDS[1:]:
        return _first(dialect)
    mutability = str(Mutability.READ_WRITE)
    changes = {"description": words, "canonicalValues": list(_VALUES), "mutability": mutability}
    return _schema({**_made(dialect), **changes})


def _made(dialect: Dialect) -> dict[str, Json]:
    return {**_MADE, **dict.fromkeys(dialect.members, "reconcilerProbe")}


def _description(schema: Schema | None) -> str | None:
    attribute = schema.attribute(_ATTRIBUTE) if schema else None
    return attribute.description if attribute else None


def _schema(*attributes: Mapping[str, Json]) -> Schema:
    probe = {"id": PROBE_URN, "name": "reconcilerProbe", "attributes": list(attributes)}
    return Schema.from_json(probe)


def _extension(wanted: Schema) -> SchemaExtension:
    return SchemaExtension(
        name="reconciler-probe",
        place=Place("doctor --probe-writes"),
        schema=wanted,
        on_drift=OnDrift.UPDATE,
        manages=Manages.ATTRIBUTES,
    )


def _members(attribute: Attribute) -> dict[str, Json]:
    """All that an attribute says, vendor members too; sub-attributes it has none."""
    return {**attribute.to_json(), **dict(attribute.vendor)}


def _harmed(live: Schema | None, after: Schema | None, wanted: Schema) -> tuple[str, ...]:
    """The attributes that nobody asked to change and that are not as they were."""
    if live is None or after is None:
        return ()
    bystanders = [each for each in live.attributes if wanted.attribute(each.name) is None]
    return tuple(each.name for each in bystanders if after.attribute(each.name) != each)


def _verdict(outcome: Outcome | str, live: Schema | None, way: _Way) -> _Verdict:
    """Of a way by which nothing was changed."""
    if isinstance(outcome, str):
        return _Verdict.UNKNOWN
    if _is_incapable(outcome, live):
        return _Verdict.UNABLE
    undone = outcome.kind is OutcomeKind.NOT_APPLIED and outcome.blocked is None
    return _Verdict.REFUSED if undone and way.by is UpdateStrategy.PATCH else _Verdict.UNKNOWN


def _is_taken(outcome: Outcome | str, live: Schema | None, wanted: Schema) -> bool:
    """Whether a change was made, be it without some of its characteristics."""
    if isinstance(outcome, str) or live is None:
        return False
    if outcome.kind is not OutcomeKind.IGNORED_BY_SERVER:
        return outcome.kind.verified
    view = managed_view(live, wanted, Manages.ATTRIBUTES)
    return bool({d.path for d in differences(view, wanted)} - set(outcome.fields))


def _is_incapable(outcome: Outcome, live: Schema | None) -> bool:
    """Whether the service has shown that it does not do such a thing, to whomever asks.

    One that keeps no words at all may have dropped those alone: of that one nothing is known.
    """
    dropped = outcome.kind is OutcomeKind.IGNORED_BY_SERVER and _description(live) is not None
    return dropped or outcome.blocked is BlockReason.UNSUPPORTED


def _told(outcome: Outcome | str) -> str:
    return outcome if isinstance(outcome, str) else f"{outcome.kind}: {outcome.detail}"
