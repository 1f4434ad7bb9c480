"""Use case: carry out one tenant's plan, one change at a time.

INTENT is durable before the request, OUTCOME after the verification; the first failure stops the
rest of the tenant. A journal that cannot be written ends the run before the next request.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import assert_never

from reconciler.announcing import Announcing, Verified, in_little_memory, intent_of
from reconciler.domain.diff import Standing, standing
from reconciler.domain.freeze import Frozen, frozen_at
from reconciler.domain.manifest import Tenant
from reconciler.domain.outbox import Awaited
from reconciler.domain.outcome import Outcome, OutcomeKind, in_freeze
from reconciler.domain.plan import (
    Blocked,
    Change,
    Create,
    Skip,
    Subject,
    TenantPlan,
    Update,
    is_in_sync,
)
from reconciler.domain.records import Entry, Event, HrEvent, Intent, Status
from reconciler.domain.redaction import Redaction
from reconciler.domain.scim import ABSENT, Schema, fold
from reconciler.domain.searching import names_in, new_names
from reconciler.errors import Interrupted, StateError, TenantError
from reconciler.occurrences import ChangeBegun, ChangeEnded
from reconciler.ports import Retry, SchemaWriter
from reconciler.run_context import RunContext
from reconciler.writing import Write

_End = tuple[Outcome, Verified | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Applying:
    """The means to carry out one tenant's plan; each outcome goes to the run's progress.

    `wave` is the number of its wave, in a run that has waves.
    """

    context: RunContext
    tenant: Tenant
    writer: SchemaWriter
    retry: Retry
    announcing: Announcing
    wave: int | None = None

    def apply(self, plan: TenantPlan) -> None:
        """Carry out the writes in the order of the plan; skips and blocks are recorded too.

        What is verified is announced when all writes are done, and what is in sync with it.
        """
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
        in_sync = [change.subject for change in plan.changes if is_in_sync(change)]
        wanted = [*in_sync, *(write.subject for write in writes)]
        self.context.journal.keep_schemas([subject.extension for subject in wanted])
        if nothing_done:  # a tenant in sync, as nearly all are, costs one transaction
            self.context.journal.record_all(nothing_done)
        verified: list[Verified] = []
        try:
            verified.extend(in_little_memory(self._carry_out_all(writes, plan.live_ids)))
        except Interrupted:
            self.announcing.announce(verified)  # it reads, and a signal lets nothing else leave
            raise
        self.announcing.announce(verified, in_sync)

    def _carry_out_all(
        self, writes: Iterable[Create | Update], live_ids: Iterable[str]
    ) -> Iterator[Verified]:
        """Carry out the writes until one fails or a freeze begins; give those that are verified.

        `live_ids` are the ids of all schemas that were live before the first.
        """
        obstacle: str | None = None
        ids = [*live_ids]
        for write in writes:
            self.context.clock.check()
            proof = None
            if obstacle is None and (frozen := self.context.frozen(self.tenant)) is not None:
                obstacle = in_freeze(self.tenant.name, str(frozen))
            if obstacle is None:
                beside = tuple(each for each in ids if fold(each) != write.subject.desired.key)
                outcome, proof = self._carry_out(write, beside)
                ids += [proof.intent.schema_id] if proof else []
                if not outcome.kind.verified:
                    obstacle = (
                        f"{write.subject.id} before it ended as {outcome.kind}, and "
                        "nothing more is written to the tenant in this run"
                    )
            else:
                outcome = self._unattempted(write, OutcomeKind.NOT_ATTEMPTED, obstacle)
            self.context.progress.end(outcome)
            self.context.observe(ChangeEnded(outcome))
            if proof:
                yield proof

    def _carry_out(self, change: Create | Update, beside: tuple[str, ...]) -> _End:
        subject = change.subject
        # What was planned as absent is in no list; of all else a list may show what ids deny.
        look = self.writer.read if isinstance(change, Create) else self.writer.find
        try:
            live = look(subject.schema_id)
        except TenantError as error:
            return self._unattempted(change, OutcomeKind.NOT_ATTEMPTED, str(error)), None
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
                return self._unattempted(change, OutcomeKind.CONFLICT, moved), None

    def _write(self, change: Create | Update, live: Schema | None, beside: tuple[str, ...]) -> _End:
        if (frozen := self.context.frozen(self.tenant)) is not None:  # reading may have taken long
            detail = in_freeze(self.tenant.name, str(frozen))
            return self._unattempted(change, OutcomeKind.NOT_ATTEMPTED, detail), None
        intent = intent_of(self.context, self.tenant, change.subject, live, self.writer.redaction)
        intended = self._entry(change, _INTENDED[type(change)], None)
        lifted = frozen_at(self.tenant.freeze, self.context.clock.now())
        number = self.context.journal.intend(intent, intended)
        self.context.progress.begin(change)
        self.context.observe(ChangeBegun(change))
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
            self.context.journal.record(self._outcome_entry(unknown, lifted))
            raise
        entry = self._outcome_entry(last.outcome, lifted)
        if last.outcome.kind is OutcomeKind.UNKNOWN:  # its intent stays open, as above
            self.context.journal.record(entry)
        else:
            proof = last.live if last.outcome.kind.verified else None
            if proof is None:
                self.context.journal.settle(number, entry, None)
                return last.outcome, None
            new = new_names(change.subject.desired, live)
            verified = self._verified(change, intent, proof, entry, new)
            self.context.journal.settle(number, entry, self._event(verified))
            return last.outcome, verified
        return last.outcome, None

    def _event(self, verified: Verified) -> HrEvent | Awaited:
        """The event of a verified change, or else what it may have to wait for."""
        waits = self.announcing.awaited
        return waits or self.announcing.event(verified.intent, verified.live, verified.at)

    def _verified(
        self,
        change: Create | Update,
        intent: Intent,
        live: Schema,
        entry: Entry,
        new: tuple[str, ...],
    ) -> Verified:
        return Verified(
            intent=intent,
            held=live,
            at=self.context.clock.now(),
            since=self.context.clock.monotonic(),
            new=new,
            resource_type=change.subject.extension.binding_type,
            entry=entry,
            announced=self.announcing.awaited is None,
        )

    def _adopt(self, change: Create | Update, live: Schema) -> _End:
        outcome = Outcome(
            change=change, kind=OutcomeKind.ADOPTED, detail="it was there already, equal"
        )
        intent = intent_of(self.context, self.tenant, change.subject, live, self.writer.redaction)
        entry = self._outcome_entry(outcome)
        # Nobody knows when they came, so that all of its attributes are new.
        names = names_in(change.subject.desired)
        verified = self._verified(change, intent, live, entry, names)
        self.context.journal.adopt(entry, self._event(verified), intent.webhooks)
        return outcome, verified

    def _unattempted(self, change: Create | Update, kind: OutcomeKind, detail: str) -> Outcome:
        outcome = Outcome(change=change, kind=kind, detail=detail)
        self.context.journal.record(self._outcome_entry(outcome))
        return outcome

    def _outcome_entry(self, outcome: Outcome, lifted: Frozen | None = None) -> Entry:
        """The entry of an outcome; `lifted` is the freeze that it was written in on purpose."""
        event = _ENDED[type(outcome.change)]
        if outcome.kind is OutcomeKind.ADOPTED:
            event = Event.SCHEMA_EXTENSION_ADOPTED
        if outcome.blocked is not None:
            event = Event.SCHEMA_EXTENSION_BLOCKED
        detail = f"{outcome.kind}: {outcome.detail}" if outcome.detail else str(outcome.kind)
        if self.wave is not None:
            detail += f"; in wave {self.wave}"
        if lifted is not None:
            detail += f"; written with --during-freeze, {lifted}"
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
    fields = ", ".join(subject.paths(live, redaction))
    return f"live changed after it was planned, and differs from the manifest: {fields}; plan again"
