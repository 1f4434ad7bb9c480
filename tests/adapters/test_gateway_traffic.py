"""Traffic and the retry budget: how gently a tenant is asked, above all one that is sick."""

from dataclasses import replace
from functools import partial
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.adapters.gateway import Traffic
from reconciler.adapters.gateway.traffic import FAILURES, MINUTE, REST
from reconciler.adapters.retrying import RetryBudget, retrying
from reconciler.domain.http_reply import Answer, Loss, NoAnswer, Reply
from reconciler.errors import Interrupted, TenantError, TenantUnavailable
from tests.support.fakes import DIALECT, FakeClock
from tests.support.faultserver import in_turn, json_reply, reply
from tests.support.gateway_world import honest, schema, service, urn, world

SICK: list[Reply] = [
    Answer(500, {}, b""),
    Answer(502, {}, b""),
    Answer(503, {}, b""),
    NoAnswer(Loss.LOST, "lost"),
    NoAnswer(Loss.NOT_SENT, "refused"),
]
WELL: list[Reply] = [Answer(status, {}, b"") for status in (200, 201, 401, 403, 404, 409, 429, 501)]


# --- the breaker ---------------------------------------------------------------------------


@pytest.mark.parametrize("failure", SICK)
def test_after_five_failures_in_a_row_a_tenant_is_left_alone(failure: Reply) -> None:
    traffic = Traffic(clock=FakeClock())
    for _ in range(FAILURES):
        traffic.admit()
        traffic.note(failure)

    with pytest.raises(TenantUnavailable, match=r"the last 5 requests failed.* another 30 s"):
        traffic.admit()


def test_a_tenant_that_this_process_could_not_ask_is_not_left_alone() -> None:
    traffic = Traffic(clock=FakeClock())
    for _ in range(2 * FAILURES):
        traffic.note(NoAnswer(Loss.NOT_SENT, "no descriptor", "raise the limit", is_ours=True))

    traffic.admit()


@pytest.mark.parametrize("answer", WELL)
def test_a_refusal_is_no_failure_of_the_tenant(answer: Reply) -> None:
    traffic = Traffic(clock=FakeClock())
    for _ in range(3):
        for failure in SICK[: FAILURES - 1]:
            traffic.note(failure)
        traffic.note(answer)
        traffic.admit()


def test_what_is_optional_may_fail_without_a_pause_and_its_answer_counts() -> None:
    traffic = Traffic(clock=FakeClock())
    for failure in 3 * SICK:
        traffic.note(failure, optional=True)
    traffic.admit()

    for failure in SICK[1:]:
        traffic.note(failure)
    traffic.note(WELL[0], optional=True)
    traffic.note(SICK[0])
    traffic.admit()


def test_resource_types_that_fail_do_not_keep_a_tenant_from_being_read() -> None:
    healthy = service(honest([schema(1)]), {urn(1).lower(): schema(1)})
    with world(lambda r: reply(500) if "ResourceTypes" in r.path else healthy(r)) as w:
        for _ in range(3):
            assert w.reader.bindings() is None
        assert w.reader.read(urn(1)) is not None


def test_after_its_pause_a_tenant_gets_one_request() -> None:
    clock = FakeClock()
    traffic = Traffic(clock=clock)
    for failure in SICK:
        traffic.note(failure)

    clock.seconds += REST
    traffic.admit()
    traffic.note(SICK[0])
    with pytest.raises(TenantUnavailable):
        traffic.admit()

    clock.seconds += REST
    traffic.admit()
    traffic.note(WELL[0])
    for _ in range(FAILURES - 1):
        traffic.note(SICK[0])
        traffic.admit()


def test_a_gateway_stops_asking_a_tenant_that_only_fails() -> None:
    with world(in_turn(reply(503))) as w:
        for _ in range(20):
            with pytest.raises(TenantUnavailable):
                w.reader.read(urn(1))
        sent = w.writer.create(schema(1))

        assert len(w.requests) == FAILURES
    assert "not sent" in sent.message
    assert w.clock.seconds < REST


# --- the rate ------------------------------------------------------------------------------


def busiest_minute(times: list[float]) -> int:
    return max(sum(1 for t in times if begin <= t < begin + MINUTE) for begin in times)


@given(st.integers(10, 400), st.lists(st.floats(0, 5), min_size=1, max_size=300))
def test_no_minute_has_more_requests_than_the_dialect_allows(
    rate: int, pauses: list[float]
) -> None:
    clock = FakeClock()
    times: list[float] = []
    traffic = Traffic(clock=clock, per_minute=rate)
    for pause in pauses:
        clock.seconds += pause if rate % 2 else 0.0
        traffic.admit()
        times.append(clock.seconds)

    assert busiest_minute(times) <= rate


def test_requests_per_minute_are_used_and_not_exceeded() -> None:
    clock = FakeClock()
    times: list[float] = []
    traffic = Traffic(clock=clock, per_minute=200)
    for _ in range(1000):
        traffic.admit()
        times.append(clock.seconds)

    assert 170 <= busiest_minute(times) <= 200
    assert times[-1] < 1000 / 170 * MINUTE


def test_requests_below_the_rate_do_not_wait() -> None:
    clock = FakeClock()
    for traffic in (Traffic(clock=clock), Traffic(clock=clock, per_minute=200)):
        for _ in range(20):
            traffic.admit()

    assert clock.slept == []


def test_a_signal_wakes_a_wait_for_the_rate() -> None:
    traffic = Traffic(clock=FakeClock(stop_after=1), per_minute=10)
    traffic.admit()

    with pytest.raises(Interrupted):
        traffic.admit()


def test_a_gateway_keeps_to_the_rate_of_its_dialect() -> None:
    gentle = replace(DIALECT, requests_per_minute=10)
    with world(service(honest([schema(1)])), dialect=gentle) as w:
        for _ in range(12):
            w.reader.read_all([])

    assert w.clock.seconds > MINUTE


# --- the budget ----------------------------------------------------------------------------


def test_two_hundred_actions_on_a_sick_service_make_few_more_requests_than_actions() -> None:
    clock = FakeClock()
    sent: list[int] = []
    retry = retrying(clock=clock, random=lambda: 0.5, budget=RetryBudget())

    for action in range(200):
        retry(partial(sent.append, action), lambda _: 0.0)

    assert len(sent) <= 1.1 * 200 + 10
    assert len(sent) > 200


@given(st.lists(st.booleans(), max_size=200))
def test_a_retry_budget_allows_ten_and_one_in_ten(asks: list[bool]) -> None:
    budget, firsts, again = RetryBudget(), 0, 0
    for first in asks:
        if first:
            budget.first()
            firsts += 1
        else:
            again += budget.take()
        assert again <= 10 + 0.1 * firsts
    if asks.count(False) >= 10:
        assert again >= 10


def test_the_budget_is_one_for_all_who_share_it() -> None:
    budget = RetryBudget()
    sent: list[int] = []
    for _ in range(50):
        retry = retrying(clock=FakeClock(), random=lambda: 0.0, budget=budget)
        retry(partial(sent.append, 1), lambda _: 0.0)

    assert len(sent) <= 1.1 * 50 + 10


@pytest.mark.parametrize("seed", range(3))
def test_retries_of_fifty_clients_are_spread(seed: int) -> None:
    times: list[float] = []
    random = Random(seed)

    def note(clock: FakeClock) -> None:
        times.append(clock.seconds)

    for _ in range(50):
        clock = FakeClock()
        retry = retrying(clock=clock, random=random.random)
        retry(partial(note, clock), lambda _: 0.0)

    later = [t for t in times if t > 0]
    mean = len(later) / max(later)
    for begin in range(int(max(later)) + 1):
        if begin >= 2:  # before that the windows themselves are that narrow
            assert sum(1 for t in later if begin <= t < begin + 1) <= 3 * mean


@pytest.mark.parametrize("requested", [0, 299, 300, 301, 3600])
def test_retry_after_is_waited_for_up_to_three_hundred_seconds(requested: int) -> None:
    throttled = reply(429, b"", {"Retry-After": str(requested)})
    documents = json_reply(schema(1))
    with world(in_turn(throttled, documents), deadline=900) as w:
        if requested <= 300:
            assert w.reader.read(urn(1)) is not None
            assert w.clock.seconds >= requested
        else:
            with pytest.raises(TenantError, match=f"asks to wait {requested} s"):
                w.reader.read(urn(1))
            assert w.clock.seconds == 0
