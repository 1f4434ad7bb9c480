"""A manifest that the program writes: text with nothing wrong in it, or why there is none."""

from collections import defaultdict
from collections.abc import Iterable

from reconciler.adapters.manifests.checking import ReadingLimits, errors_in
from reconciler.adapters.manifests.loading import check_text
from reconciler.adapters.yaml_writer import yaml_text
from reconciler.domain.jsontext import Json
from reconciler.domain.manifest import Tenant
from reconciler.domain.problem import Problem, Severity
from reconciler.domain.rules.catalogue import rule_of

_REASON = "imported as the service has it"


def draft(
    document: Json, path: str, *, head: str, limits: ReadingLimits, tenant: Tenant
) -> tuple[str, tuple[Problem, ...]]:
    """The text of a manifest file below the comment `head`, and what keeps it from loading.

    A rule that a live schema breaks is silenced by a note, with its reason, above the line; a
    warning too, for nobody can change what is live by the manifest alone.
    """
    text = f"{head}{yaml_text(document)}"
    problems = check_text(text, path, limits, tenant)
    # What no note can silence would keep the manifest from loading, so it is not written at all.
    while not (firm := tuple(p for p in errors_in(problems) if rule_of(p).firm)):
        soft = [p for p in problems if p.severity is not Severity.INFO]
        if not soft:
            break
        # The limits of the service are looked at where the file has no errors, so in a later round.
        text = _with_notes(text, soft)
        problems = check_text(text, path, limits, tenant)
    return text, firm


def _with_notes(text: str, problems: Iterable[Problem]) -> str:
    rules = defaultdict(set)
    for problem in problems:
        rules[problem.place.line].add(problem.rule)
    written = []
    for number, line in enumerate(text.splitlines(), start=1):
        indent = " " * (len(line) - len(line.lstrip(" ")))
        if number in rules:
            named = ", ".join(sorted(rules[number]))
            written.append(f"{indent}# reconciler: ignore {named} -- {_REASON}")
        written.append(line)
    return "".join(f"{line}\n" for line in written)
