"""The wall clock jumps, at any moment, anywhere: waits, deadlines and tokens do not notice."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from email.utils import format_datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.adapters.locks import FileLocks
from reconciler.adapters.retrying import requested_wait, retrying
from reconciler.domain.http_reply import Answer
from reconciler.errors import TenantLocked
from tests.support.fakes import START, FakeClock
from tests.support.token_world import counting, meeting

DAY = 86400.0
JUMPS = st.lists(st.sampled_from([-DAY, -3600.0, 0.0, 3600.0, DAY]), min_size=1, max_size=12)


@dataclass
class JumpingClock(FakeClock):
    """Each look at the wall clock finds it moved by the next jump; the other one goes on."""

    jumps: list[float] = field(default_factory=list)
    offset: float = 0.0

    def now(self) -> datetime:
        if self.jumps:
            self.offset += self.jumps.pop()
        return START + timedelta(seconds=self.seconds + self.offset)


def throttled(clock: FakeClock, *, by_date: bool) -> tuple[int, list[float], float]:
    """Calls, waits and duration of a request that a service keeps asking to come back in 7 s."""
    calls = []

    def attempt() -> Answer:
        calls.append(clock.monotonic())
        sent = START + timedelta(seconds=clock.monotonic())
        later = sent + timedelta(seconds=7)
        return Answer(
            429,
            {
                "date": format_datetime(sent, usegmt=True),
                "retry-after": format_datetime(later, usegmt=True) if by_date else "7",
            },
            b"",
        )

    retry = retrying(clock=clock, random=lambda: 0.0, attempts=4)
    retry(attempt, lambda answer: requested_wait(answer, now=clock.now()))
    return len(calls), clock.slept, clock.monotonic()


@given(JUMPS, st.booleans())
def test_waits_and_deadlines_are_those_of_a_clock_that_does_not_jump(
    jumps: list[float], by_date: bool
) -> None:
    steady = throttled(FakeClock(), by_date=by_date)

    jumping = throttled(JumpingClock(jumps=jumps), by_date=by_date)

    assert jumping == steady == (4, [7.0, 7.0, 7.0], 21.0)


@pytest.mark.parametrize("jump", [-DAY, DAY])
def test_a_token_is_renewed_when_it_is_old_and_not_when_the_wall_clock_says_so(
    jump: float,
) -> None:
    clock = JumpingClock(jumps=[jump] * 10)
    with meeting(counting(expires_in=600), clock) as (server, authenticator):
        headers = []
        for _ in range(10):
            clock.now()
            headers.append(authenticator.header())
            clock.seconds += 50
        clock.seconds += 60
        renewed = authenticator.header()

    assert set(headers) == {"Bearer t1"}
    assert renewed == "Bearer t2"
    assert len(server.requests) == 2


@pytest.mark.parametrize("jump", [-DAY, DAY])
def test_a_lock_is_waited_for_as_long_as_the_timeout(jump: float, tmp_path: Path) -> None:
    clock = JumpingClock(jumps=[jump] * 100)
    ours, theirs = (FileLocks(tmp_path, holder=who, clock=clock) for who in ("us", "them"))

    with theirs.hold("acme"), pytest.raises(TenantLocked):
        ours.hold("acme", patience=12).__enter__()

    assert clock.monotonic() == pytest.approx(12)
