"""A tenant in this process, with a clock that nobody waits for, that fails as a seed says.

Everything above the socket is the program's own: gateway, traffic, patience, writing, recovery,
fleet. One schedule is a few runs against one tenant; the same seed makes the same schedule.
"""

import json
import math
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum, auto
from hashlib import sha256
from random import Random
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from reconciler.adapters.gateway import TenantAccess, Traffic
from reconciler.adapters.gateway.reader import Sender
from reconciler.adapters.gateway.writer import HttpSchemaWriter
from reconciler.adapters.retrying import RetryBudget, retrying
from reconciler.domain.dialect import Dialect
from reconciler.domain.http_reply import Answer, Loss, NoAnswer, Reply
from reconciler.domain.jsontext import Json
from reconciler.domain.manifest import GitState, Limits, Manifests, SchemaExtension, Tenant, Webhook
from reconciler.domain.outcome import OutcomeKind, RunSummary
from reconciler.domain.problem import Place
from reconciler.domain.records import Run
from reconciler.domain.redaction import Redaction
from reconciler.domain.scim import Schema, fold
from reconciler.domain.selection import Selection
from reconciler.planning import Desired
from tests.support.fakes import (
    DIALECT,
    HOOK,
    BadPatch,
    FakeClock,
    MemoryJournal,
    Receiver,
    patched,
)
from tests.support.habits import Habits, Pages, shaped, spelt
from tests.support.runs import Gateways, fleet_of

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
    BEING_DELETED = auto()  # refused as there, while a deletion of it goes on unseen
    OVERTAKEN = auto()  # another writer changes the schema between our read and our write
    UPDATE_LOST = auto()  # 200, and then another writer's older document lies over ours
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
    PAGE_REPEATED = auto()  # leads back to its own beginning
    PAGE_SHRINKING = auto()  # each page shorter than the one before


ON_ANY = tuple(Fault)[: list(Fault).index(Fault.RACE_EQUAL)]
ON_POST = (Fault.RACE_EQUAL, Fault.RACE_OTHER, Fault.LATE, Fault.BEING_DELETED)
ON_UPDATE = (Fault.OVERTAKEN, Fault.UPDATE_LOST)
ON_WRITE = (
    Fault.DONE_DROPPED, Fault.DONE_5XX, Fault.NOT_STORED, Fault.ATTRIBUTE_DROPPED,
    Fault.NORMALISED, Fault.VENDOR_MEMBERS,
)  # fmt: skip
ON_LIST = tuple(Fault)[list(Fault).index(Fault.PAGE_START_IGNORED) :]
DRIFTS = (Fault.RACE_OTHER, Fault.ATTRIBUTE_DROPPED)  # afterwards live differs for good
EVIL = "https://evil.example/scim/v2/Schemas"
THEIRS: dict[str, Json] = {"name": "theirs", "type": "string"}


def urn(number: int) -> str:
    return f"urn:ietf:params:scim:schemas:extension:sim:2.0:User:X{number}"


@dataclass(frozen=True)
class Request:
    """One request, from wherever it came."""

    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def path(self) -> str:
        return self.target.partition("?")[0]

    @property
    def schema_id(self) -> str:
        """The id that is asked for; empty for all."""
        return unquote(self.path.removeprefix("/scim/v2/Schemas").lstrip("/"))

    def header(self, name: str) -> str | None:
        return next((v for n, v in self.headers.items() if fold(n) == fold(name)), None)

    def document(self) -> dict[str, Json]:
        document: dict[str, Json] = json.loads(self.body)
        return document

    def window(self, everything: int) -> tuple[int, int]:
        """Where the page begins, from 1, and how many are asked for; all where nobody says."""
        query = parse_qs(urlsplit(self.target).query)
        start = query.get("cursor") or query.get("startIndex") or ["1"]
        return int(start[0]), int(query.get("count", [str(everything)])[0])


@dataclass
class Identity:
    """A token that the service may declare expired."""

    number: int = 1

    def header(self, within: float = math.inf) -> str:
        return f"Bearer token-{self.number}"

    def renew(self, failed: str | None) -> None:
        if failed == self.header():
            self.number += 1

    def note_renewal(self, *, helped: bool) -> None:
        """Nothing: here each tenant has a token of its own."""

    @property
    def renewable(self) -> bool:
        return True

    @property
    def redaction(self) -> Redaction:
        return Redaction()

    def life(self) -> float | None:
        return None

    @property
    def not_granted(self) -> tuple[str, ...]:
        return ()


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
    overtaken: set[str] = field(default_factory=set)
    token: int = 1
    guard: Callable[[str], None] = lambda _: None
    habits: Habits = field(default_factory=Habits)

    def send(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str],
        body: bytes | None = None,
        within: float = math.inf,
    ) -> Reply:
        """What a client without sockets sees."""
        assert url.startswith(BASE), url
        target = url.removeprefix("https://sim.example")
        fault, answer = self.respond(Request(method, target, headers, body or b""))
        if fault in LOSSES:
            return LOSSES[fault]
        if fault in SPOILT:
            return Answer(answer.status, {}, SPOILT[fault](answer.body))
        return answer

    def respond(self, request: Request) -> tuple[Fault | None, Answer]:
        """What the service does and answers, and how that is to be lost or spoilt on its way."""
        self.requests.append(f"{request.method} {request.schema_id or '/'}")
        self.clock.seconds += 0.05
        if request.path.endswith("/ResourceTypes"):
            return None, Answer(404, {}, b"")
        write = request.method in ("POST", "PUT", "PATCH")
        if write:
            self.guard(request.schema_id or request.document()["id"])
        kinds = ON_ANY + (ON_WRITE if write else () if request.schema_id else ON_LIST)
        more = (3 * ON_POST if request.method == "POST" else 3 * ON_UPDATE) if write else ()
        fault = self.draw(kinds + more)
        if request.header("Authorization") != f"Bearer token-{self.token}":
            return None, _error(401)
        return fault, self._honest(request) if fault is None else self._faulty(fault, request)

    # --- what a good service does, and one with habits

    def _honest(self, request: Request) -> Answer:
        match request.method:
            case "GET" if request.schema_id:
                return self._one(request.schema_id)
            case "GET":
                return self._listed(self._page(request))
            case "POST":
                return self._create(request.document())
            case "PUT" | "PATCH":
                return self._replace(request)
            case _:
                raise AssertionError(f"a {request.method} was sent")

    def _one(self, schema_id: str) -> Answer:
        key = fold(schema_id)
        if self.hidden[key] > 0:
            self.hidden[key] -= 1
            return _error(404)
        found = next((d for d in self.stored if fold(d["id"]) == key), None)
        return self._shown(found) if found is not None else _error(404)

    def _shown(self, document: dict[str, Json], status: int = 200) -> Answer:
        tag = {"etag": f'"{_version(document)}-gzip"'} if self.habits.tags else {}
        return _json(spelt(document, self.habits.keywords), status, tag)

    def _listed(self, page: dict[str, Json]) -> Answer:
        shown = [spelt(d, self.habits.keywords) for d in page["Resources"]]
        return _json(shaped({**page, "Resources": shown}, self.habits.shape))

    def _page(self, request: Request) -> dict[str, Json]:
        seen = [d for d in self.stored if self.hidden[fold(d["id"])] == 0]
        start, count = request.window(len(seen))
        match self.habits.pages:
            case Pages.IGNORED:
                start, count = 1, len(seen)
            case Pages.SHORT:
                count = min(count, 2)
            case Pages.INDEX | Pages.CURSOR:
                pass
        page: dict[str, Json] = {"totalResults": len(seen), "startIndex": start}
        page["Resources"] = seen[start - 1 : start - 1 + count]
        if self.habits.pages is Pages.CURSOR and start + count <= len(seen):
            page["nextCursor"] = str(start + count)
        return page

    def _taken(self) -> Answer:
        return _error(self.habits.taken, detail="it exists already")

    def _create(self, document: dict[str, Json]) -> Answer:
        key = fold(document["id"])
        if self.unique and any(fold(d["id"]) == key for d in self.stored):
            return self._taken()
        if self.habits.creates != 201:
            return _error(self.habits.creates)
        if len(self.stored) >= self.habits.most:
            return _error(400, detail="Custom schema maximum count reached!")
        self.stored.append(document)
        self.ours.append(key)
        return self._shown(document, 201)

    def _replace(self, request: Request) -> Answer:
        if not (self.habits.patches if request.method == "PATCH" else self.habits.updates):
            return _error(405)
        places = [i for i, d in enumerate(self.stored) if fold(d["id"]) == fold(request.schema_id)]
        if not places:
            return _error(404)
        before = self.stored[places[0]]
        if self.habits.tags and request.header("If-Match") != f'"{_version(before)}"':
            return _error(412)
        document = request.document()
        after = document
        if request.method == "PATCH" and self.habits.patches:
            try:
                after = patched(before, document, self.habits.patches)
            except BadPatch as error:
                return _error(400, scim_type=str(error))
        self.stored[places[0]] = self._heeded(before, after)
        return self._shown(self.stored[places[0]])

    def _heeded(self, before: dict[str, Json], document: dict[str, Json]) -> dict[str, Json]:
        """What is kept of a change: what the service ignores stays as it was."""
        was = {_name(a): a for a in before.get("attributes", ())}
        attributes = [
            {**a, **self._kept(was.get(_name(a), {})), **self.habits.adds}
            for a in document["attributes"]
        ]
        return {**document, "attributes": attributes}

    def _kept(self, attribute: Mapping[str, Json]) -> dict[str, Json]:
        return {m: attribute[m] for m in self.habits.ignores if m in attribute}

    # --- what this one does

    def _faulty(self, fault: Fault, request: Request) -> Answer:
        if self.habits.silent and fault is Fault.THROTTLED_SECONDS:
            fault = Fault.THROTTLED
        self.hits[fault] += 1
        self.clock.seconds += 30 * (fault in (Fault.SLOW_HEADERS, Fault.SLOW_BODY))
        self.token += fault is Fault.EXPIRED
        if fault in _REFUSALS:
            return _REFUSALS[fault]
        if fault in ON_LIST:
            return self._lie(fault, request)
        if fault in LOSSES or fault in SPOILT:
            return self._honest(request)
        return self._write_fault(fault, request)

    def _write_fault(self, fault: Fault, request: Request) -> Answer:
        document = request.document()
        match fault:
            case Fault.RACE_EQUAL | Fault.RACE_OTHER:
                self._race(document, other=fault is Fault.RACE_OTHER)
                return self._taken()
            case Fault.BEING_DELETED:
                return _error(self.habits.taken, detail="it exists already: being deleted")
            case Fault.NOT_STORED:
                return _json(document, 201)
            case _:
                return self._done(fault, request, fold(request.schema_id or document["id"]))

    def _race(self, document: dict[str, Json], *, other: bool) -> None:
        key = fold(document["id"])
        if not any(fold(d["id"]) == key for d in self.stored):
            self.stored.append({**document, "attributes": []} if other else document)
            self.drifted |= {key} if other else set()

    def _done(self, fault: Fault, request: Request, key: str) -> Answer:
        """What was asked, and something else before or after it."""
        if fault is Fault.OVERTAKEN:
            self._change(key, fault)
            self.overtaken.add(key)
            return self._honest(request)
        before = next((d for d in self.stored if fold(d["id"]) == key), None)
        answer = self._honest(request)
        match fault:
            case Fault.LATE:
                self.hidden[key] = self.random.randint(1, PATIENT)
            case Fault.DONE_5XX:
                return _error(self.random.choice((500, 502, 503, 504)))
            case Fault.UPDATE_LOST:
                self.stored = [
                    before if fold(d["id"]) == key and before else d for d in self.stored
                ]
            case _:
                self._change(key, fault)
        return answer

    def _change(self, key: str, fault: Fault) -> None:
        for index, stored in enumerate(self.stored):
            if fold(stored["id"]) == key:
                self.stored[index] = _CHANGES[fault](stored)
                self.drifted |= {key} if fault in DRIFTS else set()

    def _lie(self, fault: Fault, request: Request) -> Answer:
        honest = self._page(request)
        page, everything = honest["Resources"], list(self.stored)
        start, count = request.window(len(everything))
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
            case Fault.PAGE_REPEATED:
                honest["nextCursor"] = "1"
            case Fault.PAGE_SHRINKING:
                honest["Resources"] = page[: max(0, len(page) - start)]
            case _:
                honest["Resources"] = []
        return self._listed(honest)


def _json(value: Json, status: int = 200, headers: Mapping[str, str] | None = None) -> Answer:
    kind = {"content-type": "application/scim+json"}
    return Answer(status, {**kind, **(headers or {})}, json.dumps(value).encode())


def _error(
    status: int,
    headers: Mapping[str, str] | None = None,
    *,
    detail: str = "as the seed says",
    scim_type: str | None = None,
) -> Answer:
    error = {
        "schemas": ["urn:ietf:params:scim:api:messages:2.0:Error"], "status": str(status),
        "detail": detail, **({"scimType": scim_type} if scim_type else {}),
    }  # fmt: skip
    return Answer(status, headers or {}, json.dumps(error).encode())


def _name(attribute: Mapping[str, Json]) -> str:
    """In whatever case the member's own name is written."""
    name: str = next(v for m, v in attribute.items() if fold(m) == "name")
    return name


def _version(document: Mapping[str, Json]) -> str:
    return sha256(json.dumps(document, sort_keys=True).encode()).hexdigest()[:12]


_LOST = NoAnswer(Loss.LOST, "the connection was cut")
_REFUSALS: dict[Fault, Answer] = {
    Fault.THROTTLED_SECONDS: _error(429, {"retry-after": "7"}),
    Fault.THROTTLED: _error(429),
    Fault.TIMED_OUT: _error(408),
    Fault.E500: _error(500),
    Fault.E502_HTML: Answer(502, {"content-type": "text/html"}, b"<html>bad gateway</html>"),
    Fault.E503_PAST: _error(503, {"retry-after": "Sun, 01 Mar 2020 12:00:20 GMT"}),
    Fault.E504: _error(504),
    Fault.NOT_SENT: _error(500),  # nobody sees these two
    Fault.LOST_BEFORE: _error(500),
    Fault.THROTTLED_DATE: _error(
        429,
        {"retry-after": "Sun, 01 Mar 2026 12:00:20 GMT", "date": "Sun, 01 Mar 2026 12:00:13 GMT"},
    ),
    Fault.EXPIRED: _error(401),
    Fault.FORBIDDEN: _error(403),
    Fault.REDIRECT: _error(307, {"location": EVIL}),
}
# What is lost on its way; all but the first two was done.
LOSSES: dict[Fault | None, NoAnswer] = {
    Fault.NOT_SENT: NoAnswer(Loss.NOT_SENT, "the connection was refused"),
    Fault.LOST_BEFORE: _LOST,
    Fault.LOST_HEADERS: _LOST,
    Fault.LOST_BODY: _LOST,
    Fault.SHORT_LENGTH: _LOST,
    Fault.SLOW_HEADERS: _LOST,
    Fault.SLOW_BODY: _LOST,
    Fault.COMPRESSED: _LOST,
    Fault.DONE_DROPPED: _LOST,
}
# Done, and then the body of the answer is spoilt.
SPOILT: dict[Fault | None, Callable[[bytes], bytes]] = {
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


def _with_theirs(stored: dict[str, Json]) -> dict[str, Json]:
    """What another writer adds; once."""
    kept = [a for a in stored["attributes"] if _name(a) != THEIRS["name"]]
    return {**stored, "attributes": [*kept, THEIRS]}


_CHANGES: dict[Fault, Callable[[dict[str, Json]], dict[str, Json]]] = {
    Fault.ATTRIBUTE_DROPPED: _without_last,
    Fault.NORMALISED: _normalised,
    Fault.VENDOR_MEMBERS: _with_vendor_members,
    Fault.OVERTAKEN: _with_theirs,
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
    sender: Sender | None = None  # what goes between; the tenant itself where nothing does
    base: str = BASE

    def desired(self) -> Desired:
        there = Tenant(
            name="sim", place=Place("sim.yaml"), dialect=self.dialect, base_url=self.base,
            limits=self.limits, webhooks=(Webhook(url=HOOK, secrets=()),),
        )  # fmt: skip
        return Desired(
            manifests=Manifests(tenants=(there,), extensions=self.extensions),
            selection=Selection(),
            git=GitState(),
        )

    def run(self, number: int = 1) -> RunSummary:
        """One apply of whatever is planned."""
        retry = retrying(clock=self.clock, random=self.random.random, budget=RetryBudget())
        identity = Identity(self.tenant.token)
        connection = TenantAccess(
            base_url=self.base,
            dialect=self.dialect,
            reads=self.sender or self.tenant,
            authenticator=identity,
            retry=retry,
            clock=self.clock,
            traffic=Traffic(clock=self.clock, per_minute=self.dialect.requests_per_minute),
        )
        writer = HttpSchemaWriter(connection, self.sender or self.tenant)
        return fleet_of(
            self.desired(),
            Gateways(lambda _: writer, retry),
            self.journal,
            run=Run(id=f"run-{number}", actor="test"),
            clock=self.clock,
            notifier=self.receiver,
        ).apply(lambda plan: None)


def kinds(summary: RunSummary) -> dict[str, OutcomeKind]:
    """The outcome of each write, by folded id."""
    return {fold(o.change.subject.schema_id): o.kind for o in summary.outcomes}


def announced(simulation: Simulation) -> set[str]:
    """Folded ids of what HR was told."""
    bodies: Iterable[Any] = (json.loads(message.body) for message in simulation.receiver.got)
    return {fold(body["extension_id"]) for body in bodies}


def live(tenant: SimulatedTenant) -> dict[str, Schema]:
    """What is stored, by folded id."""
    return {fold(d["id"]): Schema.from_json(d) for d in tenant.stored}
