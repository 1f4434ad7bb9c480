"""Remarks are put back into a text: above their entry, beside it, or below a collection."""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import groupby
from operator import attrgetter

from reconciler.adapters.yaml_layout.tree import STAND_IN
from reconciler.adapters.yaml_reader import MAX_BYTES, Spot, read
from reconciler.adapters.yaml_reader.documents import Spots, counted
from reconciler.adapters.yaml_reader.remarks import BLANK, Remarks
from reconciler.domain.problem import Pointer

_BEFORE_COMMENT = 2  # blanks


def woven(text: str, remarks: Remarks) -> Iterator[str]:
    """The lines of the text of one document with the remarks on it, and the texts on several."""
    places = _Places.of(text)
    lines = text.split("\n")[:-1]
    for path in sorted(remarks.texts, key=places.values.__getitem__, reverse=True):
        kept, (line, column) = remarks.texts[path], places.values[path]
        indent = " " * places.continued(path)
        whole = "\n".join((kept[0], *(each and indent + each for each in kept[1:])))
        lines[line] = lines[line][:column] + whole + lines[line][column + len(STAND_IN) :]
    above = _above(lines, places, remarks)
    beside = {places.lines[path]: comment for path, comment in remarks.beside.items()}
    written: list[_Line] = []
    for number in range(len(lines) + 1):
        is_apart = number and number not in places.firsts and lines[number - 1].strip()
        written += (_Line(remark) for remark in single_blanks(above[number], begins=not is_apart))
        if number < len(lines):
            written.append(_Line(lines[number], beside.get(number, "")))
    return _aligned(written)


def single_blanks(lines: Iterable[str], *, begins: bool = True) -> Iterator[str]:
    """The lines without a blank one behind another, or where they begin something."""
    last = BLANK if begins else None
    for line in lines:
        if line or last != BLANK:
            yield line
        last = line


@dataclass(slots=True)
class _Places:
    """The lines of a text on which the entries of its document begin, and more of them.

    `values` are the lines and columns of values, `columns` those of collections, `ends` the last
    line on which an entry of one begins; `firsts` are the lines that begin a collection.
    """

    lines: dict[Pointer, int] = field(default_factory=dict)
    values: dict[Pointer, tuple[int, int]] = field(default_factory=dict)
    columns: dict[Pointer, int] = field(default_factory=dict)
    ends: dict[Pointer, int] = field(default_factory=dict)
    firsts: set[int] = field(default_factory=set)

    @classmethod
    def of(cls, text: str) -> "_Places":
        data = text.encode()
        (document,) = read(data, "", most=max(len(data), MAX_BYTES)).documents
        places = cls(lines={(): 0}, values={(): (0, 0)})
        places._add(document.spots, (), 0)
        return places

    def continued(self, path: Pointer) -> int:
        """The column at which a text goes on."""
        return self.columns[path[:-1]] + 2 if path else 2

    def _add(self, spots: Spots, path: Pointer, last: int) -> int:
        if isinstance(spots, Spot):
            self.columns[path] = counted(spots.start).column - 1
            for number, (step, inside) in enumerate(spots.inside.items()):
                begin = counted(inside.start if isinstance(inside, Spot) else inside)
                line = counted(spots.keys[step]).line - 1 if spots.keys else begin.line - 1
                if not number and line > last:
                    self.firsts.add(line)
                below = (*path, step)
                self.lines[below] = line
                self.values[below] = begin.line - 1, begin.column - 1
                last = self._add(inside, below, line)
        self.ends[path] = last
        return last


def _above(lines: list[str], places: _Places, remarks: Remarks) -> defaultdict[int, list[str]]:
    """The remarks above each line, and behind the last one; what ends inside comes first."""
    above: defaultdict[int, list[str]] = defaultdict(list)
    above[0] += remarks.header
    begins = [*sorted(set(places.lines.values())), len(lines)]
    for path in sorted(remarks.below, key=len, reverse=True):
        behind = begins[bisect_right(begins, places.ends[path])]
        above[behind] += _indented(remarks.below[path], places.columns.get(path, 0))
    for path in sorted(remarks.above, key=len):
        line = places.lines[path]
        indent = len(lines[line]) - len(lines[line].lstrip(" "))
        above[line] += _indented(remarks.above[path], indent)
    return above


def _indented(lines: Iterable[str], columns: int) -> Iterator[str]:
    return (line and " " * columns + line for line in lines)


@dataclass(frozen=True, slots=True)
class _Line:
    """A line, which may have more below it that belongs to the same text, and its comment."""

    text: str
    comment: str = ""

    @property
    def width(self) -> int:
        return len(self.text) - self.text.rfind("\n") - 1


def _aligned(lines: Iterable[_Line]) -> Iterator[str]:
    """The lines, with the comments of those that follow each other in one column."""
    for _, together in groupby(lines, key=lambda line: bool(line.comment)):
        run = list(together)
        width = max(map(attrgetter("width"), run)) + _BEFORE_COMMENT
        for line in run:
            blanks = " " * (width - line.width) if line.comment else ""
            yield f"{line.text}{blanks}{line.comment}"
