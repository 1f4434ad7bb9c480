"""The schedule of a webhook that failed, after Standard Webhooks: ten attempts in 3 days."""

from collections.abc import Callable
from datetime import datetime, timedelta

MINUTE, HOUR = 60, 3600

# Seconds before each attempt, counted from the one before it.
DELAYS = (
    0, 5, 5 * MINUTE, 30 * MINUTE, 2 * HOUR, 5 * HOUR, 10 * HOUR, 14 * HOUR, 20 * HOUR, 24 * HOUR,
)  # fmt: skip
JITTER = 0.1  # at most this much later, so that receivers are not hit by all tenants at once
LONGEST = 24 * HOUR  # nobody is waited for longer, whatever Retry-After says


def next_due(
    attempts: int,
    *,
    now: datetime,
    retry_after: float | None,
    random: Callable[[], float],
) -> datetime | None:
    """The time of the next attempt after so many; None where all are spent.

    `retry_after` is the receiver's own delay in seconds: never earlier than that, within a day.
    `random` gives a number from 0 to 1.
    """
    if attempts >= len(DELAYS):
        return None
    delay = max(DELAYS[attempts], min(retry_after or 0.0, LONGEST))
    return now + timedelta(seconds=delay * (1 + JITTER * random()))
