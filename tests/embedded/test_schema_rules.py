"""Which documents are accepted as a Schema: the rules case by case, and laws over many."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reconciler.domain.jsontext import Json
from reconciler.embedded.schema_rules import accept
from reconciler.embedded.users import check_buildable, provider_of
from reconciler.embedded.wire import Refused
from tests.support.embedded_client import HR, extension
from tests.support.strategies import json_values, odd_documents, schema_documents


def refusal(document: Json) -> str:
    with pytest.raises(Refused) as caught:
        accept(document)
    assert caught.value.status == 400
    assert caught.value.scim_type in ("invalidValue", "invalidSyntax")
    return caught.value.detail


def with_attribute(**members: Json) -> dict[str, Json]:
    return extension(attributes=[{"name": "grade", **members}])


SUB = {"name": "level", "type": "integer"}


def test_the_schema_of_the_tutorial_is_accepted() -> None:
    schema = accept(extension())

    assert schema.id == HR
    assert [attribute.name for attribute in schema.attributes] == [
        "badges", "hrDepartmentCode", "isContractor", "payrollStartDate",
    ]  # fmt: skip


@pytest.mark.parametrize(
    "urn", ["HRExtension", "", "urn:", "urn:x", "urn:example:a b", "urn:example:a/b", "http://a/b"]
)
def test_an_id_that_is_no_urn_is_refused(urn: str) -> None:
    assert refusal(extension(urn) | {"name": "n"})


@pytest.mark.parametrize(
    ("document", "texts"),
    [
        (extension(name=None), "name is required"),
        (extension(name=""), "name is required"),
        (extension(attributes=[]), "attributes is required"),
        (extension(attributes=None), "attributes is required"),
        (extension(attributes="a"), "no list"),
        (extension(attributes=["a"]), "no object"),
        (extension(attributes=[{"type": "string"}]), "without a name"),
        (extension(attributes=[{"name": "a b"}]), "no attribute name"),
        (extension(attributes=[{"name": "1st"}]), "no attribute name"),
        (extension(attributes=[{"name": "Meta"}]), "common attribute"),
        (extension(attributes=[{"name": "a"}, {"name": "A"}]), "twice"),
        (with_attribute(type="text"), "unknown type 'text'"),
        (with_attribute(mutability="sometimes"), "unknown mutability"),
        (with_attribute(returned=7), "unknown returned"),
        (with_attribute(uniqueness="local"), "unknown uniqueness"),
        (with_attribute(type="complex"), "no subAttributes"),
        (with_attribute(type="string", subAttributes=[SUB]), "is not complex"),
        (with_attribute(type="complex", subAttributes=[SUB, SUB]), "twice"),
        (with_attribute(type="complex", subAttributes=[{"name": "$x"}]), "no attribute name"),
        (
            with_attribute(type="complex", subAttributes=[{"name": "a", "type": "complex"}]),
            "complex inside",
        ),
        (
            with_attribute(type="complex", subAttributes=[{"name": "a", "subAttributes": [SUB]}]),
            "complex inside",
        ),
        (with_attribute(type="complex", subAttributes=[{"name": "a", "type": "x"}]), "unknown"),
    ],
)
def test_a_document_that_makes_no_sense_is_refused_with_the_reason(
    document: Json, texts: str
) -> None:
    assert texts in refusal(document)


@pytest.mark.parametrize(
    "members",
    [
        {"type": "String"},
        {"type": "DATETIME"},
        {"mutability": "READ_WRITE"},
        {"returned": "Default"},
        {"uniqueness": None},
        {"required": "true"},
        {"type": "Complex", "subAttributes": [{"name": "$ref", "type": "reference"}]},
        {"vendor": {"anything": [1]}},
    ],
)
def test_the_spellings_of_real_services_are_accepted(members: dict[str, Json]) -> None:
    schema = accept(with_attribute(**members))

    check_buildable(schema)
    assert schema.attributes[0].name == "grade"


def sensible(document: dict[str, Any]) -> dict[str, Any]:
    """The document, made into one that the rules have nothing against."""
    attributes = [{"name": "first"}, *map(sensible_attribute, document["attributes"])]
    kept = {attribute["name"].lower(): attribute for attribute in attributes}
    return {**document, "name": "Sensible", "attributes": list(kept.values())}


def sensible_attribute(attribute: dict[str, Any]) -> dict[str, Any]:
    subs = [
        {**sub, "type": "string"} if sub.get("type") == "complex" else sub
        for sub in attribute.get("subAttributes", [])
    ]
    name = "x" + attribute["name"]
    if attribute.get("type") == "complex":
        return {**attribute, "name": name, "subAttributes": subs or [SUB]}
    return {**attribute, "name": name}


@pytest.mark.thorough
@settings(max_examples=60, deadline=None)
@given(document=schema_documents(vendor=True).map(sensible))
def test_a_sensible_schema_is_accepted_and_users_can_carry_it(document: dict[str, Any]) -> None:
    schema = accept(document)

    check_buildable(schema)
    assert schema.id in {
        each.schema_
        for kind in provider_of([schema]).resource_types
        for each in kind.schema_extensions or []
    }


@settings(deadline=None)
@given(document=odd_documents() | json_values())
def test_any_document_is_accepted_or_refused_and_never_a_crash(document: Json) -> None:
    try:
        accept(document)
    except Refused as refused:
        status = refused.status
    else:
        status = 201
    assert status in (201, 400)


@settings(max_examples=60, deadline=None)
@given(document=schema_documents(), data=st.data())
def test_the_order_of_members_and_attributes_decides_nothing(
    document: dict[str, Any], data: st.DataObject
) -> None:
    members = data.draw(st.permutations(list(document.items())))
    attributes = data.draw(st.permutations(document["attributes"]))
    shuffled = {**dict(members), "attributes": attributes}

    def verdict(candidate: dict[str, Any]) -> object:
        try:
            return accept(candidate)
        except Refused as refused:
            return refused.status

    assert verdict(document) == verdict(shuffled)
