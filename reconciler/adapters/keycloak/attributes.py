"""An attribute of a user profile ↔ the same of a SCIM schema; what SCIM cannot say is beside it.

What stands there and is not asked to change stays as it is written.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from reconciler.adapters.keycloak.texts import members_in, object_of, text_of
from reconciler.adapters.keycloak.validators import TYPES, Validated
from reconciler.domain.foreign import Foreign, Sentence
from reconciler.domain.jsontext import Json
from reconciler.domain.scim import (
    ATTRIBUTE_MEMBERS,
    Attribute,
    AttributeType,
    Mutability,
    fold,
    says_nothing,
    vendor_values,
)

ADMIN = "admin"  # the role of whoever uses the admin API, as HR does
_EVERYBODY = [ADMIN, "user"]
_REQUIRED_FOR = "requiredFor"  # SCIM has a `required` of its own, and it is no object
_KNOWN = frozenset(map(fold, ATTRIBUTE_MEMBERS))
_ORDER = (  # in which Keycloak writes the members
    "name", "displayName", "validations", "annotations", "required", "permissions", "selector",
    "group", "multivalued", "defaultValue",
)  # fmt: skip
_PLACES = {member: place for place, member in enumerate(_ORDER)}


class Unsayable(ValueError):
    """An attribute that would not be in the profile as it is asked for; `parts` say which."""

    def __init__(self, *parts: str) -> None:
        super().__init__("".join(parts))
        self.parts: Sentence = parts


@dataclass(frozen=True, slots=True)
class _Asked:
    """An attribute of a request: what it means, and its values in the order of the request."""

    attribute: Attribute
    values: tuple[str, ...]

    @classmethod
    def of(cls, asked: Mapping[str, Json]) -> "_Asked":
        attribute = Attribute.from_json(asked)
        written = next((v for m, v in asked.items() if fold(m) == "canonicalvalues"), None) or ()
        return cls(attribute, tuple(v for v in written if v in attribute.canonical_values))


def attribute_of(profiled: Mapping[str, Json]) -> dict[str, Json]:
    """The SCIM attribute that a profile's is nearest to, with Keycloak's own members beside it.

    They have the names that Keycloak gives them, but for `requiredFor`; of `validations` there is
    what neither the type nor canonicalValues say.
    """
    validated = Validated.of(profiled.get("validations") or {})
    permissions, required = profiled.get("permissions"), profiled.get("required")
    shown: dict[str, Json] = {
        "name": profiled["name"],
        "type": str(validated.type),
        "multiValued": profiled.get("multivalued") is True,
        "description": profiled.get("displayName"),
        "required": _is_required(required),
        "canonicalValues": list(validated.values),
        "caseExact": True,
        "mutability": str(_mutability(permissions)),
        "returned": "default",
        "uniqueness": "none",
        "referenceTypes": ["external"] if validated.type is AttributeType.REFERENCE else None,
    }
    beside = {
        **profiled,
        "validations": dict(validated.rest) or None,
        "permissions": _with_lists_sorted(permissions),
        "selector": _with_lists_sorted(profiled.get("selector")),
        _REQUIRED_FOR: _with_lists_sorted(required) or None,
    }
    shown |= {
        member: value
        for member, value in beside.items()
        if fold(member) not in _KNOWN and member != "displayName"
    }
    return {member: value for member, value in shown.items() if not says_nothing(value)}


def created(asked: Mapping[str, Json]) -> str:
    """The text of a new attribute of the profile; raises Unsayable."""
    wanted = _Asked.of(asked)
    attribute = wanted.attribute
    # Without any annotations the realm's own SCIM of 26.7 answers no request for /Schemas any more.
    profiled = {"annotations": {}, **vendor_values(attribute.vendor)}
    validations, required = _validations(wanted), profiled.pop(_REQUIRED_FOR, None)
    if required is None and attribute.required:
        required = {"roles": _EVERYBODY}
    if "permissions" not in profiled:
        edit = [ADMIN] if attribute.mutability == Mutability.READ_WRITE else []
        profiled["permissions"] = {"view": [ADMIN], "edit": edit}
    profiled |= {
        "name": attribute.name,
        "displayName": attribute.description,
        "validations": validations or None,
        "required": required,
        "multivalued": attribute.multi_valued,
    }
    text = object_of(
        {
            member: text_of(_without_nulls(profiled[member]))
            for member in sorted(profiled, key=lambda each: _PLACES.get(each, len(_PLACES)))
            if profiled[member] is not None
        }
    )
    return _holding(text, attribute.whole())


def changed(text: str, asked: Mapping[str, Json]) -> str:
    """The text of an attribute of the profile with other characteristics; raises Unsayable.

    What it shows as asked for already is kept to the letter, and so are Keycloak's own members,
    but for those that say the characteristic.
    """
    wanted = _Asked.of(asked)
    characteristics = wanted.attribute.characteristics()
    there = Attribute.from_json(attribute_of(json.loads(text))).characteristics()
    members = members_in(text)
    for member, write in _WRITERS.items():
        if there.get(member) != characteristics.get(member):
            write(members, wanted)
    return _holding(object_of(members), characteristics)


def _without_nulls(value: Json) -> Json:
    """A value as Keycloak keeps it: members that are null are none."""
    match value:
        case dict():
            return {m: _without_nulls(each) for m, each in value.items() if each is not None}
        case list():
            return [_without_nulls(each) for each in value]
        case _:
            return value


def _holding(text: str, asked: Mapping[str, Json]) -> str:
    """The text, if all that is asked for shows in it; raises Unsayable."""
    shown = Attribute.from_json(attribute_of(json.loads(text))).whole()
    more = {"canonicalValues", "referenceTypes"} & shown.keys() - asked.keys()
    apart = [member for member in asked if member != "name" and shown.get(member) != asked[member]]
    if apart or more:
        kept = ", ".join(
            f"{member} would be {text_of(shown[member]) if member in shown else 'left out'}"
            for member in (*apart, *sorted(more))
        )
        raise Unsayable("the attribute ", Foreign(asked["name"]), f" cannot be kept so: {kept}")
    return text


def _validations(wanted: _Asked) -> dict[str, Json]:
    attribute = wanted.attribute
    if attribute.type not in TYPES:
        raise Unsayable("the attribute ", Foreign(attribute.name), f" cannot be {attribute.type}")
    rest = vendor_values(attribute.vendor).get("validations", {})
    return Validated(
        type=AttributeType(attribute.type), values=wanted.values, rest=rest
    ).validations()


def _is_required(required: Json) -> bool:
    """Test whether the admin API takes no user without a value: by roles, and by no scope."""
    if required is None or required.get("scopes"):
        return False
    return ADMIN in (required.get("roles") or (ADMIN,))


def _mutability(permissions: Json) -> Mutability:
    # Of what an admin may not edit Keycloak drops the values that HR sends, and answers with 201.
    may = ADMIN in ((permissions or {}).get("edit") or ())
    return Mutability.READ_WRITE if may else Mutability.READ_ONLY


def _with_lists_sorted(members: Json) -> Json:
    """Roles and scopes, which are sets there, in one order."""
    if members is None:
        return None
    return {
        member: sorted(value) if isinstance(value, list) else value
        for member, value in members.items()
    }


def _write_description(members: dict[str, str], wanted: _Asked) -> None:
    _put(members, "displayName", wanted.attribute.description)


def _write_number(members: dict[str, str], wanted: _Asked) -> None:
    _put(members, "multivalued", wanted.attribute.multi_valued)


def _write_required(members: dict[str, str], wanted: _Asked) -> None:
    _put(members, "required", {"roles": _EVERYBODY} if wanted.attribute.required else None)


def _write_mutability(members: dict[str, str], wanted: _Asked) -> None:
    permissions = json.loads(members.get("permissions", "null")) or {"view": [ADMIN]}
    others = [role for role in permissions.get("edit") or () if role != ADMIN]
    may = wanted.attribute.mutability == Mutability.READ_WRITE
    _put(members, "permissions", {**permissions, "edit": [ADMIN, *others] if may else []})


def _write_values(members: dict[str, str], wanted: _Asked) -> None:
    validators = members_in(members.get("validations", "{}"))
    options = members_in(validators.get("options", "{}"))
    there = [v for v in json.loads(options.get("options", "[]")) if v in wanted.values]
    values = [*there, *(v for v in wanted.values if v not in there)]
    _put(options, "options", values or None)
    if options:
        validators["options"] = object_of(options)
    else:
        validators.pop("options", None)
    members["validations"] = object_of(validators)


def _put(members: dict[str, str], member: str, value: Json) -> None:
    if value is None:
        members.pop(member, None)
    else:
        members[member] = text_of(value)


_WRITERS: Mapping[str, Callable[[dict[str, str], _Asked], None]] = {
    "multiValued": _write_number,
    "description": _write_description,
    "required": _write_required,
    "canonicalValues": _write_values,
    "mutability": _write_mutability,
}
