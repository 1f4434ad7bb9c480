"""HttpSchemaReader: how long all reading of one tenant may take, and what ends with it."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from reconciler.adapters.clock import StopSignal, SystemClock
from reconciler.adapters.gateway import HttpSchemaReader, TenantAccess, Traffic
from reconciler.adapters.oauth2 import Authenticator, Tokens
from reconciler.adapters.retrying import retrying
from reconciler.adapters.transport import Http, HttpOptions
from reconciler.errors import TenantUnavailable
from tests.support.fakes import DIALECT, FakeClock
from tests.support.faultserver import (
    FaultServer,
    Pause,
    Received,
    Script,
    in_turn,
    json_reply,
    serving,
)
from tests.support.gateway_world import (
    BASE,
    asked_id,
    client_credentials,
    guarded,
    listed,
    paging,
    schema,
    scim_error,
    urn,
    world,
)


def test_a_pager_that_is_slow_is_left_at_the_deadline_of_reading() -> None:
    clock = FakeClock()

    def handle(request: Received) -> Script:
        clock.seconds += 10
        start, _ = paging(request)
        return json_reply(listed([schema(start)], totalResults=1000, startIndex=start))

    with (
        world(handle, read_deadline=35, clock=clock) as w,
        pytest.raises(TenantUnavailable, match=r"longer than 35 s in all; .* --read-deadline"),
    ):
        w.reader.read_all([])

    assert len(w.requests) == 4


def test_reading_by_id_belongs_to_the_deadline_of_reading() -> None:
    clock = FakeClock()

    def handle(request: Received) -> Script:
        clock.seconds += 10
        wanted = asked_id(request)
        return json_reply(schema(wanted) if wanted else listed([]))

    with (
        world(handle, read_deadline=35, clock=clock) as w,
        pytest.raises(TenantUnavailable, match="--read-deadline"),
    ):
        w.reader.read_all([urn(n) for n in range(9)])

    assert len(w.requests) == 4


def test_retries_and_their_waits_belong_to_the_deadline_of_reading() -> None:
    handle = in_turn(json_reply({}, 429, {"Retry-After": "20"}), json_reply(listed([])))
    with world(handle, read_deadline=15) as w, pytest.raises(TenantUnavailable, match="429"):
        w.reader.read_all([])

    assert len(w.requests) == 1
    assert w.clock.slept == []


def test_an_answer_that_does_not_come_ends_with_the_deadline_of_reading() -> None:
    with serving(in_turn((Pause(20),))) as server, hurried(server, 0.3) as reader:
        with pytest.raises(TenantUnavailable, match=r"longer than 0.3 s in all"):
            reader.read_all([])


def test_an_id_that_hangs_is_unreadable_and_leaves_time_to_read_the_others() -> None:
    def handle(request: Received) -> Script:
        wanted = asked_id(request)
        if wanted == urn(7):
            return (Pause(20),)
        return json_reply(schema(wanted) if wanted else listed([schema(0)]))

    admitted = guarded(handle, refuses=lambda _: False)
    with serving(admitted) as server, hurried(server, 1.0) as reader:
        live = reader.read_all([urn(7), urn(8), urn(0)])

    assert set(live.schemas) == {urn(8).lower(), urn(0).lower()}
    assert "no whole answer" in live.unreadable[urn(7).lower()]


@contextmanager
def hurried(server: FaultServer, seconds: float) -> Iterator[HttpSchemaReader]:
    """A reader by the real clock."""
    clock = SystemClock(StopSignal())
    options = HttpOptions(deadline=10)
    retry = retrying(clock=clock, random=lambda: 0.0)
    tokens = Tokens(options=options, retries=lambda: retry, clock=clock, new_id=lambda: "")
    with Http(options, methods=frozenset({"GET"})) as reads:
        yield HttpSchemaReader(
            TenantAccess(
                base_url=server.url(BASE),
                dialect=DIALECT,
                reads=reads,
                authenticator=Authenticator(client_credentials(server), tokens),
                retry=retry,
                clock=clock,
                traffic=Traffic(clock=clock),
                read_deadline=seconds,
            )
        )


def test_the_deadline_of_reading_does_not_hold_for_the_proof_of_a_write() -> None:
    clock = FakeClock()

    def handle(request: Received) -> Script:
        clock.seconds += 10
        wanted = asked_id(request)
        return json_reply(schema(wanted) if wanted else listed([]))

    with world(handle, read_deadline=15, clock=clock) as w:
        w.writer.read_all([])
        for n in range(5):
            assert w.writer.read(urn(n)) is not None


def test_a_later_gateway_knows_what_an_earlier_one_learnt_of_the_tenant() -> None:
    def handle(request: Received) -> Script:
        return scim_error(404) if asked_id(request) else json_reply(listed([]))

    with world(handle) as w:
        w.reader.read_all([])
        assert w.writer.read(urn(1)) is None

    assert [asked_id(request) for request in w.requests] == [None, urn(1)]
