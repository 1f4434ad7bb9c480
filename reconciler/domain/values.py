"""Values of an attribute in a resource as it was served: where they stand, and what they may be.

A value is what RFC 7644 section 3.4.2.2 calls present: not null, not empty, not an object of
nothing else. What is found here is a person's, and is judged where it stands.
"""

import math
import re
from calendar import monthrange
from collections.abc import Mapping, Sequence

from reconciler.domain.jsontext import Json, NotJson, canonical
from reconciler.domain.scim import Attribute, AttributeType, fold


def folded(value: Json, levels: int) -> Json:
    """The same with the names of members folded, as SCIM compares them, down to so many levels.

    An object is a level, and those in a list below it are the next one.
    """
    match value:
        case Mapping() if levels:
            return {fold(name): folded(member, levels - 1) for name, member in value.items()}
        case list() if levels:
            return [folded(each, levels) if isinstance(each, Mapping) else each for each in value]
        case _:
            return value


def values_of(value: Json) -> list[Json]:
    """The values that an attribute holds: those of a list, or the one."""
    return [each for each in (value if isinstance(value, list) else [value]) if is_present(each)]


def is_present(value: Json) -> bool:
    """Test for a value that is neither null nor empty, nor made of nothing else."""
    pending = [value]  # a service may nest deeper than functions call each other
    while pending:
        match pending.pop():
            case None | "":
                pass
            case Mapping() as members:
                pending += members.values()
            case list() as items:
                pending += items
            case _:
                return True
    return False


def held(extension: Json, keys: Sequence[str]) -> list[list[Json]]:
    """The values of an attribute, by its folded names, in each of its holders.

    That of a top-level attribute is the folded extension, be it there or not; those of a part are
    the values of the attribute that it is a part of.
    """
    holders = [extension]
    *above, last = keys
    for key in above:
        holders = [each for holder in holders for each in values_of(_member(holder, key))]
    return [values_of(_member(holder, last)) for holder in holders]


def _member(holder: Json, key: str) -> Json:
    return holder.get(key) if isinstance(holder, Mapping) else None


def text_of(value: Json) -> str:
    """A value as a text: a text as it is, all else as canonical JSON.

    What JSON cannot spell, such as a number without an end, has no letter.
    """
    if isinstance(value, str):
        return value
    try:
        spelled = canonical(value)
    except NotJson:
        return ""
    return spelled.decode()


def compares_exactly(attribute: Attribute) -> bool:
    """Test whether values that differ by case are two; references are, RFC 7643 section 2.3.7."""
    return attribute.case_exact or attribute.type == AttributeType.REFERENCE


def is_of_type(value: Json, kind: AttributeType) -> bool:
    """Test whether a value, or a text that stands for one, is of a type of RFC 7643 section 2.3.

    A number that is whole is an integer however JSON writes it; a text is a number where it is one
    of JSON.
    """
    match kind, value:
        case AttributeType.COMPLEX, _:
            found = isinstance(value, Mapping)
        case _, Mapping() | list():
            found = False
        case AttributeType.STRING, _:
            found = True
        case AttributeType.BOOLEAN, _:
            found = isinstance(value, bool) or value in ("true", "false")
        case _, bool():  # to Python a number as well
            found = False
        case AttributeType.INTEGER, int() | float():
            found = isinstance(value, int) or value.is_integer()
        case AttributeType.DECIMAL, int() | float():
            found = isinstance(value, int) or math.isfinite(value)
        case _:
            found = isinstance(value, str) and _is_text_of(value, kind)
    return found


def _is_text_of(text: str, kind: AttributeType) -> bool:
    if (form := _FORMS[kind].fullmatch(text)) is None:
        return False
    return kind is not AttributeType.DATE_TIME or _is_of_the_calendar(form)


_INTEGER = r"-?(0|[1-9][0-9]*)"
_SIGN = r"[A-Za-z0-9._~!$&'()*+,;=-]|%[0-9A-Fa-f]{2}"  # of any part of a URI
_FORMS = {
    AttributeType.INTEGER: re.compile(_INTEGER),
    AttributeType.DECIMAL: re.compile(rf"{_INTEGER}(\.[0-9]+)?([eE][+-]?[0-9]+)?"),
    # XML Schema 1.1 part 2, section 3.3.7; RFC 7643 section 2.3.5 asks for both halves.
    AttributeType.DATE_TIME: re.compile(
        r"-?(?P<year>[1-9][0-9]{4,}|[0-9]{4})-(?P<month>0[1-9]|1[0-2])-(?P<day>0[1-9]|[12][0-9]|3[01])"
        r"T(([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](\.[0-9]+)?|24:00:00(\.0+)?)"
        r"(Z|[+-]((0[0-9]|1[0-3]):[0-5][0-9]|14:00))?"
    ),
    # RFC 4648 section 4; the padding may be left out (RFC 7643 section 2.3.6).
    AttributeType.BINARY: re.compile(
        r"([A-Za-z0-9+/]{4})*([A-Za-z0-9+/]{2}(==)?|[A-Za-z0-9+/]{3}=?)?"
    ),
    # RFC 3986 section 4.1: with a scheme, or relative without a colon in its first segment.
    AttributeType.REFERENCE: re.compile(
        rf"([A-Za-z][A-Za-z0-9+.-]*:|(?![^/?#]*:))"
        rf"(//({_SIGN}|:|@|\[[0-9A-Fa-fv:.]+\])*(?=[/?#]|\Z))?"
        rf"({_SIGN}|[:@/])*(\?({_SIGN}|[:@/?])*)?(#({_SIGN}|[:@/?])*)?"
    ),
}


def _is_of_the_calendar(form: re.Match[str]) -> bool:
    # The calendar of the Gregorian years repeats after 400 of them.
    year = int(form["year"][-4:]) % 400 + 400
    return int(form["day"]) <= monthrange(year, int(form["month"]))[1]
