"""The way to the server breaks at any message of any deed: all of it is recorded, or nothing."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from dataclasses import replace

import pytest

from reconciler.adapters.database import Store, open_store
from reconciler.domain.records import Event, Status, check_chain
from reconciler.errors import StateError
from reconciler.ports import Announcement
from tests.support.lock_world import StoppedClock
from tests.support.postgres import Server
from tests.support.store_world import (
    RECEIVER,
    adopted,
    attempt,
    created,
    dump,
    entry,
    event,
    intended,
    intent,
    opened,
    to_send,
)
from tests.support.wire import COMMIT, Cut, Lost, Reach, wire_to


def intend(store: Store) -> None:
    store.intend(intent(), intended())


def settle(store: Store) -> None:
    [(number, _)] = store.open_intents("acme")
    store.settle(number, created(), event(2))


def adopt(store: Store) -> None:
    store.adopt(adopted(), event(3), [RECEIVER])


def deliver(store: Store) -> None:
    store.delivered(to_send(store)[0], attempt(Status.SYNCED, 204))


def announce(store: Store) -> None:
    ends = [Announcement(event=event(4), webhooks=[RECEIVER], entry=adopted(), is_recorded=False)]
    store.announce("acme", ends)


DEEDS = (intend, settle, adopt, deliver, announce)


def filled(url: str) -> None:
    """One intent that is open, one webhook that waits."""
    with opened(url) as store:
        store.adopt(adopted(), event(1), [RECEIVER])
        intend(store)


def messages(server: Server, deed: Callable[[Store], None]) -> list[bytes]:
    """All that a deed asks the server, its reads and the way back to the pool too."""
    url = server.schema()
    filled(url)
    with wire_to(server.port) as wire, closing(open_store(behind(url, server, wire.port))) as store:
        before = len(wire.seen)
        deed(store)
        return wire.seen[before:]


def test_an_intent_takes_one_round_trip_to_begin_and_one_to_end(postgres: Server) -> None:
    opening, ending = messages(postgres, intend)

    requested = (b"BEGIN", b"fsync", b"pg_advisory_xact_lock", b"max(seq)", b"nextval")
    done = (b"INSERT INTO audit", b"INSERT INTO intents", b"INSERT INTO outbox", COMMIT)
    assert in_order(opening, requested)
    assert in_order(ending, done)


def in_order(message: bytes, texts: tuple[bytes, ...]) -> bool:
    places = [message.find(each) for each in texts]
    return -1 not in places and places == sorted(places)


TWO = {
    "record": lambda s: s.record(entry()),
    "50 skips": lambda s: s.record_all([entry()] * 50),
    "adopt": adopt,
}
ROUND_TRIPS = {
    **{name: (deed, 2) for name, deed in TWO.items()},
    "settle, and look what is open before": (settle, 1 + 2),
    "deliver, and look what waits before": (deliver, 3 + 2),
    "histories": (lambda s: s.histories("acme"), 1),
    "intents": (lambda s: s.intents_of([1, 1]), 1),
    "announce": (
        lambda s: s.announce(
            "acme",
            [
                Announcement(
                    event=event(n), webhooks=[RECEIVER], entry=adopted(), is_recorded=False
                )
                for n in (2, 3)
            ],
        ),
        2,
    ),
    "left open": (lambda s: s.left_open(), 1),
    "waiting": (lambda s: s.waiting(), 1),
    "records": (lambda s: list(s.records()), 2),  # the second finds no more
}


@pytest.mark.parametrize(("deed", "number"), ROUND_TRIPS.values(), ids=ROUND_TRIPS.keys())
def test_a_deed_takes_so_many_round_trips(
    postgres: Server, deed: Callable[[Store], None], number: int
) -> None:
    assert len(messages(postgres, deed)) == number


@pytest.mark.parametrize("tenants", [1, 2])
def test_an_intent_under_its_tenants_lock_asks_the_session_of_the_lock_nothing(
    postgres: Server, tenants: int
) -> None:
    url = postgres.schema()
    with wire_to(postgres.port) as wire, closing(open_store(behind(url, postgres, wire.port))) as s:
        locks = s.locks(holder="ci", clock=StoppedClock())
        assert locks is not None
        names = [f"tenant-{number}" for number in range(tenants)]
        with ExitStack() as held:
            for name in names:
                held.enter_context(locks.hold(name))
            before = len(wire.seen)
            for name in names:
                s.intend(intent(tenant=name), intended(name))
            requested = wire.seen[before:]

    assert len(requested) == 2 * tenants
    assert sum(b"pg_try_advisory_xact_lock" in message for message in requested) == tenants


def behind(url: str, server: Server, port: int) -> str:
    return url.replace(f":{server.port}/", f":{port}/")


def cuts(requested: list[bytes]) -> Iterator[Cut]:
    """Each message, half of it, and its answer; of what changes something as far as may be."""
    for number, message in enumerate(requested, 1):
        for place, lost in enumerate((Lost.MESSAGE, Lost.REST, Lost.ANSWER)):
            reaches = list(Reach) if b"INSERT" in message else [list(Reach)[(number + place) % 3]]
            for reach in reaches:
                yield Cut(number=number, lost=lost, reach=reach)


@pytest.mark.thorough
@pytest.mark.parametrize("deed", DEEDS)
def test_a_transaction_whose_server_is_lost_is_whole_or_not_there(
    postgres: Server, deed: Callable[[Store], None]
) -> None:
    url = postgres.schema()
    filled(url)
    before = dump(url)
    requested = messages(postgres, deed)
    last = len(requested)
    assert COMMIT in requested[-1]
    refused, unknown = 0, 0

    for cut in cuts(requested):
        reported = lost_at(cut, url, postgres, deed)
        kept = dump(url) != before
        if reported is None:  # it was cut where a new connection could be made
            assert kept, cut
        else:
            assert (
                "cannot be reached" in reported
                or "whether this step was recorded is not" in reported
            )
            done = cut.lost is Lost.ANSWER and cut.number == last
            assert kept is done, (cut, requested[cut.number - 1])
            refused += 1
            unknown += kept
        if kept:
            require_whole(url, len(before) + grown(deed))
            url = postgres.schema()
            filled(url)
            before = dump(url)

    assert unknown == len(Reach)
    assert refused >= 3 * len(Reach)


def lost_at(cut: Cut, url: str, server: Server, deed: Callable[[Store], None]) -> str | None:
    with wire_to(server.port) as wire, closing(open_store(behind(url, server, wire.port))) as store:
        wire.cut = replace(cut, number=len(wire.seen) + cut.number)
        return attempted(deed, store)


def require_whole(url: str, rows: int) -> None:
    with opened(url) as store:
        assert check_chain(store.records()).broken_at is None
    assert len(dump(url)) == rows


def attempted(deed: Callable[[Store], None], store: Store) -> str | None:
    """What a person is told; None where nothing had to be told."""
    try:
        deed(store)
    except StateError as error:
        return str(error)
    return None


def grown(deed: Callable[[Store], None]) -> int:
    """How many rows a deed adds: its audit records, and what it keeps beside them."""
    more = {intend: 1 + 2, adopt: 2 * 1, settle: 2, announce: 2}
    return 1 + next((rows for each, rows in more.items() if each is deed), 0)


def test_after_a_commit_without_an_answer_the_store_takes_nothing_more_in_that_run(
    postgres: Server,
) -> None:
    url = postgres.schema()
    filled(url)
    unknown = "whether this step was recorded is not known"
    with wire_to(postgres.port) as wire, closing(open_store(behind(url, postgres, wire.port))) as s:
        [(number, _)] = s.open_intents("acme")
        requested = messages(postgres, settle)
        commit = max(n for n, message in enumerate(requested, 1) if COMMIT in message)
        wire.cut = Cut(number=len(wire.seen) + commit, lost=Lost.ANSWER, reach=Reach.ALL)
        with pytest.raises(StateError, match=unknown):
            settle(s)

        with pytest.raises(StateError, match=unknown):
            s.intend(intent(tenant="beta"), intended("beta"))
        assert s.open_intents("acme") == ()
        assert s.open_intents("beta") == ()

    with opened(url) as store:
        with pytest.raises(StateError, match=f"intent {number} has no outcome to wait for"):
            store.settle(number, replace(created(), detail="again"), event(2))
        ended = [r for r in store.records() if r["event"] == Event.SCHEMA_EXTENSION_CREATED]
        assert len(ended) == 1
