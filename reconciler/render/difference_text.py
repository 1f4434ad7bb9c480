"""The text of a file before and after → a unified diff for a person."""

import difflib
from collections.abc import Set
from pathlib import Path

from reconciler.render.paint import Paint
from reconciler.render.plain_text import visible

_SIGNS = {"+": "green", "-": "red"}


def difference_text(
    path: Path,
    before: str | None,
    after: str,
    *,
    paint: Paint,
    hidden: Set[str] = frozenset(),
) -> str:
    """What changes, empty where nothing does; before is None where there is no file yet.

    Of lines that are `hidden` only the indentation is shown.
    """
    lines = difflib.unified_diff(
        _lines(before or ""),
        _lines(after),
        "/dev/null" if before is None else str(path),
        str(path),
        lineterm="",
    )
    shown = (line[:1] + _indent_of(line[1:]) if line[1:] in hidden else line for line in lines)
    painted = (paint(_SIGNS.get(line[:1], ""), visible(line)) for line in shown)
    return "".join(f"{line}\n" for line in painted)


def _lines(text: str) -> list[str]:
    return text.removesuffix("\n").split("\n") if text else []


def _indent_of(line: str) -> str:
    return line[: len(line) - len(line.lstrip())] + "…"
