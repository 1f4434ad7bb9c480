"""Answers in each form that RFC 9110 and RFC 9112 allow, and in those that servers send besides."""

import gzip
import zlib

import pytest

from reconciler.adapters.transport import Http, HttpOptions
from reconciler.domain.http_reply import Answer, Loss, NoAnswer, Reply
from tests.support.faultserver import KEEP, FaultServer, Pause, Received, Script, reply, serving
from tests.support.transport_world import ANY

BODY = b'{"totalResults": 0}'
OK = b"HTTP/1.1 200 OK\r\n"
LENGTH = b"Content-Length: %d\r\n" % len(BODY)
CHUNKED = b"Transfer-Encoding: chunked\r\n"
REST = b"Retry-After: 7\r\n\r\n"


def chunks(body: bytes, *, form: bytes = b"%x\r\n%b\r\n", end: bytes = b"0\r\n\r\n") -> bytes:
    return form % (len(body), body) + end


def asked(server: FaultServer, path: str = "/") -> Reply:
    with Http(HttpOptions(deadline=3), methods=ANY) as http:
        return http.send("GET", server.url(path), headers={})


CLOSED = {
    "until its end, HTTP/1.0": b"HTTP/1.0 200 OK\r\n" + REST + BODY,
    "until its end, HTTP/1.1": OK + b"Connection: close\r\n" + REST + BODY,
    "of a length that is no number": OK + b"Content-Length: many\r\n" + REST + BODY,
    "of a length below zero": OK + b"Content-Length: -1\r\n" + REST + BODY,
    "of a length that no number holds": OK + b"Content-Length: " + b"9" * 5000 + b"\r\n" + REST
    + BODY,
    "compressed on its way": OK + b"Transfer-Encoding: gzip\r\n" + REST + gzip.compress(BODY),
}  # fmt: skip
WHOLE = {
    "with blanks around its length": OK + b"Content-Length: \t 19 \t \r\n" + REST + BODY,
    "with a length with zeros": OK + b"Content-Length: 00019\r\n" + REST + BODY,
    "with its length twice": OK + LENGTH + LENGTH + REST + BODY,
    "with its length twice in a line": OK + b"Content-Length: 19, 19\r\n" + REST + BODY,
    "with its length thrice": OK + b"Content-Length: 19 ,19\r\n" + LENGTH + REST + BODY,
    "with a folded line": OK + b"X-A: one\r\n\ttwo\r\n" + LENGTH + REST + BODY,
    "with its length folded": OK + b"Content-Length:\r\n 19\r\n" + REST + BODY,
    "with blanks before a colon": OK + b"Content-Length : 19\r\n" + REST + BODY,
    "with a line without a colon": OK + b"nonsense\r\n" + LENGTH + REST + BODY,
    "with a name of nothing": OK + b": x\r\n" + LENGTH + REST + BODY,
    "with a bare CR": OK + b"X-A: b\rRetry-After: 9\r\n" + LENGTH + REST + BODY,
    "with another script in a field": OK + "X-A: Grüße 大\r\n".encode() + LENGTH + REST + BODY,
    "with NUL in a field": OK + b"X-A: a\0b\r\n" + LENGTH + REST + BODY,
    "without a reason": b"HTTP/1.1 200\r\n" + LENGTH + REST + BODY,
    "in lines of LF": (OK + LENGTH + REST).replace(b"\r\n", b"\n") + BODY,
    "of HTTP/1.2": b"HTTP/1.2 200 OK\r\n" + LENGTH + REST + BODY,
    "of HTTP/1.0 that stays": b"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\n" + LENGTH + REST
    + BODY,
    "after 100 and 103": b"HTTP/1.1 100 Continue\r\nA : b\r\n\r\nHTTP/1.1 103 Early\r\n"
    b"nonsense\r\n\r\n" + OK + LENGTH + REST + BODY,
    "in chunks": OK + CHUNKED + REST + chunks(BODY),
    "in chunks with trailers": OK + CHUNKED + REST
    + chunks(BODY, end=b"0\r\nRetry-After: 9\r\nX-Sum : 1\r\n\r\n"),
    "in chunks with extensions": OK + CHUNKED + REST + chunks(BODY, form=b'%x;a="b";c\r\n%b\r\n'),
    "in chunks with blanks": OK + CHUNKED + REST + chunks(BODY, form=b"000%x \r\n%b\r\n"),
    "in chunks, in another case": OK + b"transfer-encoding: Chunked\r\n" + REST + chunks(BODY),
    "in chunks and with a length": OK + LENGTH + CHUNKED + REST + chunks(BODY),
    "in chunks, compressed on its way": OK + b"Transfer-Encoding: gzip, chunked\r\n" + REST
    + chunks(gzip.compress(BODY)),
    "compressed, and once more on its way": OK + b"Content-Encoding: deflate\r\n"
    b"Transfer-Encoding: x-gzip , chunked\r\n" + REST + chunks(gzip.compress(zlib.compress(BODY))),
}  # fmt: skip


@pytest.mark.parametrize("sent", CLOSED.values(), ids=CLOSED)
def test_an_answer_that_ends_with_its_connection_is_read(sent: bytes) -> None:
    with serving(lambda _: (sent,)) as server:
        answer = asked(server)

    assert isinstance(answer, Answer), answer
    assert (answer.status, answer.body, answer.headers["retry-after"]) == (200, BODY, "7")


@pytest.mark.parametrize("sent", WHOLE.values(), ids=WHOLE)
def test_an_answer_is_read_to_its_end_while_the_connection_stays_open(sent: bytes) -> None:
    with serving(lambda _: (sent, Pause(20))) as server:
        answer = asked(server)

    assert isinstance(answer, Answer), answer
    assert (answer.status, answer.body, answer.headers["retry-after"]) == (200, BODY, "7")


UNCLEAR = [
    OK + LENGTH + CHUNKED + b"\r\n" + chunks(BODY),
    OK + b"Content-Length: +19\r\n\r\n" + BODY,
    OK + b"Content-Length: 1_9\r\n\r\n" + BODY,
    OK + b"Content-Length : 19\r\n\r\n" + BODY,
    OK + b"nonsense\r\n" + LENGTH + b"\r\n" + BODY,
]


@pytest.mark.parametrize("sent", UNCLEAR)
def test_a_connection_whose_answer_can_be_read_in_two_ways_serves_nobody_else(sent: bytes) -> None:
    def handle(request: Received) -> Script:
        return (sent, KEEP) if request.target == "/first" else reply(200, b"second")

    with serving(handle) as server, Http(HttpOptions(deadline=3), methods=ANY) as http:
        first = http.send("GET", server.url("/first"), headers={})
        second = http.send("GET", server.url("/second"), headers={})
        assert server.connections == 2

    assert isinstance(first, Answer)
    assert first.body == BODY
    assert isinstance(second, Answer)
    assert second.body == b"second"


NOT_HTTP = [
    BODY,
    b"ICY 200 OK\r\n" + LENGTH + b"\r\n" + BODY,
    b"HTTP/2 200\r\n" + LENGTH + b"\r\n" + BODY,
    b"HTTP/1.1 1000 No\r\n" + LENGTH + b"\r\n" + BODY,
    OK + b"Content-Length: 19, 18\r\n\r\n" + BODY,
    OK + LENGTH + b"Content-Length: 18\r\n\r\n" + BODY,
    OK + b"".join(b"X-%d: y\r\n" % number for number in range(200)) + LENGTH + b"\r\n" + BODY,
    OK + b"X: " + b"y" * 70_000 + b"\r\n" + LENGTH + b"\r\n" + BODY,
    OK + b"y" * 70_000 + b"\r\n" + LENGTH + b"\r\n" + BODY,
    OK + CHUNKED + b"\r\n" + chunks(BODY, end=b""),
]


@pytest.mark.parametrize("sent", NOT_HTTP, ids=lambda sent: repr(sent[:30]))
def test_what_is_no_answer_is_lost(sent: bytes) -> None:
    with serving(lambda _: (sent,)) as server:
        answer = asked(server)

    assert isinstance(answer, NoAnswer), answer
    assert answer.loss is Loss.LOST


def test_lines_without_a_colon_that_do_not_end_are_left_at_the_deadline() -> None:
    lines: Script = (b"nonsense\r\n" * 1000, Pause(0.01))
    with serving(lambda _: (OK, *lines * 2000)) as server:
        with Http(HttpOptions(deadline=0.5), methods=ANY) as http:
            answer = http.send("GET", server.url(), headers={})

    assert isinstance(answer, NoAnswer)
    assert answer.reason == "no whole answer within 0.5 seconds"
