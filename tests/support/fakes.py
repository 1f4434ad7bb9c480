"""Fakes that obey the Protocols: a tenant, a journal with its outbox, a receiver, a clock."""

import json
import math
import re
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import TypeVar

from reconciler.domain.deciding import LiveTenant
from reconciler.domain.dialect import Dialect, Meaning, PatchPath, UpdateStrategy
from reconciler.domain.hearing import History
from reconciler.domain.http_reply import Applied, Next, Verdict
from reconciler.domain.jsontext import Json
from reconciler.domain.manifest import Manages, OnDrift, SchemaExtension, Tenant, Webhook
from reconciler.domain.outbox import (
    Awaited,
    DeliveryResult,
    HeldRow,
    OutboxRow,
    RowState,
    RowToSend,
)
from reconciler.domain.problem import Place
from reconciler.domain.records import Confirmation, Entry, HrEvent, Intent, Status, rfc3339
from reconciler.domain.redaction import NO_REDACTION, Redaction
from reconciler.domain.scim import Attribute, AttributeType, Schema, fold
from reconciler.errors import Interrupted, StateError, TenantLocked
from reconciler.ports import (
    Announcement,
    Due,
    Over,
    Postponement,
    Queue,
    Wanted,
    WriteResult,
)

T = TypeVar("T")
START = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
URN = "urn:ietf:params:scim:schemas:extension:acme:2.0:User"
HOOK = "https://hr.example.com/scim/sync"
DIALECT = Dialect(
    name="genesys",
    target_system="Genesys Cloud",
    creates=True,
    updates=UpdateStrategy.PUT,
    types=frozenset(set(AttributeType) - {AttributeType.BINARY}),
    extensions=10,
    protected_prefixes=("urn:ietf:params:scim:schemas:extension:genesys:purecloud:",),
)


def document(urn: str = URN, *names: str, description: str | None = None) -> dict[str, Json]:
    """A small schema with string attributes."""
    attributes = [{"name": name, "type": "string"} for name in names or ("grade",)]
    described = {} if description is None else {"description": description}
    return {"id": urn, "name": "Acme", **described, "attributes": attributes}


def extension(
    written: Mapping[str, Json] | None = None,
    *,
    name: str = "acme",
    on_drift: OnDrift = OnDrift.SKIP,
    manages: Manages = Manages.SCHEMA,
) -> SchemaExtension:
    """A manifest of that schema, for every tenant."""
    return SchemaExtension(
        name=name,
        place=Place(f"desired-state/{name}.yaml", 3, 1),
        schema=Schema.from_json(dict(written or document())),
        on_drift=on_drift,
        manages=manages,
    )


def tenant(name: str = "acme-prod", *, hooks: tuple[str, ...] = (HOOK,)) -> Tenant:
    """A tenant of the dialect above."""
    return Tenant(
        name=name,
        place=Place(f"desired-state/{name}.yaml"),
        dialect=DIALECT,
        base_url=f"https://{name}.example.com/scim/v2",
        webhooks=tuple(Webhook(url=url, secrets=()) for url in hooks),
    )


@dataclass
class FakeClock:
    """Time passes when somebody sleeps; `stop_after` sleeps a signal comes.

    A journal that fails tells it by `fail`, as the store tells the clock of a run.
    """

    seconds: float = 0.0
    slept: list[float] = field(default_factory=list)
    stopped: bool = False
    stop_after: int | None = None
    after: Callable[[], None] = lambda: None  # what happens while somebody sleeps
    failure: StateError | None = None

    def fail(self, failure: StateError) -> None:
        self.failure = self.failure or failure

    def now(self) -> datetime:
        return START + timedelta(seconds=self.seconds)

    def monotonic(self) -> float:
        return self.seconds

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.seconds += seconds
        self.after()
        if self.stop_after is not None and len(self.slept) >= self.stop_after:
            self.stopped = True
        self.check()

    def check(self) -> None:
        if self.failure is not None:
            raise StateError(str(self.failure))
        if self.stopped:
            raise Interrupted(15)


def patience(attempts: int) -> "Patience":
    """A Retry without jitter."""
    return Patience(attempts)


@dataclass(frozen=True)
class Patience:
    attempts: int
    deadline: float = 120.0

    def __call__(
        self,
        attempt: Callable[[], T],
        again: Callable[[T], float | None],
        within: float = math.inf,
    ) -> T:
        result = attempt()
        for _ in range(self.attempts - 1):
            if again(result) is None:
                break
            result = attempt()
        return result


CREATED = WriteResult(verdict=Verdict(Applied.CLAIMED, Next.VERIFY), message="POST → 201")
LOST = WriteResult(verdict=Verdict(Applied.UNKNOWN, Next.READ), message="the answer was lost")
THROTTLED = WriteResult(
    verdict=Verdict(Applied.NO, Next.RETRY), message="POST → 429", retry_after=7.0
)
THERE = WriteResult(
    verdict=Verdict(Applied.NO, Next.READ), message="POST → 409", means=Meaning.EXISTS
)
REFUSED = WriteResult(verdict=Verdict(Applied.NO, Next.STOP), message="POST → 400")
NOT_ALLOWED = WriteResult(
    verdict=Verdict(Applied.NO, Next.STOP), message="POST → 405", means=Meaning.UNSUPPORTED
)
FULL = WriteResult(
    verdict=Verdict(Applied.NO, Next.STOP), message="POST → 400", means=Meaning.LIMIT_REACHED
)

Store = Callable[[dict[str, Json]], dict[str, Json] | None]


def as_sent(body: dict[str, Json]) -> dict[str, Json] | None:
    """A service that keeps what it is sent."""
    return body


def nothing(_: dict[str, Json]) -> dict[str, Json] | None:
    """A service that keeps nothing."""
    return None


def patched(
    live: Mapping[str, Json], patch: Mapping[str, Json], path: PatchPath
) -> dict[str, Json]:
    """What a service makes of a PATCH that follows the RFC, or Oracle; raises BadPatch."""
    after = dict(live)
    held = next((member for member in after if fold(member) == "attributes"), "attributes")
    apply = {PatchPath.VALUE: _by_rfc, PatchPath.ATTRIBUTE: _by_name}[path]
    for operation in patch["Operations"]:
        if operation["path"] == "description" and path is PatchPath.VALUE:
            after = {m: v for m, v in after.items() if fold(m) != "description"}
            after["description"] = operation["value"]
        else:
            after[held] = apply(list(after.get(held) or []), operation)
    return after


class BadPatch(Exception):
    """A PATCH that the service refuses with 400; its text is the `scimType`."""


_SELECTED = re.compile(r'attributes\[name eq ("(?:[^"\\]|\\.)*")\]')


def _by_rfc(attributes: list[Json], operation: Mapping[str, Json]) -> list[Json]:
    """RFC 7644 sections 3.5.2.1 and 3.5.2.3: a path without a filter is all of the attributes."""
    value = operation["value"]
    match operation["op"], operation["path"]:
        case "add", "attributes":
            return [*attributes, *value]
        case "replace", "attributes":
            return list(value)
        case "replace", path if selected := _SELECTED.fullmatch(path):
            name = json.loads(selected[1])  # `name` is caseExact, RFC 7643 section 8.7.2
            selects = [Attribute.from_json(a).name == name for a in attributes]
            if not any(selects):
                raise BadPatch("noTarget")
            return [value if s else a for a, s in zip(attributes, selects, strict=True)]
        case _:
            raise BadPatch("invalidPath")


def _by_name(attributes: list[Json], operation: Mapping[str, Json]) -> list[Json]:
    """As Oracle documents it: attributes are matched by name, replaced if there, else added."""
    if operation["path"] != "attributes":
        raise BadPatch("invalidPath")
    for new in operation["value"]:
        key = Attribute.from_json(new).key
        there = [i for i, a in enumerate(attributes) if Attribute.from_json(a).key == key]
        if not there and operation["op"] != "add":
            raise BadPatch("noTarget")
        attributes = [a for i, a in enumerate(attributes) if i not in there] + [new]
    return attributes


@dataclass
class FakeTenant:
    """A live tenant. `script` pairs, for the next writes, the answer with what is kept of it.

    `fail_reads` are raised by the next reads by id; `log` tells every request in order. The next
    `hidden_reads` after a write deny what is there, and so does the list, unless it `lists_first`.
    """

    schemas: dict[str, Schema] = field(default_factory=dict)
    script: deque[tuple[WriteResult, Store]] = field(default_factory=deque)
    fail_reads: deque[Exception | None] = field(default_factory=deque)
    unreadable: Exception | None = None
    hidden_reads: int = 0
    lists_first: bool = False
    log: list[str] = field(default_factory=list)
    bodies: list[dict[str, Json]] = field(default_factory=list)
    bound: Mapping[str, frozenset[str]] | None = None
    patches: PatchPath = PatchPath.VALUE
    redaction: Redaction = NO_REDACTION

    @classmethod
    def holding(cls, *documents: Mapping[str, Json]) -> "FakeTenant":
        made = cls()
        for one in documents:
            made.put(one)
        return made

    def put(self, written: Mapping[str, Json]) -> None:
        schema = Schema.from_json(dict(written))
        self.schemas[schema.key] = schema

    def writes(self) -> int:
        return sum(1 for line in self.log if line.split()[0] in ("POST", "PUT", "PATCH"))

    def read_all(self, wanted: Iterable[str]) -> LiveTenant:
        self.log.append("GET /Schemas")
        if self.unreadable is not None:
            raise self.unreadable
        return LiveTenant(schemas=dict(self.schemas))

    def read(self, schema_id: str) -> Schema | None:
        self.log.append(f"GET {schema_id}")
        if self.fail_reads and (error := self.fail_reads.popleft()) is not None:
            raise error
        if self.hidden_reads > 0 and self.writes():
            self.hidden_reads -= 1
            return None
        return self.schemas.get(fold(schema_id))

    def find(self, schema_id: str) -> Schema | None:
        schema = self.read(schema_id)
        if schema is None:
            self.log.append("GET /Schemas")
            if self.lists_first:
                schema = self.schemas.get(fold(schema_id))
        return schema

    def bindings(self) -> Mapping[str, frozenset[str]] | None:
        self.log.append("GET /ResourceTypes")
        return self.bound

    def create(self, document: Mapping[str, Json]) -> WriteResult:
        return self._write("POST", document)

    def replace(self, live: Schema, document: Mapping[str, Json]) -> WriteResult:
        return self._write("PUT", document)

    def patch(self, live: Schema, document: Mapping[str, Json]) -> WriteResult:
        try:
            return self._write("PATCH", patched(live.document, document, self.patches))
        except BadPatch as error:
            self.log.append(f"PATCH {live.id}: {error}")
            return REFUSED

    def _write(self, method: str, body: Mapping[str, Json]) -> WriteResult:
        self.log.append(f"{method} {body['id']}")
        self.bodies.append(dict(body))
        result, store = self.script.popleft() if self.script else (CREATED, as_sent)
        if (kept := store(dict(body))) is not None:
            self.put(kept)
        return result


@dataclass
class MemoryJournal:
    """A journal and outbox in memory; `full_after` entries every write is refused."""

    entries: list[Entry] = field(default_factory=list)
    intents: dict[int, Intent] = field(default_factory=dict)
    schemas: dict[str, SchemaExtension] = field(default_factory=dict)
    begun: dict[int, int] = field(default_factory=dict)  # the records of intents
    settled: dict[int, Entry] = field(default_factory=dict)
    postponed: dict[tuple[str, str], tuple[HeldRow, ...]] = field(default_factory=dict)
    announced: dict[tuple[str, str], tuple[int, HrEvent]] = field(default_factory=dict)
    sent: dict[str, list[tuple[int, str]]] = field(default_factory=dict)  # by event
    rows: dict[int, RowToSend] = field(default_factory=dict)
    made: int = 0  # rows in all
    given_up: list[RowToSend] = field(default_factory=list)
    full_after: int | None = None
    at_once: int = 2

    def events(self) -> list[str]:
        return [str(entry.event) for entry in self.entries]

    def record(self, entry: Entry) -> None:
        if self.full_after is not None and len(self.entries) >= self.full_after:
            raise StateError("the disk is full")
        self.entries.append(entry)

    def record_all(self, entries: Sequence[Entry]) -> None:
        if self.full_after is not None and len(self.entries) + len(entries) > self.full_after:
            raise StateError("the disk is full")
        self.entries.extend(entries)

    def keep_schemas(self, extensions: Iterable[SchemaExtension]) -> None:
        self.schemas |= {each.schema.fingerprint(): each for each in extensions}

    def intend(self, intent: Intent, entry: Entry) -> int:
        self.record(entry)
        number = len(self.intents) + 1
        self.intents[number] = intent
        self.begun[number] = len(self.entries)
        return number

    def confirm(self, intent_id: int, confirmation: Confirmation) -> None:
        if intent_id in self.intents:
            self.intents[intent_id] = replace(self.intents[intent_id], confirmation=confirmation)

    def settle(self, intent_id: int, entry: Entry, event: HrEvent | Awaited | None) -> None:
        assert intent_id not in self.settled, "an intent is settled once"
        intent = self.intents[intent_id]
        self.record(entry)
        self.settled[intent_id] = entry
        self._ended(intent.schema_id, entry, event, intent.webhooks)

    def adopt(self, entry: Entry, event: HrEvent | Awaited, webhooks: Iterable[str]) -> None:
        self.record(entry)
        self._ended(str(entry.schema_id), entry, event, webhooks)

    def _ended(
        self,
        schema_id: str,
        entry: Entry,
        event: HrEvent | Awaited | None,
        webhooks: Iterable[str],
    ) -> None:
        if isinstance(event, HrEvent):
            self._queue(event, webhooks)
        elif event is not None:
            self._postpone(str(entry.tenant), schema_id, webhooks, event)

    def _postpone(
        self, tenant: str, schema_id: str, webhooks: Iterable[str], awaited: Awaited
    ) -> None:
        self.postponed[tenant, fold(schema_id)] = tuple(
            HeldRow(tenant=tenant, url=url, schema_id=schema_id, waits_for=awaited.text)
            for url in webhooks
        )

    def announce(self, tenant: str, ends: Sequence[Announcement | Postponement]) -> None:
        for end in ends:
            if isinstance(end, Postponement):
                self._postpone(tenant, end.schema_id, end.webhooks, end.awaited)
                continue
            self.postponed.pop((tenant, fold(end.schema_id)), None)
            heard = {url for _, url in self.sent.get(end.event.event_id, ())}
            if missing := [url for url in end.webhooks if url not in heard]:
                if not end.is_recorded:
                    self.record(end.entry)
                self._queue(end.event, missing)

    def held(self) -> tuple[HeldRow, ...]:
        return tuple(row for rows in self.postponed.values() for row in rows)

    def histories(self, tenant: str) -> Mapping[str, History]:
        intents = {n: i for n, i in self.intents.items() if i.tenant == tenant}
        keys = {fold(intent.schema_id) for intent in intents.values()}
        keys |= {key for of, key in (*self.announced, *self.postponed) if of == tenant}
        return {key: self._history(tenant, key, intents) for key in keys}

    def _history(self, tenant: str, key: str, intents: Mapping[int, Intent]) -> History:
        ours = [number for number, intent in intents.items() if fold(intent.schema_id) == key]
        creating = [number for number in ours if intents[number].creates]
        announced, event = self.announced.get((tenant, key), (0, None))
        waits = self.postponed.get((tenant, key), ())
        return History(
            intent=ours[-1] if ours else None,
            is_open=bool(ours) and ours[-1] not in self.settled,
            failed=bool(ours) and self._failed(ours[-1]),
            created=self.begun[creating[-1]] if creating else 0,
            create_failed=bool(creating) and self._failed(creating[-1]),
            announced=announced,
            digest=event.schema.fingerprint() if event else None,
            sent=tuple((url, self._state(row)) for row, url in self.sent[event.event_id])
            if event
            else (),
            waits=tuple((row.url, row.waits_for) for row in waits),
        )

    def _failed(self, number: int) -> bool:
        return number in self.settled and self.settled[number].status is Status.FAILED

    def _state(self, row_id: int) -> RowState:
        if row_id in self.rows:
            return RowState.READY
        given_up = any(each.row.id == row_id for each in self.given_up)
        return RowState.GIVEN_UP if given_up else RowState.DELIVERED

    def intents_of(self, numbers: Iterable[int]) -> Mapping[int, Intent]:
        return {number: self.intents[number] for number in numbers}

    def open_intents(self, tenant: str) -> tuple[tuple[int, Intent], ...]:
        return tuple(
            (number, intent)
            for number, intent in self.intents.items()
            if number not in self.settled and intent.tenant == tenant
        )

    def left_open(self) -> Mapping[str, int]:
        return Counter(i.tenant for n, i in self.intents.items() if n not in self.settled)

    def _queue(self, event: HrEvent, webhooks: Iterable[str]) -> None:
        self.announced[event.tenant, event.schema.key] = (len(self.entries), event)
        rows = self.sent.setdefault(event.event_id, [])
        for url in webhooks:
            self.made += 1
            rows.append((self.made, url))
            row = outbox_row(
                number=self.made,
                tenant=event.tenant,
                url=url,
                event_id=event.event_id,
                schema_id=event.schema.id,
            )
            self.rows[row.id] = RowToSend(row, event.body(row.sequence))

    def waiting(self) -> tuple[OutboxRow, ...]:
        return tuple(message.row for message in self.rows.values())

    def queues(self, wanted: Wanted) -> tuple[Queue, ...]:
        found = Counter((each.row.tenant, each.row.url) for each in self._wanted(wanted))
        return tuple(Queue(tenant=t, url=url, rows=rows) for (t, url), rows in found.items())

    def next_rows(self, queue: Queue, wanted: Wanted, *, after: int) -> tuple[RowToSend, ...]:
        rows = [each for each in self._wanted(wanted) if each.row.sequence > after]
        ours = [e for e in rows if (e.row.tenant, e.row.url) == (queue.tenant, queue.url)]
        return tuple(ours[: self.at_once])

    def _wanted(self, wanted: Wanted) -> list[RowToSend]:
        match wanted:
            case Over():
                return self.given_up
            case Due(by=by):
                now = None if by is None else rfc3339(by)
                return [
                    each
                    for each in self.rows.values()
                    if now is None or not each.row.attempts or str(each.row.due_at) <= now
                ]

    def delivered(self, row: OutboxRow, entry: Entry) -> None:
        self.record(entry)
        self.rows.pop(row.id, None)
        self.given_up = [each for each in self.given_up if each.row.id != row.id]

    def failed(self, row: OutboxRow, entry: Entry, due_at: datetime | None) -> None:
        self.record(entry)
        if (held := self.rows.get(row.id)) is None:
            return  # it is over already, and stays what it was
        if due_at is None:
            self.given_up.append(self.rows.pop(row.id))
        else:
            again = replace(held.row, attempts=held.row.attempts + 1, due_at=rfc3339(due_at))
            self.rows[row.id] = replace(held, row=again)


def outbox_row(
    *,
    number: int = 1,
    tenant: str = "acme",
    url: str = HOOK,
    event_id: str = "evt_1",
    schema_id: str = URN,
    attempts: int = 0,
) -> OutboxRow:
    """A row that is ready and due since the start; `number` is its id and its sequence."""
    return OutboxRow(
        id=number,
        tenant=tenant,
        url=url,
        schema_id=schema_id,
        event_id=event_id,
        sequence=number,
        state=RowState.READY,
        attempts=attempts,
        due_at=rfc3339(START),
        last_status=None,
        last_detail=None,
    )


def answered(
    status: int | None,
    detail: str = "",
    *,
    latency_ms: int = 5,
    gone: bool = False,
    silent: bool = False,
) -> DeliveryResult:
    """An attempt with that answer; a fake receiver puts the row in that it was about."""
    return DeliveryResult(
        row=outbox_row(),
        delivered=status is not None and 200 <= status < 300,
        status=status,
        latency_ms=latency_ms,
        detail=detail or f"answered {status}",
        gone=gone,
        silent=silent,
    )


@dataclass
class Receiver:
    """HR: answers with the next of `answers`, then with success; keeps what it got."""

    answers: deque[DeliveryResult] = field(default_factory=deque)
    got: list[RowToSend] = field(default_factory=list)

    def send(self, message: RowToSend) -> DeliveryResult:
        self.got.append(message)
        result = self.answers.popleft() if self.answers else answered(204, "204", latency_ms=3)
        return replace(result, row=message.row)


@dataclass
class FakeLocks:
    """Locks that somebody else may hold, those of queues among them."""

    taken: frozenset[str] = frozenset()
    taken_queues: frozenset[str] = frozenset()
    held: list[str] = field(default_factory=list)
    requests: list[tuple[str, float]] = field(default_factory=list)
    queues: list[tuple[str, str]] = field(default_factory=list)
    asked_queues: list[tuple[str, float]] = field(default_factory=list)

    @contextmanager
    def hold_queue(self, tenant: str, url: str, *, patience: float = 0.0) -> Iterator[None]:
        self.asked_queues.append((tenant, patience))
        if tenant in self.taken_queues:
            raise TenantLocked(f"the queue of tenant {tenant} to {url} is locked by run 7")
        assert (tenant, url) not in self.queues, "a queue has one sender"
        self.queues.append((tenant, url))
        try:
            yield
        finally:
            self.queues.remove((tenant, url))

    @contextmanager
    def hold(self, tenant: str, *, patience: float = 0.0) -> Iterator[None]:
        self.requests.append((tenant, patience))
        if tenant in self.taken:
            raise TenantLocked(f"tenant {tenant} is locked by run 7")
        self.held.append(tenant)
        try:
            yield
        finally:
            self.held.remove(tenant)
