"""Canary: values that are made up for a test user, and what became of them when read back.

They are the same in each run, so that a later one knows them again where an earlier one was killed.
"""

import base64
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from reconciler.domain.jsontext import Json, parse
from reconciler.domain.scim import (
    Attribute,
    AttributeType,
    Mutability,
    Returned,
    Schema,
    Uniqueness,
    fold,
)
from reconciler.domain.searching import few
from reconciler.domain.values import folded, is_of_type, is_present, values_of

MARK = "reconciler-canary"
_BINARY = base64.b64encode(MARK.encode()).decode()
_MOMENT = "2001-02-03T04:05:06Z"
_VALUES: Mapping[str, Json] = {  # RFC 7643 section 2.3
    AttributeType.STRING: MARK,
    AttributeType.BOOLEAN: True,
    AttributeType.DECIMAL: 7272.25,
    AttributeType.INTEGER: 727272,
    AttributeType.DATE_TIME: _MOMENT,
    AttributeType.BINARY: _BINARY,
    AttributeType.REFERENCE: f"https://{MARK}.invalid/",
}
_CUT_OFF = 6  # letters of the mark that a service which cuts texts off leaves at least


class CanaryResult(StrEnum):
    """What became of a value that was written to a test user and read back."""

    PERSISTED = "persisted"
    DROPPED = "dropped"
    COERCED = "coerced"
    NOT_TRIED = "not-tried"


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """Attributes of a schema to try, dotted for parts; `resource_type` is what holds its values."""

    schema: Schema
    names: tuple[str, ...]
    resource_type: str = "User"

    def values(self) -> dict[str, Json]:
        """A value for each attribute that may be tried, by its name as the schema spells it.

        An attribute of which only a part is new is one as well.
        """
        found = {}
        for attribute in self._attributes():
            value = _value(attribute)
            if value is not None:
                found[attribute.name] = value
        return found

    def results(
        self, written: Mapping[str, Json], held: Mapping[str, Json], untried: Mapping[str, str]
    ) -> "Tried":
        """What became of what was written, by what the test user holds under folded names.

        `untried` has the reasons of attributes that were not written, by their names.
        """
        found: dict[str, CanaryResult] = {}
        reasons: dict[str, str] = {}
        for attribute in self._attributes():
            if attribute.name in written and attribute.name not in untried:
                ends = _results(attribute, written[attribute.name], held.get(attribute.key))
                found |= {fold(name): result for name, result in ends}
                reason = "it is of a kind that is not tried"
            else:
                reason = untried.get(attribute.name) or _obstacle(attribute)
            reasons[attribute.key] = reason
        return Tried(
            results=tuple(
                (name, found.get(fold(name), CanaryResult.NOT_TRIED)) for name in self.names
            ),
            reasons=tuple(
                (name, reasons.get(fold(name.split(".")[0]), "the schema does not have it"))
                for name in self.names
                if fold(name) not in found
            ),
        )

    def untried(self, reason: str) -> "Tried":
        """The result where nothing of it was tried."""
        return Tried(
            results=tuple((name, CanaryResult.NOT_TRIED) for name in self.names),
            reasons=tuple((name, reason) for name in self.names),
        )

    def _attributes(self) -> Iterator[Attribute]:
        for key in dict.fromkeys(fold(name.split(".")[0]) for name in self.names):
            if (attribute := self.schema.attribute(key)) is not None:
                yield attribute


@dataclass(frozen=True, slots=True, kw_only=True)
class Tried:
    """The result of each attribute of a trial, and why some were not tried. Holds no value."""

    results: tuple[tuple[str, CanaryResult], ...]
    reasons: tuple[tuple[str, str], ...] = ()

    @property
    def found(self) -> frozenset[CanaryResult]:
        """The results that there are."""
        return frozenset(result for _, result in self.results)

    @property
    def detail(self) -> str:
        """All results, for a person."""
        by_result: dict[str, list[str]] = {}
        reasons = dict(self.reasons)
        for name, result in self.results:
            text = f"{result} ({reasons[name]})" if name in reasons else str(result)
            by_result.setdefault(text, []).append(name)
        return "; ".join(f"{few(names)}: {text}" for text, names in by_result.items())


def triable(schema: Schema) -> tuple[str, ...]:
    """The names of the attributes and parts that a canary may try, dotted for parts."""
    return tuple(
        name
        for attribute in schema.attributes
        if (value := _value(attribute)) is not None
        for name, _ in _results(attribute, value, None)
    )


def is_ours(held: Json, attribute: Attribute | None) -> bool:
    """Test whether what a test user holds may be what a canary wrote, be it changed by a service.

    Nothing but a truth or a canonical value is ours only where the whole of it may be.
    """
    written = None if attribute is None else _value(attribute)
    weak = {"true", *(_spelled(leaf) for leaf in _leaves(written))}
    leaves = [_spelled(leaf) for leaf in _leaves(held)]
    return any(map(_is_marked, leaves)) or (bool(leaves) and weak.issuperset(leaves))


def _obstacle(attribute: Attribute) -> str:
    if attribute.mutability != Mutability.READ_WRITE:
        return f"it is {attribute.mutability}"
    if attribute.uniqueness != Uniqueness.NONE:
        return "its values are unique"
    if attribute.returned == Returned.NEVER:
        return "it is never returned"
    return "it has a part, or is of a type, that no value can be made for"


def _value(attribute: Attribute) -> Json:
    """A value of ours for an attribute, None where none may be tried."""
    unfit = (
        attribute.mutability != Mutability.READ_WRITE
        or attribute.uniqueness != Uniqueness.NONE
        or attribute.returned == Returned.NEVER
    )
    one = None if unfit else _single(attribute)
    return [one] if attribute.multi_valued and one is not None else one


def _single(attribute: Attribute) -> Json:
    if attribute.type == AttributeType.COMPLEX:
        parts = {part.name: _value(part) for part in attribute.sub_attributes}
        if any(part.required and parts[part.name] is None for part in attribute.sub_attributes):
            return None
        return {name: value for name, value in parts.items() if value is not None} or None
    own = _VALUES.get(attribute.type)
    for text in attribute.canonical_values:
        if own is not None and is_of_type(text, AttributeType(attribute.type)):
            return text if isinstance(own, str) else parse(text.encode())
    return own


def _results(
    attribute: Attribute, written: Json, held: Json, above: str = ""
) -> Iterator[tuple[str, CanaryResult]]:
    """The result of an attribute, and of each part that was written, dotted."""
    name = f"{above}{attribute.name}"
    kept = values_of(held)
    [one] = written if isinstance(written, list) else [written]
    shape = isinstance(held, list) == isinstance(written, list) and len(kept) == 1
    if not isinstance(one, Mapping):
        same = shape and _is_same(one, kept[0], attribute.type)
        yield name, _result(present=bool(kept), same=same)
        return
    item = folded(kept[0], 1) if kept else None
    members = item if isinstance(item, Mapping) else {}
    parts = [
        end
        for part in attribute.sub_attributes
        if part.name in one
        for end in _results(part, one[part.name], members.get(part.key), f"{name}.")
    ]
    ends = {result for _, result in parts}
    gone = not kept or ends == {CanaryResult.DROPPED}
    yield name, _result(present=not gone, same=shape and ends == {CanaryResult.PERSISTED})
    yield from parts


def _result(*, present: bool, same: bool) -> CanaryResult:
    if not present:
        return CanaryResult.DROPPED
    return CanaryResult.PERSISTED if same else CanaryResult.COERCED


def _is_same(written: Json, held: Json, kind: str) -> bool:
    """Test for the same value of that type, which JSON may spell in another way."""
    if isinstance(written, str) and isinstance(held, str):
        if kind == AttributeType.DATE_TIME:
            return _instant(written) == _instant(held) is not None
        if kind == AttributeType.BINARY:
            return written.rstrip("=") == held.rstrip("=")
    # To Python, True is a number as well.
    return isinstance(held, bool) == isinstance(written, bool) and bool(written == held)


def _instant(text: str) -> datetime | None:
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return None
    return None if found.tzinfo is None else found


def _leaves(value: Json) -> Iterator[Json]:
    pending = [value]
    while pending:
        match pending.pop():
            case Mapping() as members:
                pending += members.values()
            case list() as items:
                pending += items
            case None | "":
                pass
            case leaf:
                yield leaf


def _spelled(leaf: Json) -> str:
    """One spelling of a value, in whatever type a service keeps it."""
    if isinstance(leaf, bool):
        return "true" if leaf else "false"
    text = fold(str(leaf)).strip()
    return text.removesuffix(".0")


_OWN = frozenset(
    _spelled(value) for kind, value in _VALUES.items() if kind != AttributeType.BOOLEAN
)
_DAY = _spelled(_MOMENT.partition("T")[0])


def _is_marked(spelled: str) -> bool:
    """True of what nobody but a canary writes."""
    return (
        spelled in _OWN
        or MARK in spelled
        or spelled.startswith(_DAY)
        or (len(spelled) >= _CUT_OFF and MARK.startswith(spelled))
        or spelled == _spelled(_BINARY.rstrip("="))
    )


def extension_in(resource: Json, schema_id: str) -> Mapping[str, Json]:
    """What a resource holds of a schema, by folded names; the names of parts stay as they are."""
    held = folded(resource, 1)
    found = held.get(fold(schema_id)) if isinstance(held, Mapping) else None
    names = folded(found, 1)
    return {n: v for n, v in names.items() if is_present(v)} if isinstance(names, Mapping) else {}


def schemas_in(resource: Json) -> tuple[str, ...]:
    """The URNs that a resource names as its schemas, as it spells them."""
    held = folded(resource, 1)
    listed = held.get("schemas") if isinstance(held, Mapping) else None
    return tuple(
        urn for urn in (listed if isinstance(listed, list) else ()) if isinstance(urn, str)
    )


_PATCH = "urn:ietf:params:scim:api:messages:2.0:PatchOp"


def patch_of(operations: Iterable[Mapping[str, Json]]) -> dict[str, Json]:
    """A PATCH, RFC 7644 section 3.5.2."""
    return {"schemas": [_PATCH], "Operations": [dict(each) for each in operations]}
