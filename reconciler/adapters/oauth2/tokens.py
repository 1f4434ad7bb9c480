"""Tokens: one for each client of a run, however many tenants and threads use it."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

from reconciler.adapters.oauth2.credentials import Tell, TokenClient
from reconciler.adapters.oauth2.endpoint import NotSent, TokenEndpoint
from reconciler.adapters.transport import HttpOptions
from reconciler.domain.secret import Secret
from reconciler.errors import CredentialsRefused, TenantError, TenantUnavailable

if TYPE_CHECKING:  # a plan makes none
    from reconciler.ports import Clock, Retry

DEFAULT_LIFE = 300.0  # seconds, where `expires_in` is missing or makes no sense
LONGEST_LIFE = 3600.0
MARGIN = 60.0  # a token is renewed so long before it expires, but never before half of its life
REST = 30.0  # seconds for which no token is requested of an endpoint that gave none
VAIN = 3  # renewals in a row that helped nobody, after which there is one in `REST` seconds


class Tokens:
    """The tokens of a run, shared by the tenants whose credentials are equal.

    `retries` gives each client's endpoint a patience of its own. `tell` gets each token that comes,
    and each header made of secrets, before it is used. `new_id` gives an id to each assertion.
    """

    def __init__(
        self,
        *,
        options: HttpOptions,
        retries: Callable[[], Retry],
        clock: Clock,
        new_id: Callable[[], str],
        tell: Tell = lambda _: None,
    ) -> None:
        self.tell = tell
        self._new_id = new_id
        self._options = options
        self._retries = retries
        self._clock = clock
        self._lock = threading.Lock()
        self._tokens: dict[TokenClient, SharedToken] = {}

    def of(self, credentials: TokenClient) -> SharedToken:
        """The token of this client: all that is sent for it is the same."""
        with self._lock:
            if credentials not in self._tokens:
                endpoint = TokenEndpoint(
                    credentials,
                    options=self._options,
                    retry=self._retries(),
                    clock=self._clock,
                    new_id=self._new_id,
                    tell=self.tell,
                )
                self._tokens[credentials] = SharedToken(endpoint, self._clock)
            return self._tokens[credentials]


class SharedToken:
    """The token in use, renewed by one thread for all: the others wait, and then look again.

    A refusal is final: repeated wrong secrets can lock a client out. Any other failure is repeated
    to all who need a token within `REST` seconds, so that a fleet does not wait for it tenant by
    tenant (docs/decisions.md, "A sick token endpoint is left alone for half a minute").
    """

    __slots__ = (
        "_clock",
        "_endpoint",
        "_fails_until",
        "_failure",
        "_forgotten",
        "_good_until",
        "_lock",
        "_token",
        "_turn",
        "_vain",
        "_vain_until",
        "life",
        "not_granted",
    )

    def __init__(self, endpoint: TokenEndpoint, clock: Clock) -> None:
        self._endpoint = endpoint
        self._clock = clock
        self._turn = threading.Lock()  # held by the thread that requests a token
        self._lock = threading.Lock()  # for the five below, and never held for long
        self._token: Secret | None = None
        self._good_until = 0.0
        self._forgotten: Secret | None = None
        self._vain = 0
        self._vain_until = -math.inf
        self.life: float | None = None
        self.not_granted: tuple[str, ...] = ()
        self._failure: TenantError | None = None
        self._fails_until = -math.inf

    @property
    def secrets(self) -> tuple[Secret, ...]:
        """The last few tokens and assertions, of which an answer may speak."""
        return self._endpoint.secrets

    def current(self, within: float = math.inf) -> Secret:
        """The token, a new one where need be; `within` so many seconds. Raises TenantError."""
        if (token := self._good()) is not None:
            return token
        ends = self._clock.monotonic() + within
        if not self._turn.acquire(timeout=min(max(0.0, within), threading.TIMEOUT_MAX)):
            raise TenantUnavailable("the token that another thread requested did not come in time")
        try:
            return self._good() or self._renewed(ends - self._clock.monotonic())
        finally:
            self._turn.release()

    def forget(self, failed: Secret) -> None:
        """Use a token no more that was not accepted; another thread may have renewed it already."""
        with self._lock:
            # Where others have just got a new one in vain, it is the tenants that refuse it: a
            # fleet would request thousands.
            in_vain = self._vain >= VAIN and self._clock.monotonic() < self._vain_until
            if self._token == failed and not in_vain:
                self._token, self._forgotten = None, failed

    def note_renewal(self, *, helped: bool) -> None:
        """Learn whether a new token was accepted where the one before it was not."""
        with self._lock:
            self._vain = 0 if helped else self._vain + 1
            self._vain_until = self._clock.monotonic() + REST

    def _good(self) -> Secret | None:
        with self._lock:
            return self._token if self._clock.monotonic() < self._good_until else None

    def _renewed(self, within: float) -> Secret:
        began = self._clock.monotonic()
        if self._failure is not None and began < self._fails_until:
            raise type(self._failure)(str(self._failure))
        try:
            token = self._endpoint.ask(within)
        except TenantError as error:
            in_time = self._clock.monotonic() < began + within
            if isinstance(error, CredentialsRefused):
                self._failure, self._fails_until = error, math.inf
            # A caller with less time than one answer may take, or without a descriptor, has learnt
            # nothing about the endpoint.
            elif (in_time or within >= self._endpoint.patience) and not isinstance(error, NotSent):
                self._failure, self._fails_until = error, self._clock.monotonic() + REST
            raise
        used = DEFAULT_LIFE if token.life is None else min(token.life, LONGEST_LIFE)
        with self._lock:
            self._token = token.value
            # From the request on: how long the answer was under way is part of its life.
            self._good_until = began + used - min(MARGIN, used / 2)
        if token.value == self._forgotten:  # many endpoints have one until it expires
            self.note_renewal(helped=False)
        self.life, self.not_granted = token.life, token.not_granted
        return token.value
