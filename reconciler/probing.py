"""Use case: find out by writing what a service can do, on a schema of our own that stays there.

The writes go the way of every apply: locked, intended, proved by a read, and recorded.
"""

from collections.abc import Generator, Iterator
from dataclasses import dataclass, replace

from reconciler.applying import Applying
from reconciler.domain.dialect import Dialect, UpdateStrategy
from reconciler.domain.health import Finding, Grade
from reconciler.domain.jsontext import Json
from reconciler.domain.manifest import Manages, OnDrift, Place, SchemaExtension, Tenant
from reconciler.domain.outcome import Outcome, OutcomeKind
from reconciler.domain.plan import Blocked, Selection, TenantPlan, plan_tenant
from reconciler.domain.records import Event, Run, Status
from reconciler.domain.scim import Schema
from reconciler.errors import TenantError
from reconciler.ports import Clock, Journal, Locks, Retry, SchemaWriter

PROBE_URN = "urn:ietf:params:scim:schemas:extension:reconciler:2.0:User:reconcilerProbe"
READ_ONLY = "read-only"
_WORDS = ("the first word of a probe", "the second word of a probe")


@dataclass(frozen=True, slots=True, kw_only=True)
class Probing:
    """The means to probe one tenant."""

    tenant: Tenant
    dialect: Dialect
    writer: SchemaWriter
    journal: Journal
    locks: Locks
    clock: Clock
    retry: Retry
    run: Run

    def probe(self) -> tuple[tuple[Finding, ...], dict[str, Json]]:
        """What was found, and the capabilities that it shows.

        Raises TenantLocked, StateError and Interrupted.
        """
        if self.dialect.name == READ_ONLY:
            words = "not probed: the manifest says that nothing is ever written here"
            return (Finding("create", Grade.NOTE, words),), {}
        learnt: dict[str, Json] = {}
        with self.locks.hold(self.tenant.name):
            self._record(Event.RUN_STARTED, None)
            found = tuple(self._findings(learnt))
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
        yield from self._updated(learnt)

    def _created(self, learnt: dict[str, Json]) -> Generator[Finding, None, bool]:
        """Whether the probe is there now is what it returns."""
        outcome = self._carried_out(replace(self.dialect, creates=True), _WORDS[0])
        match outcome:
            case Outcome(kind=OutcomeKind.APPLIED | OutcomeKind.ADOPTED):
                learnt["creates"] = True
                words = f"schemas can be created; {PROBE_URN} stays, for nothing is ever deleted"
                yield Finding("create", Grade.OK, words)
                return True
            case Outcome(blocked=None) | str():
                yield Finding("create", Grade.UNKNOWN, _told(outcome))
            case Outcome():
                learnt["creates"] = False
                yield Finding("create", Grade.WARNING, _told(outcome))
        return False

    def _updated(self, learnt: dict[str, Json]) -> Iterator[Finding]:
        """Change the description of the probe's attribute: by PUT, else by PATCH."""
        for strategy in (UpdateStrategy.PUT, UpdateStrategy.PATCH):
            try:
                live = self.writer.read(PROBE_URN)
            except TenantError as error:
                yield Finding("update", Grade.UNKNOWN, str(error))
                return
            outcome = self._carried_out(replace(self.dialect, updates=strategy), _other(live))
            if isinstance(outcome, Outcome) and outcome.kind.verified:
                learnt["updates"] = str(strategy)
                yield Finding("update", Grade.OK, f"schemas can be changed by {strategy.upper()}")
                return
            if isinstance(outcome, str) or not _is_incapable(outcome):
                yield Finding("update", Grade.UNKNOWN, _told(outcome))
                return
        learnt["updates"] = str(UpdateStrategy.NONE)
        yield Finding("update", Grade.WARNING, f"schemas cannot be changed: {_told(outcome)}")

    def _carried_out(self, dialect: Dialect, words: str) -> Outcome | str:
        """Apply the probe with those words in it; why not, where it could not be planned."""
        try:
            plan = self._plan(dialect, words)
        except TenantError as error:
            return str(error)
        outcomes = self._applying().apply(plan)
        if outcomes:
            return outcomes[0]
        (change,) = plan.changes
        return change.recipe if isinstance(change, Blocked) else "nothing would be changed"

    def _plan(self, dialect: Dialect, words: str) -> TenantPlan:
        return plan_tenant(
            tenant=self.tenant.name,
            base_url=self.tenant.base_url,
            dialect=dialect,
            limits=self.tenant.limits,
            desired=(_probe(words, dialect),),
            live=self.writer.read_all((PROBE_URN,)),
            selection=Selection(),
        )

    def _applying(self) -> Applying:
        return Applying(
            writer=self.writer,
            journal=self.journal,
            clock=self.clock,
            retry=self.retry,
            run=self.run,
            target_system=self.dialect.target_system,
            webhooks=(),
            lag_reads=self.dialect.lag_reads,
        )

    def _record(self, event: Event, status: Status | None) -> None:
        entry = self.run.entry(event, self.clock.now(), status)
        detail = f"doctor probes {self.tenant.name} with {PROBE_URN}"
        self.journal.record(replace(entry, detail=detail))


def _probe(words: str, dialect: Dialect) -> SchemaExtension:
    """An extension that asks nothing of anybody: one optional text."""
    attribute: dict[str, Json] = {"name": "probe", "type": "string", "description": words}
    attribute |= dict.fromkeys(dialect.members, "reconcilerProbe")
    document = {"id": PROBE_URN, "name": "reconcilerProbe", "attributes": [attribute]}
    return SchemaExtension(
        name="reconciler-probe",
        place=Place("doctor --probe-writes"),
        schema=Schema.from_json(document),
        on_drift=OnDrift.UPDATE,
        manages=Manages.ATTRIBUTES,
    )


def _other(live: Schema | None) -> str:
    """Other words than those that are live, so that there is something to change."""
    attribute = live.attribute("probe") if live else None
    return _WORDS[attribute is not None and attribute.description == _WORDS[0]]


def _is_incapable(outcome: Outcome) -> bool:
    """Whether the service has shown that it does not do such a thing, to whomever asks."""
    return outcome.blocked is not None or outcome.kind is OutcomeKind.IGNORED_BY_SERVER


def _told(outcome: Outcome | str) -> str:
    return outcome if isinstance(outcome, str) else f"{outcome.kind}: {outcome.detail}"
