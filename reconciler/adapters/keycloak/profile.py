"""The user profile of a realm ↔ one SCIM schema, by the letter: what nobody asks for stays."""

import json
import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from reconciler.adapters.keycloak.attributes import Unsayable, attribute_of, changed, created
from reconciler.adapters.keycloak.texts import array_of, items_in, members_in, object_of
from reconciler.domain.foreign import Foreign, Sentence
from reconciler.domain.jsontext import Json, parse
from reconciler.domain.scim import SCHEMA_URN, fold

SCIM_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]*")
# Attributes of the core schema there, which belong to Keycloak.
_CORE = frozenset(map(fold, ("username", "email", "firstName", "lastName")))
OTHERS = "otherAttributes"


class MalformedProfile(ValueError):
    """An answer that is no user profile; `parts` say what of it is not."""

    def __init__(self, *parts: str) -> None:
        super().__init__("".join(parts))
        self.parts: Sentence = parts


@dataclass(frozen=True, slots=True)
class Profile:
    """The user profile of a realm: its members, and of those its attributes, in their own text."""

    members: Mapping[str, str]
    attributes: tuple[tuple[str, str], ...]

    @classmethod
    def of(cls, body: bytes) -> "Profile":
        """Read what the admin API serves; raises NotJson and MalformedProfile."""
        value = parse(body)
        if not isinstance(value, dict):
            raise MalformedProfile("no object")
        listed = value.get("attributes")
        if not isinstance(listed, list) or not listed:
            raise MalformedProfile("without attributes")
        for each in listed:
            _check(each)
        groups = value.get("groups") or []
        if not isinstance(groups, list) or not all(isinstance(each, dict) for each in groups):
            raise MalformedProfile("a profile whose groups are no list of objects")
        members = members_in(body.decode("utf-8-sig"))
        names = [each["name"] for each in listed]
        texts = items_in(members["attributes"])
        return cls(members, tuple(zip(names, texts, strict=True)))

    def body(self) -> bytes:
        """Write the whole document."""
        attributes = array_of(text for _, text in self.attributes)
        return object_of({**self.members, "attributes": attributes}).encode()

    def schema(self, schema_id: str) -> dict[str, Json]:
        """The profile as a Schema resource (RFC 7643 section 7) of that id.

        Attributes that SCIM has no name for, and Keycloak's own, stand beside those that it has.
        """
        listed = [(name, json.loads(text)) for name, text in self.attributes]
        mapped = _Names.of(self).mapped
        beside = {m: json.loads(text) for m, text in self.members.items() if m != "attributes"}
        return {
            "schemas": [SCHEMA_URN],
            "id": schema_id,
            "attributes": [attribute_of(each) for name, each in listed if name in mapped],
            **beside,
            OTHERS: {name: each for name, each in listed if name not in mapped},
        }

    def with_operations(self, operations: Sequence[Mapping[str, Json]]) -> "Profile":
        """The profile after a PATCH of ours, RFC 7644 section 3.5.2; raises Unsayable."""
        names, attributes = _Names.of(self), list(self.attributes)
        places = {name: place for place, (name, _) in enumerate(attributes)}
        for each in operations:
            for asked in each["value"] if isinstance(each["value"], list) else [each["value"]]:
                if not isinstance(asked, Mapping):
                    raise Unsayable("a realm keeps nothing of the schema but its attributes")
                name = asked["name"]
                if each["op"] == "add":
                    attributes.append((name, names.created(asked)))
                elif name in names.mapped:
                    _, text = attributes[places[name]]
                    attributes[places[name]] = name, changed(text, asked)
                else:
                    raise Unsayable("the attribute ", Foreign(name), " is none that a schema shows")
        return replace(self, attributes=tuple(attributes))

    def require_sayable(self, desired: Sequence[Mapping[str, Json]]) -> None:
        """Raise Unsayable for a new attribute among those desired that would not be kept so."""
        names = _Names.of(self)
        there = {fold(name) for name in names.mapped}
        for asked in desired:
            if fold(asked["name"]) not in there:
                names.created(asked)


@dataclass(frozen=True, slots=True)
class _Names:
    """The names in a profile: attributes by folded name, those that a schema shows, groups."""

    spelled: Mapping[str, str]
    mapped: frozenset[str]
    groups: frozenset[str]

    @classmethod
    def of(cls, profile: Profile) -> "_Names":
        names = [name for name, _ in profile.attributes]
        alike = Counter(map(fold, names))
        groups = json.loads(profile.members.get("groups", "null")) or ()
        return cls(
            {fold(name): name for name in names},
            frozenset(name for name in names if _is_scim(name) and alike[fold(name)] == 1),
            frozenset(each["name"] for each in groups if isinstance(each.get("name"), str)),
        )

    def created(self, asked: Mapping[str, Json]) -> str:
        """The text of an attribute beside those that are there; raises Unsayable."""
        name, group = asked["name"], asked.get("group")
        if not _is_scim(name):
            raise Unsayable("the attribute ", Foreign(name), " belongs to Keycloak")
        if (there := self.spelled.get(fold(name))) is not None:
            raise Unsayable("the profile has the attribute ", Foreign(there), " in another case")
        if isinstance(group, str) and group not in self.groups:
            raise Unsayable("the profile has no group ", Foreign(group), ": make it there first")
        return created(asked)


def _is_scim(name: str) -> bool:
    return SCIM_NAME.fullmatch(name) is not None and fold(name) not in _CORE


def _check(attribute: Json) -> None:
    """Hold an attribute to what is taken apart of it; raises MalformedProfile."""
    if not isinstance(attribute, dict) or not isinstance(attribute.get("name"), str):
        raise MalformedProfile("a profile with an attribute that has no name")
    for member, is_sound in _SOUND.items():
        if (value := attribute.get(member)) is not None and not is_sound(value):
            name = Foreign(attribute["name"])
            raise MalformedProfile("a profile in which ", name, f".{member} is of another form")


def _has_lists_of_texts(value: Json) -> bool:
    """Test for an object of roles or scopes."""
    return isinstance(value, dict) and all(
        isinstance(each, list) and all(isinstance(text, str) for text in each)
        for each in value.values()
        if each is not None
    )


def _has_objects(value: Json) -> bool:
    """Test for an object of validators with their settings."""
    return isinstance(value, dict) and all(isinstance(v, dict | None) for v in value.values())


_SOUND: Mapping[str, Callable[[Json], bool]] = {
    "displayName": lambda value: isinstance(value, str),
    "multivalued": lambda value: isinstance(value, bool),
    "validations": _has_objects,
    "permissions": _has_lists_of_texts,
    "required": _has_lists_of_texts,
    "selector": _has_lists_of_texts,
}
