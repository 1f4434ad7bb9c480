"""The way to the server breaks at any message of any deed: all of it is recorded, or nothing."""

from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace

import pytest

from reconciler.adapters.database import Store, open_store
from reconciler.domain.records import Event, Status, check_chain
from reconciler.errors import StateError
from tests.support.postgres import Server
from tests.support.store_world import (
    RECEIVER,
    adopted,
    attempt,
    created,
    dump,
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


DEEDS = (intend, settle, adopt, deliver)


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


def test_a_step_asks_its_server_once_to_begin_and_once_to_end(postgres: Server) -> None:
    asked = messages(postgres, intend)

    opening, head, record, begun, first, second, commit = asked
    assert all(words in opening for words in (b"BEGIN", b"fsync", b"pg_advisory_xact_lock"))
    assert b"max(seq)" in head
    assert b"INSERT INTO audit" in record
    assert b"INSERT INTO intents" in begun
    assert b"INSERT INTO outbox" in first
    assert b"INSERT INTO outbox" in second
    assert COMMIT in commit


def behind(url: str, server: Server, port: int) -> str:
    return url.replace(f":{server.port}/", f":{port}/")


def cuts(asked: list[bytes]) -> Iterator[Cut]:
    """Each message, or else its answer; of a COMMIT both."""
    for number, message in enumerate(asked, 1):
        either = (Lost.MESSAGE, Lost.ANSWER)
        for lost in either if COMMIT in message else either[number % 2 :][:1]:
            yield Cut(number=number, lost=lost, reach=list(Reach)[number % 3])


@pytest.mark.thorough
@pytest.mark.parametrize("deed", DEEDS)
def test_a_deed_whose_server_is_lost_is_recorded_whole_or_not_at_all(
    postgres: Server, deed: Callable[[Store], None]
) -> None:
    url = postgres.schema()
    filled(url)
    before = dump(url)
    asked = messages(postgres, deed)
    last = max(number for number, message in enumerate(asked, 1) if COMMIT in message)
    refused, unknown = 0, 0

    for cut in cuts(asked):
        told = lost_at(cut, url, postgres, deed)
        kept = dump(url) != before
        if told is None:  # it was cut where a new connection could be made
            assert kept, cut
        else:
            assert "cannot be reached" in told or "whether this step was recorded is not" in told
            done = cut.lost is Lost.ANSWER and cut.number == last
            assert kept is done, (cut, asked[cut.number - 1])
            refused += 1
            unknown += kept
        if kept:
            require_whole(url, len(before) + grown(deed))
            url = postgres.schema()
            filled(url)
            before = dump(url)

    assert unknown == 1
    assert refused > len(asked) / 2


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
    """How many rows a deed adds: its audit record, and what it keeps beside it."""
    more = {intend: 1 + 2, adopt: 1}
    return 1 + next((rows for each, rows in more.items() if each is deed), 0)


def test_after_a_commit_without_an_answer_the_store_takes_nothing_more_in_that_run(
    postgres: Server,
) -> None:
    url = postgres.schema()
    filled(url)
    unknown = "whether this step was recorded is not known"
    with wire_to(postgres.port) as wire, closing(open_store(behind(url, postgres, wire.port))) as s:
        [(number, _)] = s.open_intents("acme")
        asked = messages(postgres, settle)
        commit = max(n for n, message in enumerate(asked, 1) if COMMIT in message)
        reads = sum(1 for message in asked[:commit] if b"FROM intents" in message)
        assert reads == 1
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
