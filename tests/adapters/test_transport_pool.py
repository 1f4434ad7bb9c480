"""Connections that requests share: which, how many, and what becomes of one that has ended."""

import json
import subprocess
import sys
import threading
import time
from contextlib import ExitStack, closing
from pathlib import Path

import pytest
import requests
import trustme
from hypothesis import given
from hypothesis import strategies as st

from reconciler.adapters.gateway.answers import RequestName, read_error
from reconciler.adapters.transport import Http, HttpOptions, Pool
from reconciler.adapters.transport.adapter import _PLAIN_URL, Passage, prepared
from reconciler.adapters.transport.exchange import Exchange
from reconciler.adapters.transport.pool import LONGEST_IDLE_FOR_WRITES
from reconciler.domain.http_reply import Answer, Loss, NoAnswer, Reply
from reconciler.domain.redaction import Redaction
from tests.support.faultserver import (
    KEEP,
    Cut,
    FaultServer,
    Pause,
    Script,
    drip,
    in_turn,
    reply,
    serving,
)
from tests.support.transport_world import ANY, server_context

HEAD = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n[]"


def shared(pool: Pool, *methods: str) -> Http:
    return Http(HttpOptions(deadline=5, pool=pool), methods=frozenset(methods) or ANY)


def statuses(*replies: Reply) -> list[int | Loss]:
    return [reply.status if isinstance(reply, Answer) else reply.loss for reply in replies]


# --- sharing -------------------------------------------------------------------------------


def test_reads_writes_and_token_requests_to_one_origin_go_over_one_connection() -> None:
    with serving(in_turn(reply())) as server, closing(Pool()) as pool:
        for method, path in (("GET", "/a"), ("POST", "/token"), ("PUT", "/b"), ("GET", "/c")):
            with shared(pool, method) as http:
                http.send(method, server.url(path), headers={}, body=None)

    assert [request.target for request in server.requests] == ["/a", "/token", "/b", "/c"]
    assert server.connections == 1


def test_as_many_connections_are_made_as_requests_are_under_way_at_once() -> None:
    with serving(in_turn(reply())) as server, closing(Pool()) as pool:

        def work() -> None:
            for n in range(20):
                with shared(pool) as http:
                    http.send("GET", server.url(f"/{n}"), headers={})

        threads = [threading.Thread(target=work) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    assert len(server.requests) == 80
    assert server.connections <= 4


def test_origins_and_authorities_do_not_share_connections(tmp_path: Path) -> None:
    authority = trustme.CA()
    bundles = [tmp_path / "one.pem", tmp_path / "two.pem"]
    tls = server_context(authority, "127.0.0.1")
    with serving(in_turn(reply()), tls) as server, closing(Pool()) as pool:
        for bundle in bundles * 2:
            authority.cert_pem.write_to_path(bundle)
            options = HttpOptions(deadline=5, ca_bundle=bundle, pool=pool)
            with Http(options, methods=ANY) as http:
                assert isinstance(http.send("GET", server.url(), headers={}), Answer)

    assert server.connections == 2


def test_a_connection_that_another_authority_vouches_for_is_not_shared(
    tmp_path: Path,
) -> None:
    authority = trustme.CA()
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    tls = server_context(authority, "127.0.0.1")
    with serving(in_turn(reply()), tls) as server, closing(Pool()) as pool:
        options = HttpOptions(deadline=5, ca_bundle=tmp_path / "ca.pem", pool=pool)
        with Http(options, methods=ANY) as http:
            trusting = http.send("GET", server.url(), headers={})
        with shared(pool) as http:
            other = http.send("GET", server.url(), headers={})

    assert statuses(trusting, other) == [200, Loss.UNTRUSTED]


def test_an_address_has_to_be_permitted_also_where_it_is_connected_to_already() -> None:
    with serving(in_turn(reply())) as server, closing(Pool()) as pool:
        with shared(pool) as http:
            anybody = http.send("GET", server.url(), headers={})
        requested: list[str] = []

        def permit(address: str) -> bool:
            requested.append(address)
            return False

        options = HttpOptions(deadline=5, pool=pool)
        with Http(options, methods=ANY, permit=permit) as http:
            careful = http.send("POST", server.url(), headers={}, body=b"{}")
        with shared(pool) as http:
            again = http.send("GET", server.url(), headers={})

    assert statuses(anybody, careful, again) == [200, Loss.UNTRUSTED, 200]
    assert set(requested) == {"127.0.0.1"}
    assert len(server.requests) == 2


# --- connections that have ended -----------------------------------------------------------


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_an_idle_connection_that_was_closed_meanwhile_is_not_used(method: str) -> None:
    with serving(in_turn((HEAD,))) as server, Http(HttpOptions(deadline=5), methods=ANY) as http:
        first = http.send(method, server.url(), headers={}, body=b"{}")
        wait_until_closed(server)
        second = http.send(method, server.url(), headers={}, body=b"{}")

    assert statuses(first, second) == [200, 200]
    assert len(server.requests) == 2


def wait_until_closed(server: FaultServer) -> None:
    """Each connection has a thread there, after the one that accepts."""
    for thread in server._threads[1:]:
        thread.join(5)


@pytest.mark.parametrize("ending", [(), (Cut.RESET,)], ids=["closed", "reset"])
def test_a_read_that_meets_the_end_of_a_kept_connection_is_sent_once_more(ending: Script) -> None:
    scripts = in_turn(reply(), ending, reply(204))
    with serving(scripts) as server, Http(HttpOptions(deadline=5), methods=ANY) as http:
        replies = [http.send("GET", server.url(), headers={}) for _ in range(2)]

    assert statuses(*replies) == [200, 204]
    assert len(server.requests) == 3


@pytest.mark.parametrize("ending", [(), (Cut.RESET,)], ids=["closed", "reset"])
def test_a_write_that_meets_the_end_of_a_kept_connection_is_lost_and_not_sent_again(
    ending: Script,
) -> None:
    scripts = in_turn(reply(), ending, reply(204))
    with serving(scripts) as server, Http(HttpOptions(deadline=5), methods=ANY) as http:
        replies = [http.send("POST", server.url(), headers={}, body=b"{}") for _ in range(2)]

    assert statuses(*replies) == [200, Loss.LOST]
    assert len(server.requests) == 2


@pytest.mark.parametrize(
    "script",
    [(b"HTTP/1.1 2",), (HEAD[:-1],), (HEAD[:20], Cut.RESET)],
    ids=["amid the status line", "amid the body", "reset amid the headers"],
)
def test_a_read_whose_answer_had_begun_is_not_sent_again(script: Script) -> None:
    scripts = in_turn(reply(), script, reply(204))
    with serving(scripts) as server, Http(HttpOptions(deadline=5), methods=ANY) as http:
        replies = [http.send("GET", server.url(), headers={}) for _ in range(2)]

    assert statuses(*replies) == [200, Loss.LOST]
    assert len(server.requests) == 2


def test_a_read_is_sent_no_more_than_twice() -> None:
    with (
        serving(in_turn(reply(), (), ())) as server,
        Http(HttpOptions(deadline=5), methods=ANY) as http,
    ):
        replies = [http.send("GET", server.url(), headers={}) for _ in range(2)]

    assert statuses(*replies) == [200, Loss.LOST]
    assert len(server.requests) == 3


def test_a_write_goes_over_no_connection_that_has_been_idle_for_long() -> None:
    with serving(in_turn(reply())) as server, Http(HttpOptions(deadline=5), methods=ANY) as http:
        http.send("GET", server.url("/1"), headers={})
        http.send("POST", server.url("/2"), headers={}, body=b"{}")
        assert server.connections == 1
        time.sleep(LONGEST_IDLE_FOR_WRITES)
        http.send("POST", server.url("/3"), headers={}, body=b"{}")

    assert server.connections == 2


def test_a_connection_whose_answer_was_not_read_to_its_end_serves_nobody_else() -> None:
    options = HttpOptions(deadline=5, max_body=10)
    whole = reply(200, b"a" * 200_000)
    with serving(in_turn(whole, reply())) as server, Http(options, methods=ANY) as http:
        replies = [http.send("GET", server.url(), headers={}) for _ in range(2)]

    assert statuses(*replies) == [Loss.TOO_LONG, 200]
    assert server.connections == 2


@pytest.mark.parametrize(
    "answer",
    [
        reply(204),
        reply(200, b"taken", {"Content-Encoding": "gzip"}),
        (b"HTTP/1.1 202 Accepted\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n", KEEP),
    ],
    ids=["none", "of a length", "in chunks"],
)
def test_a_short_body_that_nobody_needs_keeps_its_connection_for_others(answer: Script) -> None:
    options = HttpOptions(deadline=5, status_alone=True)
    with serving(in_turn(answer)) as server, Http(options, methods=ANY) as http:
        for _ in range(3):
            assert isinstance(http.send("POST", server.url(), headers={}), Answer)

    assert server.connections == 1


@pytest.mark.parametrize(
    "rest",
    [
        (Pause(4),),
        drip(b"a" * 40, every=0.1),
        (b"a" * 200_000, Pause(4)),
        (b"a" * 39, Cut.RESET),
    ],
    ids=["none", "byte by byte", "more than is announced", "cut"],
)
def test_a_body_that_nobody_needs_holds_nobody_up_and_changes_no_answer(rest: Script) -> None:
    head = b"HTTP/1.1 202 Accepted\r\nContent-Length: 40\r\n\r\n"
    options = HttpOptions(deadline=5, status_alone=True)
    with serving(in_turn((head, *rest), reply())) as server, Http(options, methods=ANY) as http:
        begun = time.monotonic()
        replies = [http.send("POST", server.url(), headers={}) for _ in range(2)]
        taken = time.monotonic() - begun

    assert statuses(*replies) == [202, 200]
    assert server.connections == 2
    assert taken < 3


# --- how many ------------------------------------------------------------------------------


def descriptors() -> int:
    return len(list(Path("/dev/fd").iterdir()))


def test_no_more_than_so_many_connections_are_kept_and_none_after_the_end() -> None:
    with ExitStack() as running:
        servers = [running.enter_context(serving(in_turn(reply()))) for _ in range(20)]
        before, counted = descriptors(), []
        with closing(Pool(kept=3)) as pool, shared(pool) as http:
            for server in servers:
                assert isinstance(http.send("GET", server.url(), headers={}), Answer)
                wait_for_the_servers_side(servers, at_most=3)
                counted.append(descriptors() - before)
        for server in servers:
            wait_until_closed(server)
        after = descriptors()

    assert max(counted) <= 9  # the socket, its duplicate, and the server's own end
    assert after <= before


def wait_for_the_servers_side(servers: list[FaultServer], *, at_most: int) -> None:
    """A server's end of what we closed is closed a moment later."""
    threads = [thread for server in servers for thread in server._threads[1:]]
    while sum(thread.is_alive() for thread in threads) > at_most:
        next(thread for thread in threads if thread.is_alive()).join(0.01)


def test_a_request_for_which_there_is_no_connection_waits_until_another_ends() -> None:
    with (
        serving(in_turn((Pause(0.1), *reply()))) as server,
        closing(Pool(most=1)) as pool,
        shared(pool) as http,
    ):
        replies: list[Reply] = []

        def send() -> None:
            replies.append(http.send("GET", server.url(), headers={}))

        threads = [threading.Thread(target=send) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    assert statuses(*replies) == [200] * 4


def test_an_idle_connection_elsewhere_makes_room_for_a_new_one() -> None:
    with (
        serving(in_turn(reply())) as one,
        serving(in_turn(reply())) as other,
        closing(Pool(most=1)) as pool,
        shared(pool) as http,
    ):
        replies = [http.send("GET", s.url(), headers={}) for s in (one, other, one)]

    assert statuses(*replies) == [200] * 3


def test_a_request_that_waits_in_vain_for_a_connection_says_what_is_short() -> None:
    with (
        serving(in_turn((Pause(20),))) as server,
        closing(Pool(most=1)) as pool,
        shared(pool) as http,
        Http(HttpOptions(deadline=0.3, pool=pool), methods=ANY) as hurried,
    ):
        slow = threading.Thread(
            target=http.send, args=("GET", server.url()), kwargs={"headers": {}}
        )
        slow.start()
        while not server.requests:
            slow.join(0.01)
        answer = hurried.send("POST", server.url(), headers={}, body=b"{}")
        server.close()
        slow.join()

    assert isinstance(answer, NoAnswer)
    assert answer.loss is Loss.NOT_SENT
    assert "file descriptors are short" in answer.reason
    assert answer.advice is not None


EXHAUSTED = """
import json, os, resource, sys
from reconciler.adapters.transport import Http, HttpOptions
options, get = HttpOptions(deadline=5), frozenset({"GET"})
with Http(options, methods=get) as http:
    whole = http.send("GET", sys.argv[1], headers={})
with Http(options, methods=get) as http:
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (64, hard))
    held = []
    try:
        while True:
            held.append(os.open(os.devnull, os.O_RDONLY))
    except OSError:
        pass
    short = [http.send("GET", url, headers={}) for url in sys.argv[2:]]
    for descriptor in held:
        os.close(descriptor)
print(json.dumps([whole.status, *([r.loss, r.reason, r.advice] for r in short)]))
"""


def test_a_process_without_a_descriptor_left_says_so_and_does_not_blame_the_network() -> None:
    with serving(in_turn((HEAD,))) as server:
        urls = [server.url(host="localhost"), server.url(), server.url(host="localhost")]
        done = subprocess.run(
            [sys.executable, "-c", EXHAUSTED, *urls],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    assert done.stderr == ""
    status, *short = json.loads(done.stdout)
    assert status == 200
    for loss, reason, advice in short:
        assert loss == "not-sent"
        assert reason == "this process ran out of file descriptors: it may open 64 (ulimit -n)"
        assert "--parallelism" in advice
        assert "ulimit -n" in advice


RAISED = """
import resource
from reconciler.adapters.transport import raise_limit
hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
resource.setrlimit(resource.RLIMIT_NOFILE, (100, hard))
raise_limit()
assert resource.getrlimit(resource.RLIMIT_NOFILE) == (hard, hard)
"""


def test_the_soft_limit_of_descriptors_is_raised_to_the_hard_one() -> None:
    command = 'ulimit -Hn 300; exec "$@"'
    done = subprocess.run(
        ["sh", "-c", f"ulimit -Sn 200; {command}", "sh", sys.executable, "-c", RAISED],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert (done.returncode, done.stderr) == (0, "")


def test_a_shortage_of_descriptors_is_reported_with_its_own_advice() -> None:
    requested = RequestName(
        method="GET",
        base_url="https://example.com",
        path="/x",
        permission_hint="",
        redaction=Redaction(),
        renewable=False,
    )
    lost = NoAnswer(Loss.NOT_SENT, "no descriptor", "raise the limit", is_ours=True)

    assert (
        str(read_error(requested, lost, collection=True))
        == "GET /x: no descriptor; raise the limit"
    )


# --- what is prepared without requests -------------------------------------------------------

SEGMENTS = ["/", "a", "Schemas", "urn:x:1.0:User", "?", "&", "count=100", "#f", ".", "..", "//"]
QUOTED = [
    "%3A",
    "%2F",
    "%41",
    "%7e",
    "%7E",
    "%5B",
    "%F0",
    "%",
    "é",
    "[",
    "~",
    "-",
    "@",
    "'",
    '"',
    "|",
]
PIECES = st.sampled_from([*SEGMENTS, *QUOTED])
HOSTS = st.sampled_from(
    ["127.0.0.1", "localhost", "scim.example.com", "A.example", "1.2", "é.example", "[::1]", "a..b"]
)
PORTS = st.sampled_from(["", ":1", ":080", ":443", ":65535", ":65536", ":70000"])


@given(st.sampled_from(["http", "https"]), HOSTS, PORTS, st.lists(PIECES, max_size=8))
def test_a_url_that_is_not_taken_apart_is_one_that_requests_would_leave_as_it_is(
    scheme: str, host: str, port: str, pieces: list[str]
) -> None:
    url = f"{scheme}://{host}{port}/{''.join(pieces)}"

    if _PLAIN_URL.fullmatch(url):
        assert requests.Request("GET", url).prepare().url == url


@pytest.mark.parametrize("body", [None, b"", b"{}"])
@pytest.mark.parametrize("method", ["GET", "POST", "PATCH"])
def test_a_request_is_prepared_as_requests_prepares_it(method: str, body: bytes | None) -> None:
    url = "https://scim.example.com/v2/Schemas/urn%3Ax?count=1"
    headers = {"Accept": "a/b", "Authorization": "Bearer x"}
    exchange = Exchange(HttpOptions(), None, 1.0)

    ours = prepared(method, url, headers, body, Passage(Pool(), exchange, fresh=False))
    theirs = requests.Request(method, url, headers=headers, data=body).prepare()

    assert _PLAIN_URL.fullmatch(url)
    assert (ours.method, ours.url, ours.body or None) == (theirs.method, theirs.url, theirs.body)
    assert (
        ours.headers.items()
        >= {
            name: value for name, value in theirs.headers.items() if (method, body) != ("GET", b"")
        }.items()
    )
