"""Webhooks that wait: held with the intent, released or voided with the outcome."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sqlalchemy import Connection, Row, func, insert, select, update

from reconciler.adapters.database.tables import outbox
from reconciler.domain.jsontext import Json
from reconciler.domain.records import AuditRecord, Entry, HrEvent, rfc3339
from reconciler.errors import StateError
from reconciler.ports import Pending


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


def hold(
    connection: Connection, *, intent_id: int, tenant: str, schema_id: str, urls: Iterable[str]
) -> None:
    """One row per URL that says nothing yet."""
    for url in dict.fromkeys(urls):
        row = {"intent_id": intent_id, "tenant": tenant, "schema_id": schema_id, "url": url}
        connection.execute(insert(outbox).values({**row, "state": DeliveryState.HELD}))


def held_urls(connection: Connection, intent_id: int) -> tuple[str, ...]:
    """The URLs that an open intent will announce to, in the order they were given."""
    return tuple(url for _, url in _held(connection, intent_id))


def release(
    connection: Connection, intent_id: int, event: HrEvent | None, record: AuditRecord
) -> None:
    """Make the held rows of an intent ready to be sent, or void where nothing is to be said."""
    for row_id, url in _held(connection, intent_id):
        members = None if event is None else _released(connection, event, url, record)
        values = members or {"state": DeliveryState.VOID}
        connection.execute(update(outbox).where(outbox.c.id == row_id).values(values))


def queue(connection: Connection, event: HrEvent, urls: Iterable[str], record: AuditRecord) -> None:
    """Ready rows for a change that no intent of ours led to."""
    row = {"tenant": event.tenant, "schema_id": event.schema.id}
    for url in dict.fromkeys(urls):
        if members := _released(connection, event, url, record):
            connection.execute(insert(outbox).values({**row, "url": url, **members}))


def _held(connection: Connection, intent_id: int) -> list[tuple[int, str]]:
    query = select(outbox.c.id, outbox.c.url).where(
        outbox.c.intent_id == intent_id, outbox.c.state == DeliveryState.HELD
    )
    return [(row.id, row.url) for row in connection.execute(query.order_by(outbox.c.id))]


def _released(
    connection: Connection, event: HrEvent, url: str, record: AuditRecord
) -> dict[str, Json] | None:
    """The members of a ready row; None where that URL has the event already."""
    same = select(outbox.c.url, outbox.c.sequence, outbox.c.body).where(
        outbox.c.event_id == event.event_id
    )
    told = connection.execute(same.order_by(outbox.c.id)).all()
    if url in (row.url for row in told):
        return None
    # One event has one place in the order and one body, whenever and wherever it is sent.
    sequence = told[0].sequence if told else _next_sequence(connection, event.tenant)
    return {
        "state": DeliveryState.READY,
        "event_id": event.event_id,
        "sequence": sequence,
        "body": told[0].body if told else event.body(sequence),
        "released_by": record.seq,
        "due_at": record.entry.timestamp,
    }


def _next_sequence(connection: Connection, tenant: str) -> int:
    last = select(func.coalesce(func.max(outbox.c.sequence), 0)).where(outbox.c.tenant == tenant)
    return int(connection.execute(last).scalar_one()) + 1


def read_pending(connection: Connection) -> tuple[Pending, ...]:
    """What is released and not delivered or given up, in the order of the release."""
    ready = select(outbox).where(outbox.c.state == DeliveryState.READY)
    rows = connection.execute(ready.order_by(outbox.c.released_by, outbox.c.id))
    return tuple(_pending(row, _moment(row.due_at, row.id)) for row in rows)


def read_again(connection: Connection, event_id: str | None, at: datetime) -> tuple[Pending, ...]:
    """What of an event is over, or without one all that was given up, as if due at that time."""
    if event_id is None:
        over = select(outbox).where(outbox.c.state == DeliveryState.GIVEN_UP)
    else:
        ended = (DeliveryState.DELIVERED, DeliveryState.GIVEN_UP)
        over = select(outbox).where(outbox.c.event_id == event_id, outbox.c.state.in_(ended))
    rows = connection.execute(over.order_by(outbox.c.released_by, outbox.c.id))
    return tuple(_pending(row, at) for row in rows)


def _pending(row: Row[*tuple[object, ...]], due_at: datetime) -> Pending:
    return Pending(
        id=row.id,
        tenant=row.tenant,
        url=row.url,
        event_id=row.event_id,
        schema_id=row.schema_id,
        body=row.body,
        attempts=row.attempts,
        due_at=due_at,
    )


def read_all(connection: Connection) -> tuple[Delivery, ...]:
    """All that was ever released, in the order of the release."""
    released = select(outbox).where(outbox.c.event_id.is_not(None))
    return tuple(
        Delivery(
            id=row.id,
            tenant=row.tenant,
            url=row.url,
            schema_id=row.schema_id,
            event_id=row.event_id,
            sequence=row.sequence,
            state=DeliveryState(row.state),
            attempts=row.attempts,
            due_at=None if row.due_at is None else _moment(row.due_at, row.id),
            last_status=row.last_status,
            last_detail=row.last_detail,
        )
        for row in connection.execute(released.order_by(outbox.c.released_by, outbox.c.id))
    )


def _moment(text: str, row_id: int) -> datetime:
    try:
        return datetime.fromisoformat(text)
    except ValueError as error:
        raise StateError(
            f"the store is damaged: row {row_id} of the outbox is due at no moment; "
            "restore the store from a backup"
        ) from error


def mark_delivered(connection: Connection, row_id: int, entry: Entry) -> None:
    """Count the attempt and close the row, even where another process gave it up meanwhile."""
    values = {**_attempt(entry), "state": DeliveryState.DELIVERED, "due_at": None}
    statement = update(outbox).where(outbox.c.id == row_id).values(values)
    if connection.execute(statement).rowcount != 1:
        raise StateError(f"the outbox has no row {row_id}: it was taken away while it was sent")


def mark_failed(connection: Connection, row_id: int, entry: Entry, due_at: datetime | None) -> None:
    """Count the attempt; a row that another process has delivered meanwhile stays delivered."""
    again = {
        "state": DeliveryState.GIVEN_UP if due_at is None else DeliveryState.READY,
        "due_at": None if due_at is None else rfc3339(due_at),
    }
    waiting = update(outbox).where(outbox.c.id == row_id, outbox.c.state == DeliveryState.READY)
    connection.execute(waiting.values({**_attempt(entry), **again}))


def _attempt(entry: Entry) -> dict[str, Json]:
    return {
        "attempts": outbox.c.attempts + 1,
        "last_status": entry.webhook_status,
        "last_detail": entry.detail,
    }
