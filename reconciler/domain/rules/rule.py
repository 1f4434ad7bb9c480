"""Rule and Fault: how a rule is named, what it finds, and how that becomes a Problem."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Set
from dataclasses import dataclass
from functools import cache
from typing import Generic, Protocol, TypeVar

from reconciler.domain.jsontext import Json
from reconciler.domain.problem import Place, Problem, Severity
from reconciler.domain.scim import fold
from reconciler.domain.words import nearest, quoted

Path = tuple[str | int, ...]
Subject = TypeVar("Subject")

SCHEMA_PATH: Path = ("spec", "schema")


@dataclass(frozen=True, slots=True)
class Fault:
    """What a rule found: where, in which words; `at_key` points at the name, not the value.

    `document` is where the manifest begins, for rules that look at several.
    """

    path: Path
    message: str
    at_key: bool = False
    document: Place | None = None


@dataclass(frozen=True, slots=True)
class Rule(Generic[Subject]):
    """A rule as reports name it; `reason` is one line and says what the rule rests on.

    Two rules may share an id where one section asks for two things of different weight. A `firm`
    rule cannot be silenced: what breaks it cannot be read as a schema, or not in one way only.
    """

    id: str
    severity: Severity
    reason: str
    check: Callable[[Subject], Iterable[Fault]]
    firm: bool = False


class Locate(Protocol):
    """Where a path stands in a file; `document` says in which one, where there are several."""

    def __call__(self, document: Place | None, path: Path, *, at_key: bool) -> Place: ...


def report(rules: Iterable[Rule[Subject]], subject: Subject, locate: Locate) -> tuple[Problem, ...]:
    """What the rules find on one subject, in the order of the rules."""
    return tuple(
        Problem(
            locate(fault.document, fault.path, at_key=fault.at_key),
            rule.severity,
            rule.id,
            fault.message,
        )
        for rule in rules
        for fault in rule.check(subject)
    )


def near_misses(path: Path, members: Mapping[str, Json], words: Set[str]) -> Iterator[Fault]:
    """Members that are no word of the RFC and one or two edits away from one."""
    spelt = _spelt(words)
    for member in () if members.keys() <= words else members:
        if fold(member) not in spelt and (meant := nearest(member, words)):
            yield _unknown((*path, member), member, meant)


def other_cases(path: Path, members: Mapping[str, Json], words: Set[str]) -> Iterator[Fault]:
    """Members that are words of the RFC in another case."""
    spelt = _spelt(words)
    for member in () if members.keys() <= words else members:
        word = spelt.get(fold(member), member)
        if word != member:
            yield _unknown((*path, member), member, word)


@cache
def _spelt(words: Set[str]) -> dict[str, str]:
    return {fold(word): word for word in words}


def _unknown(path: Path, member: str, meant: str) -> Fault:
    words = f"unknown member {quoted(member)}; did you mean {meant}?"
    return Fault(path, words, at_key=True)
