"""The plug is pulled at every system call of an apply: nothing is lost, doubled or invented."""

import os
import random
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path

import pytest

from tests.chaos.crash import (
    APPLY,
    SOCKETS,
    WANTED,
    Point,
    left_by,
    require_finished,
    world,
)
from tests.chaos.warm import Warm
from tests.postgres import Server

TENTH = 12  # tests that share every tenth point
ALL = 60  # tests that share all points
PAIRS = 40  # tests of five pairs each

KILLED = -signal.SIGKILL


@pytest.fixture(scope="session")
def points(tmp_path_factory: pytest.TempPathFactory, warm: Warm) -> tuple[Point, ...]:
    """Every call that an apply of five changes makes, the making of its store too."""
    with world(tmp_path_factory.mktemp("points"), warm) as traced:
        done = traced.traced()
        assert done.code == 0, done.everything
        assert len(traced.inbox()) == len(WANTED)
        made = [call.point for call in traced.calls()]
        # An answer comes in one piece or two; those last, so that a share is always the same.
        return tuple(sorted(made, key=lambda point: point.call == "recvfrom"))


@pytest.mark.parametrize("part", range(TENTH))
def test_an_apply_killed_at_every_tenth_call_is_finished_by_the_next(
    tmp_path: Path, warm: Warm, points: tuple[Point, ...], part: int
):
    chosen = points[::10][part::TENTH]

    killed = [pulled_once(tmp_path / str(point), warm, point) for point in chosen]

    assert killed.count(True) >= len(chosen) - 1


@pytest.mark.chaos
@pytest.mark.parametrize("part", range(ALL))
def test_an_apply_killed_at_any_call_is_finished_by_the_next(
    tmp_path: Path, warm: Warm, points: tuple[Point, ...], part: int
):
    assert len(points) > 150
    chosen = points[part::ALL]

    killed = [pulled_once(tmp_path / str(point), warm, point) for point in chosen]

    assert killed.count(True) >= len(chosen) - 1


@pytest.mark.chaos
@pytest.mark.parametrize("part", range(PAIRS))
def test_a_recovery_killed_at_any_call_is_finished_by_the_next(
    tmp_path: Path, warm: Warm, points: tuple[Point, ...], part: int
):
    five_pairs(tmp_path, warm, points, part)


@pytest.mark.chaos
@pytest.mark.parametrize("part", range(PAIRS // 4))
def test_a_recovery_with_its_state_on_a_server_killed_at_any_call_is_finished_by_the_next(
    tmp_path: Path, warm: Warm, postgres: Server, server_points: tuple[Point, ...], part: int
):
    five_pairs(tmp_path, warm, server_points, part, postgres)


def five_pairs(
    path: Path, warm: Warm, points: tuple[Point, ...], part: int, server: Server | None = None
) -> None:
    """Pairs of points, until five recoveries were killed."""
    seed = int(os.environ.get("CHAOS_SEED") or time.time_ns() % 10**9)
    dice = random.Random(seed + part)
    killed = 0

    for attempt in count():
        first, second = dice.choice(points), dice.choice(points)
        with named(f"a pair of CHAOS_SEED={seed}"):
            killed += pulled_twice(path / str(attempt), warm, first, second, server)
        if killed == 5:
            break
        assert attempt < 50, "the recovery makes few of the calls that an apply makes"


@pytest.fixture(scope="session")
def server_points(
    tmp_path_factory: pytest.TempPathFactory, warm: Warm, postgres: Server
) -> tuple[Point, ...]:
    """The calls of the same apply with its state on a server; they differ a little each time."""
    with world(tmp_path_factory.mktemp("points"), warm, postgres) as traced:
        done = traced.traced()
        assert done.code == 0, done.everything
        return tuple(call.point for call in traced.calls())


@pytest.mark.chaos
@pytest.mark.parametrize("part", range(ALL))
def test_an_apply_with_its_state_on_a_server_killed_at_any_call_is_finished_by_the_next(
    tmp_path: Path, warm: Warm, postgres: Server, server_points: tuple[Point, ...], part: int
):
    assert len(server_points) > 150
    chosen = server_points[part::ALL]

    killed = [pulled_once(tmp_path / str(point), warm, point, postgres) for point in chosen]

    assert killed.count(True) >= len(chosen) / 2


def test_an_apply_with_its_state_on_a_server_killed_here_and_there_is_finished_by_the_next(
    tmp_path: Path, warm: Warm, postgres: Server, server_points: tuple[Point, ...]
):
    chosen = server_points[5 :: len(server_points) // 4]

    killed = [pulled_once(tmp_path / str(point), warm, point, postgres) for point in chosen]

    assert killed.count(True) >= len(chosen) / 2


def pulled_once(path: Path, warm: Warm, point: Point, server: Server | None = None) -> bool:
    """Whether the point was reached; what has to hold, holds."""
    with named(str(point)), world(path, warm, server) as killed:
        done = killed.traced(point.kill())
        assert done.code == KILLED or (done.code == 0 and point.call in SOCKETS), done.everything
        require_finished(killed, left_by(killed))
        return done.code == KILLED


def pulled_twice(
    path: Path, warm: Warm, first: Point, second: Point, server: Server | None = None
) -> bool:
    """Whether the recovery was killed too."""
    with named(f"{first}, then {second}"), world(path, warm, server) as killed:
        killed.traced(first.kill())
        before = left_by(killed)
        done = killed.traced(second.kill())
        assert done.code in (KILLED, 0), done.everything
        after = left_by(killed)
        assert after[: len(before)] == before
        require_finished(killed, after)
        return done.code == KILLED


@contextmanager
def named(what: str) -> Iterator[None]:
    """Say at which point it was, should it fail."""
    try:
        yield
    except AssertionError as error:
        error.add_note(f"killed at {what}; the call was one of {' '.join(APPLY)}")
        raise
