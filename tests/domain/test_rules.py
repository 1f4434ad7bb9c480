"""Each rule speaks where it should, is silent where it should be, and points at the right place."""

from collections.abc import Iterable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.domain.dialect import Dialect, UpdateStrategy
from reconciler.domain.manifest import Limits, Manifests, SchemaExtension, Selector, Tenant
from reconciler.domain.problem import Place, Problem, Severity
from reconciler.domain.rules import (
    check_manifests,
    check_schema,
)
from reconciler.domain.scim import ATTRIBUTE_MEMBERS, AttributeType, Mutability, Schema
from tests.support.rule_world import Document, locate, schema


def checked(document: Document) -> tuple[Problem, ...]:
    """The problems but for what only informs: such a rule may speak of any document."""
    found = check_schema(document, locate)
    return tuple(problem for problem in found if problem.severity is not Severity.INFO)


def reported(problems: Iterable[Problem]) -> list[tuple[str, str]]:
    return [(problem.rule, problem.place.path) for problem in problems]


def check_attribute(**members: Any) -> list[tuple[str, str]]:
    """What is told of an attribute; what only informs is left out."""
    return reported(checked(schema({"name": "a", **members})))


def at(member: str) -> str:
    return f"spec/schema/attributes/0/{member}"


@pytest.mark.parametrize(
    "urn",
    [
        "urn:example:hr",
        "URN:Example:HR",
        "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User",
        "urn:sap:cloud:scim:schemas:extension:custom:2.0:X",
        "urn:a1-b:x$y%20z",
    ],
)
def test_a_urn_is_a_schema_id(urn: str) -> None:
    assert checked(schema(id=urn)) == ()


@pytest.mark.parametrize(
    "urn",
    [
        "", "HRExtension", "urn:", "urn:x", "urn:x:", "urn::x", "urn:-x:y", "urn:a b:c",
        "urn:x:a/b", "urn:x:a?b", "urn:x:a#b", "urn:x:ü", "urn:x:y\n", " urn:x:y", "urn:x:%zz",
        "https://example.com/schema", "dev:scim:Office",
    ],
)  # fmt: skip
def test_anything_but_a_uri_is_no_schema_id(urn: str) -> None:
    assert reported(checked(schema(id=urn))) == [("SCIM-S01", "spec/schema/id")]


@pytest.mark.parametrize(
    "urn",
    [
        "urn:ietf:params:scim:schemas:core:2.0:User",
        "URN:IETF:params:scim:schemas:CORE:2.0:Mine",
        "urn:ietf:params:scim:api:messages:2.0:ListResponse",
    ],
)
def test_the_namespaces_of_the_rfcs_are_closed(urn: str) -> None:
    assert reported(checked(schema(id=urn))) == [("SCIM-S02", "spec/schema/id")]


def test_names_that_differ_only_in_case_are_one_name_within_a_level() -> None:
    parts = {"name": "a", "type": "complex"}
    document = schema(
        {**parts, "subAttributes": [{"name": "x"}, {"name": "X"}]},
        {**parts, "name": "b", "subAttributes": [{"name": "x"}, {"name": "a"}]},
        {"name": "A"},
        {"name": "a"},
    )

    assert reported(checked(document)) == [
        ("SCIM-S07", "spec/schema/attributes/0/subAttributes/1/name"),
        ("SCIM-S07", "spec/schema/attributes/2/name"),
        ("SCIM-S07", "spec/schema/attributes/3/name"),
    ]


@pytest.mark.parametrize("name", ["id", "ID", "externalId", "externalid", "meta", "schemas"])
def test_a_common_attribute_is_not_defined_again_but_may_be_a_part(name: str) -> None:
    part = {"name": "a", "type": "complex", "subAttributes": [{"name": name}]}

    assert check_attribute(name=name) == [("SCIM-S08", at("name"))]
    assert checked(schema(part)) == ()


@pytest.mark.parametrize("name", ["a", "Z9", "a_b_c$d", "user2Name", "x" * 100])
def test_a_name_by_the_grammar_of_the_rfc_is_accepted(name: str) -> None:
    assert check_attribute(name=name) == []


@pytest.mark.parametrize("name", ["1a", "_a", "-a", "$a", "a b", "a.b", "ä", "aé", "a\n", "\u212a"])
def test_a_name_against_the_grammar_of_the_rfc_is_refused(name: str) -> None:
    assert check_attribute(name=name) == [("SCIM-A01", at("name"))]


def test_a_hyphen_in_a_name_is_a_warning_and_no_name_an_error() -> None:
    (hyphen,) = checked(schema({"name": "cost-center"}))

    assert (hyphen.rule, hyphen.severity) == ("SCIM-A01", Severity.WARNING)
    for nothing in ("", None):
        assert check_attribute(name=nothing) == [("SCIM-A02", at("name"))]


def test_the_reference_of_a_complex_attribute_has_its_own_name() -> None:
    part = {"name": "a", "type": "complex", "subAttributes": [{"name": "$ref"}]}

    assert checked(schema(part)) == ()
    assert check_attribute(name="$ref") == [("SCIM-A01", at("name"))]


@pytest.mark.parametrize("word", [t for t in AttributeType if t != AttributeType.COMPLEX])
def test_the_types_of_the_rfc_are_accepted(word: str) -> None:
    to = {"referenceTypes": ["uri"]} if word == "reference" else {}
    assert check_attribute(type=word, **to) == []


@pytest.mark.parametrize(
    ("member", "value", "rule", "message"),
    [
        ("type", "datetime", "SCIM-A04", "'datetime' is spelt dateTime"),
        ("type", "DATE_TIME", "SCIM-A04", "'DATE_TIME' is spelt dateTime"),
        (
            "type",
            "passport",
            "SCIM-A05",
            "'passport' is no type; use string, boolean, decimal, integer",
        ),
        ("type", "number", "SCIM-A05", "'number' is no type; did you mean decimal or integer?"),
        ("type", "Text", "SCIM-A05", "'Text' is no type; did you mean string?"),
        ("type", "date", "SCIM-A05", "'date' is no type; did you mean dateTime?"),
        ("type", "array", "SCIM-A05", "the type of one item, with multiValued: true?"),
        ("type", "strng", "SCIM-A04", "'strng' is no type; did you mean string?"),
        ("mutability", "reedWrite", "SCIM-A06", "did you mean readWrite?"),
        ("returned", "sometimes", "SCIM-A06", "use default, always, never or request"),
        ("uniqueness", "", "SCIM-A06", "'' is no uniqueness; use none, server or global"),
    ],
)
def test_a_keyword_is_spelt_as_in_the_rfc(member: str, value: str, rule: str, message: str) -> None:
    (problem,) = checked(schema({"name": "a", member: value}))

    assert (problem.rule, problem.place.path) == (rule, at(member))
    assert problem.severity is Severity.ERROR
    assert message in problem.message


@pytest.mark.parametrize(
    ("member", "value", "message"),
    [
        ("mutability", "read_only", "'read_only' is spelt readOnly"),
        ("returned", "Default", "'Default' is spelt default"),
        ("uniqueness", "NONE", "'NONE' is spelt none"),
    ],
)
def test_a_keyword_in_another_case_is_a_warning(member: str, value: str, message: str) -> None:
    (problem,) = checked(schema({"name": "a", member: value}))

    assert (problem.rule, problem.place.path) == ("SCIM-A06", at(member))
    assert problem.severity is Severity.WARNING
    assert message in problem.message


def test_only_a_complex_attribute_has_parts_and_it_should_have_some() -> None:
    parts = [{"name": "x"}]

    assert check_attribute(type="complex", subAttributes=parts) == []
    assert check_attribute(type="string", subAttributes=parts) == [
        ("SCIM-A08", at("subAttributes"))
    ]
    assert check_attribute(subAttributes=parts) == [("SCIM-A08", at("subAttributes"))]
    nothings: list[Document] = [{}, {"subAttributes": []}, {"subAttributes": None}]
    for nothing in nothings:
        (problem,) = checked(schema({"name": "a", "type": "complex", **nothing}))
        assert (problem.rule, problem.severity) == ("SCIM-A07", Severity.WARNING)
    assert check_attribute(type="string", subAttributes=[]) == []


def test_complex_is_not_nested_at_any_depth() -> None:
    innermost = {"name": "c", "type": "complex", "subAttributes": [{"name": "d"}]}
    inner = {"name": "b", "type": "complex", "subAttributes": [innermost]}

    found = check_attribute(type="complex", subAttributes=[inner])

    assert found == [
        ("SCIM-A09", at("subAttributes/0/subAttributes/0/type")),
        ("SCIM-A09", at("subAttributes/0/type")),
    ]


@pytest.mark.parametrize("member", ["multiValued", "required", "caseExact"])
@pytest.mark.parametrize("value", ["true", "false", 0, 1, None, []])
def test_a_boolean_written_as_text_is_refused(member: str, value: Any) -> None:
    assert check_attribute(**{member: value}) == [("SCIM-A22", at(member))]
    assert check_attribute(**{member: True}) == check_attribute(**{member: False}) == []


@pytest.mark.parametrize(
    ("member", "meant"),
    [
        ("requird", "required"),
        ("subattribute", "subAttributes"),
        ("mutabilty", "mutability"),
        ("canonicalVals", "canonicalValues"),
    ],
)
def test_a_member_near_a_word_of_the_rfc_is_reported_as_a_slip(member: str, meant: str) -> None:
    (problem,) = checked(schema({"name": "a", member: True}))

    assert (problem.rule, problem.place) == ("REC-MEMBER", Place(at(member), 1, 2))
    assert problem.message.endswith(f"did you mean {meant}?")


@pytest.mark.parametrize(
    ("member", "meant"),
    [("multivalued", "multiValued"), ("MULTIVALUED", "multiValued"), ("Type", "type")],
)
def test_a_member_in_another_case_is_refused(member: str, meant: str) -> None:
    (problem,) = checked(schema({"name": "a", member: True}))

    assert (problem.rule, problem.place) == ("REC-CASE", Place(at(member), 1, 2))
    assert problem.message.endswith(f"did you mean {meant}?")
    assert [p.rule for p in checked(schema(Description="x"))] == ["REC-CASE"]


@pytest.mark.parametrize(
    "member", ["idcsDisplayName", "displayOrder", "minLength", "regEx", "size"]
)
def test_a_member_far_from_the_rfc_is_a_vendor_member(member: str) -> None:
    assert check_attribute(**{member: {"anything": [1]}}) == []
    assert checked(schema(**{f"x{member}": 1})) == ()


def test_a_slip_in_a_schema_member_is_reported() -> None:
    assert reported(checked(schema(descriptions="x"))) == [
        ("REC-MEMBER", "spec/schema/descriptions")
    ]


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from([*sorted(ATTRIBUTE_MEMBERS), "id", "attributes"]), inner)
    ),
    max_leaves=20,
)


@pytest.mark.parametrize("value", [None, "urn:x", 7, True, [{"id": "urn:x"}]])
def test_rules_leave_values_of_a_wrong_shape_to_the_json_schema(value: Any) -> None:
    assert checked(value) == ()


@given(json_values)
def test_rules_never_crash_on_any_shape(value: Any) -> None:
    for document in (value, {"id": value}, {"attributes": value}, {"attributes": [value]}):
        problems = checked(document)

        assert list(problems) == sorted(problems)
        assert all("\n" not in problem.message for problem in problems)


@given(
    st.lists(
        st.fixed_dictionaries(
            {"name": st.from_regex("[A-Za-z][a-z0-9]{3,5}", fullmatch=True)},
            optional={
                "type": st.sampled_from(
                    [t for t in AttributeType if t not in ("complex", "reference")]
                ),
                "mutability": st.sampled_from([m for m in Mutability if m != "writeOnly"]),
                "multiValued": st.booleans(),
            },
        ),
        unique_by=lambda attribute: str(attribute["name"]).lower(),
    )
)
def test_a_schema_by_the_rfc_has_no_problem(attributes: list[Document]) -> None:
    common = {"id", "externalid", "meta", "schemas", "name", "title", "ims", "roles", "emails"}
    common |= {"photos", "groups", "locale", "active"}
    document = schema(*(a for a in attributes if a["name"].lower() not in common))

    assert checked(document) == ()


# --- the manifests together


GENESYS = Dialect(
    name="genesys",
    target_system="Genesys Cloud",
    creates=True,
    updates=UpdateStrategy.PUT,
    types=frozenset({"string", "boolean"}),
    extensions=2,
    attributes=2,
    protected_prefixes=("urn:vendor:",),
)


def tenant(name: str, *, line: int = 1, dialect: Dialect = GENESYS, **more: Any) -> Tenant:
    return Tenant(
        name=name,
        place=Place(f"t-{name}", line),
        dialect=dialect,
        base_url="https://scim.example.com",
        **more,
    )


def extension(
    name: str, *attributes: Document, urn: str = "", line: int = 1, selector: Selector | None = None
) -> SchemaExtension:
    document = schema(*attributes, id=urn or f"urn:example:{name}")
    return SchemaExtension(
        name=name,
        place=Place(f"e-{name}", line),
        schema=Schema.from_json(document),
        selector=selector or Selector(),
    )


def check(*manifests: Tenant | SchemaExtension) -> tuple[Problem, ...]:
    tenants = tuple(m for m in manifests if isinstance(m, Tenant))
    extensions = tuple(m for m in manifests if isinstance(m, SchemaExtension))
    return check_manifests(Manifests(tenants=tenants, extensions=extensions), locate)


def test_manifests_that_fit_together_have_no_problem() -> None:
    assert check(tenant("a"), tenant("b"), extension("x", {"name": "a"}), extension("y")) == ()
    assert check() == ()


def test_a_name_is_given_once_per_kind() -> None:
    found = check(tenant("a", line=9), tenant("a", line=2), extension("a"), extension("b"))

    assert reported(found) == [("REC-NAME", "t-a/metadata/name")]
    assert found[0].place.line == 9
    assert found[0].message == "the name a is taken by the Tenant at t-a:2"


def test_two_manifests_of_one_urn_are_an_error_only_on_a_shared_tenant() -> None:
    to_a, to_b = Selector(names=("a*",)), Selector(names=("b",))
    tenants = [tenant(name) for name in ("a1", "a2", "a3", "a4", "b")]
    first = extension("x", urn="urn:example:same", selector=to_a)

    apart = check(*tenants, first, extension("y", urn="urn:example:same", selector=to_b))
    together = check(*tenants, first, extension("y", urn="URN:example:SAME"))

    assert apart == ()
    assert reported(together) == [
        ("REC-URN", "e-y/spec/schema/id"),
        ("SCIM-S03", "e-y/spec/schema/id"),
    ]
    assert together[0].message == (
        "tenants a1, a2, a3 and 1 more would get this URN from e-x:1 too; "
        "narrow spec.tenants of one"
    )


def test_a_selector_without_a_tenant_is_a_warning() -> None:
    nobody = Selector(match_labels={"env": "prod"})

    found = check(tenant("a", labels={"env": "dev"}), extension("x", selector=nobody))

    assert reported(found) == [("REC-SELECTOR", "e-x/spec/tenants")]
    assert found[0].severity is Severity.WARNING
    assert reported(check(extension("x"))) == [("REC-SELECTOR", "e-x/spec/tenants")]


def test_an_exceeded_service_limit_is_a_warning_naming_its_tenants() -> None:
    part = {"name": "b", "type": "complex", "subAttributes": [{"name": "c", "type": "binary"}]}

    found = check(tenant("t"), extension("x", {"name": "a"}, part, {"name": "d"}))

    assert {problem.severity for problem in found} == {Severity.WARNING}
    assert reported(found) == [
        ("REC-ATTRIBUTES", "e-x/spec/schema/attributes"),
        ("REC-TYPE", "e-x/spec/schema/attributes/1/subAttributes/0/type"),
        ("REC-TYPE", "e-x/spec/schema/attributes/1/type"),
    ]
    assert found[0].message == (
        "attributes: Genesys Cloud (tenant t) takes 2 in one schema, and these are 3; split it"
    )
    assert found[1].message == (
        "attribute 'c': Genesys Cloud (tenant t) has no type binary, only boolean or string"
    )


def test_more_extensions_than_the_tenant_holds_are_a_warning_at_the_tenant() -> None:
    three = [extension(name) for name in ("x", "y", "z")]

    assert reported(check(tenant("t"), *three)) == [("REC-EXTENSIONS", "t-t/metadata/name")]
    assert check(tenant("t", limits=Limits(extensions=3)), *three) == ()
    assert reported(check(tenant("t", limits=Limits(extensions=0)), three[0])) == [
        ("REC-EXTENSIONS", "t-t/metadata/name")
    ]


def test_the_capabilities_of_a_tenant_override_the_limits_of_its_dialect() -> None:
    three = [extension(name, {"name": "a", "type": "binary"}) for name in ("x", "y", "z")]
    able = tenant("able", dialect=GENESYS.overridden({"extensions": 3, "types": ["binary"]}))

    found = check(able, tenant("t"), *three)

    assert check(able, *three) == ()
    assert not [problem for problem in found if "able" in problem.message]
    assert {rule for rule, _ in reported(found)} == {"REC-EXTENSIONS", "REC-TYPE"}


def test_a_urn_of_the_vendor_is_a_warning() -> None:
    found = check(tenant("t"), extension("x", urn="urn:vendor:user"))

    assert reported(found) == [("REC-PROTECTED", "e-x/spec/schema/id")]


@given(st.permutations(range(6)))
def test_the_order_of_manifests_changes_nothing(order: list[int]) -> None:
    manifests: list[Tenant | SchemaExtension] = [
        tenant("a", line=1),
        tenant("a", line=2),
        tenant("b"),
        extension("x", urn="urn:example:same", line=1),
        extension("y", urn="urn:example:same", line=2),
        extension("z", urn="urn:example:same", line=3),
    ]

    assert check(*(manifests[index] for index in order)) == check(*manifests)
