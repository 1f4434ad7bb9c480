"""Spool: JSON documents of a fleet in a temporary file, so that no more than one is in memory."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from tempfile import SpooledTemporaryFile

from reconciler.domain.jsontext import Json
from reconciler.errors import UsageError

_IN_MEMORY = 1024 * 1024  # bytes; a plan of a few tenants needs no file


@contextmanager
def spooling() -> Iterator["Spool"]:
    """A spool for as long as the block lasts; nothing of it stays."""
    with SpooledTemporaryFile(max_size=_IN_MEMORY) as file:
        yield Spool(file)


class Spool:
    """Documents by name; iterating reads them in the order of their names, as often as one likes.

    The file has mode 0600 and no name that anybody could open. For one thread. Raises UsageError
    where the folder for temporary files takes no more.
    """

    def __init__(self, file: "SpooledTemporaryFile[bytes]") -> None:
        self._file = file
        self._places: dict[str, tuple[int, int]] = {}
        self._end = 0

    def add(self, name: str, document: Json) -> None:
        """Keep a document; one that was there under that name is replaced."""
        line = json.dumps(document).encode()
        try:
            self._file.seek(self._end)
            self._file.write(line)
            self._file.flush()
        except OSError as error:
            raise UsageError(
                f"the folder for temporary files takes no more of the plan: {error.strerror}; "
                "free some space, or name another folder with TMPDIR"
            ) from error
        self._places[name] = self._end, len(line)
        self._end += len(line)

    def __iter__(self) -> Iterator[Json]:
        for name in sorted(self._places):
            start, length = self._places[name]
            self._file.seek(start)
            yield json.loads(self._file.read(length))

    @property
    def names(self) -> list[str]:
        """The names in the order in which they were first added."""
        return list(self._places)

    def __len__(self) -> int:
        return len(self._places)

    def clear(self) -> None:
        """Forget all documents."""
        self._places.clear()
