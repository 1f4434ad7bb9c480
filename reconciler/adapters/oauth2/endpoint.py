"""TokenEndpoint: the request for a token, and the meaning of each answer."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, assert_never
from urllib.parse import parse_qsl, quote_plus, urlencode, urlsplit

from reconciler.adapters.oauth2.credentials import (
    CertifiedClient,
    ClientCredentials,
    SigningClient,
    Tell,
    TokenClient,
    basic,
    redaction,
)
from reconciler.adapters.retrying import requested_wait, wait_message
from reconciler.adapters.statuses import status_advice
from reconciler.adapters.transport import Http, HttpOptions
from reconciler.domain.http_reply import Answer, Loss, Next, NoAnswer, Reply, judge_read
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
from reconciler.occurrences import TokenReceived

if TYPE_CHECKING:  # a plan makes none
    from reconciler.ports import Clock, Retry

_REMEMBERED = 16  # tokens and assertions that are taken out of messages


class NotSent(TenantUnavailable):
    """A request that this process could not send; that tells nothing about the endpoint."""


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Token:
    """An access token, as the endpoint gave it."""

    value: Secret
    life: float | None  # seconds; None where the endpoint does not say
    not_granted: tuple[str, ...] = ()  # scopes that were requested, where the endpoint says which


class TokenEndpoint:
    """One token URL and one client. Bodies of answers are never shown.

    Nothing but POST can be sent, and nowhere else.
    """

    __slots__ = (
        "_clock",
        "_credentials",
        "_new_id",
        "_options",
        "_retry",
        "_tell",
        "_where",
        "secrets",
    )

    def __init__(
        self,
        credentials: TokenClient,
        *,
        options: HttpOptions,
        retry: Retry,
        clock: Clock,
        new_id: Callable[[], str],
        tell: Tell,
    ) -> None:
        self._credentials = credentials
        self._new_id = new_id
        self._tell = tell
        self.secrets: tuple[Secret, ...] = ()  # the last few tokens and assertions
        self._options = replace(
            options, certificate=credentials.certificate, redact=self._without_credentials
        )
        self._retry = retry
        self._clock = clock
        url = urlsplit(credentials.token_url)
        self._where = f"POST {url.scheme}://{url.netloc.rpartition('@')[2]}{url.path}"

    @property
    def patience(self) -> float:
        """Seconds that one answer may take."""
        return self._options.deadline

    def _without_credentials(self, text: str) -> str:
        own = self._credentials.token_url
        return redaction(self._credentials, self.secrets).message(text, own=own)

    def ask(self, within: float) -> Token:
        """A new token, within so many seconds. Raises TenantError.

        CredentialsRefused is final: no token of that client is to be requested again in this run.
        """
        ends = self._clock.monotonic() + within

        def again(reply: Reply) -> float | None:
            if judge_read(reply) is not Next.RETRY:
                return None
            if isinstance(reply, NoAnswer):
                return 0.0
            return requested_wait(reply, now=self._clock.now()) or 0.0

        url = self._credentials.token_url
        with Http(self._options, methods=frozenset({"POST"}), only=url) as http:
            reply = self._retry(lambda: self._send(http, ends), again, within)
        if isinstance(reply, NoAnswer):
            raise self._lost(reply)
        if 200 <= reply.status < 300:
            return self._token(self._document(reply), reply.status)
        raise self._refusal(reply)

    def _send(self, http: Http, ends: float) -> Reply:
        headers = {
            "Accept": "application/json",
            "Content-Type": "application/x-www-form-urlencoded",
        }
        form = [("grant_type", "client_credentials"), *self._credentials.parameters]
        if self._credentials.scopes:
            form.append(("scope", " ".join(self._credentials.scopes)))
        client_id = self._credentials.client_id.reveal()
        match self._credentials:
            case ClientCredentials(client_secret=secret, client_auth=ClientAuth.BASIC):
                # RFC 6749 section 2.3.1: each is form-encoded before they are joined
                pair = quote_plus(client_id), quote_plus(secret.reveal())
                headers["Authorization"] = basic(*pair, self._tell)
            case ClientCredentials(client_secret=secret):
                form += [("client_id", client_id), ("client_secret", secret.reveal())]
            case SigningClient() as client:
                from reconciler.adapters.oauth2.assertions import ASSERTION_TYPE, assertion

                signed = assertion(client, now=self._clock.now(), jwt_id=self._new_id())
                self._note(signed)
                form += [("client_assertion_type", ASSERTION_TYPE), ("client_id", client_id)]
                form.append(("client_assertion", signed.reveal()))
            case CertifiedClient():
                form.append(("client_id", client_id))
            case _:
                assert_never(self._credentials)
        body = urlencode(form).encode("ascii")
        url, within = self._credentials.token_url, ends - self._clock.monotonic()
        return http.send("POST", url, headers=headers, body=body, within=within)

    def _token(self, document: dict[str, Json], status: int) -> Token:
        value = document.get("access_token")
        value = value.strip() if isinstance(value, str) else ""
        if not re.fullmatch(r"[\x21-\x7e]+", value):
            if document.get("error"):  # some answer 200 to a wrong secret
                raise self._refused_client(document, status=status)
            raise AnswerUnreadable(
                f"{self._where}: {status}, but the answer holds no usable access_token; check that "
                "spec.auth.tokenUrl is the token endpoint"
            )
        if not _is_bearer(document.get("token_type")):
            raise AnswerUnreadable(
                f"{self._where}: the token is not of type Bearer, the only one that SCIM services "
                "take; check that spec.auth.tokenUrl is the token endpoint for this API"
            )
        self._note(Secret(value))
        life = _life(document.get("expires_in"))
        if self._options.observe is not None:
            endpoint = self._where.removeprefix("POST ")
            self._options.observe(TokenReceived(endpoint, life))
        return Token(Secret(value), life, self._missing(document.get("scope")))

    def _note(self, secret: Secret) -> None:
        """Make a secret known before it is used: an answer may speak of one that came before."""
        self._tell(secret)
        self.secrets = (*self.secrets, secret)[-_REMEMBERED:]

    def _missing(self, granted: Json) -> tuple[str, ...]:
        """The scopes not granted; none where the answer has no `scope`, RFC 6749 section 5.1."""
        text = " ".join(map(str, granted)) if isinstance(granted, list) else granted
        if not isinstance(text, str) or not text.strip():
            return ()
        given = set(re.split(r"[\s,]+", text))
        return tuple(scope for scope in self._credentials.scopes if scope not in given)

    def _document(self, answer: Answer) -> dict[str, Json]:
        if "form-urlencoded" in answer.headers.get("content-type", ""):
            return dict(parse_qsl(answer.body.decode("utf-8", "replace")))
        try:
            document = parse(answer.body)
        except NotJson as error:
            raise self._unreadable(answer) from error
        if not isinstance(document, dict):
            raise self._unreadable(answer)
        return document

    def _unreadable(self, answer: Answer) -> AnswerUnreadable:
        came = "something else came" if answer.body else "nothing came"
        if answer.body.lstrip()[:1] == b"<" or "html" in answer.headers.get("content-type", ""):
            came = "an HTML page came"
        return AnswerUnreadable(
            f"{self._where}: {answer.status}, but {came} instead of a JSON object; "
            "check that spec.auth.tokenUrl is the token endpoint"
        )

    def _lost(self, reply: NoAnswer) -> TenantError:
        if reply.loss is Loss.UNTRUSTED:
            advice = reply.advice or "check spec.auth.tokenUrl"
            return TenantUntrusted(f"{self._where}: {reply.reason}; {advice}")
        if reply.is_ours:
            return NotSent(f"{self._where}: {reply.message}")
        advice = reply.advice or "check spec.auth.tokenUrl and the network, then run again"
        return TenantUnavailable(f"{self._where}: {reply.reason}; {advice}")

    def _refusal(self, answer: Answer) -> TenantError:
        """The error that an answer other than 2xx is; its text may hold what we sent: not shown."""
        if 300 <= answer.status < 400:
            return TenantUntrusted(
                f"{self._where}: {answer.status} sends us elsewhere, and a secret is never sent "
                "after a redirect; write the final address as spec.auth.tokenUrl"
            )
        if answer.status >= 500 or judge_read(answer) is Next.RETRY:
            wait = wait_message(answer)
            later = f"{wait}; run again after that" if wait else "run again later"
            return TenantUnavailable(
                f"{self._where}: {answer.status}; {status_advice(answer) or later}"
            )
        wrong = "spec.auth.tokenUrl is probably wrong" if answer.status in (404, 405) else None
        if (advice := status_advice(answer) or wrong) is not None:
            return TenantRefused(f"{self._where}: {answer.status}; {advice}")
        try:
            document = self._document(answer)
        except AnswerUnreadable as error:
            if answer.status != 401:
                return error
            document = {}  # the status alone shows that it is we who are refused
        return self._refused_client(document, status=answer.status)

    def _refused_client(self, document: dict[str, Json], status: int) -> TenantError:
        # RFC 6749 section 5.2 `error`, where it is a plain word and none of our secrets
        code = document.get("error")
        if not code and status not in _ABOUT_CLIENTS:
            return TenantRefused(
                f"{self._where}: {status} without an error code; check that spec.auth.tokenUrl is "
                "the token endpoint"
            )
        if code in _PASSING:
            return TenantUnavailable(f"{self._where}: {status} {code}; run again later")
        if not isinstance(code, str) or not re.fullmatch(r"[A-Za-z_.-]{1,40}", code):
            code = "without an error code"
        elif (
            code not in _ADVICE and redaction(self._credentials, self.secrets).message(code) != code
        ):
            code = "unknown error"
        advice = _ADVICE.get(
            code, "check clientId, its secret, key or certificate, and scopes in spec.auth"
        )
        if isinstance(self._credentials, CertifiedClient):
            advice += _FOR_CERTIFICATES
        return CredentialsRefused(
            f"{self._where}: {status} {code}; {advice}. No token is requested again in this run, "
            "for repeated wrong secrets can lock a client out"
        )


_ABOUT_CLIENTS = (400, 401, 403, 422)  # the statuses that mean one without saying so
_PASSING = ("server_error", "slow_down", "temporarily_unavailable")
_NO_DPOP = (
    "it wants tokens that are bound to a key (DPoP, RFC 9449), which no option here makes: ask for "
    "a client without that"
)
_FOR_CERTIFICATES = (
    "; where the issuer has addresses of its own for clients with certificates "
    "(mtls_endpoint_aliases in its /.well-known/openid-configuration), spec.auth.tokenUrl is that "
    "token_endpoint"
)
_ADVICE = {
    "invalid_client": "check clientId and its secret, key or certificate in spec.auth, clientAuth, "
    "and that the client is enabled",
    "invalid_target": "check audience and resource in parameters of spec.auth",
    "access_denied": "the client is not granted what it asks for: check scopes and parameters in "
    "spec.auth against what was granted",
    "invalid_request": "check clientAuth, scopes and parameters in spec.auth: a field is missing, "
    "or one is too many",
    "invalid_dpop_proof": _NO_DPOP,
    "use_dpop_nonce": _NO_DPOP,
    "invalid_scope": "check scopes in spec.auth against what the client was granted",
    "unauthorized_client": "the client is not allowed the client credentials grant",
    "unsupported_grant_type": "the client is not allowed the client credentials grant",
}


def _is_bearer(kind: Json) -> bool:
    """Test for `Bearer` in the forms that are met: any case, `BearerToken`, or left out."""
    plain = re.sub(r"[^a-z]", "", kind.lower()) if isinstance(kind, str) else kind
    return plain in (None, "", "bearer", "bearertoken")


def _life(expires_in: Json) -> float | None:
    """Seconds that a token is valid; None where the endpoint's `expires_in` makes no sense."""
    try:
        seconds = float(expires_in) if not isinstance(expires_in, bool) else 0.0
    except (TypeError, ValueError, OverflowError):
        return None
    return seconds if seconds > 0 else None
