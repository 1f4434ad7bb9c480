"""The token endpoint: OAuth2 client credentials (RFC 6749 section 4.4), and who holds a token."""

import hashlib
import hmac
import secrets
from base64 import b64decode
from collections.abc import Callable
from datetime import datetime
from urllib.parse import parse_qs, unquote_plus

from reconciler.domain.jsontext import Json
from reconciler.embedded.faults import FaultBox
from reconciler.embedded.store import DevCredentials, EmbeddedStore
from reconciler.embedded.wire import Refused, Reply, Request, as_json, not_allowed


class OAuth:
    """Issues bearer tokens, of which the store keeps only the SHA-256, and recognises them."""

    def __init__(
        self,
        store: EmbeddedStore,
        credentials: DevCredentials,
        faults: FaultBox,
        clock: Callable[[], datetime],
    ) -> None:
        self._store = store
        self._credentials = credentials
        self._faults = faults
        self._clock = clock

    def token(self, request: Request) -> Reply:
        """Answer `POST /oauth/token`; errors are those of RFC 6749 section 5.2."""
        if request.method != "POST":
            raise not_allowed(request, "POST")
        form = parse_qs(request.body.decode("latin-1"), keep_blank_values=True)
        grants = form.get("grant_type", [])
        if len(grants) != 1:
            return _error(400, "invalid_request", "one grant_type, please, in a form body")
        if grants != ["client_credentials"]:
            return _error(400, "unsupported_grant_type", "only client_credentials is supported")
        known = (self._credentials.client_id.reveal(), self._credentials.client_secret.reveal())
        given = _client(request, form)
        if not hmac.compare_digest(repr(given).encode(), repr(known).encode()):
            return _error(401, "invalid_client", "the client id or secret is wrong")
        token = secrets.token_urlsafe(32)
        now = self._clock().timestamp()
        lifetime = self._faults.current.token_lifetime
        self._store.add_token(_digest(token), expires=now + lifetime, now=now)
        answer: Json = {"access_token": token, "token_type": "Bearer", "expires_in": lifetime}
        return as_json(200, answer, {"Cache-Control": "no-store"})

    def authenticate(self, request: Request) -> None:
        """Refuse with 401 whoever brings no token that lives."""
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not token.strip():
            raise Refused(401, "an access token is needed", headers=challenge())
        if not self._store.knows_token(_digest(token), now=self._clock().timestamp()):
            raise Refused(
                401, "the access token is wrong or expired", headers=challenge("invalid_token")
            )


def challenge(error: str | None = None, *, scope: str | None = None) -> dict[str, str]:
    """The header of a refusal; who sends no token is given no error (RFC 6750 section 3.1)."""
    values = {"realm": "SCIM", "error": error, "scope": scope}
    given = ", ".join(f'{name}="{value}"' for name, value in values.items() if value is not None)
    return {"WWW-Authenticate": f"Bearer {given}"}


def _client(request: Request, form: dict[str, list[str]]) -> tuple[str, str]:
    """Client id and secret, from the Basic header or the form; empty where there are none."""
    scheme, _, encoded = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "basic":
        return form.get("client_id", [""])[0], form.get("client_secret", [""])[0]
    try:
        decoded = b64decode(encoded, validate=True).decode()
    except ValueError:  # no base64, or no UTF-8
        return "", ""
    client_id, _, client_secret = decoded.partition(":")
    return unquote_plus(client_id), unquote_plus(client_secret)  # RFC 6749 section 2.3.1


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


def _error(status: int, error: str, description: str) -> Reply:
    headers = {"WWW-Authenticate": 'Basic realm="token"'} if status == 401 else {}
    return as_json(status, {"error": error, "error_description": description}, headers)
