"""The store fails in every way a disk can: nothing is written unrecorded, nothing known is lost."""

import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.support.crash import (
    APPLY,
    NAMES,
    SYNCS,
    WRITES,
    Made,
    Point,
    World,
    left_by,
    require_finished,
    world,
)
from tests.support.fail_closed import require_failed_closed, require_intents_first
from tests.support.warm import Done, Warm

TENTH = 7  # tests that share every tenth point
ALL = 35  # tests that share all points
ERRORS = ("EIO", "ENOSPC")


@pytest.fixture(scope="session")
def calls(tmp_path_factory: pytest.TempPathFactory, warm: Warm) -> tuple[Made, ...]:
    """What an apply of five changes calls when nothing fails."""
    with world(tmp_path_factory.mktemp("calls"), warm) as traced:
        done = traced.traced()
        assert done.code == 0, done.everything
        return traced.calls()


def points(calls: tuple[Made, ...]) -> list[Point]:
    """The calls to state files that may fail: each sync, every other write of a page."""
    state = [made.point for made in calls if made.concerns_state]
    writes = [point for point in state if point.call in WRITES]
    return [point for point in state if point.call in (*SYNCS, *NAMES)] + writes[::2]


@pytest.mark.parametrize("part", range(TENTH))
def test_an_error_at_every_tenth_call_to_the_disk_fails_closed(
    tmp_path: Path, warm: Warm, calls: tuple[Made, ...], part: int
):
    for number, point in list(enumerate(points(calls)))[::10][part::TENTH]:
        fail_at(tmp_path / str(point), warm, point, number)


@pytest.mark.chaos
@pytest.mark.parametrize("part", range(ALL))
def test_an_error_at_any_call_to_the_disk_fails_closed(
    tmp_path: Path, warm: Warm, calls: tuple[Made, ...], part: int
):
    assert len(points(calls)) >= 100

    for point in points(calls)[part::ALL]:
        for variant in (point.number * 2 % 4, point.number * 2 % 4 + 1):
            fail_at(tmp_path / f"{point}-{variant}", warm, point, variant)


def fail_at(path: Path, warm: Warm, point: Point, variant: int) -> None:
    """EIO or ENOSPC, once or from there on."""
    injection = point.fail(ERRORS[variant // 2 % 2], for_good=variant % 2 == 1)
    with world(path, warm) as failing:
        try:
            done = failing.traced(injection)
            require_failed_closed(failing, done)
            require_intents_first(failing, done, once=variant % 2 == 0)
            require_finished(failing, left_by(failing))
        except AssertionError as error:
            error.add_note(f"injected {injection}")
            raise


@pytest.mark.parametrize("kilobytes", [16, 96, 160, 224])
def test_a_disk_that_is_full_fails_closed(tmp_path: Path, warm: Warm, kilobytes: int):
    fill(tmp_path, warm, kilobytes)


@pytest.mark.chaos
@pytest.mark.parametrize("kilobytes", range(16, 513, 16))
def test_a_disk_that_is_full_at_any_size_fails_closed(tmp_path: Path, warm: Warm, kilobytes: int):
    fill(tmp_path, warm, kilobytes)


def fill(path: Path, warm: Warm, kilobytes: int) -> None:
    with world(path, warm) as failing, small_disk(failing, kilobytes) as under:
        done = failing.run(*APPLY, under=under)

        require_failed_closed(failing, done)
        grow(failing)
        require_finished(failing, left_by(failing))


@contextmanager
def small_disk(failing: World, kilobytes: int) -> Iterator[tuple[str, ...]]:
    """A disk of that size for the store, or else a limit on its files, as what to run under."""
    failing.state.mkdir()
    if not mounted("-t", "tmpfs", "-o", f"size={kilobytes}k", "tmpfs", str(failing.state)):
        yield ("prlimit", f"--fsize={kilobytes * 1024}")
        return
    try:
        yield ()
    finally:
        subprocess.run(["umount", "--lazy", str(failing.state)], check=True)


def grow(failing: World) -> None:
    if os.path.ismount(failing.state):
        assert mounted("-o", "remount,size=64m", str(failing.state))


def mounted(*arguments: str) -> bool:
    """Whether a mount was allowed and done."""
    if os.geteuid() != 0:
        return False
    return subprocess.run(["mount", *arguments], capture_output=True, check=False).returncode == 0


def test_a_read_only_folder_without_a_store_fails_closed(tmp_path: Path, warm: Warm):
    with world(tmp_path, warm) as failing:
        failing.state.mkdir()

        with read_only(failing.state):
            done = failing.run(*APPLY)

        require_untouched(failing, done)
        require_finished(failing, [])


def test_a_read_only_folder_with_a_store_fails_closed(tmp_path: Path, warm: Warm):
    with world(tmp_path, warm) as failing:
        refused = failing.run("apply", "--approve", f"sha256:{'0' * 64}")
        assert refused.code == 4, refused.everything
        before = failing.trail()

        with read_only(failing.state):
            done = failing.run(*APPLY)

        require_untouched(failing, done)
        assert failing.trail() == before


def require_untouched(failing: World, done: Done) -> None:
    assert done.code == 1, done.everything
    assert "Traceback" not in done.everything
    assert "error: " in done.err
    assert failing.written() == set()


@contextmanager
def read_only(folder: Path) -> Iterator[None]:
    """Permission bits keep a person out; root is kept out by a mount, or else by a mark."""
    place = str(folder)
    if os.geteuid() != 0:
        undo = [["chmod", "-R", "u+w", place]]
        subprocess.run(["chmod", "-R", "a-w", place], check=True)
    elif mounted("--bind", place, place) and mounted("-o", "remount,bind,ro", place):
        undo = [["umount", "--lazy", place]]
    elif subprocess.run(["chattr", "-R", "+i", place], check=False).returncode == 0:
        undo = [["chattr", "-R", "-i", place]]
    else:
        pytest.fail("root may neither mount nor mark files here, so nothing was tested")
    try:
        yield
    finally:
        for command in undo:
            subprocess.run(command, check=True)


def test_a_state_folder_removed_in_the_middle_ends_the_run_before_the_next_write(
    tmp_path: Path, warm: Warm, calls: tuple[Made, ...]
):
    first, second, *_ = (place for place, made in enumerate(calls) if made.writes_to_tenant)
    between = [made.point for made in calls[first + 1 : second] if made.point.call == "sendto"]
    with world(tmp_path, warm) as failing, ThreadPoolExecutor() as pool:
        pause = f"{between[-1].call}:delay_enter=1500000:when={between[-1].number}"
        running = pool.submit(failing.traced, pause)
        while not any(record["after_digest"] for record in failing.trail()):
            assert not running.done(), running.result().everything
            time.sleep(0.02)

        shutil.rmtree(failing.state)
        done = running.result()

        assert done.code == 1, done.everything
        assert "was removed or replaced while this run was using it" in done.err
        assert "Traceback" not in done.everything
        assert len(failing.written()) == 1
        again = failing.run(*APPLY)
        assert again.code == 0, again.everything
        assert len(failing.written()) == 5


def test_an_output_that_cannot_be_written_ends_the_run_before_the_first_write(
    tmp_path: Path, warm: Warm
):
    with world(tmp_path, warm) as failing:
        done = failing.run(*APPLY, under=("sh", "-c", 'exec "$0" "$@" > /dev/full'))

        assert done.code == 1
        assert "standard output cannot be written: No space left on device" in done.err
        assert "Traceback" not in done.err
        assert failing.written() == set()
