"""User profiles of Keycloak, as realms really have them and as chance makes them."""

import json
from random import Random
from typing import Any

URN = "urn:example:params:scim:schemas:extension:hr:2.0:User"
CORE: tuple[dict[str, Any], ...] = (
    {
        "name": "username",
        "displayName": "${username}",
        "validations": {
            "length": {"min": 3, "max": 255},
            "username-prohibited-characters": {},
            "up-username-not-idn-homograph": {},
        },
        "permissions": {"view": ["admin", "user"], "edit": ["admin", "user"]},
        "multivalued": False,
    },
    {
        "name": "email",
        "displayName": "${email}",
        "validations": {"email": {}, "length": {"max": 255}},
        "required": {"roles": ["user"]},
        "permissions": {"view": ["admin", "user"], "edit": ["admin", "user"]},
        "multivalued": False,
    },
)
GROUPS = [{"name": "user-metadata", "displayHeader": "User metadata", "annotations": {"a": 1}}]
_VALIDATORS: dict[str, tuple[dict[str, Any], ...]] = {
    "integer": ({}, {"min": 1, "max": 10}),
    "double": ({}, {"min": 0.5}),
    "iso-date": ({},),
    "local-date": ({},),
    "uri": ({}, {"allowedSchemes": ["https"], "allowFragment": False}),
    "length": ({"min": 1, "max": 64}, {"max": "255", "trim-disabled": True}),
    "pattern": ({"pattern": "[A-Z]+"}, {"pattern": "a|b", "error-message": "no"}),
    "options": (
        {"options": ["b", "a"]},
        {"options": ["true", "false"]},
        {"options": []},
        {"options": ["a", 1, ""]},
        {"options": ["x", "y"], "error-message": "neither"},
    ),
    "multivalued": ({"max": 3},),
    "not-blank": ({},),
    "email": ({},),
}
_ROLES: tuple[list[str], ...] = ([], ["admin"], ["user"], ["admin", "user"])
_VALUES: tuple[Any, ...] = (1, 2.5, "text", True, [1, {"a": "b"}], {"x": {}}, 'ü "quoted" \\ \n')


def profile_of(*attributes: dict[str, Any], **members: Any) -> dict[str, Any]:
    """The profile of a realm with those attributes beside its own."""
    return {"attributes": [*CORE, *attributes], "groups": GROUPS, **members}


def as_bytes(profile: dict[str, Any]) -> bytes:
    """The profile as Keycloak writes it."""
    return json.dumps(profile, ensure_ascii=False, separators=(",", ":")).encode()


def random_attribute(random: Random, name: str) -> dict[str, Any]:
    """An attribute that Keycloak takes, with any of its members."""

    def maybe(member: str, value: Any) -> dict[str, Any]:
        return {member: value} if random.random() < 0.5 else {}

    validators = random.sample(sorted(_VALIDATORS), random.choice((0, 1, 1, 2, 3)))
    return {
        "name": name,
        **maybe("displayName", random.choice(("Grade", "${grade}", "ä\u2028\U0001f600", "\\"))),
        **maybe("validations", {v: random.choice(_VALIDATORS[v]) for v in validators}),
        **maybe(
            "annotations", {f"a{n}": random.choice(_VALUES) for n in range(random.randrange(4))}
        ),
        **maybe(
            "required",
            random.choice(({}, {"roles": random.choice(_ROLES)}, {"scopes": ["address", "phone"]})),
        ),
        **maybe("permissions", {"view": random.choice(_ROLES), "edit": random.choice(_ROLES)}),
        **maybe("selector", {"scopes": ["profile"]}),
        **maybe("group", "user-metadata"),
        "multivalued": random.random() < 0.3,
        **({} if validators else maybe("defaultValue", "d")),  # else it may be none of its own
    }


def random_wanted(random: Random, name: str) -> dict[str, Any]:
    """An attribute of a manifest that a profile can say."""

    def maybe(member: str, value: Any) -> dict[str, Any]:
        return {member: value} if random.random() < 0.4 else {}

    kind = random.choice(("string", "integer", "decimal", "dateTime", "boolean", "reference"))
    read_only = random.random() < 0.3
    rest: dict[str, Any] = {"string": {"length": {"max": 9}}, "integer": {"integer": {"min": 1}}}
    return {
        "name": name,
        "type": kind,
        "caseExact": True,
        **({"referenceTypes": ["external"]} if kind == "reference" else {}),
        **({"mutability": "readOnly"} if read_only else {}),
        **maybe("multiValued", random.random() < 0.5),
        **maybe("description", random.choice(("Grade", "ä \U0001f600", "${grade}"))),
        **(maybe("canonicalValues", ["b", "a", "ä b"]) if kind == "string" else {}),
        **(maybe("validations", rest[kind]) if kind in rest else {}),
        **maybe("annotations", {"inputType": "text", "n": random.choice((1, 2.5, [True]))}),
        **maybe("permissions", {"view": ["admin", "user"], "edit": [] if read_only else ["admin"]}),
        **maybe("requiredFor", {"roles": ["user"]}),
        **maybe("group", "user-metadata"),
        **maybe("selector", {"scopes": ["profile"]}),
        **(maybe("defaultValue", "a") if kind == "string" else {}),
    }
