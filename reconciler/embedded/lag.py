"""The writes that a service does not show yet."""

import threading
from dataclasses import dataclass

from reconciler.embedded.store import StoredSchema


@dataclass(frozen=True, slots=True)
class _Late:
    """The schema as it was before a write (None: it was not there), and the reads that show it."""

    before: StoredSchema | None
    reads: int


class Lag:
    """The schemas of which reads by id, so many, and the list until then show an older state."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._late: dict[str, _Late] = {}

    def begin(self, key: str, before: StoredSchema | None, reads: int) -> None:
        """Let so many reads by id pass before a write of now is shown; 0: it is shown at once."""
        with self._lock:
            if reads:
                self._late[key] = _Late(before, reads)
            else:
                self._late.pop(key, None)

    def end(self) -> None:
        """Show everything from now on."""
        with self._lock:
            self._late.clear()

    def listed(self, stored: StoredSchema) -> StoredSchema | None:
        """The schema as a list shows it."""
        late = self._late.get(stored.key)
        return stored if late is None else late.before

    def read(self, key: str, stored: StoredSchema | None) -> StoredSchema | None:
        """The schema as a read by id shows it, which is counted."""
        with self._lock:
            late = self._late.pop(key, None)
            if late is None:
                return stored
            if late.reads > 1:
                self._late[key] = _Late(late.before, late.reads - 1)
        return late.before
