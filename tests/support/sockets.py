"""The simulated tenant on real sockets: the same faults, struck where a network really strikes."""

import gzip
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from reconciler.adapters.gateway.reader import Sender
from reconciler.adapters.transport import Http, HttpOptions
from reconciler.domain.http_reply import Answer
from tests.support.faultserver import (
    KEEP,
    Cut,
    Handler,
    Pause,
    Received,
    Script,
    drip,
    in_turn,
    reply,
    serving,
)
from tests.support.simulation import EVIL, SPOILT, Fault, Request, SimulatedTenant

DEADLINE = 0.2  # seconds of a request; what is slow here is slower
METHODS = frozenset({"GET", "POST", "PUT", "PATCH"})
ON_SOCKETS = frozenset(Fault) - {Fault.NOT_SENT}  # nobody who answers refuses the connection


@contextmanager
def sockets_between(tenant: SimulatedTenant) -> Iterator[tuple[Sender, str]]:
    """A client that has to go over loopback, and where; nothing may ever go anywhere else."""
    with (
        serving(in_turn(reply(200))) as elsewhere,
        serving(_handler(tenant, elsewhere.url("/scim/v2/Schemas"))) as server,
        Http(HttpOptions(deadline=DEADLINE), methods=METHODS) as http,
    ):
        yield http, server.url("/scim/v2")
        assert elsewhere.connections == 0


def _handler(tenant: SimulatedTenant, elsewhere: str) -> Handler:
    def handle(request: Received) -> Script:
        fault, answer = tenant.respond(
            Request(request.method, request.target, request.headers, request.body)
        )
        return script(fault, answer, elsewhere)

    return handle


def script(fault: Fault | None, answer: Answer, elsewhere: str) -> Script:
    if fault in _CUTS:
        return _CUTS[fault](_head(answer, len(answer.body)), answer.body)
    if fault is Fault.CUT_WHOLE:  # without a length nobody sees that half of it is missing
        return (_head(answer, None), SPOILT[fault](answer.body))
    body = SPOILT[fault](answer.body) if fault in SPOILT else answer.body
    headers = {n: elsewhere if v == EVIL else v for n, v in answer.headers.items()}
    if fault is Fault.WRONG_TYPE:
        headers["content-type"] = "text/html"
    return reply(answer.status, body, headers)


def _head(answer: Answer, length: int | None) -> bytes:
    headers = {**answer.headers, **({} if length is None else {"content-length": str(length)})}
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    return f"HTTP/1.1 {answer.status} Whatever\r\n{lines}\r\n".encode("latin-1")


def _half(data: bytes) -> bytes:
    return data[: len(data) // 2]


def _compressed(head: bytes, body: bytes) -> Script:
    small = gzip.compress(body)
    start, _, _ = head.partition(b"content-length")
    more = b"content-encoding: gzip\r\ncontent-length: %d\r\n\r\n" % len(small)
    return (start + more + small, KEEP)


_EVERY = 0.05
_CUTS: dict[Fault | None, Callable[[bytes, bytes], Script]] = {
    Fault.LOST_BEFORE: lambda head, body: (Cut.RESET,),
    Fault.DONE_DROPPED: lambda head, body: (),
    Fault.LOST_HEADERS: lambda head, body: (_half(head), Pause(0.01), Cut.RESET),
    Fault.LOST_BODY: lambda head, body: (head + _half(body), Pause(0.01), Cut.RESET),
    Fault.SHORT_LENGTH: lambda head, body: (head + _half(body),),
    Fault.SLOW_HEADERS: lambda head, body: (*drip(head, every=_EVERY), body),
    Fault.SLOW_BODY: lambda head, body: (head, *drip(body, every=_EVERY)),
    Fault.COMPRESSED: _compressed,
}
