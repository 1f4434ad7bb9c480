"""What a change does to whom, of which kinds it is, and who then has to approve it."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.domain.approvals import Needed, approvals_needed
from reconciler.domain.compatibility import obstacles
from reconciler.domain.diff import alterations
from reconciler.domain.impact import Assessment, assess
from reconciler.domain.manifest import ChangeKind, Limits, OnDrift, SchemaExtension
from reconciler.domain.plan import Blocked, Plan, TenantPlan
from reconciler.domain.problem import Place
from reconciler.domain.rules.changes import CHANGE_RULES
from reconciler.domain.rules.characteristics import write_only_is_never_returned
from reconciler.domain.scim import Schema
from tests.support.domain_world import dialect, live, planned
from tests.support.strategies import edits, schema_documents

URN = "urn:example:hr"
EXPOSING, NARROWING, ADDITIVE = ChangeKind
BASE: dict[str, Any] = {"name": "grade", "type": "string"}


def schema(*attributes: dict[str, Any], **members: Any) -> dict[str, Any]:
    return {"id": URN, "name": "HR", "attributes": list(attributes), **members}


def wanted(
    *attributes: dict[str, Any],
    personal: tuple[str, ...] = (),
    owners: Mapping[ChangeKind, tuple[str, ...]] | None = None,
    on_drift: OnDrift = OnDrift.SKIP,
) -> SchemaExtension:
    return SchemaExtension(
        name="hr",
        place=Place("hr.yaml"),
        schema=Schema.from_json(schema(*attributes)),
        personal=personal,
        owners=owners or {},
        on_drift=on_drift,
    )


def plan(
    desired: SchemaExtension, *there: dict[str, Any], tenant: str = "acme", room: int = 10
) -> TenantPlan:
    return planned([desired], live(*there), tenant=tenant, limits=Limits(extensions=room))


def assessed(before: dict[str, Any] | None, after: SchemaExtension) -> Assessment:
    return assess(Schema.from_json(before) if before else None, after, dialect())


def rules(assessment: Assessment) -> list[str]:
    return [impact.rule for impact in assessment.impacts]


@pytest.mark.parametrize(
    ("before", "after", "kinds", "rule"),
    [
        ({}, {"description": "x"}, [ADDITIVE], None),
        ({"canonicalValues": ["a"]}, {"canonicalValues": ["a", "b"]}, [ADDITIVE], None),
        ({"canonicalValues": ["a", "b"]}, {"canonicalValues": ["a"]}, [NARROWING], "SCH012"),
        ({"required": True}, {}, [ADDITIVE], None),
        ({}, {"required": True}, [NARROWING], "SCH004"),
        ({}, {"type": "integer"}, [NARROWING], "SCH002"),
        ({}, {"multiValued": True}, [NARROWING], "SCH003"),
        ({}, {"uniqueness": "server"}, [NARROWING], "SCH005"),
        ({"uniqueness": "server"}, {}, [NARROWING], "SCH006"),
        ({}, {"mutability": "immutable"}, [NARROWING], "SCH007"),
        ({"mutability": "immutable"}, {}, [ADDITIVE], "SCH008"),
        ({}, {"returned": "never"}, [NARROWING], "SCH009"),
        ({}, {"returned": "request"}, [NARROWING], "SCH009"),
        ({"returned": "never"}, {"returned": "request"}, [EXPOSING], "SCH010"),
        ({"returned": "request"}, {}, [EXPOSING], "SCH010"),
        ({}, {"returned": "always"}, [ADDITIVE], None),
        ({"mutability": "writeOnly", "returned": "never"}, {"returned": "never"},
         [ADDITIVE], "SCH008"),
        ({"mutability": "writeOnly"}, {}, [EXPOSING], "SCH010"),
        ({}, {"caseExact": True}, [NARROWING], "SCH011"),
    ],
)  # fmt: skip
def test_the_kind_of_an_update_follows_from_the_rules_about_changes(before, after, kinds, rule):
    found = assessed(schema(BASE | before), wanted(BASE | after))

    assert list(found.kinds) == kinds
    assert (rule in rules(found)) if rule else not found.impacts


def test_each_impact_says_whom_it_concerns_as_its_rule_does():
    found = assessed(schema(BASE), wanted(BASE | {"returned": "never"}))

    [impact] = found.impacts
    assert impact.rule == "SCH009"
    assert impact.consumers == ("READER",)
    assert impact.message == "attribute 'grade': returned was default and is never"


def test_a_change_may_be_of_several_kinds():
    before = schema(BASE, {"name": "secret", "returned": "never"})
    after = wanted(BASE | {"required": True}, {"name": "secret"}, {"name": "new"})

    assert assessed(before, after).kinds == (EXPOSING, NARROWING, ADDITIVE)


def test_an_attribute_that_goes_narrows_with_or_without_a_tombstone():
    assert assessed(schema(BASE, {"name": "old"}), wanted(BASE)).kinds == (NARROWING,)


@pytest.mark.parametrize(
    ("attribute", "exposes"),
    [
        ({"returned": "always"}, True),
        ({}, True),
        ({"returned": "request"}, False),
        ({"returned": "never"}, False),
    ],
)
@pytest.mark.parametrize("before", [None, schema(BASE)])
def test_new_personal_data_exposes_where_it_is_returned_unasked(before, attribute, exposes):
    new = {"name": "birthDate", **attribute}

    marked = assessed(before, wanted(BASE, new, personal=("BirthDate",)))
    unmarked = assessed(before, wanted(BASE, new))

    assert (EXPOSING in marked.kinds) == exposes
    assert ("SCH010" in rules(marked)) == exposes
    assert unmarked.kinds == (ADDITIVE,)


@pytest.mark.parametrize(
    ("parent", "part", "exposes"),
    [("default", "default", True), ("request", "always", False), ("default", "request", False)],
)
def test_a_part_is_shown_only_where_its_whole_is(parent, part, exposes):
    home = {
        "name": "home",
        "type": "complex",
        "returned": parent,
        "subAttributes": [{"name": "street", "returned": part}],
    }

    found = assessed(None, wanted(home, personal=("home.street",)))

    assert (EXPOSING in found.kinds) == exposes


@pytest.mark.parametrize("whole", ["always", "default", "request", "never"])
@pytest.mark.parametrize(("returned", "exposes"), [("always", True), ("request", False)])
@pytest.mark.parametrize("personal", ["health", "HEALTH", "health.Diagnosis"])
def test_a_new_part_of_personal_data_is_personal(whole, returned, exposes, personal):
    health = {"name": "Health", "type": "complex", "returned": whole}
    code = {"name": "code", "returned": "never"}
    diagnosis = {"name": "diagnosis", "returned": returned}
    grown = {**health, "subAttributes": [code, diagnosis]}
    owned = wanted(grown, personal=(personal,), owners=OWNERS, on_drift=OnDrift.UPDATE)
    before = schema({**health, "subAttributes": [code]})

    found = assessed(before, owned)

    assert found.kinds == ((EXPOSING,) if exposes else (ADDITIVE,))
    messages = [i.message for i in found.impacts if i.rule == "SCH010"]
    shown = ["attribute 'Health.diagnosis': personal data, returned unasked"]
    assert messages == (shown if exposes else [])
    kind = "exposing" if exposes else "additive"
    assert approved(plan(owned, before)) == [(kind, OWNERS[ChangeKind(kind)], ("acme/hr",))]


@pytest.mark.parametrize(
    ("personal", "reported"),
    [
        (("home",), ["home"]),
        (("home", "home.street"), ["home"]),
        (("home.street", "home.zip"), ["home.street", "home.zip"]),
    ],
)
def test_of_a_new_attribute_each_whole_that_is_personal_is_reported_once(personal, reported):
    parts = [{"name": "city"}, {"name": "street"}, {"name": "zip"}]
    home = {"name": "home", "type": "complex", "subAttributes": parts}

    found = assessed(None, wanted(home, personal=personal))

    assert [i.message for i in found.impacts if i.rule == "SCH010"] == [
        f"attribute '{name}': personal data, returned unasked" for name in reported
    ]


def test_a_create_takes_nothing_from_anybody():
    found = assessed(None, wanted(BASE | {"required": True}, {"name": "n", "type": "integer"}))

    assert found == Assessment(kinds=(ADDITIVE,), impacts=())


def test_a_create_reports_complex_attributes_for_connectors():
    found = assessed(None, wanted(BASE | {"multiValued": True}))

    assert rules(found) == ["SCH017"]
    assert found.kinds == (ADDITIVE,)


def test_the_limits_of_a_service_concern_the_service_and_narrow_nothing():
    small = dialect(attributes=1)
    after = wanted(BASE, {"name": "second"})

    found = assess(Schema.from_json(schema(BASE)), after, small)

    assert [(i.rule, i.consumers) for i in found.impacts] == [("SCH016", ("SERVER",))]
    assert found.kinds == (ADDITIVE,)


def test_a_note_silences_its_attribute_and_no_other_of_an_equal_schema_in_another_order():
    """An assessment is kept for equal cases, and a note stands at a place of the document."""
    first, second = ({"name": name, "mutability": "writeOnly"} for name in "ab")
    pointer = ("spec", "schema", "attributes", 0, "mutability")
    noted = frozenset({(write_only_is_never_returned.id, pointer, False)})

    def found(*attributes):
        after = replace(wanted(*attributes), silenced=noted)
        return [i.message[:13] for i in assessed(None, after).impacts if i.rule == "SCH015"]

    assert found(first, second) == ["attribute 'b'"]
    assert found(second, first) == ["attribute 'a'"]


def test_another_case_of_the_live_urn_is_no_impact():
    live = schema(BASE) | {"id": URN.upper()}

    assert "SCH014" not in rules(assessed(live, wanted(BASE, {"name": "new"})))


@given(st.data())
def test_an_update_takes_nothing_away_but_uniqueness(data):
    before = data.draw(schema_documents())
    after = data.draw(edits(before)).document
    there, desired = Schema.from_json(before), Schema.from_json(after)

    manifest = SchemaExtension(name="hr", place=Place("hr.yaml"), schema=desired)
    found = assess(there, manifest, None)

    assert found.kinds
    if not obstacles(alterations(there, desired)):
        assert EXPOSING not in found.kinds
        narrowing = {i.rule for i in found.impacts if i.severity != "info"}
        assert narrowing <= {"SCH006", "SCH011", "SCH015"}
    known = {(rule.id, tuple(rule.consumers)) for rule in CHANGE_RULES}
    assert all((impact.rule, impact.consumers) in known for impact in found.impacts)


# Who has to approve

OWNERS = {ADDITIVE: ("@acme/hr",), EXPOSING: ("@acme/privacy", "dpo@example.com")}


def approved(*tenants: TenantPlan) -> list[tuple[str, tuple[str, ...], tuple[str, ...]]]:
    needed: tuple[Needed, ...] = approvals_needed(Plan(tenants=tenants))
    return [(str(each.kind), each.owners, each.changes) for each in needed]


def test_the_owners_of_each_kind_have_to_approve_the_gravest_first():
    new = wanted(BASE, {"name": "birthDate"}, personal=("birthDate",), owners=OWNERS)

    assert approved(plan(new, tenant="a"), plan(new, tenant="b")) == [
        ("exposing", OWNERS[EXPOSING], ("a/hr", "b/hr")),
        ("additive", OWNERS[ADDITIVE], ("a/hr", "b/hr")),
    ]


def test_a_grave_change_without_an_owner_is_listed_and_an_additive_one_is_not():
    new = wanted(BASE, {"name": "birthDate"}, personal=("birthDate",))

    assert approved(plan(new)) == [("exposing", (), ("acme/hr",))]
    assert approved(plan(wanted(BASE))) == []


def test_what_is_blocked_or_skipped_needs_nobody():
    owners = {NARROWING: ("@acme/iam",)}
    narrow = wanted(BASE | {"required": True}, owners=owners, on_drift=OnDrift.UPDATE)
    skipped = wanted(BASE | {"required": True}, owners=owners)

    assert isinstance(plan(narrow, schema(BASE)).changes[0], Blocked)
    assert approved(plan(narrow, schema(BASE))) == []
    assert approved(plan(skipped, schema(BASE))) == []
    assert approved(plan(skipped, schema(BASE | {"required": True}))) == []


def test_a_create_beyond_the_limit_needs_nobody():
    assert approved(plan(wanted(BASE, owners=OWNERS), room=0)) == []


def test_owners_and_personal_data_of_a_trusted_version_cannot_be_taken_out():
    trusted = wanted(BASE, personal=("grade",), owners=OWNERS)
    proposed = wanted(BASE, personal=("other",), owners={ADDITIVE: ("@me", "@acme/hr")})

    guarded = proposed.guarded_by(trusted)

    assert guarded.personal == ("other", "grade")
    assert guarded.owners == {ADDITIVE: ("@acme/hr", "@me"), EXPOSING: OWNERS[EXPOSING]}
    assert guarded.schema == proposed.schema


def test_a_proposal_cannot_call_fewer_users_many_than_the_trusted_version() -> None:
    bare = wanted(BASE)
    strict, lax = replace(bare, many=1), replace(bare, many=50)

    assert lax.guarded_by(strict).many == strict.guarded_by(lax).many == 1


def test_neither_owners_nor_personal_data_enter_the_digest():
    bare, owned = wanted(BASE), wanted(BASE, personal=("grade",), owners=OWNERS)

    assert plan(bare).digest() == plan(owned).digest()
