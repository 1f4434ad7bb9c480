"""One write, from the request to what a read by id proves: the only loop that sends a write again.

Sent again only after a GET by id has shown that it was not done.
"""

from dataclasses import dataclass, replace
from datetime import timedelta

from reconciler.domain.blocking import BlockReason
from reconciler.domain.body import create_body, patch_body, update_body
from reconciler.domain.dialect import Meaning, UpdateStrategy
from reconciler.domain.diff import (
    Harm,
    HarmKind,
    Observed,
    Standing,
    harms,
    standing,
)
from reconciler.domain.http_reply import Applied, Next
from reconciler.domain.manifest import Tenant
from reconciler.domain.outcome import (
    Outcome,
    OutcomeKind,
    foreign_message,
    harm_message,
    in_freeze,
)
from reconciler.domain.plan import Create, Update
from reconciler.domain.records import Confirmation
from reconciler.domain.scim import ABSENT, Schema, fold
from reconciler.errors import Interrupted, StateError, TenantError
from reconciler.ports import Retry, SchemaWriter, WriteResult
from reconciler.run_context import RunContext


@dataclass(frozen=True, slots=True, kw_only=True)
class WriteAttempt:
    """One attempt at a write: its outcome, and the live schema as it was read back last.

    `wait` is set where the write is proved undone and may be sent again, after so many seconds.
    """

    outcome: Outcome
    live: Schema | None = None
    wait: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """A write that was sent over the schema that was live then, and its answer.

    `shown_by` is set where the service says that a schema is made: when, by the monotonic clock, it
    has to show it at the latest.
    """

    over: Schema | None
    result: WriteResult
    shown_by: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Write:
    """One planned change, the live schema it starts from, and the means to carry it out.

    `intent` is the number under which the journal holds it, `beside` are the ids of the other
    schemas that are live, which an update has to leave where they are.
    """

    context: RunContext
    tenant: Tenant
    writer: SchemaWriter
    retry: Retry
    change: Create | Update
    live: Schema | None
    intent: int
    beside: tuple[str, ...] = ()

    def carry_out(self) -> WriteAttempt:
        """Send, read back and compare, within the patience of `retry`. Never raises TenantError.

        Raises Interrupted and StateError, the ends of a run, only where a request was sent and
        nothing has proved yet what it did.
        """
        started = self.context.clock.monotonic()
        sent: list[Sent] = []
        undone: list[WriteAttempt] = [self._ended(OutcomeKind.NOT_APPLIED, _NEVER_SENT)]

        def attempt() -> WriteAttempt:
            live = self.live
            if sent:
                before_again = self._proof(sent[-1])
                if before_again.wait is None:
                    return before_again
                if (frozen := self.context.frozen(self.tenant)) is not None:
                    detail = (
                        f"{before_again.outcome.detail}; {in_freeze(self.tenant.name, str(frozen))}"
                    )
                    return self._ended(OutcomeKind.NOT_APPLIED, detail)
                # docs/decisions.md, "An update that is sent again starts from what is live then"
                live = before_again.live
            self.context.clock.check()
            undone.clear()
            result = self._send(live)
            sent.append(Sent(over=live, result=result, shown_by=self._shown_by(result, started)))
            made = self._after(sent[-1])
            if made.wait is not None:
                undone.append(made)
            return made

        try:
            last = self.retry(attempt, lambda made: made.wait)
        except (Interrupted, StateError):
            if not undone:
                raise
            last = undone[0]
        latency_ms = round((self.context.clock.monotonic() - started) * 1000)
        return replace(last, outcome=replace(last.outcome, latency_ms=latency_ms))

    def _ended(
        self,
        kind: OutcomeKind,
        detail: str = "",
        *,
        fields: tuple[str, ...] = (),
        blocked: BlockReason | None = None,
        live: Schema | None = None,
        waited: float = 0.0,
    ) -> WriteAttempt:
        """An attempt after which the write is not sent again."""
        outcome = Outcome(
            change=self.change,
            kind=kind,
            detail=detail,
            fields=fields,
            blocked=blocked,
            waited=waited,
        )
        return WriteAttempt(outcome=outcome, live=live)

    def _undone(self, result: WriteResult, live: Schema | None = None) -> WriteAttempt:
        """An attempt that is proved undone: the write may be sent again, over that live schema."""
        outcome = Outcome(change=self.change, kind=OutcomeKind.NOT_APPLIED, detail=result.message)
        return WriteAttempt(outcome=outcome, live=live, wait=result.retry_after or 0.0)

    def _send(self, live: Schema | None) -> WriteResult:
        subject = self.change.subject
        if isinstance(self.change, Create) or live is None:
            return self.writer.create(create_body(subject.desired))
        if self.change.by is UpdateStrategy.PATCH:
            return self.writer.patch(live, patch_body(live, subject.desired, self.change.path))
        body = update_body(live, subject.desired, subject.extension.manages)
        return self.writer.replace(live, body)

    def _shown_by(self, result: WriteResult, started: float) -> float | None:
        """Until when a schema that the service says it has made is waited for; noted durably."""
        if not isinstance(self.change, Create) or result.verdict.next is not Next.VERIFY:
            return None
        # docs/decisions.md, "A create that was confirmed is waited for to its deadline"
        ends = started + self.retry.deadline
        now, remaining = self.context.clock.now(), ends - self.context.clock.monotonic()
        until = now + timedelta(seconds=max(0.0, remaining))
        self.context.journal.confirm(self.intent, Confirmation(now, until))
        return ends

    def _after(self, sent: Sent) -> WriteAttempt:
        result = sent.result
        match result.verdict.next:
            case Next.VERIFY | Next.READ:
                return self._proof(sent)
            case Next.RETRY:
                return self._undone(result)
            case Next.STOP | Next.RENEW_TOKEN:
                blocked = _BLOCKS.get(result.means) if result.means else None
                return self._ended(OutcomeKind.NOT_APPLIED, result.message, blocked=blocked)

    def _proof(self, sent: Sent) -> WriteAttempt:
        """Judge by a read a write that was claimed, refused as there, or lost."""
        result = sent.result
        try:
            found = self._read_patiently(sent)
        except TenantError as error:
            detail = f"{result.message}; reading it back failed as well: {error}"
            return self._ended(OutcomeKind.UNKNOWN, detail)
        # Ours or somebody else's, a loss comes before all else that the read shows.
        if (conflict := self._conflict(sent, found)) is not None:
            return conflict
        match found.standing:
            case Standing.AS_DESIRED:
                # docs/decisions.md, "A refused write that is found done is `adopted`"
                ours = result.verdict.applied is not Applied.NO
                kind = OutcomeKind.APPLIED if ours else OutcomeKind.ADOPTED
                return self._ended(kind, live=found.live, waited=found.waited)
            case Standing.AS_BEFORE:
                return self._as_before(sent, found.live)
            case Standing.OTHER:
                return self._other(result, found.live)

    def _conflict(self, sent: Sent, found: Observed) -> WriteAttempt | None:
        """The end of a write that has cost others something, or that others have undone."""
        harmed = found.harms or self._lost_schemas(sent)
        stands = found.standing is Standing.AS_DESIRED
        refused = sent.result.verdict.next is Next.RETRY
        others = () if found.live is None or refused else sent.result.meanwhile(found.live)
        lost = [path for each in others for path in each.lost]
        if not harmed and not lost and (stands or not others):
            return None
        own, redaction = self.change.subject.desired.text(), self.writer.redaction
        fields = [".".join(redaction.parts(harm.steps, own=own)) for harm in harmed]
        details = [foreign_message(others, stands=stands)] if others else []
        details += [harm_message(harmed, redaction, own=own)] if harmed else []
        return self._ended(
            OutcomeKind.CONFLICT, "; ".join(details), fields=tuple(dict.fromkeys(lost + fields))
        )

    def _read_patiently(self, sent: Sent) -> Observed:
        """Read it; what may only be late, again before it is believed."""
        if sent.result.verdict.next is Next.RETRY:
            return self._read(sent)
        return self.context.read_patiently(
            lambda: self._read(sent),
            again=lambda found: found.standing is not Standing.AS_DESIRED or bool(found.harms),
            times=self.tenant.dialect.lag_reads,
            shown_by=sent.shown_by,
        )

    def _read(self, sent: Sent) -> Observed:
        subject = self.change.subject
        desired, manages = subject.desired, subject.extension.manages
        live = self.writer.find(subject.schema_id)
        before = subject.live_fingerprint or ABSENT
        found = standing(live, desired=desired, manages=manages, before=before)
        if live is None or sent.over is None:
            return Observed(live=live, standing=found)
        members = self.tenant.dialect.server_members
        done = found is Standing.AS_DESIRED and sent.result.stands
        harmed = harms(
            done or sent.over, live, desired=desired, manages=manages, server_members=members
        )
        return Observed(live=live, standing=found, harms=harmed)

    def _lost_schemas(self, sent: Sent) -> tuple[Harm, ...]:
        """The other schemas that are gone since an update, whatever became of it otherwise."""
        refused = sent.result.verdict.next is Next.RETRY  # by a service that wants no requests
        if isinstance(self.change, Create) or not self.beside or refused:
            return ()
        try:
            lost = self._missing()
        except TenantError as error:
            self.context.progress.warn(
                f"{self.change.subject.id}: an update was sent, and "
                f"whether the other schemas are still there is not known: {error}"
            )
            return ()
        return tuple(Harm((urn,), HarmKind.GONE) for urn in lost)

    def _missing(self) -> list[str]:
        """The ids that were live, and that neither the list nor a read by id shows any more."""
        listed = self.writer.read_all(()).ids
        unlisted = (urn for urn in self.beside if fold(urn) not in listed)
        return [urn for urn in unlisted if self.writer.read(urn) is None]

    def _as_before(self, sent: Sent, live: Schema | None) -> WriteAttempt:
        result = sent.result
        match result.verdict.next:
            case Next.VERIFY if isinstance(self.change, Create):
                detail = (
                    f"{result.message}, and neither a read by id nor the list shows it within "
                    f"{self.retry.deadline:g} s; the next run looks again; {LATE_ADVICE}, and "
                    "--retry-deadline is how long it is waited for"
                )
                return self._ended(OutcomeKind.UNKNOWN, detail)
            case Next.VERIFY:
                late = f"it is as it was before; {LATE_ADVICE}"
                return self._other(result, live, late)
            case _ if result.means is Meaning.EXISTS:
                detail = f"{result.message}, yet reading by id finds nothing new; "
                detail += f"look for another schema with the same name; {LATE_ADVICE}"
                return self._ended(OutcomeKind.NOT_APPLIED, detail)
            case _:
                return self._undone(result, live)

    def _other(self, result: WriteResult, live: Schema | None, advice: str = "") -> WriteAttempt:
        subject = self.change.subject
        if live is None:
            detail = "somebody deleted the schema meanwhile"
            return self._ended(OutcomeKind.CONFLICT, detail)
        fields = subject.paths(live, self.writer.redaction)
        if result.verdict.next is Next.VERIFY:
            kind = OutcomeKind.IGNORED_BY_SERVER
            finding = f"{result.message}, and the service kept something else"
        else:
            kind = OutcomeKind.CONFLICT
            finding = f"{result.message}; live differs from the plan and from the manifest"
        detail = f"{finding}: {', '.join(fields)}"
        return self._ended(kind, f"{detail}; {advice}" if advice else detail, fields=fields)


_BLOCKS = {
    Meaning.UNSUPPORTED: BlockReason.UNSUPPORTED,
    Meaning.LIMIT_REACHED: BlockReason.EXTENSION_LIMIT,
}
LATE_ADVICE = (
    "of a service that shows late what it has taken, lagReads in spec.capabilities says how late; "
    "doctor --probe-writes finds it out"
)
_NEVER_SENT = "the run was asked to stop before it was sent"
