"""Applies that start together: one writes, the others are told, and nothing is there twice."""

import subprocess
import time
from collections.abc import Iterator

import pytest

from tests.support.arena import Arena, Ended, arena_in, ended, outcomes, records, urns
from tests.support.postgres import Server
from tests.support.program import Folder

CHANGES = 3


@pytest.fixture(scope="module")
def arena(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Arena]:
    with arena_in(tmp_path_factory.mktemp("arena") / "base") as made:
        yield made


def all_at_once(folders: list[Folder], *more: str) -> list[Ended]:
    """An apply in each folder, started together; how they ended, in that order."""
    begun = time.monotonic()
    processes: list[subprocess.Popen[str]] = [
        folder.start("apply", "--auto-approve", *more) for folder in folders
    ]
    return [ended(process, begun, within=90) for process in processes]


def race_with_one_state(arena: Arena, runners: int) -> None:
    folder = arena.fresh(CHANGES)

    runs = all_at_once([folder] * runners)

    require_one_writer(arena, folder, runs)


def race_with_one_database(arena: Arena, runners: int, server: Server) -> None:
    """From a folder each, as runners on several machines: the first of them makes the tables."""
    folders = [arena.fresh(CHANGES)]
    folders += [arena.folder(CHANGES) for _ in range(runners - 1)]
    url = server.url()
    for folder in folders:
        folder.environ["RECONCILER_STATE"] = url

    runs = all_at_once(folders)

    require_one_writer(arena, folders[0], runs)


def require_one_writer(arena: Arena, folder: Folder, runs: list[Ended]) -> None:
    """Whoever has the lock writes; the others exit 5, or 0 where they came after it."""
    assert {run.code for run in runs} <= {0, 5}, runs
    assert 0 in {run.code for run in runs}
    for loser in (run for run in runs if run.code == 5):
        assert "tenant dev is locked by " in loser.out
    assert arena.live() == urns(CHANGES)
    written = [urn for urn, status in outcomes(folder) if status == "SUCCESS"]
    assert sorted(written) == urns(CHANGES)
    assert [event["copies"] for event in arena.events()] == [1] * CHANGES
    reported = [r for r in records(folder) if r["event"] == "HR_SYNC_COMPLETED"]
    assert len(reported) == CHANGES


def race_with_states_of_their_own(arena: Arena, runners: int) -> None:
    """Without a lock the service decides: one creates, the others find it there and adopt it."""
    folders = [arena.fresh(CHANGES)]
    folders += [arena.folder(CHANGES) for _ in range(runners - 1)]

    runs = all_at_once(folders)

    assert [run.code for run in runs] == [0] * runners, runs
    assert arena.live() == urns(CHANGES)
    created = [r for f in folders for r in records(f) if (r["detail"] or "").startswith("applied")]
    assert sorted(r["schema_id"] for r in created) == urns(CHANGES)
    ids = arena.inbox()
    assert sorted(ids) == urns(CHANGES)
    assert all(len(events) == 1 for events in ids.values()), ids  # a receiver drops the copies


def test_two_applies_on_one_state_do_everything_once(arena: Arena):
    for _ in range(3):
        race_with_one_state(arena, 2)


def test_two_applies_on_one_database_do_everything_once(arena: Arena, postgres: Server):
    for _ in range(3):
        race_with_one_database(arena, 2, postgres)


def test_two_applies_with_states_of_their_own_do_everything_once(arena: Arena):
    for _ in range(3):
        race_with_states_of_their_own(arena, 2)


def test_eight_applies_with_states_of_their_own_do_everything_once(arena: Arena):
    race_with_states_of_their_own(arena, 8)


def test_an_apply_that_waits_for_the_lock_finds_nothing_to_do(arena: Arena):
    folder = arena.fresh(CHANGES)
    arena.front.delay = 0.05

    runs = all_at_once([folder] * 2, "--lock-timeout", "60")

    assert [run.code for run in runs] == [0, 0], runs
    assert sorted(run.out.count("applied and verified") for run in runs) == [0, CHANGES]
    assert "waiting up to 60 seconds for it" in runs[0].err + runs[1].err
    assert [event["copies"] for event in arena.events()] == [1] * CHANGES


def owing(arena: Arena, state: str | None = None) -> Folder:
    """A folder whose changes are made and whose webhooks HR has not taken yet."""
    folder = arena.fresh(CHANGES)
    if state is not None:
        folder.environ["RECONCILER_STATE"] = state
    arena.front.instead = lambda seen: (503, {}) if "/hr/" in seen.path else None
    applied = folder.run("apply", "--auto-approve")
    assert f"0 delivered, {CHANGES} pending" in applied.out, applied.everything
    arena.front.calm()
    assert arena.events() == []
    return folder


def race_of_senders(arena: Arena, folder: Folder, runners: int) -> None:
    """Some deliver, one applies: what each event's copies are is what HR got of it."""
    arena.front.delay = 0.02
    begun = time.monotonic()
    processes = [folder.start("webhooks", "deliver", "--now") for _ in range(runners)]
    processes.append(folder.start("apply", "--auto-approve"))

    runs = [ended(process, begun, within=90) for process in processes]

    assert [run.code for run in runs] == [0] * len(runs), runs
    assert [event["copies"] for event in arena.events()] == [1] * CHANGES
    reported = [r["status"] for r in records(folder) if r["event"] == "HR_SYNC_COMPLETED"]
    assert (reported.count("FAILED"), reported.count("SYNCED")) == (CHANGES, CHANGES)


def test_two_senders_at_once_send_nothing_twice_and_lose_nothing(arena: Arena):
    for _ in range(3):
        race_of_senders(arena, owing(arena), 2)


def test_two_senders_on_one_database_send_nothing_twice_and_lose_nothing(
    arena: Arena, postgres: Server
):
    for _ in range(3):
        race_of_senders(arena, owing(arena, postgres.url()), 2)


def test_a_queue_of_a_killed_sender_goes_to_the_waiting_one(arena: Arena):
    folder = owing(arena)
    arena.front.stalls = lambda seen: "/hr/" in seen.path
    killed = folder.start("webhooks", "deliver", "--now")
    assert arena.front.arrived.wait(60)
    begun = time.monotonic()
    waits = folder.start("webhooks", "deliver", "--now")
    assert waits.stderr is not None
    while "waiting up to" not in (line := waits.stderr.readline()):
        assert line, "it does not wait"

    killed.kill()
    killed.communicate()
    arena.front.calm()

    run = ended(waits, begun)
    assert (run.code, run.out) == (0, f"{CHANGES} delivered, 0 pending\n")
    assert [event["copies"] for event in arena.events()] == [1] * CHANGES


@pytest.mark.chaos
@pytest.mark.timeout(7200)
def test_a_hundred_races_of_senders(arena: Arena, postgres: Server):
    for number in range(100):
        race_of_senders(arena, owing(arena, postgres.url() if number % 4 == 0 else None), 3)


@pytest.mark.chaos
@pytest.mark.timeout(7200)
def test_a_hundred_races_of_two_applies_on_one_state(arena: Arena):
    for _ in range(100):
        race_with_one_state(arena, 2)


@pytest.mark.chaos
@pytest.mark.timeout(7200)
def test_a_hundred_races_of_two_and_ten_of_eight_applies_on_one_database(
    arena: Arena, postgres: Server
):
    for _ in range(100):
        race_with_one_database(arena, 2, postgres)
    for _ in range(10):
        race_with_one_database(arena, 8, postgres)


@pytest.mark.chaos
@pytest.mark.timeout(7200)
def test_a_hundred_races_of_two_applies_with_states_of_their_own(arena: Arena):
    for _ in range(100):
        race_with_states_of_their_own(arena, 2)


@pytest.mark.chaos
@pytest.mark.timeout(7200)
def test_twenty_five_races_of_eight_applies(arena: Arena):
    for number in range(25):
        race = race_with_one_state if number % 2 else race_with_states_of_their_own
        race(arena, 8)
