"""The service of a fleet, in a process of its own: many tenants, their tokens, and HR.

`python -m tests.support.fleet.service` prints its port. A tenant is at /KIND-LIVE/NAME and has
from the start the first LIVE extensions; of the kind `own` its documents say where they are. A
token of the tenant `any` is good for all. What is created stays until a reset. It costs as little
as Python
allows: what is measured is its client.
"""

import asyncio
import json
import subprocess
import sys
import urllib.request
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from urllib.parse import parse_qs, unquote

from reconciler.domain.jsontext import Json
from tests.support.fleet.schemas import core, extension

SCIM = "application/scim+json"
Body = bytes
Answer = tuple[int, Body]


@cache
def _served(kind: str, root: str, live: int) -> list[bytes]:
    """What a tenant has from the start, document by document."""
    documents = [*core(), *(extension(index) for index in range(live))]
    if kind == "own":
        documents = [
            {**each, "meta": {"resourceType": "Schema", "location": f"{root}/Schemas/{each['id']}"}}
            for each in documents
        ]
    return [json.dumps(document).encode() for document in documents]


@cache
def _listed(kind: str, root: str, live: int, start: int, count: int) -> bytes:
    return _list(_served(kind, root, live), start, count)


def _list(documents: list[bytes], start: int, count: int) -> bytes:
    page = documents[start - 1 : start - 1 + count]
    head = {
        "schemas": ["urn:ietf:params:scim:api:messages:2.0:ListResponse"],
        "totalResults": len(documents),
        "itemsPerPage": len(page),
        "startIndex": start,
    }
    text = json.dumps(head).encode()
    return text[:-1] + b', "Resources": [' + b", ".join(page) + b"]}"


def _error(status: int) -> Answer:
    schema = "urn:ietf:params:scim:api:messages:2.0:Error"
    return status, json.dumps({"schemas": [schema], "status": str(status)}).encode()


@dataclass
class Service:
    """All that is remembered. `requests` counts by tenant and kind; `delay` is before each answer.

    Answers to webhooks have the status `hr`.
    """

    delay: float = 0.0
    hr: int = 204
    requests: Counter[tuple[str, str]] = field(default_factory=Counter)
    created: dict[str, dict[str, bytes]] = field(default_factory=dict)
    connections: int = 0
    open: int = 0
    peak: int = 0

    def answer(self, method: str, target: str, token: str, body: bytes) -> Answer:
        path, _, query = target.partition("?")
        kind, _, rest = path[1:].partition("/")
        if kind == "_service":
            return self._control(method, body)
        if kind == "hr":
            self.requests["hr", "webhook"] += 1
            return self.hr, b""
        name, _, rest = rest.partition("/")
        what, _, live = kind.partition("-")
        if rest == "token":
            self.requests[name, "token"] += 1
            return 200, b'{"access_token": "%s", "token_type": "Bearer", "expires_in": 3600}' % (
                name.encode()
            )
        if token not in (f"Bearer {name}", "Bearer any"):
            return _error(401)
        root = path.partition("/scim/v2")[0] + "/scim/v2"
        tenant = _Tenant(self, what if what == "own" else "like", root, int(live), name)
        return tenant.answer(method, rest.removeprefix("scim/v2/"), query, body)

    def _control(self, method: str, body: bytes) -> Answer:
        if method == "PUT":
            wanted = json.loads(body)
            self.delay = wanted.get("delay", self.delay)
            self.hr = wanted.get("hr", self.hr)
            if wanted.get("reset"):
                self.requests.clear()
                self.created.clear()
                self.connections, self.peak = 0, self.open
        tenants: dict[str, dict[str, int]] = {}
        for (tenant, kind), number in self.requests.items():
            tenants.setdefault(tenant, {})[kind] = number
        reported = {"tenants": tenants, "connections": self.connections, "peak": self.peak}
        return 200, json.dumps(reported).encode()


@dataclass(frozen=True)
class _Tenant:
    service: Service
    kind: str
    root: str
    live: int
    name: str

    def answer(self, method: str, rest: str, query: str, body: bytes) -> Answer:
        match method, rest:
            case "GET", "ResourceTypes":
                self._count("resource-types")
                return 200, self._types()
            case "GET", "Schemas":
                self._count("list")
                return 200, self._page(query)
            case "GET", _:
                self._count("by-id")
                return self._by_id(unquote(rest.removeprefix("Schemas/")))
            case "POST", "Schemas":
                self._count("create")
                return self._create(body)
            case _:
                self._count(method)
                return _error(501)

    def _by_id(self, wanted: str) -> Answer:
        for document, text in zip(self._documents(), self._texts(), strict=True):
            if document["id"] == wanted:
                return 200, text
        created = self._created
        return (200, created[wanted]) if wanted in created else _error(404)

    @property
    def _created(self) -> dict[str, bytes]:
        return self.service.created.get(self.name, {})

    def _count(self, kind: str) -> None:
        self.service.requests[self.name, kind] += 1

    def _documents(self) -> list[dict[str, object]]:
        return [*core(), *(extension(index) for index in range(self.live))]

    def _texts(self) -> list[bytes]:
        return _served(self.kind, self._root, self.live)

    @property
    def _root(self) -> str:
        return self.root if self.kind == "own" else ""

    def _page(self, query: str) -> bytes:
        created, requested = self._created, parse_qs(query)
        start = int(requested.get("startIndex", ["1"])[0])
        count = int(requested.get("count", ["100"])[0])
        if not created:
            return _listed(self.kind, self._root, self.live, start, count)
        return _list([*self._texts(), *created.values()], start, count)

    def _create(self, body: bytes) -> Answer:
        identifier = json.loads(body)["id"]
        created = self.service.created.setdefault(self.name, {})
        if identifier in created or any(d["id"] == identifier for d in self._documents()):
            return _error(409)
        created[identifier] = body
        return 201, body

    def _types(self) -> bytes:
        ids = [d["id"] for d in self._documents()[len(core()) :]] + list(self._created)
        bound = [{"schema": each, "required": False} for each in ids]
        kind = {"id": "User", "name": "User", "endpoint": "/Users", "schemaExtensions": bound}
        return _list([json.dumps(kind).encode()], 1, 1)


class Wire(asyncio.Protocol):
    """One connection, kept alive; requests come one after the other."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._bytes = b""
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._service.connections += 1
        self._service.open += 1
        self._service.peak = max(self._service.peak, self._service.open)

    def connection_lost(self, exc: Exception | None) -> None:
        self._service.open -= 1

    def data_received(self, data: bytes) -> None:
        self._bytes += data
        head, found, rest = self._bytes.partition(b"\r\n\r\n")
        if not found:
            return
        first, *lines = head.decode("latin-1").split("\r\n")
        headers = {name.lower(): value for name, _, value in (x.partition(": ") for x in lines)}
        length = int(headers.get("content-length", "0"))
        if len(rest) < length:
            return
        self._bytes = rest[length:]
        method, target, _ = first.split(" ")
        token = headers.get("authorization", "")
        status, answer = self._service.answer(method, target, token, rest[:length])
        lines = [f"HTTP/1.1 {status} Done"]
        if status != 204:
            lines += [f"Content-Type: {SCIM}", f"Content-Length: {len(answer)}"]
        whole = "\r\n".join([*lines, "", ""]).encode() + answer
        if self._service.delay and not target.startswith("/_service"):
            asyncio.get_running_loop().call_later(self._service.delay, self._write, whole)
        else:
            self._write(whole)

    def _write(self, whole: bytes) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(whole)


async def _serve(hosts: int) -> None:
    service, port = Service(), 0
    servers = []
    loop = asyncio.get_running_loop()
    for number in range(1, hosts + 1):
        host = f"127.0.0.{number}"
        server = await loop.create_server(lambda: Wire(service), host, port, backlog=1024)
        port = port or server.sockets[0].getsockname()[1]
        servers.append(server)
    sys.stdout.write(f"{port}\n")
    sys.stdout.flush()
    await loop.run_in_executor(None, sys.stdin.read)  # until whoever started it is gone


@dataclass(frozen=True)
class Counted:
    """Requests by tenant and kind, those to HR under `hr`; connections made, and open at once."""

    tenants: dict[str, dict[str, int]]
    connections: int
    peak: int


@dataclass(frozen=True)
class Running:
    """The service as those who started it see it."""

    origin: str

    def set(self, **wanted: object) -> None:
        """`delay`, `hr`, and `reset`, which forgets what was created and counted."""
        self._send("PUT", json.dumps(wanted).encode())

    def counted(self) -> Counted:
        """What has come since the last reset."""
        return Counted(**self._send("GET", None))

    def _send(self, method: str, body: bytes | None) -> Json:
        request = urllib.request.Request(f"{self.origin}/_service", body, method=method)
        with urllib.request.urlopen(request, timeout=10) as answer:
            return json.load(answer)


@contextmanager
def running(*, hosts: int = 1) -> Iterator[Running]:
    """A service that ends with the block."""
    command = [sys.executable, "-m", "tests.support.fleet.service", str(hosts)]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            yield Running(f"http://127.0.0.1:{process.stdout.readline().strip()}")
        finally:
            process.stdin.close()
            process.wait(10)


if __name__ == "__main__":
    asyncio.run(_serve(int(sys.argv[1])))
