"""Rules about the name, type, parts and members of one attribute, as RFC 7643 has them."""

import re
from collections.abc import Iterator, Mapping
from enum import StrEnum

from reconciler.domain.messages import listed, nearest, quoted
from reconciler.domain.problem import Severity
from reconciler.domain.rules.members import near_misses, other_cases
from reconciler.domain.rules.rule import About, Fault, RuleSet
from reconciler.domain.rules.sites import AttributeSite
from reconciler.domain.scim import (
    ATTRIBUTE_MEMBERS,
    SCHEMA_URN,
    AttributeType,
    Mutability,
    Returned,
    Uniqueness,
    fold,
    known_word,
)

ATTRIBUTE_RULES: RuleSet[AttributeSite] = RuleSet(About.ATTRIBUTE)

_ATTRIBUTE_NAME = re.compile(r"[A-Za-z][A-Za-z0-9$_-]*")
_BOOLEANS = ("multiValued", "required", "caseExact")
_KEYWORDS: Mapping[str, type[StrEnum]] = {
    "mutability": Mutability,
    "returned": Returned,
    "uniqueness": Uniqueness,
}


@ATTRIBUTE_RULES.rule(
    "SCIM-A01", Severity.ERROR, "attribute names follow ATTRNAME; RFC 7643 section 2.1"
)
def name_has_the_grammar(attribute: AttributeSite) -> Iterator[Fault]:
    name = attribute.members.get("name")
    is_ref = name == "$ref" and attribute.parent is not None  # RFC 7643 section 2.4 names it so
    if isinstance(name, str) and name and not is_ref and not _ATTRIBUTE_NAME.fullmatch(name):
        yield Fault(
            (*attribute.pointer, "name"),
            f"{attribute.label}: a name is a letter, then letters, digits, $, - or _, all ASCII",
        )


@ATTRIBUTE_RULES.rule(
    "SCIM-A01", Severity.WARNING, "attribute names avoid the hyphen; RFC 7643 section 2.1"
)
def name_has_no_hyphen(attribute: AttributeSite) -> Iterator[Fault]:
    name = attribute.members.get("name")
    if isinstance(name, str) and "-" in name and _ATTRIBUTE_NAME.fullmatch(name):
        yield Fault(
            (*attribute.pointer, "name"),
            f"{attribute.label}: a hyphen is allowed, and reads as minus in many languages; use _",
        )


@ATTRIBUTE_RULES.rule(
    "SCIM-A02", Severity.ERROR, "an attribute has a name; RFC 7643 section 8.7.2", firm=True
)
def has_a_name(attribute: AttributeSite) -> Iterator[Fault]:
    if attribute.members.get("name") in (None, ""):
        yield Fault((*attribute.pointer, "name"), "an attribute without a name; give it one")


@ATTRIBUTE_RULES.rule(
    "SCIM-A04", Severity.ERROR, "types are spelt as in RFC 7643 section 2.3, table 1"
)
def type_is_spelt(attribute: AttributeSite) -> Iterator[Fault]:
    if advice := _slip(attribute, "type", AttributeType):
        yield Fault((*attribute.pointer, "type"), f"{attribute.label}: {advice}")


@ATTRIBUTE_RULES.rule(
    "SCIM-A05", Severity.ERROR, "an extension brings no types of its own; RFC 7643 section 2.3"
)
def type_is_of_the_rfc(attribute: AttributeSite) -> Iterator[Fault]:
    value = attribute.members.get("type")
    if isinstance(value, str) and not known_word(value, AttributeType):
        if _slip(attribute, "type", AttributeType):
            return
        meant = _ELSEWHERE.get(value.casefold())
        advice = f"did you mean {meant}?" if meant else f"use {listed(AttributeType)}"
        yield Fault(
            (*attribute.pointer, "type"), f"{attribute.label}: {quoted(value)} is no type; {advice}"
        )


# Types of JSON Schema, SQL and programs, and what they are called here
_ELSEWHERE = {
    **dict.fromkeys(("number", "numeric"), "decimal or integer"),
    **dict.fromkeys(("int", "long", "int32", "int64", "bigint"), "integer"),
    **dict.fromkeys(("float", "double", "real", "money", "currency"), "decimal"),
    **dict.fromkeys(("text", "str", "char", "varchar", "uuid", "email", "enum"), "string"),
    **dict.fromkeys(("date", "time", "timestamp"), "dateTime"),
    **dict.fromkeys(("object", "record", "map", "dict"), "complex"),
    **dict.fromkeys(("uri", "url", "ref"), "reference"),
    **dict.fromkeys(("bool", "flag", "bit"), "boolean"),
    **dict.fromkeys(("bytes", "blob", "base64"), "binary"),
    **dict.fromkeys(("array", "list"), "the type of one item, with multiValued: true"),
}


def _slip(attribute: AttributeSite, member: str, keywords: type[StrEnum]) -> str | None:
    """The word that a misspelt one should be; None where it is right, or nothing near."""
    value = attribute.members.get(member)
    if not isinstance(value, str):
        return None
    if word := known_word(value, keywords):
        return None if word == value else f"{quoted(value)} is spelt {word}"
    meant = nearest(value, keywords)
    return f"{quoted(value)} is no {member}; did you mean {meant}?" if meant else None


@ATTRIBUTE_RULES.rule("SCIM-A06", Severity.ERROR, "keywords are those of RFC 7643 section 7")
def keywords_are_known(attribute: AttributeSite) -> Iterator[Fault]:
    for member, keywords in _KEYWORDS.items():
        value = attribute.members.get(member)
        if isinstance(value, str) and not known_word(value, keywords):
            advice = _slip(attribute, member, keywords)
            advice = advice or f"{quoted(value)} is no {member}; use {listed(keywords)}"
            yield Fault((*attribute.pointer, member), f"{attribute.label}: {advice}")


@ATTRIBUTE_RULES.rule(
    "SCIM-A06", Severity.WARNING, "keywords are spelt as in RFC 7643 section 7", covers_shape=True
)
def keywords_are_spelt(attribute: AttributeSite) -> Iterator[Fault]:
    for member, keywords in _KEYWORDS.items():
        value = attribute.members.get(member)
        if isinstance(value, str) and known_word(value, keywords) not in (None, value):
            advice = _slip(attribute, member, keywords)
            yield Fault((*attribute.pointer, member), f"{attribute.label}: {advice}")


@ATTRIBUTE_RULES.rule(
    "SCIM-A07", Severity.WARNING, "a complex attribute lists its subAttributes; RFC 7643 section 7"
)
def complex_has_parts(attribute: AttributeSite) -> Iterator[Fault]:
    if attribute.is_complex and not attribute.members.get("subAttributes"):
        yield Fault(
            (*attribute.pointer, "type"), f"{attribute.label}: complex, and lists no subAttributes"
        )


@ATTRIBUTE_RULES.rule(
    "SCIM-A08", Severity.ERROR, "a simple attribute has no subAttributes; RFC 7643 section 1.2"
)
def simple_has_no_parts(attribute: AttributeSite) -> Iterator[Fault]:
    if attribute.members.get("subAttributes") and not attribute.is_complex:
        yield Fault(
            (*attribute.pointer, "subAttributes"),
            f"{attribute.label}: only a complex attribute has subAttributes; set type: complex",
            at_key=True,
        )


@ATTRIBUTE_RULES.rule(
    "SCIM-A09", Severity.ERROR, "a complex attribute holds no complex ones; RFC 7643 section 2.3.8"
)
def complex_is_not_nested(attribute: AttributeSite) -> Iterator[Fault]:
    # The RFC's own Schema schema does it: attributes have subAttributes (RFC 7643 section 8.7.2).
    is_meta_schema = fold(attribute.schema_id) == fold(SCHEMA_URN)
    if attribute.parent is not None and attribute.is_complex and not is_meta_schema:
        yield Fault(
            (*attribute.pointer, "type"),
            f"{attribute.label}: a complex attribute inside a complex attribute; "
            "make it simple, or an attribute of the schema",
        )


@ATTRIBUTE_RULES.rule(
    "SCIM-A22", Severity.ERROR, "booleans are JSON booleans; RFC 7643 section 7", firm=True
)
def booleans_are_booleans(attribute: AttributeSite) -> Iterator[Fault]:
    for member in _BOOLEANS:
        if member in attribute.members and not isinstance(attribute.members[member], bool):
            yield Fault(
                (*attribute.pointer, member),
                f"{attribute.label}: {member} is true or false, without quotes",
            )


@ATTRIBUTE_RULES.rule(
    "REC-MEMBER", Severity.ERROR, "a member two edits from a word of RFC 7643 is taken for a slip"
)
def members_are_meant(attribute: AttributeSite) -> Iterator[Fault]:
    return near_misses(attribute.pointer, attribute.members, ATTRIBUTE_MEMBERS)


@ATTRIBUTE_RULES.rule(
    "REC-CASE", Severity.ERROR, "members are spelt as in RFC 7643 section 7, case too", firm=True
)
def members_have_their_case(attribute: AttributeSite) -> Iterator[Fault]:
    return other_cases(attribute.pointer, attribute.members, ATTRIBUTE_MEMBERS)
