"""Webhooks that wait: held with the intent, released or voided with the outcome."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, assert_never

from reconciler.adapters.database.connections import Question, Row, Step, Value
from reconciler.domain.outbox import OutboxRow, RowState, RowToSend
from reconciler.domain.records import AuditRecord, Entry, HrEvent, rfc3339
from reconciler.errors import StateError
from reconciler.ports import Due, Over, Queue, Wanted


@dataclass(frozen=True, slots=True, kw_only=True)
class Backlog:
    """The number of webhooks that wait, and the time of the first, RFC 3339; None for none."""

    webhooks: int
    due_at: str | None


_HOLD = (
    "INSERT INTO outbox (intent_id, tenant, schema_id, url, state, attempts) "
    "VALUES (?, ?, ?, ?, 'held', 0)"
)
_HELD = "SELECT id, url FROM outbox WHERE intent_id = ? AND state = 'held' ORDER BY id"
_VOID = "UPDATE outbox SET state = 'void' WHERE id = ?"
_RELEASE = (
    "UPDATE outbox SET state = 'ready', event_id = ?, sequence = ?, body = ?, schema_digest = ?, "
    "released_by = ?, due_at = ? WHERE id = ?"
)
_QUEUE = (
    "INSERT INTO outbox (event_id, sequence, body, schema_digest, released_by, due_at, tenant, "
    "schema_id, url, state, attempts) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, 'ready', 0)"
)
_SAME = "SELECT url, sequence, body FROM outbox WHERE event_id = ? ORDER BY id"
_LAST = "SELECT coalesce(max(sequence), 0) FROM outbox WHERE tenant = ?"
_NOT_PRUNED = "length(body) > 0"
_IN_ORDER = "ORDER BY released_by, id"
_COLUMNS = (
    "id, tenant, url, schema_id, event_id, sequence, state, attempts, due_at, last_status, "
    "last_detail"
)
# The rows that are ready, in the order of their release.
WAITING = Question(f"SELECT {_COLUMNS} FROM outbox WHERE state = 'ready' {_IN_ORDER}")
BACKLOG = Question("SELECT count(*), min(due_at) FROM outbox WHERE state = 'ready'")
_RELEASED = f"event_id IS NOT NULL AND {_NOT_PRUNED}"
# The ids of all that was ever released, in the order of the release.
RELEASED = Question(f"SELECT id FROM outbox WHERE {_RELEASED} {_IN_ORDER}")
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
    """Add a row per URL, without an event so far."""
    for url in dict.fromkeys(urls):
        step.defer(_HOLD, intent_id, tenant, schema_id, url)


def held_by(intent_id: int) -> Question:
    """The question for the rows that an open intent holds, in the order they were given."""
    return Question(_HELD, (intent_id,))


def place_of(event: HrEvent) -> tuple[Question, Question]:
    """The questions for the URLs that have an event, and for the last place of its tenant."""
    return Question(_SAME, (event.event_id,)), Question(_LAST, (event.tenant,))


@dataclass(frozen=True, slots=True, kw_only=True)
class PlacedEvent:
    """An event as it is sent: one event has one place in the order and one body.

    `heard` are the URLs that have it already.
    """

    event: HrEvent
    sequence: int
    body: bytes
    heard: frozenset[str]

    @classmethod
    def of(cls, event: HrEvent, same: Sequence[Row], last: Sequence[Row]) -> "PlacedEvent":
        """By the answers to `place_of`: as it was sent before, or next in the order."""
        [(latest,)] = last
        sequence = same[0][1] if same else int(latest) + 1
        return cls(
            event=event,
            sequence=sequence,
            body=next((body for _, _, body in same if body), None) or event.body(sequence),
            heard=frozenset(url for url, _, _ in same),
        )

    def released(self, record: AuditRecord) -> tuple[Value, ...]:
        """Event id, sequence, body, digest of the schema, release and when it is due."""
        return (
            self.event.event_id,
            self.sequence,
            self.body,
            self.event.schema.fingerprint(),
            record.seq,
            record.entry.timestamp,
        )


def release(
    step: Step, held: Iterable[Row], placed: PlacedEvent | None, record: AuditRecord
) -> None:
    """Make the held rows of an intent ready to be sent, or void where nothing is announced."""
    for row_id, url in held:
        if placed is not None and url not in placed.heard:
            step.defer(_RELEASE, *placed.released(record), row_id)
        else:
            step.defer(_VOID, row_id)


def queue(step: Step, placed: PlacedEvent, urls: Iterable[str], record: AuditRecord) -> None:
    """Ready rows for a change that no intent of ours led to."""
    event = placed.event
    for url in dict.fromkeys(urls):
        if url not in placed.heard:
            step.defer(_QUEUE, *placed.released(record), event.tenant, event.schema.id, url)


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
        f"SELECT {_COLUMNS}, body FROM outbox "
        f"WHERE tenant = ? AND url = ? AND sequence > ? AND {condition} "
        "ORDER BY sequence LIMIT ?",
        (queue.tenant, queue.url, after, *values, limit),
    )


def _condition(wanted: Wanted) -> tuple[str, tuple[Value, ...]]:
    """The rows that are wanted, as a condition with its values."""
    # A row that was never tried is due, whichever way the clock was set since.
    match wanted:
        case Due(by):
            due = "state = 'ready' AND (attempts = 0 OR due_at <= ?)"
            return ("state = 'ready'", ()) if by is None else (due, (rfc3339(by),))
        case Over(event_id):
            over = f"event_id = ? AND state IN ('delivered', 'given-up') AND {_NOT_PRUNED}"
            return ("state = 'given-up'", ()) if event_id is None else (over, (event_id,))
        case _:
            assert_never(wanted)


def released(ids: Sequence[int]) -> Question:
    """The question for the rows with those ids, but those that were pruned meanwhile."""
    marks = ", ".join("?" for _ in ids)
    statement = f"SELECT {_COLUMNS} FROM outbox WHERE id IN ({marks}) AND {_RELEASED} {_IN_ORDER}"
    return Question(statement, tuple(ids))


def message_of(row: Row) -> RowToSend:
    """The row and the bytes that an answer to `next_in` holds."""
    *columns, body = row
    return RowToSend(_row(columns), body)


def row_of(row: Row) -> OutboxRow:
    """The row that an answer to WAITING or to `released` holds.

    A damaged time is an error where a row is shown; it need not keep it from being sent.
    """
    found = _row(row)
    try:
        datetime.fromisoformat(found.due_at or "0001-01-01")
    except ValueError as error:
        raise StateError(
            f"the store is damaged: row {found.id} of the outbox is due at no moment; "
            "restore the store from a backup"
        ) from error
    return found


def _row(columns: Sequence[Any]) -> OutboxRow:
    row_id, tenant, url, schema_id, event_id, sequence, state, attempts, due_at, *last = columns
    return OutboxRow(
        id=row_id,
        tenant=tenant,
        url=url,
        schema_id=schema_id,
        event_id=event_id,
        sequence=sequence,
        state=RowState(state),
        attempts=attempts,
        due_at=due_at,
        last_status=last[0],
        last_detail=last[1],
    )


def is_there(row_id: int) -> Question:
    """The question that comes before a row is marked as delivered."""
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
    state = RowState.GIVEN_UP if due_at is None else RowState.READY
    due = None if due_at is None else rfc3339(due_at)
    step.defer(_FAILED, entry.webhook_status, entry.detail, state, due, row_id)


def prune(step: Step, delivered_before: datetime, limit: int) -> int:
    """Empty rows that were delivered before that, the oldest first; how many it were.

    The URLs that have an event, and its place in the order, stay.
    """
    return step.run(_PRUNE, b"", rfc3339(delivered_before), limit)
