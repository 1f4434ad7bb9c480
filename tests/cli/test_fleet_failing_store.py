"""A store that fails in a run over many tenants: from then on nothing leaves the process."""

import json
import sqlite3
import subprocess
import sys
from collections import Counter
from contextlib import closing
from pathlib import Path

import pytest

from reconciler.domain.jsontext import Json
from tests.support.fleet.failing import FAILURE, REQUEST
from tests.support.fleet.manifests import ENVIRON, Fleet
from tests.support.fleet.places import service
from tests.support.fleet.service import Running
from tests.support.program import ROOT, Folder
from tests.support.warm import Done

__all__ = ["service"]

pytestmark = pytest.mark.process

TENANTS = 40
AT_ONCE = 16
RECORDS = 2 + TENANTS * 4  # the run's own two; of a tenant its skips, a create and a webhook
APPLY = ("apply", "--auto-approve", "--parallelism", str(AT_ONCE), "--report", "report.json")
REFUSING = """
CREATE TRIGGER refusing BEFORE INSERT ON audit WHEN NEW.seq >= {number}
BEGIN SELECT RAISE(ABORT, 'no room'); END
"""


@pytest.fixture
def folder(tmp_path: Path, service: Running) -> Folder:
    service.set(reset=True, delay=0.02)
    fleet = Fleet(origin=service.origin, tenants=TENANTS, extensions=2, live=1, webhooks=True)
    fleet.write(tmp_path / "desired-state")
    return Folder(tmp_path, dict(ENVIRON))


def noted(folder: Folder, *texts: str, under: tuple[str, ...] = ()) -> tuple[Done, list[str]]:
    """A run to its end, with its requests and the failures of its store in their order."""
    file = folder.path / "notes.json"
    command = [sys.executable, "-m", "tests.support.fleet.failing", str(file), *texts]
    done = subprocess.run(
        [*under, *command],
        cwd=folder.path,
        env=folder.environment({"PYTHONPATH": str(ROOT)}),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    return Done(done.returncode, done.stdout, done.stderr), json.loads(file.read_text())


def state(folder: Folder) -> Path:
    return folder.path / ".reconciler/state.db"


def change(folder: Folder, statement: str) -> None:
    with closing(sqlite3.connect(state(folder))) as raw, raw:
        raw.execute(statement)


def requests(service: Running) -> Counter[str]:
    found: Counter[str] = Counter()
    for kinds in service.counted().tenants.values():
        found.update(kinds)
    return found


def require_silence(done: Done, notes: list[str], service: Running) -> None:
    """Nothing left after the first failure, and what is noted is what the service saw."""
    assert done.code == 1, done.everything
    assert "Traceback" not in done.everything
    assert FAILURE in notes
    assert REQUEST not in notes[notes.index(FAILURE) :], done.everything
    assert notes.count(REQUEST) == requests(service).total()


def require_finished(folder: Folder, service: Running) -> None:
    """The next run settles what was begun, and announces each create once it is proved."""
    resumed = folder.run("apply", "--auto-approve")
    assert resumed.code == 0, resumed.everything
    plan = folder.run("plan", "--detailed-exitcode")
    assert plan.code == 0, plan.everything
    assert requests(service)["create"] == TENANTS
    assert requests(service)["webhook"] >= TENANTS
    assert folder.run("audit", "verify").code == 0


def fail_at(folder: Folder, service: Running, number: int) -> Json:
    """An apply whose store takes no record from that one on; its report."""
    assert folder.run("apply", "--recover-only").code == 0  # it makes the store, with two records
    change(folder, REFUSING.format(number=2 + number))
    service.set(reset=True)

    done, notes = noted(folder, *APPLY)

    require_silence(done, notes, service)
    assert "no room" in done.err
    change(folder, "DROP TRIGGER refusing")
    report = json.loads((folder.path / "report.json").read_text())
    require_finished(folder, service)
    return report


@pytest.mark.parametrize("number", [1, 2, 40, 80, 120, 150, RECORDS])
def test_after_a_failed_record_of_a_fleet_no_request_leaves(
    folder: Folder, service: Running, number: int
):
    fail_at(folder, service, number)


@pytest.mark.chaos
@pytest.mark.parametrize("number", range(1, RECORDS + 1))
def test_after_any_failed_record_of_a_fleet_no_request_leaves(
    folder: Folder, service: Running, number: int
):
    fail_at(folder, service, number)


@pytest.mark.parametrize("kilobytes", [128, 256, 384])
def test_after_a_full_disk_no_request_of_a_fleet_leaves(
    folder: Folder, service: Running, kilobytes: int
):
    assert folder.run("apply", "--recover-only").code == 0
    service.set(reset=True)

    limit = ("prlimit", f"--fsize={kilobytes * 1024}")
    done, notes = noted(folder, *APPLY, under=limit)

    require_silence(done, notes, service)
    require_finished(folder, service)


def test_a_write_on_the_wire_when_the_store_failed_is_reported_as_unknown(
    folder: Folder, service: Running
):
    # The first tenants write at once: each a skip, and a request later its intent. Amid those the
    # creates of the ones before are on the wire, however quick the machine is.
    report = fail_at(folder, service, 1 + AT_ONCE + AT_ONCE // 2)

    outcomes = {change["outcome"] for t in report["tenants"] for change in t["changes"]}
    assert "unknown" in outcomes
