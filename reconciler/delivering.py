"""Use case: send the webhooks that are due; what fails waits, what succeeds is recorded."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime

from reconciler.domain.outcome import Attempt, DeliverySummary, Waiting
from reconciler.domain.records import Entry, Event, Run, Status, rfc3339
from reconciler.ports import Clock, DeliveryResult, Notifier, Outbox, Pending
from reconciler.progress import Progress

Schedule = Callable[[int, DeliveryResult], datetime | None]  # attempts so far → due again, or never


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivering:
    """The means to drain the outbox; `tenants` whose rows are tried, None for every row.

    `progress` hears of each attempt as soon as it is recorded.
    """

    outbox: Outbox
    notifier: Notifier
    clock: Clock
    run: Run
    schedule: Schedule
    tenants: frozenset[str] | None = None
    progress: Progress = field(default_factory=Progress)

    def deliver(self, *, even_if_not_due: bool = False) -> DeliverySummary:
        """Try once each row that is due. At least once, never in place of a change's outcome."""
        return self._send(
            pending
            for pending in self.outbox.pending()
            if self.tenants is None or pending.tenant in self.tenants
            if even_if_not_due or self._is_due(pending)
        )

    def replay(self, told: Iterable[Pending]) -> DeliverySummary:
        """Try once more what was delivered or given up; where it fails, it stays what it was."""
        return self._send(told, over=True)

    def _send(self, rows: Iterable[Pending], *, over: bool = False) -> DeliverySummary:
        for pending in rows:
            attempt = _attempt(pending, self._try(pending, over=over))
            self.progress.attempts.append(attempt)
            if not attempt.delivered:
                self.clock.check()  # it may have been cut off by the signal
        return DeliverySummary.of(self.progress.attempts, waiting(self.outbox))

    def _is_due(self, pending: Pending) -> bool:
        """What was never tried waits for nothing, whichever way the clock was set since."""
        return pending.attempts == 0 or pending.due_at <= self.clock.now()

    def _try(self, pending: Pending, *, over: bool) -> DeliveryResult:
        self.clock.check()
        result = self.notifier.send(pending)
        if result.delivered:
            self.outbox.delivered(pending, self._entry(pending, result))
            return result
        no_more = over or result.gone
        due = None if no_more else self.schedule(pending.attempts + 1, result)
        if due is None and not over:
            result = replace(
                result, detail=f"{result.detail}; given up, only `webhooks replay` sends it"
            )
        self.outbox.failed(pending, self._entry(pending, result), due)
        return result

    def _entry(self, pending: Pending, result: DeliveryResult) -> Entry:
        status = Status.SYNCED if result.delivered else Status.FAILED
        return replace(
            self.run.entry(Event.HR_SYNC_COMPLETED, self.clock.now(), status),
            tenant=pending.tenant,
            schema_id=pending.schema_id,
            latency_ms=result.latency_ms,
            webhook_status=result.status,
            detail=f"{pending.event_id} to {pending.url}: {result.detail}",
        )


def waiting(outbox: Outbox) -> tuple[Waiting, ...]:
    """All that is still to be delivered, whoever's it is."""
    return tuple(
        Waiting(
            event_id=pending.event_id,
            tenant=pending.tenant,
            schema_id=pending.schema_id,
            url=pending.url,
            attempts=pending.attempts,
            due_at=rfc3339(pending.due_at),
        )
        for pending in outbox.pending()
    )


def _attempt(pending: Pending, result: DeliveryResult) -> Attempt:
    return Attempt(
        event_id=pending.event_id,
        tenant=pending.tenant,
        schema_id=pending.schema_id,
        url=pending.url,
        delivered=result.delivered,
        status=result.status,
        latency_ms=result.latency_ms,
        detail=result.detail,
    )
