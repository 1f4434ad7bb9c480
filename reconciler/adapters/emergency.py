"""EmergencyExport: what a run did and its store can no longer keep, as lines in another file."""

import json
import os
import tempfile
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Protocol

from reconciler.domain.hearing import History
from reconciler.domain.jsontext import Json
from reconciler.domain.manifest import SchemaExtension
from reconciler.domain.outbox import Awaited, HeldRow, OutboxRow, RowToSend
from reconciler.domain.records import Confirmation, Entry, HrEvent, Intent
from reconciler.errors import StateError
from reconciler.ports import Announcement, Journal, Outbox, Postponement, Queue, Wanted


class Memory(Journal, Outbox, Protocol):
    """A journal and an outbox in one."""


class EmergencyExport:
    """A ports.Journal and ports.Outbox over another one, whose failures it passes on.

    Once an intent of this run was stored, a tenant may have been written to; from then on what
    cannot be stored is kept as one JSON object a line: the record, and of the write that it is
    about the intent's id, the schema as sent, and how verifying it ended. Why it is no use case:
    docs/decisions.md, "The emergency export wraps the journal".
    """

    def __init__(self, store: Memory, folder: Path) -> None:
        """`folder` is the first place for the file; the system's temporary one is the second."""
        self._store = store
        self._folder = folder
        self._intents: dict[int, Intent] = {}
        self._lock = threading.Lock()
        self.lines: tuple[str, ...] = ()
        self.path: Path | None = None

    def record(self, entry: Entry) -> None:
        """As the journal does."""
        with self._keeping((entry, None)):
            self._store.record(entry)

    def record_all(self, entries: Sequence[Entry]) -> None:
        """As the journal does."""
        with self._keeping(*((entry, None) for entry in entries)):
            self._store.record_all(entries)

    def keep_schemas(self, extensions: Iterable[SchemaExtension]) -> None:
        """As the journal does; nothing was done so far that would have to be known."""
        self._store.keep_schemas(extensions)

    def intend(self, intent: Intent, entry: Entry) -> int:
        """As the journal does."""
        with self._keeping((entry, None)):
            number = self._store.intend(intent, entry)
        with self._lock:  # what was live before is no part of a line, and may be large
            self._intents[number] = replace(intent, live_before=None)
        return number

    def confirm(self, intent_id: int, confirmation: Confirmation) -> None:
        """As the journal does; what follows from it is in the record of the outcome."""
        self._store.confirm(intent_id, confirmation)

    def settle(self, intent_id: int, entry: Entry, event: HrEvent | Awaited | None) -> None:
        """As the journal does."""
        with self._keeping((entry, event)):
            self._store.settle(intent_id, entry, event)

    def adopt(self, entry: Entry, event: HrEvent | Awaited, webhooks: Iterable[str]) -> None:
        """As the journal does."""
        with self._keeping((entry, event)):
            self._store.adopt(entry, event, webhooks)

    def announce(self, tenant: str, ends: Sequence[Announcement | Postponement]) -> None:
        """As the journal does; of an outcome that is recorded already the next run announces."""
        new = (end for end in ends if isinstance(end, Announcement))
        about = [(end.entry, end.event) for end in new if not end.is_recorded]
        with self._keeping(*about):
            self._store.announce(tenant, ends)

    def open_intents(self, tenant: str) -> tuple[tuple[int, Intent], ...]:
        """As the journal does."""
        return self._store.open_intents(tenant)

    def histories(self, tenant: str) -> Mapping[str, History]:
        """As the journal does."""
        return self._store.histories(tenant)

    def intents_of(self, numbers: Iterable[int]) -> Mapping[int, Intent]:
        """As the journal does."""
        return self._store.intents_of(numbers)

    def left_open(self) -> Mapping[str, int]:
        """As the journal does."""
        return self._store.left_open()

    def waiting(self) -> tuple[OutboxRow, ...]:
        """As the outbox does."""
        return self._store.waiting()

    def held(self) -> tuple[HeldRow, ...]:
        """As the outbox does."""
        return self._store.held()

    def queues(self, wanted: Wanted) -> tuple[Queue, ...]:
        """As the outbox does."""
        return self._store.queues(wanted)

    def next_rows(self, queue: Queue, wanted: Wanted, *, after: int) -> tuple[RowToSend, ...]:
        """As the outbox does."""
        return self._store.next_rows(queue, wanted, after=after)

    def delivered(self, row: OutboxRow, entry: Entry) -> None:
        """As the outbox does."""
        with self._keeping((entry, None)):
            self._store.delivered(row, entry)

    def failed(self, row: OutboxRow, entry: Entry, due_at: datetime | None) -> None:
        """As the outbox does."""
        with self._keeping((entry, None)):
            self._store.failed(row, entry, due_at)

    @contextmanager
    def _keeping(self, *about: tuple[Entry, HrEvent | Awaited | None]) -> Iterator[None]:
        try:
            yield
        except StateError:
            if self._intents and about:
                self._keep(about)
            raise

    def _keep(self, about: Sequence[tuple[Entry, HrEvent | Awaited | None]]) -> None:
        with self._lock:
            for entry, event in about:
                document: dict[str, Json] = {"record": entry.to_json(), **self._intent_of(entry)}
                if isinstance(event, HrEvent):
                    document["webhook"] = {
                        "event_id": event.event_id,
                        "verified_at": event.verified_at,
                    }
                self.lines += (json.dumps(document),)
            self.path = self._save(f"reconciler-emergency-{about[0][0].run_id}.jsonl")

    def _intent_of(self, entry: Entry) -> dict[str, Json]:
        """The write of this run that the record is about; nothing where it is about none."""
        for number, intent in self._intents.items():
            if (intent.tenant, intent.change) == (entry.tenant, entry.change):
                sent = dict(intent.desired.document)
                return {"intent": {"id": number, "before": intent.before, "sent": sent}}
        return {}

    def _save(self, name: str) -> Path | None:
        """Write all lines to the first place that takes them; None where none does."""
        text = "".join(f"{line}\n" for line in self.lines).encode()
        folders: tuple[Callable[[], str | Path], ...] = (lambda: self._folder, tempfile.gettempdir)
        for folder in folders:
            try:
                path = Path(folder()) / name
                self._write_durably(path, text)
            except OSError:  # raised too where no temporary folder can be written to
                continue
            return path
        return None

    def _write_durably(self, path: Path, text: bytes) -> None:
        """Write for its owner only, and into no file that somebody else has put there.

        The name could be known beforehand: the run's id is in the store.
        """
        new = os.O_CREAT | os.O_EXCL if path != self.path else os.O_TRUNC
        descriptor = os.open(path, os.O_WRONLY | os.O_NOFOLLOW | new, 0o600)
        with ExitStack() as closing:
            file = closing.enter_context(os.fdopen(descriptor, "wb"))
            file.write(text)
            file.flush()
            os.fsync(descriptor)
