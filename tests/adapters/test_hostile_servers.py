"""Servers that want our token or our memory: neither leaves, neither grows."""

import gzip
import json
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from random import Random

import pytest

from reconciler.domain.jsontext import Json
from reconciler.domain.scim import Schema
from reconciler.errors import TenantError
from tests.support.faultserver import (
    FaultServer,
    Received,
    Script,
    in_turn,
    json_reply,
    reply,
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

# --- the token goes to the tenant's origin and nowhere else ----------------------------------

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


@pytest.mark.parametrize("seed", range(25))
def test_no_address_that_a_tenant_gives_is_ever_connected_to(seed: int) -> None:
    redirect_trick(seed)


@pytest.mark.chaos
@pytest.mark.parametrize("seeds", [range(n, n + 50) for n in range(25, 525, 50)], ids=str)
def test_no_address_in_five_hundred_answers_is_ever_connected_to(seeds: range) -> None:
    for seed in seeds:
        redirect_trick(seed)


@pytest.mark.parametrize("address", ELSEWHERE.values(), ids=ELSEWHERE.keys())
@pytest.mark.parametrize("status", [302, 307, 308])
def test_no_redirect_is_followed_however_its_address_is_written(
    address: Where, status: int
) -> None:
    with serving(in_turn(reply(200))) as elsewhere:
        away = reply(status, b"", {"Location": latin(address(elsewhere))})
        with world(in_turn(away)) as w:
            read_and_write(w.reader.read_all, lambda: w.writer.create(schema(2)))

    assert len(w.requests) == 2
    assert elsewhere.connections == 0


# --- memory ----------------------------------------------------------------------------------

MEASURED = """
import json, resource, sys
from reconciler.adapters.transport import Http, HttpOptions
url, number = sys.argv[1], int(sys.argv[2])
peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
found = []
with Http(HttpOptions(deadline=20), methods=frozenset({"GET", "POST"})) as http:
    http.send("GET", url + "small", headers={})
    before = peak()
    for n in range(number):
        ends = [type(http.send(m, f"{url}{n}", headers={}, body=b)).__name__
                for m, b in (("GET", None), ("POST", b"{}"))]
        found.append([ends, (peak() - before) // 1024])
print(json.dumps(found))
"""
MEGABYTE = 1024 * 1024
BOMB = 300  # megabytes, of zeros
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/scim+json\r\n"


def bomb() -> tuple[bytes, ...]:
    """300 MB in 300 kB, in members that a decoder takes for one stream (RFC 1952 section 2.2)."""
    return (gzip.compress(bytes(MEGABYTE)),) * BOMB


def hostile() -> dict[str, Script]:
    parts = bomb()
    length = b"Content-Length: %d\r\n\r\n" % sum(map(len, parts))
    megabyte = b"100000\r\n" + b" " * MEGABYTE + b"\r\n"
    chunked = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"
    return {
        "a gzip bomb": (HEAD + b"Content-Encoding: gzip\r\n" + length, *parts),
        "a gzip bomb twice packed": (HEAD + b"Content-Encoding: gzip, gzip\r\n" + length, *parts),
        "a gzip bomb that is not called one": (HEAD + length, *parts),
        "a gzip bomb as a transfer coding": (
            HEAD + b"Transfer-Encoding: gzip, chunked\r\n\r\n",
            *(b"%x\r\n%b\r\n" % (len(part), part) for part in parts),
        ),
        "chunks without end": (chunked, *(megabyte,) * BOMB),
        "five gigabytes": (
            HEAD + b"Content-Length: 5368709120\r\n\r\n",
            *(b" " * MEGABYTE,) * BOMB,
        ),
        "no length and no end": (HEAD + b"\r\n", *(b" " * MEGABYTE,) * BOMB),
        "one chunk of two gigabytes": (chunked + b"80000000\r\n", *(b" " * MEGABYTE,) * BOMB),
        "headers without end": (HEAD, *(b"X-A: " + b"a" * 60_000 + b"\r\n",) * 5000),
        "a line without end": (HEAD + b"X-A: ", *(b"a" * MEGABYTE,) * BOMB),
    }


def test_no_answer_makes_the_program_grow_by_more_than_64_megabytes() -> None:
    """The peak of one process that meets them all; it does not go down again."""
    scripts = hostile()

    def handle(request: Received) -> Script:
        number = request.path.lstrip("/")
        return list(scripts.values())[int(number)] if number.isdigit() else reply(200, b"[]")

    with serving(handle) as server:
        done = subprocess.run(
            [sys.executable, "-c", MEASURED, server.url("/"), str(len(scripts))],
            cwd=Path(__file__).parents[2],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    assert done.stderr == ""
    found = dict(zip(scripts, json.loads(done.stdout), strict=True))
    assert {kind: grown for kind, (_, grown) in found.items() if grown > 64} == {}
    whole = {kind for kind, (ends, _) in found.items() if ends != ["NoAnswer"] * 2}
    assert whole == {"a gzip bomb that is not called one"}  # 300 kB that are no JSON
