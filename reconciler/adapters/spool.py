"""Spool: JSON documents of a fleet in a temporary file, so that no more than one is in memory."""

import json
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from tempfile import SpooledTemporaryFile
from typing import SupportsIndex

from reconciler.domain.jsontext import Json
from reconciler.errors import UsageError

_IN_MEMORY = 1024 * 1024  # bytes; a plan of a few tenants needs no file
_AT_ONCE = 64 * 1024  # bytes that are written together


@contextmanager
def spooling() -> Iterator["Spool"]:
    """A spool for as long as the block lasts; nothing of it stays."""
    with SpooledTemporaryFile(max_size=_IN_MEMORY) as file:
        yield Spool(file)


class Spool:
    """Documents in the order of their names, read as often as one likes.

    The file has mode 0600 and no name that anybody could open. For one thread. Raises UsageError
    where the folder for temporary files takes no more.
    """

    def __init__(self, file: "SpooledTemporaryFile[bytes]") -> None:
        self._file = file
        self._places: dict[str, tuple[int, dict[str, Items]]] = {}
        self._order: list[str] = []
        self._end = 0

    def add(self, name: str, document: Json) -> None:
        """Keep a document; one that was there under that name is replaced.

        Its members may be Items of another spool.
        """
        members = document.items() if isinstance(document, dict) else ()
        kept = {key: self.keep(each) for key, each in members if isinstance(each, Items)}
        self.add_long(name, {**document, **dict.fromkeys(kept)} if kept else document, kept)

    def add_long(self, name: str, document: Json, items: "dict[str, Items]") -> None:
        """The same for a document with many items in some members, which `keep` has kept."""
        self._places[name] = self._end, items
        self._write(_line(document))

    def keep(self, items: Iterable[Json]) -> "Items":
        """Write items to the file; they are read one at a time, and as often as one likes."""
        start, number, lines = self._end, 0, bytearray()
        for item in items:
            lines += _line(item)
            number += 1
            if len(lines) > _AT_ONCE:
                self._write(lines)
                lines.clear()
        self._write(lines)
        return Items(self, start, number)

    def named(self, name: str) -> Json:
        """The document of that name."""
        start, items = self._places[name]
        document, _ = self.read(start)
        return {**document, **items} if items else document

    def __getitem__(self, number: SupportsIndex, /) -> Json:
        if len(self._order) != len(self._places):
            self._order = sorted(self._places)
        return self.named(self._order[number])

    def __iter__(self) -> Iterator[Json]:
        return map(self.named, sorted(self._places))

    def read(self, start: int) -> tuple[Json, int]:
        """The value that begins at a place in the file, and the place where it ends."""
        self._file.seek(start)
        line = self._file.readline()
        return json.loads(line), start + len(line)

    @property
    def names(self) -> list[str]:
        """The names in the order in which they were first added."""
        return list(self._places)

    def __len__(self) -> int:
        return len(self._places)

    def clear(self) -> None:
        """Forget all documents."""
        self._places.clear()
        self._order.clear()

    def _write(self, lines: bytes | bytearray) -> None:
        try:
            self._file.seek(self._end)
            self._file.write(lines)
            self._file.flush()
        except OSError as error:
            raise UsageError(
                f"the folder for temporary files takes no more of the plan: {error.strerror}; "
                "free some space, or name another folder with TMPDIR"
            ) from error
        self._end += len(lines)


def _line(value: Json) -> bytes:
    return json.dumps(value).encode() + b"\n"


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Items:
    """Values from a place in the file of a spool on; read anew each time."""

    spool: Spool
    start: int
    number: int

    def __iter__(self) -> Iterator[Json]:
        place = self.start
        for _ in range(self.number):
            item, place = self.spool.read(place)
            yield item

    def __len__(self) -> int:
        return self.number
