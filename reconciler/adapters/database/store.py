"""Store: the durable memory of all runs; each of its deeds is one transaction."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime

from reconciler.adapters.database import intents, outbox, trail
from reconciler.adapters.database.connections import Connection, Connections, Sessions
from reconciler.adapters.database.outbox import Backlog, Delivery
from reconciler.adapters.database.session_locks import SessionLocks
from reconciler.domain.documents import AuditDocument
from reconciler.domain.outcome import Waiting
from reconciler.domain.records import Entry, HrEvent, Intent
from reconciler.domain.scim import Schema
from reconciler.errors import StateError
from reconciler.ports import Clock, Locks, Pending, Queue, Wanted

_BATCH = 500  # records in memory at once
_PRUNED = 500  # rows of the outbox that one transaction empties
_BODIES = 50  # webhooks of one queue in memory at once


class Store:
    """Audit trail, journal and outbox in one database; safe to share between threads.

    It is a ports.Journal and a ports.Outbox. Every method raises StateError, and then nothing
    was written. What a method wrote is on the disk when it returns.
    """

    def __init__(
        self,
        database: Connections,
        *,
        server: Sessions | None = None,
        failed: Callable[[StateError], None] = lambda _: None,
    ) -> None:
        """`server` is set where the database is one that can keep the tenants' locks too.

        `failed` is called with the error of each write that fails, before it is raised.
        """
        self._database = database
        self._server = server
        self._failed = failed
        self._locks: SessionLocks | None = None

    def locks(self, *, holder: str, clock: Clock) -> Locks | None:
        """The tenants' locks, kept by the store's server; None for a file, which keeps none.

        Once they are asked for, no intent is written for a tenant whose lock was lost.
        """
        if self._server is not None:
            self._locks = SessionLocks(
                self._server, holder=holder, clock=clock, failed=self._failed
            )
        return self._locks

    def record(self, entry: Entry) -> None:
        """Append one audit record."""
        with self._writing() as connection:
            trail.append(connection, entry)

    def record_all(self, entries: Sequence[Entry]) -> None:
        """Append audit records in their order, all in one transaction; of none nothing is done."""
        if not entries:
            return
        with self._writing() as connection:
            trail.append_all(connection, entries)

    def intend(self, intent: Intent, entry: Entry) -> int:
        """Audit record, journal row and a held outbox row per webhook URL; the intent's id."""
        with self._writing() as connection:
            record = trail.append(connection, entry)
            intent_id = intents.begin(connection, intent, record)
            outbox.hold(
                connection,
                intent_id=intent_id,
                tenant=intent.tenant,
                schema_id=intent.schema_id,
                urls=intent.webhooks,
            )
            if self._locks is not None:
                self._locks.require(intent.tenant)
            return intent_id

    def settle(self, intent_id: int, entry: Entry, event: HrEvent | None) -> None:
        """Audit record, journal row, and outbox rows released (event) or voided (None)."""
        with self._writing() as connection:
            record = trail.append(connection, entry)
            intents.settle(connection, intent_id, record)
            outbox.release(connection, intent_id, event, record)

    def adopt(self, entry: Entry, event: HrEvent, webhooks: Iterable[str]) -> None:
        """Audit record and ready outbox rows, for what was there without a write of ours."""
        with self._writing() as connection:
            record = trail.append(connection, entry)
            outbox.queue(connection, event, webhooks, record)

    def open_intents(self, tenant: str) -> tuple[tuple[int, Intent], ...]:
        """Intents without an outcome, oldest first."""
        with self._database.reading() as connection:
            return intents.read_open(connection, tenant)

    def undone(self, tenant: str, wanted: Mapping[str, Schema]) -> tuple[Intent, ...]:
        """The last intents of schemas, by folded id, that wanted just that and proved nothing.

        One whose schema was verified since is left out. URLs of webhooks are not told.
        """
        with self._database.reading() as connection:
            return intents.read_undone(connection, tenant, wanted)

    def left_open(self) -> dict[str, int]:
        """How many intents of each tenant have no outcome, whoever's they are."""
        with self._database.reading() as connection:
            return intents.count_open(connection)

    def waiting(self) -> tuple[Waiting, ...]:
        """All that is released and not delivered or given up, in the order of the release."""
        with self._database.reading() as connection:
            return outbox.read_waiting(connection)

    def backlog(self) -> Backlog:
        """How many webhooks wait, and when the first is due."""
        with self._database.reading() as connection:
            return outbox.read_backlog(connection)

    def queues(self, wanted: Wanted) -> tuple[Queue, ...]:
        """The queues that have such rows, the one with the oldest release first."""
        with self._database.reading() as connection:
            return outbox.read_queues(connection, wanted)

    def next_rows(self, queue: Queue, wanted: Wanted, *, after: int) -> tuple[Pending, ...]:
        """The next few of those rows, beyond that place in the sequence."""
        with self._database.reading() as connection:
            return outbox.read_next(connection, queue, wanted, after=after, limit=_BODIES)

    def delivered(self, pending: Pending, entry: Entry) -> None:
        """Audit record, and the row is done."""
        with self._writing() as connection:
            trail.append(connection, entry)
            outbox.mark_delivered(connection, pending.id, entry)

    def failed(self, pending: Pending, entry: Entry, due_at: datetime | None) -> None:
        """Audit record; the row is due again at that time, or given up (None)."""
        with self._writing() as connection:
            trail.append(connection, entry)
            outbox.mark_failed(connection, pending.id, entry, due_at)

    def prune(self, delivered_before: datetime, *, limit: int = _PRUNED) -> int:
        """Empty some rows that were delivered before that; how many, at most `limit`.

        What is emptied is no longer listed or sent again; that it was announced stays known.
        """
        with self._writing() as connection:
            return outbox.prune(connection, delivered_before, limit)

    def all_deliveries(self) -> tuple[Delivery, ...]:
        """All that was ever released: pending, delivered and given up."""
        with self._database.reading() as connection:
            return outbox.read_all(connection)

    def records(self) -> Iterator[AuditDocument]:
        """The trail as it is stored, in the order of storage: nothing is checked or mended.

        Each record is a flat object as AuditRecord.to_json gives it. A few at a time are in
        memory, and no lock is held between them.
        """
        last: int | None = None
        while batch := self._batch(last):
            yield from batch
            last = batch[-1]["seq"]

    def last_records(self, number: int) -> list[AuditDocument]:
        """The newest records, in the order of storage, as `records` gives them."""
        with self._database.reading() as connection:
            return trail.read_last(connection, number)

    def _batch(self, last: int | None) -> list[AuditDocument]:
        with self._database.reading() as connection:
            return trail.read_after(connection, last, limit=_BATCH)

    def head(self) -> tuple[int, str]:
        """Number and hash of the last record; of an empty trail 0 and 64 zeros."""
        with self._database.reading() as connection:
            return trail.read_head(connection)

    @contextmanager
    def _writing(self) -> Iterator[Connection]:
        """One durable transaction. That it failed is known to all before this thread goes on."""
        try:
            with self._database.writing() as connection:
                yield connection
        except StateError as error:
            self._failed(error)
            raise

    def close(self) -> None:
        """Close the connections; locks that are still held end."""
        if self._locks is not None:
            self._locks.close()
        self._database.close()
