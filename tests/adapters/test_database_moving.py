"""A store moves whole into another database, or not at all; a check finds what a copy lacks."""

import re
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from reconciler.adapters.database import open_store
from reconciler.adapters.database.tables import COLUMNS, KEYS, NAMES, SEQUENCES
from reconciler.domain.outbox import GIVEN_UP, OutboxRow
from reconciler.domain.records import Entry, Event, Status, check_chain
from reconciler.domain.tenant_names import Renaming
from reconciler.errors import StateError
from tests.support.older_stores import as_version
from tests.support.postgres import Server
from tests.support.store_world import (
    HR,
    HR_URN,
    RECEIVER,
    WHEN,
    Place,
    adopted,
    attempt,
    behind_its_back,
    created,
    dump,
    entry,
    event,
    intended,
    intent,
    messages,
    opened,
    place,
    refusing,
    rows,
    shape,
    to_send,
    url_of,
)

__all__ = ["place"]


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.thorough)])
def target(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    if request.param == "sqlite":
        return tmp_path / "moved" / "state.db"
    server: Server = request.getfixturevalue("postgres")
    return server.schema()


def filled(place: Place, number: int = 3) -> None:
    """Changes that were made, one that is open, webhooks that wait, failed and were delivered."""
    with opened(place) as store:
        for each in range(1, number + 1):
            verified = replace(created(), after_digest=HR.fingerprint())
            store.settle(store.intend(intent(), intended()), verified, event(each))
        first, second, *_ = to_send(store)
        store.delivered(first, ended(first, attempt(Status.SYNCED, 204)))
        store.failed(second, ended(second, attempt(Status.FAILED, 500)), None)
        store.intend(intent(tenant="beta"), intended("beta"))
        store.begin_canary("acme", HR_URN, ["grade", "start"], WHEN)


def ended(row: OutboxRow, entry: Entry) -> Entry:
    return replace(entry, detail=f"{row.event_id} to {row.url}: {GIVEN_UP}")


MOVED = replace(entry(Event.STORE_MOVED, Status.SUCCESS), tenant=None, detail="from there")


def moved_rows(target: Place) -> dict[str, list[tuple[object, ...]]]:
    """The rows of a target but for the last record, which is that of the move."""
    found = all_rows(target)
    *others, last = sorted(found["audit"])
    event, detail = (last[COLUMNS["audit"].index(name)] for name in ("event", "detail"))
    assert (event, detail) == (Event.STORE_MOVED, "from there")
    return found | {"audit": sorted(others, key=repr)}


def move(place: Place, target: Place, require_ready: Callable[[], None] = lambda: None) -> None:
    with opened(place) as store, opened(target) as other:
        named = f"elsewhere on {WHEN}"
        store.move_to(other, named=named, entry=MOVED, require_ready=require_ready)


def all_rows(place: Place) -> dict[str, list[tuple[object, ...]]]:
    """The rows of each table that is moved, in one order on both databases."""
    found = {}
    for table in COLUMNS.keys() - {"meta", "holders"}:
        names = ", ".join(f'"{name}"' for name in COLUMNS[table])
        found[table] = sorted(rows(place, f"SELECT {names} FROM {table}"), key=repr)
    return found


def test_columns_and_keys_are_those_of_the_tables(place: Place) -> None:
    with opened(place):
        found = shape(place)

    assert {
        table: tuple(name for name, _ in columns) for table, columns in found.items()
    } == COLUMNS
    assert KEYS.keys() == NAMES["table"]
    assert all(set(key) <= set(COLUMNS[table]) for table, key in KEYS.items())


def test_all_that_a_store_holds_is_moved_and_goes_on_there(place: Place, target: Place) -> None:
    filled(place)
    before = all_rows(place)

    move(place, target)

    assert moved_rows(target) == before == all_rows(place)
    with opened(target) as store:
        assert store.condition().faults == ()
        assert check_chain(store.records()).broken_at is None
        assert list(store.misfits()) == []
        [(number, _)] = store.open_intents("beta")
        store.settle(number, created(tenant="beta"), event(7, tenant="beta"))
        store.adopt(adopted(), event(8), [RECEIVER])
        places = [(each.row.tenant, each.row.sequence) for each in messages(store)]
        assert places.count(("acme", 4)) == 1  # after the three of the store that was moved
        assert store.condition().faults == ()
        assert store.intend(intent(), intended()) == 5


def test_a_store_that_was_moved_takes_no_more_and_can_be_read(place: Place, target: Place) -> None:
    filled(place)
    with opened(place) as before:
        move(place, target)
        with pytest.raises(StateError, match=r"was moved to elsewhere on 2026-.*: name that one"):
            before.intend(intent(), intended())

    with pytest.raises(StateError, match=r"was moved to elsewhere on .*--state"):
        open_store(url_of(place))
    with closing(open_store(url_of(place), create=False, only_read=True)) as store:
        assert check_chain(store.records()).broken_at is None
        assert store.moved_to() == f"elsewhere on {WHEN}"
        assert store.condition().moved_to == store.moved_to()


def test_a_target_that_holds_anything_is_refused_and_left_alone(
    place: Place, target: Place
) -> None:
    filled(place)
    with opened(target) as store:
        store.begin_canary("acme", HR_URN, ["grade"], WHEN)
    before = dump(target), dump(place)

    with pytest.raises(StateError, match=r"is not empty: .* with --to"):
        move(place, target)

    assert (dump(target), dump(place)) == before


@pytest.mark.parametrize("table", ["audit", "outbox", "canaries"])
def test_a_move_that_fails_leaves_both_as_they_were_and_can_be_tried_again(
    place: Place, target: Place, table: str
) -> None:
    filled(place)
    with opened(target):
        pass
    before = dump(place)
    with refusing(target, f"INSERT ON {table}"), pytest.raises(StateError, match="no room"):
        move(place, target)

    assert dump(place) == before
    assert not any(all_rows(target).values())
    move(place, target)
    assert moved_rows(target) == all_rows(place)


def test_a_move_that_was_cut_off_before_the_old_store_was_closed_is_ended(
    place: Place, target: Place
) -> None:
    filled(place)
    move(place, target)
    behind_its_back(place, "DELETE FROM meta WHERE name = 'moved_to'")  # as a kill there leaves it

    move(place, target)

    assert moved_rows(target) == all_rows(place)
    with pytest.raises(StateError, match="was moved to"):
        open_store(url_of(place))


def test_a_target_that_has_gone_on_since_is_refused(place: Place, target: Place) -> None:
    filled(place)
    move(place, target)
    behind_its_back(place, "DELETE FROM meta WHERE name = 'moved_to'")
    with opened(target) as store:
        store.adopt(adopted(), event(9), [RECEIVER])

    with pytest.raises(StateError, match="is not empty"):
        move(place, target)

    with opened(place) as store:
        store.intend(intent(), intended())


def test_what_is_not_ready_is_not_moved(place: Place, target: Place) -> None:
    filled(place)

    def refuse() -> None:
        raise StateError("broken")

    with pytest.raises(StateError, match="broken"):
        move(place, target, refuse)

    with opened(target) as store:
        assert store.head()[0] == 0
    filled(place)


def test_an_older_store_is_brought_forward_and_moved(place: Place, target: Place) -> None:
    filled(place)
    as_version(7, place)

    move(place, target)

    assert moved_rows(target) == all_rows(place)


# What a copy lacks


def test_a_whole_store_has_no_faults(place: Place) -> None:
    with opened(place) as store:
        assert store.condition().faults == ()
    filled(place)
    with opened(place) as store:
        found = store.condition()

    assert found.faults == ()
    assert found.open_intents == {"beta": 1}
    assert found.rows["intents"] == 4
    assert found.webhooks == {"delivered": 1, "given-up": 1, "held": 2, "ready": 4}


@pytest.mark.parametrize(
    ("change", "texts"),
    [
        ("UPDATE outbox SET sequence = sequence + 1", "places 2 to 4, .* from 1 without gaps"),
        ("UPDATE outbox SET sequence = 9 WHERE sequence = 3", "places 1 to 9, .* without gaps"),
        (
            "UPDATE outbox SET sequence = 1 WHERE sequence = 3",
            "places 1 to 2, and there are 2 places of 3 events",
        ),
    ],
)
def test_places_of_events_with_gaps_or_twice_are_found(
    place: Place, change: str, texts: str
) -> None:
    filled(place)
    behind_its_back(place, change)

    with opened(place) as store:
        [fault] = store.condition().faults
    assert re.match(f"the events of tenant acme have the {texts}", fault)


def test_the_places_of_a_tenant_that_was_renamed_are_whole_under_both_names(place: Place) -> None:
    filled(place)
    renamed = entry(Event.TENANT_RENAMED, tenant="acme")
    with opened(place) as store:
        store.record(replace(renamed, detail=Renaming("old", "acme").detail))
    behind_its_back(place, "UPDATE outbox SET tenant = 'old' WHERE sequence < 3")
    with opened(place) as store:
        assert store.condition().faults == ()

    behind_its_back(place, "UPDATE outbox SET sequence = 9 WHERE sequence = 3")
    with opened(place) as store:
        [fault] = store.condition().faults
    assert "tenant acme have the places 1 to 9, and there are 3 places" in fault


@pytest.mark.parametrize(
    "broken",
    [
        "SELECT setval('{}', 1, false)",
        "SELECT setval('{}', 1)",
        "DROP SEQUENCE {} CASCADE",
        "ALTER TABLE {table} ALTER id DROP DEFAULT",
    ],
)
def test_a_sequence_that_was_not_set_is_found_with_the_statements_that_set_it(
    postgres: Server, broken: str
) -> None:
    url = postgres.schema()
    filled(url)
    for table in ("intents", "outbox"):
        behind_its_back(url, broken.format(SEQUENCES[table], table=table))

    with opened(url) as store:
        faults = store.condition().faults
        assert [fault.split(",")[0] for fault in faults] == [
            "table intents holds the number 4",
            "table outbox holds the number 8",
        ]
    for fault in faults:
        behind_its_back(url, fault.partition("as the owner: ")[2])
    with opened(url) as store:
        assert store.condition().faults == ()
        assert store.intend(intent(), intended()) == 5
