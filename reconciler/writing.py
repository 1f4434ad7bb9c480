"""One write, from the request to what a read by id proves: the only loop that sends a write again.

Sent again only after a GET by id has shown that it was not done.
"""

from dataclasses import dataclass

from reconciler.domain.blocking import BlockReason
from reconciler.domain.body import create_body, patch_body, update_body
from reconciler.domain.dialect import Meaning, UpdateStrategy
from reconciler.domain.diff import Standing, differences, managed_view, standing, vanished
from reconciler.domain.http_reply import Applied, Next
from reconciler.domain.outcome import OutcomeKind, gone
from reconciler.domain.plan import Create, Update
from reconciler.domain.scim import ABSENT, Schema
from reconciler.errors import Interrupted, StateError, TenantError
from reconciler.ports import Clock, Retry, SchemaWriter, WriteResult

LAG_PAUSE = 2.0  # seconds between the reads that wait for a service to show what it has accepted


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """How a write ended. `verified` is the live schema that proves it, where one does."""

    kind: OutcomeKind
    detail: str = ""
    verified: Schema | None = None
    fields: tuple[str, ...] = ()
    blocked: BlockReason | None = None
    wait: float | None = None  # set where it is proved undone and may be sent again
    live: Schema | None = None  # what a write that is sent again starts from


@dataclass(frozen=True, slots=True, kw_only=True)
class Write:
    """One planned change, the live schema it starts from, and the means to carry it out."""

    change: Create | Update
    live: Schema | None
    writer: SchemaWriter
    clock: Clock
    retry: Retry
    lag_reads: int

    def carry_out(self) -> Written:
        """Send, read back and compare, within the patience of `retry`. Never raises TenantError.

        Raises Interrupted and StateError, the ends of a run, only where a request was sent and
        nothing has proved yet what it did.
        """
        sent: list[WriteResult] = []
        undone: list[Written] = [Written(kind=OutcomeKind.NOT_APPLIED, detail=_NEVER_SENT)]

        def attempt() -> Written:
            live = self.live
            if sent:
                before_again = self._proof(sent[-1])
                if before_again.wait is None:
                    return before_again
                live = before_again.live  # others may have added to it meanwhile
            self.clock.check()
            undone.clear()
            sent.append(self._send(live))
            written = self._after(sent[-1])
            if written.wait is not None:
                undone.append(written)
            return written

        try:
            return self.retry(attempt, lambda written: written.wait)
        except (Interrupted, StateError):
            if not undone:
                raise
            return undone[0]

    def _send(self, live: Schema | None) -> WriteResult:
        subject = self.change.subject
        if isinstance(self.change, Create) or live is None:
            return self.writer.create(create_body(subject.desired))
        if self.change.by is UpdateStrategy.PATCH:
            return self.writer.patch(live, patch_body(live, subject.desired, self.change.path))
        body = update_body(live, subject.desired, subject.extension.manages)
        return self.writer.replace(live, body)

    def _after(self, result: WriteResult) -> Written:
        match result.verdict.next:
            case Next.VERIFY | Next.READ:
                return self._proof(result)
            case Next.RETRY:
                return Written(
                    kind=OutcomeKind.NOT_APPLIED,
                    detail=result.message,
                    wait=result.retry_after or 0.0,
                )
            case Next.STOP | Next.RENEW_TOKEN:
                return Written(
                    kind=OutcomeKind.NOT_APPLIED,
                    detail=result.message,
                    blocked=_BLOCKS.get(result.means) if result.means else None,
                )

    def _proof(self, result: WriteResult) -> Written:
        """What reading by id says after a write that was claimed, refused as there, or lost."""
        try:
            live, where = self._read_patiently(result)
        except TenantError as error:
            return Written(
                kind=OutcomeKind.UNKNOWN,
                detail=f"{result.message}; reading it back failed as well: {error}",
            )
        if live is not None and (lost := self._gone(live)):
            return lost
        match where:
            case Standing.AS_DESIRED:
                return Written(kind=_there(result), verified=live)
            case Standing.AS_BEFORE:
                return self._undone(result, live)
            case Standing.OTHER:
                return self._other(result, live)

    def _read_patiently(self, result: WriteResult) -> tuple[Schema | None, Standing]:
        """Read by id; where the service is known to lag, a few times before it is believed."""
        live, where = self._read()
        for _ in range(self.lag_reads):
            if where is Standing.AS_DESIRED or result.verdict.next is Next.RETRY:
                break
            self.clock.sleep(LAG_PAUSE)
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

    def _gone(self, live: Schema) -> Written | None:
        """A conflict where an attribute that was live before is not any more; whoever did it."""
        names = vanished(self.live.attribute_names if self.live else (), live)
        if not names:
            return None
        return Written(kind=OutcomeKind.CONFLICT, detail=gone(names), fields=names)

    def _undone(self, result: WriteResult, live: Schema | None) -> Written:
        match result.verdict.next:
            case Next.VERIFY if isinstance(self.change, Create):
                return Written(
                    kind=OutcomeKind.UNKNOWN,
                    detail=f"{result.message}, and reading it back finds nothing; "
                    "the next run looks again",
                )
            case Next.VERIFY:
                return self._other(result, live)
            case _ if result.means is Meaning.EXISTS:
                return Written(
                    kind=OutcomeKind.NOT_APPLIED,
                    detail=f"{result.message}, yet reading by id finds nothing new; "
                    "look for another schema with the same name",
                )
            case _:
                return Written(
                    kind=OutcomeKind.NOT_APPLIED,
                    detail=result.message,
                    wait=result.retry_after or 0.0,
                    live=live,
                )

    def _other(self, result: WriteResult, live: Schema | None) -> Written:
        subject = self.change.subject
        if live is None:
            return Written(
                kind=OutcomeKind.CONFLICT, detail="somebody deleted the schema meanwhile"
            )
        view = managed_view(live, subject.desired, subject.extension.manages)
        fields = tuple(d.path for d in differences(view, subject.desired))
        if result.verdict.next is Next.VERIFY:
            return Written(
                kind=OutcomeKind.IGNORED_BY_SERVER,
                detail=f"{result.message}, and the service kept something else: "
                + ", ".join(fields),
                fields=fields,
            )
        return Written(
            kind=OutcomeKind.CONFLICT,
            detail=f"{result.message}; live differs from the plan and from the manifest: "
            + ", ".join(fields),
            fields=fields,
        )


_BLOCKS = {
    Meaning.UNSUPPORTED: BlockReason.UNSUPPORTED,
    Meaning.LIMIT_REACHED: BlockReason.EXTENSION_LIMIT,
}
_NEVER_SENT = "the run was asked to stop before it was sent"


def _there(result: WriteResult) -> OutcomeKind:
    """Ours only where the request may have been done; a refused one found somebody else's."""
    ours = result.verdict.applied is not Applied.NO
    return OutcomeKind.APPLIED if ours else OutcomeKind.ADOPTED
