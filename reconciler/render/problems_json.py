"""Problems → the diagnostics and the counts of them, for programs."""

from collections import Counter
from collections.abc import Iterable

from reconciler.domain.documents import DiagnosticDocument, ProblemCounts
from reconciler.domain.problem import Problem, Severity


def problem_diagnostic(problem: Problem) -> DiagnosticDocument:
    """A problem as a diagnostic, with its place."""
    return {
        "severity": problem.severity.value,
        "message": problem.message,
        "rule": problem.rule,
        "path": problem.place.path,
        "line": problem.place.line,
        "column": problem.place.column,
        "recipe": problem.recipe or None,
        "consumers": list(problem.consumers),
    }


def problem_counts(problems: Iterable[Problem]) -> ProblemCounts:
    """How many there are of each severity."""
    counts = Counter(problem.severity for problem in problems)
    return {
        "error": counts[Severity.ERROR],
        "warning": counts[Severity.WARNING],
        "info": counts[Severity.INFO],
    }
