"""Client assertions: a JWT that a private key signs, in place of a client secret (RFC 7523)."""

from datetime import datetime, timedelta
from functools import cache
from typing import TYPE_CHECKING

from reconciler.adapters.oauth2.credentials import SigningClient
from reconciler.domain.secret import Secret
from reconciler.errors import UsageError

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

    Key = RSAPrivateKey | EllipticCurvePrivateKey

ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
_LIFE = timedelta(seconds=60)
_FEWEST_BITS = 2048  # of an RSA key, RFC 7518 section 3.3


def require_signing_key(pem: Secret, *, named: str) -> None:
    """Raise UsageError where the PEM text is no key that we can sign with; it is not repeated."""
    try:
        _key_of(pem)
    except ValueError as error:
        raise UsageError(f"{named}: {error}") from error


def assertion(client: SigningClient, *, now: datetime, jwt_id: str) -> Secret:
    """A new assertion, valid for a minute; no two have one id, for an issuer takes each once."""
    import jwt

    key, algorithm = _key_of(client.private_key)
    client_id = client.client_id.reveal()
    claims = {
        "iss": client_id,
        "sub": client_id,
        "aud": client.audience or client.token_url,
        "jti": jwt_id,
        "iat": int(now.timestamp()),
        "exp": int((now + _LIFE).timestamp()),
    }
    headers = {"kid": client.key_id} if client.key_id else None
    return Secret(jwt.encode(claims, key, algorithm=algorithm, headers=headers))


@cache  # a check of an RSA key takes 36 ms, of one with 4096 bits 250, and fleets share keys
def _key_of(pem: Secret) -> "tuple[Key, str]":
    """The key, and the algorithm that goes with it (RFC 7518 section 3.1). Raises ValueError."""
    try:
        from cryptography.exceptions import UnsupportedAlgorithm
        from cryptography.hazmat.primitives.asymmetric.ec import (
            SECP256R1,
            EllipticCurvePrivateKey,
        )
        from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
        from cryptography.hazmat.primitives.serialization import load_pem_private_key
    except ImportError as error:
        from reconciler.installation import Extra, way_to

        needed = f"clientAuth: private-key-jwt needs the extra {Extra.JWT}"
        raise UsageError(f"{needed}; {way_to(Extra.JWT)}") from error
    try:
        key = load_pem_private_key(pem.reveal().encode(), password=None)
    except TypeError as error:
        raise ValueError("the private key has a passphrase; give it without one") from error
    except (ValueError, UnsupportedAlgorithm) as error:
        raise ValueError("that is no private key in PEM form (PKCS 8 or PKCS 1)") from error
    if isinstance(key, RSAPrivateKey) and key.key_size >= _FEWEST_BITS:
        return key, "RS256"
    if isinstance(key, EllipticCurvePrivateKey) and isinstance(key.curve, SECP256R1):
        return key, "ES256"
    raise ValueError(
        f"the private key must be of RSA with {_FEWEST_BITS} bits or more (RS256), or of the curve "
        "P-256 (ES256)"
    )
