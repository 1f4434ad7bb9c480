"""Which source lines a report may repeat: none that holds, or by mistake could hold, a secret."""

import re
from collections import defaultdict
from collections.abc import Callable, Container, Iterable, Mapping
from dataclasses import dataclass, field

from reconciler.adapters.yaml_reader import Document, Path, Spot
from reconciler.domain.manifest import Place, Problem
from reconciler.domain.scim import fold


@dataclass(frozen=True, slots=True, kw_only=True)
class Sources:
    """The texts that were read; `broken` are files of which a part may not have been read."""

    texts: Mapping[str, bytes] = field(default_factory=dict)
    documents: tuple[Document, ...] = ()
    broken: frozenset[str] = frozenset()

    def lines_of(self, problems: Iterable[Problem]) -> dict[Place, str]:
        """The source line of each problem, where it may be shown."""
        wanted = {problem.place for problem in problems}
        paths = _paths_by_line(self.documents, {place.path for place in wanted})
        lines = {path: self._lines(path) for path in {place.path for place in wanted}}
        return {
            place: lines[place.path][place.line - 1]
            for place in wanted
            if place.line <= len(lines[place.path])
            if place.path in self.broken or all(paths.get((place.path, place.line), (False,)))
        }

    def _lines(self, path: str) -> list[str]:
        """All of a file; nothing of one that is half read and could hold a secret."""
        data = self.texts.get(path, b"")
        if path in self.broken and _HINT.search(data):
            return []
        return data.decode("utf-8", "replace").removeprefix("\ufeff").split("\n")


def _paths_by_line(
    documents: Iterable[Document], files: Container[str]
) -> Mapping[tuple[str, int], list[bool]]:
    """For each line on which something begins, whether each of that may be shown."""
    lines = defaultdict(list)
    for document in (d for d in documents if d.path in files):
        shown = _may_show(document)
        for path, mark in document.marks():
            lines[document.path, mark.line].append(shown(path))
    return lines


def _may_show(document: Document) -> Callable[[Path], bool]:
    """Whether what stands at a path of the document may be shown."""
    if not isinstance(document.spots, Spot):
        return _never
    return _may_show_of_extension if _is_extension(document) else _may_show_of_tenant


def _never(_: Path) -> bool:
    """Nobody knows what stands on which line, or it is a text of no kind."""
    return False


def _is_extension(document: Document) -> bool:
    value = document.value
    return isinstance(value, dict) and value.get("kind") == "SchemaExtension"


def _may_show_of_extension(path: Path) -> bool:
    return not any(fold(step) in _PRIVATE for step in path if isinstance(step, str))


def _may_show_of_tenant(path: Path) -> bool:
    """Only what cannot hold a credential, not even in the wrong place."""
    return path in _OPEN or path[:2] in _OPEN_BELOW


_PRIVATE = ("auth", "webhooks")
_OPEN: tuple[Path, ...] = (
    (), ("apiVersion",), ("kind",), ("metadata",), ("metadata", "name"), ("spec",),
    ("spec", "dialect"), ("spec", "targetSystem"),
)  # fmt: skip
_OPEN_BELOW: tuple[Path, ...] = (("metadata", "labels"), ("spec", "limits"))
_HINT = re.compile(rb"auth|webhook|secret|token|password|kind\W+tenant\b|baseurl", re.IGNORECASE)
