"""The rate limit of a service: so many requests in any minute, as its dialect says."""

import math
import threading
from collections import deque
from collections.abc import Callable
from datetime import datetime

from reconciler.domain.dialect import Dialect
from reconciler.embedded.wire import Refused

_MINUTE = 60.0  # seconds
_DETAIL = "too many requests in a minute"


class Throttle:
    """Counts requests, and refuses those beyond the limit with 429.

    Where the dialect knows how long a 429 stands, it stands so long and says nothing of it; else
    Retry-After says when the next request is taken.
    """

    def __init__(self, dialect: Dialect, clock: Callable[[], datetime]) -> None:
        self._most = dialect.requests_per_minute
        self._stands = dialect.throttled_wait
        self._clock = clock
        self._lock = threading.Lock()
        self._taken: deque[float] = deque()
        self._closed_until = 0.0

    def admit(self) -> None:
        """Count one request; Refused with 429 where it is one too many."""
        if self._most is None:
            return
        now = self._clock().timestamp()
        with self._lock:
            while self._taken and self._taken[0] <= now - _MINUTE:
                self._taken.popleft()
            if now >= self._closed_until and len(self._taken) < self._most:
                self._taken.append(now)
                return
            if self._stands is None:
                wait = math.ceil(self._taken[0] + _MINUTE - now)
                raise Refused(429, _DETAIL, headers={"Retry-After": str(wait)})
            if now >= self._closed_until:
                self._closed_until = now + self._stands
        raise Refused(429, _DETAIL)
