"""When a webhook is tried again: never too early, never later than a day and a tenth."""

from datetime import UTC, datetime, timedelta, timezone
from math import inf, nan

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.domain.schedule import DELAYS, next_due

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
MINUTES, HOURS = 60, 3600


def waited(attempts: int, retry_after: float | None = None, random: float = 0.0) -> float:
    due = next_due(attempts, now=NOW, retry_after=retry_after, random=lambda: random)
    assert due is not None
    return (due - NOW).total_seconds()


@pytest.mark.parametrize(
    ("attempts", "seconds"),
    [
        (0, 0),
        (1, 5),
        (2, 5 * MINUTES),
        (3, 30 * MINUTES),
        (4, 2 * HOURS),
        (5, 5 * HOURS),
        (6, 10 * HOURS),
        (7, 14 * HOURS),
        (8, 20 * HOURS),
        (9, 24 * HOURS),
    ],
)
def test_the_schedule_is_that_of_standard_webhooks(attempts: int, seconds: int) -> None:
    assert waited(attempts) == seconds
    assert waited(attempts, random=1.0) == pytest.approx(seconds * 1.1)


@pytest.mark.parametrize("attempts", [10, 11, 1000])
@pytest.mark.parametrize("retry_after", [None, 5.0])
def test_a_webhook_is_given_up_after_the_last_attempt(
    attempts: int, retry_after: float | None
) -> None:
    assert next_due(attempts, now=NOW, retry_after=retry_after, random=lambda: 0.5) is None


def test_the_first_attempt_and_all_repeats_end_within_a_week() -> None:
    assert sum(DELAYS) <= 4 * 24 * HOURS


@pytest.mark.parametrize(
    ("requested", "seconds"),
    [(None, 5), (0.0, 5), (1.0, 5), (90.0, 90), (-3.0, 5), (nan, 5), (inf, 24 * HOURS)],
)
def test_retry_after_of_a_receiver_only_delays_the_next_try(
    requested: float | None, seconds: int
) -> None:
    assert waited(1, requested) == seconds


@given(
    attempts=st.integers(0, 9),
    requested=st.none() | st.floats(),
    random=st.floats(0, 1),
)
def test_the_next_try_is_never_before_retry_after_or_the_schedule(
    attempts: int, requested: float | None, random: float
) -> None:
    seconds = waited(attempts, requested, random)

    wanted = requested if requested is not None and 0 <= requested <= 24 * HOURS else 0
    least = max(DELAYS[attempts], wanted)
    assert least - 1e-6 <= seconds <= 24 * HOURS * 1.1 + 1e-6
    if requested is None:
        assert seconds <= DELAYS[attempts] * 1.1 + 1e-6


@given(attempts=st.integers(0, 9), hours=st.integers(-12, 14))
def test_the_next_try_does_not_depend_on_the_zone_of_the_clock(attempts: int, hours: int) -> None:
    local = NOW.astimezone(timezone(timedelta(hours=hours)))

    due = next_due(attempts, now=local, retry_after=None, random=lambda: 0.0)

    assert due == next_due(attempts, now=NOW, retry_after=None, random=lambda: 0.0)
