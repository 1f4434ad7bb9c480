"""A file's bytes → the text that it should have, if that is proved to mean the same."""

import json
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from reconciler.adapters.yaml_layout.tree import TreesDiffer, dumped, trees_of
from reconciler.adapters.yaml_layout.weaving import single_blanks, woven
from reconciler.adapters.yaml_reader import MAX_BYTES, Document, read
from reconciler.adapters.yaml_reader.remarks import RemarkedText, remarks_of
from reconciler.domain.problem import Place, Problem
from reconciler.domain.rules.reading import FILE, INVISIBLE, TEXT

_DIRECTIVE = "a line that begins with % instructs YAML readers; manifests need none: remove it"
_UNPROVED = (
    "is not laid out, for another layout might change what it says; write it in a simpler way"
)


@dataclass(frozen=True, slots=True)
class Layout:
    """A file as it is written and as it should be; with problems it stays as it is."""

    before: str
    after: str
    problems: tuple[Problem, ...] = ()


def layout_of(data: bytes, path: str, *, most: int = MAX_BYTES) -> Layout:
    """The canonical layout of a YAML file, or what is wrong with it. Never raises."""
    reading = read(data, path, most=most)
    if problems := tuple(p for p in reading.problems if p.rule != INVISIBLE.id):
        return Layout("", "", problems)
    before = data.decode()
    text = before.removeprefix("\ufeff").replace("\r\n", "\n")
    remarked = remarks_of(text)
    if remarked.has_directive:
        return Layout(before, before, (TEXT.problem(Place(path), _DIRECTIVE),))
    try:
        after = "".join(f"{line}\n" for line in _lines(remarked, reading.documents))
    except TreesDiffer:
        return Layout(before, before, (FILE.problem(Place(path), _UNPROVED),))
    again = read(after.encode(), path, most=2 * max(most, len(after)))
    if (
        len(again.problems) != len(reading.problems)
        or _meaning(again.documents) != _meaning(reading.documents)
        or Counter(remarks_of(after).comments) != Counter(remarked.comments)
    ):
        return Layout(before, before, (FILE.problem(Place(path), _UNPROVED),))
    return Layout(before, after)


def _lines(remarked: RemarkedText, documents: tuple[Document, ...]) -> Iterator[str]:
    yield from single_blanks(remarked.preamble)
    trees = trees_of(remarked.bare)
    if not len(remarked.documents) == len(trees) == len(documents):
        raise TreesDiffer
    each = zip(remarked.documents, trees, documents, strict=True)
    for number, (remarks, tree, document) in enumerate(each):
        if number or remarks.is_explicit:
            yield "---"
        yield from woven(dumped(tree, document.value, remarks), remarks)


def _meaning(documents: Iterable[Document]) -> str:
    """The meaning as text, to compare: 1, 1.0 and true differ, the order of keys does not."""
    return json.dumps([document.value for document in documents], sort_keys=True)
