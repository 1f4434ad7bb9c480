import json
from copy import deepcopy
from random import Random
from typing import Any

import pytest
from hypothesis import HealthCheck, given, reject, settings
from hypothesis import strategies as st

from reconciler.domain.body import create_body, in_one_order, ordered_body, patch_body, update_body
from reconciler.domain.compatibility import obstacles
from reconciler.domain.dialect import PatchPath
from reconciler.domain.diff import alterations, managed_view
from reconciler.domain.manifest import Manages
from reconciler.domain.scim import Attribute, Schema
from tests.support.fakes import BadPatch, patched
from tests.support.schema_pairs import MOSTLY_SAFE, pairs
from tests.support.strategies import DEFAULTS, Document, disguise, lower, schema_documents

TUTORIAL = (
    "name", "type", "multiValued", "required", "caseExact", "mutability", "returned", "uniqueness",
)  # fmt: skip


def flat(attributes: Any) -> list[Any]:
    return [a for top in attributes for a in (top, *top.get("subAttributes", []))]


@given(schema_documents(vendor=True))
def test_a_create_body_reads_back_as_desired(document: Document) -> None:
    desired = Schema.from_json(document)
    assert Schema.from_json(create_body(desired)) == desired


@given(schema_documents(vendor=True))
def test_a_create_body_spells_out_every_characteristic(document: Document) -> None:
    body = create_body(Schema.from_json(document))
    assert all(set(TUTORIAL) <= set(attribute) for attribute in flat(body["attributes"]))
    assert not [a for a in flat(body["attributes"]) if None in a.values()]


@given(schema_documents(vendor=True))
def test_building_a_body_leaves_the_manifest_as_it_was(document: Document) -> None:
    before = deepcopy(document)
    create_body(Schema.from_json(document))
    assert document == before


def test_a_create_keeps_the_order_the_spelling_and_the_vendor_members_of_the_manifest() -> None:
    document = {
        "id": "urn:x:HR",
        "name": "HR",
        "patchable": True,
        "attributes": [{"type": "String", "name": "zCode", "idcs": {"a": 1}}, {"name": "aCode"}],
    }
    assert create_body(Schema.from_json(document)) == {
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:Schema"],
        **document,
        "attributes": [
            DEFAULTS | {"name": "zCode", "type": "String", "idcs": {"a": 1}},
            DEFAULTS | {"name": "aCode"},
        ],
    }


def shuffled(value: Any, random: Random) -> Any:
    """The same document with members, attributes and suggested values in another order."""
    if isinstance(value, dict):
        members = random.sample(list(value.items()), len(value))
        return {member: shuffled(item, random) for member, item in members}
    if isinstance(value, list):
        listed = [shuffled(item, random) for item in value]
        return listed if "in order" in value else random.sample(listed, len(listed))
    return value


def test_a_body_in_one_order_is_the_same_bytes_however_the_manifest_is_written() -> None:
    part = {"name": "Level", "x-part": [{"b": 1, "a": 2}, "in order", 3], "canonicalValues": []}
    grade = {"name": "grade", "type": "complex", "subAttributes": [part, {"name": "area"}]}
    site = {"name": "Site", "canonicalValues": ["b", "a"], "referenceTypes": ["uri", "User"]}
    document = {"id": "urn:x", "x-owner": {"z": 1, "y": [2]}, "attributes": [site, grade]}
    first, *others = (
        json.dumps(in_one_order(create_body(Schema.from_json(shuffled(document, Random(seed))))))
        for seed in range(20)
    )
    assert set(others) == {first}
    body = json.loads(first)
    assert list(body) == ["schemas", "id", "x-owner", "attributes"]
    assert [each["name"] for each in body["attributes"]] == ["grade", "Site"]
    assert body["attributes"][1]["canonicalValues"] == ["a", "b"]
    assert list(body["attributes"][0])[-1] == "subAttributes"


def test_the_meta_of_another_tenant_is_not_sent() -> None:
    pasted = {"id": "urn:x", "meta": {"location": "https://elsewhere"}, "attributes": []}
    assert "meta" not in create_body(Schema.from_json(pasted))


@pytest.mark.parametrize("attributes", [None, []])
def test_a_schema_without_attributes_is_created_without(attributes: Any) -> None:
    body = create_body(Schema.from_json({"id": "urn:x", "attributes": attributes}))
    assert body["attributes"] == []


@given(st.data(), pairs((*MOSTLY_SAFE, "describe")), st.sampled_from(Manages))
def test_an_update_that_is_safe_makes_live_as_desired_and_loses_nothing(
    data: st.DataObject, pair: tuple[Document, Document], manages: Manages
) -> None:
    served = data.draw(disguise(pair[0], foreign=True))
    live, desired = Schema.from_json(served), Schema.from_json(pair[1])
    if obstacles(alterations(managed_view(live, desired, manages), desired)):
        reject()
    text = json.dumps(served)

    body = update_body(live, desired, manages)

    after = Schema.from_json(body)
    assert managed_view(after, desired, manages) == desired
    assert json.dumps(served) == text
    assert {lower(a.name) for a in live.attributes} <= {lower(a.name) for a in after.attributes}
    for before in live.attributes:
        now = after.attribute(before.name)
        assert now is not None
        assert now.vendor == before.vendor
        assert {s.key for s in before.sub_attributes} <= {s.key for s in now.sub_attributes}
    assert after.vendor == live.vendor
    assert not [member for member in body if lower(member) == "meta"]


@settings(suppress_health_check=[HealthCheck.filter_too_much])  # half of what loosens tightens
@given(st.data(), pairs((*MOSTLY_SAFE, "describe")), st.sampled_from(PatchPath))
def test_a_patch_that_is_safe_makes_live_as_desired_and_names_only_what_changes(
    data: st.DataObject, pair: tuple[Document, Document], path: PatchPath
) -> None:
    served = data.draw(disguise(pair[0], foreign=True))
    live, desired = Schema.from_json(served), Schema.from_json(pair[1])
    view = managed_view(live, desired, Manages.SCHEMA)
    described = live.description != desired.description
    if obstacles(alterations(view, desired)) or (
        described and (path is PatchPath.ATTRIBUTE or desired.description is None)
    ):
        reject()
    text = json.dumps(served)

    patch = patch_body(live, desired, path)

    after = Schema.from_json(patched(served, patch, path))
    assert managed_view(after, desired, Manages.SCHEMA) == desired
    assert json.dumps(served) == text
    changed = [a.key for a in map(Attribute.from_json, sent(patch))]
    expected = [a.key for a in desired.attributes if view.attribute(a.name) != a]
    assert sorted(changed) == sorted(expected)


def sent(patch: Document) -> list[Any]:
    """The attributes that a PATCH carries."""
    values = [o["value"] for o in patch["Operations"] if o["path"] != "description"]
    return [a for value in values for a in (value if isinstance(value, list) else [value])]


def test_a_patch_names_each_attribute_that_it_replaces_and_adds_the_new_ones_together() -> None:
    live = Schema.from_json(
        {"id": "urn:x", "attributes": [{"name": "b", "vendorTarget": 9}, {"name": "a", "x": 1}]}
    )
    desired = Schema.from_json(
        {
            "id": "urn:x",
            "description": "words",
            "attributes": [{"name": "c"}, {"name": "B", "description": "new"}, {"name": "d"}],
        }
    )
    assert patch_body(live, desired, PatchPath.VALUE) == {
        "schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"],
        "Operations": [
            {"op": "replace", "path": "description", "value": "words"},
            {
                "op": "replace",
                "path": 'attributes[name eq "b"]',
                "value": {"name": "b", "vendorTarget": 9, "description": "new"},
            },
            {
                "op": "add",
                "path": "attributes",
                "value": [DEFAULTS | {"name": "c"}, DEFAULTS | {"name": "d"}],
            },
        ],
    }


@pytest.mark.parametrize(
    ("name", "quoted"),
    [
        ("hrCode", '"hrCode"'),
        ("HRCODE", '"HRCODE"'),
        ("$ref", '"$ref"'),
        ('a"b', r'"a\"b"'),
        ("a\\b", r'"a\\b"'),
        ('x"] or name pr or name eq "', r'"x\"] or name pr or name eq \""'),
        ("größe", '"größe"'),
        ("a\nb", r'"a\nb"'),
    ],
)
def test_the_name_in_a_path_is_quoted_as_json_and_spelt_as_the_service_spells_it(
    name: str, quoted: str
) -> None:
    live = {"id": "urn:x", "Attributes": [{"NAME": name}, {"name": "theirs", "description": "t"}]}
    wanted = {"name": lower(name), "description": "new"}
    desired = Schema.from_json({"id": "urn:x", "attributes": [wanted]})

    (operation,) = patch_body(Schema.from_json(live), desired, PatchPath.VALUE)["Operations"]

    assert operation["path"] == f"attributes[name eq {quoted}]"
    assert operation["value"] == {"NAME": name, "description": "new"}


def test_the_patch_path_of_oracle_would_leave_one_attribute_on_an_rfc_service() -> None:
    """Why a PATCH addresses one attribute: the services of these tests can tell."""
    live = {"id": "urn:x", "attributes": [{"name": "a"}, {"name": "theirs"}]}
    desired = Schema.from_json({"id": "urn:x", "attributes": [{"name": "a", "description": "d"}]})
    oracle, rfc = (
        patch_body(Schema.from_json(live), desired, path)
        for path in (PatchPath.ATTRIBUTE, PatchPath.VALUE)
    )

    assert [a["name"] for a in patched(live, oracle, PatchPath.VALUE)["attributes"]] == ["a"]
    kept = patched(live, rfc, PatchPath.VALUE)["attributes"]
    assert [a["name"] for a in kept] == ["a", "theirs"]
    with pytest.raises(BadPatch, match="invalidPath"):
        patched(live, rfc, PatchPath.ATTRIBUTE)


def test_in_the_form_of_oracle_each_operation_carries_one_attribute_under_one_path() -> None:
    live = Schema.from_json(
        {"id": "urn:x", "attributes": [{"name": "b", "idcsTarget": 9}, {"name": "a", "x": 1}]}
    )
    desired = Schema.from_json(
        {"id": "urn:x", "attributes": [{"name": "c"}, {"name": "B", "description": "new"}]}
    )
    assert patch_body(live, desired, PatchPath.ATTRIBUTE) == {
        "schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"],
        "Operations": [
            {
                "op": "replace",
                "path": "attributes",
                "value": [{"name": "b", "idcsTarget": 9, "description": "new"}],
            },
            {"op": "add", "path": "attributes", "value": [DEFAULTS | {"name": "c"}]},
        ],
    }


@pytest.mark.parametrize("path", PatchPath)
def test_a_patch_of_a_schema_without_attributes_adds_them(path: PatchPath) -> None:
    live = Schema.from_json({"id": "urn:x"})
    desired = Schema.from_json({"id": "urn:x", "attributes": [{"name": "a"}]})
    (operation,) = patch_body(live, desired, path)["Operations"]
    assert operation["op"] == "add"


def test_an_update_that_loosens_keeps_the_spelling_of_the_service() -> None:
    served = {
        "id": "urn:x",
        "attributes": [
            {"name": "a", "REQUIRED": True, "Uniqueness": "GLOBAL", "mutability": "IMMUTABLE",
             "canonicalValues": ["x"], "Returned": "ALWAYS"},
        ],
    }  # fmt: skip
    wanted = {"name": "a", "canonicalValues": ["y", "x"], "returned": "always"}
    desired = Schema.from_json({"id": "urn:x", "attributes": [wanted]})
    (attribute,) = update_body(Schema.from_json(served), desired, Manages.SCHEMA)["attributes"]
    assert attribute == {
        "name": "a", "REQUIRED": False, "Uniqueness": "none", "mutability": "readWrite",
        "canonicalValues": ["y", "x"], "Returned": "ALWAYS",
    }  # fmt: skip


def test_an_update_touches_nothing_but_what_it_is_about() -> None:
    served = {
        "ID": "urn:x",
        "Name": "HR",
        "meta": {"version": "3"},
        "x-flag": 1,
        "Attributes": [
            {"NAME": "b", "Type": "String", "size": 9},
            {"NAME": "A", "Description": "old", "Type": "String"},
        ],
    }
    desired = Schema.from_json(
        {
            "id": "urn:x",
            "name": "HR",
            "attributes": [{"name": "a", "description": "new"}, {"name": "c"}, {"name": "b"}],
        }
    )
    assert update_body(Schema.from_json(served), desired, Manages.SCHEMA) == {
        "ID": "urn:x",
        "Name": "HR",
        "x-flag": 1,
        "Attributes": [
            {"NAME": "b", "Type": "String", "size": 9},
            {"NAME": "A", "Description": "new", "Type": "String"},
            DEFAULTS | {"name": "c"},
        ],
    }


@pytest.mark.parametrize(
    ("manages", "kept"), [(Manages.SCHEMA, None), (Manages.ATTRIBUTES, "theirs")]
)
def test_a_description_that_the_manifest_leaves_out_stays_only_where_it_is_not_managed(
    manages: Manages, kept: str | None
) -> None:
    live = Schema.from_json({"id": "urn:x", "description": "theirs", "attributes": []})
    desired = Schema.from_json({"id": "urn:x", "attributes": [{"name": "new"}]})
    assert update_body(live, desired, manages).get("description") == kept


def test_sub_attributes_are_spelt_out_and_changed_inside_of_their_attribute() -> None:
    def schema(*parts: Document) -> Schema:
        desk = {"name": "desk", "type": "complex", "subAttributes": list(parts)}
        return Schema.from_json({"id": "urn:x", "attributes": [desk]})

    live, desired = schema({"name": "floor", "x": 1}), schema({"name": "Floor", "description": "d"})

    (created,) = create_body(desired)["attributes"]
    (operation,) = patch_body(live, desired, PatchPath.VALUE)["Operations"]

    assert created["subAttributes"] == [{"name": "Floor", **DEFAULTS, "description": "d"}]
    assert operation["path"] == 'attributes[name eq "desk"]'
    assert operation["value"]["subAttributes"] == [{"name": "floor", "x": 1, "description": "d"}]


def test_an_update_leaves_a_description_that_differs_by_blanks_alone() -> None:
    live = Schema.from_json({"id": "urn:x", "description": " old ", "attributes": []})
    desired = Schema.from_json(
        {"id": "urn:x", "description": "old", "attributes": [{"name": "new"}]}
    )

    assert update_body(live, desired, Manages.SCHEMA)["description"] == " old "


def test_a_large_body_is_made_anew_and_is_the_same_as_a_small_one_with_more_attributes() -> None:
    attributes = [{"name": f"a{number}", "type": "string"} for number in range(51)]
    large = Schema.from_json({"id": "urn:x", "attributes": attributes})
    small = Schema.from_json({"id": "urn:x", "attributes": attributes[:50]})

    assert create_body(large) is not create_body(large)
    assert create_body(small) is create_body(small)
    assert create_body(large)["attributes"][:50] == create_body(small)["attributes"]
    assert ordered_body(large)["attributes"][0] == ordered_body(small)["attributes"][0]
