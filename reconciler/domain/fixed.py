"""Characteristics that a service fixes or narrows: what a manifest means there, or cannot say."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache

from reconciler.domain.dialect import Dialect
from reconciler.domain.jsontext import Json
from reconciler.domain.problem import Pointer
from reconciler.domain.scim import DEFAULTS, Attribute, Schema, fold, says_nothing

Silences = Callable[[Pointer], bool]
"""A test whether a note lets the service's own value count at a place of a schema."""


@dataclass(frozen=True, slots=True)
class Misfit:
    """A characteristic of an attribute that the service cannot say, and what it can.

    `value` is None where it is not written, so that it is the default of RFC 7643.
    """

    member: str
    value: Json
    choices: tuple[Json, ...]


def misfits(attribute: Mapping[str, Json], dialect: Dialect) -> Iterator[Misfit]:
    """Find the characteristics of an attribute, as it is written, that the service cannot say."""
    kind = _kind(attribute)
    for member, choices in _choices(dialect):
        value = attribute.get(_spelling(attribute, member))
        if not says_nothing(value):
            meant = _meaning(kind, member, value)
        elif len(choices) > 1:
            value, meant = None, _fixed(kind, member, DEFAULTS[member])
        else:
            continue
        if meant not in [_fixed(kind, member, choice) for choice in choices]:
            yield Misfit(member, value, choices)


def fitted(schema: Schema, dialect: Dialect, silences: Silences) -> Schema:
    """The schema as a manifest means it on the service: what it leaves out is what is fixed there.

    So is what the service cannot say and a note lets pass. The rest of that stays, and blocks.
    """
    if not _choices(dialect):
        return schema
    document = _with_attributes(schema.document, (), _Fitting(dialect, silences))
    return schema if document == schema.document else Schema.from_json(document)


def as_served(document: Json, dialect: Dialect) -> Json:
    """A live schema with what is fixed where the service does not show it."""
    if not dialect.fixed or not isinstance(document, Mapping):
        return document
    return _with_attributes(document, (), _Fitting(dialect))


def as_kept(document: Mapping[str, Json], dialect: Dialect) -> dict[str, Json]:
    """A schema as a service keeps it that puts its own values in the place of all others."""
    return _with_attributes(document, (), _Fitting(dialect, lambda _: True))


def defaults_of(attribute: Mapping[str, Json], dialect: Dialect) -> dict[str, Json]:
    """The characteristics that a manifest may leave out of an attribute of that type."""
    kind = _kind(attribute)
    fixed = ((member, value) for member, value in dialect.fixed if member in DEFAULTS)
    return {**DEFAULTS, **{member: _fixed(kind, member, value) for member, value in fixed}}


@lru_cache(256)
def _choices(dialect: Dialect) -> tuple[tuple[str, tuple[Json, ...]], ...]:
    """The characteristics with the values that the service knows; the first is its own."""
    fixed = tuple((member, (value,)) for member, value in dialect.fixed)
    names = {member for member, _ in fixed}
    return (*fixed, *(pair for pair in dialect.accepts if pair[0] not in names))


@dataclass(frozen=True, slots=True)
class _Fitting:
    """The fitting of each attribute; without `silences` nothing that is written is another."""

    dialect: Dialect
    silences: Silences | None = None

    def attribute(self, written: Mapping[str, Json], at: Pointer) -> dict[str, Json]:
        attribute = _with_attributes(written, at, self)
        kind = _kind(written)
        for member, value in self.dialect.fixed:
            name, meant = _spelling(attribute, member), _fixed(kind, member, value)
            if says_nothing(attribute.get(name)) and meant != DEFAULTS.get(member):
                attribute[name] = meant
        for each in misfits(written, self.dialect) if self.silences else ():
            name = _spelling(written, each.member)
            if self.silences and self.silences((*at, name)):
                attribute[name] = _fixed(kind, each.member, each.choices[0])
        return attribute


def _with_attributes(holder: Mapping[str, Json], at: Pointer, fitting: _Fitting) -> dict[str, Json]:
    """A schema or attribute, which stands at the pointer, with the attributes in it fitted."""
    member = _spelling(holder, "subAttributes" if at else "attributes")
    found = holder.get(member)
    if not isinstance(found, list):
        return dict(holder)
    return {
        **holder,
        member: [
            fitting.attribute(each, (*at, member, index)) if isinstance(each, Mapping) else each
            for index, each in enumerate(found)
        ],
    }


def _kind(attribute: Mapping[str, Json]) -> str:
    return str(attribute.get(_spelling(attribute, "type")) or DEFAULTS["type"])


def _spelling(members: Mapping[str, Json], member: str) -> str:
    """The member as a document spells it; as RFC 7643 does where it is not there."""
    if member in members:
        return member
    return next((name for name in members if fold(name) == fold(member)), member)


@lru_cache(1024)
def _fixed(kind: str, member: str, value: Json) -> Json:
    """A value of a dialect for an attribute of that type, for which it may mean nothing."""
    return _meaning(kind, member, list(value) if isinstance(value, tuple) else value)


def _meaning(kind: str, member: str, value: Json) -> Json:
    """A characteristic as it is compared; None where it says nothing."""
    attribute = Attribute.from_json({"name": "x", "type": kind, member: value})
    return attribute.characteristics().get(member)
