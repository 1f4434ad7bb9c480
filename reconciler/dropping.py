"""Use case: end on purpose what is open under the name of a tenant that is there no more."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from reconciler.domain.outbox import GIVEN_UP, Awaited, OutboxRow
from reconciler.domain.records import Entry, Event, Intent, Status
from reconciler.ports import Due, Journal, Locks, Outbox, Postponement
from reconciler.run_context import RunContext


class Droppable(Journal, Outbox, Protocol):
    """A journal and an outbox whose rows may be ended without an attempt. Raises StateError."""

    def give_up(self, ends: Sequence[tuple[OutboxRow, Entry]]) -> None:
        """Give rows up and append their audit records, all in one transaction."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class WhatEnded:
    """The numbers of what was ended: writes, webhooks that waited to be sent, and held ones."""

    writes: int
    webhooks: int
    held: int

    @property
    def detail(self) -> str:
        """The same for the trail."""
        return f"ended on purpose: {self.writes} writes, {self.webhooks} webhooks, {self.held} held"


@dataclass(frozen=True, slots=True, kw_only=True)
class Dropping:
    """The means to end what is open under one name, which nobody else is at meanwhile."""

    context: RunContext
    memory: Droppable
    locks: Locks
    name: str

    def drop(self) -> WhatEnded:
        """End all of it, each with a record, then record that the name was dropped.

        What ends here is only ever recorded as not known, or as not sent. Raises TenantLocked where
        a run is at it.
        """
        with self.locks.hold(self.name):
            intents = self.memory.open_intents(self.name)
            for number, intent in intents:
                self.memory.settle(number, self._unknown(intent), None)
            held = [row for row in self.memory.held() if row.tenant == self.name]
            over = [
                Postponement(schema_id=schema_id, webhooks=(), awaited=Awaited(""))
                for schema_id in dict.fromkeys(row.schema_id for row in held)
            ]
            if over:
                self.memory.announce(self.name, over)
            ended = WhatEnded(writes=len(intents), webhooks=self._give_up_all(), held=len(held))
            entry = self.context.entry(Event.TENANT_DROPPED, Status.SUCCESS)
            self.memory.record(replace(entry, tenant=self.name, detail=ended.detail))
        return ended

    def _give_up_all(self) -> int:
        number, wanted = 0, Due(None)
        for queue in self.memory.queues(wanted):
            if queue.tenant != self.name:
                continue
            with self.locks.hold_queue(queue.tenant, queue.url):
                last = 0
                while found := self.memory.next_rows(queue, wanted, after=last):
                    self.context.clock.check()
                    rows = [message.row for message in found]
                    self.memory.give_up([(row, self._unsent(row)) for row in rows])
                    number, last = number + len(rows), rows[-1].sequence
        return number

    def _unknown(self, intent: Intent) -> Entry:
        created = Event.SCHEMA_EXTENSION_CREATED
        return replace(
            self.context.entry(
                created if intent.creates else Event.SCHEMA_EXTENSION_UPDATED, Status.FAILED
            ),
            tenant=intent.tenant,
            schema_id=intent.schema_id,
            attributes_count=len(intent.desired.attributes),
            change=intent.change,
            before_digest=intent.before,
            detail="unknown: ended on purpose, and nobody has looked what became of it",
        )

    def _unsent(self, row: OutboxRow) -> Entry:
        return replace(
            self.context.entry(Event.HR_SYNC_DROPPED, Status.FAILED),
            tenant=row.tenant,
            schema_id=row.schema_id,
            detail=f"{row.event_id} to {row.url}: not sent, and {GIVEN_UP} on purpose",
        )
