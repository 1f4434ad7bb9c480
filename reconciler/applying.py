"""Use case: carry out one tenant's plan, one change at a time.

INTENT is durable before the request, OUTCOME after the verification; the first failure stops the
rest of the tenant. A journal that cannot be written ends the run before the next request.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import assert_never

from reconciler.domain.diff import Standing, differences, managed_view, standing
from reconciler.domain.manifest import Tenant
from reconciler.domain.outcome import Outcome, OutcomeKind
from reconciler.domain.plan import Blocked, Change, Create, Skip, Subject, TenantPlan, Update
from reconciler.domain.records import Entry, Event, Intent, Status
from reconciler.domain.redaction import Redaction
from reconciler.domain.scim import ABSENT, Schema, fold
from reconciler.errors import Interrupted, StateError, TenantError
from reconciler.ports import Retry, SchemaWriter
from reconciler.run_context import RunContext
from reconciler.writing import Write


@dataclass(frozen=True, slots=True, kw_only=True)
class Applying:
    """The means to carry out one tenant's plan; each outcome goes to the run's progress."""

    context: RunContext
    tenant: Tenant
    writer: SchemaWriter
    retry: Retry

    def apply(self, plan: TenantPlan) -> None:
        """Carry out the writes in the order of the plan; skips and blocks are recorded too."""
        writes: list[Create | Update] = []
        nothing_done: list[Entry] = []
        for change in plan.changes:
            match change:
                case Skip(reason=reason):
                    event = Event.SCHEMA_EXTENSION_SKIPPED
                    entry = self._entry(change, event, Status.SUCCESS)
                    nothing_done.append(replace(entry, detail=str(reason)))
                case Blocked(reason=reason):
                    event = Event.SCHEMA_EXTENSION_BLOCKED
                    entry = self._entry(change, event, Status.FAILED)
                    nothing_done.append(replace(entry, detail=str(reason)))
                case Create() | Update():
                    writes.append(change)
                case _:
                    assert_never(change)
        if nothing_done:  # a tenant in sync, as nearly all are, costs one transaction
            self.context.journal.record_all(nothing_done)
        self._warn_of_unbound(self._carry_out_all(writes, plan.live_ids))

    def _carry_out_all(
        self, writes: Iterable[Create | Update], live_ids: tuple[str, ...]
    ) -> tuple[Subject, ...]:
        """Carry out the writes until one fails; the subjects whose schema is there as desired.

        `live_ids` are the ids of all schemas that were live before the first.
        """
        verified: list[Subject] = []
        failed: Outcome | None = None
        for write in writes:
            self.context.clock.check()
            if failed is None:
                ids = (*live_ids, *(subject.schema_id for subject in verified))
                beside = tuple(each for each in ids if fold(each) != write.subject.desired.key)
                outcome = self._carry_out(write, beside)
            else:
                detail = (
                    f"{failed.change.subject.schema_id} before it ended as {failed.kind}, and "
                    "nothing more is written to the tenant in this run"
                )
                outcome = self._unattempted(write, OutcomeKind.NOT_ATTEMPTED, detail)
            self.context.progress.end(outcome)
            if outcome.kind.verified:
                verified.append(write.subject)
            else:
                failed = failed or outcome
        return tuple(verified)

    def _warn_of_unbound(self, verified: Iterable[Subject]) -> None:
        """Warn of a new schema that no resource type names: no user can hold a value of it."""
        # docs/decisions.md, "Bindings are looked at after a create, once a tenant"
        made = [subject for subject in verified if subject.live_fingerprint == ABSENT]
        bound = self.writer.bindings() if made else None
        if bound is None:
            return
        for subject in made:
            kind = subject.extension.resource_type
            if subject.desired.key not in bound.get(fold(kind), ()):
                self.context.progress.warn(
                    f"{subject.tenant}: {subject.schema_id} is there, and /ResourceTypes does not "
                    f"name it for {kind}: no {kind} can hold a value before the service binds it"
                )

    def _carry_out(self, change: Create | Update, beside: tuple[str, ...]) -> Outcome:
        subject = change.subject
        # What was planned as absent is in no list; of all else a list may show what ids deny.
        look = self.writer.read if isinstance(change, Create) else self.writer.find
        try:
            live = look(subject.schema_id)
        except TenantError as error:
            return self._unattempted(change, OutcomeKind.NOT_ATTEMPTED, str(error))
        now = standing(
            live,
            desired=subject.desired,
            manages=subject.extension.manages,
            before=subject.live_fingerprint or ABSENT,
        )
        match now:
            case Standing.AS_BEFORE:
                return self._write(change, live, beside)
            case Standing.AS_DESIRED if live is not None:
                return self._adopt(change, live)
            case _:
                moved = _moved(subject, live, self.writer.redaction)
                return self._unattempted(change, OutcomeKind.CONFLICT, moved)

    def _write(
        self, change: Create | Update, live: Schema | None, beside: tuple[str, ...]
    ) -> Outcome:
        intent = self._intent(change, live)
        intended = self._entry(change, _INTENDED[type(change)], None)
        number = self.context.journal.intend(intent, intended)
        self.context.progress.begin(change)
        write = Write(
            context=self.context,
            tenant=self.tenant,
            writer=self.writer,
            retry=self.retry,
            change=change,
            live=live,
            intent=number,
            beside=beside,
        )
        try:
            last = write.carry_out()
        except (Interrupted, StateError) as stop:
            # docs/decisions.md, "An unknown outcome leaves its intent open": the next run looks.
            unknown = Outcome(change=change, kind=OutcomeKind.UNKNOWN, detail=str(stop))
            self.context.journal.record(self._outcome_entry(unknown))
            raise
        entry = self._outcome_entry(last.outcome)
        if last.outcome.kind is OutcomeKind.UNKNOWN:  # its intent stays open, as above
            self.context.journal.record(entry)
        else:
            proof = last.live if last.outcome.kind.verified else None
            event = intent.announcement(proof, self.context.clock.now()) if proof else None
            self.context.journal.settle(number, entry, event)
        return last.outcome

    def _adopt(self, change: Create | Update, live: Schema) -> Outcome:
        outcome = Outcome(
            change=change, kind=OutcomeKind.ADOPTED, detail="it was there already, equal"
        )
        intent = self._intent(change, live)
        self.context.journal.adopt(
            self._outcome_entry(outcome),
            intent.announcement(live, self.context.clock.now()),
            intent.webhooks,
        )
        return outcome

    def _unattempted(self, change: Create | Update, kind: OutcomeKind, detail: str) -> Outcome:
        outcome = Outcome(change=change, kind=kind, detail=detail)
        self.context.journal.record(self._outcome_entry(outcome))
        return outcome

    def _outcome_entry(self, outcome: Outcome) -> Entry:
        event = _ENDED[type(outcome.change)]
        if outcome.kind is OutcomeKind.ADOPTED:
            event = Event.SCHEMA_EXTENSION_ADOPTED
        if outcome.blocked is not None:
            event = Event.SCHEMA_EXTENSION_BLOCKED
        detail = f"{outcome.kind}: {outcome.detail}" if outcome.detail else str(outcome.kind)
        verified = outcome.kind.verified
        if outcome.kind is OutcomeKind.UNKNOWN:
            status = Status.UNKNOWN
        else:
            status = Status.SUCCESS if verified else Status.FAILED
        return replace(
            self._entry(outcome.change, event, status),
            after_digest=outcome.change.subject.desired.fingerprint() if verified else None,
            latency_ms=outcome.latency_ms,
            detail=detail,
        )

    def _entry(self, change: Change, event: Event, status: Status | None) -> Entry:
        subject = change.subject
        return replace(
            self.context.entry(event, status),
            tenant=subject.tenant,
            schema_id=subject.schema_id,
            attributes_count=len(subject.desired.attributes),
            change=subject.id,
            before_digest=subject.live_fingerprint,
        )

    def _intent(self, change: Create | Update, live: Schema | None) -> Intent:
        subject, redaction = change.subject, self.writer.redaction
        own = subject.desired.text()
        return Intent(
            tenant=subject.tenant,
            base_url=self.tenant.base_url,
            change=subject.id,
            schema_id=subject.schema_id,
            target_system=self.tenant.target_system or self.tenant.dialect.target_system,
            manages=subject.extension.manages,
            desired=subject.desired,
            before=subject.live_fingerprint or ABSENT,
            live_before=live and live.hiding(lambda document: redaction.value(document, own=own)),
            run_id=self.context.run.id,
            commit=self.context.run.commit,
            webhooks=tuple(webhook.url for webhook in self.tenant.webhooks),
        )


_INTENDED = {
    Create: Event.SCHEMA_EXTENSION_CREATE_INTENDED,
    Update: Event.SCHEMA_EXTENSION_UPDATE_INTENDED,
}
_ENDED = {
    Create: Event.SCHEMA_EXTENSION_CREATED,
    Update: Event.SCHEMA_EXTENSION_UPDATED,
}


def _moved(subject: Subject, live: Schema | None, redaction: Redaction) -> str:
    if live is None:
        return "the schema was there when it was planned and is gone now; plan again"
    view = managed_view(live, subject.desired, subject.extension.manages)
    paths = (difference.path for difference in differences(view, subject.desired))
    fields = ", ".join(redaction.texts(paths, own=subject.desired.text()))
    return f"live changed after it was planned, and differs from the manifest: {fields}; plan again"
