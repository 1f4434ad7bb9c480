"""A tenant in this process, with a clock that nobody waits for, that fails as a seed says.

Everything above the socket is the program's own: gateway, traffic, patience, writing, recovery,
fleet. One schedule is a few runs against one tenant; the same seed makes the same schedule.
"""

import json
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum, auto
from random import Random
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from reconciler.adapters.gateway import Connection, HttpSchemaWriter, Traffic
from reconciler.adapters.retrying import RetryBudget, retrying
from reconciler.domain.answer import Answer, Loss, NoAnswer, Reply
from reconciler.domain.dialect import Dialect
from reconciler.domain.jsontext import Json
from reconciler.domain.manifest import Limits, Manifests, Place, SchemaExtension, Tenant, Webhook
from reconciler.domain.outcome import OutcomeKind, RunSummary
from reconciler.domain.plan import GitState, Selection
from reconciler.domain.records import Run
from reconciler.domain.scim import Schema, fold
from reconciler.fleet import Fleet
from reconciler.planning import Desired
from tests.fakes import DIALECT, HOOK, FakeClock, FakeLocks, MemoryJournal, Receiver

BASE = "https://sim.example/scim/v2"
PATIENT = 2  # lag_reads of the simulated dialect; a service hides what is new at most so long


class Fault(StrEnum):
    """What can go wrong with one request; the table of the fault model, and page lies."""

    THROTTLED_SECONDS = auto()
    THROTTLED_DATE = auto()
    THROTTLED = auto()
    TIMED_OUT = auto()  # 408
    E500 = auto()
    E502_HTML = auto()
    E503_PAST = auto()
    E504 = auto()
    NOT_SENT = auto()
    LOST_BEFORE = auto()  # reset before the service did anything
    LOST_HEADERS = auto()  # done, and cut in the headers
    LOST_BODY = auto()
    SHORT_LENGTH = auto()
    CUT_WHOLE = auto()  # no Content-Length: a cut body looks whole
    SLOW_HEADERS = auto()
    SLOW_BODY = auto()
    WRONG_TYPE = auto()
    DUPLICATE_KEYS = auto()
    NOT_A_NUMBER = auto()
    DEEP = auto()
    COMPRESSED = auto()
    EXPIRED = auto()  # 401 until the token is renewed
    FORBIDDEN = auto()
    REDIRECT = auto()
    RACE_EQUAL = auto()  # another writer wins with the same
    RACE_OTHER = auto()  # and with something else
    DONE_DROPPED = auto()
    DONE_5XX = auto()
    NOT_STORED = auto()  # 201, and nothing is kept
    ATTRIBUTE_DROPPED = auto()
    LATE = auto()  # done, and shown after some reads
    NORMALISED = auto()
    VENDOR_MEMBERS = auto()
    PAGE_START_IGNORED = auto()
    PAGE_COUNT_IGNORED = auto()
    PAGE_NO_TOTAL = auto()
    PAGE_WRONG_TOTAL = auto()
    PAGE_DUPLICATES = auto()
    PAGE_MISSING = auto()
    PAGE_UNORDERED = auto()
    PAGE_EMPTY = auto()


ON_ANY = tuple(Fault)[: list(Fault).index(Fault.RACE_EQUAL)]
ON_POST = (Fault.RACE_EQUAL, Fault.RACE_OTHER, Fault.LATE)
ON_WRITE = (
    Fault.DONE_DROPPED, Fault.DONE_5XX, Fault.NOT_STORED, Fault.ATTRIBUTE_DROPPED,
    Fault.NORMALISED, Fault.VENDOR_MEMBERS,
)  # fmt: skip
ON_LIST = tuple(Fault)[list(Fault).index(Fault.PAGE_START_IGNORED) :]
DRIFTS = (Fault.RACE_OTHER, Fault.ATTRIBUTE_DROPPED)  # afterwards live differs for good


def urn(number: int) -> str:
    return f"urn:ietf:params:scim:schemas:extension:sim:2.0:User:X{number}"


@dataclass
class Identity:
    """A token that the service may declare expired."""

    number: int = 1

    def header(self) -> str:
        return f"Bearer token-{self.number}"

    def renew(self, failed: str | None) -> None:
        if failed == self.header():
            self.number += 1

    def life(self) -> float | None:
        return None


@dataclass
class SimulatedTenant:
    """A Sender. `draw` gives the fault of the next request, or None.

    `stored` is a list: without `unique` nothing keeps a schema from being there twice. `ours` are
    ids that a request of ours brought into being, `others` those that another writer did.
    """

    clock: FakeClock
    draw: Callable[[tuple[Fault, ...]], Fault | None]
    random: Random
    unique: bool = True
    stored: list[dict[str, Json]] = field(default_factory=list)
    hidden: Counter[str] = field(default_factory=Counter)
    hits: Counter[Fault] = field(default_factory=Counter)
    requests: list[str] = field(default_factory=list)
    ours: list[str] = field(default_factory=list)
    drifted: set[str] = field(default_factory=set)
    token: int = 1
    guard: Callable[[str], None] = lambda _: None

    def send(
        self, method: str, url: str, *, headers: Mapping[str, str], body: bytes | None = None
    ) -> Reply:
        assert url.startswith(BASE), url
        tail = unquote(urlsplit(url).path.removeprefix("/scim/v2/Schemas").lstrip("/"))
        self.requests.append(f"{method} {tail or '/'}")
        self.clock.seconds += 0.05
        if urlsplit(url).path.endswith("/ResourceTypes"):
            return Answer(404, {}, b"")
        write = method in ("POST", "PUT")
        if write:
            self.guard(tail or json.loads(body or b"")["id"])
        kinds = ON_ANY + (ON_WRITE if write else () if tail else ON_LIST)
        fault = self.draw(kinds + (3 * ON_POST if method == "POST" else ()))
        if headers.get("Authorization") != f"Bearer token-{self.token}":
            return _error(401)

        def proceed() -> Reply:
            return self._honest(method, tail, url, body)

        return proceed() if fault is None else self._faulty(fault, proceed, url, body)

    # --- what a good service does

    def _honest(self, method: str, tail: str, url: str, body: bytes | None) -> Reply:
        match method:
            case "GET" if tail:
                return self._one(tail)
            case "GET":
                return _json(self._list(url))
            case "POST":
                return self._create(json.loads(body or b""))
            case "PUT":
                return self._replace(tail, json.loads(body or b""))
            case _:
                raise AssertionError(f"a {method} was sent")

    def _one(self, schema_id: str) -> Reply:
        key = fold(schema_id)
        if self.hidden[key] > 0:
            self.hidden[key] -= 1
            return _error(404)
        found = next((d for d in self.stored if fold(d["id"]) == key), None)
        return _json(found) if found is not None else _error(404)

    def _list(self, url: str) -> dict[str, Json]:
        query = parse_qs(urlsplit(url).query)
        start, count = int(query["startIndex"][0]), int(query["count"][0])
        seen = [d for d in self.stored if self.hidden[fold(d["id"])] == 0]
        page = seen[start - 1 : start - 1 + count]
        return {"totalResults": len(seen), "startIndex": start, "Resources": page}

    def _create(self, document: dict[str, Json]) -> Reply:
        key = fold(document["id"])
        if self.unique and any(fold(d["id"]) == key for d in self.stored):
            return _error(409)
        self._keep(document)
        return _json(document, 201)

    def _keep(self, document: dict[str, Json]) -> None:
        self.stored.append(document)
        self.ours.append(fold(document["id"]))

    def _replace(self, schema_id: str, document: dict[str, Json]) -> Reply:
        places = [i for i, d in enumerate(self.stored) if fold(d["id"]) == fold(schema_id)]
        if not places:
            return _error(404)
        self.stored[places[0]] = document
        return _json(document)

    # --- what this one does

    def _faulty(
        self,
        fault: Fault,
        proceed: Callable[[], Reply],
        url: str,
        body: bytes | None,
    ) -> Reply:
        self.hits[fault] += 1
        self.clock.seconds += 30 * (fault in (Fault.SLOW_HEADERS, Fault.SLOW_BODY))
        self.token += fault is Fault.EXPIRED
        if fault in _REFUSALS:
            return _REFUSALS[fault]
        if fault in ON_LIST:
            return self._lie(fault, url)
        if fault not in _SPOILT:
            return self._write_fault(fault, proceed, json.loads(body or b""))
        answer, spoil = proceed(), _SPOILT[fault]
        assert isinstance(answer, Answer)
        return Answer(answer.status, {}, spoil(answer.body)) if spoil else _LOST

    def _write_fault(
        self, fault: Fault, proceed: Callable[[], Reply], document: dict[str, Json]
    ) -> Reply:
        key = fold(document["id"])
        match fault:
            case Fault.RACE_EQUAL | Fault.RACE_OTHER:
                if not any(fold(d["id"]) == key for d in self.stored):
                    other = fault is Fault.RACE_OTHER
                    self.stored.append({**document, "attributes": []} if other else document)
                    self.drifted |= {key} if other else set()
                return _error(409)
            case Fault.NOT_STORED:
                return _json(document, 201)
            case Fault.LATE:
                reply = proceed()
                self.hidden[key] = self.random.randint(1, PATIENT)
                return reply
            case Fault.DONE_5XX:
                proceed()
                return _error(self.random.choice((500, 502, 503, 504)))
            case _:
                reply = proceed()
                self._change(key, fault)
                return reply

    def _change(self, key: str, fault: Fault) -> None:
        for index, stored in enumerate(self.stored):
            if fold(stored["id"]) == key:
                self.stored[index] = _CHANGES[fault](stored)
                self.drifted |= {key} if fault in DRIFTS else set()

    def _lie(self, fault: Fault, url: str) -> Reply:
        honest = self._list(url)
        page, everything = honest["Resources"], list(self.stored)
        count = int(parse_qs(urlsplit(url).query)["count"][0])
        total = honest["totalResults"]
        match fault:
            case Fault.PAGE_START_IGNORED:
                honest["Resources"] = everything[:count]
            case Fault.PAGE_COUNT_IGNORED:
                honest["Resources"] = everything
            case Fault.PAGE_NO_TOTAL:
                del honest["totalResults"]
            case Fault.PAGE_WRONG_TOTAL:
                honest["totalResults"] = max(0, total + self.random.choice((-2, -1, 1, 9)))
            case Fault.PAGE_DUPLICATES:
                honest["Resources"] = page + page[:1]
            case Fault.PAGE_MISSING:
                honest["Resources"] = page[1:]
            case Fault.PAGE_UNORDERED:
                honest["Resources"] = self.random.sample(page, len(page))
            case _:
                honest["Resources"] = []
        return _json(honest)


def _json(value: Json, status: int = 200) -> Answer:
    return Answer(status, {"content-type": "application/scim+json"}, json.dumps(value).encode())


def _error(status: int, headers: Mapping[str, str] | None = None) -> Answer:
    error = {
        "schemas": ["urn:ietf:params:scim:api:messages:2.0:Error"], "status": str(status),
        "detail": "as the seed says",
    }  # fmt: skip
    return Answer(status, headers or {}, json.dumps(error).encode())


_LOST = NoAnswer(Loss.LOST, "the connection was cut")
_REFUSALS: dict[Fault, Reply] = {
    Fault.THROTTLED_SECONDS: _error(429, {"retry-after": "7"}),
    Fault.THROTTLED: _error(429),
    Fault.TIMED_OUT: _error(408),
    Fault.E500: _error(500),
    Fault.E502_HTML: Answer(502, {"content-type": "text/html"}, b"<html>bad gateway</html>"),
    Fault.E503_PAST: _error(503, {"retry-after": "Sun, 01 Mar 2020 12:00:20 GMT"}),
    Fault.E504: _error(504),
    Fault.NOT_SENT: NoAnswer(Loss.NOT_SENT, "the connection was refused"),
    Fault.LOST_BEFORE: _LOST,
    Fault.THROTTLED_DATE: _error(
        429,
        {"retry-after": "Sun, 01 Mar 2026 12:00:20 GMT", "date": "Sun, 01 Mar 2026 12:00:13 GMT"},
    ),
    Fault.EXPIRED: _error(401),
    Fault.FORBIDDEN: _error(403),
    Fault.REDIRECT: _error(307, {"location": "https://evil.example/scim/v2/Schemas"}),
}
# Done, and then the answer is spoilt: by a function of its body, or lost altogether (None).
_SPOILT: dict[Fault, Callable[[bytes], bytes] | None] = {
    Fault.LOST_HEADERS: None,
    Fault.LOST_BODY: None,
    Fault.SHORT_LENGTH: None,
    Fault.SLOW_HEADERS: None,
    Fault.SLOW_BODY: None,
    Fault.COMPRESSED: None,
    Fault.DONE_DROPPED: None,
    Fault.CUT_WHOLE: lambda body: body[: len(body) // 2],
    Fault.WRONG_TYPE: lambda _: b"<!doctype html><title>Sign in</title>",
    Fault.DUPLICATE_KEYS: lambda body: b'{"id": 1, "id": 2, ' + body[1:],
    Fault.NOT_A_NUMBER: lambda body: b'{"x": NaN, ' + body[1:],
    Fault.DEEP: lambda _: b"[" * 5000,
}


def _without_last(stored: dict[str, Json]) -> dict[str, Json]:
    return {**stored, "attributes": stored["attributes"][:-1]}


def _normalised(stored: dict[str, Json]) -> dict[str, Json]:
    """The same in other words: case, order, defaults left out, meta added."""
    attributes = [
        {("Name" if m == "name" else m): v for m, v in a.items() if v not in (False, "none")}
        for a in reversed(stored["attributes"])
    ]
    return {**stored, "attributes": attributes, "meta": {"version": "1"}, "x": None}


def _with_vendor_members(stored: dict[str, Json]) -> dict[str, Json]:
    attributes = [{**a, "vendorIndexed": True} for a in stored["attributes"]]
    return {**stored, "attributes": attributes, "vendorState": {"a": [1]}}


_CHANGES: dict[Fault, Callable[[dict[str, Json]], dict[str, Json]]] = {
    Fault.ATTRIBUTE_DROPPED: _without_last,
    Fault.NORMALISED: _normalised,
    Fault.VENDOR_MEMBERS: _with_vendor_members,
}


@dataclass
class Simulation:
    """Some runs of an apply against one tenant; each run is a process of its own."""

    tenant: SimulatedTenant
    extensions: tuple[SchemaExtension, ...]
    clock: FakeClock
    random: Random
    dialect: Dialect = DIALECT
    limits: Limits = field(default_factory=lambda: Limits(extensions=10**6, max_creates=10**6))
    journal: MemoryJournal = field(default_factory=MemoryJournal)
    receiver: Receiver = field(default_factory=Receiver)

    def desired(self) -> Desired:
        there = Tenant(
            name="sim", place=Place("sim.yaml"), dialect=self.dialect.name, base_url=BASE,
            limits=self.limits, webhooks=(Webhook(url=HOOK, secrets=()),),
        )  # fmt: skip
        return Desired(
            manifests=Manifests(tenants=(there,), extensions=self.extensions),
            dialects={self.dialect.name: self.dialect},
            selection=Selection(),
            git=GitState(),
        )

    def run(self, number: int = 1) -> RunSummary:
        """One apply of whatever is planned."""
        retry = retrying(clock=self.clock, random=self.random.random, budget=RetryBudget())
        identity = Identity(self.tenant.token)
        connection = Connection(
            base_url=BASE,
            dialect=self.dialect,
            reads=self.tenant,
            authenticator=identity,
            retry=retry,
            clock=self.clock,
            traffic=Traffic(clock=self.clock, per_minute=self.dialect.requests_per_minute),
        )
        writer = HttpSchemaWriter(connection, self.tenant)
        return Fleet(
            desired=self.desired(),
            writers=lambda _: writer,
            journal=self.journal,
            outbox=self.journal,
            notifier=self.receiver,
            locks=FakeLocks(),
            clock=self.clock,
            retry=retry,
            schedule=lambda attempts, result: None,
            run=Run(id=f"run-{number}", actor="test"),
            parallelism=1,
        ).apply(lambda plan: None)


def kinds(summary: RunSummary) -> dict[str, OutcomeKind]:
    """The outcome of each write, by folded id."""
    return {fold(o.change.subject.schema_id): o.kind for o in summary.outcomes}


def announced(simulation: Simulation) -> set[str]:
    """Folded ids of what HR was told."""
    bodies: Iterable[Any] = (json.loads(pending.body) for pending in simulation.receiver.got)
    return {fold(body["extension_id"]) for body in bodies}


def live(tenant: SimulatedTenant) -> dict[str, Schema]:
    """What is stored, by folded id."""
    return {fold(d["id"]): Schema.from_json(d) for d in tenant.stored}
