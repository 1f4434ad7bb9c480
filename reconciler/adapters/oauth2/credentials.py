"""Who we are to a tenant: the kinds of credentials, and how they stand in a header."""

from base64 import b64encode
from collections.abc import Callable
from dataclasses import dataclass

from reconciler.domain.manifest import ClientAuth
from reconciler.domain.secret import Secret


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientCredentials:
    """OAuth2 client credentials, and how they travel to the token endpoint."""

    token_url: str
    client_id: Secret
    client_secret: Secret
    scopes: tuple[str, ...] = ()
    client_auth: ClientAuth = ClientAuth.POST


@dataclass(frozen=True, slots=True, kw_only=True)
class BearerToken:
    """A token that somebody else renews."""

    token: Secret


@dataclass(frozen=True, slots=True, kw_only=True)
class BasicCredentials:
    """A user name and a password, RFC 7617."""

    username: Secret
    password: Secret


@dataclass(frozen=True, slots=True)
class Anonymous:
    """No credentials at all."""


Credentials = ClientCredentials | BearerToken | BasicCredentials | Anonymous

Tell = Callable[[Secret], None]
"""Hears of each secret that is made here, before it is used."""


def basic(user: str, password: str, tell: Tell) -> str:
    """The value of Authorization for a user and a password, RFC 7617."""
    pair = b64encode(f"{user}:{password}".encode()).decode("ascii")
    tell(Secret(pair))
    return f"Basic {pair}"
