"""A store whose disk has failed, or whose file is gone, takes nothing more in that run."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from reconciler.adapters.database import Store, open_store
from reconciler.domain.outbox import OutboxRow
from reconciler.domain.records import Status
from reconciler.errors import StateError
from tests.support.store_world import (
    RECEIVER,
    adopted,
    attempt,
    behind_its_back,
    created,
    entry,
    event,
    intended,
    intent,
    opened,
    to_send,
)

GROWING_AGAIN = """
import resource, sys
from pathlib import Path
from reconciler.domain.outbox import OutboxRow
from reconciler.errors import StateError
from tests.support.store_world import entry, opened

with opened(Path(sys.argv[1])) as store:
    resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, resource.RLIM_INFINITY))
    for limit in (200_000, -1):
        try:
            for number in range(200):
                store.record(entry())
        except StateError as error:
            print(number, error)
        resource.setrlimit(resource.RLIMIT_FSIZE, (-1, -1))
with opened(Path(sys.argv[1])) as store:
    store.record(entry())
    print("opened again, it records")
"""


def test_after_a_failed_write_the_store_refuses_the_next_though_the_disk_is_well_again(
    tmp_path: Path,
) -> None:
    done = subprocess.run(
        [sys.executable, "-c", GROWING_AGAIN, str(tmp_path / "state.db")],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONPATH": str(Path.cwd())},
    )

    failed, refused, again = done.stdout.splitlines()
    at, _, message = failed.partition(" ")
    assert int(at) > 0
    assert "the disk gives an error" in message
    assert refused == f"0 {message}"
    assert again == "opened again, it records"


def remove(path: Path) -> None:
    shutil.rmtree(path.parent)


def remove_file(path: Path) -> None:
    path.unlink()


def remove_log(path: Path) -> None:
    path.with_name("state.db-wal").unlink()


def replace(path: Path) -> None:
    shutil.copy(path, path.with_name("other"))
    path.with_name("other").rename(path)


@pytest.mark.parametrize("take_away", [remove, remove_file, remove_log, replace])
def test_a_store_that_is_taken_away_is_noticed_by_the_next_write(
    tmp_path: Path, take_away: Callable[[Path], None]
) -> None:
    path = tmp_path / "state" / "state.db"
    with opened(path) as store:
        store.record(entry())
        take_away(path)

        with pytest.raises(StateError, match="was removed or replaced while this run was using"):
            store.intend(intent(), intended())
        with pytest.raises(StateError, match="was removed or replaced while this run was using"):
            store.record(entry())


def test_one_bad_record_stops_no_other(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    with opened(path) as store:
        with pytest.raises(StateError, match="intent 7 has no outcome to wait for"):
            store.settle(7, created(), None)
        behind_its_back(
            path,
            "CREATE TRIGGER no BEFORE INSERT ON audit BEGIN SELECT RAISE(ABORT, 'no room'); END",
        )
        with pytest.raises(StateError, match="no room"):
            store.record(entry())
        behind_its_back(path, "DROP TRIGGER no")

        store.record(entry())

        assert store.head()[0] == 1


WRITES: dict[str, Callable[[Store, int, OutboxRow], object]] = {
    "record": lambda store, number, row: store.record(entry()),
    "record_all": lambda store, number, row: store.record_all([entry(), entry()]),
    "intend": lambda store, number, row: store.intend(intent(), intended()),
    "settle": lambda store, number, row: store.settle(number, created(), None),
    "adopt": lambda store, number, row: store.adopt(adopted(), event(), [RECEIVER]),
    "delivered": lambda store, number, row: store.delivered(row, attempt(Status.SYNCED, 204)),
    "failed": lambda store, number, row: store.failed(row, attempt(Status.FAILED, 500), None),
}


@pytest.mark.parametrize("write", WRITES.values(), ids=WRITES.keys())
def test_each_write_of_a_store_that_fails_is_reported_before_it_raises(
    tmp_path: Path, write: Callable[[Store, int, OutboxRow], object]
) -> None:
    path = tmp_path / "state.db"
    failures: list[str] = []

    def report(error: StateError) -> None:
        failures.append(str(error))

    with closing(open_store(f"sqlite:///{path}", failed=report)) as store:
        number = store.intend(intent(), intended())
        store.settle(store.intend(intent(), intended()), created(), event())
        row, *_ = to_send(store)
        assert failures == []
        behind_its_back(
            path,
            "CREATE TRIGGER no BEFORE INSERT ON audit BEGIN SELECT RAISE(ABORT, 'no room'); END",
        )

        with pytest.raises(StateError, match="no room") as raised:
            write(store, number, row)

    assert failures == [str(raised.value)]
