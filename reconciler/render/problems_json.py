"""Problems → one JSON document, for programs."""

from collections import Counter
from collections.abc import Sequence

from reconciler.domain.documents import ValidateDocument
from reconciler.domain.problem import Problem, Severity
from reconciler.render.json_text import json_text


def problems_json(problems: Sequence[Problem], *, version: str) -> str:
    """`problems` in their order and how many there are of each severity."""
    counts = Counter(problem.severity for problem in problems)
    document: ValidateDocument = {
        "format_version": "1.0",
        "tool_version": version,
        "problems": [
            {
                "path": problem.place.path,
                "line": problem.place.line,
                "column": problem.place.column,
                "severity": problem.severity.value,
                "rule": problem.rule,
                "message": problem.message,
                "recipe": problem.recipe or None,
                "consumers": list(problem.consumers),
            }
            for problem in problems
        ],
        "summary": {
            "error": counts[Severity.ERROR],
            "warning": counts[Severity.WARNING],
            "info": counts[Severity.INFO],
        },
    }
    return json_text(document)
