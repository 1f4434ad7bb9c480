"""docs/decisions.md: each note has a heading of its own, and what names a note names a real one."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.program import ROOT

PAGE = ROOT / "docs/decisions.md"
NAMED = re.compile(r'docs/decisions\.md,\s+"([^"]+)"')
PLACES = ("reconciler", "tests", ".github", "Makefile", "pyproject.toml", "docs", "CONTRIBUTING.md")


def headings() -> list[str]:
    return re.findall(r"^## (.+)$", PAGE.read_text(), re.M)


def named(text: str) -> list[str]:
    """The notes that a text names, also where a comment goes on in its next line."""
    return [" ".join(found.split()) for found in NAMED.findall(re.sub(r"\n\s*#?\s*", " ", text))]


def files() -> Iterator[Path]:
    for place in PLACES:
        found = ROOT / place
        yield from [found] if found.is_file() else found.rglob("*")


def test_every_note_has_a_heading_of_its_own():
    assert len(headings()) > 60
    assert len(set(headings())) == len(headings())
    assert [heading for heading in headings() if '"' in heading] == []


def test_every_note_that_is_named_exists():
    known = set(headings()) | {"X"}
    wrong = [
        (str(path.relative_to(ROOT)), name)
        for path in files()
        if path.suffix in {".py", ".yml", ".json", ".md", ".toml", ""} and path.is_file()
        for name in named(path.read_text(encoding="utf-8"))
        if name not in known
    ]

    assert wrong == []


@pytest.mark.parametrize(
    "text",
    [
        '# why: docs/decisions.md, "X"',
        '    # why: docs/decisions.md,\n    # "X"',
        '"""Why (docs/decisions.md, "X")."""',
    ],
)
def test_a_note_is_found_in_comments_and_docstrings(text: str):
    assert named(text) == ["X"]
