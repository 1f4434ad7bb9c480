"""Http over TLS, through proxies, and in a hostile environment."""

import json
import os
import socket
import ssl
import subprocess
import sys
import threading
import time
from base64 import b64decode
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
import trustme

from reconciler.adapters.transport import Http, HttpOptions
from reconciler.domain.http_reply import Answer, Loss, NoAnswer
from reconciler.errors import UsageError
from tests.support.faultserver import (
    FaultServer,
    Script,
    drip,
    in_turn,
    reply,
    serving,
    unused_port,
)
from tests.support.transport_world import ANY, SHORT, ask, server_context
from tests.support.tunnels import tunnelling

SLOW_HEADERS: Script = drip(b"HTTP/1.1 200 OK\r\nX-A: " + b"a" * 400, every=0.02)


# --- TLS -----------------------------------------------------------------------------------


@pytest.fixture
def secure(authority: trustme.CA) -> Iterator[FaultServer]:
    with serving(in_turn(reply(200, b"safe")), server_context(authority, "127.0.0.1")) as server:
        yield server


def test_a_server_of_a_trusted_authority_is_talked_to(secure: FaultServer, ca_bundle: Path) -> None:
    answer = ask(secure, options=HttpOptions(ca_bundle=ca_bundle))

    assert isinstance(answer, Answer)
    assert answer.body == b"safe"


def test_a_server_of_an_unknown_authority_gets_nothing(secure: FaultServer) -> None:
    answer = ask(secure, "POST")

    assert isinstance(answer, NoAnswer)
    assert answer.loss is Loss.UNTRUSTED
    assert "certificate is not accepted" in answer.reason
    assert secure.requests == []


def test_a_certificate_for_another_host_is_refused(authority: trustme.CA, ca_bundle: Path) -> None:
    tls = server_context(authority, "other.example.com")
    with serving(in_turn(reply()), tls) as server:
        answer = ask(server, "POST", options=HttpOptions(ca_bundle=ca_bundle))

    assert isinstance(answer, NoAnswer)
    assert answer.loss is Loss.UNTRUSTED
    assert server.requests == []


def test_plain_http_on_the_tls_port_is_not_talked_to(ca_bundle: Path) -> None:
    with (
        serving(in_turn(reply())) as server,
        Http(HttpOptions(ca_bundle=ca_bundle, deadline=1), methods=ANY) as http,
    ):
        answer = http.send("POST", f"https://127.0.0.1:{server.port}/", headers={}, body=b"c4n4ry")

    assert isinstance(answer, NoAnswer)
    assert answer.loss in (Loss.UNTRUSTED, Loss.NOT_SENT)
    assert all(b"c4n4ry" not in request.body for request in server.requests)


def test_a_connection_cut_during_the_handshake_was_never_sent(ca_bundle: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def hang_up() -> None:
            connection, _ = listener.accept()
            connection.recv(10_000)
            connection.close()

        thread = threading.Thread(target=hang_up)
        thread.start()
        with Http(HttpOptions(ca_bundle=ca_bundle, deadline=5), methods=ANY) as http:
            url = f"https://127.0.0.1:{listener.getsockname()[1]}/"
            answer = http.send("POST", url, headers={}, body=b"{}")
        thread.join()

    assert isinstance(answer, NoAnswer)
    assert answer.loss is Loss.NOT_SENT


@pytest.mark.parametrize("stalls_in_handshake", [True, False])
def test_the_deadline_holds_over_tls(
    authority: trustme.CA, ca_bundle: Path, stalls_in_handshake: bool
) -> None:
    options = HttpOptions(ca_bundle=ca_bundle, deadline=SHORT)
    begun = time.monotonic()
    if stalls_in_handshake:
        with socket.create_server(("127.0.0.1", 0)) as listener, Http(options, methods=ANY) as http:
            url = f"https://127.0.0.1:{listener.getsockname()[1]}/"
            answer = http.send("POST", url, headers={}, body=b"{}")
    else:
        with serving(in_turn(SLOW_HEADERS), server_context(authority, "127.0.0.1")) as s:
            answer = ask(s, "POST", options=options)

    assert time.monotonic() - begun < SHORT + 1
    assert isinstance(answer, NoAnswer)
    assert answer.loss is (Loss.NOT_SENT if stalls_in_handshake else Loss.LOST)


def test_a_handshake_that_drips_ends_at_the_deadline_and_nothing_was_sent(ca_bundle: Path) -> None:
    """Each byte comes in time for a timeout that is counted anew for each."""
    with socket.create_server(("127.0.0.1", 0)) as listener, ExitStack() as leaving:

        def handshake() -> None:
            connection, _ = listener.accept()
            leaving.enter_context(connection)
            for byte in b"\x16\x03\x03\x40\x00" + b"\x02" * 400:  # one long record of TLS
                try:
                    connection.sendall(bytes([byte]))
                except OSError:
                    return
                time.sleep(0.02)

        thread = threading.Thread(target=handshake)
        thread.start()
        begun = time.monotonic()
        options = HttpOptions(ca_bundle=ca_bundle, deadline=SHORT)
        with Http(options, methods=ANY) as http:
            url = f"https://127.0.0.1:{listener.getsockname()[1]}/"
            answer = http.send("POST", url, headers={}, body=b"{}")
        took = time.monotonic() - begun
        thread.join()

    assert answer == NoAnswer(Loss.NOT_SENT, "no connection within 0.5 seconds")
    assert took < SHORT + 1


def test_tls_older_than_1_2_is_refused(authority: trustme.CA, ca_bundle: Path) -> None:
    tls = server_context(authority, "127.0.0.1")
    tls.set_ciphers("ALL:@SECLEVEL=0")
    with pytest.warns(DeprecationWarning, match="TLSv1_1"):
        tls.minimum_version = ssl.TLSVersion.TLSv1_1
    with pytest.warns(DeprecationWarning, match="TLSv1_1"):
        tls.maximum_version = ssl.TLSVersion.TLSv1_1
    with serving(in_turn(reply()), tls) as server:
        answer = ask(server, "POST", options=HttpOptions(ca_bundle=ca_bundle))

    assert isinstance(answer, NoAnswer)
    assert answer.loss is Loss.UNTRUSTED
    assert answer.reason == "no TLS 1.2 or later could be agreed on"
    assert server.requests == []


@pytest.mark.parametrize("content", [None, "no certificate"])
def test_a_ca_bundle_that_cannot_be_used_is_a_usage_error(
    tmp_path: Path, content: str | None
) -> None:
    path = tmp_path / "bundle.pem"
    if content is not None:
        path.write_text(content)

    with pytest.raises(UsageError, match=r"CA bundle .*bundle\.pem cannot be used"):
        Http(HttpOptions(ca_bundle=path), methods=ANY)


# --- proxies and the environment -----------------------------------------------------------


@pytest.mark.parametrize("proxy", ["socks5://localhost:1", "localhost", "http://", "http://[::1"])
def test_a_proxy_that_is_no_http_url_is_a_usage_error(proxy: str) -> None:
    with pytest.raises(UsageError, match="--proxy"):
        Http(HttpOptions(proxy=proxy), methods=ANY)


def test_https_goes_through_the_proxy_as_a_tunnel_with_the_proxys_own_credentials() -> None:
    with serving(in_turn((b"HTTP/1.1 403 No\r\nContent-Length: 0\r\n\r\n",))) as proxy:
        name = f"127.0.0.1:{proxy.port}"
        url = f"http://user:pa%40ss@{name}"
        with Http(HttpOptions(proxy=url, deadline=5), methods=ANY) as http:
            answer = http.send(
                "POST", "https://scim.example.com/x", headers={"Authorization": "c4n4ry"}, body=b"b"
            )

    assert isinstance(answer, NoAnswer)
    assert answer.loss is Loss.UNTRUSTED
    assert answer.reason == f"the proxy {name} answered 403, and made no connection"
    request = proxy.requests[0]
    assert (request.method, request.target) == ("CONNECT", "scim.example.com:443")
    assert "authorization" not in request.headers
    assert b64decode(request.headers["proxy-authorization"].removeprefix("Basic ")) == b"user:pa@ss"


def test_a_request_to_an_absent_proxy_was_never_sent() -> None:
    options = HttpOptions(proxy=f"http://127.0.0.1:{unused_port()}", deadline=5)
    with Http(options, methods=ANY) as http:
        answer = http.send("POST", "https://scim.example.com/", headers={}, body=b"{}")

    assert isinstance(answer, NoAnswer)
    assert answer.loss is Loss.NOT_SENT


def test_a_loopback_url_does_not_go_through_the_proxy() -> None:
    with serving(in_turn(reply())) as proxy, serving(in_turn(reply(200, b"near"))) as server:
        answer = ask(server, options=HttpOptions(proxy=f"http://127.0.0.1:{proxy.port}"))

    assert isinstance(answer, Answer)
    assert answer.body == b"near"
    assert proxy.connections == 0


SCRIPT = """
import json, sys
from pathlib import Path
from reconciler.adapters.transport import Http, HttpOptions
url, bundle = sys.argv[1:]
options = HttpOptions(ca_bundle=Path(bundle), deadline=5)
with Http(options, methods=frozenset({"GET"})) as http:
    answer = http.send("GET", url, headers={"Authorization": "Bearer mine"})
print(json.dumps([answer.status, answer.body.decode()]))
"""


def test_proxies_netrc_authorities_and_key_logs_of_the_environment_have_no_effect(
    secure: FaultServer, ca_bundle: Path, tmp_path: Path
) -> None:
    netrc, keys = tmp_path / "netrc", tmp_path / "keys.log"
    netrc.write_text("machine 127.0.0.1 login eve password eve\n")
    netrc.chmod(0o600)
    with serving(in_turn(reply(200, b"proxied"))) as proxy:
        hostile = {
            **{name: proxy.url() for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY")},
            **{name: proxy.url() for name in ("http_proxy", "https_proxy", "all_proxy")},
            **{name: str(netrc) for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")},
            "SSL_CERT_FILE": str(netrc),
            "NETRC": str(netrc),
            "HOME": str(tmp_path),
            "SSLKEYLOGFILE": str(keys),
        }
        done = subprocess.run(
            [sys.executable, "-c", SCRIPT, secure.url(), str(ca_bundle)],
            env={**os.environ, **hostile},
            cwd=Path(__file__).parents[2],
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )

    assert done.stderr == ""
    assert json.loads(done.stdout) == [200, "safe"]
    assert proxy.connections == 0
    assert [request.headers["authorization"] for request in secure.requests] == ["Bearer mine"]
    assert not keys.exists()


# --- tunnels -------------------------------------------------------------------------------


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_requests_through_a_proxy_share_one_tunnel_and_the_far_end_is_verified(
    authority: trustme.CA, ca_bundle: Path, scheme: str
) -> None:
    far = server_context(authority, "scim.example.com")
    near = server_context(authority, "127.0.0.1") if scheme == "https" else None
    with serving(in_turn(reply(200, b"far")), far) as server:
        with tunnelling(server.port, near) as tunnels:
            options = HttpOptions(
                proxy=f"{scheme}://127.0.0.1:{tunnels.port}", ca_bundle=ca_bundle, deadline=10
            )
            with Http(options, methods=ANY) as http:
                url = "https://scim.example.com/v2/Schemas"
                replies = [http.send("GET", url, headers={}) for _ in range(3)]
                wrong = http.send("GET", "https://other.example.com/", headers={})

    assert [r.body for r in replies if isinstance(r, Answer)] == [b"far"] * 3
    assert tunnels.heads == [f"CONNECT {host}.example.com:443" for host in ("scim", "other")]
    assert [request.target for request in server.requests] == ["/v2/Schemas"] * 3
    assert server.requests[0].headers["host"] == "scim.example.com"
    assert isinstance(wrong, NoAnswer)
    assert wrong.loss is Loss.UNTRUSTED


def test_a_slow_answer_through_two_layers_of_tls_ends_at_the_deadline(
    authority: trustme.CA, ca_bundle: Path
) -> None:
    far, near = (server_context(authority, name) for name in ("scim.example.com", "127.0.0.1"))
    with serving(in_turn(SLOW_HEADERS), far) as server, tunnelling(server.port, near) as tunnels:
        options = HttpOptions(
            proxy=f"https://127.0.0.1:{tunnels.port}", ca_bundle=ca_bundle, deadline=1
        )
        with Http(options, methods=ANY) as http:
            answer = http.send("POST", "https://scim.example.com/", headers={}, body=b"{}")

    assert answer == NoAnswer(Loss.LOST, "no whole answer within 1 seconds")
