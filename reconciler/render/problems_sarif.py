"""Problems → SARIF 2.1.0, which code scanning reads."""

from collections.abc import Sequence
from urllib.parse import quote

from reconciler.domain.jsontext import Json
from reconciler.domain.problem import Problem, Severity
from reconciler.domain.rules.catalogue import CATALOGUE
from reconciler.render.json_text import json_text

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
    return json_text(document)


def _rule(rule: str) -> Json:
    """All rules of an id as one, as heavy as the weightiest: SARIF knows an id once."""
    found = [each for each in CATALOGUE if each.id == rule]
    weightiest = min((each.severity for each in found), key=list(Severity).index)
    return {
        "id": rule,
        "shortDescription": {"text": "; ".join(each.reason for each in found)},
        "defaultConfiguration": {"level": _LEVELS[weightiest]},
    }


def _result(problem: Problem, index: int) -> Json:
    place = problem.place
    return {
        "ruleId": problem.rule,
        "ruleIndex": index,
        "level": _LEVELS[problem.severity],
        # `[text](target)` would be a link (section 3.11.6), and a manifest may be quoted.
        "message": {"text": problem.text.replace("](", "] (")},
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
