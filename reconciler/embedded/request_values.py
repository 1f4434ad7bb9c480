"""The values of a request for users or groups, held to the types of their attributes.

The models behind take `"7"` for a number; a strict service does not. null is absent (RFC 7643
section 2.5), but for what a PATCH unassigns.
"""

from __future__ import annotations

import re
import sys
from base64 import b64decode, b64encode
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Self
from urllib.parse import urlsplit

from reconciler.domain.jsontext import Json
from reconciler.domain.scim import Attribute, AttributeType, Mutability, Schema, fold
from reconciler.embedded.wire import Refused


def _object(name: str, parts: tuple[Attribute, ...]) -> Attribute:
    return Attribute(name=name, type=AttributeType.COMPLEX, sub_attributes=parts)


_SCHEMAS = Attribute(name="schemas", multi_valued=True)
_COMMON = (  # RFC 7643 section 3.1
    _SCHEMAS,
    Attribute(name="id", mutability=Mutability.READ_ONLY),
    Attribute(name="externalId"),
    Attribute(
        name="meta",
        type=AttributeType.COMPLEX,
        mutability=Mutability.READ_ONLY,
        sub_attributes=tuple(
            Attribute(name=name, type=kind, mutability=Mutability.READ_ONLY)
            for name, kind in (
                ("resourceType", AttributeType.STRING),
                ("created", AttributeType.DATE_TIME),
                ("lastModified", AttributeType.DATE_TIME),
                ("location", AttributeType.REFERENCE),
                ("version", AttributeType.STRING),
            )
        ),
    ),
)
_SEARCH = _object(  # RFC 7644 section 3.4.3
    "",
    (
        _SCHEMAS,
        Attribute(name="attributes", multi_valued=True),
        Attribute(name="excludedAttributes", multi_valued=True),
        Attribute(name="filter"),
        Attribute(name="sortBy"),
        Attribute(name="sortOrder"),
        Attribute(name="startIndex", type=AttributeType.INTEGER),
        Attribute(name="count", type=AttributeType.INTEGER),
        Attribute(name="cursor"),
    ),
)
_PATH = re.compile(
    r"(?P<name>\$?[A-Za-z][\w$-]*)(?P<filter>\[.*\])?(\.(?P<sub>\$?[A-Za-z][\w$-]*))?",
    re.ASCII | re.DOTALL,
)  # RFC 7644, figure 7, without the URN
_URI = re.compile(
    r"(?:[\w.~:/?#\[\]@!$&'()*+,;=-]|%[0-9A-Fa-f]{2})+"
)  # RFC 3986, with the letters of RFC 3987
_DATE_TIME = re.compile(
    r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)", re.ASCII
)  # RFC 7643 section 2.3.5, with a zone
_EMAIL = "e-mail"  # the type of emails.value beyond what the schema says, RFC 7643 section 4.1.2
_ATOM = r"[^\s@.\"(),:;<>\[\]\\]+"
_LABEL = r"[^\W_]+(?:-+[^\W_]+)*"
_EMAIL_ADDRESS = re.compile(
    rf"(?=[^@]{{1,64}}@)(?=.{{3,254}}$){_ATOM}(?:\.{_ATOM})*@{_LABEL}(?:\.{_LABEL})*"
)  # RFC 5321 without quotes and address literals, and with the letters of RFC 6531
_WANTED: Mapping[str, str] = {
    _EMAIL: "an e-mail address",
    AttributeType.STRING: "a string",
    AttributeType.REFERENCE: "a URI",
    AttributeType.BOOLEAN: "true or false",
    AttributeType.INTEGER: "a whole number of up to 64 bits",
    AttributeType.DECIMAL: "a number of up to 64 bits",
    AttributeType.DATE_TIME: "a date and time with a zone, like 2026-01-31T08:00:00Z,",
    AttributeType.BINARY: "a string in Base64, padded and without - and _,",
    AttributeType.COMPLEX: "an object",
}


_COMPARED = frozenset((
    AttributeType.BOOLEAN, AttributeType.INTEGER, AttributeType.DECIMAL, AttributeType.DATE_TIME,
))  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Target:
    """The attribute that a path of a PATCH stands for; `selects`: one value of many."""

    attribute: Attribute
    selects: bool = False


@dataclass(frozen=True, slots=True)
class ResourceForm:
    """The attributes of a resource type as one complex attribute, its extensions by their URNs."""

    root: Attribute

    @classmethod
    def of(cls, base: Schema, extensions: Iterable[Schema]) -> Self:
        own = map(_with_addresses, base.attributes)
        extended = (_object(each.id, (_SCHEMAS, *each.attributes)) for each in extensions)
        return cls(_object(base.id, (*_COMMON, *own, *extended)))

    def resource(self, document: Json) -> Json:
        """The body of a POST or PUT without nulls and what only the service writes.

        Raises Refused with 400.
        """
        values = _one(self.root, document, "")
        self._check_schemas(values)
        return values

    def _check_schemas(self, values: dict[str, Json]) -> None:
        """Refuse a body whose `schemas` are not those of its values: RFC 7643 section 3."""
        urns = {part.name: part.key for part in self.root.sub_attributes if ":" in part.name}
        members = {fold(name): value for name, value in values.items()}
        named = members.get("schemas", [])
        known = {self.root.name: self.root.key, **urns}
        for number, urn in enumerate(named):
            if urn not in known:
                raise _unnamed(f"schemas[{number}]: no schema of this resource has this URN")
            if urn in named[:number]:
                raise _unnamed(f"schemas[{number}]: {urn} is named twice")
        for urn, key in known.items():
            if urn not in named and (key in members or key == self.root.key):
                raise _unnamed(f"schemas: {urn} is not named")

    def patch(self, document: Json) -> Json:
        """The body of a PATCH; its operations as the models behind read them, or Refused."""
        if not isinstance(document, dict):
            raise _refused("the body", "an object", document)
        message = {name: value for name, value in document.items() if value is not None}
        for name, value in message.items():
            if fold(name) == "operations" and isinstance(value, list):
                message[name] = [
                    self._operation(each, f"Operations[{number}]")
                    for number, each in enumerate(value)
                ]
        return message

    def _operation(self, operation: Json, at: str) -> dict[str, Json]:
        if not isinstance(operation, dict):
            raise _refused(at, "an object", operation)
        members = {fold(name): value for name, value in operation.items()}
        known = {name: value for name, value in members.items() if value is not None}
        op, path = known.get("op"), known.get("path")
        if not isinstance(op, str):
            raise _refused(f"{at}.op", "add, remove or replace", op)
        if path is not None and not isinstance(path, str):
            raise _refused(f"{at}.path", "a string", path, scim_type="invalidPath")
        target = self._target(path) if path else _Target(self.root)
        if fold(op) == "remove":
            return _removal(known, target)
        if fold(op) == "replace" and "value" in members:
            known["value"] = members["value"]  # null unassigns
        if target is None:
            detail = f"{at}.path: no schema has such an attribute"
            raise Refused(400, detail, scim_type="invalidPath")
        if known.get("value") is not None:
            known["value"] = self._written(target, known["value"], path or "")
        return known

    def knows(self, path: str) -> bool:
        """Test whether a path without a filter stands for an attribute."""
        return self._target(path) is not None

    def check_operand(self, path: str, operand: Json) -> None:
        """Refuse a filter that compares an attribute with a value of another type; text is text."""
        target = self._target(path)
        if target is None or operand is None or target.attribute.type not in _COMPARED:
            return
        if not _fits(target.attribute, operand):
            wanted = _WANTED[target.attribute.type]
            raise _refused(f"filter: {path}", wanted, operand, scim_type="invalidFilter")

    def _target(self, path: str) -> _Target | None:
        """What a path stands for; None where no schema has such an attribute."""
        owner, rest = self.root, path
        for part in (self.root, *self.root.sub_attributes):
            if ":" in part.key and fold(path) == part.key:
                return _Target(part)
            # The longest counts: one URN may begin with another.
            within = ":" in part.key and fold(path).startswith(f"{part.key}:")
            if within and len(path) - len(part.key) - 1 < len(rest):
                owner, rest = part, path[len(part.key) + 1 :]
        parsed = _PATH.fullmatch(rest)
        attribute = _part(owner, parsed["name"]) if parsed else None
        if parsed is None or attribute is None:
            return None
        if parsed["sub"]:
            sub = _part(attribute, parsed["sub"])
            return None if sub is None else _Target(sub)
        return _Target(attribute, selects=bool(parsed["filter"]))

    def _written(self, target: _Target, value: Json, at: str) -> Json:
        """The value of an add or a replace: null within an object unassigns a member."""
        attribute = target.attribute
        if attribute.mutability == Mutability.READ_ONLY:
            return value  # refused where it would change something
        if target.selects and isinstance(value, list) and len(value) == 1:
            value = value[0]
        if attribute.multi_valued and not target.selects:
            values = value if isinstance(value, list) else [value]
            return [_one(attribute, each, f"{at}[{number}]") for number, each in enumerate(values)]
        if attribute.type != AttributeType.COMPLEX or not isinstance(value, dict):
            return _one(attribute, value, at)
        return dict(self._members_written(attribute, value, at))

    def _members_written(
        self, owner: Attribute, value: dict[str, Json], at: str
    ) -> Iterator[tuple[str, Json]]:
        for name, member in value.items():
            part = _part(owner, name)
            target = _Target(part) if part else None
            if target is None and owner is self.root:
                target = self._target(name)  # some clients write paths as members
            where = _below(owner, at, name)
            if target is None and member is not None:
                raise _unknown(where)
            if target is not None and (member is not None or target.attribute not in _COMMON):
                yield name, None if member is None else self._written(target, member, where)


def _with_addresses(attribute: Attribute) -> Attribute:
    """The attribute, whose values are e-mail addresses where it is `emails`."""
    if attribute.key != "emails":
        return attribute
    parts = attribute.sub_attributes
    typed = (replace(part, type=_EMAIL) if part.key == "value" else part for part in parts)
    return replace(attribute, sub_attributes=tuple(typed))


def _unnamed(detail: str) -> Refused:
    return Refused(400, detail, scim_type="invalidSyntax")


def search(document: Json) -> Json:
    """The body of a search without nulls, names as the RFC spells them.

    Raises Refused with 400 where a value is of another type.
    """
    spelt = {part.key: part.name for part in _SEARCH.sub_attributes}
    checked = _one(_SEARCH, document, "")
    return {spelt[fold(name)]: value for name, value in checked.items()}


def _removal(known: dict[str, Json], target: _Target | None) -> dict[str, Json]:
    """The removal with its value where that selects among many, as some clients have it."""
    value = known.get("value")
    entries = value if isinstance(value, list) else [value]
    among_many = target is not None and target.attribute.multi_valued and not target.selects
    if among_many and any(entry not in (None, "", {}) for entry in entries):
        return known
    return {name: member for name, member in known.items() if name != "value"}


def _one(attribute: Attribute, value: Json, at: str) -> Json:
    """One value of an attribute, checked; an object without its nulls."""
    if attribute.type == AttributeType.COMPLEX and isinstance(value, dict):
        return dict(_members(attribute, value, at))
    if not _fits(attribute, value):
        wanted = "an absolute URI" if _is_external(attribute) else _WANTED[attribute.type]
        raise _refused(at or "the body", wanted, value)
    return value


def _members(owner: Attribute, value: dict[str, Json], at: str) -> Iterator[tuple[str, Json]]:
    seen = set()
    for name, member in value.items():
        if member is None:
            continue
        where = _below(owner, at, name)
        if (attribute := _part(owner, name)) is None:
            raise _unknown(where)
        if attribute.key in seen:
            raise Refused(400, f"{where} is there twice", scim_type="invalidSyntax")
        seen.add(attribute.key)
        if attribute.mutability == Mutability.READ_ONLY:
            continue  # RFC 7644 section 3.3: ignored
        if not attribute.multi_valued:
            yield name, _one(attribute, member, where)
        elif isinstance(member, list):
            yield (
                name,
                [
                    _one(attribute, each, f"{where}[{number}]")
                    for number, each in enumerate(member)
                    if each is not None
                ],
            )
        else:
            raise _refused(where, "an array", member)
    for part in owner.sub_attributes:
        if part.required and part.key not in seen and part.mutability != Mutability.READ_ONLY:
            detail = f"{_below(owner, at, part.name)}: a value is required"
            raise Refused(400, detail, scim_type="invalidValue")


def _part(owner: Attribute, name: str) -> Attribute | None:
    key = fold(name)
    return next((part for part in owner.sub_attributes if part.key == key), None)


def _fits(attribute: Attribute, value: Json) -> bool:
    match attribute.type, value:
        case AttributeType.BOOLEAN, bool():
            return True
        case _, bool():  # to Python an int as well
            return False
        case AttributeType.INTEGER, int():
            return -(2**63) <= value < 2**63
        case AttributeType.DECIMAL, int() | float():
            return abs(value) <= sys.float_info.max
        case _:
            return isinstance(value, str) and _has_form(attribute, value)


def _has_form(attribute: Attribute, text: str) -> bool:
    match attribute.type:
        case AttributeType.DATE_TIME:
            return _is_moment(text)
        case AttributeType.BINARY:
            return _is_base64(text)
        case AttributeType.REFERENCE:
            return _is_uri(text, absolute=_is_external(attribute))
        case kind if kind == _EMAIL:
            return _EMAIL_ADDRESS.fullmatch(text) is not None
        case kind:
            return kind == AttributeType.STRING


def _is_external(attribute: Attribute) -> bool:
    return attribute.reference_types == ("external",)


def _is_moment(text: str) -> bool:
    try:
        return bool(_DATE_TIME.fullmatch(text) and datetime.fromisoformat(text))
    except ValueError:  # the thirtieth of February
        return False


def _is_base64(text: str) -> bool:
    try:
        return b64encode(b64decode(text, validate=True)).decode() == text
    except ValueError:
        return False


def _is_uri(text: str, *, absolute: bool) -> bool:
    """Test for a URI reference, which in SCIM may be relative to the base URL."""
    try:
        scheme = urlsplit(text).scheme
    except ValueError:  # a bracket that is not closed
        return False
    return _URI.fullmatch(text) is not None and bool(scheme or not absolute)


def _below(owner: Attribute, at: str, name: str) -> str:
    if not at:
        return name
    return f"{at}:{name}" if ":" in owner.name else f"{at}.{name}"


def _unknown(where: str) -> Refused:
    return Refused(400, f"{where}: no schema has such an attribute", scim_type="invalidSyntax")


def _refused(at: str, wanted: str, value: Json, *, scim_type: str = "invalidValue") -> Refused:
    match value:
        case None:
            found = "nothing"
        case bool():
            found = "a boolean"
        case int():
            found = "this number"
        case float():
            found = "a number with a fraction or an exponent"
        case str():
            found = "this string"
        case list():
            found = "an array"
        case _:
            found = "an object"
    return Refused(400, f"{at}: {wanted} is needed, not {found}", scim_type=scim_type)
