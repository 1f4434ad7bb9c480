"""Layout: lines and tables that fit a terminal, measured in its cells; without one all is whole."""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain, islice

from reconciler.render.paint import Paint

Cell = str | tuple[str, str]
"""A text of a table, or a colour and a text."""


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table, and how it gives way to a narrow terminal; `cells` are its width.

    It is not cut below `keeps` cells, or not at all where it is `whole`; one that `folds` goes on
    below, and loses nothing. `right` is for numbers.
    """

    title: str
    whole: bool = False
    spare: bool = False
    folds: bool = False
    right: bool = False
    keeps: int = 12
    cells: int = 0

    @property
    def least(self) -> int:
        """The width that it is never cut below."""
        return self.cells if self.whole else min(self.cells, self.keeps)


_COLOUR = re.compile(r"\x1b\[\d+m")
_PIECE = re.compile(r"\x1b\[\d+m|.", re.DOTALL)
# What stands before the first word of a line
_LEAD = re.compile(r"(?: |\x1b\[\d+m)*(?:[-+~=!x*] +)?")
_AT_ONCE = 500  # rows that have one width
_BETWEEN = "  "
_BELOW = " " * 4
_NOTHING = frozenset(("", "-"))


def cells(text: str) -> int:
    """The columns that a text takes on a terminal; colours and combining marks take none."""
    bare = _COLOUR.sub("", text)
    if bare.isascii():
        return len(bare)
    import unicodedata  # most text needs none of it

    drawn = (c for c in bare if unicodedata.category(c) not in ("Mn", "Me", "Cf"))
    return sum(2 if unicodedata.east_asian_width(c) in ("W", "F") else 1 for c in drawn)


def folded(text: str, width: int | None) -> str:
    """The text with each line in so many cells, what goes on below indented; None folds nothing."""
    if width is None:
        return text
    return "\n".join(part for line in text.split("\n") for part in _parts(line, width))


def _parts(line: str, width: int) -> Iterator[str]:
    lead = _LEAD.match(line)
    at = lead.end() if lead else 0
    current = line[:at]
    indent = " " * min(cells(current) + 2, width // 2)
    while (end := _end(line, at, width - cells(current))) < len(line):
        if line[end] != " ":  # a word longer than a line goes on below, any other begins there
            end = line.rfind(" ", at, end) + 1 or end
        yield (current + line[at:end]).rstrip(" ")
        while line.startswith(" ", end):
            end += 1
        current, at = indent, end
    yield current + line[at:]


def _end(text: str, at: int, room: int) -> int:
    """Where a piece of the text ends that takes so many cells; it has at least one character."""
    used = 0
    for piece in _PIECE.finditer(text, at):
        used += cells(piece[0])
        if used > room and piece.start() > at:
            return piece.start()
    return len(text)


def cut(text: str, room: int) -> str:
    """The text without its middle where it takes more cells than that."""
    if cells(text) <= room:
        return text
    head = text[: _end(text, 0, room - 1 - (room - 1) // 2)]
    backwards = text[::-1]
    tail = backwards[: _end(backwards, 0, (room - 1) // 2)][::-1]
    return f"{head}…{tail}"


def table(
    head: Sequence[Column], rows: Iterable[Sequence[Cell]], *, width: int | None, paint: Paint
) -> Iterator[str]:
    """The lines of a table, each with its end; nothing where there is no row.

    Where it has to fit a width, columns of nothing go, and the widest are cut, but those that are
    `whole`; where even then it does not, those that are `spare` stand below their row, then the
    last ones.
    """
    coming = iter(rows)
    first = tuple(islice(coming, _AT_ONCE))
    if not first:
        return
    titles = [("bold", column.title) for column in head]
    texts = [[_text(cell) for cell in row] for row in (titles, *first)]
    by_column = tuple(zip(*texts, strict=True))
    columns = [
        replace(column, cells=max(map(cells, each)))
        for column, each in zip(head, by_column, strict=True)
    ]
    if width is not None:
        empty = [n for n, (_, *each) in enumerate(by_column) if _NOTHING.issuperset(each)]
        columns = _narrowed(columns, width, empty)
    for number, row in enumerate(chain((titles,), first, coming)):
        for line in _row_lines(row, columns, width, paint):
            yield f"{line.rstrip()}\n"
        if number and width is not None and (rest := _left_out(row, columns)):
            yield f"{folded(_BELOW + rest, width)}\n"


def _narrowed(columns: list[Column], width: int, empty: Sequence[int]) -> list[Column]:
    """The columns as wide as there is room for them; of those that are left out no cells.

    `empty` are the numbers of those that have nothing in the rows that are known.
    """
    found = list(columns)
    spare = [number for number, column in enumerate(found) if column.spare]
    others = [number for number in range(len(found)) if number not in spare]

    def excess(least: bool) -> int:
        kept = [column.least if least else column.cells for column in found if column.cells]
        return sum(kept) + len(_BETWEEN) * (len(kept) - 1) - width

    for number in reversed(empty):
        if number and excess(least=False) > 0:
            found[number] = replace(found[number], cells=0)
    for number in (*reversed(spare), *reversed(others[1:])):
        if excess(least=True) > 0:
            found[number] = replace(found[number], cells=0)
    for _ in range(max(0, excess(least=False))):
        cuttable = [n for n, column in enumerate(found) if column.cells > column.least]
        if cuttable:
            widest = max(cuttable, key=lambda number: found[number].cells)
            found[widest] = replace(found[widest], cells=found[widest].cells - 1)
    return found


def _text(cell: Cell) -> str:
    return cell if isinstance(cell, str) else cell[1]


def _row_lines(
    row: Sequence[Cell], columns: Sequence[Column], width: int | None, paint: Paint
) -> Iterator[str]:
    """The lines of a row: more than one where a column folds."""
    shown = [(cell, column) for cell, column in zip(row, columns, strict=True) if column.cells]
    pieces = [_pieces(_text(cell), column, width) for cell, column in shown]
    for number in range(max(map(len, pieces))):
        yield _BETWEEN.join(
            _cell(cell, each[number] if number < len(each) else "", column, paint)
            for (cell, column), each in zip(shown, pieces, strict=True)
        )


def _pieces(text: str, column: Column, width: int | None) -> list[str]:
    if width is None:
        return [text]
    if column.folds:
        return folded(text, column.cells).split("\n")
    return [cut(text, column.cells)]


def _cell(cell: Cell, text: str, column: Column, paint: Paint) -> str:
    blanks = " " * (column.cells - cells(text))
    colour = "" if isinstance(cell, str) else cell[0]
    painted = text if text in _NOTHING else paint(colour, text)
    return blanks + painted if column.right else painted + blanks


def _left_out(row: Sequence[Cell], columns: Sequence[Column]) -> str:
    """The cells of a row for which there is no room, each with its title."""
    return _BETWEEN.join(
        f"{column.title} {text}"
        for column, text in zip(columns, map(_text, row), strict=True)
        if not column.cells and text not in _NOTHING
    )
