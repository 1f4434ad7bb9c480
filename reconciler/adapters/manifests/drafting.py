"""A manifest that the program writes: text that loads without an error, or why there is none."""

from collections import defaultdict

from reconciler.adapters.manifests.checking import ReadingLimits, errors_in
from reconciler.adapters.manifests.loading import check_text
from reconciler.adapters.yaml_writer import yaml_text
from reconciler.domain.jsontext import Json
from reconciler.domain.problem import Problem
from reconciler.domain.rules import rule_of

_REASON = "imported as the service has it"


def draft(
    document: Json, path: str, *, head: str, limits: ReadingLimits
) -> tuple[str, tuple[Problem, ...]]:
    """The text of a manifest file below the comment `head`, and what keeps it from loading.

    A rule that a live schema breaks is silenced by a note, with its reason, above the line.
    """
    text = f"{head}\n{yaml_text(document)}"
    errors = errors_in(check_text(text, path, limits))
    # What no note can silence would keep the manifest from loading, so it is not written at all.
    firm = tuple(problem for problem in errors if rule_of(problem).firm)
    if firm or not errors:
        return text, firm
    text = _with_notes(text, errors)
    return text, errors_in(check_text(text, path, limits))


def _with_notes(text: str, errors: tuple[Problem, ...]) -> str:
    rules = defaultdict(set)
    for problem in errors:
        rules[problem.place.line].add(problem.rule)
    written = []
    for number, line in enumerate(text.splitlines(), start=1):
        indent = " " * (len(line) - len(line.lstrip(" ")))
        if number in rules:
            named = ", ".join(sorted(rules[number]))
            written.append(f"{indent}# reconciler: ignore {named} -- {_REASON}")
        written.append(line)
    return "".join(f"{line}\n" for line in written)
