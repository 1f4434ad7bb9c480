"""Whom the changes of a tenant's plan hurt, by its users over HTTP, and what a service may hide."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pytest

from reconciler.adapters.gateway.reader import ReadDeadline
from reconciler.adapters.gateway.users import HttpUserReader
from reconciler.cli.approved_impact import ApprovedImpact, accepted_by
from reconciler.domain.manifest import Deprecated, OnDrift, SchemaExtension
from reconciler.domain.measures import Measured, Risk
from reconciler.domain.plan import Blocked, Plan, TenantPlan
from reconciler.domain.problem import Place
from reconciler.domain.scim import Schema
from reconciler.errors import Interrupted
from reconciler.measuring import Measuring, hurting
from reconciler.render.plan_document import plan_document
from tests.support.domain_world import extension as made_extension
from tests.support.domain_world import live, planned
from tests.support.faultserver import Received, Script
from tests.support.gateway_world import World, scim_error, world
from tests.support.people import URN, PeopleService, users

CANARY = "c4n4ry-v4lue"
Members = dict[str, Any]
NAMES: dict[str, Members] = {"grade": {}, "site": {}}


def schema(**attributes: dict[str, Any]) -> dict[str, Any]:
    shown = [{"name": name, **members} for name, members in attributes.items()]
    return {"id": URN, "name": "HR", "attributes": shown}


def wanted(resource_type: str = "User", **attributes: dict[str, Any]) -> SchemaExtension:
    made = Schema.from_json(schema(**attributes))
    return SchemaExtension(name="hr", place=Place(""), schema=made, resource_type=resource_type)


def plan_of(*extensions: SchemaExtension, **there: dict[str, Any]) -> TenantPlan:
    return planned(extensions, live(schema(**(there or NAMES))))


REQUIRED = wanted(grade={"required": True}, site={})


def one_of_two(number: int) -> PeopleService:
    people = users(number, lambda n: {"grade": CANARY} if n % 2 else {"site": "x"})
    return PeopleService(people=people)


@contextmanager
def counting(
    service: Any, check: Callable[[], None] = lambda: None, deadline: float = 60.0
) -> Iterator[tuple[Measuring, World]]:
    with world(service) as known:
        ends = ReadDeadline.after(deadline, known.clock, option="--count-deadline")
        yield (
            Measuring(lambda _: HttpUserReader(known.reader._access, deadline=ends), check),
            known,
        )


def measured(service: Any, plan: TenantPlan) -> tuple[list[Measured], tuple[str, ...]]:
    with counting(service) as (measuring, _):
        found = measuring.with_impact(plan)
    assert found.impact is not None
    return [each for change in found.impact.values() for each in change], found.warnings


def outcome(service: Any, plan: TenantPlan) -> list[tuple[str, str, int | None, int | None, str]]:
    found, _ = measured(service, plan)
    return [(each.path, str(each.kind), each.users, each.of, str(each.risk)) for each in found]


def test_all_that_is_counted_of_a_tenant_is_counted_in_one_pass() -> None:
    extension = wanted(grade={"required": True, "uniqueness": "server"})
    with counting(one_of_two(250)) as (measuring, known):
        found = measuring.with_impact(plan_of(extension))

    assert found.impact is not None
    (impact,) = found.impact.values()
    assert [(m.path, str(m.kind), m.users, m.of) for m in impact] == [
        ("grade", "required", 125, 250),
        ("grade", "uniqueness", 125, 250),
        ("site", "removed", 125, 250),
    ]
    assert found.warnings == ()
    asked = [each for each in known.requests if "/Users" in each.target]
    assert len(asked) == 3
    assert all(f"attributes=id%2C{URN.replace(':', '%3A')}%3Agrade" in r.target for r in asked)


@pytest.mark.parametrize(
    "extension",
    [wanted(grade={}, site={}), wanted(grade={"description": "more"}, site={}, more={})],
)
def test_a_tenant_whose_changes_hurt_nobody_is_not_read(extension: SchemaExtension) -> None:
    with counting(one_of_two(10)) as (measuring, known):
        found = measuring.with_impact(plan_of(extension))

    assert found.impact == {}
    assert known.requests == []


def test_users_are_not_counted_for_a_manifest_of_what_is_the_vendors() -> None:
    urn = "urn:example:vendor:2.0:User"
    there = {"id": urn, "attributes": [{"name": "userName"}]}
    proposed = {"id": urn, "attributes": [{"name": "userName", "canonicalValues": ["alice"]}]}
    extension = replace(REQUIRED, schema=Schema.from_json(proposed))

    plan = planned([extension], live(there))

    assert isinstance(plan.changes[0], Blocked)
    assert hurting(plan) == ()


def test_a_tenant_that_could_not_be_read_counts_nobody() -> None:
    plan = replace(plan_of(REQUIRED), changes=(), error="no answer")

    with counting(one_of_two(10)) as (measuring, known):
        assert measuring.with_impact(plan) == replace(plan, impact={})
    assert known.requests == []


@pytest.mark.parametrize("on_drift", OnDrift)
def test_what_is_blocked_and_what_is_withheld_is_counted_alike(on_drift: OnDrift) -> None:
    plan = plan_of(replace(REQUIRED, on_drift=on_drift))

    assert outcome(one_of_two(10), plan) == [("grade", "required", 5, 10, "many")]


def test_a_percentage_of_the_manifest_decides_what_is_many() -> None:
    service = PeopleService(people=users(100, lambda n: {"grade": "a"} if n else None))

    assert outcome(service, plan_of(REQUIRED))[0][4] == "some"
    assert outcome(service, plan_of(replace(REQUIRED, many=1)))[0][4] == "many"


def test_resources_of_another_type_are_counted_at_their_own_address() -> None:
    service = replace(
        one_of_two(8),
        endpoint="Agents",
        types=[{"name": "Agent", "endpoint": "/Agents", "schema": "urn:example:Agent"}],
    )

    found = outcome(service, plan_of(wanted("Agent", grade={"required": True}, site={})))

    assert found == [("grade", "required", 4, 8, "many")]


def test_attributes_of_the_own_schema_of_a_type_stand_in_the_resource_itself() -> None:
    people = [{"id": str(n), **({"grade": "a"} if n % 4 else {})} for n in range(8)]
    service = PeopleService(people=people, types=[{"name": "User", "schema": URN}])

    assert outcome(service, plan_of(REQUIRED)) == [("grade", "required", 2, 8, "many")]


# What is deprecated


def noticed(extension: SchemaExtension, *names: str) -> SchemaExtension:
    notices = tuple(Deprecated(name=name, since="2026-12-01") for name in names)
    return replace(extension, deprecated=notices)


def held_of(plan: TenantPlan) -> list[tuple[str, int | None, int | None]]:
    (held,) = plan.deprecated.values()
    return [(each.notice.name, each.users, each.of) for each in held]


IN_SYNC = wanted(grade={}, site={})


@pytest.mark.parametrize("number", [1, 12, 24])
def test_of_what_is_in_sync_the_holders_of_all_that_is_deprecated_are_counted_in_one_pass(
    number: int,
) -> None:
    names = [f"a{n}" for n in range(number)]
    people = users(250, lambda n: {"a0": CANARY} if n % 5 == 0 else {"other": "x"})
    attributes: dict[str, Members] = {name: {} for name in names}
    extension = noticed(wanted("User", **attributes), *names)

    with counting(PeopleService(people=people)) as (measuring, known):
        found = measuring.with_impact(plan_of(extension, **attributes))

    unheld = number - 1  # each of which a filter is asked for, and nonsense once
    assert held_of(found) == [("a0", 50, 250), *((name, 0, 250) for name in names[1:])]
    assert found.impact == {"acme/hr": ()}
    assert found.warnings == ()
    asked = [each for each in known.requests if "/Users" in each.target]
    assert len(asked) == 3 + unheld + bool(unheld)
    assert hurting(found) == ()


def test_a_change_that_hurts_and_what_is_deprecated_are_counted_in_one_pass() -> None:
    with counting(one_of_two(250)) as (measuring, known):
        found = measuring.with_impact(plan_of(noticed(REQUIRED, "site", "grade")))

    assert found.impact is not None
    assert [(m.path, str(m.kind), m.users) for m in found.impact["acme/hr"]] == [
        ("grade", "required", 125)
    ]
    assert held_of(found) == [("site", 125, 250), ("grade", 125, 250)]
    assert sum("/Users" in each.target for each in known.requests) == 3


def test_what_is_deprecated_is_counted_where_values_are_dropped_of_a_list_with_attributes() -> None:
    service = replace(one_of_two(20), drops_extension=True)

    with counting(service) as (measuring, _):
        found = measuring.with_impact(plan_of(noticed(IN_SYNC, "grade")))

    assert held_of(found) == [("grade", 10, 20)]


@pytest.mark.parametrize(
    ("service", "reason"),
    [
        (lambda request: scim_error(403, CANARY), "who holds what is deprecated is not known: "),
        (replace(one_of_two(10), claimed=1000), "who holds what is deprecated is not known: the s"),
    ],
)
def test_who_holds_what_is_deprecated_may_be_unknown_and_no_error(
    service: Any, reason: str
) -> None:
    with counting(service) as (measuring, _):
        found = measuring.with_impact(plan_of(noticed(IN_SYNC, "grade")))

    assert held_of(found) == [("grade", None, None)]
    (warning,) = found.warnings
    assert warning.startswith(reason)
    assert CANARY not in warning


def test_hidden_values_of_what_is_deprecated_are_unknown_and_nobody_is_read_for_them() -> None:
    pin: Members = {"returned": "never"}

    with counting(one_of_two(10)) as (measuring, known):
        found = measuring.with_impact(plan_of(noticed(wanted(pin=pin), "pin"), pin=pin))

    assert held_of(found) == [("pin", None, None)]
    assert found.warnings == (
        "who holds what is deprecated of hr: pin is not known: its values are never returned",
    )
    assert known.requests == []


def test_an_approval_does_not_rest_on_what_is_deprecated() -> None:
    service = one_of_two(40)
    plan = plan_of(noticed(IN_SYNC, "grade"), made_extension("New", {"name": "a"}))

    with counting(service) as (measuring, known):
        saved = plan_document(Plan(tenants=(measuring.with_impact(plan),)))
        approved = ApprovedImpact(measuring, accepted_by(saved))
        approved.note(plan)
        service.before = lambda *_: scim_error(403, CANARY)
        known.requests.clear()

        assert approved.lapsed(plan.without_live()) is None
        assert approved.notice(()) is None
        assert known.requests == []


# What services do


@pytest.mark.parametrize(
    "habits",
    [
        {"most": 7},
        {"slice_totals": True},
        {"remaining_totals": True},
        {"without_totals": True},
        {"claimed": 3},
        {"ignores_paging": True},
        {"ignores_attributes": True},
        {"drops_extension": True},
        {"drops_extension": True, "refuses_filters": 400},
        {"drops_extension": True, "ignores_filters": True},
        {"ignores_filters": True},
        {"urn_filters": False},
        {"drops_schemas": True},
    ],
    ids=repr,
)
def test_a_count_is_the_same_whatever_the_habits_of_a_service(habits: dict[str, Any]) -> None:
    people = users(20, lambda n: {"grade": f"a{n}"} if n % 4 else None)
    service = PeopleService(people=people, **habits)

    assert outcome(service, plan_of(REQUIRED)) == [("grade", "required", 5, 20, "many")]


def test_a_service_that_refuses_to_be_asked_for_attributes_is_read_without() -> None:
    def refusing(_: PeopleService, request: Received) -> Script | None:
        return scim_error(400) if "attributes=" in request.target else None

    assert outcome(replace(one_of_two(10), before=refusing), plan_of(REQUIRED)) == [
        ("grade", "required", 5, 10, "many")
    ]


def test_an_attribute_that_nobody_holds_is_counted_as_such() -> None:
    gone = wanted(grade={})

    for habits in ({}, {"refuses_filters": 400}, {"ignores_filters": True}):
        service = PeopleService(people=users(10, lambda _: {"grade": "a"}), **habits)
        assert outcome(service, plan_of(gone)) == [("site", "removed", 0, 10, "none")]


def test_values_that_a_filter_finds_and_no_list_shows_are_unknown() -> None:
    shown = users(10, lambda _: {"grade": "a"})
    held = users(10, lambda _: {"grade": "a", "site": CANARY})

    class Hiding(PeopleService):
        def _filtered(self, text: str | None) -> Any:
            return shown if text is None else replace(self, people=held)._by(text)

        def _by(self, text: str) -> Any:
            return PeopleService._filtered(self, text)

    found, warnings = measured(Hiding(people=held), plan_of(wanted(grade={"required": True})))

    assert [(m.path, m.users, str(m.risk)) for m in found] == [
        ("grade", 0, "none"), ("site", None, "unknown")
    ]  # fmt: skip
    assert warnings == (
        "the impact on users of hr: site is not known: a filter finds users who hold a value, "
        "and the list of users shows none",
    )


@pytest.mark.parametrize(
    ("service", "reason"),
    [
        (lambda request: scim_error(403, f"no {CANARY}"), "403"),
        (lambda request: scim_error(500, CANARY), "500"),
        (replace(one_of_two(10), endpoint="Elsewhere"), "404"),
        (replace(one_of_two(10), claimed=1000), "the service lists 10 resources of the type User"),
        (replace(one_of_two(10), without_ids=True), "and claims to have 10"),
    ],
)
def test_where_users_cannot_be_listed_the_risk_is_unknown_and_no_error(
    service: Any, reason: str
) -> None:
    found, warnings = measured(service, plan_of(REQUIRED))

    assert [(m.users, m.of, str(m.risk)) for m in found] == [(None, None, "unknown")]
    (warning,) = warnings
    assert warning.startswith("the impact on users is not known: ")
    assert reason in warning
    assert CANARY not in warning


def test_a_count_that_takes_too_long_is_unknown_and_names_the_option() -> None:
    with counting(one_of_two(10), deadline=0.0) as (measuring, _):
        found = measuring.with_impact(plan_of(REQUIRED))

    (warning,) = found.warnings
    assert "--count-deadline" in warning
    assert found.impact is not None
    assert found.impact["acme/hr"][0].risk is Risk.UNKNOWN


def test_hidden_values_are_unknown_and_nobody_is_read_for_them() -> None:
    there = {"pin": {"returned": "never"}}

    with counting(one_of_two(10)) as (measuring, known):
        found = measuring.with_impact(
            plan_of(wanted(pin={"returned": "never", "required": True}), **there)
        )

    assert found.warnings == (
        "the impact on users of hr: pin is not known: its values are never returned",
    )
    assert known.requests == []


def test_a_value_too_long_for_a_pattern_is_named_as_the_reason_and_not_shown() -> None:
    people = PeopleService(people=users(4, lambda _: {"grade": CANARY * 100}))

    found, warnings = measured(people, plan_of(wanted(grade={"pattern": "[a-z]*"}, site={})))

    assert [str(each.risk) for each in found] == ["unknown"]
    assert warnings == (
        "the impact on users of hr: grade is not known: "
        "a value is too long to be held against the pattern",
    )


def test_a_signal_ends_a_count_between_two_pages() -> None:
    def stop() -> None:
        raise Interrupted(15, wrote=False)

    with counting(one_of_two(250), check=stop) as (measuring, known):
        with pytest.raises(Interrupted):
            measuring.with_impact(plan_of(REQUIRED))

    assert sum("/Users" in each.target for each in known.requests) == 1


# What stays of it


def test_no_value_of_a_user_stays_in_what_comes_of_a_count() -> None:
    people = users(60, lambda n: {"grade": f"{CANARY}-{n % 7}", "site": f"{CANARY}-{n}"})
    extension = wanted(
        grade={"uniqueness": "server", "caseExact": True, "type": "integer"},
        site={"canonicalValues": ["north"], "required": True},
    )

    with counting(PeopleService(people=people)) as (measuring, _):
        plan = measuring.with_impact(plan_of(extension))

    assert CANARY not in repr(plan)
    assert plan.impact is not None
    assert len(plan.impact["acme/hr"]) >= 4


# Before a write


def test_a_class_that_has_become_unknown_lapses_the_approval_of_its_tenant() -> None:
    service = PeopleService(people=users(40, lambda n: {"grade": "a"} if n else None))
    plan = plan_of(REQUIRED, made_extension("New", {"name": "a"}))
    assert plan.has_writes

    with counting(service) as (measuring, _):
        saved = plan_document(Plan(tenants=(measuring.with_impact(plan),)))
        approved = ApprovedImpact(measuring, accepted_by(saved))
        approved.note(plan)
        assert approved.lapsed(plan.without_live()) is None
        service.before = lambda *_: scim_error(403, CANARY)
        lapsed = approved.lapsed(plan.without_live())

    assert lapsed is not None
    assert lapsed.difference[:3] == (
        "  acme/hr",
        "-   risk some: grade becomes required: 1 of 40 have no value",
        "+   risk unknown: grade becomes required: how many have no value is not known",
    )
    assert "403" in lapsed.difference[3]
    assert CANARY not in repr(lapsed)


def test_a_change_that_the_approved_plan_did_not_count_lapses_where_somebody_is_hurt() -> None:
    plan = plan_of(REQUIRED, made_extension("New", {"name": "a"}))

    with counting(one_of_two(10)) as (measuring, _):
        approved = ApprovedImpact(measuring, {"acme/other": {}})
        approved.note(plan)
        lapsed = approved.lapsed(plan.without_live())

    assert lapsed is not None
    assert lapsed.difference == (
        "  acme/hr", "+   risk many: grade becomes required: 5 of 10 have no value"
    )  # fmt: skip
