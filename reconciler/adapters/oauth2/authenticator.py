"""Authenticator: the Authorization header of a tenant."""

import math
from typing import assert_never

from reconciler.adapters.oauth2.credentials import (
    Anonymous,
    BasicCredentials,
    Client,
    Credentials,
    HeaderToken,
    basic,
    redaction,
)
from reconciler.adapters.oauth2.tokens import SharedToken, Tokens
from reconciler.domain.redaction import Redaction
from reconciler.domain.secret import Secret


class Authenticator:
    """Gives the Authorization header; shared by the threads of a tenant.

    `tokens` are those of the run: tenants with equal client credentials use one.
    """

    def __init__(self, credentials: Credentials, tokens: Tokens) -> None:
        self._credentials = credentials
        self._tell = tokens.tell
        self._token: SharedToken | None = None
        self._redaction: tuple[tuple[Secret, ...], Redaction] | None = None
        if isinstance(credentials, Client):
            self._token = tokens.of(credentials)

    def header(self, within: float = math.inf) -> str | None:
        """The value of Authorization, None for none. Raises TenantError where no token comes.

        `within` is how many seconds a token may take to come, where the caller has no more.
        """
        match self._credentials:
            case Anonymous():
                return None
            case HeaderToken(token=token, scheme=scheme):
                return f"{scheme} {token.reveal()}"
            case BasicCredentials(username=username, password=password):
                return basic(username.reveal(), password.reveal(), self._tell)
            case Client():
                assert self._token is not None
                return f"Bearer {self._token.current(within).reveal()}"
            case _:
                assert_never(self._credentials)

    def renew(self, failed: str | None) -> None:
        """Forget the token of this header, unless another thread has renewed it already.

        What cannot be renewed stays as it is: the next `header()` is then the failed one.
        """
        if self._token is not None and failed is not None:
            self._token.forget(Secret(failed.removeprefix("Bearer ")))

    def note_renewal(self, *, helped: bool) -> None:
        """Learn whether a renewed token was accepted."""
        if self._token is not None:
            self._token.note_renewal(helped=helped)

    @property
    def renewable(self) -> bool:
        """True where another token can be requested."""
        return self._token is not None

    @property
    def redaction(self) -> Redaction:
        """The means to take these credentials, and their tokens, out of the text of an answer."""
        made = self._token.secrets if self._token is not None else ()
        if self._redaction is None or self._redaction[0] != made:
            self._redaction = made, redaction(self._credentials, made)
        return self._redaction[1]

    def life(self) -> float | None:
        """Seconds that the newest token is valid, by its endpoint; None where that is not known."""
        return self._token.life if self._token is not None else None

    @property
    def not_granted(self) -> tuple[str, ...]:
        """The requested scopes that the newest token has not."""
        return self._token.not_granted if self._token is not None else ()
