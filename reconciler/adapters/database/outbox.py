"""Webhooks that wait: held with the intent, released or voided with the outcome."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import assert_never

from reconciler.adapters.database.connections import Question, Row, Step, Value
from reconciler.domain.outcome import Waiting
from reconciler.domain.records import AuditRecord, Entry, HrEvent, rfc3339
from reconciler.errors import StateError
from reconciler.ports import Due, Over, Pending, Queue, Wanted


class DeliveryState(StrEnum):
    """Where an outbox row stands."""

    HELD = "held"  # the change is not verified yet
    READY = "ready"
    DELIVERED = "delivered"
    VOID = "void"  # the change did not happen, or is announced to that URL already
    GIVEN_UP = "given-up"


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """A released outbox row as a person sees it; the body stays where it is.

    `last_status` is the HTTP code of the last attempt, None where there was no answer.
    """

    id: int
    tenant: str
    url: str
    schema_id: str
    event_id: str
    sequence: int
    state: DeliveryState
    attempts: int
    due_at: datetime | None
    last_status: int | None
    last_detail: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Backlog:
    """How many webhooks wait, and when the first is due, RFC 3339; None where none waits."""

    webhooks: int
    due_at: str | None


_HOLD = (
    "INSERT INTO outbox (intent_id, tenant, schema_id, url, state, attempts) "
    "VALUES (?, ?, ?, ?, 'held', 0)"
)
_HELD = "SELECT id, url FROM outbox WHERE intent_id = ? AND state = 'held' ORDER BY id"
_VOID = "UPDATE outbox SET state = 'void' WHERE id = ?"
_RELEASE = (
    "UPDATE outbox SET state = 'ready', event_id = ?, sequence = ?, body = ?, released_by = ?, "
    "due_at = ? WHERE id = ?"
)
_QUEUE = (
    "INSERT INTO outbox (event_id, sequence, body, released_by, due_at, tenant, schema_id, url, "
    "state, attempts) VALUES (?, ?, ?, ?, ?, ?, ?, ?, 'ready', 0)"
)
_SAME = "SELECT url, sequence, body FROM outbox WHERE event_id = ? ORDER BY id"
_LAST = "SELECT coalesce(max(sequence), 0) FROM outbox WHERE tenant = ?"
_NOT_PRUNED = "length(body) > 0"
_IN_ORDER = "ORDER BY released_by, id"
# What is released and not delivered or given up, in the order of the release; no bodies.
WAITING = Question(
    "SELECT id, event_id, tenant, schema_id, url, attempts, due_at FROM outbox "
    f"WHERE state = 'ready' {_IN_ORDER}"
)
BACKLOG = Question("SELECT count(*), min(due_at) FROM outbox WHERE state = 'ready'")
_ROWS = "SELECT id, tenant, url, event_id, schema_id, sequence, body, attempts FROM outbox"
# All that was ever released, in the order of the release.
RELEASED = Question(
    "SELECT id, tenant, url, schema_id, event_id, sequence, state, attempts, due_at, last_status, "
    f"last_detail FROM outbox WHERE event_id IS NOT NULL AND {_NOT_PRUNED} {_IN_ORDER}"
)
_IS_THERE = "SELECT 1 FROM outbox WHERE id = ?"
_DELIVERED = (
    "UPDATE outbox SET attempts = attempts + 1, last_status = ?, last_detail = ?, "
    "state = 'delivered', due_at = NULL, delivered_at = ? WHERE id = ?"
)
_PRUNE = (
    "UPDATE outbox SET body = ?, last_detail = NULL, delivered_at = NULL "
    "WHERE state = 'delivered' AND id IN ("  # inside, SQLite would look at all of that state
    "SELECT id FROM outbox WHERE delivered_at < ? ORDER BY delivered_at LIMIT ?)"
)
_FAILED = (
    "UPDATE outbox SET attempts = attempts + 1, last_status = ?, last_detail = ?, "
    "state = ?, due_at = ? WHERE id = ? AND state = 'ready'"
)


def hold(step: Step, *, intent_id: int, tenant: str, schema_id: str, urls: Iterable[str]) -> None:
    """One row per URL that says nothing yet."""
    for url in dict.fromkeys(urls):
        step.defer(_HOLD, intent_id, tenant, schema_id, url)


def held_by(intent_id: int) -> Question:
    """The question for the rows that an open intent holds, in the order they were given."""
    return Question(_HELD, (intent_id,))


def announced(event: HrEvent) -> tuple[Question, Question]:
    """The questions for who has heard of an event, and for the last place among its tenant's."""
    return Question(_SAME, (event.event_id,)), Question(_LAST, (event.tenant,))


@dataclass(frozen=True, slots=True, kw_only=True)
class Announcement:
    """An event as it is sent: one event has one place in the order and one body.

    `heard` are the URLs that have it already.
    """

    event: HrEvent
    sequence: int
    body: bytes
    heard: frozenset[str]

    @classmethod
    def of(cls, event: HrEvent, same: Sequence[Row], last: Sequence[Row]) -> "Announcement":
        """By the answers to `announced`: as it was sent before, or next in the order."""
        [(latest,)] = last
        sequence = same[0][1] if same else int(latest) + 1
        return cls(
            event=event,
            sequence=sequence,
            body=next((body for _, _, body in same if body), None) or event.body(sequence),
            heard=frozenset(url for url, _, _ in same),
        )

    def released(self, record: AuditRecord) -> tuple[Value, ...]:
        """Event id, sequence, body, release and when it is due."""
        return (
            self.event.event_id,
            self.sequence,
            self.body,
            record.seq,
            record.entry.timestamp,
        )


def release(
    step: Step, held: Iterable[Row], announcement: Announcement | None, record: AuditRecord
) -> None:
    """Make the held rows of an intent ready to be sent, or void where nothing is to be said."""
    for row_id, url in held:
        if announcement is not None and url not in announcement.heard:
            step.defer(_RELEASE, *announcement.released(record), row_id)
        else:
            step.defer(_VOID, row_id)


def queue(step: Step, announcement: Announcement, urls: Iterable[str], record: AuditRecord) -> None:
    """Ready rows for a change that no intent of ours led to."""
    event = announcement.event
    for url in dict.fromkeys(urls):
        if url not in announcement.heard:
            step.defer(_QUEUE, *announcement.released(record), event.tenant, event.schema.id, url)


def waiting_of(row: Row) -> Waiting:
    """What a row of WAITING holds."""
    row_id, event_id, tenant, schema_id, url, attempts, due_at = row
    return Waiting(
        event_id=event_id,
        tenant=tenant,
        schema_id=schema_id,
        url=url,
        attempts=attempts,
        due_at=rfc3339(_moment(due_at, row_id)),
    )


def queues(wanted: Wanted) -> Question:
    """The question for the queues with such rows, the one with the oldest release first.

    A row of it is a tenant, a URL and a number of rows.
    """
    condition, values = _condition(wanted)
    return Question(
        f"SELECT tenant, url, count(*) FROM outbox WHERE {condition} "
        "GROUP BY tenant, url ORDER BY min(released_by), tenant, url",
        values,
    )


def next_in(queue: Queue, wanted: Wanted, *, after: int, limit: int) -> Question:
    """The question for such rows of a queue, in the order of its events, beyond a place in it."""
    condition, values = _condition(wanted)
    return Question(
        f"{_ROWS} WHERE tenant = ? AND url = ? AND sequence > ? AND {condition} "
        "ORDER BY sequence LIMIT ?",
        (queue.tenant, queue.url, after, *values, limit),
    )


def _condition(wanted: Wanted) -> tuple[str, tuple[Value, ...]]:
    """What was never tried waits for nothing, whichever way the clock was set since."""
    match wanted:
        case Due(by):
            due = "state = 'ready' AND (attempts = 0 OR due_at <= ?)"
            return ("state = 'ready'", ()) if by is None else (due, (rfc3339(by),))
        case Over(event_id):
            over = f"event_id = ? AND state IN ('delivered', 'given-up') AND {_NOT_PRUNED}"
            return ("state = 'given-up'", ()) if event_id is None else (over, (event_id,))
        case _:
            assert_never(wanted)


def pending_of(row: Row) -> Pending:
    """What a row of `next_in` holds."""
    row_id, tenant, url, event_id, schema_id, sequence, body, attempts = row
    return Pending(
        id=row_id,
        tenant=tenant,
        url=url,
        event_id=event_id,
        schema_id=schema_id,
        sequence=sequence,
        body=body,
        attempts=attempts,
    )


def delivery_of(row: Row) -> Delivery:
    """What a row of RELEASED holds."""
    row_id, tenant, url, schema_id, event_id, sequence, state, attempts, due_at, *last = row
    return Delivery(
        id=row_id,
        tenant=tenant,
        url=url,
        schema_id=schema_id,
        event_id=event_id,
        sequence=sequence,
        state=DeliveryState(state),
        attempts=attempts,
        due_at=None if due_at is None else _moment(due_at, row_id),
        last_status=last[0],
        last_detail=last[1],
    )


def _moment(text: str, row_id: int) -> datetime:
    try:
        return datetime.fromisoformat(text)
    except ValueError as error:
        raise StateError(
            f"the store is damaged: row {row_id} of the outbox is due at no moment; "
            "restore the store from a backup"
        ) from error


def is_there(row_id: int) -> Question:
    """The question that a row has to be asked before it is marked as delivered."""
    return Question(_IS_THERE, (row_id,))


def mark_delivered(step: Step, row_id: int, found: Sequence[Row], entry: Entry) -> None:
    """Count the attempt and close the row, even where another process gave it up meanwhile.

    Raises StateError where `is_there` has not found it in that step.
    """
    if not found:
        raise StateError(f"the outbox has no row {row_id}: it was taken away while it was sent")
    step.defer(_DELIVERED, entry.webhook_status, entry.detail, entry.timestamp, row_id)


def mark_failed(step: Step, row_id: int, entry: Entry, due_at: datetime | None) -> None:
    """Count the attempt; a row that another process has delivered meanwhile stays delivered."""
    state = DeliveryState.GIVEN_UP if due_at is None else DeliveryState.READY
    due = None if due_at is None else rfc3339(due_at)
    step.defer(_FAILED, entry.webhook_status, entry.detail, state, due, row_id)


def prune(step: Step, delivered_before: datetime, limit: int) -> int:
    """Empty rows that were delivered before that, the oldest first; how many it were.

    Who has heard of what, and its place in the order, stays.
    """
    return step.run(_PRUNE, b"", rfc3339(delivered_before), limit)
