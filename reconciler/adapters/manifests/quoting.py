"""Source lines that a report may repeat: none that holds, or by mistake could hold, a secret."""

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Set
from dataclasses import dataclass, field

from reconciler.adapters.manifests.texts import Texts
from reconciler.adapters.yaml_reader import Document, Spot
from reconciler.domain.problem import Place, Pointer, Problem
from reconciler.domain.scim import fold

_PRIVATE = ("auth", "webhooks")
_OPEN: tuple[Pointer, ...] = (
    (), ("apiVersion",), ("kind",), ("metadata",), ("metadata", "name"), ("spec",),
    ("spec", "dialect"), ("spec", "targetSystem"), ("spec", "rows"), ("spec", "template"),
)  # fmt: skip
_OPEN_BELOW: tuple[Pointer, ...] = (("metadata", "labels"), ("spec", "limits"))
_HINT = re.compile(rb"auth|webhook|secret|token|password|kind\W+tenant|baseurl", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
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
    """Test which of some lines may be shown: all that begins there may, and something does."""
    found: dict[int, bool] = {}
    for document in documents:
        may_show = _may_show(document)
        for pointer, mark in document.marks():
            if mark.line in lines and found.get(mark.line, True):
                found[mark.line] = may_show(pointer)
    return dict.fromkeys(lines, False) | found


def lines_hidden(documents: Iterable[Document], text: str) -> frozenset[str]:
    """The lines of a text that may not be shown; of a file with a tenant, its comments too."""
    read = tuple(documents)
    if all(
        isinstance(each.value, dict)
        and each.value.get("kind") == "SchemaExtension"
        and all(_is_public(pointer) for pointer, _ in each.marks())
        for each in read
    ):
        return frozenset()
    lines = text.split("\n")
    shown = lines_shown(read, set(range(1, len(lines) + 1)))
    return frozenset(line for number, line in enumerate(lines, 1) if line and not shown[number])


def _may_show(document: Document) -> Callable[[Pointer], bool]:
    """Choose the test whether what stands at a pointer of the document may be shown."""
    if not isinstance(document.spots, Spot):
        # Nobody knows what stands on which line, or it is a text of no kind.
        return lambda _: False
    if isinstance(document.value, dict) and document.value.get("kind") == "SchemaExtension":
        return _is_public
    # Of a tenant only what cannot hold a credential, not even in the wrong place.
    return lambda pointer: pointer in _OPEN or pointer[:2] in _OPEN_BELOW


def _is_public(pointer: Pointer) -> bool:
    return not any(fold(step) in _PRIVATE for step in pointer if isinstance(step, str))
