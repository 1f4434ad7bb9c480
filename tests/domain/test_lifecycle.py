"""The stages of an attribute, from the trail and the manifest."""

from dataclasses import replace

import pytest

from reconciler.domain.canary import CanaryResult
from reconciler.domain.lifecycle import (
    AttributeStage,
    AttributeTimes,
    CanaryEnd,
    Deployment,
    Lifecycle,
    Search,
    lifecycle,
    persisted,
    searchable_in,
    times_in,
)
from reconciler.domain.manifest import Deprecated, Retired, SchemaExtension
from reconciler.domain.searching import Found, Searchable
from tests.support.domain_world import extension

DESK = {"name": "desk", "type": "complex", "subAttributes": [{"name": "floor"}]}
HR = extension("hr", {"name": "badge"}, DESK)
TODAY = "2026-11-30"


def deployed(at: str, *names: str) -> Deployment:
    return Deployment(at=at, attributes=frozenset(names))


def searched(at: str, searchable: Searchable = Searchable.TRUE, **found: Searchable) -> Search:
    return Search(at=at, searchable=searchable, detail="why", found=found or None)


def of(attribute: str, *course: Deployment | Search, hr: SchemaExtension = HR) -> Lifecycle:
    found = lifecycle(attribute, hr, times_in(course), today=TODAY)
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("course", "stage", "since", "available"),
    [
        ((), AttributeStage.DECLARED, None, None),
        ((deployed("1", "other"),), AttributeStage.DECLARED, None, None),
        ((deployed("1", "badge"),), AttributeStage.DEPLOYED, "1", None),
        ((deployed("1", "badge"), searched("2")), AttributeStage.AVAILABLE, "1", "2"),
        (
            (deployed("1", "badge"), searched("2", Searchable.FALSE)),
            AttributeStage.DEPLOYED,
            "1",
            None,
        ),
        (
            (deployed("1", "badge"), searched("2", Searchable.UNKNOWN)),
            AttributeStage.DEPLOYED,
            "1",
            None,
        ),
    ],
)
def test_the_trail_says_how_far_an_attribute_has_come(
    course: tuple[Deployment | Search, ...], stage: AttributeStage, since: str, available: str
) -> None:
    found = of("Badge", *course)

    assert (found.stage, found.deployed, found.available) == (stage, since, available)


def test_a_search_is_about_what_came_with_the_deployment_before_it() -> None:
    course = (deployed("1", "badge"), deployed("2", "badge", "desk"), searched("3"))

    assert of("badge", *course).stage is AttributeStage.DEPLOYED
    assert of("desk", *course).available == "3"


def test_what_a_record_found_of_an_attribute_is_about_that_one_alone() -> None:
    mixed = searched("3", Searchable.FALSE, badge=Searchable.TRUE, desk=Searchable.FALSE)
    course = (deployed("1", "badge"), deployed("2", "badge", "desk"), mixed)

    assert of("badge", *course).available == "3"
    assert of("desk", *course).stage is AttributeStage.DEPLOYED
    again = searched("4", desk=Searchable.TRUE, badge=Searchable.TRUE)
    assert [of(name, *course, again).available for name in ("badge", "desk")] == ["3", "4"]
    assert of("badge", again).available is None


def test_the_newest_finding_about_an_attribute_holds_until_it_goes() -> None:
    true, false = Found(searchable=Searchable.TRUE, reason="why"), Searchable.FALSE
    course = (deployed("1", "badge"), searched("2"), deployed("3", "badge", "desk"))

    assert searchable_in(course) == {"badge": true}
    mixed = searched("4", false, desk=false, badge=Searchable.TRUE)
    assert searchable_in((*course, mixed)) == {
        "badge": true,
        "desk": Found(searchable=false, reason="why"),
    }
    assert searchable_in((*course, mixed, deployed("5", "badge"))) == {"badge": true}


def test_an_older_finding_is_about_what_came_with_the_deployment_before_it() -> None:
    course = (deployed("1", "badge"), deployed("2", "badge", "desk"), searched("3"))

    assert searchable_in(course).keys() == {"desk"}
    unknown = Deployment(at="2", attributes=None)
    assert searchable_in((deployed("1", "badge"), unknown, searched("3"))) == {}
    assert searchable_in((CanaryEnd(at="1", results={}),)) == {}


def test_an_attribute_that_went_and_came_again_is_there_since_it_came_again() -> None:
    course = (deployed("1", "badge"), searched("2"), deployed("3", "desk"), deployed("4", "badge"))

    assert of("badge", *course) == Lifecycle(stage=AttributeStage.DEPLOYED, deployed="4")


def test_what_was_there_once_was_there_first_then_whatever_came_later() -> None:
    course = (deployed("1", "badge", "desk"), searched("2"), deployed("3", "desk"))

    assert times_in(course) == {
        "badge": AttributeTimes(first="1"),
        "desk": AttributeTimes(first="1", deployed="1", available="2"),
    }
    again = times_in((*course, deployed("4", "badge")))
    assert again["badge"] == AttributeTimes(first="1", deployed="4")


def test_a_schema_that_is_seen_again_as_it_was_brings_nothing_new() -> None:
    course = (deployed("1", "badge"), deployed("2", "badge"), searched("3"))

    assert of("badge", *course).available == "3"
    assert searchable_in(course).keys() == {"badge"}


def test_a_deployment_of_which_the_trail_knows_no_names_says_nothing() -> None:
    unknown = Deployment(at="2", attributes=None)

    assert of("badge", unknown).stage is AttributeStage.DECLARED
    assert of("badge", deployed("1", "badge"), unknown, searched("3")).deployed == "1"


@pytest.mark.parametrize(
    ("since", "stage"),
    [("2026-11-30", AttributeStage.DEPRECATED), ("2026-12-01", AttributeStage.DEPLOYED)],
)
def test_an_attribute_is_deprecated_from_its_date_on_with_its_parts(
    since: str, stage: AttributeStage
) -> None:
    hr = replace(HR, deprecated=(Deprecated(name="DESK", since=since),))
    course = deployed("1", "badge", "desk", "desk.floor")

    assert (of("desk", course, hr=hr).stage, of("desk", course, hr=hr).deprecated) == (stage, since)
    assert of("desk.floor", course, hr=hr).stage is stage
    assert of("badge", course, hr=hr).deprecated is None


def test_of_two_notices_the_first_date_counts() -> None:
    notices = (
        Deprecated(name="desk", since="2026-12-24"),
        Deprecated(name="desk.floor", since="2026-01-01"),
    )

    assert of("desk.floor", hr=replace(HR, deprecated=notices)).deprecated == "2026-01-01"


def test_what_is_gone_is_retired_by_its_tombstone_or_not_known_at_all() -> None:
    stones = (
        Retired(name="other", type="string"),
        Retired(name="Grade", type="complex", since="v2"),
    )
    hr = replace(HR, retired=stones)
    course = deployed("1", "grade")

    retired = Lifecycle(stage=AttributeStage.RETIRED, deployed="1", retired="v2")
    assert of("grade", course, hr=hr) == retired
    assert of("grade.level", hr=hr).stage is AttributeStage.RETIRED
    assert lifecycle("gradebook", hr, {}, today=TODAY) is None


def test_the_newest_result_of_a_canary_holds_until_the_attribute_goes():
    kept, lost = CanaryResult.PERSISTED, CanaryResult.DROPPED
    course = (
        Deployment(at="1", attributes=frozenset({"badge", "grade"})),
        Search(at="1", searchable=Searchable.TRUE),
        CanaryEnd(at="1", results={"Badge": lost, "grade": kept}),
        CanaryEnd(at="1", results={"badge": kept}),
        Deployment(at="2", attributes=None),
    )

    assert persisted(course) == {"badge": kept, "grade": kept}
    gone = Deployment(at="3", attributes=frozenset({"grade"}))
    assert persisted((*course, gone)) == {"grade": kept}
    assert persisted(()) == {}


def test_a_canary_is_no_stage():
    results = {"badge": CanaryResult.DROPPED}
    course = (
        deployed("1", "badge"),
        CanaryEnd(at="1", results=results),
        Search(at="2", searchable=Searchable.TRUE),
    )

    found = lifecycle("badge", HR, times_in(course), today=TODAY)

    assert found is not None
    assert (found.stage, found.available) == (AttributeStage.AVAILABLE, "2")
