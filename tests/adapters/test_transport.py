"""Http over real sockets: what becomes of a request when the other side misbehaves."""

import gzip
import math
import socket
import ssl
import threading
import time
import zlib
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from http import HTTPStatus

import pytest
import requests
import responses
from hypothesis import given, settings
from hypothesis import strategies as st
from urllib3.exceptions import MaxRetryError, NewConnectionError, ProtocolError

from reconciler.adapters.transport import ForbiddenRequest, Http, HttpOptions
from reconciler.adapters.transport.losses import AddressRefused, ProxyFailed, Stage, classify
from reconciler.domain.http_reply import Answer, Loss, NoAnswer
from tests.support.faultserver import (
    Cut,
    Pause,
    Received,
    Script,
    drip,
    in_turn,
    reply,
    serving,
    unused_port,
)
from tests.support.transport_world import ANY, SHORT, ask

# --- whole answers -------------------------------------------------------------------------


def test_a_whole_answer_comes_with_its_status_lower_case_headers_and_bytes() -> None:
    with serving(in_turn(reply(418, b"\xff\x00", {"X-Kind": "Teapot"}))) as server:
        answer = ask(server)

    assert isinstance(answer, Answer)
    assert (answer.status, answer.body) == (418, b"\xff\x00")
    assert answer.headers["x-kind"] == "Teapot"


def test_a_request_carries_the_callers_headers_and_body_and_asks_for_no_compression() -> None:
    with (
        serving(in_turn(reply())) as server,
        Http(HttpOptions(), methods=ANY) as http,
    ):
        url = server.url("/a/urn:x:y%3Az?q=1")
        http.send("POST", url, headers={"Content-Type": "text/x", "Accept": "a/b"}, body=b"\xc3")

    sent = server.requests[0]
    assert (sent.method, sent.target, sent.body) == ("POST", "/a/urn:x:y%3Az?q=1", b"\xc3")
    assert sent.headers["content-type"] == "text/x"
    assert sent.headers["accept-encoding"] == "identity"
    assert sent.headers["user-agent"].startswith("scim-schema-reconciler/")
    assert "cookie" not in sent.headers


def test_http_keeps_connections_and_no_cookies() -> None:
    with (
        serving(in_turn(reply(200, b"{}", {"Set-Cookie": "a=b; Path=/"}))) as server,
        Http(HttpOptions(), methods=ANY) as http,
    ):
        replies = [http.send("GET", server.url(), headers={}) for _ in range(3)]

    assert [r.status for r in replies if isinstance(r, Answer)] == [200, 200, 200]
    assert server.connections == 1
    assert all("cookie" not in request.headers for request in server.requests)


def test_a_chunked_body_is_put_together() -> None:
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    with serving(in_turn((head, b"2\r\nab\r\n", b"1\r\nc\r\n0\r\n\r\n"))) as server:
        answer = ask(server)

    assert isinstance(answer, Answer)
    assert answer.body == b"abc"


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_redirect_is_an_answer_and_is_never_followed(method: str, status: int) -> None:
    with (
        serving(in_turn(reply())) as elsewhere,
        serving(in_turn(reply(status, b"", {"Location": elsewhere.url("/stolen")}))) as server,
    ):
        answer = ask(server, method)

    assert isinstance(answer, Answer)
    assert answer.status == status
    assert len(server.requests) == 1
    assert elsewhere.requests == []


def test_threads_that_share_an_http_each_get_their_own_answer() -> None:
    def echo(request: Received) -> Script:
        return reply(200, request.target.encode())

    got: dict[str, bytes] = {}
    with serving(echo) as server, Http(HttpOptions(), methods=ANY) as http:

        def send(path: str) -> None:
            answer = http.send("GET", server.url(path), headers={})
            got[path] = answer.body if isinstance(answer, Answer) else b""

        threads = [threading.Thread(target=send, args=(f"/{n}",)) for n in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    assert got == {f"/{n}": f"/{n}".encode() for n in range(8)}


# --- no whole answer -----------------------------------------------------------------------

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n"
LOST: dict[str, Script] = {
    "reset before any header": (Cut.RESET,),
    "closed before any header": (),
    "reset amid the headers": (HEAD[:30], Cut.RESET),
    "closed amid the status line": (b"HTTP/1.1 20",),
    "reset amid the body": (HEAD + b"Content-Length: 10\r\n\r\nabc", Pause(0.05), Cut.RESET),
    "fewer bytes than announced": (HEAD + b"Content-Length: 10\r\n\r\nabc",),
    "a chunk that never ends": (HEAD + b"Transfer-Encoding: chunked\r\n\r\nff\r\nabc",),
    "a chunk without a size": (HEAD + b"Transfer-Encoding: chunked\r\n\r\nzz\r\nabc",),
    "not HTTP at all": (b"SSH-2.0-OpenSSH_9.6\r\n\r\n",),
    "a thousand headers": (b"HTTP/1.1 200 OK\r\n" + b"X-A: b\r\n" * 1000 + b"\r\n",),
    "an endless header": (b"HTTP/1.1 200 OK\r\nX-A: " + b"a" * 70_000 + b"\r\n\r\n",),
    "compressed": (HEAD + b"Content-Encoding: gzip\r\nContent-Length: 2\r\n\r\n\x1f\x8b",),
}


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize("script", LOST.values(), ids=LOST.keys())
def test_a_request_without_a_whole_answer_is_lost_and_not_sent_twice(
    script: Script, method: str
) -> None:
    with serving(in_turn(script)) as server:
        answer = ask(server, method, "/path?token=c4n4ry")

    assert isinstance(answer, NoAnswer)
    assert answer.loss is Loss.LOST
    assert answer.reason
    assert "c4n4ry" not in answer.reason
    assert len(server.requests) == 1


@settings(deadline=None)
@given(cut=st.integers(min_value=0, max_value=len(HEAD) + 30))
def test_an_answer_with_a_length_is_whole_or_lost_wherever_it_is_cut(cut: int) -> None:
    whole = HEAD + b'Content-Length: 8\r\n\r\n{"a": 1}'
    with serving(in_turn((whole[:cut], Pause(0)))) as server:
        answer = ask(server)

    if cut >= len(whole):
        assert isinstance(answer, Answer)
        assert answer.body == b'{"a": 1}'
    else:
        assert isinstance(answer, NoAnswer)
        assert answer.loss is Loss.LOST


def test_after_a_lost_answer_the_next_request_gets_its_own_answer() -> None:
    scripts = in_turn((HEAD[:20], Cut.RESET), reply(200, b"second"))
    with serving(scripts) as server, Http(HttpOptions(), methods=ANY) as http:
        first = http.send("GET", server.url(), headers={})
        second = http.send("GET", server.url(), headers={})

    assert isinstance(first, NoAnswer)
    assert isinstance(second, Answer)
    assert second.body == b"second"


def test_a_refused_connection_was_never_sent() -> None:
    with Http(HttpOptions(deadline=5), methods=ANY) as http:
        answer = http.send("POST", f"http://127.0.0.1:{unused_port()}/", headers={}, body=b"{}")

    assert answer == NoAnswer(
        Loss.NOT_SENT, "the connection was refused or the host cannot be reached"
    )


def test_an_unknown_host_was_never_sent() -> None:
    with Http(HttpOptions(deadline=5), methods=ANY) as http:
        answer = http.send("POST", "https://host.invalid/", headers={}, body=b"{}")

    assert answer == NoAnswer(Loss.NOT_SENT, "the host name is not known")


# --- limits --------------------------------------------------------------------------------

SLOW: dict[str, Script] = {
    "silence": (Pause(30),),
    "slow headers": drip(HEAD + b"X-A: " + b"a" * 400, every=0.02),
    "a stalled body": (HEAD + b"Content-Length: 10\r\n\r\nabc", Pause(30)),
    "a slow body": (HEAD + b"Content-Length: 900\r\n\r\n", *drip(b"a" * 900, every=0.02)),
    "a slow body without a length": (HEAD + b"\r\n", *drip(b"a" * 900, every=0.02)),
    "slow chunks": (
        HEAD + b"Transfer-Encoding: chunked\r\n\r\n",
        *drip(b"1\r\na\r\n" * 200, every=0.02),
    ),
    "a stalled chunk": (HEAD + b"Transfer-Encoding: chunked\r\n\r\nff\r\nabc", Pause(30)),
    "a stall between chunks": (
        HEAD + b"Transfer-Encoding: chunked\r\n\r\n1\r\na\r\n",
        Pause(30),
    ),
}


@pytest.mark.parametrize("script", SLOW.values(), ids=SLOW.keys())
def test_a_request_ends_by_its_deadline_however_slowly_the_answer_comes(script: Script) -> None:
    with serving(in_turn(script)) as server:
        begun = time.monotonic()
        answer = ask(server, "POST", options=HttpOptions(deadline=SHORT))
        took = time.monotonic() - begun

    assert answer == NoAnswer(Loss.LOST, "no whole answer within 0.5 seconds")
    assert took < SHORT + 1


@contextmanager
def never_accepting() -> Iterator[int]:
    """A port on which a connection is begun and never made: its queue is full."""
    with socket.socket() as listener, ExitStack() as waiting:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        port: int = listener.getsockname()[1]
        for _ in range(3):
            sock = waiting.enter_context(socket.socket())
            sock.settimeout(0)
            sock.connect_ex(("127.0.0.1", port))
        yield port


def test_the_time_of_a_name_server_counts_towards_the_deadline() -> None:
    """Each on its own would be in time, and both together are too late."""

    def resolve(host: str, port: int) -> list[str]:
        time.sleep(1.3)
        return ["127.0.0.1"]

    options = HttpOptions(deadline=1.5, resolve=resolve)
    with never_accepting() as port, Http(options, methods=ANY) as http:
        began = time.monotonic()
        answer = http.send("POST", f"http://localhost:{port}/", headers={}, body=b"{}")
        took = time.monotonic() - began

    assert answer == NoAnswer(Loss.NOT_SENT, "no connection within 1.5 seconds")
    assert took < 1.5 + 1


def test_addresses_that_never_accept_share_one_deadline() -> None:
    options = HttpOptions(
        deadline=1.1, connect_timeout=1.0, resolve=lambda host, port: ["127.0.0.1"] * 9
    )
    with never_accepting() as port, Http(options, methods=ANY) as http:
        began = time.monotonic()
        answer = http.send("POST", f"http://localhost:{port}/", headers={}, body=b"{}")
        took = time.monotonic() - began

    assert isinstance(answer, NoAnswer)
    assert answer.loss is Loss.NOT_SENT
    assert 1.0 < took < 1.1 + 0.8


# --- where a host is -----------------------------------------------------------------------


def test_a_resolver_that_does_not_answer_ends_at_the_deadline_and_nothing_was_sent() -> None:
    stuck, requested = threading.Event(), threading.Event()

    def resolve(host: str, port: int) -> list[str]:
        requested.set()
        stuck.wait(10)
        return ["127.0.0.1"]

    began = time.monotonic()
    with Http(HttpOptions(deadline=SHORT, resolve=resolve), methods=ANY) as http:
        answer = http.send("POST", "https://slow.example/", headers={}, body=b"{}")
    took = time.monotonic() - began
    stuck.set()

    assert requested.is_set()
    assert answer == NoAnswer(Loss.NOT_SENT, "no connection within 0.5 seconds")
    assert took < SHORT + 1


def test_the_addresses_of_a_host_are_tried_in_turn_and_its_name_is_kept() -> None:
    with serving(in_turn(reply(204))) as server:
        nobody = ["127.0.0.9", "127.0.0.1"]
        options = HttpOptions(deadline=5, resolve=lambda host, port: nobody)
        with Http(options, methods=ANY) as http:
            answer = http.send("GET", server.url(host="localhost"), headers={})
        name = f"localhost:{server.port}"

    assert isinstance(answer, Answer)
    assert server.requests[0].headers["host"] == name


@pytest.mark.parametrize("error", [OSError("no"), UnicodeError("no name"), None])
def test_a_request_to_a_host_without_an_address_was_never_sent(error: Exception | None) -> None:
    def resolve(host: str, port: int) -> list[str]:
        if error is not None:
            raise error
        return []

    with Http(HttpOptions(deadline=5, resolve=resolve), methods=ANY) as http:
        answer = http.send("GET", "https://nowhere.example/", headers={})

    assert answer == NoAnswer(Loss.NOT_SENT, "the host name is not known")


def test_an_ip_address_is_not_looked_up() -> None:
    def resolve(host: str, port: int) -> list[str]:
        raise AssertionError(host)

    with serving(in_turn(reply())) as server:
        assert isinstance(ask(server, options=HttpOptions(resolve=resolve)), Answer)


def running_out(seconds: float) -> Callable[[], float]:
    """What a run that was asked to stop just now has left."""
    ends = time.monotonic() + seconds
    return lambda: max(0.0, ends - time.monotonic())


@pytest.mark.parametrize("script", SLOW.values(), ids=SLOW.keys())
def test_a_request_ends_with_the_run_however_slowly_the_answer_comes(script: Script) -> None:
    with serving(in_turn(script)) as server:
        begun = time.monotonic()
        answer = ask(server, options=HttpOptions(deadline=30, remaining=running_out(0.3)))
        took = time.monotonic() - begun

    assert answer == NoAnswer(Loss.LOST, "no whole answer before the run was to end")
    assert took < 2


def test_an_answer_that_comes_before_the_run_ends_counts() -> None:
    with serving(in_turn((Pause(0.1), *reply(200, b"[]")))) as server:
        answer = ask(server, options=HttpOptions(deadline=30, remaining=running_out(5)))

    assert isinstance(answer, Answer)


@pytest.mark.parametrize("method", ["POST", "PUT"])
@pytest.mark.parametrize("rest", [2.0, 0.0])
def test_nothing_that_may_change_anything_leaves_once_the_run_is_to_end(
    method: str, rest: float
) -> None:
    seen: list[str] = []

    def handler(request: Received) -> Script:
        seen.append(request.method)
        return reply(200, b"[]")

    with serving(handler) as server:
        running = [True]
        options = HttpOptions(deadline=5, remaining=lambda: math.inf if running else rest)
        with Http(options, methods=ANY) as http:
            first = http.send(method, server.url(), headers={}, body=b"{}")
            running.clear()
            on_the_same_line = http.send(method, server.url(), headers={}, body=b"{}")
        on_a_new_one = ask(server, method, options=HttpOptions(remaining=lambda: rest))

    assert isinstance(first, Answer)
    for refused in (on_the_same_line, on_a_new_one):
        assert isinstance(refused, NoAnswer)
        assert refused.loss is Loss.NOT_SENT
    assert seen == [method]


@pytest.mark.parametrize("method", ["GET", "POST", "PUT"])
def test_nothing_at_all_leaves_once_the_store_has_failed(method: str) -> None:
    with serving(in_turn(reply(200, b"[]"))) as server:
        may_send = [True]
        options = HttpOptions(deadline=5, may_send=lambda: bool(may_send))
        with Http(options, methods=ANY) as http:
            first = http.send(method, server.url(), headers={})
            may_send.clear()
            on_the_same_line = http.send(method, server.url(), headers={})
        on_a_new_one = ask(server, method, options=options)

    assert isinstance(first, Answer)
    for refused in (on_the_same_line, on_a_new_one):
        assert isinstance(refused, NoAnswer)
        assert refused.loss is Loss.NOT_SENT
        assert "the state store had failed before it was sent" in refused.reason
    assert [request.method for request in server.requests] == [method]
    assert server.connections == 1


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_request_is_not_sent_where_the_store_fails_while_it_connects(method: str) -> None:
    requested = iter([True, False])
    with serving(in_turn(reply(200, b"[]"))) as server:
        answer = ask(server, method, options=HttpOptions(may_send=lambda: next(requested)))

    assert isinstance(answer, NoAnswer)
    assert answer.loss is Loss.NOT_SENT
    assert server.requests == []


def test_a_body_of_the_longest_length_is_read_and_one_byte_more_is_not() -> None:
    options = HttpOptions(max_body=100_000)
    with serving(in_turn(reply(200, b"a" * 100_000), reply(200, b"a" * 100_001))) as server:
        whole = ask(server, options=options)
        too_long = ask(server, options=options)

    assert isinstance(whole, Answer)
    assert len(whole.body) == 100_000
    assert isinstance(too_long, NoAnswer)
    assert too_long.loss is Loss.TOO_LONG
    assert "longer than 100000 bytes" in too_long.reason


def test_an_endless_body_is_given_up_after_the_longest_length() -> None:
    chunk = b"10000\r\n" + b"a" * 0x10000 + b"\r\n"
    script = (HEAD + b"Transfer-Encoding: chunked\r\n\r\n", *(chunk for _ in range(400)))
    with serving(in_turn(script)) as server:
        answer = ask(server, options=HttpOptions(max_body=200_000, deadline=10))

    assert isinstance(answer, NoAnswer)
    assert "longer than" in answer.reason


# --- what cannot be sent -------------------------------------------------------------------


@pytest.mark.parametrize(
    "method", ["POST", "PUT", "PATCH", "DELETE", "OPTIONS", "HEAD", "TRACE", "CONNECT"]
)
def test_an_http_for_get_cannot_send_anything_else(method: str) -> None:
    with (
        serving(in_turn(reply())) as server,
        Http(HttpOptions(), methods=frozenset({"GET"})) as http,
        pytest.raises(ForbiddenRequest, match="can only send GET"),
    ):
        http.send(method, server.url(), headers={}, body=b"{}")

    assert server.connections == 0


def test_an_http_that_is_pinned_to_one_url_sends_nothing_elsewhere() -> None:
    with serving(in_turn(reply())) as server:
        pinned = Http(HttpOptions(), methods=ANY, only=server.url("/token"))
        with closing(pinned), pytest.raises(ForbiddenRequest):
            pinned.send("POST", server.url("/token?x"), headers={}, body=b"secret")
        assert server.connections == 0

        with Http(HttpOptions(), methods=ANY, only=server.url("/token")) as http:
            answer = http.send("POST", server.url("/token"), headers={}, body=b"secret")
        assert isinstance(answer, Answer)


@pytest.mark.parametrize(
    "url",
    [
        "http://example.com/",
        "http://10.0.0.1/",
        "http://127.0.0.1.example.com/",
        "http://localhost.example.com/",
        "https://user:c4n4ry@localhost/",
        "https://user@localhost/",
        "ftp://localhost/",
        "file:///etc/passwd",
        "https://",
        "https://[::1",
        "/scim/v2",
    ],
)
def test_an_unsafe_url_is_refused_before_anything_is_sent(url: str) -> None:
    with Http(HttpOptions(deadline=1), methods=ANY) as http:
        answer = http.send("GET", url, headers={"Authorization": "Bearer c4n4ry"})

    assert isinstance(answer, NoAnswer)
    assert answer.loss is Loss.UNTRUSTED
    assert "c4n4ry" not in answer.reason


def test_the_password_of_a_proxy_is_not_printed_with_the_options() -> None:
    assert "c4n4ry" not in repr(HttpOptions(proxy="http://user:c4n4ry@proxy.example:3128"))


def test_a_header_that_http_cannot_carry_is_not_sent_nor_shown() -> None:
    headers = {"Authorization": "Bearer c4n4ry…"}
    with serving(lambda _: reply()) as server, Http(HttpOptions(deadline=5), methods=ANY) as http:
        answer = http.send("GET", server.url(), headers=headers)

    assert isinstance(answer, NoAnswer)
    assert answer.loss is Loss.UNTRUSTED
    assert "a header cannot be written as HTTP" in answer.reason
    assert "c4n4ry" not in answer.reason
    assert server.requests == []


def test_the_address_that_was_connected_to_is_shown_before_a_byte_is_sent() -> None:
    shown: list[str] = []

    def permit(address: str) -> bool:
        shown.append(address)
        return False

    with (
        serving(in_turn(reply())) as server,
        Http(HttpOptions(), methods=ANY, permit=permit) as http,
    ):
        answer = http.send("POST", server.url(host="localhost"), headers={}, body=b"{}")

    assert answer == NoAnswer(Loss.UNTRUSTED, "the host has an address that is not allowed here")
    assert shown == ["127.0.0.1"]
    assert server.requests == []


def test_a_permitted_address_is_sent_to() -> None:
    with (
        serving(in_turn(reply())) as server,
        Http(HttpOptions(), methods=ANY, permit=lambda _: True) as http,
    ):
        assert isinstance(http.send("POST", server.url(), headers={}, body=b"{}"), Answer)


def test_an_address_that_cannot_be_seen_behind_a_proxy_is_not_permitted() -> None:
    with serving(in_turn(reply())) as proxy:
        options = HttpOptions(proxy=proxy.url("").rstrip("/"))
        with Http(options, methods=ANY, permit=lambda _: True) as http:
            answer = http.send("POST", "https://example.com/", headers={}, body=b"{}")

    assert isinstance(answer, NoAnswer)
    assert answer.loss is Loss.UNTRUSTED
    assert proxy.connections == 0


# --- the classification, as a table --------------------------------------------------------


def wrapped(cause: Exception) -> requests.ConnectionError:
    return requests.ConnectionError(cause)


REFUSED = wrapped(MaxRetryError(None, "/x?c4n4ry", NewConnectionError(None, "c4n4ry")))  # type: ignore[arg-type]  # no pool is needed to be refused
DROPPED = wrapped(ProtocolError("Connection aborted.", ConnectionResetError(104, "c4n4ry")))
NO_PROXY = ProxyFailed("proxy.example.com:3128")
BAD_CERTIFICATE = requests.exceptions.SSLError(ssl.SSLCertVerificationError(1, "c4n4ry"))
BAD_RECORD = requests.exceptions.SSLError(ssl.SSLError(1, "bad record mac"))
HANDSHAKE_CUT = requests.exceptions.SSLError(ssl.SSLEOFError(8, "eof"))
TABLE = [
    (REFUSED, Stage.CONNECTING, Loss.NOT_SENT),
    (REFUSED, Stage.BEGUN, Loss.NOT_SENT),
    (NO_PROXY, Stage.CONNECTING, Loss.NOT_SENT),
    (requests.ConnectTimeout(), Stage.CONNECTING, Loss.NOT_SENT),
    (DROPPED, Stage.CONNECTING, Loss.NOT_SENT),
    (DROPPED, Stage.SENT, Loss.LOST),
    (DROPPED, Stage.BEGUN, Loss.LOST),
    (requests.ReadTimeout(), Stage.SENT, Loss.LOST),
    (requests.ConnectionError("c4n4ry"), Stage.BEGUN, Loss.LOST),
    (requests.exceptions.ChunkedEncodingError("c4n4ry"), Stage.SENT, Loss.LOST),
    (BAD_CERTIFICATE, Stage.CONNECTING, Loss.UNTRUSTED),
    (BAD_RECORD, Stage.CONNECTING, Loss.UNTRUSTED),
    (BAD_RECORD, Stage.SENT, Loss.LOST),
    (HANDSHAKE_CUT, Stage.CONNECTING, Loss.NOT_SENT),
    (AddressRefused("not allowed"), Stage.CONNECTING, Loss.UNTRUSTED),
    (requests.exceptions.InvalidURL("c4n4ry"), Stage.BEGUN, Loss.UNTRUSTED),
    (requests.exceptions.InvalidHeader("c4n4ry"), Stage.BEGUN, Loss.UNTRUSTED),
    (UnicodeEncodeError("latin-1", "c4n4ry", 0, 1, "c4n4ry"), Stage.CONNECTING, Loss.UNTRUSTED),
    (OSError("c4n4ry"), Stage.SENT, Loss.LOST),
]


@pytest.mark.parametrize(("error", "stage", "loss"), TABLE)
def test_an_error_is_classified_by_its_stage_and_then_by_what_it_wraps(
    error: Exception, stage: Stage, loss: Loss
) -> None:
    found = classify(error, stage)

    assert found.loss is loss
    assert found.reason
    assert "c4n4ry" not in found.reason


@given(st.sampled_from([error for error, _, _ in TABLE]))
def test_a_request_whose_first_byte_left_is_never_called_unsent(error: Exception) -> None:
    assert classify(error, Stage.SENT).loss is Loss.LOST


@responses.activate
def test_the_adapter_can_be_answered_by_the_responses_library() -> None:
    responses.get("https://scim.example.com/x", body=b"hello", status=HTTPStatus.ACCEPTED)
    responses.get("https://scim.example.com/y", body=requests.ConnectionError("c4n4ry"))

    with Http(HttpOptions(), methods=ANY) as http:
        first = http.send("GET", "https://scim.example.com/x", headers={})
        second = http.send("GET", "https://scim.example.com/y", headers={})

    assert isinstance(first, Answer)
    assert (first.status, first.body) == (202, b"hello")
    assert isinstance(second, NoAnswer)
    assert second.loss is Loss.LOST


@pytest.mark.parametrize("coding", ["utf-8", "UTF-8", "none", "identity, ", "Identity", ""])
def test_a_content_encoding_that_is_no_coding_changes_nothing(coding: str) -> None:
    with serving(in_turn(reply(200, b"{}", {"Content-Encoding": coding}))) as server:
        answer = ask(server, "GET", "/")

    assert isinstance(answer, Answer)
    assert answer.body == b"{}"


def squeezed(body: bytes, *codings: str) -> bytes:
    """The body as a server sends it that applies these codings, in this order."""
    for coding in codings:
        match coding:
            case "deflate":
                body = zlib.compress(body)
            case "bare deflate":
                packer = zlib.compressobj(wbits=-15)
                body = packer.compress(body) + packer.flush()
            case "two members":
                half = len(body) // 2
                body = gzip.compress(body[:half]) + gzip.compress(body[half:]) + bytes(3)
            case _:
                body = gzip.compress(body)
    return body


@pytest.mark.parametrize(
    ("header", "applied"),
    [
        ("gzip", ["gzip"]),
        ("x-gzip", ["gzip"]),
        ("GZIP", ["two members"]),
        ("deflate", ["deflate"]),
        ("deflate", ["bare deflate"]),
        ("identity, gzip", ["gzip"]),
        ("deflate, gzip", ["deflate", "gzip"]),
        ("gzip,deflate , x-gzip", ["gzip", "deflate", "gzip"]),
        ("utf-8, gzip", ["gzip"]),
    ],
)
@pytest.mark.parametrize("status", [200, 400])
def test_a_body_that_came_compressed_is_made_plain(
    header: str, applied: list[str], status: int
) -> None:
    body = b'{"totalResults": 0}'
    sent = reply(status, squeezed(body, *applied), {"Content-Encoding": header})
    with serving(in_turn(sent)) as server:
        answer = ask(server, "GET", "/")

    assert isinstance(answer, Answer)
    assert (answer.status, answer.body) == (status, body)


@pytest.mark.parametrize("header", ["gzip", "deflate", "br"])
def test_an_empty_body_is_empty_in_whatever_coding(header: str) -> None:
    with serving(in_turn(reply(200, b"", {"Content-Encoding": header}))) as server:
        answer = ask(server, "GET", "/")
    assert isinstance(answer, Answer)


WHOLE = gzip.compress(b"[]" * 99)
MISLABELLED = {
    "br": ("br", WHOLE, "compressed (br), which was not asked for"),
    "zstd within gzip": ("zstd, gzip", WHOLE, "compressed (zstd, gzip)"),
    "plain text as gzip": ("gzip", b"[]", "not gzip as it says"),
    "plain text as deflate": ("deflate", b"[]", "not deflate as it says"),
    "a cut gzip": ("gzip", WHOLE[:-9], "is not whole"),
    "no more than a header": ("gzip", WHOLE[:4], "is not whole"),
    "a wrong checksum": ("gzip", WHOLE[:-8] + bytes(4) + WHOLE[-4:], "not gzip as it says"),
    "garbage behind it": ("gzip", WHOLE + b"x", "not gzip as it says"),
    "too many codings": ("gzip, gzip, gzip, gzip", WHOLE, "more than 3 times"),
    "too many parts": ("gzip", gzip.compress(b"") * 101, "more than 100 compressed parts"),
}


@pytest.mark.parametrize(("header", "body", "why"), MISLABELLED.values(), ids=MISLABELLED)
def test_a_body_that_cannot_be_made_plain_is_lost_and_says_why(
    header: str, body: bytes, why: str
) -> None:
    with serving(in_turn(reply(200, body, {"Content-Encoding": header}))) as server:
        answer = ask(server, "GET", "/")

    assert isinstance(answer, NoAnswer)
    assert (answer.loss, why in answer.reason) == (Loss.LOST, True), answer.reason
    assert answer.advice is not None
    assert "as they are" in answer.advice


@pytest.mark.parametrize("applied", [["gzip"], ["deflate"], ["two members"], ["gzip", "gzip"]])
@pytest.mark.parametrize(("size", "fits"), [(1000, True), (1001, False), (50_000_000, False)])
def test_the_most_that_is_read_holds_for_the_plain_body(
    applied: list[str], size: int, fits: bool
) -> None:
    header = ", ".join(coding.replace("two members", "gzip") for coding in applied)
    sent = reply(200, squeezed(bytes(size), *applied), {"Content-Encoding": header})
    options = HttpOptions(max_body=1000 if size < 2000 else 100_000)
    with serving(in_turn(sent)) as server:
        answer = ask(server, "GET", "/", options=options)

    assert isinstance(answer, Answer) is fits
    assert fits or (isinstance(answer, NoAnswer) and answer.loss is Loss.TOO_LONG)
