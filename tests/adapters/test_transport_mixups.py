"""No request is ever given what another's answer left on a connection that both used."""

from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest
import trustme

from reconciler.adapters.transport import Http, HttpOptions, Pool
from reconciler.domain.http_reply import Answer, Loss, NoAnswer, Reply
from tests.support.faultserver import (
    KEEP,
    Cut,
    FaultServer,
    Pause,
    Received,
    Script,
    reply,
    serving,
)
from tests.support.transport_world import ANY, server_context

STRAY = b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nstray!"


def whole(body: bytes) -> bytes:
    return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)


def ask_two(server: FaultServer, options: HttpOptions) -> tuple[Reply, Reply]:
    """What two tenants of one origin get, one after the other."""
    with closing(Pool()) as pool:
        shared = HttpOptions(deadline=options.deadline, ca_bundle=options.ca_bundle, pool=pool)
        with Http(shared, methods=ANY) as http:
            first = http.send("GET", server.url("/first"), headers={})
            second = http.send("GET", server.url("/second"), headers={})
    return first, second


@pytest.mark.parametrize(
    "script",
    [
        (whole(b"first") + STRAY, KEEP),
        (whole(b"first") + STRAY[:9], Pause(0.2), STRAY[9:], KEEP),
        (whole(b"first") + b"\r\n" + STRAY, KEEP),
        (b"HTTP/1.1 204 No Content\r\nContent-Length: 78\r\n\r\n" + STRAY + b"..", KEEP),
        (b"HTTP/1.1 204 No Content\r\nContent-Length: 44\r\n\r\n", Pause(0.2), STRAY, KEEP),
        (b"HTTP/1.1 304 Old\r\nTransfer-Encoding: chunked\r\n\r\n", Pause(0.2), STRAY, KEEP),
        (b"HTTP/1.1 304 Not Modified\r\n\r\n" + STRAY, KEEP),
        (
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
            b"5\r\nfirst\r\n0\r\nTrailer: x\r\n\r\n" + STRAY,
            KEEP,
        ),
        (b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n", Pause(0.2), whole(b"first"), KEEP),
        (b"HTTP/1.1 102 Processing\r\n\r\n" + whole(b"first"), KEEP),
        (b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n", Pause(0.2), STRAY, KEEP),
        (b"HTTP/1.1 199 New\r\n\r\n" * 3 + whole(b"first"), KEEP),
    ],
    ids=lambda script: repr(script[0])[:40],
)
def test_bytes_after_an_answer_are_never_the_answer_to_another_request(script: Script) -> None:
    def handle(request: Received) -> Script:
        return script if request.target == "/first" else reply(200, b"second")

    with serving(handle) as server:
        _, second = ask_two(server, HttpOptions(deadline=5))
        assert server.connections in (1, 2)

    assert isinstance(second, Answer)
    assert (second.status, second.body) == (200, b"second")


@pytest.mark.parametrize("status", [102, 103, 199])
def test_a_1xx_answer_is_not_the_answer(status: int) -> None:
    early = b"HTTP/1.1 %d Early\r\nLink: </a>\r\n\r\n" % status
    with serving(lambda _: (early, Pause(0.05), early, whole(b"late"), KEEP)) as server:
        first, second = ask_two(server, HttpOptions(deadline=5))

    assert isinstance(first, Answer)
    assert (first.status, first.body) == (200, b"late")
    assert isinstance(second, Answer)
    assert (second.status, second.body) == (200, b"late")


@pytest.mark.parametrize("length", [4096, 8192, 12_000, 16_340])
def test_bytes_that_tls_read_ahead_are_never_the_answer_to_another_request(
    length: int, tmp_path: Path
) -> None:
    """A record holds up to 16 KiB; who looks at the socket does not see what is left of one."""
    authority = trustme.CA()
    bundle = tmp_path / "authority.pem"
    authority.cert_pem.write_to_path(bundle)
    answer = whole(b"." * length)
    surplus = len(answer) - length
    answer = whole(b"." * (length - surplus))

    def handle(request: Received) -> Script:
        return (answer + STRAY, KEEP) if request.target == "/first" else reply(200, b"second")

    with serving(handle, server_context(authority, "127.0.0.1")) as server:
        first, second = ask_two(server, HttpOptions(deadline=5, ca_bundle=bundle))

    assert isinstance(first, Answer)
    assert len(first.body) == length - surplus
    assert isinstance(second, Answer)
    assert second.body == b"second"


@pytest.mark.parametrize("size", [b"-1", b"-2", b"+5", b"0x5", b"5_0", b" 5"])
def test_a_chunk_of_no_proper_length_is_no_answer(size: bytes) -> None:
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    many = b"x" * 4_000_000
    script = (head + size + b"\r\n", many, many, many)
    options = HttpOptions(deadline=5, max_body=1000)
    with serving(lambda _: script) as server, Http(options, methods=ANY) as http:
        got = http.send("GET", server.url(), headers={})

    assert isinstance(got, NoAnswer), got
    assert got.loss is Loss.LOST


def badly(own: bytes) -> list[Script]:
    """The ways of a server that is not sure where its answers end, and when."""
    chunks = b"HTTP/1.1 200 OK\r\n%bTransfer-Encoding: chunked\r\n\r\n%x\r\n%b\r\n0\r\nT: x\r\n\r\n"
    answer = whole(own)
    return [
        (answer, KEEP),
        (answer,),
        (answer + answer, KEEP),
        (answer + answer[:7], Pause(0.02), answer[7:], KEEP),
        (b"HTTP/1.1 103 Early Hints\r\nA: b\r\n\r\n", Pause(0.01), answer, KEEP),
        (b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 102 Processing\r\n\r\n" + answer, KEEP),
        (b"HTTP/1.1 101 Switching Protocols\r\n\r\n", Pause(0.02), answer, KEEP),
        (Pause(0.35), answer, KEEP),
        (answer[:-3], Pause(0.35), answer[-3:], KEEP),
        (b"HTTP/1.1 204 No Content\r\nContent-Length: 9\r\n\r\n", Pause(0.01), b"x" * 9, KEEP),
        (chunks % (b"", len(own), own), KEEP),
        (chunks % (b"Content-Length: 5\r\n", len(own), own) + answer, KEEP),
        (b"HTTP/1.1 200 OK\r\n\r\n" + own,),
        (Cut.RESET,),
    ]


@pytest.mark.parametrize("secure", [False, True], ids=["plain", "tls"])
def test_tenants_that_share_connections_never_get_each_others_answers(
    secure: bool, tmp_path: Path
) -> None:
    authority = trustme.CA()
    bundle = tmp_path / "authority.pem"
    authority.cert_pem.write_to_path(bundle)
    context = server_context(authority, "127.0.0.1") if secure else None

    def handle(request: Received) -> Script:
        number = int(request.target[1:])
        ways = badly(f"{number},".encode() * (1, 3, 400)[number % 3])
        return ways[number * 7919 % 101 % len(ways)]

    with serving(handle, context) as server, closing(Pool()) as pool:
        options = HttpOptions(deadline=0.25, ca_bundle=bundle, pool=pool)
        http = Http(options, methods=ANY)

        def ask(number: int) -> Reply:
            method, body = ("GET", None) if number % 3 else ("PUT", b"{}")
            return http.send(method, server.url(f"/{number}"), headers={}, body=body)

        with ThreadPoolExecutor(8) as threads:
            replies = list(threads.map(ask, range(400)))

    answers = [(n, r.body) for n, r in enumerate(replies) if isinstance(r, Answer)]
    assert len(answers) > 100
    assert [n for n, body in answers if body.replace(b"%d," % n, b"")] == []
