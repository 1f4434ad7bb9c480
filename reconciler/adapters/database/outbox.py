"""Webhooks that wait: held with the intent, released or voided with the outcome."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, assert_never

from reconciler.adapters.database.connections import Question, Row, Step, Value
from reconciler.adapters.database.tables import AS_DESIRED
from reconciler.domain.outbox import (
    Awaited,
    Envelope,
    HeldRow,
    OutboxRow,
    RowState,
    RowToSend,
)
from reconciler.domain.records import AuditRecord, Entry, Event, HrEvent, rfc3339
from reconciler.errors import StateError
from reconciler.ports import Due, Over, Queue, Seals, Wanted


@dataclass(frozen=True, slots=True, kw_only=True)
class Backlog:
    """The number of webhooks that wait, and the time of the first, RFC 3339; None for none."""

    webhooks: int
    due_at: str | None


_HOLD = (
    "INSERT INTO outbox (intent_id, tenant, schema_id, url, waits_for, state, attempts) "
    "VALUES (?, ?, ?, ?, ?, 'held', 0)"
)
_AWAIT = "UPDATE outbox SET waits_for = ? WHERE id = ?"
_WAITING_OF = (
    "SELECT id, schema_id, url, waits_for FROM outbox "
    "WHERE tenant = ? AND waits_for IS NOT NULL ORDER BY id"
)
_HELD = "SELECT id, url FROM outbox WHERE intent_id = ? AND state = 'held' ORDER BY id"
_VOID = "UPDATE outbox SET state = 'void', waits_for = NULL WHERE id = ?"
_RELEASE = (  # of a tenant that has another name since it was held, under the new one
    "UPDATE outbox SET state = 'ready', event_id = ?, sequence = ?, body = ?, schema_digest = ?, "
    "released_by = ?, due_at = ?, seal = ?, waits_for = NULL, tenant = ? WHERE id = ?"
)
_QUEUE = (
    "INSERT INTO outbox (event_id, sequence, body, schema_digest, released_by, due_at, seal, "
    "tenant, schema_id, url, state, attempts) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 'ready', 0)"
)
_LAST = "SELECT max(sequence) AS last FROM outbox WHERE tenant = ?"
_NOT_PRUNED = "length(body) > 0"
_IN_ORDER = "ORDER BY released_by, id"
_COLUMNS = (
    "id, tenant, url, schema_id, event_id, sequence, state, attempts, due_at, last_status, "
    "last_detail, (SELECT change FROM audit WHERE seq = released_by)"
)
_TO_SEND = f"{_COLUMNS}, body, seal"
_SAME = f"SELECT {_TO_SEND} FROM outbox WHERE event_id = ? ORDER BY id"
# The rows that are ready, in the order of their release.
WAITING = Question(f"SELECT {_COLUMNS} FROM outbox WHERE state = 'ready' {_IN_ORDER}")
# The rows of verified changes that wait for more.
POSTPONED = Question(
    "SELECT tenant, url, schema_id, waits_for, (SELECT change FROM audit WHERE "
    f"audit.tenant = outbox.tenant AND audit.schema_id = outbox.schema_id AND {AS_DESIRED} "
    "ORDER BY seq DESC LIMIT 1) FROM outbox WHERE waits_for IS NOT NULL ORDER BY tenant, id"
)
BACKLOG = Question("SELECT count(*), min(due_at) FROM outbox WHERE state = 'ready'")
_RELEASED = f"event_id IS NOT NULL AND {_NOT_PRUNED}"
# The ids of all that was ever released, in the order of the release.
RELEASED = Question(f"SELECT id FROM outbox WHERE {_RELEASED} {_IN_ORDER}")
# Those of them that the trail says were queued.
BORNE_OUT = Question(
    f"SELECT id FROM outbox WHERE {_RELEASED} AND released_by IN "
    f"(SELECT seq FROM audit WHERE event = '{Event.HR_SYNC_QUEUED}') {_IN_ORDER}"
)
_IS_THERE = "SELECT 1 FROM outbox WHERE id = ?"
_DELIVERED = (
    "UPDATE outbox SET attempts = attempts + 1, last_status = ?, last_detail = ?, "
    "state = 'delivered', due_at = NULL, delivered_at = ?, ended_by = ? WHERE id = ?"
)
_PRUNE = (
    "UPDATE outbox SET body = ?, last_detail = NULL, delivered_at = NULL "
    "WHERE state = 'delivered' AND id IN ("  # inside, SQLite would look at all of that state
    "SELECT id FROM outbox WHERE delivered_at < ? ORDER BY delivered_at LIMIT ?)"
)
_FAILED = (
    "UPDATE outbox SET attempts = attempts + 1, last_status = ?, last_detail = ?, "
    "state = ?, due_at = ?, ended_by = ? WHERE id = ? AND state = 'ready'"
)
_DROPPED = (
    "UPDATE outbox SET last_detail = ?, state = 'given-up', due_at = NULL, ended_by = ? "
    "WHERE id = ? AND state = 'ready'"
)
_RESEAL = "UPDATE outbox SET seal = ? WHERE id = ?"


def hold(
    step: Step,
    *,
    intent_id: int | None,
    tenant: str,
    schema_id: str,
    urls: Iterable[str],
    awaited: Awaited | None = None,
) -> None:
    """Add a row per URL, without an event so far; an open intent is all that it waits for."""
    for url in dict.fromkeys(urls):
        waits_for = awaited.text if awaited else None
        step.defer(_HOLD, intent_id, tenant, schema_id, url, waits_for)


def wait(step: Step, held: Iterable[Row], awaited: Awaited) -> None:
    """Keep the held rows of an intent that is verified until there is what they wait for."""
    for row_id, _ in held:
        step.defer(_AWAIT, awaited.text, row_id)


def waiting_of(tenant: str) -> Question:
    """The question for the rows of a tenant's verified changes that wait for more.

    A row of it is an id, a schema's, a URL and what it waits for.
    """
    return Question(_WAITING_OF, (tenant,))


def postpone(
    step: Step,
    held: Iterable[Row],
    *,
    tenant: str,
    schema_id: str,
    urls: Iterable[str],
    awaited: Awaited,
) -> None:
    """Let rows for just those URLs wait for that; `held` are those that wait by now."""
    missing = set(urls)
    for row_id, url in held:
        if url in missing:
            missing.remove(url)
            step.defer(_AWAIT, awaited.text, row_id)
        else:
            step.defer(_VOID, row_id)
    hold(
        step,
        intent_id=None,
        tenant=tenant,
        schema_id=schema_id,
        urls=(url for url in urls if url in missing),
        awaited=awaited,
    )


def held_by(intent_id: int) -> Question:
    """The question for the rows that an open intent holds, in the order they were given."""
    return Question(_HELD, (intent_id,))


def same_as(event: HrEvent) -> Question:
    """The question for the URLs that have an event."""
    return Question(_SAME, (event.event_id,))


def last_place(names: Sequence[str]) -> Question:
    """The question for the last place in the order of a tenant's events, by all of its names."""
    every = " UNION ALL ".join([_LAST] * len(names))
    return Question(f"SELECT coalesce(max(last), 0) FROM ({every}) places", tuple(names))


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
    def of(
        cls, event: HrEvent, seals: Seals | None, same: Sequence[Row], last: Sequence[Row]
    ) -> "PlacedEvent":
        """By the answers to `same_as` and `last_place`: as it was sent, or next in the order.

        What is there and carries no seal of ours is no model: it may be somebody else's.
        """
        [(latest,)] = last
        before = [message_of(row) for row in same]
        ours = [m for m in before if seals is None or not m.body or seals.is_sealed(m)]
        sequence = ours[0].row.sequence if ours else int(latest) + 1
        return cls(
            event=event,
            sequence=sequence,
            body=next((m.body for m in ours if m.body), None) or event.body(sequence),
            heard=frozenset(m.row.url for m in before),
        )

    @property
    def digest(self) -> str:
        """The digest of the schema that it is about."""
        return self.event.schema.fingerprint()

    def envelopes(self, urls: Iterable[str]) -> list[Envelope]:
        """One for each URL that has not heard of it."""
        return [
            Envelope(
                tenant=self.event.tenant,
                url=url,
                schema_id=self.event.schema.id,
                event_id=self.event.event_id,
                sequence=self.sequence,
                body=self.body,
            )
            for url in dict.fromkeys(urls)
            if url not in self.heard
        ]


def queued(envelope: Envelope, schema_digest: str | None, because: Entry) -> Entry:
    """The entry that a row is queued: what binds it to the trail; `because` is of its change."""
    return replace(
        because,
        event=Event.HR_SYNC_QUEUED,
        status=None,
        tenant=envelope.tenant,
        schema_id=envelope.schema_id,
        attributes_count=None,
        before_digest=None,
        after_digest=None,
        latency_ms=None,
        detail=envelope.detail(schema_digest),
    )


def resealed(message: RowToSend, entry: Entry) -> Entry:
    """The entry that a row was given another seal."""
    row = message.row
    return replace(
        entry,
        event=Event.HR_SYNC_RESEALED,
        tenant=row.tenant,
        schema_id=row.schema_id,
        change=row.change,
        detail=f"{row.event_id} to {row.url}: sealed anew",
    )


@dataclass(frozen=True, slots=True)
class QueuedEnvelope:
    """An envelope, the record that it is queued, and what its row holds besides."""

    envelope: Envelope
    schema_digest: str
    record: AuditRecord
    seal: str | None

    def columns(self) -> tuple[Value, ...]:
        """Event id, sequence, body, digest of the schema, release, when it is due, seal."""
        return (
            self.envelope.event_id,
            self.envelope.sequence,
            self.envelope.body,
            self.schema_digest,
            self.record.seq,
            self.record.entry.timestamp,
            self.seal,
        )


def release(step: Step, held: Iterable[Row], ready: Iterable[QueuedEnvelope]) -> None:
    """Rows that are ready to be sent, the held ones where there are some; of no use are the others.

    `held` has ids and URLs.
    """
    new = {each.envelope.url: each for each in ready}
    for row_id, url in held:
        if (each := new.pop(url, None)) is not None:
            step.defer(_RELEASE, *each.columns(), each.envelope.tenant, row_id)
        else:
            step.defer(_VOID, row_id)
    for each in new.values():
        envelope = each.envelope
        step.defer(_QUEUE, *each.columns(), envelope.tenant, envelope.schema_id, envelope.url)


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
        f"SELECT {_TO_SEND} FROM outbox "
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
    return _of_released(ids, _COLUMNS)


def _of_released(ids: Sequence[int], columns: str) -> Question:
    marks = ", ".join("?" for _ in ids)
    statement = f"SELECT {columns} FROM outbox WHERE id IN ({marks}) AND {_RELEASED} {_IN_ORDER}"
    return Question(statement, tuple(ids))


def message_of(row: Row) -> RowToSend:
    """The row, the bytes and the seal that the columns of _TO_SEND hold."""
    *columns, body, seal = row
    message = RowToSend(_row(columns), body, seal)
    expected = (str, str, str, str, int, bytes, str if seal is not None else type(None))
    found = message.row
    given = (found.tenant, found.url, found.schema_id, found.event_id, found.sequence, body, seal)
    if tuple(map(type, given)) != expected:  # SQLite keeps any kind of value in any column
        raise StateError(
            f"the store is damaged: row {found.id} of the outbox holds what no event has; "
            "restore the store from a backup"
        )
    return message


def bodies_of(ids: Sequence[int]) -> Question:
    """The question for the rows with those ids as they are sent, but those that were pruned."""
    return _of_released(ids, _TO_SEND)


def reseal(step: Step, row_id: int, seal: str) -> None:
    """Give a row another seal."""
    step.defer(_RESEAL, seal, row_id)


def held_row_of(row: Row) -> HeldRow:
    """The row that an answer to POSTPONED holds."""
    tenant, url, schema_id, waits_for, change = row
    return HeldRow(tenant=tenant, url=url, schema_id=schema_id, waits_for=waits_for, change=change)


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
        change=last[2] if isinstance(last[2], str) else None,
    )


def is_there(row_id: int) -> Question:
    """The question that comes before a row is marked as delivered."""
    return Question(_IS_THERE, (row_id,))


def mark_delivered(step: Step, row_id: int, found: Sequence[Row], record: AuditRecord) -> None:
    """Count the attempt and close the row, even where another process gave it up meanwhile.

    Raises StateError where `is_there` has not found it in that step.
    """
    if not found:
        raise StateError(f"the outbox has no row {row_id}: it was taken away while it was sent")
    entry = record.entry
    answer = (entry.webhook_status, entry.detail)
    step.defer(_DELIVERED, *answer, entry.timestamp, record.seq, row_id)


def mark_failed(step: Step, row_id: int, record: AuditRecord, due_at: datetime | None) -> None:
    """Count the attempt; a row that another process has delivered meanwhile stays delivered."""
    state = RowState.GIVEN_UP if due_at is None else RowState.READY
    due = None if due_at is None else rfc3339(due_at)
    ended_by = record.seq if due_at is None else None
    answer = (record.entry.webhook_status, record.entry.detail)
    step.defer(_FAILED, *answer, state, due, ended_by, row_id)


def mark_dropped(step: Step, row_id: int, record: AuditRecord) -> None:
    """Give a row up that nobody has tried to send."""
    step.defer(_DROPPED, record.entry.detail, record.seq, row_id)


def prune(step: Step, delivered_before: datetime, limit: int) -> int:
    """Empty rows that were delivered before that, the oldest first; how many it were.

    The URLs that have an event, and its place in the order, stay.
    """
    return step.run(_PRUNE, b"", rfc3339(delivered_before), limit)
