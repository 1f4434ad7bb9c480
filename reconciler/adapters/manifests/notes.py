"""The text of an ignore note → the rules that it silences, and what is wrong with it."""

import re
from collections.abc import Iterable

from reconciler.adapters.manifests.ignores import Ignore
from reconciler.domain.messages import nearest, quoted
from reconciler.domain.problem import Place, Problem
from reconciler.domain.rules import About
from reconciler.domain.rules.catalogue import CATALOGUE
from reconciler.domain.rules.reading import IDLE_NOTE, NOTE

_MOST_RULES = 10  # of one note
_SOFT = {rule.id for rule in CATALOGUE if not rule.firm}
_CHANGES = {rule.id for rule in CATALOGUE if rule.about is About.CHANGE}
_RULES = sorted({rule.id for rule in CATALOGUE} - _CHANGES)
_SERVICES = {rule.id for rule in CATALOGUE if rule.about is About.SERVICE}
_IGNORE = re.compile(
    r"ignore\s+(?P<rules>[A-Za-z0-9-]+(\s*,\s*[A-Za-z0-9-]+)*)(\s+--\s*(?P<reason>.*))?"
)
_UNCLEAR = "a note that is not understood; write # reconciler: ignore RULE -- reason"
_UNREASONED = "a rule is silenced for a reason; write # reconciler: ignore RULE -- reason"


def targets_of(lines: Iterable[int]) -> dict[int, int]:
    """The line that each note is about: the first under it, or under several in a row."""
    targets: dict[int, int] = {}
    for line in sorted(lines, reverse=True):
        targets[line] = targets.get(line + 1, line + 1)
    return targets


def read_note(place: Place, text: str, line: int) -> tuple[list[Ignore], list[Problem]]:
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
