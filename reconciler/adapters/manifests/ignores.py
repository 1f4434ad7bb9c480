"""Ignore notes: `# reconciler: ignore RULE -- reason` silences that rule on the line below."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from reconciler.adapters.yaml_reader import Document
from reconciler.domain.manifest import Silenced
from reconciler.domain.messages import nearest, quoted
from reconciler.domain.problem import Place, Problem
from reconciler.domain.rules import CATALOGUE, About, Rule, rule_of
from reconciler.domain.rules.reading import IDLE_NOTE, NOTE

Notes = Mapping[str, Mapping[int, str]]  # by path and line

_MOST_RULES = 10  # of one note
_MOST_WRONG = 100  # of one file
_SOFT = {rule.id for rule in CATALOGUE if not rule.firm}
_CHANGES = {rule.id for rule in CATALOGUE if rule.about is About.CHANGE}
_RULES = sorted({rule.id for rule in CATALOGUE} - _CHANGES)
_SERVICES = {rule.id for rule in CATALOGUE if rule.about is About.SERVICE}
_IGNORE = re.compile(
    r"ignore\s+(?P<rules>[A-Za-z0-9-]+(\s*,\s*[A-Za-z0-9-]+)*)(\s+--\s*(?P<reason>.*))?"
)
_UNCLEAR = "a note that is not understood; write # reconciler: ignore RULE -- reason"
_UNREASONED = "a rule is silenced for a reason; write # reconciler: ignore RULE -- reason"


@dataclass(frozen=True, slots=True)
class Ignore:
    """One rule that a note silences on one line."""

    note: Place
    line: int
    rule: str

    @property
    def target(self) -> tuple[str, int, str]:
        """File, line and rule."""
        return self.note.path, self.line, self.rule


@dataclass(frozen=True, slots=True)
class Ignores:
    """All notes of a run, and the problems of the notes themselves."""

    each: tuple[Ignore, ...] = ()
    wrong: tuple[Problem, ...] = ()

    @classmethod
    def of(cls, notes: Notes) -> Ignores:
        """Read the notes of all files; of a file full of wrong ones, as many as help."""
        each: list[Ignore] = []
        wrong: list[Problem] = []
        for path, lines in notes.items():
            bad: list[Problem] = []
            targets = _targets(lines)
            for line, text in lines.items():
                ignores, problems = _read(Place(path, line), text, targets[line])
                each += ignores
                bad += problems
                if len(bad) > _MOST_WRONG:
                    break
            wrong += bad
        return cls(tuple(each), tuple(wrong))

    @classmethod
    def all(cls, some: Iterable[Ignores]) -> Ignores:
        """Those of several files as one."""
        files = tuple(some)
        return cls(
            tuple(ignore for file in files for ignore in file.each),
            tuple(problem for file in files for problem in file.wrong),
        )

    def silenced_in(self, document: Document) -> frozenset[Silenced]:
        """Each rule with each place of the document that a note of its file silences it at."""
        rules: dict[int, list[str]] = defaultdict(list)
        for ignore in self.each:
            rules[ignore.line].append(ignore.rule)
        if not rules:
            return frozenset()
        # Few manifests have notes, so only theirs pay for looking at every place.
        pointers = {pointer for pointer, _ in document.marks()}
        return frozenset(
            (rule, pointer, at_key)
            for pointer in pointers
            for at_key in (False, True)
            for rule in rules.get(document.place(pointer, at_key=at_key).line, ())
        )

    def silence(self, rule: Rule, place: Place) -> bool:
        """Test whether a note silences the rule at a place."""
        return any(ignore.target == (place.path, place.line, rule.id) for ignore in self.each)

    def unsilenced(self, problems: Iterable[Problem]) -> list[Problem]:
        """The problems that no note silences."""
        targets = {ignore.target for ignore in self.each}
        return [p for p in problems if rule_of(p).firm or _target(p) not in targets]

    def idle(self, problems: Iterable[Problem]) -> list[Problem]:
        """Warnings for the notes that silence none of all the problems that there are."""
        found = {_target(problem) for problem in problems if not rule_of(problem).firm}
        return [
            IDLE_NOTE.problem(
                ignore.note, f"{ignore.rule} finds nothing on the line below; take the note out"
            )
            for ignore in self.each
            if ignore.target not in found
        ]


def _target(problem: Problem) -> tuple[str, int, str]:
    return problem.place.path, problem.place.line, problem.rule


def _targets(lines: Iterable[int]) -> dict[int, int]:
    """The line that each note is about: the first under it, or under several in a row."""
    targets: dict[int, int] = {}
    for line in sorted(lines, reverse=True):
        targets[line] = targets.get(line + 1, line + 1)
    return targets


def _read(place: Place, text: str, line: int) -> tuple[list[Ignore], list[Problem]]:
    """Read one note: the rules that it silences, and what is wrong with it."""
    found = _IGNORE.fullmatch(text.strip())
    if found is None:
        return [], [IDLE_NOTE.problem(place, _UNCLEAR)]
    rules = found["rules"].replace(",", " ").split()
    objections = {rule: _objection(rule) for rule in rules[:_MOST_RULES]}
    messages = [text for text in objections.values() if text]
    if not found["reason"]:
        messages.append(_UNREASONED)
    return (
        [Ignore(place, line, rule) for rule, text in objections.items() if text is None],
        [NOTE.problem(place, message) for message in messages],
    )


def _objection(rule: str) -> str | None:
    """The reason why a note may not name a rule; None where it may."""
    if rule in _CHANGES:
        # A change is allowed as a whole, by who reviews it; a note would stay for the next one.
        return f"{rule} is about a change and cannot be silenced here; give --allow-breaking"
    if rule not in _RULES:
        meant = nearest(rule, _RULES)
        return f"there is no rule {quoted(rule)}" + (f"; did you mean {meant}?" if meant else "")
    if rule not in _SOFT:
        why = "the manifest could not be read, or not in one way only"
        why = "it would harm what is the service's own" if rule in _SERVICES else why
        return f"{rule} cannot be silenced: {why}"
    return None
