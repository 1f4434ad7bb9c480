"""The way to the database breaks at every message: nothing is written unrecorded, none is lost."""

import itertools
import json
import os
import re
import signal
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from reconciler.domain.jsontext import Json
from tests.support.arena import seeded
from tests.support.crash import (
    CREATED,
    WANTED,
    World,
    document,
    left_by,
    require_finished,
    trail_on,
    urn,
    world,
)
from tests.support.fail_closed import require_failed_closed, require_intents_first
from tests.support.postgres import Server
from tests.support.warm import Done, Order, Warm
from tests.support.wire import COMMIT, Cut, Lost, Reach, wire_to

SHARE = 4  # tests that share every seventh message
ALL = 60  # tests that share all messages
CRASHES = 20
PARTS = (Lost.MESSAGE, Lost.REST, Lost.ANSWER)


@pytest.fixture(scope="session")
def requested(
    tmp_path_factory: pytest.TempPathFactory, warm: Warm, postgres: Server
) -> tuple[bytes, ...]:
    """What an apply of five changes asks the server, message by message."""
    with (
        wire_to(postgres.port) as wire,
        world(tmp_path_factory.mktemp("asked"), warm, postgres, wire.port) as traced,
    ):
        done = traced.traced()
        assert done.code == 0, done.everything
        return tuple(wire.seen)


def commits(requested: tuple[bytes, ...]) -> list[int]:
    return [number for number, message in enumerate(requested, 1) if COMMIT in message]


@pytest.mark.parametrize("part", range(SHARE))
def test_a_way_that_breaks_at_every_seventh_message_fails_closed(
    tmp_path: Path, warm: Warm, postgres: Server, requested: tuple[bytes, ...], part: int
):
    for number in range(5, len(requested) + 1, 7)[part::SHARE]:
        lost = PARTS[number // 7 % 3]
        cut = Cut(number=number, lost=lost, reach=list(Reach)[number % 3])
        cut_at(tmp_path / str(number), warm, postgres, cut)


def test_a_commit_without_an_answer_is_unknown_and_the_next_run_finds_out(
    tmp_path: Path, warm: Warm, postgres: Server, requested: tuple[bytes, ...]
):
    """An intent's, an outcome's and a delivery's: each is recorded, and the run cannot know it."""
    found = commits(requested)
    deliveries = [n for n in found if n > found[-8]]
    for number, reach in zip((found[6], found[7], deliveries[2]), Reach, strict=True):
        cut = Cut(number=number, lost=Lost.ANSWER, reach=reach)
        cut_at(tmp_path / str(number), warm, postgres, cut)


@pytest.mark.chaos
@pytest.mark.parametrize("part", range(ALL))
def test_a_database_connection_lost_at_any_message_fails_closed(
    tmp_path: Path, warm: Warm, postgres: Server, requested: tuple[bytes, ...], part: int
):
    assert len(requested) > 50
    assert len(commits(requested)) > 15

    for number in range(1, len(requested) + 1)[part::ALL]:
        reaches = list(Reach) if number in commits(requested) else [list(Reach)[number % 3]]
        for reach in reaches:
            for lost in PARTS:
                cut = Cut(number=number, lost=lost, reach=reach)
                cut_at(tmp_path / f"{number}-{lost.name}-{reach.name}", warm, postgres, cut)


@dataclass
class Moment:
    """What the tenant held when the way broke."""

    failing: World
    written: set[str] = field(default_factory=set)

    def note(self) -> None:
        self.written = self.failing.written()


def cut_at(path: Path, warm: Warm, server: Server, cut: Cut) -> None:
    """Fails closed, tells the truth, and the next run finishes."""
    with wire_to(server.port) as wire, world(path, warm, server, wire.port) as failing:
        try:
            moment = Moment(failing)
            wire.cut, wire.at_cut = cut, moment.note
            done = failing.traced()
            assert wire.was_cut
            wire.heal()
            require_closed(failing, done, moment)
            require_finished(failing, left_by(failing))
        except AssertionError as error:
            error.add_note(f"{cut}: {wire.seen[cut.number - 1 : cut.number]}")
            raise


def require_closed(failing: World, done: Done, moment: Moment, *, confirmed: int = 0) -> None:
    """Recorded before it is asked, told as it is, and after the way has broken nothing more.

    So many intents may have been confirmed in the very moment, and their writes follow.
    """
    require_failed_closed(failing, done)
    require_intents_first(failing, done, once=False)
    trail = failing.trail()
    proved = {record["change"] for record in trail if record["after_digest"]}
    claimed = set(re.findall(r"(\S+/\S+): applied and verified", done.out))
    assert claimed <= proved, "what is not in the trail was told as applied"
    if done.code == 0:
        assert failing.written() == WANTED
    else:
        later = failing.written() - moment.written
        assert len(later) <= confirmed, "it went on after the way had broken"
        assert (
            "whether this step was recorded is not" in done.err
            or "reached" in done.err
            or ("the lock of tenant dev was lost" in done.err)
        )


# ------------------------------------------------------------------ a server that really dies


def chances() -> Iterator[int]:
    """Numbers of a seed that is shown; CHAOS_SEED repeats them."""
    dice = seeded()
    while True:
        yield dice.randrange(10**9)


def test_a_server_that_crashes_at_a_commit_and_comes_back_fails_closed(
    tmp_path: Path, warm: Warm, own_postgres: Server, requested: tuple[bytes, ...]
):
    crash_at(tmp_path, warm, own_postgres, commits(requested)[9])


@pytest.mark.chaos
def test_a_server_that_crashes_at_any_message_and_comes_back_fails_closed(
    tmp_path: Path, warm: Warm, own_postgres: Server, requested: tuple[bytes, ...]
):
    for chance in itertools.islice(chances(), CRASHES):
        places = commits(requested) if chance % 2 else range(1, len(requested) + 1)
        crash_at(tmp_path / str(chance), warm, own_postgres, places[chance // 2 % len(places)])


def crash_at(path: Path, warm: Warm, server: Server, number: int) -> None:
    """The server has just been asked, and nobody knows how far it came."""
    with wire_to(server.port) as wire, world(path, warm, server, wire.port) as failing:
        moment = Moment(failing)

        def crash() -> None:
            moment.note()
            server.stop(signal.SIGQUIT)

        wire.cut = Cut(number=number, lost=Lost.EITHER, reach=Reach.GOOD)
        wire.at_cut = crash
        try:
            done = failing.traced()
            assert wire.was_cut
            wire.heal()
            server.start()
            require_closed(failing, done, moment, confirmed=1)
            require_finished(failing, left_by(failing))
        except AssertionError as error:
            error.add_note(f"the server crashed at message {number}: {wire.seen[number - 1]!r}")
            raise


# ---------------------------------------------------------------------- many tenants at once

TENANTS = 6
CUTS = 30


def test_a_database_connection_lost_during_parallel_writes_fails_closed(
    tmp_path: Path, warm: Warm, postgres: Server
):
    for number in (40, 60, 80):
        break_in_parallel(tmp_path / str(number), warm, postgres, number)


@pytest.mark.chaos
def test_a_database_connection_lost_anywhere_during_parallel_writes_fails_closed(
    tmp_path: Path, warm: Warm, postgres: Server
):
    for chance in itertools.islice(chances(), CUTS):
        break_in_parallel(tmp_path / str(chance), warm, postgres, 10 + chance % 100)


def break_in_parallel(path: Path, warm: Warm, server: Server, number: int) -> None:
    """Other tenants may go on; each write had its intent, and one more run finishes all."""
    wanted = many_tenants(path)
    database = server.new()
    lost, reach = PARTS[number // 3 % 3], list(Reach)[number % 3]
    with wire_to(server.port) as wire:
        wire.cut = Cut(number=number, lost=lost, reach=reach)
        through = replace(server, port=wire.port).url(database)
        done = apply_in(path, warm, through)
        cut = f"{wire.cut}: {wire.seen[number - 1 : number]}\n{done.everything}"
    assert done.code in (0, 1), cut
    assert "Traceback" not in done.everything, cut
    assert wire.was_cut, cut
    server.wait_until_idle(database)

    written = {(tenant, schema) for tenant in NAMES for schema in held_by(path, tenant)}
    intended = {
        (record["tenant"], record["schema_id"])
        for record in trail_on(server.url(database))
        if record["event"].endswith("_INTENDED")
    }
    assert written <= intended, cut

    again = apply_in(path, warm, server.url(database))

    assert again.code == 0, again.everything
    proved = [
        (record["tenant"], record["schema_id"])
        for record in trail_on(server.url(database))
        if record["after_digest"]
    ]
    assert sorted(proved) == sorted(wanted), cut


NAMES = [f"t{number}" for number in range(TENANTS)]


def many_tenants(path: Path) -> list[tuple[str, str]]:
    """Built-in tenants with two extensions each; who should hold what."""
    path.mkdir()
    documents: list[dict[str, Json]] = [
        {
            "apiVersion": "reconciler/v1",
            "kind": "Tenant",
            "metadata": {"name": name},
            "spec": {"dialect": "genesys", "baseUrl": f"embedded://{name}"},
        }
        for name in NAMES
    ]
    documents += [
        {
            "apiVersion": "reconciler/v1",
            "kind": "SchemaExtension",
            "metadata": {"name": name.lower()},
            "spec": {"schema": document(name, "as desired")},
        }
        for name in CREATED[:2]
    ]
    (path / "desired-state").mkdir()
    lines = "\n---\n".join(json.dumps(each) for each in documents)
    (path / "desired-state/all.yaml").write_text(lines + "\n")
    return [(tenant, urn(name)) for tenant in NAMES for name in CREATED[:2]]


def apply_in(path: Path, warm: Warm, url: str) -> Done:
    environ = {"PATH": os.environ["PATH"], "RECONCILER_STATE": url}
    return warm.run(Order((("apply", "--auto-approve"),), str(path), environ))


def held_by(path: Path, tenant: str) -> list[str]:
    """What a built-in tenant keeps; nothing where the run ended before it was made."""
    file = path / f".reconciler/embedded/{tenant}.db"
    if not file.exists():
        return []
    with closing(sqlite3.connect(file)) as shell:
        rows = shell.execute("SELECT document FROM schemas").fetchall()
    return [found for (text,) in rows if (found := json.loads(text)["id"]) in WANTED]
