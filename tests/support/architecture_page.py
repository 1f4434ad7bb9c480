"""The made parts of docs/architecture.md: `python -m tests.support.architecture_page` writes them.

A part stands between `<!-- NAME -->` and `<!-- end -->`. Layers and homes are the tables that
tests/test_architecture.py checks; rooms are the opening sentences of the modules.
"""

import ast
import re
from collections.abc import Callable

from tests.support.program import ROOT
from tests.support.source_tree import HOMES, ROWS, Source, modules

PAGE = ROOT / "docs/architecture.md"


def with_parts(text: str) -> str:
    """The page with each of its parts made anew."""
    for name, part in PARTS.items():
        before, opening, rest = text.partition(f"<!-- {name} -->\n")
        _, closing, after = rest.partition("<!-- end -->")
        assert opening, name
        assert closing, name
        text = before + opening + part() + closing + after
    return text


def layers() -> str:
    rows = "".join(
        f"| {number} | {', '.join(f'`{name}`' for name in row)} |\n"
        for number, row in enumerate(ROWS, 1)
    )
    return f"| row | modules |\n| --- | --- |\n{rows}"


def homes() -> str:
    rows = "".join(f"| {package} | `{home}` |\n" for package, home in sorted(HOMES.items()))
    return f"| library | home |\n| --- | --- |\n{rows}"


def rooms() -> str:
    rows = "".join(
        f"| `{source.name}` | {opening(source)} |\n"
        for source in sorted(modules(), key=lambda source: source.name)
    )
    return f"| module | what it is |\n| --- | --- |\n{rows}"


def opening(source: Source) -> str:
    """The first paragraph of a module's docstring, as a cell of a table."""
    text = (ast.get_docstring(source.tree) or "").split("\n\n")[0]
    return re.sub(r"\s+", " ", text).replace("|", "\\|")


PARTS: dict[str, Callable[[], str]] = {"layers": layers, "homes": homes, "rooms": rooms}


if __name__ == "__main__":
    PAGE.write_text(with_parts(PAGE.read_text()))
