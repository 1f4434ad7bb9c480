"""OutboxRow: a webhook for one URL as it stands; DeliveryResult: an attempt to send it, over."""

from dataclasses import dataclass
from enum import StrEnum
from hashlib import sha256

from reconciler.domain.jsontext import canonical

GIVEN_UP = "given up"  # in the detail of the last attempt, by which `audit verify` knows it


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
    `change` is the plan's id of what it announces, None where the trail does not have it.
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
    change: str | None = None

    @property
    def about(self) -> str:
        """The subject of its event, for a person: tenant and manifest, or tenant and URN."""
        return _about(self.tenant, self.schema_id, self.change)


@dataclass(frozen=True, slots=True, kw_only=True)
class Envelope:
    """The bytes of an event for one URL, with all that decides what is sent to whom."""

    tenant: str
    url: str
    schema_id: str
    event_id: str
    sequence: int
    body: bytes

    def sealed_content(self) -> bytes:
        """The bytes that a seal is made from."""
        parts = [self.tenant, self.url, self.schema_id, self.event_id, self.sequence, self._digest]
        return canonical(parts)

    def detail(self, schema_digest: str | None) -> str:
        """The detail of the record that it was queued; its end is the digest of the body."""
        place = f"queued as number {self.sequence}"
        about = f"schema {schema_digest}, body {self._digest}"
        return f"{self.event_id} to {self.url}: {place}, {about}"

    @property
    def _digest(self) -> str:
        return f"sha256:{sha256(self.body).hexdigest()}"


@dataclass(frozen=True, slots=True)
class Awaited:
    """The thing that the event of a verified change waits for, as a message says it."""

    text: str

    @classmethod
    def binding(cls, resource_type: str | None) -> "Awaited":
        """The service has to bind the schema to that resource type, or without one to any."""
        return cls(f"/ResourceTypes to name it for {resource_type or 'a resource type'}")


UNLOOKED = Awaited("a run that looks whether /ResourceTypes names it")
"""The wait of a change that is verified while nobody has looked at bindings yet."""
UNSEARCHED = Awaited("a run that looks whether it is searchable")
"""The wait of one that needs no binding, while nobody has asked for what is new."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldRow:
    """A webhook of a verified change that waits for more; it has no event yet."""

    tenant: str
    url: str
    schema_id: str
    waits_for: str
    change: str | None = None

    @property
    def about(self) -> str:
        """The subject of its event, for a person: tenant and manifest, or tenant and URN."""
        return _about(self.tenant, self.schema_id, self.change)


@dataclass(frozen=True, slots=True)
class RowToSend:
    """A row, the bytes that are sent, the same at each try, and the seal that it carries."""

    row: OutboxRow
    body: bytes
    seal: str | None = None

    def envelope(self) -> Envelope:
        """What the seal has to cover."""
        row = self.row
        return Envelope(
            tenant=row.tenant,
            url=row.url,
            schema_id=row.schema_id,
            event_id=row.event_id,
            sequence=row.sequence,
            body=self.body,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryResult:
    """An attempt to deliver a row, over; `status` is the HTTP code, None where no answer came.

    `gone` is 410: the receiver wants no more. `silent` is for a receiver that could not be
    reached, or gave no answer in time. `retry_after` is how many seconds it asks to wait.
    `unsent` is for what a person has to mend before anything can be sent: it is no attempt, and the
    row stays as it is. `unproved` is for a row without our seal, for which no other one waits.
    """

    row: OutboxRow
    delivered: bool
    status: int | None
    latency_ms: int
    detail: str
    retry_after: float | None = None
    gone: bool = False
    silent: bool = False
    unsent: bool = False
    unproved: bool = False


def _about(tenant: str, schema_id: str, change: str | None) -> str:
    return change or f"{tenant}: {schema_id}"
