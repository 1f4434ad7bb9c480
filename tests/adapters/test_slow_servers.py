"""Two hundred ways to be slow: each request ends at its deadline, over TLS or not."""

import ssl
import tempfile
import time
from functools import lru_cache
from pathlib import Path
from random import Random

import pytest
import trustme

from reconciler.adapters.transport import Http, HttpOptions
from reconciler.domain.http_reply import Loss, NoAnswer
from tests.support.faultserver import Pause, Script, drip, in_turn, serving
from tests.support.replay import repeatable

DEADLINE = 0.4
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/scim+json\r\n"
BODY = b'{"Resources": [' + b" " * 300 + b"]}"
LENGTH = b"Content-Length: %d\r\n\r\n" % len(BODY)
CHUNKED = b"Transfer-Encoding: chunked\r\n\r\n"


def whole(random: Random) -> bytes:
    """An answer in one of three framings, cut into chunks of any size."""
    match random.choice(("length", "chunked", "neither")):
        case "length":
            return HEAD + LENGTH + BODY
        case "chunked":
            size = random.randint(1, 80)
            parts = [BODY[n : n + size] for n in range(0, len(BODY), size)]
            chunks = b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in parts)
            return HEAD + CHUNKED + chunks + b"0\r\n\r\n"
        case _:
            return HEAD + b"\r\n" + BODY


def slow(random: Random) -> Script:
    """That answer, which stalls somewhere or drips from there on."""
    answer = whole(random)
    until = random.randrange(len(answer))
    if random.random() < 0.5:
        return (answer[:until], Pause(30)) if until else (Pause(30),)
    every = random.choice((0.01, 0.05, 0.2, 0.35))
    begin = min(until, len(answer) - int(2 * DEADLINE / every) - 2)
    return (answer[: max(0, begin)], *drip(answer[max(0, begin) :], every=every))


@lru_cache
def secured() -> tuple[ssl.SSLContext, Path]:
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    path = Path(tempfile.mkdtemp()) / "authority.pem"
    authority.cert_pem.write_to_path(path)
    return context, path


@repeatable
def slow_server(seed: int) -> None:
    random = Random(seed)
    script, method = slow(random), random.choice(("GET", "POST"))
    context, authority = secured() if random.random() < 0.5 else (None, None)
    options = HttpOptions(deadline=DEADLINE, ca_bundle=authority)

    with serving(in_turn(script), context) as server, Http(options, methods=ANY) as http:
        began = time.monotonic()
        answer = http.send(method, server.url(), headers={}, body=b"{}")
        took = time.monotonic() - began

    assert answer == NoAnswer(Loss.LOST, "no whole answer within 0.4 seconds")
    assert took < DEADLINE + 1


ANY = frozenset({"GET", "POST"})


@pytest.mark.parametrize("seed", range(8))
def test_a_slow_server_is_left_at_the_deadline(seed: int) -> None:
    slow_server(seed)


@pytest.mark.chaos
@pytest.mark.parametrize("seeds", [range(n, n + 50) for n in range(8, 208, 50)], ids=str)
def test_two_hundred_slow_servers_are_left_at_the_deadline(seeds: range) -> None:
    for seed in seeds:
        slow_server(seed)
