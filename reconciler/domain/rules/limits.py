"""The limits of a service, by its dialect: one small check each.

`validate` asks them of every manifest and planning of every create and update, so that a plan never
promises what the service is known to refuse.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from reconciler.domain.dialect import Dialect
from reconciler.domain.jsontext import Json
from reconciler.domain.problem import Pointer
from reconciler.domain.rules.rule import SCHEMA_PATH
from reconciler.domain.rules.sites import attribute_sites
from reconciler.domain.scim import AttributeType, Schema, fold, known_word
from reconciler.domain.words import listed, quoted


@dataclass(frozen=True, slots=True)
class Demand:
    """A schema that a service is to hold.

    `beside` counts the live attributes that the manifest does not list and that stay.
    """

    schema: Schema
    dialect: Dialect
    beside: int = 0


@dataclass(frozen=True, slots=True)
class Excess:
    """Something of a schema that a service does not take; `text` goes on after its name.

    `number` says how many there are, where that is what is too much.
    """

    path: Pointer
    text: str
    label: str
    at_key: bool = False
    number: int = 0

    def message(self, service: str) -> str:
        """The finding on a service, in one sentence."""
        return f"{self.label}: {service} {self.text}"


Limit = Callable[[Demand], Iterator[Excess]]


def unknown_types(demand: Demand) -> Iterator[Excess]:
    """Attributes of a type that the service does not have."""
    types = demand.dialect.types
    if types.issuperset(AttributeType):
        return
    for site in attribute_sites(demand.schema.document):
        kind = _type(site.members.get("type"))
        if kind not in types:
            text = f"has no type {kind}, only {listed(sorted(types))}"
            yield Excess((*site.path, "type"), text, site.label)


def _type(value: Json) -> str:
    if not value:
        return AttributeType.STRING
    return known_word(str(value), AttributeType) or quoted(str(value))


def too_many_attributes(demand: Demand) -> Iterator[Excess]:
    """More attributes than one schema may have."""
    most, number = demand.dialect.attributes, len(demand.schema.attributes) + demand.beside
    if most is not None and number > most:
        text = f"takes {most} in one schema, and these are {number}; split it"
        if demand.beside:
            text += f" ({demand.beside} of them only live)"
        yield Excess((*SCHEMA_PATH, "attributes"), text, "attributes", at_key=True, number=number)


def too_many_parts(demand: Demand) -> Iterator[Excess]:
    """More sub-attributes than one attribute may have."""
    most = demand.dialect.sub_attributes
    for site in attribute_sites(demand.schema.document) if most is not None else ():
        parts = site.members.get("subAttributes")
        number = len(parts) if isinstance(parts, list) else 0
        if most is not None and number > most:
            text = f"takes {most} sub-attributes, and these are {number}; split it"
            path = (*site.path, "subAttributes")
            yield Excess(path, text, site.label, at_key=True, number=number)


def foreign_names(demand: Demand) -> Iterator[Excess]:
    """Attributes whose names the service does not take."""
    names = demand.dialect.names
    for site in attribute_sites(demand.schema.document) if names else ():
        name = site.members.get("name")
        if names and isinstance(name, str) and not names.takes(name):
            yield Excess((*site.path, "name"), f"takes names of {names.text}", site.label)


def another_last_part(demand: Demand) -> Iterator[Excess]:
    """A schema whose name is not the last part of its URN."""
    name, last = demand.schema.name, demand.schema.id.rpartition(":")[2]
    if demand.dialect.name_ends_urn and name and fold(name) != fold(last):
        text = f"wants the last part of the URN, {quoted(last)}, or no name"
        yield Excess((*SCHEMA_PATH, "name"), text, f"the name {quoted(name)}")


def missing_members(demand: Demand) -> Iterator[Excess]:
    """Attributes that lack a member the service asks for."""
    members = demand.dialect.members
    for site in attribute_sites(demand.schema.document) if members else ():
        lacking = [member for member in members if not site.members.get(member)]
        if lacking and site.parent is None:
            yield Excess(site.path, f"asks for {listed(lacking)}", site.label, at_key=True)


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


def excesses(demand: Demand) -> Iterator[tuple[str, Excess]]:
    """Everything that the service does not take, with the id of its rule."""
    for rule, _, limit in LIMITS:
        for excess in limit(demand):
            yield rule, excess
