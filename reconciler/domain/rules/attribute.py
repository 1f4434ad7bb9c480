"""What RFC 7643 asks of one attribute's name, type, parts and members."""

import re
from collections.abc import Iterator, Mapping
from enum import StrEnum

from reconciler.domain.problem import Severity
from reconciler.domain.rules.rule import Fault, Rule, near_misses, other_cases
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
from reconciler.domain.words import listed, nearest, quoted


def _name_has_the_grammar(attribute: AttributeSite) -> Iterator[Fault]:
    name = attribute.members.get("name")
    is_ref = name == "$ref" and attribute.parent is not None  # RFC 7643 section 2.4 names it so
    if isinstance(name, str) and name and not is_ref and not _ATTRIBUTE_NAME.fullmatch(name):
        yield Fault(
            (*attribute.path, "name"),
            f"{attribute.label}: a name is a letter, then letters, digits, $, - or _, all ASCII",
        )


def _name_has_no_hyphen(attribute: AttributeSite) -> Iterator[Fault]:
    name = attribute.members.get("name")
    if isinstance(name, str) and "-" in name and _ATTRIBUTE_NAME.fullmatch(name):
        yield Fault(
            (*attribute.path, "name"),
            f"{attribute.label}: a hyphen is allowed, and reads as minus in many languages; use _",
        )


def _has_a_name(attribute: AttributeSite) -> Iterator[Fault]:
    if attribute.members.get("name") in (None, ""):
        yield Fault((*attribute.path, "name"), "an attribute without a name; give it one")


def _type_is_spelt(attribute: AttributeSite) -> Iterator[Fault]:
    if advice := _slip(attribute, "type", AttributeType):
        yield Fault((*attribute.path, "type"), f"{attribute.label}: {advice}")


def _type_is_of_the_rfc(attribute: AttributeSite) -> Iterator[Fault]:
    value = attribute.members.get("type")
    if isinstance(value, str) and not known_word(value, AttributeType):
        if _slip(attribute, "type", AttributeType):
            return
        yield Fault(
            (*attribute.path, "type"),
            f"{attribute.label}: {quoted(value)} is no type; use {listed(AttributeType)}",
        )


def _slip(attribute: AttributeSite, member: str, words: type[StrEnum]) -> str | None:
    """What a misspelt word should be; None where it is right, or nothing near."""
    value = attribute.members.get(member)
    if not isinstance(value, str):
        return None
    if spelt := known_word(value, words):
        return None if spelt == value else f"{quoted(value)} is spelt {spelt}"
    meant = nearest(value, words)
    return f"{quoted(value)} is no {member}; did you mean {meant}?" if meant else None


def _keywords_are_known(attribute: AttributeSite) -> Iterator[Fault]:
    for member, words in _KEYWORDS.items():
        value = attribute.members.get(member)
        if isinstance(value, str) and not known_word(value, words):
            advice = _slip(attribute, member, words)
            advice = advice or f"{quoted(value)} is no {member}; use {listed(words)}"
            yield Fault((*attribute.path, member), f"{attribute.label}: {advice}")


def _keywords_are_spelt(attribute: AttributeSite) -> Iterator[Fault]:
    for member, words in _KEYWORDS.items():
        value = attribute.members.get(member)
        if isinstance(value, str) and known_word(value, words) not in (None, value):
            yield Fault(
                (*attribute.path, member),
                f"{attribute.label}: {_slip(attribute, member, words)}",
            )


def _complex_has_parts(attribute: AttributeSite) -> Iterator[Fault]:
    if attribute.is_complex and not attribute.members.get("subAttributes"):
        yield Fault(
            (*attribute.path, "type"), f"{attribute.label}: complex, and lists no subAttributes"
        )


def _simple_has_no_parts(attribute: AttributeSite) -> Iterator[Fault]:
    if attribute.members.get("subAttributes") and not attribute.is_complex:
        yield Fault(
            (*attribute.path, "subAttributes"),
            f"{attribute.label}: only a complex attribute has subAttributes; set type: complex",
            at_key=True,
        )


def _complex_is_not_nested(attribute: AttributeSite) -> Iterator[Fault]:
    is_meta_schema = fold(attribute.schema_id) == fold(SCHEMA_URN)
    if attribute.parent is not None and attribute.is_complex and not is_meta_schema:
        yield Fault(
            (*attribute.path, "type"),
            f"{attribute.label}: a complex attribute inside a complex attribute; "
            "make it simple, or an attribute of the schema",
        )


def _booleans_are_booleans(attribute: AttributeSite) -> Iterator[Fault]:
    for member in _BOOLEANS:
        if member in attribute.members and not isinstance(attribute.members[member], bool):
            yield Fault(
                (*attribute.path, member),
                f"{attribute.label}: {member} is true or false, without quotes",
            )


def _members_are_meant(attribute: AttributeSite) -> Iterator[Fault]:
    return near_misses(attribute.path, attribute.members, ATTRIBUTE_MEMBERS)


def _members_have_their_case(attribute: AttributeSite) -> Iterator[Fault]:
    return other_cases(attribute.path, attribute.members, ATTRIBUTE_MEMBERS)


_ATTRIBUTE_NAME = re.compile(r"[A-Za-z][A-Za-z0-9$_-]*")
_BOOLEANS = ("multiValued", "required", "caseExact")
_KEYWORDS: Mapping[str, type[StrEnum]] = {
    "mutability": Mutability,
    "returned": Returned,
    "uniqueness": Uniqueness,
}

ATTRIBUTE_RULES: tuple[Rule[AttributeSite], ...] = (
    Rule(
        "SCIM-A01",
        Severity.ERROR,
        "attribute names follow ATTRNAME; RFC 7643 section 2.1",
        _name_has_the_grammar,
    ),
    Rule(
        "SCIM-A01",
        Severity.WARNING,
        "attribute names avoid the hyphen; RFC 7643 section 2.1",
        _name_has_no_hyphen,
    ),
    Rule(
        "SCIM-A02",
        Severity.ERROR,
        "an attribute has a name; RFC 7643 section 8.7.2",
        _has_a_name,
        firm=True,
    ),
    Rule(
        "SCIM-A04",
        Severity.ERROR,
        "types are spelt as in RFC 7643 section 2.3, table 1",
        _type_is_spelt,
    ),
    Rule(
        "SCIM-A05",
        Severity.ERROR,
        "an extension brings no types of its own; RFC 7643 section 2.3",
        _type_is_of_the_rfc,
    ),
    Rule(
        "SCIM-A06",
        Severity.ERROR,
        "keywords are those of RFC 7643 section 7",
        _keywords_are_known,
    ),
    Rule(
        "SCIM-A06",
        Severity.WARNING,
        "keywords are spelt as in RFC 7643 section 7",
        _keywords_are_spelt,
    ),
    Rule(
        "SCIM-A07",
        Severity.WARNING,
        "a complex attribute lists its subAttributes; RFC 7643 section 7",
        _complex_has_parts,
    ),
    Rule(
        "SCIM-A08",
        Severity.ERROR,
        "a simple attribute has no subAttributes; RFC 7643 section 1.2",
        _simple_has_no_parts,
    ),
    Rule(
        "SCIM-A09",
        Severity.ERROR,
        "a complex attribute holds no complex ones; RFC 7643 section 2.3.8",
        _complex_is_not_nested,
    ),
    Rule(
        "SCIM-A22",
        Severity.ERROR,
        "booleans are JSON booleans; RFC 7643 section 7",
        _booleans_are_booleans,
        firm=True,
    ),
    Rule(
        "REC-MEMBER",
        Severity.ERROR,
        "a member two edits from a word of RFC 7643 is taken for a slip",
        _members_are_meant,
    ),
    Rule(
        "REC-CASE",
        Severity.ERROR,
        "members are spelt as in RFC 7643 section 7, case too",
        _members_have_their_case,
        firm=True,
    ),
)
