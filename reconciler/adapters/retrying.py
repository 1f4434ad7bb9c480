"""Patience: when to ask again, and when to stop asking; the home of tenacity."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from threading import Lock
from typing import TYPE_CHECKING, Generic, TypeVar

from reconciler.domain.http_reply import Answer, NoAnswer
from reconciler.occurrences import Observe, RetryBegun, attempting

if TYPE_CHECKING:
    from tenacity import RetryCallState

    from reconciler.ports import Clock, Retry

T = TypeVar("T")

FIRST_WINDOW = 0.5  # seconds: the first wait is drawn from here, each later window is twice as wide
LAST_WINDOW = 60.0
LONGEST_WAIT = 365 * 24 * 3600.0  # a longer wait that is asked for counts as a year


def retrying(
    *,
    clock: Clock,
    random: Callable[[], float],
    attempts: int = 5,
    deadline: float = 120.0,
    cap: float = 300.0,
    budget: RetryBudget | None = None,
    observe: Observe | None = None,
) -> Retry:
    """A Retry of at most so many attempts, none of which begins `deadline` seconds after the first.

    Between them it waits a random part of a window that doubles (full jitter), or as long as
    `again` asks if that is longer. Asked for more than `cap` seconds, or for more than is left, it
    gives up at once: to wait less than was asked would only make noise. `random` gives floats in
    [0, 1). `budget` bounds the retries of a tenant in a run. An exception is never retried.
    `observe` gets each repetition before it is waited for.
    """
    return _Patience(
        clock=clock,
        random=random,
        attempts=attempts,
        deadline=deadline,
        cap=cap,
        budget=budget or RetryBudget(),
        observe=observe,
    )


class RetryBudget:
    """The retries of one tenant in a run: ten, and one for each ten requests.

    A service that fails one request fails the next: without a bound, five tries each
    make five times the load just when it can be borne least.
    """

    __slots__ = ("_again", "_firsts", "_least", "_lock", "_share")

    def __init__(self, *, least: int = 10, share: float = 0.1) -> None:
        self._least = least
        self._share = share
        self._lock = Lock()
        self._firsts = 0
        self._again = 0

    def first(self) -> None:
        """Count a first attempt."""
        with self._lock:
            self._firsts += 1

    def take(self) -> bool:
        """Take one retry; False where none is left to take."""
        with self._lock:
            allowed = self._again + 1 <= self._least + self._share * self._firsts
            self._again += allowed
            return allowed


def requested_wait(answer: Answer, *, now: datetime) -> float | None:
    """The seconds of an answer's Retry-After, None without a usable one.

    A date is measured from the answer's own Date, so that two clocks that differ do no harm.
    """
    sent = _http_date(answer.headers.get("date", ""))
    return parse_retry_after(answer.headers.get("retry-after"), now=sent or now)


def wait_message(answer: Answer) -> str | None:
    """The wait that a Retry-After asks for, for a person; None where it asks for none."""
    text = answer.headers.get("retry-after", "").strip()
    if (seconds := _largest_number(text)) is not None:
        shown = f"{seconds} s" if float(seconds) <= LONGEST_WAIT else "for more than a year"
        return f"it asks to wait {shown}" if float(seconds) else None
    moment, sent = _http_date(text), _http_date(answer.headers.get("date", ""))
    if moment is None or (sent is not None and moment <= sent):
        return None
    return f"it asks to wait until {text}"


def parse_retry_after(value: str | None, *, now: datetime) -> float | None:
    """Seconds from a Retry-After header: ASCII digits or a date (RFC 9110 10.2.3).

    A fraction is taken too, and of several numbers, which service and proxy have set, the longest.
    A date in the past asks for no wait. Anything else is ignored and gives None. `now` is aware.
    """
    text = (value or "").strip()
    if (seconds := _largest_number(text)) is not None:
        return min(float(seconds), LONGEST_WAIT)
    moment = _http_date(text)
    if moment is None:
        return None
    return min(max(0.0, (moment - now).total_seconds()), LONGEST_WAIT)


def _largest_number(text: str) -> str | None:
    """The largest of the numbers in a list; None where it is no list of numbers."""
    numbers = re.split(r"\s*,\s*", text)
    if not all(re.fullmatch(r"[0-9]+(\.[0-9]+)?", number) for number in numbers):
        return None
    return max(numbers, key=float)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class _Patience:
    """A ports.Retry; see `retrying`."""

    clock: Clock
    random: Callable[[], float]
    attempts: int
    deadline: float
    cap: float
    budget: RetryBudget
    observe: Observe | None

    def __call__(
        self, attempt: Callable[[], T], again: Callable[[T], float | None], within: float = math.inf
    ) -> T:
        """As the port does."""
        call = _Call(
            again=again,
            clock=self.clock,
            random=self.random,
            attempts=self.attempts,
            cap=self.cap,
            ends=self.clock.monotonic() + min(self.deadline, within),
            budget=self.budget,
            observe=self.observe,
        )
        self.budget.first()
        first = call.tried(attempt, 1)
        return call.follow(first, attempt) if call.wants_more(first) else first


@dataclass(slots=True, kw_only=True, eq=False, repr=False)
class _Call(Generic[T]):
    """One call under way; `floor` is what `again` asked for after the last attempt."""

    again: Callable[[T], float | None]
    clock: Clock
    random: Callable[[], float]
    attempts: int
    cap: float
    ends: float
    budget: RetryBudget
    observe: Observe | None
    floor: float | None = None

    def tried(self, attempt: Callable[[], T], number: int) -> T:
        """The result of an attempt; who watches knows its number."""
        if self.observe is None:
            return attempt()
        with attempting(number):
            return attempt()

    def follow(self, first: T, attempt: Callable[[], T]) -> T:
        """Go on after a first result that was not enough."""
        # A run in which all is well at once never needs it, and it brings asyncio with it.
        from tenacity import Retrying, retry_if_result

        results = [first]
        call = Retrying(
            sleep=self.clock.sleep,
            stop=self.stops,
            wait=self.wait,
            retry=retry_if_result(self.wants_more),
            retry_error_callback=_last_result,
            before_sleep=None if self.observe is None else self.tell,
        )

        def again() -> T:
            number = call.statistics["attempt_number"]
            return results.pop() if results else self.tried(attempt, number)

        return call(again)

    def tell(self, state: RetryCallState) -> None:
        """Say that the next attempt is waited for, and why."""
        assert self.observe is not None
        match _last_result(state):
            case Answer(status=status):
                reason = f"it answered {status}"
            case NoAnswer(reason=lost):
                reason = lost
            case _:
                reason = "the last attempt was not enough"
        if self.floor:
            reason += f", and asks to wait {self.floor:g} s"
        number, seconds = state.attempt_number + 1, state.upcoming_sleep
        self.observe(RetryBegun(number, seconds, reason, self.floor or 0.0))

    def wants_more(self, result: T) -> bool:
        self.floor = self.again(result)
        return self.floor is not None

    def wait(self, state: RetryCallState) -> float:
        window = min(LAST_WINDOW, FIRST_WINDOW * 2.0 ** (state.attempt_number - 1))
        return max(self.floor or 0.0, self.random() * window)

    def stops(self, state: RetryCallState) -> bool:
        return (
            state.attempt_number >= self.attempts
            or (self.floor or 0.0) > self.cap
            or self.clock.monotonic() + state.upcoming_sleep >= self.ends
            or not self.budget.take()
        )


def _last_result(state: RetryCallState) -> object:
    assert state.outcome is not None
    return state.outcome.result()


_DAYS = "Mon|Tue|Wed|Thu|Fri|Sat|Sun"
_MONTHS = "Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec"
_TIME = "[0-9]{2}:[0-9]{2}:[0-9]{2}"
_IMF_FIXDATE = rf"(?:{_DAYS}), [0-9]{{2}} (?:{_MONTHS}) [0-9]{{4}} {_TIME} GMT"
_LONG_DAYS = "Monday|Tuesday|Wednesday|Thursday|Friday|Saturday|Sunday"
_RFC_850 = rf"(?:{_LONG_DAYS}), [0-9]{{2}}-(?:{_MONTHS})-[0-9]{{2}} {_TIME} GMT"
_ASCTIME = rf"(?:{_DAYS}) (?:{_MONTHS}) [0-9 ][0-9] {_TIME} [0-9]{{4}}"


def _http_date(text: str) -> datetime | None:
    """A date of RFC 9110 section 5.6.7, in one of the two obsolete forms too; None for all else."""
    if not any(re.fullmatch(form, text) for form in (_IMF_FIXDATE, _RFC_850, _ASCTIME)):
        return None
    try:
        return parsedate_to_datetime(text).replace(tzinfo=UTC)
    except ValueError:  # the 31st of February
        return None
