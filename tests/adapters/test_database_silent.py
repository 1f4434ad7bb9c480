"""A server that is there and says nothing: each answer is due in time, and then no more is asked.

As a server that is stopped behind a proxy, or a proxy that forwards nothing any more: no
connection ends, and no keepalive finds it.
"""

from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager

import pytest

from reconciler.adapters.database import Store, open_store, seen_and_kept
from reconciler.errors import StateError
from reconciler.ports import Locks
from tests.support.lock_world import StoppedClock
from tests.support.postgres import Server
from tests.support.store_world import RECEIVER, adopted, entry, event, intended, intent, rows
from tests.support.wire import COMMIT, Lost, Wire, wire_to

SECONDS = 0.5
SILENT = r"^the store \S+ did not answer within 0\.5 seconds \(--state-deadline\)"
NOT_RECORDED = SILENT + "; nothing of this step was recorded"
NOT_KNOWN = SILENT + "; whether this step was recorded is not known"
NOT_AGAIN = SILENT + "; it is not asked again in this run"


@contextmanager
def through(server: Server, url: str) -> Iterator[tuple[Store, Wire]]:
    """A store behind a wire that can be frozen, made and ready."""
    with wire_to(server.port) as wire:
        behind = url.replace(f":{server.port}/", f":{wire.port}/")
        with closing(open_store(behind, deadline=SECONDS)) as store:
            yield store, wire


def require_nothing_more_is_asked(store: Store, wire: Wire) -> None:
    requested = len(wire.seen)
    for deed in (lambda: store.record(entry()), store.waiting, lambda: store.open_intents("acme")):
        with pytest.raises(StateError, match=f"{NOT_AGAIN}|{NOT_KNOWN}"):
            deed()
    assert len(wire.seen) == requested


def adopt(store: Store) -> None:
    store.adopt(adopted(), event(), [RECEIVER])


def read(store: Store) -> None:
    list(store.records())


@pytest.mark.parametrize(
    ("deed", "texts"),
    [
        (adopt, b"BEGIN"),
        (adopt, b"pg_advisory_xact_lock"),
        (read, b"FROM audit"),
    ],
)
@pytest.mark.parametrize("lost", [Lost.MESSAGE, Lost.REST, Lost.ANSWER])
def test_a_step_that_gets_no_answer_ends_and_is_not_recorded(
    postgres: Server, deed: Callable[[Store], None], texts: bytes, lost: Lost
) -> None:
    url = postgres.schema()
    with through(postgres, url) as (store, wire):
        wire.freeze_at = (texts, lost)

        with pytest.raises(StateError, match=NOT_RECORDED):
            deed(store)

        require_nothing_more_is_asked(store, wire)
    assert rows(url, "SELECT * FROM audit") == []


@pytest.mark.parametrize(("lost", "kept"), [(Lost.MESSAGE, 0), (Lost.REST, 0), (Lost.ANSWER, 2)])
def test_a_commit_without_an_answer_counts_as_not_recorded(
    postgres: Server, lost: Lost, kept: int
) -> None:
    url = postgres.schema()
    with through(postgres, url) as (store, wire):
        wire.freeze_at = (COMMIT, lost)

        with pytest.raises(StateError, match=NOT_KNOWN):
            adopt(store)

        require_nothing_more_is_asked(store, wire)
    assert rows(url, "SELECT count(*) FROM audit") == [(kept,)]


def locks_of(store: Store) -> Locks:
    locks = store.locks(holder="ci", clock=StoppedClock())
    assert locks is not None
    return locks


def test_a_lock_that_gets_no_answer_is_not_held(postgres: Server) -> None:
    with through(postgres, postgres.schema()) as (store, wire):
        wire.freeze_at = (b"pg_try_advisory_lock", Lost.ANSWER)

        with pytest.raises(StateError, match=SILENT), locks_of(store).hold("acme"):
            raise AssertionError("held")


def test_locks_that_cannot_be_given_back_keep_nobody_waiting(postgres: Server) -> None:
    url = postgres.schema()
    with through(postgres, url) as (store, wire):
        locks = locks_of(store)
        with locks.hold("acme"), locks.hold("beta"):
            wire.freeze_at = (b"INSERT INTO audit", Lost.MESSAGE)
            with pytest.raises(StateError, match=SILENT):
                store.intend(intent(), intended())
            requested = len(wire.seen)

        assert len(wire.seen) == requested


def test_a_server_that_never_answers_is_reported(postgres: Server) -> None:
    url = postgres.schema()
    with wire_to(postgres.port) as wire:
        wire.frozen = True
        silent = url.replace(f":{postgres.port}/", f":{wire.port}/")

        with pytest.raises(StateError, match="cannot be reached: it did not answer in time"):
            open_store(silent, deadline=SECONDS)


def test_a_server_that_answers_each_step_in_time_has_no_total_deadline(postgres: Server) -> None:
    """The deadline is for each answer, and neither for a connection nor for a run."""
    with through(postgres, postgres.schema()) as (store, _):
        rested = "SELECT pg_sleep(0.2)"
        with store._database.reading() as connection:
            for _ in range(4):
                connection.rows(rested)

        store.record(entry())


def test_a_writer_that_keeps_the_lock_is_distinguished_from_a_silent_server(
    postgres: Server,
) -> None:
    url = postgres.schema()
    with (
        through(postgres, url) as (store, _),
        closing(open_store(url)) as other,
        other._database.writing(),
        pytest.raises(StateError, match="is locked: another process is writing"),
    ):
        store.record(entry())


def test_a_plan_does_without_a_trail_that_is_silent(postgres: Server) -> None:
    url = postgres.schema()
    with through(postgres, url), wire_to(postgres.port) as wire:
        wire.freeze_at = (b"FROM audit", Lost.ANSWER)

        with pytest.raises(StateError, match=r"did not answer within 5 seconds"):
            seen_and_kept(url.replace(f":{postgres.port}/", f":{wire.port}/"))
