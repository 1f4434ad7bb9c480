"""Traffic: the rate of requests to one tenant, and the pause after too many failures."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from reconciler.domain.http_reply import Answer, Loss, NoAnswer, Reply
from reconciler.errors import TenantUnavailable
from reconciler.occurrences import Observe, WaitBegun, unobserved

if TYPE_CHECKING:  # a plan makes none
    from reconciler.ports import Clock

FAILURES = 5  # in a row, after which a tenant is left alone
REST = 30.0  # seconds for which it is; then one request finds out whether it is well again
MINUTE = 60.0
_BURST = 10  # of the requests of a minute one in so many may come at once


@dataclass(slots=True, kw_only=True, eq=False, repr=False)
class Traffic:
    """All requests to one tenant, from whichever gateway, go by here; one thread at a time.

    `per_minute` is a promise: no minute, wherever it begins, sees more requests (None: no limit).
    """

    clock: Clock
    per_minute: int | None = None
    observe: Observe = unobserved
    _bucket: _Bucket | None = field(init=False)
    _failures: int = 0
    _rests_until: float = -math.inf

    def __post_init__(self) -> None:
        rate = self.per_minute
        self._bucket = None if rate is None else _Bucket(rate, self.clock.monotonic)

    def admit(self, within: float = math.inf) -> None:
        """Wait until a request may be sent, waking on a signal.

        Raises TenantUnavailable while the tenant is left alone, and where the wait would be longer
        than `within` seconds; and Interrupted.
        """
        remaining = self._rests_until - self.clock.monotonic()
        if remaining > 0:
            raise TenantUnavailable(
                f"the last {self._failures} requests failed, so the tenant is left alone for "
                f"another {math.ceil(remaining)} s; run again when it is well"
            )
        wait = self._bucket.take() if self._bucket is not None else 0.0
        if wait > 0:
            reason = f"no minute is to see more than {self.per_minute} requests"
            self.observe(WaitBegun(min(wait, max(0.0, within)), reason))
            self.clock.sleep(min(wait, max(0.0, within)))
        if wait > within:
            raise TenantUnavailable("its requests a minute leave no room for another in time")

    def note(self, reply: Reply, *, optional: bool = False) -> None:
        """Learn from a reply: a tenant that answers is well, even where it refuses.

        That something `optional` fails, such as a count of users, says nothing about the rest.
        """
        # A request that this process could not send tells nothing about the tenant.
        if isinstance(reply, NoAnswer) and reply.is_ours:
            return
        long = isinstance(reply, NoAnswer) and reply.loss is Loss.TOO_LONG
        if long or (isinstance(reply, Answer) and (reply.status < 500 or reply.status == 501)):
            self._failures = 0
            return
        if optional:
            return
        self._failures += 1
        if self._failures >= FAILURES:
            self._rests_until = self.clock.monotonic() + REST


class _Bucket:
    """A token bucket that is filled so slowly that burst and refill together keep the promise."""

    def __init__(self, per_minute: int, now: Callable[[], float]) -> None:
        self._burst = max(1, per_minute // _BURST)
        # A burst and what is filled in during the minute after it come to the promise, not to more.
        self._every = MINUTE / max(1, per_minute - self._burst)
        self._now = now
        self._tokens = float(self._burst)
        self._filled_at = now()

    def take(self) -> float:
        """Take a token; the seconds to wait for it."""
        now = self._now()
        filled = self._tokens + (now - self._filled_at) / self._every
        self._tokens = min(float(self._burst), filled) - 1.0
        self._filled_at = now
        return max(0.0, -self._tokens * self._every)
