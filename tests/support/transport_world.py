"""One request of a transport to a fault server, and the certificates of both ends."""

import ssl
from pathlib import Path

import pytest
import trustme

from reconciler.adapters.transport import ClientCertificate, Http, HttpOptions
from reconciler.domain.http_reply import Reply
from reconciler.domain.secret import Secret
from tests.support.faultserver import FaultServer

SHORT = 0.5
ANY = frozenset({"GET", "POST", "PUT"})


def ask(
    server: FaultServer, method: str = "GET", path: str = "/", *, options: HttpOptions | None = None
) -> Reply:
    with Http(options or HttpOptions(deadline=5), methods=ANY) as http:
        body = b"{}" if method != "GET" else None
        return http.send(method, server.url(path), headers={"X-Canary": "c4n4ry"}, body=body)


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def ca_bundle(authority: trustme.CA, tmp_path: Path) -> Path:
    path = tmp_path / "authority.pem"
    authority.cert_pem.write_to_path(path)
    return path


def server_context(authority: trustme.CA, *names: str) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(*names).configure_cert(context)
    return context


def asking_context(
    authority: trustme.CA, *names: str, mode: ssl.VerifyMode = ssl.CERT_REQUIRED
) -> ssl.SSLContext:
    """Of a server that asks for a client certificate."""
    context = server_context(authority, *names)
    context.verify_mode = mode
    authority.configure_trust(context)
    return context


def pem_of(leaf: trustme.LeafCert) -> str:
    parts = (*leaf.cert_chain_pems, leaf.private_key_pem)
    return b"".join(part.bytes() for part in parts).decode()


def client_certificate(file: Path, text: str) -> ClientCertificate:
    file.write_text(text)
    return ClientCertificate(file=file, pem=Secret(text))
