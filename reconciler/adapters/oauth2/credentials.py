"""The kinds of credentials, and their form in a header."""

from base64 import b64encode
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import assert_never
from urllib.parse import quote_plus

from reconciler.adapters.transport import ClientCertificate
from reconciler.domain.manifest import ClientAuth
from reconciler.domain.redaction import Redaction
from reconciler.domain.secret import Secret


@dataclass(frozen=True, slots=True, kw_only=True)
class Client:
    """A client of a token endpoint, and what it asks for (RFC 6749 section 4.4).

    With a certificate its tokens may be bound to it (RFC 8705 section 3).
    """

    token_url: str
    client_id: Secret
    scopes: tuple[str, ...] = ()
    parameters: tuple[tuple[str, str], ...] = ()
    certificate: ClientCertificate | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CertifiedClient(Client):
    """A client that its certificate alone identifies (RFC 8705 section 2)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientCredentials(Client):
    """A client with a secret, and how that travels."""

    client_secret: Secret
    client_auth: ClientAuth = ClientAuth.POST


@dataclass(frozen=True, slots=True, kw_only=True)
class SigningClient(Client):
    """A client with a private key in PEM form (RFC 7523); no audience means the token URL."""

    private_key: Secret
    key_id: str | None = None
    audience: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class HeaderToken:
    """A token that somebody else renews, behind the scheme of its header."""

    token: Secret
    scheme: str = "Bearer"


@dataclass(frozen=True, slots=True, kw_only=True)
class BasicCredentials:
    """A user name and a password, RFC 7617."""

    username: Secret
    password: Secret


@dataclass(frozen=True, slots=True)
class Anonymous:
    """No credentials at all."""


TokenClient = ClientCredentials | SigningClient | CertifiedClient
Credentials = TokenClient | HeaderToken | BasicCredentials | Anonymous

Tell = Callable[[Secret], None]
"""Hears of each secret that is made here, before it is used."""


def redaction(credentials: Credentials, tokens: Iterable[Secret] = ()) -> Redaction:
    """The means to take credentials, and tokens that came of them, out of text from outside."""
    match credentials:
        case ClientCredentials(client_id=client_id, client_secret=client_secret):
            # RFC 6749 section 2.3.1: for Basic each is form-encoded before they are joined
            encoded = quote_plus(client_id.reveal()), quote_plus(client_secret.reveal())
            pairs = _pair(client_id.reveal(), client_secret.reveal()), _pair(*encoded)
            return Redaction((client_secret, *pairs[0], *pairs[1], *tokens), (client_id,))
        case SigningClient(client_id=client_id, private_key=key):
            return Redaction((key, *tokens), (client_id,))
        case CertifiedClient(client_id=client_id):
            return Redaction(tuple(tokens), (client_id,))
        case HeaderToken(token=token):
            return Redaction((token,))
        case BasicCredentials(username=username, password=password):
            pair = _pair(username.reveal(), password.reveal())
            return Redaction((password, *pair), (username,))
        case Anonymous():
            return Redaction()
        case _:
            assert_never(credentials)


def basic(user: str, password: str, tell: Tell) -> str:
    """The value of Authorization for a user and a password, RFC 7617."""
    _, pair = _pair(user, password)
    tell(pair)
    return f"Basic {pair.reveal()}"


def _pair(user: str, password: str) -> tuple[Secret, Secret]:
    """Both as they are joined, and in Base64 as they travel."""
    pair = f"{user}:{password}"
    return Secret(pair), Secret(b64encode(pair.encode()).decode("ascii"))
