"""Ports: the Protocols of all that use cases need from outside, and the values they carry."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple, Protocol, Self, TypeVar

if TYPE_CHECKING:  # a Protocol only names them, and each command imports this module
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from contextlib import AbstractContextManager
    from datetime import datetime

    from reconciler.domain.adoption import Sample, SampleHistory, SampleKey
    from reconciler.domain.calibration import Presence
    from reconciler.domain.deciding import LiveTenant
    from reconciler.domain.dialect import Meaning
    from reconciler.domain.hearing import Bindings, History
    from reconciler.domain.http_reply import Verdict
    from reconciler.domain.jsontext import Json
    from reconciler.domain.lifecycle import Course
    from reconciler.domain.manifest import SchemaExtension, Tenant
    from reconciler.domain.outbox import (
        Awaited,
        DeliveryResult,
        Envelope,
        HeldRow,
        OutboxRow,
        RowToSend,
    )
    from reconciler.domain.outcome import ForeignWrite
    from reconciler.domain.records import Confirmation, Entry, HrEvent, Intent
    from reconciler.domain.redaction import Redaction
    from reconciler.domain.scim import Schema

T = TypeVar("T")


class Clock(Protocol):
    """Wall time for records, monotonic time for durations, and a sleep that the end wakes.

    A run has to end after a signal, or once a write of the store has failed.
    """

    def now(self) -> datetime:
        """The wall clock, aware, UTC."""
        ...

    def monotonic(self) -> float:
        """Seconds that never jump."""
        ...

    def sleep(self, seconds: float) -> None:
        """Wait; raises as `check` does, as soon as there is a reason to."""
        ...

    def check(self) -> None:
        """Raise Interrupted after a signal, StateError once a write of the store has failed."""
        ...


class Retry(Protocol):
    """Patience: bounded by attempts and by a deadline, with full jitter between."""

    @property
    def deadline(self) -> float:
        """How many seconds one change may be tried in all."""
        ...

    def __call__(
        self,
        attempt: Callable[[], T],
        again: Callable[[T], float | None],
        within: float = math.inf,
    ) -> T:
        """Call `attempt` until `again` gives None for its result or patience ends.

        `again` gives the least seconds to wait. The last result is returned either way.
        `within` is how many seconds the caller has, where that is less than the patience.
        """
        ...


class SchemaReader(Protocol):
    """A tenant's live schemas. Every method raises TenantError when the tenant cannot be read."""

    @property
    def redaction(self) -> Redaction:
        """The means to take our credentials out of what the tenant sent, before it is shown."""
        ...

    def read_all(self, wanted: Iterable[str]) -> LiveTenant:
        """All that is listed, and each wanted id that the list lacks, read by id."""
        ...

    def read(self, schema_id: str) -> Schema | None:
        """One schema by id; None only where the tenant answers that it does not exist."""
        ...

    def find(self, schema_id: str) -> Schema | None:
        """One schema by id, or as the list shows it where a read by id denies or refuses it."""
        ...

    def bindings(self) -> Bindings | None:
        """The extensions of each resource type.

        None where the service does not list resource types; never raises TenantError.
        """
        ...


def _nobody(_: Schema) -> tuple[ForeignWrite, ...]:
    return ()


@dataclass(frozen=True, slots=True, kw_only=True)
class WriteResult:
    """The answer to one sent write; `message` is for a person, `retry_after` in seconds.

    `means` is set where a refusal says more than its status: somebody has that id already, the
    tenant is full, or the service does not allow this kind of write at all. `stands` is all of the
    schema as a write that is done leaves it, where the gateway knows that. `meanwhile` looks, in
    what the service keeps of writes, for those of others; it takes what was read back, and never
    raises.
    """

    verdict: Verdict
    message: str
    retry_after: float | None = None
    means: Meaning | None = None
    stands: Schema | None = None
    meanwhile: Callable[[Schema], Sequence[ForeignWrite]] = _nobody


class SchemaWriter(SchemaReader, Protocol):
    """A reader that may also write. A write is sent once; nothing here repeats it."""

    def create(self, document: Mapping[str, Json]) -> WriteResult:
        """POST a schema. Never raises TenantError: a failure is a result too."""
        ...

    def replace(self, live: Schema, document: Mapping[str, Json]) -> WriteResult:
        """PUT a schema over the live one that was read, with If-Match where it has an ETag."""
        ...

    def patch(self, live: Schema, document: Mapping[str, Json]) -> WriteResult:
        """PATCH the live schema that was read (RFC 7644 section 3.5.2), with If-Match alike."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class ResourcePage:
    """Some users or other resources as they came. What they hold leaves no function that looks.

    `total` is the `totalResults` of the page, which services miscount. `next_start` is where a
    later walk may go on after this page; None on the last one, and where pages have cursors.
    `repeats` is True where the service has put one of them there twice.
    """

    resources: Sequence[Json]
    total: int | None
    next_start: int | None
    repeats: bool = False


class UserReader(Protocol):
    """A tenant's users, groups and what else its resource types name; nothing but GET."""

    @property
    def lists_whole(self) -> bool:
        """True where a page shows what a resource holds, however it is requested."""
        ...

    def total(self, resource_type: str) -> int | None:
        """The number of resources as the service says it, None where it says none.

        Raises TenantError where the resources cannot be read at all.
        """
        ...

    def present(self, resource_type: str, schema_id: str | None, attribute: str) -> Presence:
        """How many hold an attribute, dotted below the URN, by one `pr` filter; never raises.

        Without a URN the attribute is one of the core schema.
        """
        ...

    def own_schema(self, resource_type: str) -> str | None:
        """The URN of the schema whose attributes stand in the resource itself, if it is listed."""
        ...

    def hidden(self, resource_type: str, schema_id: str, attribute: str) -> str | None:
        """The reason why no page can show the values of an attribute; None where one may."""
        ...

    def pages(
        self, resource_type: str, attributes: Sequence[str], *, start: int = 1, holding: str = ""
    ) -> Iterator[ResourcePage]:
        """All resources from the one numbered `start`, each once; those attributes, or all.

        `holding` is the path of an attribute: only those that hold it, by the service's filter.
        Raises TenantError, and PageRefused for a `start` in a list that begins anew each time.
        """
        ...

    def renewed(self) -> Self:
        """The same reader, with all of its time before it."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Counting:
    """A count by pages as far as it has come: numbers, and nothing of anybody.

    `next_start` is where it goes on, `tallies` are JSON that only its writer reads.
    """

    tenant: str
    resource_type: str
    next_start: int
    tallies: Mapping[str, Json]
    started_at: str


class Samples(Protocol):
    """The figures of adoption, kept over runs. Raises StateError, and then nothing was written."""

    def add_samples(
        self, samples: Sequence[Sample], *, ends: tuple[str, str] | None = None
    ) -> None:
        """Append figures; with them the count under way of that tenant and resource type ends."""
        ...

    def samples_before(self, keys: Sequence[SampleKey]) -> Mapping[SampleKey, SampleHistory]:
        """What is kept of each attribute so far; an attribute that has nothing is left out."""
        ...

    def counting(self, tenant: str, resource_type: str) -> Counting | None:
        """The count that is under way."""
        ...

    def keep_counting(self, counting: Counting) -> None:
        """Keep how far a count has come, in the place of what was kept of it."""
        ...

    def end_counting(self, tenant: str, resource_type: str) -> None:
        """Forget how far a count has come."""
        ...

    def courses(self, tenant: str, desired: Iterable[Schema]) -> Mapping[str, Course]:
        """What the trail has of a tenant's schemas, by folded id."""
        ...


class CanaryUsers(Protocol):
    """Users of a tenant of whom one is a test user; nothing but GET, and PATCH of one of them.

    What a method raises, TenantError, names neither a user nor a value.
    """

    def named(self, user_name: str) -> ResourcePage:
        """The users that the service finds under a userName; two are enough."""
        ...

    def read(self, user_id: str, attributes: Sequence[str] = ()) -> Json:
        """A user as a GET of its own finds it; with attributes, those that are requested."""
        ...

    def patch(self, user_id: str, document: Mapping[str, Json]) -> WriteResult:
        """PATCH a user once, with If-Match where it was read with an ETag.

        Never raises TenantError.
        """
        ...

    def renewed(self) -> Self:
        """The same access, with all of its time before it."""
        ...


class CanaryLedger(Protocol):
    """The durable memory of what may be on test users. Raises StateError."""

    def begin_canary(self, tenant: str, schema_id: str, names: Iterable[str], at: str) -> None:
        """Keep that values of those attributes may be on the test user from now on."""
        ...

    def end_canary(self, tenant: str, schema_id: str, names: Iterable[str]) -> None:
        """Keep that they are gone from it."""
        ...

    def canaries(self) -> Mapping[str, Mapping[str, Sequence[str]]]:
        """The attributes whose values may be on a test user, by tenant and schema."""
        ...

    def courses(self, tenant: str, desired: Iterable[Schema]) -> Mapping[str, Course]:
        """What the trail has of a tenant's schemas, by folded id."""
        ...


class Gateways(Protocol):
    """The way to each tenant of a run."""

    def writer(self, tenant: Tenant) -> SchemaWriter:
        """A tenant's gateway; raises UsageError for a tenant that is set up wrongly."""
        ...

    def retry(self, tenant: Tenant) -> Retry:
        """The patience with one tenant, which no other tenant's trouble uses up."""
        ...

    def prepare(self, tenant: Tenant) -> None:
        """Load what the first write of a tenant would wait for, and is no part of it."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Announcement:
    """An event for those URLs that have not heard of it.

    `entry` is that of its outcome, whose record is there already where it `is_recorded`.
    """

    event: HrEvent
    webhooks: Sequence[str]
    entry: Entry
    is_recorded: bool

    @property
    def schema_id(self) -> str:
        """The URN of its schema."""
        return self.event.schema.id


@dataclass(frozen=True, slots=True, kw_only=True)
class Postponement:
    """Webhooks of a schema that wait for more; without any nothing of it waits any longer."""

    schema_id: str
    webhooks: Sequence[str]
    awaited: Awaited


class Journal(Protocol):
    """The durable memory of a run. Raises StateError, and then nothing was written."""

    def record(self, entry: Entry) -> None:
        """Append one audit record."""
        ...

    def record_all(self, entries: Sequence[Entry]) -> None:
        """Append audit records in their order, all in one durable transaction or none."""
        ...

    def keep_schemas(self, extensions: Iterable[SchemaExtension]) -> None:
        """Keep what is desired, whole, by its fingerprint, which records name when it is there."""
        ...

    def intend(self, intent: Intent, entry: Entry) -> int:
        """Audit record, journal row and held outbox rows in one durable transaction; its id."""
        ...

    def confirm(self, intent_id: int, confirmation: Confirmation) -> None:
        """Keep in an open intent that the service has answered it: the schema is made."""
        ...

    def settle(self, intent_id: int, entry: Entry, event: HrEvent | Awaited | None) -> None:
        """Audit record, journal row, and outbox rows released (event), kept waiting, or voided."""
        ...

    def adopt(self, entry: Entry, event: HrEvent | Awaited, webhooks: Iterable[str]) -> None:
        """Audit record and outbox rows, ready or waiting, for what was there without our write."""
        ...

    def announce(self, tenant: str, ends: Sequence[Announcement | Postponement]) -> None:
        """All of them in one transaction; rows of their schemas that wait are used up by it.

        An entry that has no record yet gets one where there is a URL to hear of the event.
        """
        ...

    def open_intents(self, tenant: str) -> tuple[tuple[int, Intent], ...]:
        """Intents without an outcome, oldest first."""
        ...

    def histories(self, tenant: str) -> Mapping[str, History]:
        """What the trail has of each schema of a tenant, by folded id."""
        ...

    def intents_of(self, numbers: Iterable[int]) -> Mapping[int, Intent]:
        """The intents of those numbers, settled or not; without the URLs of their webhooks."""
        ...

    def left_open(self) -> Mapping[str, int]:
        """The number of intents without an outcome of each tenant, selected in this run or not."""
        ...


@dataclass(frozen=True, slots=True)
class Due:
    """Rows that wait: what is due by then or was never tried; without a time, all of them."""

    by: datetime | None


@dataclass(frozen=True, slots=True)
class Over:
    """Rows that are over: those of one event, or without one all that were given up."""

    event_id: str | None


Wanted = Due | Over


@dataclass(frozen=True, slots=True, kw_only=True)
class Queue:
    """The webhooks of one tenant for one URL, in the order of its events; so many are wanted."""

    tenant: str
    url: str
    rows: int


class Outbox(Protocol):
    """Webhooks that wait. Raises StateError."""

    def waiting(self) -> tuple[OutboxRow, ...]:
        """All rows that are ready, oldest first."""
        ...

    def held(self) -> tuple[HeldRow, ...]:
        """All rows of verified changes that wait for more than to be sent, by tenant."""
        ...

    def queues(self, wanted: Wanted) -> tuple[Queue, ...]:
        """The queues that have such rows, the one with the oldest first; no bodies."""
        ...

    def next_rows(self, queue: Queue, wanted: Wanted, *, after: int) -> tuple[RowToSend, ...]:
        """The next few of those rows, beyond that place in the sequence; none at the end."""
        ...

    def delivered(self, row: OutboxRow, entry: Entry) -> None:
        """Mark it delivered and append the audit record, in one transaction."""
        ...

    def failed(self, row: OutboxRow, entry: Entry, due_at: datetime | None) -> None:
        """Count the attempt; due again at that time, or given up (None)."""
        ...


class Notifier(Protocol):
    """The way to the HR systems."""

    def send(self, message: RowToSend) -> DeliveryResult:
        """Sign and POST once. Never raises: a failure is a result too."""
        ...


class Seals(Protocol):
    """The seals of the outbox, by which a row is known to be ours before it is signed and sent."""

    def seal(self, envelope: Envelope) -> str | None:
        """The seal by the first secret of that webhook; None where there is none at hand."""
        ...

    def is_sealed(self, message: RowToSend) -> bool:
        """Test whether a row carries the seal by one of the secrets of its webhook."""
        ...


class Statements(Protocol):
    """Statements for HR about each tenant, kept where HR fetches them."""

    @property
    def failed(self) -> bool:
        """True once something could not be said."""
        ...

    def withdraw(self, tenant: Tenant) -> None:
        """Take back what was said of a tenant, before it is written to; raises UsageError."""
        ...

    def issue(
        self, tenant: Tenant, extensions: Sequence[SchemaExtension], reader: SchemaReader
    ) -> None:
        """Look at a tenant and say what is found; what fails is noted, and never raised."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreCondition:
    """The rows of a store, and each thing that is wrong with it, as a line for a person.

    `rows` are by table, `open_intents` by tenant, `webhooks` by state. `moved_to` is where the
    store is now, and since when.
    """

    place: str
    format_version: int
    rows: dict[str, int]
    open_intents: dict[str, int]
    webhooks: dict[str, int]
    faults: tuple[str, ...]
    moved_to: str | None


class HeldLock(NamedTuple):
    """A lock that a run holds: whose, whether of a queue of webhooks, by whom and since when.

    `since` is RFC 3339; None where the holder has not said it.
    """

    tenant: str
    is_queue: bool
    holder: str
    since: str | None


class Locks(Protocol):
    """One writer per tenant, one sender per queue of webhooks; a lock dies with its holder."""

    def hold(self, tenant: str, *, patience: float = 0.0) -> AbstractContextManager[None]:
        """Hold the tenant's lock; raises TenantLocked, naming the holder, on entering.

        `patience` is how many seconds to wait for it; a signal ends the wait with Interrupted.
        """
        ...

    def hold_queue(
        self, tenant: str, url: str, *, patience: float = 0.0
    ) -> AbstractContextManager[None]:
        """Hold the tenant's queue for that URL, as `hold` holds the tenant; they are apart."""
        ...
