"""OutboxRow: a webhook for one URL as it stands; DeliveryResult: an attempt to send it, over."""

from dataclasses import dataclass
from enum import StrEnum


class RowState(StrEnum):
    """The states of an outbox row; it is released once its change is verified."""

    HELD = "held"  # the change is not verified yet
    READY = "ready"
    DELIVERED = "delivered"
    VOID = "void"  # the change did not happen, or is announced to that URL already
    GIVEN_UP = "given-up"


@dataclass(frozen=True, slots=True, kw_only=True)
class OutboxRow:
    """A released row; its body is not part of it, for bodies are most of an outbox.

    `sequence` is its event's place among all of its tenant. `due_at` is RFC 3339, UTC, None where
    it is over. `last_status` is the HTTP code of the last attempt, None where no answer came.
    """

    id: int
    tenant: str
    url: str
    schema_id: str
    event_id: str
    sequence: int
    state: RowState
    attempts: int
    due_at: str | None
    last_status: int | None
    last_detail: str | None


@dataclass(frozen=True, slots=True)
class RowToSend:
    """A row and the bytes that are sent, the same at each try."""

    row: OutboxRow
    body: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryResult:
    """An attempt to deliver a row, over; `status` is the HTTP code, None where no answer came.

    `gone` is 410: the receiver wants no more. `silent` is for a receiver that could not be
    reached, or gave no answer in time. `retry_after` is how many seconds it asks to wait.
    """

    row: OutboxRow
    delivered: bool
    status: int | None
    latency_ms: int
    detail: str
    retry_after: float | None = None
    gone: bool = False
    silent: bool = False
