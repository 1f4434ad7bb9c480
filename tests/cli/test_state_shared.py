"""Several runners, one truth: applies from different folders that share a PostgreSQL store."""

import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from reconciler.adapters.database import open_store
from reconciler.domain.jsontext import Json
from reconciler.domain.records import check_chain
from tests.support.arena import Arena, Seen, arena_in, ended, urns
from tests.support.pooler import pooler
from tests.support.postgres import Server
from tests.support.program import Folder
from tests.support.wire import wire_to

CHANGES = 3
APPLY = ("apply", "--auto-approve")


@pytest.fixture(scope="module")
def arena(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Arena]:
    with arena_in(tmp_path_factory.mktemp("arena") / "base") as made:
        yield made


def sharing(url: str, *folders: Folder) -> None:
    for folder in folders:
        folder.environ["RECONCILER_STATE"] = url


def trail(url: str) -> list[dict[str, Json]]:
    with closing(open_store(url)) as store:
        found = [dict(record) for record in store.records()]
    assert check_chain(found).broken_at is None
    return found


def once(deed: Callable[[], None], when: Callable[[Seen], bool]) -> Callable[[Seen], None]:
    """Do it when the first such request comes; the request goes on as if nothing had been."""
    done: list[Seen] = []

    def look(seen: Seen) -> None:
        if when(seen) and not done:
            done.append(seen)
            deed()

    return look


def creating(seen: Seen) -> bool:
    return seen.method == "POST" and seen.path.endswith("/Schemas")


def require_whole(arena: Arena, url: str) -> None:
    """Every extension was created once and announced once; the trail is whole and says so."""
    assert arena.live() == urns(CHANGES)
    assert sum(creating(seen) for seen in arena.front.seen) == CHANGES
    assert {urn: len(ids) for urn, ids in arena.inbox().items()} == dict.fromkeys(urns(CHANGES), 1)
    proved = [r["schema_id"] for r in trail(url) if r["after_digest"]]
    assert sorted(proved) == urns(CHANGES)


def test_runners_in_two_folders_share_one_store(arena: Arena, postgres: Server) -> None:
    first, second = arena.fresh(CHANGES), arena.folder(CHANGES)
    sharing(postgres.url(), first, second)

    assert first.run(*APPLY).code == 0
    done = second.run(*APPLY)

    assert done.code == 0, done.everything
    assert "No changes" in done.out
    assert not (first.path / ".reconciler/state.db").exists()
    require_whole(arena, first.environ["RECONCILER_STATE"])
    assert second.audit()[-1]["event"] == "RUN_COMPLETED"
    assert len({record["run_id"] for record in second.audit()}) == 2
    verified = first.run("audit", "verify", "--head", second.audit()[-1]["hash"])
    assert "whole, anchored" in verified.out, verified.everything


def test_runs_that_start_at_once_change_each_tenant_one_after_the_other(
    arena: Arena, postgres: Server
) -> None:
    folders = [arena.fresh(CHANGES), *(arena.folder(CHANGES) for _ in range(3))]
    sharing(postgres.url(), *folders)
    arena.front.delay = 0.02

    runs = [folder.start(*APPLY, "--lock-timeout", "50") for folder in folders]
    ends = [ended(run, time.monotonic()) for run in runs]

    assert [end.code for end in ends] == [0] * 4, ends
    require_whole(arena, folders[0].environ["RECONCILER_STATE"])


def test_runs_behind_a_pooler_change_each_tenant_one_after_the_other_also_after_a_kill(
    arena: Arena, postgres: Server
) -> None:
    first, *others = [arena.fresh(CHANGES), *(arena.folder(CHANGES) for _ in range(2))]
    arena.front.stalls = creating
    with pooler(postgres, "transaction") as pool:
        sharing(pool.url(postgres.new()), first, *others)
        killed = first.start(*APPLY)
        assert arena.front.arrived.wait(20)
        assert others[0].run(*APPLY).code == 5
        killed.kill()
        ended(killed, time.monotonic())
        arena.front.calm()

        runs = [folder.start(*APPLY, "--lock-timeout", "50") for folder in others]
        ends = [ended(run, time.monotonic()) for run in runs]

        assert [end.code for end in ends] == [0, 0], ends
        require_whole(arena, first.environ["RECONCILER_STATE"])


def test_a_run_that_finds_the_tenant_locked_says_by_whom_and_writes_nothing(
    arena: Arena, postgres: Server
) -> None:
    first, second = arena.fresh(CHANGES), arena.folder(CHANGES)
    sharing(postgres.url(), first, second)
    arena.front.stalls = creating
    holder = first.start(*APPLY)
    assert arena.front.arrived.wait(20)

    refused = second.run(*APPLY)
    holder.kill()
    ended(holder, time.monotonic())
    arena.front.calm()

    assert refused.code == 5, refused.everything
    assert f"locked by run {trail(first.environ['RECONCILER_STATE'])[0]['run_id']}" in (
        refused.everything
    )
    assert f"(process {holder.pid} on " in refused.everything
    # The lock died with its session, and the request that was cut off is settled by reading.
    done = second.run(*APPLY, "--lock-timeout", "20")
    assert done.code == 0, done.everything
    assert "recovered as not-applied" in done.out
    require_whole(arena, first.environ["RECONCILER_STATE"])


def test_a_database_that_goes_away_in_the_middle_ends_the_run_and_the_next_settles(
    arena: Arena, own_postgres: Server
) -> None:
    folder = arena.fresh(CHANGES)
    url = own_postgres.url()
    sharing(url, folder)
    stop = once(own_postgres.stop, creating)
    arena.front.instead = stop

    done = folder.run(*APPLY)

    assert done.code == 1, done.everything
    assert "error: the store postgresql+psycopg://127.0.0.1:" in done.err
    assert len(arena.live()) == 1  # the one whose intent was kept
    assert list(Path(folder.path).glob("reconciler-emergency-*.jsonl"))
    own_postgres.start()
    intended = [r["schema_id"] for r in trail(url) if r["event"].endswith("_INTENDED")]
    assert intended == arena.live()

    again = folder.run(*APPLY)

    assert again.code == 0, again.everything
    assert "recovered as applied" in again.out
    require_whole(arena, url)


def test_a_database_that_is_away_before_the_first_intent_keeps_every_tenant_as_it_is(
    arena: Arena, own_postgres: Server
) -> None:
    folder = arena.fresh(CHANGES)
    sharing(own_postgres.url(), folder)
    stop = once(own_postgres.stop, lambda seen: seen.path.split("?")[0].endswith("/Schemas"))
    arena.front.instead = stop

    done = folder.run(*APPLY)

    assert done.code == 1, done.everything
    assert arena.live() == []
    assert not any(creating(seen) for seen in arena.front.seen)
    assert "Traceback" not in done.err


def test_a_database_that_falls_silent_ends_the_run_and_the_next_settles(
    arena: Arena, postgres: Server
) -> None:
    """Its kernel answers and it does not: no connection ends, and nothing is forwarded."""
    folder = arena.fresh(CHANGES)
    url = postgres.url()
    with wire_to(postgres.port) as wire:
        sharing(url.replace(f":{postgres.port}/", f":{wire.port}/"), folder)

        def freeze() -> None:
            wire.frozen = True

        arena.front.instead = once(freeze, creating)

        done = folder.run(*APPLY, "--state-deadline", "1")

    assert done.code == 1, done.everything
    assert "did not answer within 1 seconds (--state-deadline)" in done.err
    assert "Traceback" not in done.err
    assert len(arena.live()) == 1  # the one whose intent was kept
    assert list(Path(folder.path).glob("reconciler-emergency-*.jsonl"))
    sharing(url, folder)

    again = folder.run(*APPLY)

    assert again.code == 0, again.everything
    assert "recovered as applied" in again.out
    require_whole(arena, url)


def test_after_a_restart_of_the_database_nothing_is_written_without_the_lock(
    arena: Arena, own_postgres: Server
) -> None:
    """The server is back before the run notices; its sessions, and the locks in them, are not."""
    folder = arena.fresh(CHANGES)
    url = own_postgres.url()
    sharing(url, folder)

    def bounce() -> None:
        own_postgres.stop()
        own_postgres.start(guarded=False)

    at_once = once(bounce, creating)
    arena.front.instead = at_once

    done = folder.run(*APPLY)

    assert done.code == 1, done.everything
    assert "the lock of tenant dev was lost" in done.err
    assert len(arena.live()) == 1
    assert [r["status"] for r in trail(url) if r["event"].endswith("_CREATED")] == ["SUCCESS"]

    again = folder.run(*APPLY)

    assert again.code == 0, again.everything
    require_whole(arena, url)


def test_a_run_without_its_database_does_not_begin(arena: Arena, postgres: Server) -> None:
    folder = arena.fresh(CHANGES)
    sharing(postgres.url("nowhere", user="somebody"), folder)

    done = folder.run(*APPLY, "-vv", PGPASSWORD="hunter2")

    assert done.code == 1
    assert "has no such database or user" in done.err
    assert "hunter2" not in done.everything
    assert arena.front.seen == []


def test_a_password_in_the_url_is_refused_and_not_repeated(arena: Arena) -> None:
    folder = arena.fresh(CHANGES)

    done = folder.run(*APPLY, "--state", "postgresql+psycopg://me:hunter2@localhost/state")

    assert done.code == 1
    assert "PGPASSFILE" in done.err
    assert "hunter2" not in done.everything
    assert arena.front.seen == []
