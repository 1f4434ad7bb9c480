"""One write, from the request to what a read by id proves: the only loop that sends a write again.

Sent again only after a GET by id has shown that it was not done.
"""

from dataclasses import dataclass, replace

from reconciler.domain.blocking import BlockReason
from reconciler.domain.body import create_body, patch_body, update_body
from reconciler.domain.dialect import Meaning, UpdateStrategy
from reconciler.domain.diff import Standing, differences, managed_view, standing, vanished
from reconciler.domain.http_reply import Applied, Next
from reconciler.domain.manifest import Tenant
from reconciler.domain.outcome import Outcome, OutcomeKind, gone
from reconciler.domain.plan import Create, Update
from reconciler.domain.scim import ABSENT, Schema
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
class Write:
    """One planned change, the live schema it starts from, and the means to carry it out."""

    context: RunContext
    tenant: Tenant
    writer: SchemaWriter
    retry: Retry
    change: Create | Update
    live: Schema | None

    def carry_out(self) -> WriteAttempt:
        """Send, read back and compare, within the patience of `retry`. Never raises TenantError.

        Raises Interrupted and StateError, the ends of a run, only where a request was sent and
        nothing has proved yet what it did.
        """
        started = self.context.clock.monotonic()
        sent: list[WriteResult] = []
        undone: list[WriteAttempt] = [self._ended(OutcomeKind.NOT_APPLIED, _NEVER_SENT)]

        def attempt() -> WriteAttempt:
            live = self.live
            if sent:
                before_again = self._proof(sent[-1])
                if before_again.wait is None:
                    return before_again
                # docs/decisions.md, "An update that is sent again starts from what is live then"
                live = before_again.live
            self.context.clock.check()
            undone.clear()
            sent.append(self._send(live))
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
    ) -> WriteAttempt:
        """An attempt after which the write is not sent again."""
        outcome = Outcome(
            change=self.change, kind=kind, detail=detail, fields=fields, blocked=blocked
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

    def _after(self, result: WriteResult) -> WriteAttempt:
        match result.verdict.next:
            case Next.VERIFY | Next.READ:
                return self._proof(result)
            case Next.RETRY:
                return self._undone(result)
            case Next.STOP | Next.RENEW_TOKEN:
                blocked = _BLOCKS.get(result.means) if result.means else None
                return self._ended(OutcomeKind.NOT_APPLIED, result.message, blocked=blocked)

    def _proof(self, result: WriteResult) -> WriteAttempt:
        """Judge by a read by id a write that was claimed, refused as there, or lost."""
        try:
            live, where = self._read_patiently(result)
        except TenantError as error:
            detail = f"{result.message}; reading it back failed as well: {error}"
            return self._ended(OutcomeKind.UNKNOWN, detail)
        before = self.live.attribute_names if self.live else ()
        # Ours or somebody else's, a loss comes before all else that the read shows.
        if live is not None and (names := vanished(before, live)):
            return self._ended(OutcomeKind.CONFLICT, gone(names), fields=names)
        match where:
            case Standing.AS_DESIRED:
                # docs/decisions.md, "A refused write that is found done is `adopted`"
                ours = result.verdict.applied is not Applied.NO
                kind = OutcomeKind.APPLIED if ours else OutcomeKind.ADOPTED
                return self._ended(kind, live=live)
            case Standing.AS_BEFORE:
                return self._as_before(result, live)
            case Standing.OTHER:
                return self._other(result, live)

    def _read_patiently(self, result: WriteResult) -> tuple[Schema | None, Standing]:
        """Read by id; where the service is known to lag, a few times before it is believed."""
        live, where = self._read()
        for _ in range(self.tenant.dialect.lag_reads):
            if where is Standing.AS_DESIRED or result.verdict.next is Next.RETRY:
                break
            self.context.wait_for_lag()
            live, where = self._read()
        return live, where

    def _read(self) -> tuple[Schema | None, Standing]:
        subject = self.change.subject
        live = self.writer.read(subject.schema_id)
        return live, standing(
            live,
            desired=subject.desired,
            manages=subject.extension.manages,
            before=subject.live_fingerprint or ABSENT,
        )

    def _as_before(self, result: WriteResult, live: Schema | None) -> WriteAttempt:
        match result.verdict.next:
            case Next.VERIFY if isinstance(self.change, Create):
                detail = f"{result.message}, and reading it back finds nothing; "
                return self._ended(OutcomeKind.UNKNOWN, detail + "the next run looks again")
            case Next.VERIFY:
                return self._other(result, live)
            case _ if result.means is Meaning.EXISTS:
                detail = f"{result.message}, yet reading by id finds nothing new; "
                detail += "look for another schema with the same name"
                return self._ended(OutcomeKind.NOT_APPLIED, detail)
            case _:
                return self._undone(result, live)

    def _other(self, result: WriteResult, live: Schema | None) -> WriteAttempt:
        subject = self.change.subject
        if live is None:
            detail = "somebody deleted the schema meanwhile"
            return self._ended(OutcomeKind.CONFLICT, detail)
        view = managed_view(live, subject.desired, subject.extension.manages)
        fields = tuple(d.path for d in differences(view, subject.desired))
        if result.verdict.next is Next.VERIFY:
            kind = OutcomeKind.IGNORED_BY_SERVER
            finding = f"{result.message}, and the service kept something else"
        else:
            kind = OutcomeKind.CONFLICT
            finding = f"{result.message}; live differs from the plan and from the manifest"
        return self._ended(kind, f"{finding}: {', '.join(fields)}", fields=fields)


_BLOCKS = {
    Meaning.UNSUPPORTED: BlockReason.UNSUPPORTED,
    Meaning.LIMIT_REACHED: BlockReason.EXTENSION_LIMIT,
}
_NEVER_SENT = "the run was asked to stop before it was sent"
