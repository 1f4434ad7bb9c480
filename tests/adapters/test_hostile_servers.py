"""Servers that want our token or our memory: neither leaves, neither grows."""

import gzip
import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.faultserver import (
    Received,
    Script,
    in_turn,
    reply,
    serving,
)
from tests.support.gateway_world import (
    schema,
    world,
)
from tests.support.redirects import ELSEWHERE, Where, latin, read_and_write, redirect_trick

# --- the token goes to the tenant's origin and nowhere else ----------------------------------


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
