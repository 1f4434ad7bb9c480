"""The user profile of a realm as a SCIM schema, and back: what nobody asks for stays."""

import json
import os
import re
import sys
import time
from random import Random
from typing import Any

import pytest

from reconciler.adapters.keycloak.attributes import Unsayable, attribute_of, changed, created
from reconciler.adapters.keycloak.profile import OTHERS, MalformedProfile, Profile
from reconciler.adapters.keycloak.validators import DATE_TIME
from reconciler.domain.jsontext import NotJson
from reconciler.domain.scim import Attribute, Schema
from tests.support.profiles import CORE, GROUPS, URN, as_bytes, profile_of, random_attribute

PLAIN = {
    "multiValued": False,
    "required": False,
    "caseExact": True,
    "mutability": "readWrite",
    "returned": "default",
    "uniqueness": "none",
}


def asked(name: str, **members: Any) -> dict[str, Any]:
    """An attribute as a request has it."""
    return {"name": name, "type": "string", **PLAIN, **members}


def test_an_attribute_is_shown_with_what_scim_can_say_and_the_rest_beside_it() -> None:
    shown = attribute_of(
        {
            "name": "grade",
            "displayName": "Grade",
            "validations": {"options": {"options": ["b", "a"]}, "length": {"max": 9}},
            "annotations": {"inputType": "select"},
            "required": {"roles": ["user"]},
            "permissions": {"view": ["user", "admin"], "edit": ["admin"]},
            "group": "user-metadata",
            "multivalued": True,
            "defaultValue": "a",
        }
    )

    assert shown == {
        "name": "grade",
        "type": "string",
        "multiValued": True,
        "description": "Grade",
        "required": False,
        "canonicalValues": ["b", "a"],
        "caseExact": True,
        "mutability": "readWrite",
        "returned": "default",
        "uniqueness": "none",
        "validations": {"length": {"max": 9}},
        "annotations": {"inputType": "select"},
        "permissions": {"view": ["admin", "user"], "edit": ["admin"]},
        "requiredFor": {"roles": ["user"]},
        "group": "user-metadata",
        "defaultValue": "a",
    }


@pytest.mark.parametrize(
    ("validations", "kind", "rest"),
    [
        ({}, "string", {}),
        ({"integer": {}}, "integer", {}),
        ({"integer": None}, "integer", {}),
        ({"integer": {"min": 1, "max": 9}}, "integer", {"integer": {"min": 1, "max": 9}}),
        (
            {"integer": {}, "options": {"options": ["1", "2"]}},
            "integer",
            {"options": {"options": ["1", "2"]}},
        ),
        ({"double": {"max": 2.5}}, "decimal", {"double": {"max": 2.5}}),
        ({"pattern": {"pattern": DATE_TIME}}, "dateTime", {}),
        ({"pattern": {"pattern": "a+"}}, "string", {"pattern": {"pattern": "a+"}}),
        ({"iso-date": {}}, "dateTime", {"iso-date": {}}),
        ({"local-date": {}}, "string", {"local-date": {}}),
        ({"uri": {}}, "reference", {}),
        ({"options": {"options": ["false", "true"]}}, "boolean", {}),
        ({"options": {"options": []}}, "string", {"options": {"options": []}}),
        ({"options": {"options": ["a", 1]}}, "string", {"options": {"options": ["a", 1]}}),
        ({"email": {}, "length": {"max": 9}}, "string", {"email": {}, "length": {"max": 9}}),
    ],
)
def test_the_type_is_that_of_the_validators(
    validations: dict[str, Any], kind: str, rest: dict[str, Any]
) -> None:
    shown = attribute_of({"name": "a", "validations": validations})

    assert shown["type"] == kind
    assert shown.get("validations", {}) == rest


@pytest.mark.parametrize(
    ("required", "shown"),
    [
        (None, False),
        ({}, True),
        ({"roles": []}, True),
        ({"roles": ["admin"]}, True),
        ({"roles": ["admin", "user"]}, True),
        ({"roles": ["user"]}, False),
        ({"scopes": ["profile"]}, False),
        ({"roles": ["admin"], "scopes": ["profile"]}, False),
    ],
)
def test_required_is_what_the_admin_api_takes_no_user_without(
    required: dict[str, Any] | None, shown: bool
) -> None:
    assert attribute_of({"name": "a", "required": required})["required"] is shown


@pytest.mark.parametrize(
    ("permissions", "mutability"),
    [
        (None, "readOnly"),
        ({"view": ["admin"], "edit": []}, "readOnly"),
        ({"view": ["user"], "edit": ["user"]}, "readOnly"),
        ({"view": [], "edit": ["admin"]}, "readWrite"),
        ({"view": ["admin"], "edit": ["admin", "user"]}, "readWrite"),
    ],
)
def test_mutability_is_what_an_admin_may(
    permissions: dict[str, Any] | None, mutability: str
) -> None:
    assert attribute_of({"name": "a", "permissions": permissions})["mutability"] == mutability


@pytest.mark.parametrize(
    ("wanted", "validations"),
    [
        (asked("a"), None),
        (asked("a", type="integer"), {"integer": {}}),
        (asked("a", type="decimal"), {"double": {}}),
        (asked("a", type="dateTime"), {"pattern": {"pattern": DATE_TIME}}),
        (asked("a", type="dateTime", validations={"iso-date": {}}), {"iso-date": {}}),
        (asked("a", type="reference", referenceTypes=["external"]), {"uri": {}}),
        (asked("a", type="boolean"), {"options": {"options": ["true", "false"]}}),
        (asked("a", canonicalValues=["b", "a"]), {"options": {"options": ["b", "a"]}}),
        (
            asked("a", type="integer", validations={"integer": {"min": 1}, "length": {"max": 3}}),
            {"integer": {"min": 1}, "length": {"max": 3}},
        ),
        (
            asked("a", canonicalValues=["x"], validations={"options": {"error-message": "m"}}),
            {"options": {"options": ["x"], "error-message": "m"}},
        ),
    ],
)
def test_a_new_attribute_has_the_validators_of_its_type(
    wanted: dict[str, Any], validations: dict[str, Any] | None
) -> None:
    assert json.loads(created(wanted)).get("validations") == validations


def test_a_new_attribute_is_for_admins_alone_unless_the_manifest_says_otherwise() -> None:
    plain = json.loads(created(asked("a", description="A", multiValued=True)))
    shared = json.loads(
        created(
            asked(
                "a",
                permissions={"view": ["admin", "user"], "edit": ["admin"]},
                annotations={"inputType": "text"},
                group="user-metadata",
                requiredFor={"roles": ["user"]},
            )
        )
    )

    assert plain == {
        "name": "a",
        "displayName": "A",
        "annotations": {},
        "permissions": {"view": ["admin"], "edit": ["admin"]},
        "multivalued": True,
    }
    assert json.loads(created(asked("a", mutability="readOnly")))["permissions"]["edit"] == []
    assert list(shared) == [
        "name", "annotations", "required", "permissions", "group", "multivalued",
    ]  # fmt: skip
    assert shared["required"] == {"roles": ["user"]}
    assert json.loads(created(asked("a", required=True)))["required"] == {
        "roles": ["admin", "user"]
    }


@pytest.mark.parametrize(
    ("wanted", "lacking"),
    [
        (asked("a", caseExact=False), "caseExact"),
        (asked("a", uniqueness="server"), "uniqueness"),
        (asked("a", mutability="immutable"), "mutability"),
        (asked("a", returned="never"), "returned"),
        (asked("a", canonicalValues=["true", "false"]), "type, canonicalValues, caseExact"),
        (asked("a", validations={"integer": {}}), "type, caseExact, validations"),
        (asked("a", validations={"options": {"options": ["x"]}}), "validations, canonicalValues"),
        (asked("a", type="integer", canonicalValues=["1"]), "canonicalValues"),
        (asked("a", permissions={"view": ["admin"], "edit": ["user"]}), "mutability"),
        (asked("a", permissions={"view": ["user", "admin"], "edit": ["admin"]}), "permissions"),
        (asked("a", required=True, requiredFor={"roles": ["user"]}), "required"),
        (asked("a", displayName="A"), "displayName"),
        (asked("a", annotations={"x": [{"y": None}]}), "annotations"),
    ],
)
def test_a_new_attribute_that_would_not_be_kept_so_is_not_written(
    wanted: dict[str, Any], lacking: str
) -> None:
    with pytest.raises(Unsayable) as refused:
        created(wanted)

    assert ", ".join(re.findall(r"(\w+) would be", str(refused.value))) == lacking


@pytest.mark.parametrize("kind", ["complex", "binary", "duration"])
def test_a_type_that_no_validator_says_is_not_written(kind: str) -> None:
    with pytest.raises(Unsayable, match=f"the attribute a cannot be {kind}"):
        created(asked("a", type=kind))


@pytest.mark.parametrize(
    ("wanted", "message"),
    [
        (asked("twice"), "the profile has the attribute Twice in another case"),
        (asked("SHOWN"), None),
        (asked("new"), None),
        (asked("new", group="user-metadata"), None),
        (asked("new", group="nosuch"), "the profile has no group nosuch: make it there first"),
        (asked("new", uniqueness="server"), 'cannot be kept so: uniqueness would be "none"'),
        (asked("new", permissions={"view": ["user", "admin"]}), "permissions would be"),
    ],
)
def test_what_a_profile_would_not_keep_is_known_before_it_is_written(
    wanted: dict[str, Any], message: str | None
) -> None:
    attributes = ({"name": "shown"}, {"name": "twice"}, {"name": "Twice"})
    profile = Profile.of(as_bytes(profile_of(*attributes)))

    if message is None:
        profile.require_sayable([wanted])
    else:
        with pytest.raises(Unsayable, match=message):
            profile.require_sayable([wanted])


@pytest.mark.parametrize("characteristic", ["description", "required", "mutability", "values"])
def test_a_change_of_one_characteristic_changes_nothing_else(characteristic: str) -> None:
    seed = int.from_bytes(os.urandom(4))
    sys.stdout.write(f"seed {seed}\n")
    random = Random(seed)
    for _ in range(300):
        before = random_attribute(random, "grade")
        text = json.dumps(before)
        shown = attribute_of(before)
        match characteristic:
            case "description":
                wanted, member = shown | {"description": "another"}, "displayName"
            case "required":
                wanted, member = shown | {"required": not shown["required"]}, "required"
            case "mutability":
                others = {"readOnly": "readWrite", "readWrite": "readOnly"}
                wanted = shown | {"mutability": others[shown["mutability"]]}
                member = "permissions"
            case _:
                if not shown.get("canonicalValues"):
                    continue
                wanted = shown | {"canonicalValues": [*shown["canonicalValues"], "more"]}
                member = "validations"

        after = json.loads(changed(text, wanted))

        differing = [m for m in before.keys() | after.keys() if before.get(m) != after.get(m)]
        assert differing == [member], before
        now, asks = Attribute.from_json(attribute_of(after)), Attribute.from_json(wanted)
        assert now.characteristics() == asks.characteristics()


def test_more_canonical_values_come_after_those_that_are_there() -> None:
    text = (
        '{"name":"a","validations":{"options":{"options":["b", "a"],"error-message":"x"},'
        '"length":{"max":1.50}}}'
    )
    wanted = attribute_of(json.loads(text)) | {"canonicalValues": ["a", "b", "c"]}

    assert changed(text, wanted) == (
        '{"name":"a","validations":{"options":{"options":["b","a","c"],"error-message":"x"},'
        '"length":{"max":1.50}}}'
    )


def test_a_profile_is_written_as_it_was_read_to_the_letter() -> None:
    seed = int.from_bytes(os.urandom(4))
    sys.stdout.write(f"seed {seed}\n")
    random = Random(seed)
    for _ in range(200):
        attributes = [random_attribute(random, f"a{n}") for n in range(random.randrange(6))]
        body = as_bytes(profile_of(*attributes, unmanagedAttributePolicy="ADMIN_EDIT"))
        profile = Profile.of(body)
        schema = profile.schema(URN)
        again = [{"op": "replace", "value": each} for each in schema["attributes"]]

        assert profile.body() == body
        assert profile.with_operations(again).body() == body
        assert len(Schema.from_json(schema).attributes) == len(attributes)


def test_numbers_blanks_and_unknown_members_of_others_stay_as_they_are_written() -> None:
    other = '{ "name":"o.ther" , "new": 1.50, "big":12345678901234567890.125 }'
    body = f'{{"attributes":[{{"name":"username"}},{other},{{"name":"a"}}],"later":[1.0, 2e3]}}'
    asks = asked("a", mutability="readOnly", description="A")

    written = Profile.of(body.encode()).with_operations([{"op": "replace", "value": asks}]).body()

    assert written.decode() == (
        f'{{"attributes":[{{"name":"username"}},{other},{{"name":"a","displayName":"A"}}],'
        '"later":[1.0, 2e3]}'
    )


def test_what_no_schema_can_show_stands_beside_the_attributes() -> None:
    hidden = ({"name": "a.b"}, {"name": "twice"}, {"name": "Twice"}, {"name": "1st"})
    body = as_bytes(profile_of({"name": "shown"}, *hidden, unmanagedAttributePolicy="ENABLED"))

    schema = Profile.of(body).schema(URN)

    assert [each["name"] for each in schema["attributes"]] == ["shown"]
    assert schema[OTHERS] == {each["name"]: each for each in (*CORE, *hidden)}
    assert schema["groups"] == GROUPS
    assert schema["unmanagedAttributePolicy"] == "ENABLED"


@pytest.mark.parametrize("name", ["username", "EMAIL", "firstname", "a.b"])
def test_no_operation_reaches_an_attribute_of_keycloak(name: str) -> None:
    profile = Profile.of(as_bytes(profile_of()))

    with pytest.raises(Unsayable, match="belongs to Keycloak"):
        profile.with_operations([{"op": "add", "value": [asked(name)]}])
    with pytest.raises(Unsayable, match="is none that a schema shows"):
        profile.with_operations([{"op": "replace", "value": asked(name)}])


def test_no_operation_reaches_the_schema_itself() -> None:
    profile = Profile.of(as_bytes(profile_of()))

    with pytest.raises(Unsayable, match="nothing of the schema but its attributes"):
        profile.with_operations([{"op": "replace", "path": "description", "value": "HR"}])


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"[]", "no object"),
        (b"{}", "without attributes"),
        (b'{"attributes":[]}', "without attributes"),
        (b'{"attributes":[{}]}', "an attribute that has no name"),
        (b'{"attributes":[1]}', "an attribute that has no name"),
        (b'{"attributes":[{"name":"a","validations":[]}]}', "a.validations is of another form"),
        (
            b'{"attributes":[{"name":"a","validations":{"x":1}}]}',
            "a.validations is of another form",
        ),
        (b'{"attributes":[{"name":"a","permissions":{"edit":1}}]}', "a.permissions is of another"),
        (b'{"attributes":[{"name":"a","required":true}]}', "a.required is of another form"),
        (b'{"attributes":[{"name":"a"}],"groups":["g"]}', "groups are no list of objects"),
        (b'{"attributes":[{"name":"a","displayName":1}]}', "a.displayName is of another form"),
    ],
)
def test_what_is_no_profile_is_said_to_be_none(body: bytes, reason: str) -> None:
    with pytest.raises(MalformedProfile, match=reason):
        Profile.of(body)


def test_a_profile_that_no_two_readers_need_understand_alike_is_not_read() -> None:
    with pytest.raises(NotJson):
        Profile.of(b'{"attributes":[{"name":"a","name":"b"}]}')


def test_twice_as_many_attributes_take_about_twice_the_time() -> None:
    def seconds(number: int) -> float:
        listed = [{"name": f"a{n}", "permissions": {"edit": ["admin"]}} for n in range(number)]
        profile = Profile.of(as_bytes(profile_of(*listed)))
        new = [asked(f"n{n}") for n in range(number)]
        old = [each | {"description": "D"} for each in profile.schema(URN)["attributes"]]
        begun = time.process_time()
        profile.require_sayable(new)
        profile.with_operations([{"op": "add", "value": new}, {"op": "replace", "value": old}])
        return time.process_time() - begun

    assert min(seconds(800) for _ in range(3)) < 3 * min(seconds(400) for _ in range(3))
