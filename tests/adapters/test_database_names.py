"""Names of tenants in the store: which it has, what is open under each, and old names as new."""

import time
from dataclasses import replace
from pathlib import Path

from reconciler.adapters.database import Store, seen_and_kept
from reconciler.adapters.database.kept_names import QUESTIONS
from reconciler.domain.adoption import Count, CountMethod, Sample, SampleKey
from reconciler.domain.manifest import Tenant
from reconciler.domain.outbox import Awaited
from reconciler.domain.records import Event, Status
from reconciler.domain.tenant_names import KeptNames, Renaming, UnclaimedName
from reconciler.ports import Counting, Due
from tests.support.fakes import tenant as tenant_of_manifest
from tests.support.older_stores import as_version
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
    entry,
    event,
    intended,
    intent,
    opened,
    to_send,
    url_of,
)


def called(name: str, *formerly: str) -> Tenant:
    return replace(tenant_of_manifest(name), formerly=formerly)


def dropped(name: str):
    return entry(Event.TENANT_DROPPED, Status.SUCCESS, tenant=name)


def renamed(old: str, new: str):
    found = Renaming(old, new)
    return replace(entry(Event.TENANT_RENAMED, tenant=new), detail=found.detail)


def sample(tenant: str, holders: int, at: str) -> Sample:
    key = SampleKey(tenant=tenant, resource_type="User", schema_id=HR_URN, attribute="grade")
    count = Count(holders=holders, total=9, method=CountMethod.FILTER)
    return Sample(key=key, count=count, measured_at=at)


def filled(store: Store) -> None:
    """A name for each way to be known, and one with a webhook that was delivered."""
    number = store.intend(intent(tenant="settled"), intended("settled"))
    store.settle(number, created(tenant="settled"), event(1, tenant="settled"))
    for row in to_send(store, Due(None))[:1]:
        store.delivered(row, attempt(Status.SYNCED, 204, "settled"))
    store.intend(intent(tenant="open"), intended("open"))
    store.adopt(adopted("held"), Awaited("a binding"), [RECEIVER])
    blocked = entry(Event.SCHEMA_EXTENSION_BLOCKED, Status.FAILED, tenant="blocked")
    store.record(replace(blocked, schema_id=HR_URN))
    store.add_samples([sample("counted", 1, WHEN)])


def test_names_are_known_with_what_is_open_under_each(place: Place) -> None:
    with opened(place) as store:
        filled(store)

        kept = store.kept_names()

        assert kept == KeptNames(
            names=frozenset({"settled", "open", "held", "blocked", "counted"}),
            open_writes={"open": 1},
            pending={"settled": 1},
            held={"held": 1},
        )
        others = [f"x{number}" for number in range(1100)]
        names = ["settled", *others, "open", "blocked", "counted"]
        assert store.kept_of(names) == {"settled", "open", "blocked", "counted"}
        assert store.kept_of([]) == frozenset()
    assert seen_and_kept(url_of(place))[1] == kept


def test_a_store_of_an_older_format_says_no_names_until_it_is_brought_forward(place: Place) -> None:
    with opened(place) as store:
        filled(store)
        kept = store.kept_names()
    as_version(9, place)

    assert seen_and_kept(url_of(place))[1] == KeptNames()
    with opened(place) as store:
        assert store.kept_names() == kept


def test_a_name_that_was_dropped_is_known_no_more_but_for_what_came_later(place: Place) -> None:
    verified = replace(adopted("old"), after_digest=HR.fingerprint())
    with opened(place) as store:
        store.record_all([verified, dropped("old")])
        assert store.kept_names().names == frozenset()

        store.record(verified)

        assert store.kept_names().names == {"old"}


def test_renamings_are_read_in_their_order_and_edited_ones_are_none(place: Place) -> None:
    edited = replace(renamed("x", "y"), detail="was x")
    with opened(place) as store:
        store.record_all([renamed("old", "mid"), edited, dropped("x"), renamed("mid", "new")])

        assert store.renamings() == (Renaming("old", "mid"), Renaming("mid", "new"))
        assert store.carry_on([called("new")]).of("new") == ("new", "mid", "old")


def test_what_is_kept_under_a_former_name_is_the_tenants(place: Place) -> None:
    with opened(place) as store:
        number = store.intend(intent(tenant="old"), intended("old"))
        verified = replace(created(tenant="old"), after_digest=HR.fingerprint())
        store.settle(number, verified, event(1, tenant="old"))
        left = store.intend(intent(tenant="old"), intended("old"))
        store.begin_canary("old", HR_URN, ["grade"], WHEN)
        counting = Counting(
            tenant="old", resource_type="User", next_start=5, tallies={"a": 1}, started_at=WHEN
        )
        store.keep_counting(counting)
        store.add_samples([sample("old", 0, "2026-01-01T00:00:00.000Z")])
        key = sample("new", 0, "").key
        before = {
            "histories": store.histories("old"),
            "sightings": store.sightings()["old", HR.key],
            "courses": store.courses("old", [HR]),
        }

        store.carry_on([called("new", "old")])
        store.add_samples([sample("new", 2, "2026-02-01T00:00:00.000Z")])

        assert [n for n, _ in store.open_intents("new")] == [left]
        assert store.histories("new") == before["histories"]
        assert store.sightings() == {("new", HR.key): before["sightings"]}
        assert store.courses("new", [HR]) == before["courses"] != {}
        assert store.fleet_courses([("new", HR)]).courses == {
            ("new", HR.key): before["courses"][HR.key]
        }
        assert store.canaries() == {"new": {HR_URN: ["grade"]}}
        assert store.counting("new", "User") == replace(counting, tenant="new")
        history = store.samples_before([key])[key]
        assert (history.first_at[:7], history.first_value or "", history.newest.count.holders) == (
            "2026-01",
            "2026-02-01T00:00:00.000Z",
            2,
        )
        assert store.fleet_histories() == {key: history}
        assert {each.tenant for each in store.newest_samples()} == {"new"}
        trail = store.fleet_trail()
        assert {row.tenant for row in trail.waiting} == {"new"}
        assert trail.open_writes == {"new": 1}

        store.end_canary("new", HR_URN, ["grade"])
        store.end_counting("new", "User")

        assert (store.canaries(), store.counting("old", "User")) == ({}, None)


def test_what_was_held_is_released_under_the_new_name_and_in_its_order(place: Place) -> None:
    with opened(place) as store:
        store.adopt(adopted("old"), event(1, tenant="old"), [RECEIVER])
        number = store.intend(intent(tenant="old", urls=(RECEIVER,)), intended("old"))
        store.carry_on([called("new", "old")])
        store.record(renamed("old", "new"))

        settled = replace(created(Status.RECOVERED, "new"), change="old/hr")
        store.settle(number, settled, event(2, tenant="new"))

        assert [(row.tenant, row.sequence) for row in to_send(store)] == [("old", 1), ("new", 2)]
        assert list(store.misfits()) == []


def test_an_outcome_under_a_name_that_the_trail_does_not_lead_to_is_a_misfit(place: Place) -> None:
    with opened(place) as store:
        number = store.intend(intent(tenant="old"), intended("old"))
        store.record(renamed("other", "new"))
        store.settle(number, replace(created(Status.RECOVERED, "new"), change="old/hr"), None)

        [misfit] = store.misfits()

    assert f"intent {number} is settled, and record" in misfit


def test_an_intent_that_was_moved_to_another_name_is_a_misfit(place: Place) -> None:
    with opened(place) as store:
        store.intend(intent(tenant="old"), intended("old"))
        store.record(renamed("old", "new"))
    behind_its_back(place, "UPDATE intents SET tenant = 'new'")

    with opened(place) as store:
        assert len(list(store.misfits())) == 1


def test_names_are_found_by_indexes_and_in_a_time_that_grows_with_the_names(
    tmp_path: Path,
) -> None:
    def seconds(names: int) -> float:
        path = tmp_path / f"{names}.db"
        with opened(path) as store:
            for number in range(names):
                verified = replace(adopted(f"tenant-{number:05}"), after_digest=HR.fingerprint())
                store.record_all([verified] * 5)
            began = time.perf_counter()
            assert store.kept_names().unclaimed([]) == tuple(
                UnclaimedName(name=f"tenant-{number:05}") for number in range(names)
            )
            return time.perf_counter() - began

    seconds(20)
    assert seconds(400) < 8 * max(seconds(200), 0.002)
    assert len(QUESTIONS) == 5
