"""Rule: one thing that manifests have to keep, and RuleSet, by which a function becomes one.

A rule is written down once, at its function: its id, its weight, what it asks for and why. Reports,
notes, the page docs/rules.md and plans take all of it from there.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import KW_ONLY, dataclass
from enum import StrEnum
from typing import Generic, Protocol, TypeVar

from reconciler.domain.problem import Place, Pointer, Problem, Severity

Subject = TypeVar("Subject")

SCHEMA_POINTER: Pointer = ("spec", "schema")


class About(StrEnum):
    """The subject of a rule."""

    READING = "reading"  # files and texts, before there is anything else to ask
    SCHEMA = "schema"
    ATTRIBUTE = "attribute"
    SERVICE = "service"  # a schema and the limits of what is to hold it
    MANIFESTS = "manifests"  # all of a folder, among each other
    CHANGE = "change"


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule as reports name it; `reason` is one line and ends with what it rests on.

    Two rules may share an id where one section asks for two things of different weight. A `firm`
    rule cannot be silenced: what breaks it cannot be read as a schema, or not in one way only.
    Where a rule `covers_shape`, the JSON Schema of manifests objects to the same value again.
    """

    id: str
    severity: Severity
    reason: str
    about: About
    _: KW_ONLY
    firm: bool = False
    covers_shape: bool = False

    def problem(self, place: Place, message: str) -> Problem:
        """The rule broken at a place."""
        return Problem(place, self.severity, self.id, message)


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing in which a document breaks a rule: its place there, and a message.

    `at_key` points at the name, not the value. `document` is where the manifest begins, for rules
    that look at several. `number` says how many there are, where that is what is too much.
    """

    pointer: Pointer
    message: str
    at_key: bool = False
    document: Place | None = None
    number: int = 0


@dataclass(frozen=True, slots=True)
class CheckedRule(Rule, Generic[Subject]):
    """A rule with the function that finds what breaks it."""

    check: Callable[[Subject], Iterable[Fault]]


class Locate(Protocol):
    """The place of a pointer in a file; `document` says in which one, where there are several."""

    def __call__(self, document: Place | None, pointer: Pointer, /, *, at_key: bool) -> Place: ...


class RuleSet(Generic[Subject]):
    """The rules about one kind of subject, in the order in which their functions are written."""

    def __init__(self, about: About) -> None:
        self._about = about
        self._rules: list[CheckedRule[Subject]] = []

    def rule(
        self,
        id_: str,
        severity: Severity,
        reason: str,
        *,
        firm: bool = False,
        covers_shape: bool = False,
    ) -> Callable[[Callable[[Subject], Iterable[Fault]]], CheckedRule[Subject]]:
        """Make a rule of the function below, and one of this set."""

        def join(check: Callable[[Subject], Iterable[Fault]]) -> CheckedRule[Subject]:
            made = CheckedRule(
                id_, severity, reason, self._about, check, firm=firm, covers_shape=covers_shape
            )
            self._rules.append(made)
            return made

        return join

    def __iter__(self) -> Iterator[CheckedRule[Subject]]:
        return iter(self._rules)

    def faults(self, subject: Subject) -> Iterator[tuple[CheckedRule[Subject], Fault]]:
        """Each fault of the subject with its rule, in the order of the rules."""
        for rule in self._rules:
            for fault in rule.check(subject):
                yield rule, fault

    def problems(
        self, subject: Subject, locate: Locate, document: Place | None = None
    ) -> tuple[Problem, ...]:
        """The faults of the subject, each at its place; `document` where a fault names none."""
        return tuple(
            rule.problem(
                locate(fault.document or document, fault.pointer, at_key=fault.at_key),
                fault.message,
            )
            for rule, fault in self.faults(subject)
        )
