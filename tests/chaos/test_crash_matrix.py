"""The plug is pulled at every system call of an apply: nothing is lost, doubled or invented."""

import json
import os
import random
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path

import pytest

from reconciler.domain.jsontext import Json
from tests.chaos.crash import APPLY, SOCKETS, WANTED, Point, World, require_strace, world

TENTH = 12  # tests that share every tenth point
ALL = 60  # tests that share all points
PAIRS = 40  # tests of five pairs each

KILLED = -signal.SIGKILL


@pytest.fixture(scope="session")
def points(tmp_path_factory: pytest.TempPathFactory) -> tuple[Point, ...]:
    """Every call that an apply of five changes makes, in order, the making of its store too."""
    require_strace()
    with world(tmp_path_factory.mktemp("points")) as traced:
        done = traced.traced()
        assert done.code == 0, done.everything
        assert len(traced.inbox()) == len(WANTED)
        return tuple(made.point for made in traced.calls())


@pytest.mark.parametrize("part", range(TENTH))
def test_an_apply_killed_at_every_tenth_call_is_finished_by_the_next(
    tmp_path: Path, points: tuple[Point, ...], part: int
):
    chosen = points[::10][part::TENTH]

    killed = [pulled_once(tmp_path / str(point), point) for point in chosen]

    assert killed.count(True) >= len(chosen) - 1


@pytest.mark.chaos
@pytest.mark.parametrize("part", range(ALL))
def test_an_apply_killed_at_any_call_is_finished_by_the_next(
    tmp_path: Path, points: tuple[Point, ...], part: int
):
    assert len(points) > 150
    chosen = points[part::ALL]

    killed = [pulled_once(tmp_path / str(point), point) for point in chosen]

    assert killed.count(True) >= len(chosen) - 1


@pytest.mark.chaos
@pytest.mark.parametrize("part", range(PAIRS))
def test_a_recovery_killed_at_any_call_is_finished_by_the_next(
    tmp_path: Path, points: tuple[Point, ...], part: int
):
    seed = int(os.environ.get("CHAOS_SEED") or time.time_ns() % 10**9) + part
    print(f"CHAOS_SEED={seed - part}")
    dice = random.Random(seed)
    killed = 0

    for attempt in count():
        first, second = dice.choice(points), dice.choice(points)
        killed += pulled_twice(tmp_path / str(attempt), first, second)
        if killed == 5:
            break
        assert attempt < 50, "the recovery makes few of the calls that an apply makes"


def pulled_once(path: Path, point: Point) -> bool:
    """Whether the point was reached; what has to hold, holds."""
    with named(str(point)), fresh(path) as killed:
        done = killed.traced(point.kill())
        assert done.code == KILLED or (done.code == 0 and point.call in SOCKETS), done.everything
        require_finished(killed, left_by(killed))
        return done.code == KILLED


def pulled_twice(path: Path, first: Point, second: Point) -> bool:
    """Whether the recovery was killed too."""
    with named(f"{first}, then {second}"), fresh(path) as killed:
        killed.traced(first.kill())
        before = left_by(killed)
        done = killed.traced(second.kill())
        assert done.code in (KILLED, 0), done.everything
        after = left_by(killed)
        assert after[: len(before)] == before
        require_finished(killed, after)
        return done.code == KILLED


def left_by(killed: World) -> list[dict[str, Json]]:
    """The trail after a crash; nothing is in the tenant that it does not name."""
    trail = killed.trail(copied=True)
    intended = {r["schema_id"] for r in trail if r["event"].endswith("_INTENDED")}
    assert killed.written() <= intended
    return trail


def require_finished(killed: World, left: list[dict[str, Json]]) -> None:
    """One more run, and all is as if nothing had happened."""
    done = killed.finish()

    assert done.code == 0, done.everything
    trail = killed.trail()
    assert trail[: len(left)] == left
    proved = [record["schema_id"] for record in trail if record["after_digest"]]
    assert sorted(proved) == sorted(WANTED)
    assert sorted(schema["id"] for schema in killed.live()) == sorted(WANTED)
    assert killed.written() == WANTED
    inbox = killed.inbox()
    assert len({told["id"] for told in inbox}) == len(WANTED)
    assert sorted(json.loads(told["body"])["extension_id"] for told in inbox) == sorted(WANTED)


@contextmanager
def fresh(path: Path) -> Iterator[World]:
    path.mkdir()
    with world(path) as made:
        yield made


@contextmanager
def named(what: str) -> Iterator[None]:
    """Say at which point it was, should it fail."""
    try:
        yield
    except AssertionError as error:
        error.add_note(f"killed at {what}; the call was one of {' '.join(APPLY)}")
        raise
