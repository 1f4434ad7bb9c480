"""Authenticator: the Authorization header of a tenant, and where its token comes from.

OAuth 2.0 client credentials (RFC 6749 section 4.4), a bearer token, Basic, or nothing.
"""

import re
from base64 import b64encode
from collections.abc import Callable
from dataclasses import dataclass
from threading import Lock
from typing import Self, assert_never
from urllib.parse import quote_plus, urlencode, urlsplit

from reconciler.adapters.retrying import asked_wait, asked_words
from reconciler.adapters.transport import Http, HttpOptions
from reconciler.domain.answer import Answer, Loss, NoAnswer, Reply
from reconciler.domain.jsontext import Json, NotJson, parse
from reconciler.domain.manifest import ClientAuth
from reconciler.domain.secret import Secret
from reconciler.errors import (
    AnswerUnreadable,
    CredentialsRefused,
    TenantError,
    TenantRefused,
    TenantUnavailable,
    TenantUntrusted,
)
from reconciler.ports import Clock, Retry

DEFAULT_LIFE = 300.0  # seconds, where `expires_in` is missing or makes no sense
LONGEST_LIFE = 3600.0
MARGIN = 60.0  # a token is renewed so long before it expires, but never before half of its life
_AGAIN = (408, 425, 429, 500, 502, 503, 504)


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


Tell = Callable[[Secret], None]
Credentials = ClientCredentials | BearerToken | BasicCredentials | Anonymous


class Authenticator:
    """Gives the Authorization header; shared by the threads of a tenant.

    `tell` is told each token that comes, and each header made of secrets, before it is used.
    Its own Http can send nothing but POST, and nowhere but to the token endpoint.
    """

    def __init__(
        self,
        credentials: Credentials,
        *,
        options: HttpOptions,
        retry: Retry,
        clock: Clock,
        tell: Tell = lambda _: None,
    ) -> None:
        self._credentials = credentials
        self._tell = tell
        self._tokens: _Tokens | None = None
        if isinstance(credentials, ClientCredentials):
            endpoint = _TokenEndpoint(credentials, options, retry, clock, tell)
            self._tokens = _Tokens(endpoint, clock)

    def header(self) -> str | None:
        """The value of Authorization, None for none. Raises TenantError where no token comes."""
        match self._credentials:
            case Anonymous():
                return None
            case BearerToken(token=token):
                return f"Bearer {token.reveal()}"
            case BasicCredentials(username=username, password=password):
                return _basic(username.reveal(), password.reveal(), self._tell)
            case ClientCredentials():
                assert self._tokens is not None
                return f"Bearer {self._tokens.current().reveal()}"
            case _:
                assert_never(self._credentials)

    def renew(self, failed: str | None) -> None:
        """Forget the token of this header, unless another thread has renewed it already.

        What cannot be renewed stays as it is: the next `header()` is then the failed one.
        """
        if self._tokens is not None and failed is not None:
            self._tokens.forget(Secret(failed.removeprefix("Bearer ")))

    @property
    def renewable(self) -> bool:
        """Whether another token can be asked for."""
        return self._tokens is not None

    def life(self) -> float | None:
        """Seconds that the newest token lives, as its endpoint says; None where nobody says it."""
        return self._tokens.life if self._tokens is not None else None

    def close(self) -> None:
        """Close the connection to the token endpoint."""
        if self._tokens is not None:
            self._tokens.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


@dataclass(frozen=True, slots=True)
class _Token:
    value: Secret
    life: float | None  # seconds; None where the endpoint does not say


class _Tokens:
    """The token in use. One refresh for all threads: a lock, and a second look behind it."""

    def __init__(self, endpoint: "_TokenEndpoint", clock: Clock) -> None:
        self._endpoint = endpoint
        self._clock = clock
        self._lock = Lock()
        self._token: Secret | None = None
        self._good_until = 0.0
        self.life: float | None = None
        self._refused: str | None = None

    def current(self) -> Secret:
        with self._lock:
            if self._token is None or self._clock.monotonic() >= self._good_until:
                self._token = self._renewed()
            return self._token

    def forget(self, failed: Secret) -> None:
        with self._lock:
            if self._token == failed:
                self._token = None

    def close(self) -> None:
        self._endpoint.close()

    def _renewed(self) -> Secret:
        if self._refused is not None:  # repeated wrong secrets can lock the client out
            raise CredentialsRefused(self._refused)
        asked_at = self._clock.monotonic()
        try:
            token = self._endpoint.ask()
        except CredentialsRefused as error:
            self._refused = str(error)
            raise
        used = DEFAULT_LIFE if token.life is None else min(token.life, LONGEST_LIFE)
        self._good_until = asked_at + used - min(MARGIN, used / 2)
        self.life = token.life
        return token.value


class _TokenEndpoint:
    """One token URL: what is asked there, and what its answers mean. Bodies are never shown."""

    def __init__(
        self,
        credentials: ClientCredentials,
        options: HttpOptions,
        retry: Retry,
        clock: Clock,
        tell: Tell,
    ) -> None:
        self._credentials = credentials
        self._tell = tell
        self._http = Http(options, methods=frozenset({"POST"}), only=credentials.token_url)
        self._retry = retry
        self._clock = clock
        url = urlsplit(credentials.token_url)
        self._where = f"POST {url.scheme}://{url.netloc.rpartition('@')[2]}{url.path}"

    def ask(self) -> _Token:
        """A new token. Raises CredentialsRefused once refused; the rest as TenantError."""
        reply = self._retry(self._send, self._again)
        if isinstance(reply, NoAnswer):
            raise self._lost(reply)
        if reply.status == 200:
            return self._token(self._document(reply))
        raise self._refusal(reply)

    def close(self) -> None:
        self._http.close()

    def _send(self) -> Reply:
        headers = {
            "Accept": "application/json",
            "Content-Type": "application/x-www-form-urlencoded",
        }
        form = {"grant_type": "client_credentials"}
        if self._credentials.scopes:
            form["scope"] = " ".join(self._credentials.scopes)
        client_id = self._credentials.client_id.reveal()
        client_secret = self._credentials.client_secret.reveal()
        if self._credentials.client_auth is ClientAuth.BASIC:
            pair = quote_plus(client_id), quote_plus(client_secret)
            headers["Authorization"] = _basic(*pair, self._tell)
        else:
            form |= {"client_id": client_id, "client_secret": client_secret}
        body = urlencode(form).encode("ascii")
        return self._http.send("POST", self._credentials.token_url, headers=headers, body=body)

    def _again(self, reply: Reply) -> float | None:
        if isinstance(reply, NoAnswer):
            return None if reply.loss is Loss.UNTRUSTED else 0.0
        if reply.status not in _AGAIN:
            return None
        return asked_wait(reply, now=self._clock.now()) or 0.0

    def _token(self, document: dict[str, Json]) -> _Token:
        if document.get("error"):
            raise self._credentials_refused(document, status=200)
        value = document.get("access_token")
        if not isinstance(value, str) or not re.fullmatch(r"[\x21-\x7e]+", value):
            raise AnswerUnreadable(f"{self._where}: the answer holds no usable access_token")
        kind = document.get("token_type", "Bearer")
        if not isinstance(kind, str) or kind.lower() != "bearer":
            raise AnswerUnreadable(
                f"{self._where}: the token is not of type Bearer, the only one that SCIM services "
                "take; check that spec.auth.tokenUrl is the token endpoint for this API"
            )
        self._tell(Secret(value))
        return _Token(Secret(value), _life(document.get("expires_in")))

    def _document(self, answer: Answer) -> dict[str, Json]:
        try:
            document = parse(answer.body)
        except NotJson as error:
            raise self._unreadable(answer) from error
        if not isinstance(document, dict):
            raise self._unreadable(answer)
        return document

    def _unreadable(self, answer: Answer) -> AnswerUnreadable:
        return AnswerUnreadable(
            f"{self._where}: {answer.status}, but {_kind(answer)} instead of a JSON object; "
            "check that spec.auth.tokenUrl is the token endpoint"
        )

    def _lost(self, reply: NoAnswer) -> TenantError:
        if reply.loss is Loss.UNTRUSTED:
            return TenantUntrusted(f"{self._where}: {reply.reason}; check spec.auth.tokenUrl")
        advice = reply.advice or "check spec.auth.tokenUrl and the network, then run again"
        return TenantUnavailable(f"{self._where}: {reply.reason}; {advice}")

    def _refusal(self, answer: Answer) -> TenantError:
        """What an answer other than 200 means; its text is not shown, it may hold what we sent."""
        if 300 <= answer.status < 400:
            return TenantUntrusted(
                f"{self._where}: {answer.status} sends us elsewhere, and a secret is never sent "
                "after a redirect; write the final address as spec.auth.tokenUrl"
            )
        if answer.status >= 500 or answer.status in _AGAIN:
            if (asked := asked_words(answer)) is not None:
                said = f"{self._where}: {answer.status}; {asked}"
                return TenantUnavailable(f"{said}; run again after that")
            return TenantUnavailable(
                f"{self._where}: still {answer.status} after several tries; run again later"
            )
        if answer.status in (404, 405):
            return TenantRefused(
                f"{self._where}: {answer.status}; spec.auth.tokenUrl is probably wrong"
            )
        try:
            document = self._document(answer)
        except AnswerUnreadable as error:
            if answer.status != 401:
                return error
            document = {}  # the status alone says that it is we who are refused
        return self._credentials_refused(document, status=answer.status)

    def _credentials_refused(self, document: dict[str, Json], status: int) -> CredentialsRefused:
        code = self._error_code(document)
        advice = _ADVICE.get(code, "check clientId, clientSecret and scopes in spec.auth")
        return CredentialsRefused(
            f"{self._where}: {status} {code}; {advice}. It is not asked again in this run, "
            "for repeated wrong secrets can lock a client out"
        )

    def _error_code(self, document: dict[str, Json]) -> str:
        """RFC 6749 section 5.2 `error`, where it is a plain word and none of our secrets."""
        code = document.get("error")
        if not isinstance(code, str) or not re.fullmatch(r"[A-Za-z_.-]{1,40}", code):
            return "without an error code"
        secrets = (self._credentials.client_id, self._credentials.client_secret)
        return "unknown error" if any(s.reveal() in code for s in secrets) else code


_ADVICE = {
    "invalid_client": "check clientId and clientSecret in spec.auth, clientAuth (post or basic), "
    "and that the client is enabled",
    "invalid_scope": "check scopes in spec.auth against what the client was granted",
    "unauthorized_client": "the client is not allowed the client credentials grant",
    "unsupported_grant_type": "the client is not allowed the client credentials grant",
}


def _basic(user: str, password: str, tell: Tell) -> str:
    pair = b64encode(f"{user}:{password}".encode()).decode("ascii")
    tell(Secret(pair))
    return f"Basic {pair}"


def _kind(answer: Answer) -> str:
    if answer.body.lstrip()[:1] == b"<" or "html" in answer.headers.get("content-type", ""):
        return "an HTML page came"
    return "something else came" if answer.body else "nothing came"


def _life(expires_in: Json) -> float | None:
    """Seconds a token lives; None where what the endpoint says of it makes no sense."""
    try:
        seconds = float(expires_in) if not isinstance(expires_in, bool) else 0.0
    except (TypeError, ValueError, OverflowError):
        return None
    return seconds if seconds > 0 else None
