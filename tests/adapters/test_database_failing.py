"""A store whose disk has failed, or whose file is gone, takes nothing more in that run."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from reconciler.errors import StateError
from tests.support.store_world import behind_its_back, created, entry, intended, intent, opened

GROWING_AGAIN = """
import resource, sys
from pathlib import Path
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


def test_what_is_wrong_with_one_record_stops_no_other(tmp_path: Path) -> None:
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
