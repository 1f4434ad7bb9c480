"""What the trail has of a tenant's schemas over time, on both databases."""

from dataclasses import replace

import pytest

from reconciler.adapters.database import courses_at
from reconciler.domain.canary import CanaryResult
from reconciler.domain.lifecycle import CanaryEnd, Course, Deployment, Search
from reconciler.domain.records import Entry, Event, Status
from reconciler.domain.scim import Schema
from reconciler.domain.searching import Searchable
from reconciler.errors import StateError
from tests.support.older_stores import as_version
from tests.support.store_world import (
    HR_URN,
    Place,
    behind_its_back,
    entry,
    intent,
    opened,
    url_of,
)

WIDER = Schema.from_json({"id": HR_URN, "attributes": [{"name": "Badge"}, {"name": "desk"}]})
NARROW = Schema.from_json({"id": HR_URN, "attributes": [{"name": "badge"}]})
KEY = HR_URN.lower()


def at(minute: int) -> str:
    return f"2026-01-02T03:{minute:02}:00.000Z"


def record(minute: int, event: Event, status: Status, schema: Schema) -> Entry:
    about = replace(entry(event, status, tenant="acme"), timestamp=at(minute), schema_id=HR_URN)
    return replace(about, after_digest=schema.fingerprint())


def searched(minute: int, searchable: Searchable) -> Entry:
    about = record(minute, Event.SCHEMA_EXTENSION_SEARCHED, Status.SUCCESS, NARROW)
    return replace(about, after_digest=None, searchable=searchable, searchable_ms=5)


def both_ways(place: Place, *desired: Schema, tenant: str = "acme") -> Course:
    """The course of the HR extension, from the store of a run and by a look; they are the same."""
    with opened(place) as store:
        found = store.courses(tenant, desired)
    assert courses_at(url_of(place), tenant, desired) == found
    return found.get(KEY, ())


def test_a_write_is_a_deployment_of_the_names_that_it_sent(place: Place) -> None:
    with opened(place) as store:
        number = store.intend(replace(intent(), desired=WIDER), entry(tenant="acme"))
        created = Event.SCHEMA_EXTENSION_CREATED
        store.settle(number, record(1, created, Status.SUCCESS, WIDER), None)
        store.record(searched(2, Searchable.TRUE))

    assert both_ways(place) == (
        Deployment(at=at(1), attributes=frozenset({"badge", "desk"})),
        Search(at=at(2), searchable=Searchable.TRUE),
    )


def test_what_was_adopted_has_the_names_of_the_schema_that_it_equals(place: Place) -> None:
    with opened(place) as store:
        adopted = Event.SCHEMA_EXTENSION_ADOPTED
        store.record(record(1, adopted, Status.SUCCESS, NARROW))

    assert both_ways(place, WIDER, NARROW) == (
        Deployment(at=at(1), attributes=frozenset({"badge"})),
    )
    assert both_ways(place, WIDER) == (Deployment(at=at(1), attributes=None),)


def test_what_was_in_sync_when_it_was_first_seen_is_there_since_then(place: Place) -> None:
    with opened(place) as store:
        for minute, detail in ((1, "drifted"), (2, "in-sync"), (3, "in-sync")):
            seen = record(minute, Event.SCHEMA_EXTENSION_SKIPPED, Status.SUCCESS, NARROW)
            seen = replace(seen, before_digest=NARROW.fingerprint(), after_digest=None)
            store.record(replace(seen, detail=detail))

    expected = (Deployment(at=at(2), attributes=frozenset({"badge"})),)
    assert both_ways(place, NARROW) == expected
    assert both_ways(place, WIDER) == ()
    with opened(place) as store:
        assert store.fleet_courses([("acme", NARROW)]).courses == {("acme", KEY): expected}


def test_what_failed_was_skipped_or_is_of_another_tenant_is_no_step(place: Place) -> None:
    with opened(place) as store:
        skipped, created = Event.SCHEMA_EXTENSION_SKIPPED, Event.SCHEMA_EXTENSION_CREATED
        for event, status in ((skipped, Status.SUCCESS), (created, Status.FAILED)):
            store.record(replace(record(1, event, status, NARROW), after_digest=None))

    assert both_ways(place) == ()
    assert both_ways(place, tenant="other") == ()


def test_where_there_is_no_store_there_is_no_course_and_none_is_made(place: Place) -> None:
    assert courses_at(url_of(place), "acme", ()) == {}


@pytest.mark.parametrize("version", [2, 7])
def test_a_store_of_an_older_version_has_no_searches(place: Place, version: int) -> None:
    with opened(place) as store:
        adopted = Event.SCHEMA_EXTENSION_ADOPTED
        store.record(record(1, adopted, Status.SUCCESS, NARROW))
    as_version(version, place)

    assert courses_at(url_of(place), "acme", [NARROW]) == {
        KEY: (Deployment(at=at(1), attributes=frozenset({"badge"})),)
    }


def test_an_intent_that_is_damaged_is_a_deployment_of_unknown_names(place: Place) -> None:
    with opened(place) as store:
        number = store.intend(replace(intent(), desired=WIDER), entry(tenant="acme"))
        created = Event.SCHEMA_EXTENSION_CREATED
        store.settle(number, record(1, created, Status.SUCCESS, WIDER), None)
    behind_its_back(place, "UPDATE intents SET desired = '{'")

    assert both_ways(place) == (Deployment(at=at(1), attributes=None),)


def test_a_finding_that_is_none_is_a_damaged_store(place: Place) -> None:
    with opened(place) as store:
        store.record(searched(1, Searchable.TRUE))
    behind_its_back(place, "UPDATE audit SET searchable = 'perhaps'")

    with pytest.raises(StateError, match="damaged: record 1 is searchable in a way"):
        courses_at(url_of(place), "acme", ())


def tried(minute: int, **results: CanaryResult) -> Entry:
    about = record(minute, Event.SCHEMA_EXTENSION_CANARY_COMPLETED, Status.SUCCESS, NARROW)
    return replace(about, after_digest=None, canary=tuple(results.items()))


def test_what_a_canary_found_is_a_step(place: Place) -> None:
    results = {"badge": CanaryResult.PERSISTED, "desk": CanaryResult.NOT_TRIED}
    with opened(place) as store:
        store.record(tried(1, **results))

    assert both_ways(place, WIDER) == (CanaryEnd(at=at(1), results=results),)


@pytest.mark.parametrize("text", ['{"badge":"lost"}', "{", "7"])
def test_a_result_that_is_none_is_a_damaged_store(place: Place, text: str) -> None:
    with opened(place) as store:
        store.record(tried(1, badge=CanaryResult.PERSISTED))
    behind_its_back(place, f"UPDATE audit SET canary = '{text}'")

    if text == "7":
        assert both_ways(place, WIDER) == (CanaryEnd(at=at(1), results={}),)
        return
    with opened(place) as store, pytest.raises(StateError, match="the store is damaged"):
        store.courses("acme", [WIDER])


def test_what_is_under_way_is_kept_until_it_is_over(place: Place) -> None:
    with opened(place) as store:
        assert store.canaries() == {}
        store.begin_canary("acme", HR_URN, ["badge", "desk"], at(1))
        store.begin_canary("acme", HR_URN, ["badge"], at(2))
        store.begin_canary("other", HR_URN, ["badge"], at(2))
    with opened(place) as store:
        assert store.canaries() == {
            "acme": {HR_URN: ["badge", "desk"]},
            "other": {HR_URN: ["badge"]},
        }
        store.end_canary("acme", HR_URN, ["badge"])
        store.end_canary("other", HR_URN, ["badge"])
        assert store.canaries() == {"acme": {HR_URN: ["desk"]}}


def test_a_finding_about_each_attribute_is_kept_by_its_folded_name(place: Place) -> None:
    found = (("Badge", Searchable.TRUE), ("desk", Searchable.UNKNOWN))
    with opened(place) as store:
        about = replace(searched(1, Searchable.UNKNOWN), detail="desk: no users", searched=found)
        store.record(about)

    assert both_ways(place, WIDER) == (
        Search(
            at=at(1),
            searchable=Searchable.UNKNOWN,
            detail="desk: no users",
            found={"badge": Searchable.TRUE, "desk": Searchable.UNKNOWN},
        ),
    )


def test_a_store_of_version_8_has_one_finding_about_all_attributes(place: Place) -> None:
    with opened(place) as store:
        store.record(searched(1, Searchable.FALSE))
    as_version(8, place)

    assert courses_at(url_of(place), "acme", [NARROW]) == {
        KEY: (Search(at=at(1), searchable=Searchable.FALSE),)
    }


@pytest.mark.parametrize("text", ['{"badge":"perhaps"}', '{"badge":[]}', "{"])
def test_a_finding_about_an_attribute_that_is_none_is_a_damaged_store(
    place: Place, text: str
) -> None:
    with opened(place) as store:
        store.record(replace(searched(1, Searchable.TRUE), searched=(("badge", Searchable.TRUE),)))
    behind_its_back(place, f"UPDATE audit SET searched = '{text}'")

    with pytest.raises(StateError, match="damaged: record 1 is searchable in a way"):
        courses_at(url_of(place), "acme", ())


def test_the_courses_of_a_fleet_are_those_of_each_tenant(place: Place) -> None:
    with opened(place) as store:
        for tenant in ("acme", "beta"):
            written = replace(intent(tenant=tenant), desired=WIDER)
            number = store.intend(written, entry(tenant=tenant))
            created = record(1, Event.SCHEMA_EXTENSION_CREATED, Status.SUCCESS, WIDER)
            store.settle(number, replace(created, tenant=tenant), None)
            store.record(replace(searched(2, Searchable.TRUE), tenant=tenant))
        store.record(tried(3, badge=CanaryResult.PERSISTED))
        adopted = record(4, Event.SCHEMA_EXTENSION_ADOPTED, Status.SUCCESS, NARROW)
        store.record(replace(adopted, tenant="beta"))

        found = store.fleet_courses([("acme", NARROW), ("beta", NARROW)])

        for tenant in ("acme", "beta"):
            assert found.courses[tenant, KEY] == store.courses(tenant, [NARROW])[KEY]
        assert found.courses["beta", KEY][-1].at == at(4)
        assert found.schemas == {each.fingerprint(): each for each in (WIDER, NARROW)}
        assert store.fleet_courses([]).courses["beta", KEY][-1] == Deployment(
            at=at(4), attributes=None
        )
