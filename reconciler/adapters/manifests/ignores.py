"""Ignore notes: `# reconciler: ignore RULE -- reason` silences that rule on the line below."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from reconciler.adapters.yaml_reader import Document
from reconciler.domain.manifest import Silenced
from reconciler.domain.problem import Place, Problem
from reconciler.domain.rules import Rule
from reconciler.domain.rules.reading import IDLE_NOTE

Notes = Mapping[str, Mapping[int, str]]  # by path and line

_MOST_WRONG = 100  # of one file


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


@dataclass(frozen=True, slots=True, eq=False, repr=False)
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
            if not lines:
                continue
            from reconciler.adapters.manifests.notes import read_note, targets_of  # few have any

            bad: list[Problem] = []
            targets = targets_of(lines)
            for line, text in lines.items():
                ignores, problems = read_note(Place(path, line), text, targets[line])
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
        if not self.each:
            return list(problems)
        from reconciler.domain.rules.catalogue import rule_of

        targets = {ignore.target for ignore in self.each}
        return [p for p in problems if rule_of(p).firm or _target(p) not in targets]

    def idle(self, problems: Iterable[Problem]) -> list[Problem]:
        """Warnings for the notes that silence none of all the problems that there are."""
        if not self.each:
            return []
        from reconciler.domain.rules.catalogue import rule_of

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
