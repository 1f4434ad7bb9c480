"""OAuth 2.0 client credentials (RFC 6749 section 4.4), a token in a header, Basic, or nothing."""

from reconciler.adapters.oauth2.authenticator import Authenticator
from reconciler.adapters.oauth2.credentials import (
    Anonymous,
    BasicCredentials,
    CertifiedClient,
    ClientCredentials,
    Credentials,
    HeaderToken,
    SigningClient,
)
from reconciler.adapters.oauth2.tokens import Tokens

__all__ = [
    "Anonymous",
    "Authenticator",
    "BasicCredentials",
    "CertifiedClient",
    "ClientCredentials",
    "Credentials",
    "HeaderToken",
    "SigningClient",
    "Tokens",
]
