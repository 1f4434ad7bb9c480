"""Problems → text for a person: one line each, with the source line and a caret below it."""

import unicodedata
from collections.abc import Iterable, Mapping

from reconciler.domain.problem import Place, Problem, Severity
from reconciler.render.paint import Paint
from reconciler.render.plain_text import visible

_COLOURS = {Severity.ERROR: "red", Severity.WARNING: "yellow", Severity.INFO: "dim"}
_WIDTH = 100  # columns of a source line that are shown
_LEAD = 0.4  # of them before the column, where the line is longer
_FRAME = len("   | ……")


def problems_text(
    problems: Iterable[Problem],
    lines: Mapping[Place, str],
    *,
    paint: Paint,
    width: int | None = None,
) -> str:
    """All problems in their order; `lines` has the source lines that may be shown.

    Source lines and carets fit a terminal of that width, which nothing else has to.
    """
    room = _WIDTH if width is None else min(_WIDTH, width - _FRAME)
    found = tuple(problems)
    text = "".join(_problem(each, lines.get(each.place), paint, room) for each in found)
    words = {word for each in found for word in each.consumers}
    if not words:
        return text
    from reconciler.render.phrases import legend  # few manifests break anything

    return f"{text}{legend(words)}.\n"


def _problem(problem: Problem, line: str | None, paint: Paint, room: int) -> str:
    place, colour = problem.place, _COLOURS[problem.severity]
    at = f"{place.path}:{place.line}:{place.column}"
    marked = paint(colour, f"{problem.severity}[{problem.rule}]")
    shown = f"{visible(at)}: {marked}: {visible(problem.text)}\n"
    return shown + (_source(place, line, paint, room) if line is not None else "")


def _source(place: Place, line: str, paint: Paint, room: int) -> str:
    """The line, or a window of it around the column, and a caret below the column."""
    # A minified JSON file is one line of a megabyte.
    column = min(place.column - 1, len(line))
    number = str(place.line)
    room -= len(number)
    start = max(0, column - int(room * _LEAD)) if len(line) > room else 0
    before, shown = visible(line[start:column]), visible(line[start : start + room].rstrip())
    before_it = "…" if start else ""
    after_it = "…" if len(line.rstrip()) > start + room else ""
    gutter = " " * len(number)
    caret = " " * _columns(before_it + before) + "^"
    return (
        f"  {paint('dim', f'{number} |')} {before_it}{shown}{after_it}\n"
        f"  {paint('dim', f'{gutter} |')} {paint('bold', caret)}\n"
    )


def _columns(text: str) -> int:
    """The width in a terminal: East Asian characters take two columns, combining ones none."""
    return sum(
        0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1
        for c in text
    )
