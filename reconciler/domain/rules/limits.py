"""What a service cannot hold of a schema, by its dialect: one small check a limit."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from reconciler.domain.dialect import Dialect
from reconciler.domain.rules.rule import SCHEMA_PATH, Path
from reconciler.domain.rules.sites import attribute_sites
from reconciler.domain.scim import AttributeType, Schema, fold
from reconciler.domain.words import listed, quoted


@dataclass(frozen=True, slots=True)
class Excess:
    """Something of a schema that a service does not take; `words` go on after its name.

    `number` says how many there are, where that is what is too much.
    """

    path: Path
    words: str
    label: str
    at_key: bool = False
    number: int = 0


Limit = Callable[[Schema, Dialect], Iterator[Excess]]


def unknown_types(schema: Schema, dialect: Dialect) -> Iterator[Excess]:
    """Attributes of a type that the service does not have."""
    if dialect.types.issuperset(AttributeType):
        return
    for site in attribute_sites(schema.document):
        kind = site.members.get("type") or AttributeType.STRING
        if kind not in dialect.types:
            words = f"has no type {kind}, only {listed(sorted(dialect.types))}"
            yield Excess((*site.path, "type"), words, site.label)


def too_many_attributes(schema: Schema, dialect: Dialect) -> Iterator[Excess]:
    """More attributes than one schema may have."""
    number, most = len(schema.attributes), dialect.attributes
    if most is not None and number > most:
        words = f"takes {most} in one schema, and these are {number}; split it"
        yield Excess((*SCHEMA_PATH, "attributes"), words, "attributes", at_key=True, number=number)


def too_many_parts(schema: Schema, dialect: Dialect) -> Iterator[Excess]:
    """More sub-attributes than one attribute may have."""
    most = dialect.sub_attributes
    for site in attribute_sites(schema.document) if most is not None else ():
        parts = site.members.get("subAttributes")
        number = len(parts) if isinstance(parts, list) else 0
        if most is not None and number > most:
            words = f"takes {most} sub-attributes, and these are {number}; split it"
            path = (*site.path, "subAttributes")
            yield Excess(path, words, site.label, at_key=True, number=number)


def foreign_names(schema: Schema, dialect: Dialect) -> Iterator[Excess]:
    """Attributes whose names the service does not take."""
    for site in attribute_sites(schema.document) if dialect.names else ():
        name = site.members.get("name")
        if dialect.names and isinstance(name, str) and not dialect.names.takes(name):
            yield Excess((*site.path, "name"), f"takes names of {dialect.names.words}", site.label)


def another_last_part(schema: Schema, dialect: Dialect) -> Iterator[Excess]:
    """A schema whose name is not the last part of its URN."""
    last = schema.id.rpartition(":")[2]
    if dialect.name_ends_urn and schema.name and fold(schema.name) != fold(last):
        label = f"the name {quoted(schema.name)}"
        words = f"wants the last part of the URN, {quoted(last)}, or no name"
        yield Excess((*SCHEMA_PATH, "name"), words, label)


def missing_members(schema: Schema, dialect: Dialect) -> Iterator[Excess]:
    """Attributes that lack a member the service asks for."""
    for site in attribute_sites(schema.document) if dialect.members else ():
        lacking = [member for member in dialect.members if not site.members.get(member)]
        if lacking and site.parent is None:
            words = f"asks for {listed(lacking)}"
            yield Excess(site.path, words, site.label, at_key=True)


# By the id of the rule that reports it.
LIMITS: tuple[tuple[str, str, Limit], ...] = (
    ("REC-TYPE", "the service takes every type", unknown_types),
    (
        "REC-ATTRIBUTES",
        "the service takes so many attributes in one schema",
        too_many_attributes,
    ),
    ("REC-PARTS", "the service takes so many sub-attributes in one attribute", too_many_parts),
    ("REC-ATTRIBUTE-NAME", "the service takes such names of attributes", foreign_names),
    (
        "REC-SCHEMA-NAME",
        "the service takes a schema's name that is not the last part of its URN",
        another_last_part,
    ),
    (
        "REC-VENDOR-MEMBER",
        "each attribute has the vendor members that the service asks for",
        missing_members,
    ),
)


def excesses(schema: Schema, dialect: Dialect) -> Iterator[tuple[str, Excess]]:
    """Everything of the schema that the service does not take, with the id of its rule."""
    for rule, _, limit in LIMITS:
        for excess in limit(schema, dialect):
            yield rule, excess
