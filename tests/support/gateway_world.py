"""A gateway that talks to a fault server, for the tests of reading and of writing."""

import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from reconciler.adapters.gateway import HttpSchemaReader, SizeLimits, TenantAccess, Traffic
from reconciler.adapters.gateway.writer import HttpSchemaWriter
from reconciler.adapters.oauth2 import (
    Anonymous,
    Authenticator,
    ClientCredentials,
    Credentials,
    Tokens,
)
from reconciler.adapters.retrying import retrying
from reconciler.adapters.transport import Http, HttpOptions
from reconciler.domain.dialect import Dialect
from reconciler.domain.jsontext import Json
from reconciler.domain.secret import Secret
from reconciler.ports import Clock
from tests.support.fakes import DIALECT, FakeClock
from tests.support.faultserver import FaultServer, Handler, Received, Script, json_reply, serving

BASE = "/scim/v2"
SECRET = "c4n4ry-secret"
TOKEN = "c4n4ry-t0k3n"
HINTED = replace(DIALECT, permission_hint="needs the scope scim:admin; see Admin > OAuth > Roles")

UNLIMITED = SizeLimits()


def urn(number: int) -> str:
    return f"urn:ietf:params:scim:schemas:extension:acme:2.0:User:X{number}"


def schema(identifier: str | int, **members: Json) -> dict[str, Json]:
    """A schema as a service serves it."""
    known = urn(identifier) if isinstance(identifier, int) else identifier
    return {"id": known, "name": "X", "attributes": [{"name": "grade"}], **members}


def listed(documents: list[Any], **members: Json) -> dict[str, Json]:
    """A whole ListResponse; a member given as None is left out."""
    whole = {
        "schemas": ["urn:ietf:params:scim:api:messages:2.0:ListResponse"],
        "totalResults": len(documents),
        "itemsPerPage": len(documents),
        "startIndex": 1,
        "Resources": documents,
        **members,
    }
    return {member: value for member, value in whole.items() if value is not None}


def scim_error(status: int, detail: str = "", scim_type: str | None = None) -> Script:
    document = {
        "schemas": ["urn:ietf:params:scim:api:messages:2.0:Error"],
        "status": str(status),
        "detail": detail,
        **({"scimType": scim_type} if scim_type else {}),
    }
    return json_reply(document, status)


def paging(request: Received) -> tuple[int, int]:
    """startIndex and count of a request."""
    query = parse_qs(urlsplit(request.target).query)
    return int(query["startIndex"][0]), int(query["count"][0])


def asked_id(request: Received) -> str | None:
    """The id that a request asks for; None for the collection."""
    _, _, tail = request.path.partition(f"{BASE}/Schemas/")
    return unquote(tail) or None


Lister = Callable[[int, int], Json]
"""(startIndex, count) → the JSON body of the answer."""


def service(lister: Lister, by_id: Mapping[str, Json] | None = None) -> Handler:
    """A service that lists as it likes and answers by id from a mapping of folded ids."""
    return paged(lambda start, count: json_reply(lister(start, count)), by_id)


def paged(page: Callable[[int, int], Script], by_id: Mapping[str, Json] | None = None) -> Handler:
    """The same for whole answers, by `startIndex` and `count`."""

    def handle(request: Received) -> Script:
        if (wanted := asked_id(request)) is None:
            return page(*paging(request))
        found = (by_id or {}).get(wanted.lower())
        return json_reply(found) if found is not None else scim_error(404, "no such schema")

    return handle


def honest(documents: list[Any], *, most: int = 1000) -> Lister:
    """RFC 7644 section 3.4.2.4, with a longest page of its own."""

    def lister(start: int, count: int) -> Json:
        page = documents[start - 1 : start - 1 + min(count, most)]
        return listed(page, totalResults=len(documents), startIndex=start)

    return lister


@dataclass(frozen=True)
class World:
    server: FaultServer
    reader: HttpSchemaReader
    writer: HttpSchemaWriter
    clock: FakeClock
    access: TenantAccess
    writes: Http

    @property
    def requests(self) -> list[Received]:
        return self.server.requests


@contextmanager
def world(
    handler: Handler,
    *,
    dialect: Dialect = DIALECT,
    credentials: Callable[[FaultServer], Credentials] = lambda _: Anonymous(),
    base: str = BASE,
    deadline: float = 120.0,
    read_deadline: float = math.inf,
    limits: SizeLimits = UNLIMITED,
    max_body: int = 5 * 1024 * 1024,
    clock: FakeClock | None = None,
) -> Iterator[World]:
    """A server, and a reader and a writer that talk to it."""
    with ExitStack() as stack:
        server = stack.enter_context(serving(handler))
        clock = clock or FakeClock()
        options = HttpOptions(deadline=5, max_body=max_body, lifted_by="--max-page-mib")
        connection = replace(
            stack.enter_context(
                reaching(server.url(base), credentials(server), dialect, clock, options, deadline)
            ),
            read_deadline=read_deadline,
            limits=limits,
        )
        writes = stack.enter_context(Http(options, methods=frozenset({"POST", "PUT", "PATCH"})))
        reader, writer = HttpSchemaReader(connection), HttpSchemaWriter(connection, writes)
        yield World(server, reader, writer, clock, connection, writes)


@contextmanager
def reaching(
    base_url: str,
    credentials: Credentials,
    dialect: Dialect,
    clock: Clock,
    options: HttpOptions,
    deadline: float = 120.0,
) -> Iterator[TenantAccess]:
    """The access to a tenant for nothing but GET, whoever serves it."""
    retry = retrying(clock=clock, random=lambda: 0.0, deadline=deadline)
    tokens = Tokens(options=options, retries=lambda: retry, clock=clock, new_id=lambda: "")
    with Http(options, methods=frozenset({"GET"})) as reads:
        yield TenantAccess(
            base_url=base_url,
            dialect=dialect,
            reads=reads,
            authenticator=Authenticator(credentials, tokens),
            retry=retry,
            clock=clock,
            traffic=Traffic(clock=clock, per_minute=dialect.requests_per_minute),
        )


def client_credentials(server: FaultServer) -> Credentials:
    return ClientCredentials(
        token_url=server.url("/oauth/token"),
        client_id=Secret("c4n4ry-id"),
        client_secret=Secret(SECRET),
    )


def guarded(handler: Handler, *, refuses: Callable[[int], bool]) -> Handler:
    """A token endpoint before a handler; `refuses` says which authorized request gets a 401."""
    numbers = iter(range(1, 1000))
    seen: list[Received] = []

    def handle(request: Received) -> Script:
        if request.path == "/oauth/token":
            return json_reply({"access_token": f"{TOKEN}-{next(numbers)}", "token_type": "Bearer"})
        seen.append(request)
        return scim_error(401, "who?") if refuses(len(seen)) else handler(request)

    return handle
