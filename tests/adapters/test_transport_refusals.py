"""Messages about a proxy that makes no connection, and about TLS that was not agreed on."""

import socket
import ssl
import threading
from base64 import b64decode
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import trustme

from reconciler.adapters.transport import Http, HttpOptions
from reconciler.domain.http_reply import Loss, NoAnswer
from reconciler.errors import UsageError
from tests.support.faultserver import in_turn, reply, serving, unused_port
from tests.support.transport_world import ANY, asking_context, server_context

HOST = "https://scim.example.com/x"


def lost(options: HttpOptions, url: str = HOST, method: str = "POST") -> NoAnswer:
    with Http(options, methods=ANY) as http:
        body = b"c4n4ry" if method != "GET" else None
        answer = http.send(method, url, headers={}, body=body)
    assert isinstance(answer, NoAnswer)
    assert answer.advice is not None
    assert "c4n4ry" not in answer.message
    return answer


# --- proxies -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("written", "sent"),
    [
        ("user:pa%40ss", b"user:pa@ss"),
        ("user:p%3Aa%3Ass", b"user:p:a:ss"),
        ("user:p:a:ss", b"user:p:a:ss"),
        ("user:100%25", b"user:100%"),
        ("user:100%", b"user:100%"),
        ("user:p%2540", b"user:p%40"),
        ("us%40er.com:x", b"us@er.com:x"),
        ("domain%5Cuser:x", b"domain\\user:x"),
        ("user:pa%2Fss%3F%23", b"user:pa/ss?#"),
        ("user:gr%C3%BC%C3%9Fe", "user:grüße".encode()),
        ("user:grüße", "user:grüße".encode()),
        ("user:%FF", b"user:\xff"),
        ("user:", b"user:"),
        ("user", b"user:"),
        (":token", b":token"),
        ("user:a+b%20c", b"user:a+b c"),
    ],
)
def test_user_and_password_of_a_proxy_are_sent_as_they_are_meant(written: str, sent: bytes) -> None:
    with serving(in_turn((b"HTTP/1.1 403 No\r\nContent-Length: 0\r\n\r\n",))) as proxy:
        lost(HttpOptions(proxy=f"http://{written}@127.0.0.1:{proxy.port}", deadline=5))

    [request] = proxy.requests
    kind, _, basic = request.headers["proxy-authorization"].partition(" ")
    assert kind == "Basic"
    assert b64decode(basic, validate=True) == sent


@pytest.mark.parametrize("url", ["http://a%3Ab:c4n4ry@p:1", "http://u:c4n4/ry@proxy:1"])
def test_a_proxy_url_that_no_proxy_could_read_is_a_usage_error(url: str) -> None:
    with pytest.raises(UsageError, match="--proxy") as refused:
        Http(HttpOptions(proxy=url), methods=ANY)

    assert "c4n4" not in str(refused.value)


@pytest.mark.parametrize(
    ("status", "loss", "helps"),
    [
        (401, Loss.UNTRUSTED, "give --proxy the user name and the password"),
        (407, Loss.UNTRUSTED, "give --proxy the user name and the password"),
        (403, Loss.UNTRUSTED, "to let this host and port through, or leave --proxy out"),
        (405, Loss.UNTRUSTED, "to let this host and port through, or leave --proxy out"),
        (302, Loss.UNTRUSTED, "name in --proxy what it leads to"),
        (502, Loss.NOT_SENT, "it did not reach the host"),
        (503, Loss.NOT_SENT, "it did not reach the host"),
        (504, Loss.NOT_SENT, "it did not reach the host"),
        (204, Loss.NOT_SENT, "check --proxy (RECONCILER_PROXY)"),
    ],
)
def test_a_proxy_that_makes_no_connection_is_named_with_its_status(
    status: int, loss: Loss, helps: str
) -> None:
    refusal = f"HTTP/1.1 {status} c4n4ry\r\nContent-Length: 6\r\n\r\nc4n4ry".encode()
    with serving(in_turn((refusal,))) as proxy:
        name = f"the proxy 127.0.0.1:{proxy.port}"
        answer = lost(HttpOptions(proxy=f"http://u:p@127.0.0.1:{proxy.port}", deadline=5))

    assert answer.loss is loss
    assert answer.reason == f"{name} answered {status}, and made no connection"
    assert helps in str(answer.advice)


@contextmanager
def accepting(serve: Callable[[socket.socket], None]) -> Iterator[int]:
    """A port whose first connection is served so."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def run() -> None:
            connection, _ = listener.accept()
            with connection, suppress(OSError):
                connection.settimeout(5)
                serve(connection)

        thread = threading.Thread(target=run)
        thread.start()
        yield listener.getsockname()[1]
        thread.join(6)


def hang_up(connection: socket.socket) -> None:
    connection.recv(10_000)
    connection.close()


PLAIN = b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n"


def answer_with(data: bytes) -> Callable[[socket.socket], None]:
    def serve(connection: socket.socket) -> None:
        connection.recv(10_000)
        connection.sendall(data)
        connection.shutdown(socket.SHUT_WR)
        connection.recv(10_000)

    return serve


@pytest.mark.parametrize(
    "serve", [hang_up, answer_with(b"220 mail ESMTP\r\n"), answer_with(b"SSH-2.0-x\r\n")]
)
def test_a_proxy_that_speaks_no_http_is_named(serve: Callable[[socket.socket], None]) -> None:
    with accepting(serve) as port:
        answer = lost(HttpOptions(proxy=f"http://127.0.0.1:{port}", deadline=5))

    ended = "it ended the connection, or what it answered is not HTTP"
    assert answer.reason == f"the proxy 127.0.0.1:{port}: {ended}"
    assert "check --proxy" in str(answer.advice)


def test_a_proxy_that_is_not_there_is_named() -> None:
    port = unused_port()
    answer = lost(HttpOptions(proxy=f"http://u:c4n4ry@127.0.0.1:{port}", deadline=5))

    assert answer.reason.startswith(f"the proxy 127.0.0.1:{port}: the connection was refused")
    assert "check --proxy" in str(answer.advice)


def test_a_proxy_whose_name_is_not_known_is_named() -> None:
    answer = lost(HttpOptions(proxy="http://proxy.invalid:3128", deadline=5))

    assert answer.reason == "the proxy proxy.invalid:3128: the host name is not known"


def test_a_proxy_that_hangs_is_named() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        answer = lost(HttpOptions(proxy=f"http://127.0.0.1:{port}", deadline=0.5))

    assert answer.loss is Loss.NOT_SENT
    by_way = f"no connection within 0.5 seconds by way of the proxy 127.0.0.1:{port}"
    assert answer.reason == by_way
    assert "check --proxy" in str(answer.advice)


def test_a_proxy_of_an_unknown_authority_is_named(authority: trustme.CA) -> None:
    with serving(in_turn(reply()), server_context(authority, "127.0.0.1")) as proxy:
        name = f"127.0.0.1:{proxy.port}"
        answer = lost(HttpOptions(proxy=f"https://{name}", deadline=5))

    assert answer.loss is Loss.UNTRUSTED
    assert answer.reason.startswith(f"the proxy {name}: its certificate is not")
    assert "--ca-bundle FILE" in str(answer.advice)


def test_a_proxy_that_does_not_speak_tls_is_told_apart(ca_bundle: Path) -> None:
    with accepting(answer_with(PLAIN)) as port:
        proxy = f"https://127.0.0.1:{port}"
        answer = lost(HttpOptions(proxy=proxy, ca_bundle=ca_bundle, deadline=5))

    assert answer.reason == f"the proxy 127.0.0.1:{port} does not speak TLS"
    assert answer.advice == "write http:// in --proxy"


def test_a_proxy_that_speaks_tls_is_told_apart() -> None:
    with accepting(answer_with(b"\x15\x03\x03\x00\x02\x02\x46")) as port:
        answer = lost(HttpOptions(proxy=f"http://127.0.0.1:{port}", deadline=5))

    assert answer.reason == f"the proxy 127.0.0.1:{port} speaks TLS"
    assert answer.advice == "write https:// in --proxy"


# --- TLS -----------------------------------------------------------------------------------


def context_of(certificate: trustme.LeafCert) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificate.configure_cert(context)
    return context


def refused_by(context: ssl.SSLContext, ca_bundle: Path | None) -> NoAnswer:
    with serving(in_turn(reply()), context) as server:
        url = f"https://127.0.0.1:{server.port}/"
        answer = lost(HttpOptions(ca_bundle=ca_bundle, deadline=5), url)
    assert server.requests == []
    return answer


NOW = datetime.now(UTC)


def test_an_expired_certificate_has_to_be_renewed(authority: trustme.CA, ca_bundle: Path) -> None:
    begins, ends = NOW - timedelta(days=9), NOW - timedelta(days=2)
    old = authority.issue_cert("127.0.0.1", not_before=begins, not_after=ends)
    answer = refused_by(context_of(old), ca_bundle)

    assert answer.loss is Loss.UNTRUSTED
    assert answer.reason == "its certificate is not accepted: certificate has expired"
    assert "have to renew it" in str(answer.advice)
    assert "clock" in str(answer.advice)


def test_a_certificate_of_the_future_is_a_question_of_clocks(
    authority: trustme.CA, ca_bundle: Path
) -> None:
    later = authority.issue_cert("127.0.0.1", not_before=NOW + timedelta(days=2))
    answer = refused_by(context_of(later), ca_bundle)

    assert "certificate is not yet valid" in answer.reason
    assert "compare the clock of this machine" in str(answer.advice)


def test_a_certificate_for_another_host_names_the_host_of_the_url(
    authority: trustme.CA, ca_bundle: Path
) -> None:
    answer = refused_by(server_context(authority, "other.example.com"), ca_bundle)

    assert "certificate is not valid for '127.0.0.1'" in answer.reason
    assert "check the host of the URL" in str(answer.advice)


def test_a_certificate_of_an_unknown_authority_names_the_ca_bundle(authority: trustme.CA) -> None:
    answer = refused_by(server_context(authority, "127.0.0.1"), None)

    assert "unable to get local issuer certificate" in answer.reason
    assert "--ca-bundle FILE" in str(answer.advice)


def test_a_self_signed_certificate_names_the_ca_bundle(
    authority: trustme.CA, ca_bundle: Path, tmp_path: Path
) -> None:
    own = trustme.CA()
    pem = tmp_path / "own.pem"
    pem.write_bytes(own.cert_pem.bytes() + own.private_key_pem.bytes())
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem)

    answer = refused_by(context, ca_bundle)

    assert "self-signed certificate" in answer.reason
    assert "--ca-bundle FILE" in str(answer.advice)


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_server_that_demands_a_client_certificate_says_so(
    authority: trustme.CA, ca_bundle: Path, version: ssl.TLSVersion, method: str
) -> None:
    with accepting(demanding(authority, version)) as port:
        url = f"https://127.0.0.1:{port}/"
        answer = lost(HttpOptions(ca_bundle=ca_bundle, deadline=5), url, method)

    assert answer.loss is Loss.UNTRUSTED
    assert "certificate" in answer.message
    assert "spec.auth.certificate names one, for a tenant" in str(answer.advice)


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_a_proxy_that_demands_a_client_certificate_says_so(
    authority: trustme.CA, ca_bundle: Path, version: ssl.TLSVersion
) -> None:
    with accepting(demanding(authority, version)) as port:
        proxy = f"https://127.0.0.1:{port}"
        options = HttpOptions(proxy=proxy, ca_bundle=ca_bundle, deadline=5)
        answer = lost(options, "https://scim.example.com/", "GET")

    assert answer.loss is Loss.UNTRUSTED
    assert answer.reason.startswith(f"the proxy 127.0.0.1:{port}")
    assert "certificate" in answer.message
    assert "spec.auth.certificate of" not in answer.message


def demanding(authority: trustme.CA, version: ssl.TLSVersion) -> Callable[[socket.socket], None]:
    context = asking_context(authority, "127.0.0.1")
    context.minimum_version = context.maximum_version = version

    def handshake(connection: socket.socket) -> None:
        with connection.dup() as raw:
            try:
                context.wrap_socket(connection, server_side=True)
            except ssl.SSLError:  # a server that reads on, for else the kernel would reset it
                raw.shutdown(socket.SHUT_WR)
                while raw.recv(10_000):
                    pass

    return handshake


def test_plain_http_on_an_https_port_is_reported(ca_bundle: Path) -> None:
    with accepting(answer_with(PLAIN)) as port:
        url = f"https://127.0.0.1:{port}/"
        answer = lost(HttpOptions(ca_bundle=ca_bundle, deadline=5), url)

    assert answer.loss is Loss.UNTRUSTED
    assert answer.reason == "what listens there does not speak TLS"
    assert answer.advice == "check host and port of the URL"


def test_tls_on_a_plain_port_is_reported() -> None:
    with accepting(answer_with(b"\x15\x03\x03\x00\x02\x02\x46")) as port:
        answer = lost(HttpOptions(deadline=5), f"http://127.0.0.1:{port}/", "GET")

    assert answer.loss is Loss.LOST
    assert answer.reason == "what listens there speaks TLS"
    assert answer.advice == "write https:// in the URL"


def test_a_host_that_the_server_does_not_know_is_reported(
    authority: trustme.CA, ca_bundle: Path
) -> None:
    context = server_context(authority, "127.0.0.1")
    context.sni_callback = lambda *_: ssl.ALERT_DESCRIPTION_UNRECOGNIZED_NAME
    answer = refused_by(context, ca_bundle)

    assert answer.reason == "the server knows no such host"
