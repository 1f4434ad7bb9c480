"""Advice on the certificates of both ends and on their authorities, followed."""

import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import trustme
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    load_pem_private_key,
    pkcs12,
)
from cryptography.x509 import load_pem_x509_certificate

from tests.support.advice import Bench, Row, Step, assert_helps, auth, both
from tests.support.faultserver import in_turn, reply
from tests.support.transport_world import asking_context, pem_of, server_context

ROOT = trustme.CA()
BETWEEN = ROOT.create_child_ca()
STRANGER = trustme.CA()
LONG_AGO = datetime.now(UTC) - timedelta(days=400)
YESTERDAY = datetime.now(UTC) - timedelta(days=1)
HOST = "127.0.0.1"


# ------------------------------------------------------------------- what servers show


def behind(context: ssl.SSLContext) -> Step:
    """The same service behind TLS."""
    return lambda b: b.spec.update(baseUrl=b.serve(b.handle, context).url("/scim/v2"))


def shown(leaf: trustme.LeafCert, *chain: trustme.Blob) -> ssl.SSLContext:
    """A server that shows of a chain what is given, not what belongs to it."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    parts = (leaf.private_key_pem, leaf.cert_chain_pems[0], *chain)
    with trustme.Blob(b"".join(part.bytes() for part in parts)).tempfile() as file:
        context.load_cert_chain(file)
    return context


def bundle(text: str | bytes) -> Step:
    return lambda b: b.folder.write("authorities.pem", "").write_bytes(
        text if isinstance(text, bytes) else text.encode()
    )


def text_of(*authorities: trustme.CA) -> bytes:
    return b"".join(authority.cert_pem.bytes() for authority in authorities)


def believing(*authorities: trustme.CA) -> Step:
    def begin(b: Bench) -> None:
        bundle(text_of(*authorities))(b)
        if not b.options:
            b.options += ["--ca-bundle", "authorities.pem"]

    return begin


def expired(b: Bench) -> None:
    leaf = ROOT.issue_cert(HOST, not_before=LONG_AGO, not_after=YESTERDAY)
    both(believing(ROOT), behind(shown(leaf)))(b)


def alone(b: Bench) -> None:
    """A server that sends no certificate but its own, which is not of the root."""
    behind(shown(BETWEEN.issue_cert(HOST)))(b)


def at_localhost(b: Bench) -> None:
    b.spec["baseUrl"] = b.spec["baseUrl"].replace(HOST, "localhost")


def hr_behind(b: Bench) -> None:
    """A receiver whose authority nobody knows, for what an apply has left to it."""
    hr = b.serve(in_turn(reply(204)), server_context(ROOT, HOST))
    b.with_webhook(hr.url("/sync"))
    b.applied()


AUTHORITY = "name the certificate of its authority with --ca-bundle FILE, if you trust it"
CHAIN = "or have the server send all certificates between the two"
RENEW = "those who run it have to renew it, no option helps"
BUNDLE = "--ca-bundle wants a file of PEM certificates"
SERVERS = {
    "an unknown authority": Row(behind(server_context(ROOT, HOST)), AUTHORITY, believing(ROOT)),
    "an authority that another vouches for": Row(alone, AUTHORITY, believing(BETWEEN)),
    "an authority beside another": Row(
        both(believing(STRANGER), behind(server_context(ROOT, HOST))),
        AUTHORITY,
        believing(STRANGER, ROOT),
    ),
    "a certificate that is not sent": Row(
        both(believing(ROOT), alone), CHAIN, behind(server_context(BETWEEN, HOST))
    ),
    "another host": Row(
        both(believing(ROOT), behind(server_context(ROOT, "localhost"))),
        "check the host of the URL: it has to be a name that is in the certificate",
        at_localhost,
    ),
    "an old certificate": Row(expired, RENEW, behind(server_context(ROOT, HOST))),
    "no file of authorities": Row(
        both(
            behind(server_context(ROOT, HOST)),
            believing(ROOT),
            lambda b: (b.folder.path / "authorities.pem").unlink(),
        ),
        BUNDLE,
        bundle(text_of(ROOT)),
    ),
    "a file without authorities": Row(
        both(behind(server_context(ROOT, HOST)), believing(), bundle("none\n")),
        BUNDLE,
        bundle(text_of(ROOT)),
    ),
    "an authority in another form": Row(
        both(
            behind(server_context(ROOT, HOST)),
            believing(),
            bundle(ssl.PEM_cert_to_DER_cert(text_of(ROOT).decode())),
        ),
        BUNDLE,
        bundle(text_of(ROOT)),
    ),
    "an authority of HR": Row(hr_behind, AUTHORITY, believing(ROOT), "1 delivered"),
}


# ------------------------------------------------------------------- what is shown to them


def demanding(b: Bench) -> None:
    """A service that takes only whom its authority vouches for."""
    both(behind(asking_context(ROOT, HOST)), believing(ROOT))(b)
    b.options += ["--secrets-dir", "secrets"]


def showing(text: str | bytes) -> Step:
    def begin(b: Bench) -> None:
        b.folder.write("secrets/acme.pem", "").write_bytes(
            text if isinstance(text, bytes) else text.encode()
        )
        auth(certificate={"file": "acme.pem"})(b)

    return begin


def shows(text: str | bytes) -> Step:
    return both(demanding, showing(text))


LEAF = ROOT.issue_cert("acme.example.com", common_name="acme")
WHOLE = pem_of(LEAF)
CERTIFICATE = LEAF.cert_chain_pems[0].bytes().decode()
KEY = LEAF.private_key_pem.bytes().decode()
OLD = ROOT.issue_cert("acme.example.com", not_before=LONG_AGO, not_after=YESTERDAY)
DEEP = BETWEEN.issue_cert("acme.example.com")
SHORT = "".join(part.bytes().decode() for part in (DEEP.cert_chain_pems[0], DEEP.private_key_pem))


def locked_by(password: bytes) -> str:
    key = load_pem_private_key(LEAF.private_key_pem.bytes(), None)
    sealed = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(password))
    return CERTIFICATE + sealed.decode()


def pkcs12_of(password: bytes) -> bytes:
    key = load_pem_private_key(LEAF.private_key_pem.bytes(), None)
    assert isinstance(key, EllipticCurvePrivateKey)
    certificate = load_pem_x509_certificate(LEAF.cert_chain_pems[0].bytes())
    form = BestAvailableEncryption(password)
    return pkcs12.serialize_key_and_certificates(b"acme", key, certificate, None, form)


def a_folder(b: Bench) -> None:
    shows(WHOLE)(b)
    (b.folder.path / "secrets/acme.pem").unlink()
    (b.folder.path / "secrets/acme.pem").mkdir()


def not_a_folder(b: Bench) -> None:
    (b.folder.path / "secrets/acme.pem").rmdir()
    showing(WHOLE)(b)


def named_otherwise(b: Bench) -> None:
    shows(WHOLE)(b)
    auth(certificate={"file": "acme.crt"})(b)


REFUSED = "check spec.auth.certificate: it may have expired, be of another authority"
CLIENTS = {
    "no certificate": Row(
        both(demanding, lambda b: b.folder.write("secrets/acme.pem", WHOLE)),
        "spec.auth.certificate names one, for a tenant",
        auth(certificate={"file": "acme.pem"}),
    ),
    "an old one": Row(
        shows(pem_of(OLD)), "renew it, or compare the clock of this machine", showing(WHOLE)
    ),
    "that of another authority": Row(
        shows(pem_of(STRANGER.issue_cert("acme.example.com"))), REFUSED, showing(WHOLE)
    ),
    "one that is missing between": Row(
        shows(SHORT), "or lack a certificate between the two", showing(pem_of(DEEP))
    ),
    "no key": Row(shows(CERTIFICATE), "holds no private key; it wants", showing(WHOLE)),
    "a key alone": Row(shows(KEY), "holds no certificate; it wants", showing(WHOLE)),
    "the key of another": Row(
        shows(CERTIFICATE + OLD.private_key_pem.bytes().decode()),
        "the private key is not that of the client certificate",
        showing(WHOLE),
    ),
    "that of its authority first": Row(
        shows(ROOT.cert_pem.bytes().decode() + WHOLE),
        "which comes first in its file, before those of its authorities",
        showing(WHOLE + ROOT.cert_pem.bytes().decode()),
    ),
    "a passphrase": Row(
        shows(locked_by(b"hunter2")), "has a passphrase; give it without one", showing(WHOLE)
    ),
    "a damaged one": Row(
        shows(WHOLE.replace("M", "N", 9)), "is damaged, or too weak for TLS", showing(WHOLE)
    ),
    "one of Windows": Row(
        shows(pkcs12_of(b"hunter2")),
        "is no text in UTF-8; save it as such, keys and certificates in PEM form",
        showing(WHOLE),
    ),
    "one in another form": Row(
        shows(ssl.PEM_cert_to_DER_cert(CERTIFICATE)),
        "is no text in UTF-8; save it as such, keys and certificates in PEM form",
        showing(WHOLE),
    ),
    "no file": Row(
        named_otherwise, "there is no file acme.crt below", auth(certificate={"file": "acme.pem"})
    ),
    "a folder": Row(a_folder, "there is no file acme.pem below", not_a_folder),
}


@pytest.mark.parametrize("row", SERVERS.values(), ids=SERVERS)
def test_advice_on_what_a_server_shows_helps(row: Row, tmp_path: Path) -> None:
    assert_helps(row, tmp_path)


@pytest.mark.parametrize("row", CLIENTS.values(), ids=CLIENTS)
def test_advice_on_what_a_server_is_shown_helps(row: Row, tmp_path: Path) -> None:
    assert_helps(row, tmp_path)
