"""Tenants that send us elsewhere, in one of many ways, by a seed."""

from collections.abc import Callable, Mapping
from random import Random

from reconciler.domain.jsontext import Json
from reconciler.domain.scim import Schema
from reconciler.errors import TenantError
from tests.support.faultserver import (
    FaultServer,
    Received,
    Script,
    in_turn,
    json_reply,
    serving,
)
from tests.support.gateway_world import (
    BASE,
    SECRET,
    TOKEN,
    asked_id,
    client_credentials,
    listed,
    schema,
    scim_error,
    urn,
    world,
)
from tests.support.replay import repeatable

Where = Callable[[FaultServer], str]

ELSEWHERE: dict[str, Where] = {
    "another port": lambda s: f"http://127.0.0.1:{s.port}/scim/v2/Schemas",
    "another name": lambda s: f"http://localhost:{s.port}/scim/v2/Schemas",
    "upper case": lambda s: f"HTTP://LOCALHOST:{s.port}/",
    "no scheme": lambda s: f"//127.0.0.1:{s.port}/scim/v2/Schemas",
    "a user before the host": lambda s: f"http://127.0.0.1@127.0.0.1:{s.port}/",
    "our origin as the user": lambda s: f"http://user:pass@localhost:{s.port}/scim/v2",
    "backslashes": lambda s: f"http:\\\\127.0.0.1:{s.port}\\scim",
    "one slash": lambda s: f"http:/127.0.0.1:{s.port}/",
    "a short address": lambda s: f"http://127.1:{s.port}/",
    "a decimal address": lambda s: f"http://2130706433:{s.port}/",
    "an octal address": lambda s: f"http://0177.0.0.1:{s.port}/",
    "an address in IPv6": lambda s: f"http://[::ffff:127.0.0.1]:{s.port}/",
    "letters of another script": lambda s: f"http://①②⑦.0.0.1:{s.port}/",
    "a name of another script": lambda s: f"http://ⓛocalhost:{s.port}/",
    "a dot at the end": lambda s: f"http://localhost.:{s.port}/",
    "a tab before it": lambda s: f"\thttp://127.0.0.1:{s.port}/",
    "a path above": lambda s: f"/../../@127.0.0.1:{s.port}/",
    "a fragment": lambda s: f"http://127.0.0.1:{s.port}/#{BASE}",
}

STATUSES = (200, 201, 202, 300, 301, 302, 303, 305, 307, 308, 401, 429, 503)

HEADERS = ("Location", "Content-Location", "Refresh", "Link", "Alt-Svc", "Retry-After")


def wrapped(header: str, address: str) -> str:
    match header:
        case "Refresh":
            return f"0; url={address}"
        case "Link":
            return f'<{address}>; rel="next"'
        case "Alt-Svc":
            return f'h2="{address}"'
        case _:
            return address


def lured(document: Mapping[str, Json], address: str) -> dict[str, Json]:
    """A body that names the address wherever a client might look for one."""
    links = {"next": address, "nextLink": address, "@odata.nextLink": address, "$ref": address}
    return {**document, **links, "meta": {"location": address, "version": "1"}}


LIVE = Schema.from_json(schema(1))


def read_and_write(read: Callable[[list[str]], object], write: Callable[[], object]) -> None:
    for step in (lambda: read([urn(2)]), write):
        try:
            step()
        except TenantError:
            continue


def latin(text: str) -> str:
    """As the bytes of UTF-8 would read on the wire."""
    return text.encode().decode("latin-1")


@repeatable
def redirect_trick(seed: int) -> None:
    """A tenant that sends us elsewhere in one of many ways, at one of our requests or at each."""
    random = Random(seed)
    address = random.choice(tuple(ELSEWHERE.values()))
    tricked = random.randint(0, 8)  # which request; the first is that for the token
    always = random.random() < 0.3
    status, header = random.choice(STATUSES), random.choice(HEADERS)
    cursor = random.random() < 0.5
    numbers = iter(range(1000))

    with serving(in_turn(json_reply(listed([])))) as elsewhere:
        there = address(elsewhere)

        def handle(request: Received) -> Script:
            turn = next(numbers)
            if turn == tricked or (always and turn >= tricked):
                body = lured(listed([schema(1)], nextCursor=there if cursor else None), there)
                return json_reply(body, status, {header: latin(wrapped(header, there))})
            if request.path == "/oauth/token":
                return json_reply({"access_token": TOKEN, "token_type": "Bearer"})
            if request.method != "GET":
                return json_reply(lured(schema(2), there), 201, {"Location": latin(there)})
            if asked_id(request):
                return scim_error(404, "no such schema")
            cursors = {"nextCursor": there} if cursor and turn < 4 else {}
            return json_reply(lured(listed([schema(1)], **cursors), there))

        with world(handle, credentials=client_credentials, deadline=20.0) as w:
            read_and_write(w.reader.read_all, lambda: w.writer.create(schema(2)))
            read_and_write(w.reader.read_all, lambda: w.writer.replace(LIVE, schema(1)))
            assert w.server.requests

    assert elsewhere.connections == 0
    assert not any(TOKEN in str(r) or SECRET in str(r) for r in elsewhere.requests)
