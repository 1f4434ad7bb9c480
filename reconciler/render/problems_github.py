"""Problems → workflow commands, which GitHub shows beside the line in a pull request."""

from collections.abc import Iterable

from reconciler.domain.problem import Problem, Severity
from reconciler.render.plain_text import visible

_COMMANDS = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.INFO: "notice"}


def problems_github(problems: Iterable[Problem]) -> str:
    """One `::error file=…,line=…,col=…,title=…::message` a line."""
    return "".join(_command(problem) for problem in problems)


def _command(problem: Problem) -> str:
    place = problem.place
    properties = {
        "file": place.path,
        "line": str(place.line),
        "col": str(place.column),
        "title": problem.rule,
    }
    given = ",".join(f"{name}={_property(value)}" for name, value in properties.items())
    return f"::{_COMMANDS[problem.severity]} {given}::{data(visible(problem.text))}\n"


def data(text: str) -> str:
    """The value of a workflow command, as the runner unescapes it."""
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    # The runner ends a property at a comma, and the properties at a colon.
    return data(visible(text)).replace(":", "%3A").replace(",", "%2C")
