"""One writer per tenant on a server: a lock names its holder and dies with its session."""

import os
import re
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from subprocess import PIPE, Popen

import pytest

from reconciler.adapters.database import Store, open_store
from reconciler.errors import Interrupted, StateError, TenantLocked
from reconciler.ports import Clock, HeldLock, Locks
from tests.support.lock_world import StoppedClock
from tests.support.postgres import Server as Postgres
from tests.support.store_world import intended, intent, rows


class WaitingClock(StoppedClock):
    """Time passes when somebody sleeps; at the n-th sleep something happens."""

    def __init__(self, at: int, happens: threading.Event | Exception) -> None:
        self.seconds = 0.0
        self.slept = 0
        self.at, self.happens = at, happens

    def monotonic(self) -> float:
        return self.seconds

    def sleep(self, seconds: float) -> None:
        self.seconds += seconds
        self.slept += 1
        if self.slept == self.at:
            if isinstance(self.happens, Exception):
                raise self.happens
            self.happens.set()


def locks_of(store: Store, holder: str = "ci", clock: Clock | None = None) -> Locks:
    locks = store.locks(holder=holder, clock=clock or StoppedClock())
    assert locks is not None
    return locks


@contextmanager
def locking(url: str, holder: str = "ci", clock: Clock | None = None) -> Iterator[Locks]:
    with closing(open_store(url)) as store:
        yield locks_of(store, holder, clock)


@pytest.fixture
def url(postgres: Postgres) -> str:
    return postgres.schema()


HOLDER = """
import sys
from tests.adapters.test_session_locks import locking

with locking(sys.argv[1], "night-job") as locks, locks.hold("acme"):
    print("held", flush=True)
    sys.stdin.readline()
"""


@contextmanager
def held_elsewhere(url: str) -> Iterator["Popen[str]"]:
    """Another process that holds the lock of acme until it gets a line, or dies."""
    with Popen(
        [sys.executable, "-c", HOLDER, url],
        stdin=PIPE,
        stdout=PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": os.getcwd()},  # noqa: PTH109 — a string is needed
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        yield process
        if process.poll() is None:
            process.communicate("\n")


def test_a_file_keeps_no_locks(tmp_path: object) -> None:
    with closing(open_store(f"sqlite:///{tmp_path}/state.db")) as store:
        assert store.locks(holder="ci", clock=StoppedClock()) is None


def test_a_lock_is_free_again_when_the_block_is_left(url: str) -> None:
    for _ in range(3):
        with locking(url) as locks, locks.hold("acme"):
            assert rows(url, "SELECT tenant, holder FROM holders") == [("acme", "ci")]

    assert rows(url, "SELECT * FROM holders") == []


def test_a_lock_is_free_again_after_a_failure(url: str) -> None:
    with locking(url) as locks:
        with pytest.raises(ZeroDivisionError), locks.hold("acme"):
            raise ZeroDivisionError

        with locks.hold("acme"):
            pass


def test_a_tenant_has_one_writer_in_a_process_too(url: str) -> None:
    with locking(url) as same, locking(url, "other") as other, same.hold("acme"):
        for locks in (same, other, same):  # the refusal took nothing away
            with (
                pytest.raises(TenantLocked, match="tenant acme is locked by ci"),
                locks.hold("acme"),
            ):
                raise AssertionError("two writers")


def test_a_tenant_has_one_writer_whatever_search_path_leads_to_the_store(
    postgres: Postgres,
) -> None:
    """As users do who share `public`, where only some have a schema of their own name."""
    shared, own = (postgres.schema().rpartition("%3D")[2] for _ in range(2))
    path = f"{postgres.url('postgres')}?options=-csearch_path%3D"
    with (
        locking(path + shared) as locks,
        locking(f"{path}{own}%2C{shared}", "other") as other,
        locks.hold("acme"),
    ):
        with pytest.raises(TenantLocked, match="tenant acme is locked by ci"):
            other.hold("acme").__enter__()


def test_tenants_do_not_wait_for_each_other(url: str) -> None:
    with locking(url) as locks, locking(url) as other, locks.hold("acme"), other.hold("beta"):
        assert rows(url, "SELECT tenant FROM holders ORDER BY 1") == [("acme",), ("beta",)]


def test_stores_in_one_database_do_not_wait_for_each_other(postgres: Postgres) -> None:
    with (
        locking(postgres.schema()) as locks,
        locking(postgres.schema()) as other,
        locks.hold("acme"),
        other.hold("acme"),
    ):
        pass


def test_threads_that_lock_at_once_hold_it_one_at_a_time(url: str) -> None:
    start, done = threading.Barrier(6), threading.Barrier(6)
    ends: list[str] = []

    def run(locks: Locks) -> None:
        start.wait()
        try:
            with locks.hold("acme"):
                ends.append("held")
                done.wait()
        except TenantLocked:
            ends.append("locked")
            done.wait()

    with locking(url) as one, locking(url) as two:
        threads = [threading.Thread(target=run, args=(each,)) for each in (one, two) * 3]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    assert sorted(ends) == ["held"] + ["locked"] * 5


def test_the_message_of_a_locked_tenant_names_holder_host_and_time(url: str) -> None:
    with (
        held_elsewhere(url) as process,
        locking(url) as locks,
        pytest.raises(TenantLocked) as refusal,
    ):
        locks.hold("acme").__enter__()

    assert re.fullmatch(
        rf"tenant acme is locked by night-job \(process {process.pid} on \S+\) "
        r"since 2026-01-02T03:04:05\.000Z: wait for that run to end, or stop it; .*",
        str(refusal.value),
    )


def test_a_lock_without_a_holder_row_is_reported(url: str) -> None:
    with locking(url) as locks, locking(url) as other, locks.hold("acme"):
        with closing(open_store(url)):
            rows(url, "DELETE FROM holders RETURNING 1")

        with pytest.raises(TenantLocked, match="another run, which has not said its name yet"):
            other.hold("acme").__enter__()


def test_the_lock_of_a_killed_process_is_free_with_its_session(url: str) -> None:
    with held_elsewhere(url) as process:
        process.send_signal(signal.SIGKILL)
        process.wait()

        clock = WaitingClock(0, threading.Event())
        with locking(url, "day-job", clock) as locks, locks.hold("acme", patience=600):
            assert rows(url, "SELECT holder FROM holders") == [("day-job",)]


def test_a_holder_row_without_a_session_is_no_lock(url: str) -> None:
    with closing(open_store(url)):
        rows(url, "INSERT INTO holders VALUES ('acme', 'ghost', 1, 'h', 'then') RETURNING 1")

    with locking(url) as locks, locks.hold("acme"):
        assert rows(url, "SELECT holder FROM holders") == [("ci",)]


def test_a_lock_that_comes_free_in_time_is_waited_for(url: str) -> None:
    freed, holds = threading.Event(), threading.Event()

    def other() -> None:
        with locking(url, "slow") as locks, locks.hold("acme"):
            holds.set()
            freed.wait(10)

    thread = threading.Thread(target=other)
    thread.start()
    holds.wait(10)

    with locking(url, clock=WaitingClock(2, freed)) as locks, locks.hold("acme", patience=6000):
        pass
    thread.join()


def test_the_lock_timeout_ends_with_a_message(url: str) -> None:
    clock = WaitingClock(0, threading.Event())
    with locking(url) as holder, holder.hold("acme"), locking(url, clock=clock) as locks:
        with pytest.raises(TenantLocked, match=r"locked by ci .*, still after 2 seconds: wait"):
            locks.hold("acme", patience=2).__enter__()

    assert clock.seconds == pytest.approx(2)


def test_a_signal_ends_the_wait(url: str) -> None:
    clock = WaitingClock(1, Interrupted(15))
    with locking(url) as holder, holder.hold("acme"), locking(url, clock=clock) as locks:
        with pytest.raises(Interrupted):
            locks.hold("acme", patience=60).__enter__()


def test_no_intent_is_written_after_the_lock_was_lost(postgres: Postgres) -> None:
    database = postgres.new()
    with closing(open_store(postgres.url(database))) as store:
        locks = locks_of(store)
        with locks.hold("acme"):
            store.intend(intent(), intended())
            assert postgres.cut(database) >= 1

            with pytest.raises(StateError, match=r"lock of tenant acme was lost, because .*again"):
                store.intend(intent(), intended())

            assert len(store.open_intents("acme")) == 1  # the store itself has come back
            store.intend(intent(tenant="beta"), intended("beta"))  # nobody locked it

        with pytest.raises(StateError, match="was lost"), locks.hold("beta"):
            raise AssertionError("held")


def test_no_intent_is_written_under_a_lock_that_a_pooler_has_freed(url: str) -> None:
    """The session goes on, and quietly: DISCARD ALL is what many poolers send between clients."""
    with closing(open_store(url)) as store:
        with locks_of(store).hold("acme"):
            assert store._locks is not None
            with store._locks._asking() as session:
                session.rows("SELECT pg_advisory_unlock_all()")

            with pytest.raises(StateError, match="lock of tenant acme was lost"):
                store.intend(intent(), intended())

        assert store.open_intents("acme") == ()


def test_no_intent_is_written_under_a_lock_that_another_run_has_got_since(
    postgres: Postgres,
) -> None:
    database = postgres.new()
    url = postgres.url(database)
    with closing(open_store(url)) as store, locks_of(store).hold("acme"):
        assert postgres.cut(database) >= 1
        with locking(url, "night-job") as other, other.hold("acme"):
            with pytest.raises(StateError, match="lock of tenant acme was lost"):
                store.intend(intent(), intended())

            assert store.open_intents("acme") == ()


def test_a_lock_without_its_signature_is_taken_for_another_run_s(url: str) -> None:
    with closing(open_store(url)) as store, locks_of(store).hold("acme"):
        rows(url, "UPDATE holders SET holder = 'somebody' RETURNING 1")

        with pytest.raises(StateError, match="lock of tenant acme was lost"):
            store.intend(intent(), intended())


def test_an_intent_of_a_tenant_that_was_given_back_needs_no_lock(url: str) -> None:
    with closing(open_store(url)) as store:
        with locks_of(store).hold("acme"):
            pass

        assert store.intend(intent(), intended()) == 1


# Who holds what


def held(url: str) -> list[HeldLock]:
    with closing(open_store(url, create=False, only_read=True)) as store:
        found = store.held_locks()
    assert found is not None
    return found


def test_what_is_held_is_listed_with_its_holder_and_nothing_else(url: str) -> None:
    hook = "https://hr.example.com/scim/sync"
    with closing(open_store(url)):
        pass
    assert held(url) == []
    with (
        held_elsewhere(url),
        locking(url, "other") as others,
        others.hold_queue("zeta", hook),
    ):
        first, second = held(url)

        assert (first.tenant, first.is_queue) == ("acme", False)
        assert first.holder.startswith("night-job (process ")
        assert first.since is not None
        assert (second.tenant, second.is_queue) == ("zeta", True)
    assert held(url) == []


def test_a_killed_holder_is_listed_no_more(url: str) -> None:
    with held_elsewhere(url) as process:
        process.kill()
        process.wait()
        deadline = time.monotonic() + 20
        while held(url) and time.monotonic() < deadline:
            time.sleep(0.05)

        assert held(url) == []
        assert rows(url, "SELECT tenant FROM holders") == [("acme",)]


def test_to_look_at_locks_refuses_nobody_one(url: str) -> None:
    ended = threading.Event()

    def look() -> None:
        while not ended.is_set():
            held(url)

    with locking(url) as locks:
        looking = threading.Thread(target=look)
        looking.start()
        for _ in range(100):
            with locks.hold("acme"):
                pass
        ended.set()
        looking.join()
