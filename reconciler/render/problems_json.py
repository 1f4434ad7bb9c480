"""Problems → one JSON document, for programs."""

import json
from collections.abc import Sequence

from reconciler.domain.problem import Problem, Severity

FORMAT_VERSION = "1.0"


def problems_json(problems: Sequence[Problem], *, version: str) -> str:
    """`problems` in their order and how many there are of each severity."""
    document = {
        "format_version": FORMAT_VERSION,
        "tool_version": version,
        "problems": [
            {
                "path": problem.place.path,
                "line": problem.place.line,
                "column": problem.place.column,
                "severity": str(problem.severity),
                "rule": problem.rule,
                "message": problem.message,
                "recipe": problem.recipe or None,
                "consumers": list(problem.consumers),
            }
            for problem in problems
        ],
        "summary": {
            str(severity): sum(1 for problem in problems if problem.severity is severity)
            for severity in Severity
        },
    }
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"
