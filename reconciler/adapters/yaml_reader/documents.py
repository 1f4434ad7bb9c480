"""Document and Reading: a file taken apart, and where each value and key of it stands."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

from reconciler.domain.jsontext import Json
from reconciler.domain.problem import Place, Pointer, Problem

_BITS = 32  # of the column


class Mark(NamedTuple):
    """A position in a text; both count from 1."""

    line: int
    column: int


class RawMark(Protocol):
    """A position as either parser gives it; both count from 0."""

    @property
    def line(self) -> int: ...
    @property
    def column(self) -> int: ...
    @property
    def index(self) -> int: ...


@dataclass(slots=True)
class Spot:
    """A collection in the text: its beginning, its keys, and the spots of its values.

    The spot of any other value is where it begins.
    """

    start: int
    keys: "dict[str | int, int]" = field(default_factory=dict)
    inside: "dict[str | int, Spots]" = field(default_factory=dict)


Spots = Spot | int


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """One document: its value, and where each value and key stands in the file.

    Without spots everything stands at the first character.
    """

    value: Json
    path: str
    spots: Spots = field(default=0, compare=False, repr=False)

    def place(self, pointer: Pointer = (), *, at_key: bool = False) -> Place:
        """Find a pointer in the file; where it is not written, what would hold it."""
        spot = self.spots
        key: int | None = None
        for step in pointer:
            if not isinstance(spot, Spot) or step not in spot.inside:
                at_key = True
                break
            key = spot.keys.get(step)
            spot = spot.inside[step]
        return Place(self.path, *(counted(key) if at_key and key is not None else _begin(spot)))

    def marks(self) -> Iterator[tuple[Pointer, Mark]]:
        """Each pointer with where its value begins, and once more with where its key does."""
        return _marks(self.spots, ())


def _begin(spot: Spots) -> Mark:
    return counted(spot.start if isinstance(spot, Spot) else spot)


def at(mark: RawMark | None) -> int:
    """A parser's mark as one number: there are hundreds in a manifest, and hardly one is asked for.

    Where the parser gave none it is the first character.
    """
    return spot_at(mark.line, mark.column) if mark else 0


def spot_at(line: int, column: int) -> int:
    """The spot of what begins there; both count from 0."""
    return line << _BITS | column


def counted(where: int) -> Mark:
    """The mark as people count."""
    return Mark((where >> _BITS) + 1, (where & (1 << _BITS) - 1) + 1)


def _marks(spot: Spots, pointer: Pointer) -> Iterator[tuple[Pointer, Mark]]:
    yield pointer, _begin(spot)
    if isinstance(spot, Spot):
        yield from (((*pointer, key), counted(mark)) for key, mark in spot.keys.items())
        for step, inside in spot.inside.items():
            yield from _marks(inside, (*pointer, step))


@dataclass(frozen=True, slots=True)
class Reading:
    """A file as it was read: its documents, and everything that is wrong with its text.

    `notes` are the comments that speak to this program, `# reconciler: …`, by their line.
    """

    documents: tuple[Document, ...]
    problems: tuple[Problem, ...]
    notes: Mapping[int, str] = field(default_factory=dict)
