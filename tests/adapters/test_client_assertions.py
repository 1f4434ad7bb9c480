"""Client assertions: checked as an issuer does, and keys that cannot sign them."""

from collections.abc import Callable
from dataclasses import replace
from urllib.parse import parse_qsl

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    KeySerializationEncryption,
    NoEncryption,
    PrivateFormat,
)

from reconciler.adapters.oauth2 import SigningClient
from reconciler.adapters.oauth2.assertions import require_signing_key
from reconciler.domain.secret import Secret
from reconciler.errors import CredentialsRefused, UsageError
from tests.support.fakes import FakeClock
from tests.support.faultserver import Received, in_turn, json_reply, reply, serving
from tests.support.token_world import authenticating, token

RSA = rsa.generate_private_key(public_exponent=65537, key_size=2048)
EC = ec.generate_private_key(ec.SECP256R1())
PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey


def pem(
    key: PrivateKey,
    form: PrivateFormat = PrivateFormat.PKCS8,
    encryption: KeySerializationEncryption | None = None,
) -> Secret:
    text = key.private_bytes(Encoding.PEM, form, encryption or NoEncryption())
    return Secret(text.decode())


def client(url: str, key: Secret) -> SigningClient:
    return SigningClient(token_url=url, client_id=Secret("me & you"), private_key=key)


def sent_by(request: Received) -> dict[str, str]:
    return dict(parse_qsl(request.body.decode()))


@pytest.mark.parametrize(
    ("key", "algorithm", "form"),
    [
        (RSA, "RS256", PrivateFormat.PKCS8),
        (RSA, "RS256", PrivateFormat.TraditionalOpenSSL),
        (EC, "ES256", PrivateFormat.PKCS8),
        (EC, "ES256", PrivateFormat.TraditionalOpenSSL),
    ],
)
def test_an_assertion_is_what_rfc_7523_asks_for(
    key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey, algorithm: str, form: PrivateFormat
) -> None:
    masked: list[Secret] = []
    with serving(in_turn(token())) as server:
        whom = replace(client(server.url("/token"), pem(key, form)), scopes=("scim",), key_id="k1")
        with authenticating(whom, FakeClock(), masked.append) as authenticator:
            assert authenticator.header() == "Bearer t0k3n"
        [request] = server.requests

    sent = sent_by(request)
    signed = sent["client_assertion"]
    claims = jwt.decode(
        signed,
        key.public_key(),
        algorithms=[algorithm],
        audience=whom.token_url,
        options={"verify_exp": False, "verify_iat": False, "require": ["exp", "iat", "jti"]},
    )
    assert sent["client_assertion_type"] == (
        "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
    )
    assert (sent["client_id"], sent["scope"]) == ("me & you", "scim")
    assert "client_secret" not in sent
    assert (claims["iss"], claims["sub"]) == ("me & you", "me & you")
    assert claims["exp"] - claims["iat"] == 60
    assert claims["iat"] == int(FakeClock().now().timestamp())
    assert jwt.get_unverified_header(signed) == {"alg": algorithm, "kid": "k1", "typ": "JWT"}
    assert Secret(signed) in masked


def test_the_audience_is_the_one_that_the_manifest_names() -> None:
    with serving(in_turn(token())) as server:
        whom = replace(client(server.url(), pem(EC)), audience="https://issuer.example.com/")
        with authenticating(whom) as authenticator:
            authenticator.header()
        [request] = server.requests

    claims = jwt.decode(sent_by(request)["client_assertion"], options={"verify_signature": False})
    assert claims["aud"] == "https://issuer.example.com/"


def test_each_try_has_an_assertion_of_its_own() -> None:
    with serving(in_turn(reply(503), token())) as server:
        with authenticating(client(server.url(), pem(EC))) as authenticator:
            authenticator.header()
        first, second = (
            jwt.decode(sent_by(each)["client_assertion"], options={"verify_signature": False})
            for each in server.requests
        )

    assert first["jti"] != second["jti"]


def test_a_refused_assertion_is_refused_credentials_and_shows_nothing() -> None:
    key = pem(EC)
    with serving(in_turn(json_reply({"error": "invalid_client"}, 401))) as server:
        with authenticating(client(server.url(), key)) as authenticator:
            with pytest.raises(
                CredentialsRefused, match="its secret, key or certificate"
            ) as caught:
                authenticator.header()

    assert key.reveal() not in f"{caught.value!r} {authenticator!r}"


UNFIT: dict[str, Callable[[], Secret]] = {
    "no PEM": lambda: Secret("hunter2"),
    "a certificate": lambda: Secret("-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----"),
    "a short key": lambda: pem(rsa.generate_private_key(public_exponent=65537, key_size=1024)),
    "another curve": lambda: pem(ec.generate_private_key(ec.SECP384R1())),
    "another kind": lambda: pem(ed25519.Ed25519PrivateKey.generate()),
    "with a passphrase": lambda: pem(EC, encryption=BestAvailableEncryption(b"hunter2")),
}


@pytest.mark.parametrize("unfit", UNFIT)
def test_a_key_that_cannot_sign_is_an_error_that_names_its_place(unfit: str) -> None:
    key = UNFIT[unfit]()

    with pytest.raises(UsageError, match=r"^t\.yaml:9: file key: ") as caught:
        require_signing_key(key, named="t.yaml:9: file key")

    assert "hunter2" not in str(caught.value)
    assert key.reveal() not in str(caught.value)
