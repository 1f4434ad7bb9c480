"""The plug is pulled at every system call of an apply: nothing is lost, doubled or invented."""

import os
import random
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path

import pytest

from tests.support.crash import (
    APPLY,
    WANTED,
    Point,
    left_by,
    require_finished,
    world,
)
from tests.support.postgres import Server
from tests.support.warm import Warm

TENTH = 12  # tests that share every tenth point
ALL = 60  # tests that share all points
PAIRS = 40  # tests of five pairs each

KILLED = -signal.SIGKILL
# The calls that may be made less often: an answer comes in one piece or two, and so does what
# goes to a server in a pipeline.
ANSWER, PIECE = "recvfrom", "sendto"


@dataclass(frozen=True)
class Matrix:
    """Every call that an apply of five changes makes, the making of its store too."""

    warm: Warm
    server: Server | None  # that the state is on; None for a file
    points: tuple[Point, ...]

    def may_be_missed(self, point: Point) -> bool:
        return point.call == ANSWER or (point.call == PIECE and self.server is not None)


def traced_once(path: Path, warm: Warm, server: Server | None) -> Matrix:
    with world(path, warm, server) as traced:
        done = traced.traced()
        assert done.code == 0, done.everything
        assert len(traced.inbox()) == len(WANTED)
        made = [call.point for call in traced.calls()]
        matrix = Matrix(warm, server, tuple(made))
        # Those last, so that a share is always the same.
        return replace(matrix, points=tuple(sorted(made, key=matrix.may_be_missed)))


@pytest.fixture(scope="session")
def on_sqlite(tmp_path_factory: pytest.TempPathFactory, warm: Warm) -> Matrix:
    return traced_once(tmp_path_factory.mktemp("points"), warm, None)


@pytest.fixture(scope="session")
def on_postgresql(tmp_path_factory: pytest.TempPathFactory, warm: Warm, postgres: Server) -> Matrix:
    """What is sent to the database, and what comes from it, are points too."""
    return traced_once(tmp_path_factory.mktemp("points"), warm, postgres)


@pytest.fixture(params=["sqlite", "postgresql"])
def matrix(request: pytest.FixtureRequest) -> Matrix:
    """On each of the two databases."""
    made: Matrix = request.getfixturevalue(f"on_{request.param}")
    return made


@pytest.mark.parametrize("part", range(TENTH))
def test_an_apply_killed_at_every_tenth_call_is_finished_by_the_next(
    tmp_path: Path, matrix: Matrix, part: int
):
    pull_at_each(tmp_path, matrix, matrix.points[::10][part::TENTH])


@pytest.mark.chaos
@pytest.mark.parametrize("part", range(ALL))
def test_an_apply_killed_at_any_call_is_finished_by_the_next(
    tmp_path: Path, matrix: Matrix, part: int
):
    assert len(matrix.points) > 150

    pull_at_each(tmp_path, matrix, matrix.points[part::ALL])


@pytest.mark.chaos
@pytest.mark.parametrize("part", range(PAIRS))
def test_a_recovery_killed_at_any_call_is_finished_by_the_next(
    tmp_path: Path, matrix: Matrix, part: int
):
    seed = int(os.environ.get("CHAOS_SEED") or time.time_ns() % 10**9)
    dice = random.Random(seed + part)
    killed = 0

    for attempt in count():
        first, second = dice.choice(matrix.points), dice.choice(matrix.points)
        with named(f"a pair of CHAOS_SEED={seed}"):
            killed += pulled_twice(tmp_path / str(attempt), matrix, first, second)
        if killed == 5:
            break
        assert attempt < 50, "the recovery makes few of the calls that an apply makes"


def pull_at_each(path: Path, matrix: Matrix, points: tuple[Point, ...]) -> None:
    killed = [pulled_once(path / str(point), matrix, point) for point in points]

    assert killed.count(True) >= len(points) - (1 if matrix.server is None else 2)


def pulled_once(path: Path, matrix: Matrix, point: Point) -> bool:
    """Whether the point was reached; what has to hold, holds."""
    with named(str(point)), world(path, matrix.warm, matrix.server) as killed:
        done = killed.traced(point.kill())
        missed = done.code == 0 and matrix.may_be_missed(point)
        assert done.code == KILLED or missed, done.everything
        require_finished(killed, left_by(killed))
        return done.code == KILLED


def pulled_twice(path: Path, matrix: Matrix, first: Point, second: Point) -> bool:
    """Whether the recovery was killed too."""
    with (
        named(f"{first}, then {second}"),
        world(path, matrix.warm, matrix.server) as killed,
    ):
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
