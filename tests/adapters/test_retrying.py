"""Patience: how long it waits, and when it ends; and what Retry-After may hold."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.adapters.retrying import parse_retry_after, requested_wait, retrying, wait_message
from reconciler.domain.http_reply import Answer, Loss, NoAnswer
from reconciler.errors import Interrupted
from reconciler.occurrences import Occurrence, RetryBegun, attempt_under_way
from reconciler.ports import Retry
from tests.support.fakes import FakeClock

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


def failing(retry: Retry, floor: float, *, work: Callable[[], None] = lambda: None) -> int:
    """How often a call is made that always asks to be repeated after `floor` seconds."""
    calls: list[int] = []

    def attempt() -> int:
        work()
        calls.append(len(calls) + 1)
        return calls[-1]

    last = retry(attempt, lambda _: floor)
    assert last == len(calls), "the last result is the one that is returned"
    return len(calls)


def test_a_call_that_succeeds_at_once_is_not_retried() -> None:
    clock = FakeClock()

    result = retrying(clock=clock, random=lambda: 0.5)(lambda: "well", lambda _: None)

    assert result == "well"
    assert clock.slept == []


def test_a_call_is_retried_until_it_succeeds() -> None:
    clock, results = FakeClock(), iter(["ill", "ill", "well", "never asked"])

    result = retrying(clock=clock, random=lambda: 1.0)(
        lambda: next(results), lambda r: None if r == "well" else 0.0
    )

    assert result == "well"
    assert clock.slept == [0.5, 1.0]


@given(st.floats(min_value=0, max_value=1, exclude_max=True))
def test_waits_are_a_random_part_of_a_window_that_doubles(part: float) -> None:
    clock = FakeClock()

    calls = failing(retrying(clock=clock, random=lambda: part, attempts=5), 0.0)

    assert calls == 5
    assert clock.slept == [part * window for window in (0.5, 1.0, 2.0, 4.0)]


def test_the_retry_window_stops_growing() -> None:
    clock = FakeClock()

    failing(retrying(clock=clock, random=lambda: 1.0, attempts=20, deadline=1e9), 0.0)

    assert max(clock.slept) == 60.0


@given(floor=st.floats(min_value=0, max_value=20), part=st.floats(min_value=0, max_value=0.999))
def test_no_retry_wait_is_shorter_than_retry_after(floor: float, part: float) -> None:
    clock = FakeClock()

    failing(retrying(clock=clock, random=lambda: part), floor)

    assert clock.slept
    assert all(wait >= floor for wait in clock.slept)


@given(
    floor=st.floats(min_value=0, max_value=500),
    part=st.floats(min_value=0, max_value=0.999),
    attempts=st.integers(min_value=1, max_value=30),
    deadline=st.floats(min_value=0.1, max_value=300),
    work=st.floats(min_value=0, max_value=40),
)
def test_no_attempt_begins_after_the_deadline_and_there_are_never_too_many(
    floor: float, part: float, attempts: int, deadline: float, work: float
) -> None:
    clock = FakeClock()
    began: list[float] = []

    def labour() -> None:
        began.append(clock.seconds)
        clock.seconds += work

    retry = retrying(
        clock=clock, random=lambda: part, attempts=attempts, deadline=deadline, cap=300
    )
    calls = failing(retry, floor, work=labour)

    assert calls <= attempts
    assert all(moment < deadline for moment in began)


def test_a_retry_after_beyond_the_cap_ends_the_retries() -> None:
    clock = FakeClock()

    calls = failing(retrying(clock=clock, random=lambda: 0.0, cap=300, deadline=1e6), 300.1)

    assert calls == 1
    assert clock.slept == []


def test_a_retry_after_beyond_the_deadline_ends_the_retries() -> None:
    clock = FakeClock()

    calls = failing(retrying(clock=clock, random=lambda: 0.0, deadline=120), 50)

    assert calls == 3
    assert clock.slept == [50, 50]


def test_each_call_has_a_deadline_of_its_own() -> None:
    clock = FakeClock()
    retry = retrying(clock=clock, random=lambda: 0.0, deadline=120)

    assert [failing(retry, 50), failing(retry, 50)] == [3, 3]


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, OSError])
def test_an_exception_is_never_retried(error: type[BaseException]) -> None:
    calls: list[int] = []

    def attempt() -> None:
        calls.append(1)
        raise error("boom")

    with pytest.raises(error, match="boom"):
        retrying(clock=FakeClock(), random=lambda: 0.0)(attempt, lambda _: 0.0)
    assert calls == [1]


def test_an_interrupted_sleep_ends_the_retries() -> None:
    clock = FakeClock(stop_after=1)

    with pytest.raises(Interrupted):
        failing(retrying(clock=clock, random=lambda: 0.0), 1.0)
    assert clock.slept == [1.0]


LATER = "Sun, 01 Mar 2026 12:01:30 GMT"
NOON = "Sun, 01 Mar 2026 12:00:00 GMT"


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("0", 0.0),
        ("7", 7.0),
        (" 7 ", 7.0),
        ("007", 7.0),
        ("9" * 400, 365 * 24 * 3600.0),
        (LATER, 90.0),
        ("Sun, 01 Mar 2026 12:00:00 GMT", 0.0),
        ("Sun, 01 Mar 2026 11:00:00 GMT", 0.0),
        ("Mon, 01 Mar 9999 11:00:00 GMT", 365 * 24 * 3600.0),
        (None, None),
        ("", None),
        ("-5", None),
        ("+5", None),
        ("1.5", 1.5),
        ("0.3", 0.3),
        (".5", None),
        ("5.", None),
        ("5s", None),
        ("5, 6", 6.0),
        ("30 ,2.5,\t7", 30.0),
        ("5, ", None),
        ("5, soon", None),
        (f"5, {LATER}", None),
        ("0.000", 0.0),
        (f"{'9' * 400}.5", 365 * 24 * 3600.0),
        ("١٢", None),
        ("²", None),
        ("1e3", None),
        ("inf", None),
        ("nan", None),
        ("soon", None),
        ("Sun, 31 Feb 2026 12:00:00 GMT", None),
        ("Sun, 01 Mar 2026 25:00:00 GMT", None),
        ("Sun, 01 Mar 0000 12:00:00 GMT", 0.0),
        ("Sun, 1 Mar 2026 12:01:30 GMT", None),
        ("Sun, 01 Mar 2026 12:01:30 UTC", None),
        ("Sun, 01 Mar 2026 12:01:30 +0100", None),
        ("Sunday, 01-Mar-26 12:01:30 GMT", 90.0),
        ("Sun Mar  1 12:01:30 2026", 90.0),
        ("Sun, 01-Mar-26 12:01:30 GMT", None),
        ("2026-03-01T12:01:30Z", None),
        (f"{LATER}\n", 90.0),
        (f"{LATER} x", None),
    ],
)
def test_retry_after_is_ascii_digits_or_a_date_of_http(value: str | None, seconds: float) -> None:
    assert parse_retry_after(value, now=NOW) == seconds


@given(st.text())
def test_no_text_in_retry_after_is_an_error(value: str) -> None:
    found = parse_retry_after(value, now=NOW)

    assert found is None or 0 <= found <= 365 * 24 * 3600


@given(st.integers(min_value=0, max_value=10**7))
def test_a_date_in_retry_after_says_what_its_seconds_would(seconds: int) -> None:
    date = format_datetime(NOW + timedelta(seconds=seconds), usegmt=True)

    assert parse_retry_after(date, now=NOW) == parse_retry_after(str(seconds), now=NOW) == seconds


@pytest.mark.parametrize(
    ("date", "seconds"), [("Sun, 01 Mar 2026 12:01:00 GMT", 30.0), ("whenever", 90.0), (None, 90.0)]
)
def test_a_date_is_measured_by_the_clock_of_whoever_wrote_it(
    date: str | None, seconds: float
) -> None:
    headers = {"retry-after": LATER} | ({} if date is None else {"date": date})

    assert requested_wait(Answer(429, headers, b""), now=NOW) == seconds


@pytest.mark.parametrize(
    ("headers", "texts"),
    [
        ({"retry-after": "7"}, "it asks to wait 7 s"),
        ({"retry-after": " 7 "}, "it asks to wait 7 s"),
        ({"retry-after": LATER}, f"it asks to wait until {LATER}"),
        ({"retry-after": LATER, "date": NOON}, f"it asks to wait until {LATER}"),
        ({"retry-after": NOON, "date": LATER}, None),
        ({"retry-after": LATER, "date": LATER}, None),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "0"}, None),
        ({"retry-after": "0.0"}, None),
        ({"retry-after": "1.5"}, "it asks to wait 1.5 s"),
        ({"retry-after": "5, 6"}, "it asks to wait 6 s"),
        ({"retry-after": "9" * 40}, "it asks to wait for more than a year"),
        ({}, None),
    ],
)
def test_retry_after_is_reported_in_seconds_and_dates_as_given(
    headers: dict[str, str], texts: str | None
) -> None:
    assert wait_message(Answer(503, headers, b"")) == texts


def test_who_watches_is_given_each_repetition_with_its_number_wait_and_reason() -> None:
    seen: list[Occurrence] = []
    replies: Iterator[Answer | NoAnswer] = iter(
        [Answer(503, {}, b""), NoAnswer(Loss.LOST, "no whole answer"), Answer(200, {}, b"")]
    )
    numbers = []

    def attempt() -> Answer | NoAnswer:
        numbers.append(attempt_under_way())
        return next(replies)

    def again(reply: Answer | NoAnswer) -> float | None:
        match reply:
            case Answer(200):
                return None
            case Answer():
                return 2.0
            case NoAnswer():
                return 0.0

    retrying(clock=FakeClock(), random=lambda: 1.0, observe=seen.append)(attempt, again)

    assert numbers == [1, 2, 3]
    assert seen == [
        RetryBegun(2, 2.0, "it answered 503, and asks to wait 2 s", requested=2.0),
        RetryBegun(3, 1.0, "no whole answer"),
    ]
