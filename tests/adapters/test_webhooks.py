"""Webhooks on real sockets: who may verify them, where they may go, what an answer means."""

import base64
import hmac
import socket
import ssl
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta, timezone
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import IPv4Address, IPv6Address, ip_address
from pathlib import Path
from random import Random
from typing import Any
from urllib.parse import urlsplit

import pytest
import trustme
from hypothesis import given, settings
from hypothesis import strategies as st
from standardwebhooks import Webhook, WebhookVerificationError

from reconciler.adapters.transport import HttpOptions
from reconciler.adapters.webhooks import Endpoint, Unusable, WebhookNotifier
from reconciler.adapters.webhooks.destinations import is_public
from reconciler.adapters.webhooks.signatures import seal_of, signed_headers, signing_key
from reconciler.domain.loopback import is_loopback_address
from reconciler.domain.outbox import DeliveryResult, RowToSend
from reconciler.domain.records import Status, check_chain
from reconciler.domain.schedule import next_due
from reconciler.domain.secret import Secret
from reconciler.errors import UsageError
from reconciler.ports import Due
from tests.support.fakes import outbox_row, tenant
from tests.support.store_world import (
    AUDIT,
    EVENT,
    RECEIVER,
    adopted,
    attempt,
    event,
    messages,
    opened,
)
from tests.support.tunnels import tunnelling

SECRET = "whsec_" + base64.b64encode(b"first secret of 32 random bytes.").decode()
NEXT_SECRET = "whsec_" + base64.b64encode(b"second secret of 32 random bytes").decode()


@dataclass
class HandClock:
    """A ports.Clock that only a test moves."""

    moment: datetime = field(default_factory=lambda: datetime.now(UTC))

    def now(self) -> datetime:
        return self.moment

    def monotonic(self) -> float:
        return self.moment.timestamp()

    def sleep(self, seconds: float) -> None:
        raise AssertionError("a delivery never sleeps")

    def check(self) -> None:
        return


@dataclass(frozen=True)
class Got:
    """A request as the receiver saw it; header names in lower case."""

    path: str
    headers: dict[str, str]
    body: bytes


@dataclass
class Hr:
    """A receiver on a real loopback socket; `answer` writes the bytes of its answer."""

    url: str = ""
    got: list[Got] = field(default_factory=list)
    answer: Callable[[Got], bytes] = lambda _: response(204)


def always(status: int) -> Callable[[Got], bytes]:
    return lambda _: response(status)


def response(status: int, headers: str = "") -> bytes:
    return f"HTTP/1.1 {status} Word\r\n{headers}Content-Length: 0\r\n\r\n".encode()


@contextmanager
def receiving(certificate: trustme.LeafCert | None = None) -> Iterator[Hr]:
    hr = Hr()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            names = {name.lower(): value for name, value in self.headers.items()}
            request = Got(self.path, names, body)
            hr.got.append(request)
            self.close_connection = True
            self.wfile.write(hr.answer(request))

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 (its name there)
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    scheme = "http"
    if certificate is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        certificate.configure_cert(context)
        server.socket = context.wrap_socket(server.socket, server_side=True)
        scheme = "https"
    hr.url = f"{scheme}://localhost:{server.server_port}/api/scim/sync"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield hr
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture
def hr() -> Iterator[Hr]:
    with receiving() as receiver:
        yield receiver


def pending(body: bytes = event().body(1), event_id: str = event().event_id) -> RowToSend:
    unsealed = RowToSend(outbox_row(url=RECEIVER, event_id=event_id), body)
    return replace(unsealed, seal=notifier(endpoint(RECEIVER)).seal(unsealed.envelope()))


def endpoint(url: str, *secrets: str, loopback: bool = True) -> Endpoint:
    given_secrets = tuple(Secret(each) for each in (secrets or (SECRET,)))
    return Endpoint(url=url, secrets=given_secrets, loopback_allowed=loopback)


def notifier(
    target: Endpoint | None,
    *,
    clock: HandClock | None = None,
    hosts: tuple[str, ...] | None = None,
    options: HttpOptions | None = None,
) -> WebhookNotifier:
    return WebhookNotifier(
        {} if target is None else {("acme", RECEIVER): target},
        options=options or HttpOptions(deadline=5),
        allowed_hosts=hosts,
        clock=clock or HandClock(),
    )


def sent(
    target: Endpoint | None,
    *,
    clock: HandClock | None = None,
    hosts: tuple[str, ...] | None = None,
    options: HttpOptions | None = None,
) -> DeliveryResult:
    return notifier(target, clock=clock, hosts=hosts, options=options).send(pending())


# ------------------------------------------------------------------------------- seals


@pytest.mark.parametrize(
    "changed",
    [
        lambda m: replace(m, body=m.body + b" "),
        lambda m: replace(m, seal=None),
        lambda m: replace(m, seal=""),
        lambda m: replace(m, seal="v1:ä\ud800"),
        lambda m: replace(m, seal=m.seal.upper()),
        lambda m: replace(m, row=replace(m.row, event_id="evt_" + "0" * 32)),
        lambda m: replace(m, row=replace(m.row, sequence=m.row.sequence + 1)),
        lambda m: replace(m, row=replace(m.row, schema_id="urn:another")),
    ],
)
def test_a_row_that_does_not_carry_our_seal_is_not_signed_or_sent(
    hr: Hr, changed: Callable[[RowToSend], RowToSend]
) -> None:
    result = notifier(endpoint(hr.url)).send(changed(pending()))

    assert result.unsent
    assert not result.delivered
    assert "`webhooks deliver --resign`" in result.detail
    assert hr.got == []


def test_a_row_of_another_tenant_or_url_does_not_carry_our_seal(hr: Hr) -> None:
    other = "https://other.example.com/hook"
    way = WebhookNotifier(
        {
            (tenant, url): endpoint(hr.url)
            for tenant in ("acme", "beta")
            for url in (RECEIVER, other)
        },
        options=HttpOptions(deadline=5),
        allowed_hosts=None,
        clock=HandClock(),
    )
    ours = pending()
    for moved in (replace(ours.row, tenant="beta"), replace(ours.row, url=other)):
        assert way.send(replace(ours, row=moved)).unsent
    assert hr.got == []
    assert way.send(ours).delivered


def test_a_seal_is_no_signature_of_anything(hr: Hr) -> None:
    ours = pending()
    key = signing_key(Secret(SECRET))
    assert key is not None
    signed = signed_headers(ours.row.event_id, ours.body, [key], at=datetime.now(UTC))
    content = ours.envelope().sealed_content()

    assert ours.seal != seal_of(content, b"another key of twenty-four b")
    assert ours.seal is not None
    assert ours.seal.removeprefix("v1:") != hmac.digest(key, content, "sha256").hex()
    assert ours.seal.removeprefix("v1:") not in signed["webhook-signature"]


def test_a_seal_by_any_secret_of_today_is_ours_and_a_new_one_is_by_the_first(hr: Hr) -> None:
    rotating = endpoint(hr.url, NEXT_SECRET, SECRET)
    assert notifier(rotating).send(pending()).delivered  # sealed with the second

    rotated = notifier(endpoint(hr.url, NEXT_SECRET))
    assert rotated.send(pending()).unsent
    new = replace(pending(), seal=notifier(rotating).seal(pending().envelope()))
    assert rotated.send(new).delivered


def test_a_webhook_without_a_secret_seals_nothing() -> None:
    assert notifier(endpoint(RECEIVER, "no key")).seal(pending().envelope()) is None
    assert notifier(None).seal(pending().envelope()) is None
    assert not notifier(None).is_sealed(pending())


# ---------------------------------------------------------------------------- delivery


def test_the_receiver_gets_the_stored_bytes_signed(hr: Hr) -> None:
    result = notifier(endpoint(hr.url)).send(pending())

    (got,) = hr.got
    assert result.delivered
    assert (result.status, result.detail) == (204, "answered 204")
    assert got.path == "/api/scim/sync"
    assert got.body == pending().body
    assert got.headers["content-type"] == "application/json"
    assert got.headers["user-agent"].startswith("scim-schema-reconciler/")
    EVENT.validate(Webhook(SECRET).verify(got.body, got.headers))


def test_each_attempt_has_the_same_id_and_bytes_and_a_fresh_timestamp(hr: Hr) -> None:
    clock = HandClock()
    way = notifier(endpoint(hr.url), clock=clock)

    way.send(pending())
    clock.moment += timedelta(seconds=90)
    way.send(pending())

    first, second = hr.got
    assert first.body == second.body
    assert first.headers["webhook-id"] == second.headers["webhook-id"] == event().event_id
    apart = int(second.headers["webhook-timestamp"]) - int(first.headers["webhook-timestamp"])
    assert apart == 90
    assert first.headers["webhook-signature"] != second.headers["webhook-signature"]


def test_the_latency_is_measured_by_the_monotonic_clock(hr: Hr) -> None:
    clock = HandClock()

    def slowly(_: Got) -> bytes:
        clock.moment += timedelta(milliseconds=250)
        return response(200)

    hr.answer = slowly
    assert sent(endpoint(hr.url), clock=clock).latency_ms == 250


def test_while_a_secret_is_rotated_either_verifies(hr: Hr) -> None:
    sent(endpoint(hr.url, NEXT_SECRET, SECRET))

    (got,) = hr.got
    assert len(got.headers["webhook-signature"].split(" ")) == 2
    for secret in (SECRET, NEXT_SECRET):
        Webhook(secret).verify(got.body, got.headers)
    stranger = "whsec_" + base64.b64encode(b"x" * 32).decode()
    with pytest.raises(WebhookVerificationError):
        Webhook(stranger).verify(got.body, got.headers)


def test_a_url_that_the_manifests_no_longer_name_gets_nothing(hr: Hr) -> None:
    result = sent(None)

    assert (result.delivered, result.gone, result.status) == (False, False, None)
    assert "put it back, or let the event be given up" in result.detail


def test_a_url_beside_those_that_the_manifest_names_gets_nothing_for_good(hr: Hr) -> None:
    way = WebhookNotifier(
        {("acme", "https://hr.example.com/new"): endpoint(hr.url)},
        options=HttpOptions(deadline=5),
        allowed_hosts=None,
        clock=HandClock(),
    )

    result = way.send(pending())

    assert (result.delivered, result.gone, result.status) == (False, True, None)
    assert "by the next apply to those that it names" in result.detail


def test_tls_is_verified_against_the_ca_bundle(tmp_path: Path) -> None:
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    trusting = HttpOptions(deadline=5, ca_bundle=tmp_path / "ca.pem")
    with receiving(authority.issue_cert("localhost")) as hr:
        trusted = sent(endpoint(hr.url), options=trusting)
        foreign = sent(endpoint(hr.url))
        listed = sent(endpoint(hr.url, loopback=False), options=trusting, hosts=("localhost",))

    assert (trusted.delivered, foreign.delivered, listed.delivered) == (True, False, True)
    assert "certificate" in foreign.detail
    assert len(hr.got) == 2


def test_a_ca_bundle_that_is_none_is_reported_before_the_first_delivery(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="CA bundle"):
        notifier(None, options=HttpOptions(ca_bundle=tmp_path / "none.pem"))


# ------------------------------------------------------------------- what an answer means


@pytest.mark.parametrize("status", [200, 201, 202, 204, 299])
def test_every_2xx_is_a_success(hr: Hr, status: int) -> None:
    hr.answer = lambda _: response(status)

    result = sent(endpoint(hr.url))

    assert (result.delivered, result.status, result.gone) == (True, status, False)


@pytest.mark.parametrize("status", [300, 301, 302, 303, 304, 307, 308])
def test_a_redirect_is_a_failure_and_never_followed(hr: Hr, status: int) -> None:
    hr.answer = lambda _: response(status, f"Location: {hr.url}/elsewhere\r\n")

    result = sent(endpoint(hr.url))

    assert (result.delivered, result.status) == (False, status)
    assert "a redirect, which is never followed" in result.detail
    assert len(hr.got) == 1


@pytest.mark.parametrize(
    "status", [400, 401, 403, 404, 405, 409, 413, 418, 422, 429, 500, 501, 503]
)
def test_a_receiver_status_beyond_2xx_and_410_is_tried_again(hr: Hr, status: int) -> None:
    hr.answer = lambda _: response(status)

    result = sent(endpoint(hr.url))

    assert (result.delivered, result.status, result.gone) == (False, status, False)
    assert str(status) in result.detail


def test_410_means_that_the_receiver_wants_no_more(hr: Hr) -> None:
    hr.answer = lambda _: response(410, "Retry-After: 60\r\n")

    result = sent(endpoint(hr.url))

    assert (result.delivered, result.gone, result.retry_after) == (False, True, None)


@pytest.mark.parametrize("status", [429, 502, 503, 504])
@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ("Retry-After: 120\r\n", 120),
        ("Retry-After: 0\r\n", 0),
        ("", None),
        ("Retry-After: soon\r\n", None),
        ("Retry-After: -5\r\n", None),
        (
            "Date: Sun, 06 Nov 1994 08:49:37 GMT\r\nRetry-After: Sun, 06 Nov 1994 08:50:37 GMT\r\n",
            60,
        ),
    ],
)
def test_retry_after_of_a_busy_receiver_is_waited_for(
    hr: Hr, status: int, headers: str, seconds: int | None
) -> None:
    hr.answer = lambda _: response(status, headers)

    assert sent(endpoint(hr.url)).retry_after == seconds


@pytest.mark.parametrize("status", [200, 301, 400, 404, 500])
def test_retry_after_of_other_answers_is_ignored(hr: Hr, status: int) -> None:
    hr.answer = lambda _: response(status, "Retry-After: 120\r\n")

    assert sent(endpoint(hr.url)).retry_after is None


@pytest.mark.parametrize(
    "rest",
    [
        b"Content-Encoding: gzip\r\nContent-Length: 2\r\n\r\n{}",
        b"Content-Encoding: br\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}",
        b"X-Trace: " + b"x" * 70_000 + b"\r\n\r\n",
        b"X-Trace: 1\r\n" * 200 + b"\r\n",
        b"Date: Mon, 30 No",
        b"Content-Length: 9\r\n\r\nhalf",
        b"Content-Length: 99999999999\r\n\r\n",
    ],
)
def test_a_receiver_is_judged_by_its_status_alone(hr: Hr, rest: bytes) -> None:
    hr.answer = lambda _: b"HTTP/1.1 202 Accepted\r\n" + rest

    result = sent(endpoint(hr.url))

    assert (result.delivered, result.status) == (True, 202)
    assert len(hr.got) == 1


def test_what_a_proxy_answers_is_not_the_status_of_the_receiver(hr: Hr) -> None:
    with tunnelling(urlsplit(hr.url).port or 0) as tunnels:
        options = HttpOptions(deadline=5, proxy=f"http://127.0.0.1:{tunnels.port}")
        url = "https://hr.example.com/sync"

        result = sent(endpoint(url), options=options, hosts=("hr.example.com",))

    assert tunnels.heads == ["CONNECT hr.example.com:443"]
    assert (result.delivered, result.status) == (False, None)


@pytest.mark.parametrize("answer", [b"", b"garbage\r\n\r\n"])
def test_an_answer_that_is_lost_is_a_failure_without_a_status(hr: Hr, answer: bytes) -> None:
    hr.answer = lambda _: answer

    result = sent(endpoint(hr.url))

    assert (result.delivered, result.status, result.gone) == (False, None, False)
    assert len(hr.got) == 1


def test_a_receiver_that_does_not_answer_ends_at_the_deadline(hr: Hr) -> None:
    release = threading.Event()

    def never(_: Got) -> bytes:
        release.wait(5)
        return response(200)

    hr.answer = never
    result = sent(endpoint(hr.url), options=HttpOptions(deadline=0.2))
    release.set()

    assert not result.delivered
    assert "0.2 seconds" in result.detail


def test_a_closed_port_is_a_failed_delivery_with_a_reason() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]

    result = sent(endpoint(f"http://127.0.0.1:{port}/"))

    assert not result.delivered
    assert "refused" in result.detail


# ------------------------------------------------------------------------------ secrets


@pytest.mark.parametrize(
    "secret",
    [
        "",
        "whsec_",
        "hunter2",
        "whsec_p@ss-word!",
        base64.b64encode(b"x" * 32).decode(),
        "WHSEC_" + base64.b64encode(b"x" * 32).decode(),
        "whsec_" + base64.b64encode(b"x" * 23).decode(),
        "whsec_" + base64.b64encode(b"x" * 65).decode(),
        "whsec_" + base64.b64encode(b"x" * 32).decode().rstrip("="),
        "whsec_" + base64.b64encode(b"x" * 32).decode() + "\n",
        "whsec_" + base64.urlsafe_b64encode(b"\xff" * 32).decode(),
        "whsec_" + base64.b64encode(b"x" * 32).decode() + "=",
        "whsec_" + "ß" * 44,
        " " + SECRET,
    ],
)
def test_an_improper_webhook_secret_signs_nothing_and_is_not_repeated(hr: Hr, secret: str) -> None:
    alone = sent(endpoint(hr.url, secret))
    beside_a_good_one = sent(endpoint(hr.url, SECRET, secret))

    for result in (alone, beside_a_good_one):
        assert not result.delivered
        assert "whsec_ and the base64 of 24 to 64 random bytes" in result.detail
        assert not secret or secret == "whsec_" or secret not in result.detail
    assert hr.got == []


def test_an_endpoint_without_a_secret_gets_nothing(hr: Hr) -> None:
    result = sent(Endpoint(url=hr.url, secrets=(), loopback_allowed=True))

    assert not result.delivered
    assert hr.got == []


@pytest.mark.parametrize("length", [24, 32, 64])
def test_a_secret_of_24_to_64_bytes_is_a_key(length: int) -> None:
    key = bytes(range(length))

    assert signing_key(Secret("whsec_" + base64.b64encode(key).decode())) == key


texts = st.text(max_size=200)


@settings(max_examples=200, deadline=None)
@given(
    text=texts,
    keys=st.lists(st.binary(min_size=24, max_size=64), min_size=1, max_size=2),
    hours=st.integers(-12, 14),
    seconds=st.floats(-200, 200),
)
def test_the_reference_library_verifies_whatever_we_sign(
    text: str, keys: list[bytes], hours: int, seconds: float
) -> None:
    body = text.encode()
    now = datetime.now(UTC).astimezone(timezone(timedelta(hours=hours)))
    headers = signed_headers("evt_1", body, keys, at=now + timedelta(seconds=seconds))

    for key in keys:
        secret = "whsec_" + base64.b64encode(key).decode()
        Webhook(secret).verify(body, headers, json_parse=False)


@settings(max_examples=200, deadline=None)
@given(
    body=st.binary(min_size=1, max_size=60).map(lambda raw: raw.hex().encode()),
    place=st.integers(0),
    part=st.sampled_from(["body", "id", "timestamp"]),
)
def test_one_changed_character_is_refused(body: bytes, place: int, part: str) -> None:
    key = b"k" * 32
    headers = signed_headers("evt_1", body, [key], at=datetime.now(UTC))
    at = place % len(body)
    match part:
        case "body":
            body = body[:at] + bytes([body[at] ^ 1]) + body[at + 1 :]
        case "id":
            headers["webhook-id"] = "evt_2"
        case _:
            headers["webhook-timestamp"] = str(int(headers["webhook-timestamp"]) - 1)

    with pytest.raises(WebhookVerificationError):
        Webhook(key).verify(body, headers, json_parse=False)


def test_a_large_body_is_signed_and_sent_whole(hr: Hr) -> None:
    body = b'{"x": "' + "é".encode() * 10_000 + b'"}'

    assert notifier(endpoint(hr.url)).send(pending(body)).delivered

    Webhook(SECRET).verify(hr.got[0].body, hr.got[0].headers)


# ---------------------------------------------------------------------- where it may go

DENIED = [
    "0.0.0.0", "0.1.2.3", "10.0.0.1", "10.255.255.255", "100.64.0.1", "100.100.100.200",
    "100.127.255.255", "127.0.0.1", "127.1.2.3", "127.255.255.255", "169.254.0.1",
    "169.254.169.254", "169.254.170.2", "172.16.0.1", "172.31.255.255", "192.0.0.1", "192.0.0.8",
    "192.0.0.170", "192.0.0.192", "192.0.2.1", "192.88.99.1", "192.168.0.1", "192.168.255.255",
    "198.18.0.1", "198.19.255.255", "198.51.100.7", "203.0.113.9", "224.0.0.1", "239.255.255.250",
    "240.0.0.1", "255.255.255.255", "168.63.129.16", "192.31.196.1", "192.52.193.1",
    "192.175.48.1",
    "::", "::1", "::7f00:1", "::ffff:127.0.0.1", "::ffff:8.8.8.8", "::ffff:0:127.0.0.1",
    "64:ff9b::7f00:1", "64:ff9b::a00:1", "64:ff9b::808:808", "64:ff9b:1::1", "100::1",
    "2001::1", "2001:0:4136:e378:8000:63bf:3fff:fdd2", "2001:10::1", "2001:20::1",
    "2001:db8::1", "2002:7f00:1::", "2002:a00:1::1", "2002:808:808::", "2620:4f:8000::1",
    "3fff::1", "5f00::1", "fc00::1", "fd00:ec2::254", "fd12:3456::1", "fe80::1", "fe80::1%eth0",
    "fec0::1", "ff02::1", "ff0e::1", "4000::1", "e000::1",
    "", "localhost", "127.1", "2130706433", "0x7f000001", "0177.0.0.1", "8.8.8.8.", " 8.8.8.8",
    "８.8.8.8", "[2606:4700::1]", "hr.example.com",
]  # fmt: skip
PUBLIC = [
    "1.1.1.1", "8.8.8.8", "9.255.255.255", "11.0.0.0", "100.63.255.255", "100.128.0.0",
    "126.255.255.255", "128.0.0.1", "169.253.255.255", "169.255.0.0", "172.15.255.255",
    "172.32.0.0", "192.0.1.0", "192.167.255.255", "192.169.0.0", "198.17.255.255", "198.20.0.0",
    "223.255.255.255", "168.63.129.15", "168.63.129.17",
    "2001:200::1", "2001:4860:4860::8888", "2003::1", "2606:4700:4700::1111", "2a00:1450::1",
]  # fmt: skip


@pytest.mark.parametrize("address", DENIED)
def test_an_address_that_is_not_public_is_denied(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize("address", PUBLIC)
def test_a_public_address_is_allowed(address: str) -> None:
    assert is_public(address)
    assert not is_loopback_address(address)


addresses = st.one_of(
    st.integers(0, 2**32 - 1).map(IPv4Address),
    st.integers(0, 2**128 - 1).map(IPv6Address),
    st.integers(0, 2**125 - 1).map(lambda low: IPv6Address(2**125 + low)),
)


@settings(max_examples=500)
@given(address=addresses)
def test_a_public_address_is_always_a_global_one(
    address: IPv4Address | IPv6Address,
) -> None:
    text = str(address)

    assert not (is_public(text) and is_loopback_address(text))
    if is_public(text):
        assert ip_address(text).is_global
        assert not ip_address(text).is_multicast


@contextmanager
def tripwire() -> Iterator[tuple[int, bytearray]]:
    """A port that listens on every address of this machine, and all bytes that came to it."""
    heard = bytearray()
    dual = socket.has_dualstack_ipv6()
    family = socket.AF_INET6 if dual else socket.AF_INET
    server = socket.create_server(("", 0), family=family, dualstack_ipv6=dual)

    def listen() -> None:
        while True:
            connection, _ = server.accept()
            with closing(connection):
                connection.settimeout(2)
                first = connection.recv(64)
            if first == b"stop":
                return
            heard.extend(first)

    thread = threading.Thread(target=listen)
    thread.start()
    port = server.getsockname()[1]
    try:
        yield port, heard
    finally:
        with socket.create_connection(("127.0.0.1", port)) as last:
            last.sendall(b"stop")
        thread.join()
        server.close()


SPELLINGS = [
    "https://127.0.0.1:{port}/", "https://127.1:{port}/", "https://127.0.1:{port}/",
    "https://127.8.9.10:{port}/", "https://2130706433:{port}/", "https://0x7f000001:{port}/",
    "https://0x7f.0.0.1:{port}/", "https://0177.0.0.1:{port}/", "https://017700000001:{port}/",
    "https://0:{port}/", "https://0.0.0.0:{port}/", "https://000.000.000.000:{port}/",
    "https://localhost:{port}/", "https://LOCALHOST:{port}/", "https://localhost.:{port}/",
    "https://127.0.0.1.:{port}/", "https://[::1]:{port}/", "https://[::]:{port}/",
    "https://[0:0:0:0:0:0:0:1]:{port}/", "https://[::ffff:127.0.0.1]:{port}/",
    "https://[::ffff:7f00:1]:{port}/", "https://[::ffff:0.0.0.0]:{port}/",
    "https://[::1%25lo]:{port}/", "https://[::1%lo]:{port}/",
    "https://hr.example.com@127.0.0.1:{port}/", "https://a:b@127.0.0.1:{port}/",
    "https://127.0.0.1:{port}\\@hr.example.com/", "https://hr.example.com\\@127.0.0.1:{port}/",
    "https://127.0.0.1:{port}#@hr.example.com/", "https://１２７.0.0.1:{port}/",
    "https://127。0。0。1:{port}/", "https://ⓛocalhost:{port}/", "https://127.0.0.1\t:{port}/",
    "https://127.0.0.1 :{port}/", "https:127.0.0.1:{port}/", "https:/127.0.0.1:{port}/",
    "https:///127.0.0.1:{port}/", "//127.0.0.1:{port}/", "127.0.0.1:{port}",
    "http://127.0.0.1:{port}/", "http://localhost:{port}/", "http://[::1]:{port}/",
    "HTTPS://127.0.0.1:{port}/", "ftp://127.0.0.1:{port}/", "file:///etc/passwd", "",
    "https://127.0.0.1:{port}/\r\nHost: hr.example.com", "https://127.0.0.1:{port}?x",
    "https://%31%32%37.0.0.1:{port}/", "https://127.0.0.1%00.example.com:{port}/",
]  # fmt: skip


def test_no_spelling_of_this_machine_is_sent_a_webhook() -> None:
    """A tenant elsewhere names a webhook on this machine, in every way that resolvers know."""
    with tripwire() as (port, heard):
        for spelling in SPELLINGS:
            url = spelling.format(port=port)
            result = sent(endpoint(url, loopback=False), options=HttpOptions(deadline=3))

            assert not result.delivered, url
            assert result.status is None, url
        assert heard == b""

        sent(endpoint(f"http://127.0.0.1:{port}/"))  # the wire is live, for whom it may be

    assert heard.startswith(b"POST / HTTP/1.1")


def test_a_denied_address_is_reported_with_what_would_help() -> None:
    with tripwire() as (port, heard):
        result = sent(endpoint(f"https://127.0.0.1:{port}/", loopback=False))

    assert heard == b""
    assert result.detail == (
        "host 127.0.0.1 is at 127.0.0.1, which is not public, so nothing was sent: "
        "if that is meant, list the host in RECONCILER_WEBHOOK_HOSTS"
    )


@pytest.mark.parametrize(
    "hosts", [(), ("hr.example.com",), ("ocalhost",), ("localhost.example.com",), ("example",)]
)
def test_an_unlisted_webhook_host_gets_nothing(hr: Hr, hosts: tuple[str, ...]) -> None:
    result = sent(endpoint(hr.url), hosts=hosts)

    assert not result.delivered
    assert "host localhost is not in RECONCILER_WEBHOOK_HOSTS" in result.detail
    assert hr.got == []


@pytest.mark.parametrize("host", ["localhost", "LocalHost", "localhost."])
def test_a_listed_webhook_host_is_matched_in_any_case(hr: Hr, host: str) -> None:
    assert sent(endpoint(hr.url), hosts=("hr.example.com", host)).delivered


def test_plain_http_is_only_for_tenants_on_this_machine(hr: Hr) -> None:
    alone = sent(endpoint(hr.url, loopback=False))
    listed = sent(endpoint(hr.url, loopback=False), hosts=("localhost",))

    assert "use https" in alone.detail
    assert "use https" in listed.detail
    assert hr.got == []


def test_plain_http_never_leaves_this_machine() -> None:
    result = sent(endpoint("http://192.0.2.1/"), hosts=("192.0.2.1",))

    assert not result.delivered
    assert "loopback" in result.detail


def test_behind_a_proxy_only_listed_hosts_get_anything() -> None:
    with tripwire() as (port, heard):
        through = HttpOptions(deadline=3, proxy=f"http://127.0.0.1:{port}")

        unlisted = sent(endpoint("https://hr.example.com/", loopback=False), options=through)
        assert heard == b""

        listed = sent(
            endpoint("https://hr.example.com/", loopback=False),
            options=through,
            hosts=("hr.example.com",),
        )

    assert "list host hr.example.com in RECONCILER_WEBHOOK_HOSTS" in unlisted.detail
    assert heard.startswith(b"CONNECT hr.example.com:443 ")
    assert not listed.delivered


# ------------------------------------------------------------------------ all the way


def test_every_event_arrives_at_least_once_with_the_same_bytes(tmp_path: Path) -> None:
    """The receiver loses three answers in ten after it has taken the event in."""
    random = Random(20260102)
    clock = HandClock()
    reported = [replace(event(number), tenant="acme") for number in range(40)]
    with opened(tmp_path / "state.db") as store, receiving() as hr:
        way = notifier(endpoint(hr.url), clock=clock)
        store.seal_with(way)
        for happened in reported:
            store.adopt(adopted(), happened, [RECEIVER])
        hr.answer = lambda _: b"" if random.random() < 0.3 else response(200)

        while (first := store.backlog().due_at) is not None:
            clock.moment = max(clock.moment, datetime.fromisoformat(first))
            for each in messages(store, Due(clock.moment)):
                result = way.send(each)
                if result.delivered:
                    store.delivered(each.row, attempt(Status.SYNCED, result.status))
                    continue
                due = next_due(
                    each.row.attempts + 1, now=clock.now(), retry_after=None, random=random.random
                )
                assert due is not None
                store.failed(each.row, attempt(Status.FAILED, result.status), due)

        received: dict[str, bytes] = {}
        for got in hr.got:
            assert received.setdefault(got.headers["webhook-id"], got.body) == got.body
        assert sorted(received) == sorted(happened.event_id for happened in reported)
        assert len(hr.got) > len(reported)  # some answers were really lost
        assert check_chain(store.records()).records == 2 * len(reported) + len(hr.got)
        for record in store.records():
            AUDIT.validate(record)


def test_the_bytes_of_the_state_hold_no_secret(tmp_path: Path) -> None:
    """Deliveries of every end are recorded with the notifier's own words."""
    bad = "whsec_not-a-secret-but-secret"
    with opened(tmp_path / "state.db") as store, receiving() as hr:
        for number, secret in enumerate([SECRET, NEXT_SECRET, bad]):
            way = notifier(endpoint(hr.url, secret))
            store.seal_with(way)
            store.adopt(adopted(), event(number), [RECEIVER])
            waiting = messages(store)[-1]
            hr.answer = always(401 + number)
            result = way.send(waiting)
            tried = replace(attempt(Status.FAILED, result.status), detail=str(result))
            store.failed(waiting.row, tried, None)
        shown = str([*store.records(), *store.released()])

    everything = b"".join(each.read_bytes() for each in tmp_path.iterdir()) + shown.encode()
    for secret in (SECRET, NEXT_SECRET, bad):
        assert secret.removeprefix("whsec_").encode() not in everything
    assert b"compare the secret" in everything


# ------------------------------------------------------------------------ known before


def obstacle(url: str, *, resolve: bool, **given: Any) -> Unusable | None:
    way = notifier(endpoint(url, loopback=given.pop("loopback", False)), **given)
    found = way.obstacles(tenant("acme", hooks=(RECEIVER,)), resolve=resolve)
    return found[0] if found else None


PROXIED = HttpOptions(deadline=5, proxy="http://127.0.0.1:9")


@pytest.mark.parametrize(
    ("url", "given", "reported", "unset"),
    [
        ("http://hr.example.com/sync", {}, "plain http is only for a tenant on this", False),
        ("https://user@hr.example.com/", {}, "not one that every program reads alike", False),
        ("https://hr.example.com\\@x/", {}, "not one that every program reads alike", False),
        ("ftp://hr.example.com/", {}, "not one that every program reads alike", False),
        ("https://hr.example.com/", {"hosts": ("x.example.com",)}, "is not in RECONCILER_", False),
        ("https://hr.example.com/", {"hosts": ()}, "is not in RECONCILER_WEBHOOK_HOSTS", False),
        ("https://hr.example.com/", {"options": PROXIED}, "behind a proxy its address", True),
    ],
)
def test_what_is_wrong_with_a_url_is_known_without_a_look_at_the_network(
    url: str, given: dict[str, Any], reported: str, unset: bool
) -> None:
    found = obstacle(url, resolve=False, **given)

    assert found is not None
    assert found.reason.startswith(f"webhook {RECEIVER}: ")
    assert reported in found.reason
    assert found.unset is unset


@pytest.mark.parametrize(
    "host",
    [
        "10.0.0.1", "127.0.0.1", "localhost", "169.254.169.254", "192.168.1.1", "2130706433",
        "0x7f.1", "[::1]", "[::ffff:10.0.0.1]", "[fd00::1]", "0.0.0.0",
    ],
)  # fmt: skip
def test_an_address_that_is_not_public_is_found_where_hosts_are_looked_up(host: str) -> None:
    url = f"https://{host}/sync"

    found = obstacle(url, resolve=True)

    assert found is not None
    assert "which is not public, so nothing was sent" in found.reason
    assert obstacle(url, resolve=False) is None
    assert obstacle(url, resolve=True, hosts=(host,)) is None


def test_a_tenant_on_this_machine_may_announce_here_and_a_name_without_address_is_tried() -> None:
    assert obstacle("http://localhost:1/sync", resolve=True, loopback=True) is None
    assert obstacle("https://nowhere.invalid/sync", resolve=True) is None


def test_a_host_is_looked_up_once_for_all_tenants() -> None:
    asked: list[object] = []

    def hook(event: str, arguments: tuple[object, ...]) -> None:
        if event == "socket.getaddrinfo" and arguments[0] == "once.invalid":
            asked.append(arguments)

    sys.addaudithook(hook)
    names = [f"tenant-{number}" for number in range(20)]
    way = WebhookNotifier(
        {(name, RECEIVER): endpoint("https://once.invalid/sync", loopback=False) for name in names},
        options=HttpOptions(deadline=5),
        allowed_hosts=None,
        clock=HandClock(),
    )

    for name in names:
        assert way.obstacles(tenant(name, hooks=(RECEIVER,))) == ()

    assert len(asked) == 1
