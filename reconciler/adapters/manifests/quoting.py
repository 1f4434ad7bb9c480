"""Which source lines a report may repeat: none that holds, or by mistake could hold, a secret."""

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Set
from dataclasses import dataclass, field

from reconciler.adapters.manifests.texts import Texts
from reconciler.adapters.yaml_reader import Document, Path, Spot
from reconciler.domain.problem import Place, Problem
from reconciler.domain.scim import fold


@dataclass(frozen=True, slots=True, kw_only=True)
class Sources:
    """The texts that were read; `broken` are files of which a part may not have been read.

    `shown` is known of some lines by file: whether they may be shown.
    """

    texts: Texts = field(default_factory=Texts)
    broken: frozenset[str] = frozenset()
    shown: Mapping[str, Mapping[int, bool]] = field(default_factory=dict)

    def lines_of(self, problems: Iterable[Problem]) -> dict[Place, str]:
        """The source line of each problem, where it may be shown."""
        by_file: dict[str, set[Place]] = defaultdict(set)
        for problem in problems:
            by_file[problem.place.path].add(problem.place)
        return {
            place: line
            for file, places in by_file.items()
            for place, line in self._of(file, places)
        }

    def _of(self, file: str, places: Set[Place]) -> Iterator[tuple[Place, str]]:
        lines = self._lines(file)
        shown = dict.fromkeys((place.line for place in places), True)
        if file not in self.broken:
            shown |= self.shown.get(file, {})
            if unknown := shown.keys() - self.shown.get(file, {}).keys():
                shown |= lines_shown(self.texts.documents(file), unknown)
        for place in places:
            if place.line <= len(lines) and shown[place.line]:
                yield place, lines[place.line - 1]

    def _lines(self, path: str) -> list[str]:
        """All of a file; nothing of one that is half read and could hold a secret."""
        data = self.texts.data(path)
        if path in self.broken and _HINT.search(data):
            return []
        return data.decode("utf-8", "replace").removeprefix("\ufeff").split("\n")


def lines_shown(documents: Iterable[Document], lines: Set[int]) -> dict[int, bool]:
    """Whether each of some lines of a file may be shown: all that begins on it, and something."""
    found: dict[int, bool] = {}
    for document in documents:
        may_show = _may_show(document)
        for path, mark in document.marks():
            if mark.line in lines and found.get(mark.line, True):
                found[mark.line] = may_show(path)
    return dict.fromkeys(lines, False) | found


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
