"""A signal, or a store that fails, in a run over many tenants: what waits is not begun."""

import json
import signal
import sqlite3
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest

from tests.support.fleet.manifests import ENVIRON, Fleet
from tests.support.fleet.places import service
from tests.support.fleet.service import Running
from tests.support.program import Folder

__all__ = ["service"]

pytestmark = pytest.mark.process

TENANTS = 40
APPLY = ("apply", "--auto-approve", "--report", "report.json")


@pytest.fixture
def folder(tmp_path: Path, service: Running) -> Folder:
    fleet = Fleet(origin=service.origin, tenants=TENANTS, extensions=3, live=2, webhooks=True)
    fleet.write(tmp_path / "desired-state")
    return Folder(tmp_path, dict(ENVIRON))


def requests(service: Running) -> Counter[str]:
    found: Counter[str] = Counter()
    for kinds in service.counted().tenants.values():
        found.update(kinds)
    return found


def when(service: Running, kind: str, number: int) -> None:
    ends = time.monotonic() + 60
    while requests(service)[kind] < number:
        assert time.monotonic() < ends, f"no {number} requests of kind {kind} came"
        time.sleep(0.02)


def interrupted(folder: Folder, service: Running, kind: str, number: int) -> tuple[int, str, str]:
    """An apply that is told to stop once so many requests of a kind have come."""
    service.set(reset=True, delay=0.3)
    with folder.start(*APPLY) as process, ThreadPoolExecutor(1) as reading:
        # A plan of so many tenants does not fit into a pipe that nobody reads.
        read = reading.submit(process.communicate, timeout=120)
        try:
            when(service, kind, number)
            process.send_signal(signal.SIGTERM)
            out, err = read.result()
        finally:
            process.kill()
            service.set(delay=0.0)
    return process.returncode, out, err


@pytest.mark.parametrize(
    ("kind", "number"), [("list", 5), ("create", 5), ("webhook", 5)], ids=["plan", "apply", "HR"]
)
def test_a_signal_in_a_large_run_is_followed_by_its_summary_report_and_record(
    folder: Folder, service: Running, kind: str, number: int
):
    code, out, err = interrupted(folder, service, kind, number)

    assert code == 143, out + err
    ending = "nothing was written" if kind == "list" else "what was begun is recorded, run again"
    assert f"interrupted by signal 15; {ending}" in err
    report = json.loads((folder.path / "report.json").read_text())
    assert (report["exit"]["code"], report["finished"]) == (143, False)
    last = folder.audit()[-1]
    assert (last["event"], last["status"]) == ("RUN_COMPLETED", "FAILED")
    assert last["detail"].startswith("interrupted")
    begun = requests(service)
    if kind == "list":
        assert begun["list"] < TENANTS
        assert begun["create"] == 0
    else:
        assert "Apply was cut short." in out
    if kind == "create":
        assert begun["create"] < TENANTS
        assert "not-attempted" in out

    resumed = folder.run("apply", "--auto-approve")

    assert resumed.code == 0, resumed.everything
    assert requests(service)["create"] >= TENANTS
    plan = folder.run("plan", "--detailed-exitcode")
    assert plan.code == 0, plan.everything


def test_a_run_that_nothing_can_wake_says_that_nothing_was_written_before_it_is_ended(
    folder: Folder, service: Running
):
    service.set(reset=True)
    assert folder.run("apply", "--auto-approve", "--tenant", "acme-00000").code == 0
    store = folder.path / ".reconciler/state.db"
    with closing(sqlite3.connect(store)) as other:
        other.execute("BEGIN IMMEDIATE")  # whoever wants to write waits in C, where no signal is
        process = folder.start(*APPLY)
        opened = Path(f"/proc/{process.pid}/fd")
        ends = time.monotonic() + 60
        while store not in {link.resolve() for link in opened.iterdir()}:
            assert time.monotonic() < ends, "the store is not opened"
            time.sleep(0.02)
        time.sleep(1)
        process.send_signal(signal.SIGTERM)
        _, err = process.communicate(timeout=60)

    assert process.returncode == 143
    assert "ended before the run had: nothing was written\n" in err


def test_a_second_signal_in_a_write_says_what_is_not_known(folder: Folder, service: Running):
    service.set(reset=True, delay=1.0)
    with folder.start(*APPLY, "--tenant", "acme-00000") as process:
        when(service, "create", 1)
        process.send_signal(signal.SIGTERM)
        time.sleep(0.2)
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=60)
    service.set(delay=0.0)

    assert process.returncode == 130
    assert "ended before the run had: what became of the last request, and whether it was" in err
