"""Problems → SARIF 2.1.0, which code scanning reads."""

import json
from collections.abc import Sequence
from urllib.parse import quote

from reconciler.domain.jsontext import Json
from reconciler.domain.problem import Problem, Severity
from reconciler.domain.rules import CATALOGUE

_SCHEMA = (
    "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
)
_ROOT = "%SRCROOT%"  # which code scanning takes for the root of the repository
_LEVELS = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.INFO: "note"}


def problems_sarif(problems: Sequence[Problem], *, version: str) -> str:
    """One run with the rules that were broken, and one result a problem."""
    rules = sorted({problem.rule for problem in problems})
    run = {
        "tool": {
            "driver": {
                "name": "reconciler",
                "semanticVersion": version,
                "rules": [_rule(rule) for rule in rules],
            }
        },
        "originalUriBaseIds": {_ROOT: {"description": {"text": "the root of the repository"}}},
        "columnKind": "unicodeCodePoints",
        "results": [_result(problem, rules.index(problem.rule)) for problem in problems],
    }
    document = {"$schema": _SCHEMA, "version": "2.1.0", "runs": [run]}
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def _rule(rule: str) -> Json:
    severity, reason = _known(rule)
    return {
        "id": rule,
        "shortDescription": {"text": reason},
        "defaultConfiguration": {"level": _LEVELS[severity]},
    }


def _without_links(text: str) -> str:
    """In a message `[words](target)` is a link (section 3.11.6), and a manifest may be quoted."""
    return text.replace("](", "] (")


def _known(rule: str) -> tuple[Severity, str]:
    """The weightiest of the rules of that id, and what all of them ask for."""
    found = [each for each in CATALOGUE if each.id == rule]
    order = list(Severity)
    weightiest = min((each.severity for each in found), key=order.index)
    return weightiest, "; ".join(each.reason for each in found)


def _result(problem: Problem, index: int) -> Json:
    place = problem.place
    return {
        "ruleId": problem.rule,
        "ruleIndex": index,
        "level": _LEVELS[problem.severity],
        "message": {"text": _without_links(problem.text)},
        "locations": [
            {
                "physicalLocation": {
                    "artifactLocation": _artifact(place.path),
                    "region": {"startLine": place.line, "startColumn": place.column},
                }
            }
        ],
    }


def _artifact(path: str) -> Json:
    """A file of the repository, or (outside of any) one of this machine."""
    if path.startswith("/"):
        return {"uri": f"file://{quote(path)}"}
    return {"uri": quote(path), "uriBaseId": _ROOT}
