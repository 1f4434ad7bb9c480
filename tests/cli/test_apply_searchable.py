"""`apply`: what is new is asked for until the service takes filters on it, and HR hears of it."""

import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.indexing import APPLY, URN, IndexingWorld, indexing_world

NEW = (f"{URN}:badge pr", f"{URN}:desk pr", f"{URN}:desk.floor pr")


@pytest.fixture
def world(tmp_path: Path) -> Iterator[IndexingWorld]:
    with indexing_world(tmp_path) as made:
        yield made


def test_apply_waits_until_filters_are_taken_and_says_so_to_everybody(world: IndexingWorld) -> None:
    world.service.delay = 1.0

    done = world.folder.run(*APPLY, "--report", "report.json")

    assert done.code == 0, done.everything
    [event], [record] = world.events(), world.searched()
    assert (event["searchable"], record["searchable"]) == (True, True)
    assert event["searchable_ms"] == record["searchable_ms"] >= 500
    assert (record["event"], record["status"]) == ("SCHEMA_EXTENSION_SEARCHED", "SUCCESS")
    [change] = json.loads((world.folder.path / "report.json").read_text())["tenants"][0]["changes"]
    assert (change["searchable"], change["searchable_ms"]) == (True, record["searchable_ms"])
    assert f"searchable after {record['searchable_ms']} ms" in done.out
    assert set(NEW) <= set(world.service.filters)
    assert world.folder.run("audit", "verify").code == 0


def test_what_is_never_taken_is_a_warning_of_a_run_that_is_well(world: IndexingWorld) -> None:
    world.service.delay = 1e9

    done = world.folder.run(*APPLY, "--searchable-timeout", "2")

    assert done.code == 0, done.everything
    assert "warning: acme/hr is there, and not searchable after" in done.out
    assert "badge, desk, desk.floor: the service refuses such a filter with HTTP 400" in done.out
    [event], [record] = world.events(), world.searched()
    assert (event["searchable"], record["searchable"]) == (False, False)
    assert 500 <= event["searchable_ms"] <= 3000
    assert world.folder.run("gate", "acme", URN).code == 2


@pytest.mark.parametrize(
    "service",
    [
        {"without_users": 404},
        {"without_users": 401},
        {"without_users": 403},
        {"without_users": 501},
        {"refuses": 400},
        {"refuses": 501},
        {"takes_anything": True},
        {"users": 0, "takes_anything": True},
    ],
    ids=str,
)
def test_a_service_whose_filters_say_nothing_is_unknown_at_once(
    world: IndexingWorld, service: dict[str, int]
) -> None:
    for name, value in service.items():
        setattr(world.service, name, value)
    began = time.monotonic()

    done = world.folder.run(*APPLY)

    assert done.code == 0, done.everything
    assert time.monotonic() - began < 15
    [event], [record] = world.events(), world.searched()
    assert (event["searchable"], record["searchable"]) == ("unknown", "unknown")
    assert record["detail"]
    assert "warning: acme" not in done.out
    assert "not known to be searchable" in done.out


def test_a_tenant_without_users_is_searchable_where_nonsense_is_refused(
    world: IndexingWorld,
) -> None:
    world.service.users = 0

    assert world.folder.run(*APPLY).code == 0

    assert world.events()[0]["searchable"] is True


def test_without_a_timeout_nobody_asks(world: IndexingWorld) -> None:
    done = world.folder.run(*APPLY, "--searchable-timeout", "0")

    assert done.code == 0, done.everything
    assert world.service.filters == []
    assert not any("Users" in request for request in world.service.requests)
    assert world.searched() == []
    [event] = world.events()
    assert not {"searchable", "searchable_ms"} & event.keys()
    assert "searchable" not in done.out


def test_of_an_update_only_what_is_new_is_asked_for(world: IndexingWorld) -> None:
    world.folder.run(*APPLY)
    world.service.filters.clear()
    world.manifest("badge", "grade")

    assert world.folder.run(*APPLY).code == 0
    assert [text for text in world.service.filters if URN in text and "Knows" not in text] == [
        f"{URN}:grade pr"
    ]
    world.service.filters.clear()
    idle = world.folder.run(*APPLY)

    assert (idle.code, world.service.filters) == (0, [])
    assert [event["searchable"] for event in world.events()] == [True, True]


def test_a_kill_in_the_wait_loses_nothing(world: IndexingWorld) -> None:
    world.service.delay = 1e9
    process = world.folder.start(*APPLY)
    while not world.service.filters:
        time.sleep(0.05)
    process.kill()
    process.communicate()
    world.service.delay = 0.0
    trail = [record["event"] for record in world.folder.audit()]
    assert trail[-1] == "SCHEMA_EXTENSION_CREATED"  # durable before anybody was asked

    done = world.folder.run(*APPLY)

    assert done.code == 0, done.everything
    [event] = world.events()
    assert (event["event_type"], event["searchable"]) == ("SCHEMA_EXTENSION_DEPLOYED", True)
    assert [record["searchable"] for record in world.searched()] == [True]
    assert world.folder.run("audit", "verify").code == 0


def test_a_signal_in_the_wait_ends_it_and_the_event_is_sent_by_the_next_run(
    world: IndexingWorld,
) -> None:
    world.service.delay = 1e9
    process = world.folder.start(*APPLY)
    while not world.service.filters:
        time.sleep(0.05)
    process.terminate()
    out, _ = process.communicate(timeout=20)

    assert process.returncode == 143
    assert "applied and verified" in out
    assert [record["searchable"] for record in world.searched()] == ["unknown"]
    assert world.events() == []

    assert world.folder.run("webhooks", "deliver").code == 0
    assert [event["searchable"] for event in world.events()] == ["unknown"]


def test_what_is_not_bound_is_not_asked_for_before_it_is(world: IndexingWorld) -> None:
    world.service.bound = False
    world.folder.run(*APPLY)
    assert (world.service.filters, world.searched()) == ([], [])

    world.service.bound = True
    world.folder.run(*APPLY)

    assert [event["searchable"] for event in world.events()] == [True]
    assert [record["searchable"] for record in world.searched()] == [True]


def test_many_attributes_of_many_changes_share_the_time(world: IndexingWorld) -> None:
    world.service.delay = 1e9
    world.manifest(*(f"a{n}" for n in range(20)))
    began = time.monotonic()

    done = world.folder.run(*APPLY, "--searchable-timeout", "3")

    assert done.code == 0, done.everything
    assert time.monotonic() - began < 15
    rounds = len(world.service.filters) / 22
    assert rounds <= 5
