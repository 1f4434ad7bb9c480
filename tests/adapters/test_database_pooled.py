"""A store behind a real PgBouncer: locks hold in it, and what cannot hold is refused."""

import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Iterator
from configparser import ConfigParser
from contextlib import ExitStack, closing, contextmanager
from multiprocessing.connection import Connection as Pipe

import pytest

from reconciler.adapters.database import Store, open_store
from reconciler.domain.records import check_chain
from reconciler.errors import StateError, TenantLocked
from reconciler.ports import Locks
from tests.support.lock_world import StoppedClock
from tests.support.pages import page_with
from tests.support.pooler import pooler
from tests.support.postgres import Server
from tests.support.store_world import created, entry, event, intended, intent, opened, rows

pytestmark = pytest.mark.thorough
MODES = ("transaction", "session")


@contextmanager
def locking(
    url: str, holder: str = "ci", *, deadline: float = 30.0
) -> Iterator[tuple[Store, Locks]]:
    with closing(open_store(url, deadline=deadline)) as store:
        locks = store.locks(holder=holder, clock=StoppedClock())
        assert locks is not None
        yield store, locks


@pytest.fixture
def database(postgres: Server) -> Iterator[str]:
    """A database whose store is made; no lock is left in it, and no session of a pool."""
    name = postgres.new()
    with opened(postgres.url(name)):
        pass
    yield name
    postgres.wait_until_idle(name)


def advisory_locks(postgres: Server, database: str) -> int:
    query = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'"
    [(number,)] = rows(postgres.url(database), query)
    return int(number)


def wait_until_free(postgres: Server, database: str) -> None:
    ends = time.monotonic() + 10
    while advisory_locks(postgres, database):
        assert time.monotonic() < ends, "a lock stays in the pool"
        time.sleep(0.02)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("warm", [0, 4])
def test_a_tenant_has_one_writer_behind_a_pooler_whether_its_pool_is_used_or_not(
    postgres: Server, database: str, mode: str, warm: int
) -> None:
    with pooler(postgres, mode) as pool, ExitStack() as used:
        for _ in range(warm):  # so many sessions lie there, for whoever comes next
            used.enter_context(closing(pool.connect(database))).execute("BEGIN")
        used.close()
        with (
            locking(pool.url(database)) as (_, locks),
            locking(pool.url(database), "b") as (_, others),
        ):
            for _ in range(5):
                with locks.hold("acme"), others.hold("beta"):
                    for tenant, other in (("acme", others), ("beta", locks)):
                        with pytest.raises(TenantLocked, match=f"tenant {tenant} is locked by"):
                            other.hold(tenant).__enter__()
        wait_until_free(postgres, database)


def test_threads_and_runs_behind_a_pooler_hold_a_lock_one_at_a_time(
    postgres: Server, database: str
) -> None:
    inside, most = [0], [0]
    turn = threading.Lock()

    def run(locks: Locks) -> None:
        for _ in range(20):
            with ExitStack() as held:
                try:
                    held.enter_context(locks.hold("acme"))
                except TenantLocked:
                    continue
                with turn:
                    inside[0] += 1
                    most[0] = max(most[0], inside[0])
                time.sleep(0.001)
                with turn:
                    inside[0] -= 1

    with pooler(postgres, "transaction") as pool, ExitStack() as open_ones:
        runs = [open_ones.enter_context(locking(pool.url(database), name))[1] for name in "abc"]
        threads = [threading.Thread(target=run, args=(each,)) for each in runs * 2]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    assert most == [1]


def test_intents_and_outcomes_are_written_behind_a_pooler(postgres: Server, database: str) -> None:
    with (
        pooler(postgres, "transaction") as pool,
        locking(pool.url(database)) as (store, locks),
        locks.hold("acme"),
    ):
        store.settle(store.intend(intent(), intended()), created(), event())

        assert check_chain(store.records()).records == 4
        found = store.held_locks()
        assert found is not None
        assert [lock.tenant for lock in found] == ["acme"]


def hold(url: str, held: Pipe) -> None:
    with locking(url, "night-job") as (_, locks), locks.hold("acme"):
        held.send("held")
        time.sleep(60)


@pytest.mark.process
@pytest.mark.parametrize("mode", MODES)
def test_the_lock_of_a_killed_run_is_free_though_the_pool_goes_on(
    postgres: Server, database: str, mode: str
) -> None:
    context = multiprocessing.get_context("spawn")
    with pooler(postgres, mode) as pool:
        ours, theirs = context.Pipe()
        process = context.Process(target=hold, args=(pool.url(database), theirs))
        process.start()
        assert ours.recv() == "held"
        assert process.pid is not None
        os.kill(process.pid, signal.SIGKILL)
        process.join()

        wait_until_free(postgres, database)
        with locking(pool.url(database)) as (_, locks), locks.hold("acme"):
            pass


def test_a_lock_lasts_longer_than_the_server_lets_transactions_wait(
    postgres: Server, database: str
) -> None:
    for limit in ("idle_in_transaction_session_timeout", "transaction_timeout", "lock_timeout"):
        postgres.run(f"ALTER DATABASE {database} SET {limit} = '300ms'")
    with (
        pooler(postgres, "transaction") as pool,
        locking(pool.url(database)) as (store, locks),
        locks.hold("acme"),
    ):
        time.sleep(0.8)

        assert store.intend(intent(), intended()) == 1


def test_no_intent_is_written_once_the_pooler_has_ended_a_transaction_that_waited(
    postgres: Server, database: str
) -> None:
    with (
        pooler(postgres, "transaction", idle_transaction_timeout="0.2") as pool,
        locking(pool.url(database)) as (store, locks),
        locks.hold("acme"),
    ):
        wait_until_free(postgres, database)

        with pytest.raises(StateError, match=r"lock of tenant acme was lost.* connection pooler"):
            store.intend(intent(), intended())

        assert store.open_intents("acme") == ()


def test_no_intent_is_written_once_the_pooler_has_died(postgres: Server, database: str) -> None:
    with (
        pooler(postgres, "transaction") as pool,
        locking(pool.url(database)) as (store, locks),
        locks.hold("acme"),
    ):
        pool.kill()
        wait_until_free(postgres, database)

        with pytest.raises(StateError):
            store.intend(intent(), intended())


def test_a_reset_between_clients_frees_no_lock(postgres: Server, database: str) -> None:
    resets = {"server_reset_query": "DISCARD ALL", "server_reset_query_always": "1"}
    for mode in MODES:
        with (
            pooler(postgres, mode, **resets) as pool,
            locking(pool.url(database)) as (store, locks),
            locks.hold("acme"),
        ):
            store.record(entry())
            store.intend(intent(), intended())


def test_a_pool_keeps_no_setting_of_a_run(postgres: Server, database: str) -> None:
    names = "'tcp_keepalives_idle', 'synchronous_commit', 'lock_timeout', 'idle_session_timeout'"
    query = f"SELECT name, setting, source FROM pg_settings WHERE name IN ({names}) ORDER BY name"
    with pooler(postgres, "transaction", default_pool_size="2") as pool:
        with closing(pool.connect(database)) as before:
            wanted = before.execute(query).fetchall()
        with locking(pool.url(database)) as (store, locks), locks.hold("acme"):
            store.record(entry())
        with closing(pool.connect(database)) as one, closing(pool.connect(database)) as two:
            for each in (one, two):
                each.execute("BEGIN")
            assert [each.execute(query).fetchall() for each in (one, two)] == [wanted] * 2


def test_statement_mode_is_refused_before_anything_is_made(postgres: Server) -> None:
    name = postgres.new()
    with pooler(postgres, "statement") as pool:
        with pytest.raises(StateError, match=r"pooler in statement mode.*pool_mode.* or connect"):
            open_store(pool.url(name))

    assert rows(postgres.url(name), "SELECT to_regclass('meta')") == [(None,)]
    postgres.wait_until_idle(name)


@pytest.mark.parametrize(
    ("settings", "deadline", "texts"),
    [
        ({"query_wait_timeout": "1"}, 10, r"no connection from its pooler: .* default_pool_size"),
        ({}, 2, r"did not answer within 2 seconds.*pooler with less than two connections a run"),
    ],
)
def test_a_pool_that_is_too_small_is_reported(
    postgres: Server, database: str, settings: dict[str, str], deadline: int, texts: str
) -> None:
    with (
        pooler(postgres, "transaction", default_pool_size="1", **settings) as pool,
        locking(pool.url(database), deadline=deadline) as (_, locks),
        pytest.raises(StateError, match=texts),
    ):
        locks.hold("acme").__enter__()


def test_a_search_path_that_a_pooler_drops_is_refused(postgres: Server) -> None:
    """The tables would be those of another store, and nobody would see it."""
    url, _, options = postgres.schema().partition("?")
    database = url.rpartition("/")[2]
    ignored = "extra_float_digits,options"
    with pooler(postgres, "transaction", ignore_startup_parameters=ignored) as pool:
        with pytest.raises(StateError, match=r"does not get the search_path.*ALTER ROLE"):
            open_store(f"{pool.url(database)}?{options}")

    with pooler(postgres, "transaction") as pool:
        with pytest.raises(StateError, match=r"pooler that takes no `options`.*ALTER ROLE"):
            open_store(f"{pool.url(database)}?{options}")


def test_a_pooler_without_a_connection_is_reported(postgres: Server, database: str) -> None:
    with pooler(postgres, "session", max_client_conn="1") as pool, closing(pool.connect(database)):
        with pytest.raises(StateError, match=r"no connection left at its pooler.*max_client_conn"):
            open_store(pool.url(database))


def test_the_settings_of_the_page_about_state_are_taken(postgres: Server, database: str) -> None:
    page = ConfigParser()
    page.read_string(page_with("docs/state.md", "ini"))
    settings = dict(page["pgbouncer"])
    mode = settings.pop("pool_mode")
    with (
        pooler(postgres, mode, **settings) as pool,
        locking(pool.url(database)) as (store, locks),
        locks.hold("acme"),
    ):
        assert store.intend(intent(), intended()) == 1
