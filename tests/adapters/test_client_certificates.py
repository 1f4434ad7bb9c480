"""Client certificates: shown to token endpoint and tenant, and to nobody else."""

import socket
import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import trustme
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    load_pem_private_key,
)

from reconciler.adapters.oauth2 import CertifiedClient, ClientCredentials
from reconciler.adapters.oauth2.certificates import validity
from reconciler.adapters.transport import (
    CertificateUnusable,
    ClientCertificate,
    Http,
    HttpOptions,
    Pool,
    require_certificate,
)
from reconciler.domain.http_reply import Answer, Loss, NoAnswer
from reconciler.domain.secret import Secret
from tests.support.fakes import FakeClock
from tests.support.faultserver import FaultServer, Script, in_turn, reply, serving
from tests.support.token_world import token, tokens
from tests.support.transport_world import (
    ANY,
    ask,
    asking_context,
    client_certificate,
    pem_of,
    server_context,
)
from tests.support.tunnels import tunnelling

NOW = datetime.now(UTC)
VERSIONS = (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3)


def issued(authority: trustme.CA, folder: Path, name: str) -> ClientCertificate:
    leaf = authority.issue_cert("client.example.com", common_name=name)
    return client_certificate(folder / f"{name}.pem", pem_of(leaf))


@pytest.fixture
def acme(authority: trustme.CA, tmp_path: Path) -> ClientCertificate:
    return issued(authority, tmp_path, "acme")


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_server_that_demands_a_certificate_is_shown_it(
    authority: trustme.CA,
    ca_bundle: Path,
    acme: ClientCertificate,
    version: ssl.TLSVersion,
    method: str,
) -> None:
    context = asking_context(authority, "127.0.0.1")
    context.minimum_version = context.maximum_version = version
    with serving(in_turn(reply()), context) as server:
        options = HttpOptions(ca_bundle=ca_bundle, certificate=acme, deadline=5)
        answer = ask(server, method, options=options)

    assert isinstance(answer, Answer)
    assert [request.client for request in server.requests] == ["acme"]


def test_a_server_that_asks_after_it_has_seen_the_request_is_shown_it(
    authority: trustme.CA, ca_bundle: Path, acme: ClientCertificate
) -> None:
    """As servers do that demand a certificate for some paths alone (RFC 8446 section 4.6.2)."""
    context = asking_context(authority, "127.0.0.1")
    context.post_handshake_auth = True
    context.minimum_version = ssl.TLSVersion.TLSv1_3

    class Late(FaultServer):
        def _play(self, connection: socket.socket, script: Script) -> bool:
            assert isinstance(connection, ssl.SSLSocket)
            if not connection.getpeercert():
                connection.verify_client_post_handshake()
            return super()._play(connection, script)

    server = Late(in_turn(reply()), context)
    try:
        options = HttpOptions(ca_bundle=ca_bundle, certificate=acme, deadline=5)
        with Http(options, methods=ANY) as http:
            answers = [http.send("GET", server.url(), headers={}) for _ in range(2)]
    finally:
        server.close()

    assert all(isinstance(answer, Answer) for answer in answers)
    assert [request.client for request in server.requests] == [None, "acme"]
    assert server.connections == 1


def test_connections_are_not_shared_between_identities(
    authority: trustme.CA, ca_bundle: Path, acme: ClientCertificate, tmp_path: Path
) -> None:
    beta = issued(authority, tmp_path, "beta")
    again = ClientCertificate(file=acme.file, pem=Secret(acme.pem.reveal()))
    context = asking_context(authority, "127.0.0.1", mode=ssl.CERT_OPTIONAL)
    pool = Pool()
    with serving(in_turn(reply()), context) as server:
        for certificate in (acme, beta, None, again, beta, None):
            options = HttpOptions(
                ca_bundle=ca_bundle, certificate=certificate, pool=pool, deadline=5
            )
            with Http(options, methods=ANY) as http:
                http.send("GET", server.url(), headers={})
        pool.close()

    names = ["acme", "beta", None]
    assert [request.client for request in server.requests] == names * 2
    assert server.connections == 3


def test_a_proxy_is_shown_no_certificate(
    authority: trustme.CA, ca_bundle: Path, acme: ClientCertificate
) -> None:
    far = asking_context(authority, "scim.example.com")
    near = asking_context(authority, "127.0.0.1", mode=ssl.CERT_OPTIONAL)
    with serving(in_turn(reply()), far) as server, tunnelling(server.port, near) as tunnels:
        options = HttpOptions(
            proxy=f"https://127.0.0.1:{tunnels.port}",
            ca_bundle=ca_bundle,
            certificate=acme,
            deadline=5,
        )
        with Http(options, methods=ANY) as http:
            answer = http.send("GET", "https://scim.example.com/", headers={})

    assert isinstance(answer, Answer)
    assert [request.client for request in server.requests] == ["acme"]
    assert tunnels.certificates in ([None], [{}])


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize("flaw", ["expired", "of another authority"])
def test_a_certificate_that_the_server_does_not_accept_is_named(
    authority: trustme.CA,
    ca_bundle: Path,
    tmp_path: Path,
    version: ssl.TLSVersion,
    method: str,
    flaw: str,
) -> None:
    begins, ends = NOW - timedelta(days=9), NOW - timedelta(days=2)
    leaf = (
        authority.issue_cert("c.example.com", not_before=begins, not_after=ends)
        if flaw == "expired"
        else trustme.CA().issue_cert("c.example.com")
    )
    certificate = client_certificate(tmp_path / "bad.pem", pem_of(leaf))
    context = asking_context(authority, "127.0.0.1")
    context.minimum_version = context.maximum_version = version
    with serving(in_turn(reply()), context) as server:
        options = HttpOptions(ca_bundle=ca_bundle, certificate=certificate, deadline=5)
        answer = ask(server, method, options=options)

    assert isinstance(answer, NoAnswer)
    assert answer.loss is Loss.UNTRUSTED
    assert answer.reason == "the server does not accept our client certificate"
    assert "spec.auth.certificate" in str(answer.advice)
    assert server.requests == []


def encrypted(leaf: trustme.LeafCert, form: PrivateFormat) -> str:
    key = load_pem_private_key(leaf.private_key_pem.bytes(), None)
    sealed = key.private_bytes(Encoding.PEM, form, BestAvailableEncryption(b"hunter2"))
    return (leaf.cert_chain_pems[0].bytes() + sealed).decode()


def unfit_texts(authority: trustme.CA) -> dict[str, tuple[str, str]]:
    """Files that are no client certificate, and a part of the message for each."""
    leaf, other = (authority.issue_cert(f"{name}.example.com") for name in "ab")
    certificate, key = (
        leaf.cert_chain_pems[0].bytes().decode(),
        leaf.private_key_pem.bytes().decode(),
    )
    theirs, root = other.private_key_pem.bytes().decode(), authority.cert_pem.bytes().decode()
    broken = certificate[:100] + "c4n4ry" + certificate[106:]
    return {
        "certificate alone": (certificate, "holds no private key"),
        "key alone": (key, "holds no certificate"),
        "no PEM": ("hunter2", "holds no certificate"),
        "request": (
            "-----BEGIN CERTIFICATE REQUEST-----\nMIIB\n-----END CERTIFICATE REQUEST-----\n" + key,
            "holds no certificate",
        ),
        "key of another": (certificate + theirs, "is not that of the client certificate"),
        "authority first": (root + certificate + key, "is not that of the client certificate"),
        "damaged certificate": (broken + key, "damaged"),
        "damaged key": (certificate + key.replace("\n", "\n!", 2), "damaged"),
        "passphrase, PKCS 8": (encrypted(leaf, PrivateFormat.PKCS8), "has a passphrase"),
        "passphrase, OpenSSL": (
            encrypted(leaf, PrivateFormat.TraditionalOpenSSL),
            "has a passphrase",
        ),
    }


UNFIT = tuple(unfit_texts(trustme.CA()))


@pytest.mark.parametrize("unfit", UNFIT)
def test_a_file_that_is_no_client_certificate_is_refused_and_not_repeated(
    authority: trustme.CA, tmp_path: Path, unfit: str
) -> None:
    text, expected = unfit_texts(authority)[unfit]
    certificate = client_certificate(tmp_path / "unfit.pem", text)

    with pytest.raises(CertificateUnusable, match=expected) as caught:
        require_certificate(certificate)

    assert not any(line in str(caught.value) for line in text.splitlines() if line)
    assert "c4n4ry" not in f"{caught.value!r} {certificate!r}"


@pytest.mark.parametrize("order", ["certificate first", "key first"])
def test_key_and_certificate_come_in_either_order_with_other_text_around(
    authority: trustme.CA, tmp_path: Path, order: str
) -> None:
    leaf = authority.issue_cert("a.example.com")
    key, certificate = (
        leaf.private_key_pem.bytes().decode(),
        leaf.cert_chain_pems[0].bytes().decode(),
    )
    parts = (certificate, key) if order == "certificate first" else (key, certificate)
    text = "Bag Attributes\n    friendlyName: acme\n" + "\r\n".join(parts).replace("\n", "\r\n")

    require_certificate(client_certificate(tmp_path / "fit.pem", text))


def test_a_file_that_is_gone_when_a_connection_is_made_sends_nothing(
    authority: trustme.CA, ca_bundle: Path, acme: ClientCertificate
) -> None:
    acme.file.unlink()
    with serving(in_turn(reply()), server_context(authority, "127.0.0.1")) as server:
        options = HttpOptions(ca_bundle=ca_bundle, certificate=acme, deadline=5)
        answer = ask(server, "POST", options=options)

    assert isinstance(answer, NoAnswer)
    assert answer.loss is Loss.UNTRUSTED
    assert "the client certificate cannot be read" in answer.reason
    assert answer.advice == "check spec.auth.certificate"


def test_the_validity_is_that_of_the_first_certificate(
    authority: trustme.CA, tmp_path: Path
) -> None:
    ends = (NOW + timedelta(days=7)).replace(microsecond=0)
    leaf = authority.issue_cert("a.example.com", not_after=ends)
    root = authority.cert_pem.bytes().decode()
    found = validity(client_certificate(tmp_path / "a.pem", pem_of(leaf) + root))

    assert found is not None
    assert found.ends == ends
    assert found.begins < NOW


# --- the token endpoint --------------------------------------------------------------------


def client(server: FaultServer, certificate: ClientCertificate) -> CertifiedClient:
    return CertifiedClient(
        token_url=server.url("/token"), client_id=Secret("me"), certificate=certificate
    )


def test_a_client_is_identified_by_its_certificate_alone(
    authority: trustme.CA, ca_bundle: Path, acme: ClientCertificate
) -> None:
    with serving(in_turn(token()), asking_context(authority, "127.0.0.1")) as server:
        shared = tokens(FakeClock(), ca_bundle=ca_bundle)
        assert shared.of(client(server, acme)).current().reveal() == "t0k3n"

    [request] = server.requests
    assert request.client == "acme"
    assert request.body == b"grant_type=client_credentials&client_id=me"
    assert "authorization" not in request.headers


def test_a_client_with_a_secret_shows_its_certificate_as_well(
    authority: trustme.CA, ca_bundle: Path, acme: ClientCertificate
) -> None:
    with serving(in_turn(token()), asking_context(authority, "127.0.0.1")) as server:
        whom = ClientCredentials(
            token_url=server.url("/token"),
            client_id=Secret("me"),
            client_secret=Secret("s3cret"),
            certificate=acme,
        )
        tokens(FakeClock(), ca_bundle=ca_bundle).of(whom).current()

    [request] = server.requests
    assert request.client == "acme"
    assert b"client_secret=s3cret" in request.body


def test_tokens_are_not_shared_between_certificates(
    authority: trustme.CA, ca_bundle: Path, acme: ClientCertificate, tmp_path: Path
) -> None:
    beta = issued(authority, tmp_path, "beta")
    with serving(in_turn(token()), asking_context(authority, "127.0.0.1")) as server:
        shared = tokens(FakeClock(), ca_bundle=ca_bundle)
        for certificate in (acme, beta, acme):
            shared.of(client(server, certificate)).current()

    assert [request.client for request in server.requests] == ["acme", "beta"]
