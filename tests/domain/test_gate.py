"""Whether HR may send an attribute, and each reason against it."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from reconciler.domain.canary import CanaryResult
from reconciler.domain.dialect import BindingList
from reconciler.domain.gate import AttributeGate, SchemaFacts, TenantGate
from reconciler.domain.hearing import Bindings
from reconciler.domain.lifecycle import Deployment
from reconciler.domain.manifest import Manages, Retired
from reconciler.domain.scim import Schema
from reconciler.domain.searching import Found, Searchable
from tests.support.domain_world import dialect, document, extension, tenant_of

DESK = {"name": "desk", "type": "complex", "subAttributes": [{"name": "floor"}]}
HR = extension("hr", {"name": "badge"}, DESK)
BOUND: Bindings = {"User": frozenset({"urn:example:hr"})}
YES = Found(searchable=Searchable.TRUE)
ALL: Mapping[str, Found] = dict.fromkeys(("badge", "desk", "desk.floor"), YES)
KEPT = dict.fromkeys(ALL, CanaryResult.PERSISTED)


def live(*attributes: Any) -> Schema:
    return Schema.from_json(document("hr", *(attributes or ({"name": "Badge"}, DESK))))


def facts(**changes: Any) -> SchemaFacts:
    known: dict[str, Any] = {
        "tenant": tenant_of(service=dialect()),
        "extension": HR,
        "live": live(),
        "bindings": BOUND,
        "course": (Deployment(at="2026-11-29T10:00:00.000Z", attributes=frozenset({"badge"})),),
        "date": "2026-11-30",
    }
    return SchemaFacts(**known | changes)


def gate(name: str, *, found: Mapping[str, Found] | None = ALL, **changes: Any) -> AttributeGate:
    [gate] = facts(**changes).gates([name], found)
    return gate


def test_what_is_verified_bound_and_searchable_is_ready() -> None:
    found = gate("badge")

    assert (found.ready, found.verified, found.bound, found.searchable) == (
        True, True, True, Searchable.TRUE,
    )  # fmt: skip
    assert (found.schema_id, found.since) == ("urn:example:hr", "2026-11-29T10:00:00.000Z")
    assert found.persisted is CanaryResult.NOT_TRIED


def test_without_names_the_gate_is_about_all_that_the_manifest_has() -> None:
    found = facts().gates((), ALL)

    assert [(each.attribute, each.ready) for each in found] == [
        ("badge", True), ("desk", True), ("desk.floor", True),
    ]  # fmt: skip


def test_a_name_is_taken_in_any_case_and_spelled_as_the_manifest_does() -> None:
    found = gate("DESK.Floor")

    assert (found.attribute, found.ready) == ("desk.floor", True)


@pytest.mark.parametrize(
    ("name", "changes", "reason"),
    [
        ("badge", {"live": None}, "the schema is not live"),
        ("badge", {"live": None, "unknown": "it cannot be read"}, "it cannot be read"),
        ("badge", {"live": live(DESK)}, "it is not live"),
        (
            "badge",
            {"live": live({"name": "badge", "type": "boolean"}, DESK)},
            "live differs from the manifest; plan shows how",
        ),
        (
            "desk.floor",
            {"live": live({"name": "badge"}, {**DESK, "subAttributes": [{"name": "room"}]})},
            "it is not live",
        ),
        ("grade", {}, "no manifest declares it for this tenant"),
        ("badge.part", {}, "no manifest declares it for this tenant"),
        (
            "grade",
            {"extension": replace(HR, retired=(Retired(name="grade", type="string", since="v2"),))},
            "it is retired since v2",
        ),
        (
            "grade",
            {"extension": replace(HR, retired=(Retired(name="grade", type="string"),))},
            "it is retired",
        ),
        (
            "badge",
            {"bindings": None},
            "/ResourceTypes does not say what is bound; where the service never says, write "
            "bindings: unlisted in spec.capabilities",
        ),
        (
            "badge",
            {"bindings": {"User": frozenset[str]()}},
            "/ResourceTypes does not name the schema for any resource type, so nobody can hold a "
            "value",
        ),
        (
            "badge",
            {"extension": replace(HR, resource_type="Device", names_resource_type=True)},
            "/ResourceTypes does not name the schema for Device, so nobody can hold a value",
        ),
        (
            "badge",
            {"found": {**ALL, "badge": Found(searchable=Searchable.FALSE, reason="HTTP 400")}},
            "not searchable: HTTP 400",
        ),
        (
            "badge",
            {"found": {**ALL, "badge": Found(searchable=Searchable.UNKNOWN, reason="no users")}},
            "not known to be searchable: no users",
        ),
        ("badge", {"found": {}}, "not known to be searchable: nobody asked"),
        (
            "badge",
            {"persisted": {**KEPT, "badge": CanaryResult.DROPPED}},
            "a value that was written as a test is not known to be kept: dropped",
        ),
        (
            "badge",
            {"persisted": {}},
            "a value that was written as a test is not known to be kept: not-tried",
        ),
    ],
)
def test_each_thing_that_is_missing_is_a_reason(
    name: str, changes: dict[str, Any], reason: str
) -> None:
    found = gate(name, **changes)

    assert found.reasons == (reason,)
    assert not found.ready


def test_what_was_not_to_be_asked_is_no_reason_and_not_known() -> None:
    found = gate("badge", found=None)

    assert (found.ready, found.searchable) == (True, Searchable.UNKNOWN)


def test_a_canary_that_kept_the_value_is_no_reason() -> None:
    found = gate("badge", persisted=KEPT)

    assert (found.ready, found.persisted) == (True, CanaryResult.PERSISTED)


def test_what_the_service_never_lists_is_taken_for_bound_where_its_dialect_says_so() -> None:
    unlisted = tenant_of(service=dialect(bindings=BindingList.UNLISTED))

    assert gate("badge", tenant=unlisted, bindings=None).ready


def test_of_a_manifest_that_manages_attributes_only_those_are_held_against_live() -> None:
    hr = replace(extension("hr", {"name": "badge"}), manages=Manages.ATTRIBUTES)

    assert gate("badge", extension=hr, live=live({"name": "badge"}, {"name": "theirs"})).ready


def test_an_undeclared_attribute_has_no_lifecycle_and_no_since() -> None:
    found = gate("grade")

    assert (found.lifecycle, found.since, found.verified) == (None, None, False)


def test_a_tenant_is_ready_where_each_attribute_is_and_nothing_is_against_it() -> None:
    ready, unready = gate("badge"), gate("grade")

    assert TenantGate(tenant="acme", attributes=(ready,)).ready
    assert not TenantGate(tenant="acme", attributes=(ready, unready)).ready
    assert not TenantGate(tenant="acme", attributes=(), reasons=("no manifest",)).ready


def test_the_gate_for_a_urn_that_nobody_declares_is_no_for_each_attribute_or_for_all() -> None:
    of_one = TenantGate.undeclared("acme", "urn:x", ["badge"], reason="no manifest")
    of_all = TenantGate.undeclared("acme", "urn:x", [], reason="no manifest")

    assert [(each.attribute, each.reasons) for each in of_one.attributes] == [
        ("badge", ("no manifest",))
    ]
    assert (of_one.reasons, of_one.ready) == ((), False)
    assert (of_all.attributes, of_all.reasons, of_all.ready) == ((), ("no manifest",), False)
