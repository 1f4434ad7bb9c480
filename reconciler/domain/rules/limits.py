"""Rules about the limits of a service, by its dialect.

`validate` asks them of every manifest and planning of every create and update, so that a plan
never promises what the service is known to refuse: docs/decisions.md, "Limits are asked by planning
too".
"""

from collections.abc import Iterator
from dataclasses import dataclass

from reconciler.domain.dialect import Dialect
from reconciler.domain.fixed import misfits
from reconciler.domain.jsontext import Json
from reconciler.domain.messages import listed, quoted
from reconciler.domain.problem import Severity
from reconciler.domain.rules.rule import SCHEMA_POINTER, About, Fault, RuleSet
from reconciler.domain.rules.sites import attribute_sites
from reconciler.domain.scim import (
    DEFAULTS,
    AttributeType,
    Schema,
    fold,
    is_keyword,
    known_word,
)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class Demand:
    """A schema that a service is to hold.

    `service` is its name in messages. `beside` counts the live attributes that the manifest does
    not list and that stay.
    """

    schema: Schema
    dialect: Dialect
    service: str
    beside: int = 0


LIMIT_RULES: RuleSet[Demand] = RuleSet(About.SERVICE)


@LIMIT_RULES.rule("REC-TYPE", Severity.WARNING, "the service takes every type")
def types_are_known(demand: Demand) -> Iterator[Fault]:
    types = demand.dialect.types
    if types.issuperset(AttributeType):
        return
    for site in attribute_sites(demand.schema.document):
        given = str(site.members.get("type") or AttributeType.STRING)
        kind = known_word(given, AttributeType) or quoted(given)
        if kind not in types:
            yield Fault(
                (*site.pointer, "type"),
                f"{site.label}: {demand.service} has no type {kind}, only {listed(sorted(types))}",
            )


@LIMIT_RULES.rule(
    "REC-FIXED",
    Severity.WARNING,
    "the service knows more than one value of a characteristic, and that one",
)
def characteristics_can_be_said(demand: Demand) -> Iterator[Fault]:
    dialect, service = demand.dialect, demand.service
    narrows = dialect.fixed or dialect.accepts
    for site in attribute_sites(demand.schema.document) if narrows else ():
        for misfit in misfits(site.members, dialect):
            member, known = misfit.member, [_spelled(misfit.member, c) for c in misfit.choices]
            if len(known) == 1:
                message = f"{member} is {known[0]} for every attribute of {service}; leave it out"
            else:
                value = DEFAULTS[member] if misfit.value is None else misfit.value
                given = _spelled(member, value)
                message = f"{service} has no {member} {given}, only {listed(known)}"
            yield Fault((*site.pointer, member), f"{site.label}: {message}")


def _spelled(member: str, value: Json) -> str:
    """A value of a characteristic for a message; that of a manifest may be any text."""
    match value:
        case bool():
            return str(value).lower()
        case list() | tuple():
            return ", ".join(value) or "empty"
        case _:
            return str(value) if is_keyword(member, value) else quoted(str(value))


@LIMIT_RULES.rule(
    "REC-ATTRIBUTES", Severity.WARNING, "the service takes so many attributes in one schema"
)
def attributes_are_few_enough(demand: Demand) -> Iterator[Fault]:
    # `manages: attributes` leaves the others alone, and the service counts them all the same.
    most, number = demand.dialect.attributes, len(demand.schema.attributes) + demand.beside
    if most is not None and number > most:
        live = f" ({demand.beside} of them only live)" if demand.beside else ""
        yield Fault(
            (*SCHEMA_POINTER, "attributes"),
            f"attributes: {demand.service} takes {most} in one schema, and these are {number}; "
            f"split it{live}",
            at_key=True,
            number=number,
        )


@LIMIT_RULES.rule(
    "REC-PARTS", Severity.WARNING, "the service takes so many sub-attributes in one attribute"
)
def parts_are_few_enough(demand: Demand) -> Iterator[Fault]:
    most = demand.dialect.sub_attributes
    for site in attribute_sites(demand.schema.document) if most is not None else ():
        parts = site.members.get("subAttributes")
        number = len(parts) if isinstance(parts, list) else 0
        if most is not None and number > most:
            yield Fault(
                (*site.pointer, "subAttributes"),
                f"{site.label}: {demand.service} takes {most} sub-attributes, and these are "
                f"{number}; split it",
                at_key=True,
                number=number,
            )


@LIMIT_RULES.rule(
    "REC-ATTRIBUTE-NAME", Severity.WARNING, "the service takes such names of attributes"
)
def attribute_names_are_taken(demand: Demand) -> Iterator[Fault]:
    names = demand.dialect.names
    for site in attribute_sites(demand.schema.document) if names else ():
        name = site.members.get("name")
        if names and isinstance(name, str) and not names.takes(name):
            yield Fault(
                (*site.pointer, "name"),
                f"{site.label}: {demand.service} takes names of {names.text}",
            )


@LIMIT_RULES.rule(
    "REC-OWN-NAME",
    Severity.WARNING,
    "a name that the service has for itself is never written",
    firm=True,
)
def names_of_the_service_are_left_alone(demand: Demand) -> Iterator[Fault]:
    names = demand.dialect.names
    own = set(map(fold, names.own)) if names else set()
    for site in attribute_sites(demand.schema.document) if own else ():
        name = site.members.get("name")
        if isinstance(name, str) and fold(name) in own:
            yield Fault(
                (*site.pointer, "name"),
                f"{site.label}: {demand.service} has that name for itself; choose another",
            )


@LIMIT_RULES.rule("REC-URN-ENDING", Severity.WARNING, "the service takes such a last part of a URN")
def urn_ending_is_taken(demand: Demand) -> Iterator[Fault]:
    endings, last = demand.dialect.urn_endings, demand.schema.id.rpartition(":")[2]
    if endings and not endings.takes(last):
        yield Fault(
            (*SCHEMA_POINTER, "id"),
            f"the URN ends with {quoted(last)}: {demand.service} takes {endings.text}",
        )


@LIMIT_RULES.rule(
    "REC-SCHEMA-NAME",
    Severity.WARNING,
    "the service takes a schema's name that is not the last part of its URN",
)
def schema_name_ends_its_urn(demand: Demand) -> Iterator[Fault]:
    name, last = demand.schema.name, demand.schema.id.rpartition(":")[2]
    if demand.dialect.name_ends_urn and name and fold(name) != fold(last):
        yield Fault(
            (*SCHEMA_POINTER, "name"),
            f"the name {quoted(name)}: {demand.service} wants the last part of the URN, "
            f"{quoted(last)}, or no name",
        )


@LIMIT_RULES.rule(
    "REC-VENDOR-MEMBER",
    Severity.WARNING,
    "each attribute has the vendor members that the service asks for",
)
def vendor_members_are_given(demand: Demand) -> Iterator[Fault]:
    members = demand.dialect.members
    for site in attribute_sites(demand.schema.document) if members else ():
        # Asked of attributes only: no service is known to ask it of their parts.
        lacking = [member for member in members if not site.members.get(member)]
        if lacking and site.parent is None:
            yield Fault(
                site.pointer,
                f"{site.label}: {demand.service} asks for {listed(lacking)}",
                at_key=True,
            )
