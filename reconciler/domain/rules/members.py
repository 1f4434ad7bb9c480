"""Members of a document that are nearly words of RFC 7643: slips of the pen, and of case."""

from collections.abc import Iterator, Mapping, Set
from functools import cache

from reconciler.domain.jsontext import Json
from reconciler.domain.messages import nearest, quoted
from reconciler.domain.problem import Pointer
from reconciler.domain.rules.rule import Fault
from reconciler.domain.scim import fold


def near_misses(pointer: Pointer, members: Mapping[str, Json], known: Set[str]) -> Iterator[Fault]:
    """Members that are no word of the RFC and one or two edits away from one."""
    spellings = _spellings(known)
    # Nearly every manifest spells all of its members right, and then nothing has to be folded.
    for member in () if members.keys() <= known else members:
        if fold(member) not in spellings and (meant := nearest(member, known)):
            yield _unknown((*pointer, member), member, meant)


def other_cases(pointer: Pointer, members: Mapping[str, Json], known: Set[str]) -> Iterator[Fault]:
    """Members that are words of the RFC in another case."""
    spellings = _spellings(known)
    for member in () if members.keys() <= known else members:
        word = spellings.get(fold(member), member)
        if word != member:
            yield _unknown((*pointer, member), member, word)


@cache
def _spellings(known: Set[str]) -> dict[str, str]:
    return {fold(word): word for word in known}


def _unknown(pointer: Pointer, member: str, meant: str) -> Fault:
    message = f"unknown member {quoted(member)}; did you mean {meant}?"
    return Fault(pointer, message, at_key=True)
