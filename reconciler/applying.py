"""Use case: carry out one tenant's plan, one change at a time.

INTENT is durable before the request, OUTCOME after the verification; the first failure stops the
rest of the tenant. A journal that cannot be written ends the run before the next request.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import assert_never

from reconciler.domain.diff import Standing, differences, managed_view, standing
from reconciler.domain.outcome import Outcome, OutcomeKind
from reconciler.domain.plan import Blocked, Change, Create, Skip, Subject, TenantPlan, Update
from reconciler.domain.records import Entry, Event, Intent, Run, Status
from reconciler.domain.scim import ABSENT, Schema, fold
from reconciler.errors import Interrupted, StateError, TenantError
from reconciler.ports import Clock, Journal, Retry, SchemaWriter
from reconciler.progress import Progress
from reconciler.writing import Write, Written


@dataclass(frozen=True, slots=True, kw_only=True)
class Applying:
    """The means to carry out one tenant's plan; `webhooks` are the URLs that HR gave for it.

    `base_url` is where its manifest says that it is, which the next run compares.
    `progress` hears of each intent and each outcome as soon as it is durable.
    """

    writer: SchemaWriter
    journal: Journal
    clock: Clock
    retry: Retry
    run: Run
    base_url: str
    target_system: str
    webhooks: tuple[str, ...]
    lag_reads: int
    progress: Progress = field(default_factory=Progress)

    def apply(self, plan: TenantPlan) -> tuple[Outcome, ...]:
        """Each write's outcome, in the order of the plan; skips and blocks are recorded too."""
        outcomes: list[Outcome] = []
        writes: list[Create | Update] = []
        nothing_done: list[Entry] = []
        for change in plan.changes:
            match change:
                case Skip() | Blocked():
                    nothing_done.append(self._nothing_done(change))
                case Create() | Update():
                    writes.append(change)
                case _:
                    assert_never(change)
        if nothing_done:  # a tenant in sync, as nearly all are, costs one transaction
            self.journal.record_all(nothing_done)
        for write in writes:
            self.clock.check()
            outcomes.append(self._carry_out(write, outcomes))
        self._warn_of_unbound(outcomes)
        return tuple(outcomes)

    def _warn_of_unbound(self, outcomes: Iterable[Outcome]) -> None:
        """A schema that no resource type names is there, and no user can hold a value of it."""
        verified = (outcome.change.subject for outcome in outcomes if outcome.kind.verified)
        made = [subject for subject in verified if subject.live_fingerprint == ABSENT]
        bound = self.writer.bindings() if made else None
        if bound is None:
            return
        for subject in made:
            kind = subject.extension.resource_type
            if subject.desired.key not in bound.get(fold(kind), ()):
                self.progress.warnings.append(
                    f"{subject.tenant}: {subject.schema_id} is there, and /ResourceTypes does not "
                    f"name it for {kind}: no {kind} can hold a value before the service binds it"
                )

    def _carry_out(self, change: Create | Update, earlier: Iterable[Outcome]) -> Outcome:
        if failed := next((o for o in earlier if not o.kind.verified), None):
            detail = f"{failed.change.subject.schema_id} failed before it"
            return self._unattempted(change, OutcomeKind.NOT_ATTEMPTED, detail)
        try:
            live = self.writer.read(change.subject.schema_id)
        except TenantError as error:
            return self._unattempted(change, OutcomeKind.NOT_ATTEMPTED, str(error))
        match _standing(change.subject, live):
            case Standing.AS_BEFORE:
                return self._write(change, live)
            case Standing.AS_DESIRED if live is not None:
                return self._adopt(change, live)
            case _:
                return self._unattempted(change, OutcomeKind.CONFLICT, _moved(change.subject, live))

    def _write(self, change: Create | Update, live: Schema | None) -> Outcome:
        intent = self._intent(change, live)
        number = self.journal.intend(intent, self._entry(change, _INTENDED[type(change)], None))
        self.progress.begin(change)
        started = self.clock.monotonic()
        written = self._carried_out(change, live)
        outcome = Outcome(
            change=change,
            kind=written.kind,
            detail=written.detail,
            fields=written.fields,
            blocked=written.blocked,
            latency_ms=round((self.clock.monotonic() - started) * 1000),
        )
        self._settle(number, intent, outcome, written)
        self.progress.end(outcome)
        return outcome

    def _carried_out(self, change: Create | Update, live: Schema | None) -> Written:
        write = Write(
            change=change,
            live=live,
            writer=self.writer,
            clock=self.clock,
            retry=self.retry,
            lag_reads=self.lag_reads,
        )
        try:
            return write.carry_out()
        except (Interrupted, StateError) as stop:  # the intent stays open: the next run looks first
            unknown = Outcome(change=change, kind=OutcomeKind.UNKNOWN, detail=str(stop))
            self.journal.record(self._outcome_entry(unknown))
            raise

    def _settle(self, number: int, intent: Intent, outcome: Outcome, written: Written) -> None:
        entry = self._outcome_entry(outcome)
        if outcome.kind is OutcomeKind.UNKNOWN:
            self.journal.record(entry)  # the intent stays open: the next run looks again
            return
        verified = written.verified
        event = intent.announcement(verified, self.clock.now()) if verified else None
        self.journal.settle(number, entry, event)

    def _adopt(self, change: Create | Update, live: Schema) -> Outcome:
        outcome = Outcome(
            change=change, kind=OutcomeKind.ADOPTED, detail="it was there already, equal"
        )
        self.journal.adopt(
            self._outcome_entry(outcome),
            self._intent(change, live).announcement(live, self.clock.now()),
            self.webhooks,
        )
        self.progress.end(outcome)
        return outcome

    def _unattempted(self, change: Create | Update, kind: OutcomeKind, detail: str) -> Outcome:
        outcome = Outcome(change=change, kind=kind, detail=detail)
        self.journal.record(self._outcome_entry(outcome))
        self.progress.end(outcome)
        return outcome

    def _nothing_done(self, change: Skip | Blocked) -> Entry:
        blocked = isinstance(change, Blocked)
        event = Event.SCHEMA_EXTENSION_BLOCKED if blocked else Event.SCHEMA_EXTENSION_SKIPPED
        status = Status.FAILED if blocked else Status.SUCCESS
        entry = self._entry(change, event, status)
        return replace(entry, detail=str(change.reason))

    def _outcome_entry(self, outcome: Outcome) -> Entry:
        event = _ENDED[type(outcome.change)]
        if outcome.kind is OutcomeKind.ADOPTED:
            event = Event.SCHEMA_EXTENSION_ADOPTED
        if outcome.blocked is not None:
            event = Event.SCHEMA_EXTENSION_BLOCKED
        detail = f"{outcome.kind}: {outcome.detail}" if outcome.detail else str(outcome.kind)
        verified = outcome.kind.verified
        return replace(
            self._entry(outcome.change, event, _status(outcome.kind)),
            after_digest=outcome.change.subject.desired.fingerprint() if verified else None,
            latency_ms=outcome.latency_ms,
            detail=detail,
        )

    def _entry(self, change: Change, event: Event, status: Status | None) -> Entry:
        subject = change.subject
        return replace(
            self.run.entry(event, self.clock.now(), status),
            tenant=subject.tenant,
            schema_id=subject.schema_id,
            attributes_count=len(subject.desired.attributes),
            change=subject.id,
            before_digest=subject.live_fingerprint,
        )

    def _intent(self, change: Create | Update, live: Schema | None) -> Intent:
        subject = change.subject
        return Intent(
            tenant=subject.tenant,
            base_url=self.base_url,
            change=subject.id,
            schema_id=subject.schema_id,
            target_system=self.target_system,
            manages=subject.extension.manages,
            desired=subject.desired,
            before=subject.live_fingerprint or ABSENT,
            live_before=live.attribute_names if live else (),
            run_id=self.run.id,
            commit=self.run.commit,
            webhooks=self.webhooks,
        )


_INTENDED = {
    Create: Event.SCHEMA_EXTENSION_CREATE_INTENDED,
    Update: Event.SCHEMA_EXTENSION_UPDATE_INTENDED,
}
_ENDED = {
    Create: Event.SCHEMA_EXTENSION_CREATED,
    Update: Event.SCHEMA_EXTENSION_UPDATED,
}


def _status(kind: OutcomeKind) -> Status:
    if kind is OutcomeKind.UNKNOWN:
        return Status.UNKNOWN
    return Status.SUCCESS if kind.verified else Status.FAILED


def _standing(subject: Subject, live: Schema | None) -> Standing:
    return standing(
        live,
        desired=subject.desired,
        manages=subject.extension.manages,
        before=subject.live_fingerprint or ABSENT,
    )


def _moved(subject: Subject, live: Schema | None) -> str:
    if live is None:
        return "the schema was there when it was planned and is gone now; plan again"
    view = managed_view(live, subject.desired, subject.extension.manages)
    fields = ", ".join(d.path for d in differences(view, subject.desired))
    return f"live changed after it was planned, and differs from the manifest: {fields}; plan again"
