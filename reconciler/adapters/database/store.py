"""Store: the durable memory of all runs; each of its deeds is one transaction."""

from array import array
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from itertools import chain
from typing import TYPE_CHECKING

from reconciler.adapters.database import (
    canaries,
    courses,
    histories,
    intents,
    kept_names,
    outbox,
    samples,
    schemas,
    trail,
    verifying,
)
from reconciler.adapters.database.connections import (
    Connections,
    Question,
    Row,
    Sessions,
    Step,
)
from reconciler.adapters.database.last_seen import LATEST, sightings_in
from reconciler.adapters.database.outbox import Backlog
from reconciler.adapters.database.schemas import KeptSchema
from reconciler.adapters.database.session_locks import SessionLocks, held_on
from reconciler.domain.adoption import DatedSample, Sample, SampleHistory, SampleKey
from reconciler.domain.documents import AuditDocument
from reconciler.domain.drift import Sightings
from reconciler.domain.hearing import History
from reconciler.domain.lifecycle import Course, FleetCourses
from reconciler.domain.manifest import SchemaExtension, Tenant
from reconciler.domain.outbox import Awaited, HeldRow, OutboxRow, RowToSend
from reconciler.domain.record_filter import RecordFilter
from reconciler.domain.records import Confirmation, Entry, HrEvent, Intent
from reconciler.domain.scim import Schema, fold
from reconciler.domain.tenant_names import KeptNames, Renaming, TenantNames, tenant_names
from reconciler.domain.verified import Look
from reconciler.errors import StateError
from reconciler.ports import (
    Announcement,
    Clock,
    Counting,
    HeldLock,
    Locks,
    Postponement,
    Queue,
    Seals,
    StoreCondition,
    Wanted,
)

if TYPE_CHECKING:
    from reconciler.domain.cadence import ReadBy, Readings
    from reconciler.domain.fleet_status import TimedRecord, Trail

_BATCH = 500  # records in memory at once
_PRUNED = 500  # rows of the outbox that one transaction empties
_NAMES = 500  # questions in one round trip
_BODIES = 50  # webhooks of one queue in memory at once


class Store:
    """Audit trail, journal and outbox in one database; safe to share between threads.

    It is a ports.Journal, a ports.Outbox, a ports.Samples and a ports.CanaryLedger. Every method
    raises StateError, and then nothing was written. What a method wrote is on the disk when it
    returns.
    """

    def __init__(
        self,
        database: Connections,
        *,
        server: Sessions | None = None,
        brought_forward: bool = False,
        failed: Callable[[StateError], None] = lambda _: None,
    ) -> None:
        """`server` is set where the database is one that can keep the tenants' locks too.

        `brought_forward` is True where the rows of the outbox have had no seals until now.
        `failed` is called with the error of each write that fails, before it is raised.
        """
        self._database = database
        self._server = server
        self._failed = failed
        self._locks: SessionLocks | None = None
        self._brought_forward = brought_forward
        self._seals: Seals | None = None
        self._names = TenantNames()
        self._kept_schemas: set[tuple[str, str, str]] = set()

    def locks(self, *, holder: str, clock: Clock) -> Locks | None:
        """The tenants' locks, kept by the store's server; None for a file, which keeps none.

        Once they are asked for, no intent is written for a tenant whose lock was lost.
        """
        if self._server is not None:
            self._locks = SessionLocks(
                self._server, holder=holder, clock=clock, failed=self._failed
            )
        return self._locks

    def held_locks(self) -> list[HeldLock] | None:
        """The locks that runs hold now; None where the store is a file, which keeps none."""
        return None if self._server is None else held_on(self._server)

    def seal_with(self, seals: Seals) -> None:
        """From now on rows are sealed when they are queued.

        Where this run has brought the store forward, so are those that are there, once: what no
        run says of itself, and a file may say of its rows, makes none of them ours.
        """
        self._seals = seals
        if self._brought_forward:
            self._brought_forward = False
            self._reseal(lambda message: message.seal is None, None)

    def renamings(self) -> tuple[Renaming, ...]:
        """The renamings of tenants that the trail has, in their order."""
        [recorded] = self._database.ask(kept_names.RENAMINGS)
        return kept_names.renamings_of(recorded)

    def kept_names(self) -> KeptNames:
        """The names under which anything is kept, and what is open under each."""
        return kept_names.kept_names_of(self._database.ask(*kept_names.QUESTIONS))

    def kept_of(self, names: Sequence[str]) -> frozenset[str]:
        """Those of the names under which anything is kept."""
        found: list[str] = []
        for start in range(0, len(names), _NAMES):  # a fleet may have thousands of former ones
            some = names[start : start + _NAMES]
            answers = self._database.ask(*map(kept_names.is_kept, some))
            found += (name for name, rows in zip(some, answers, strict=True) if rows)
        return frozenset(found)

    def carry_on(self, tenants: Iterable[Tenant]) -> TenantNames:
        """From now on what is kept under a former name of a tenant is that tenant's; the names.

        What is about all tenants names them as today. Rows to send, open writes, and what
        `left_open` and `kept_names` count stay under the name that they have.
        """
        self._names = tenant_names(tenants, self.renamings())
        return self._names

    def reseal(self, entry: Entry) -> int:
        """Seal anew each row that the secrets of today do not prove, each with its audit record.

        The number of rows; those whose secret is not at hand are left out. Whoever calls this has
        verified the trail.
        """
        seals = self._seals
        assert seals is not None
        return self._reseal(lambda message: not seals.is_sealed(message), entry)

    def record(self, entry: Entry) -> None:
        """Append one audit record."""
        self.record_all([entry])

    def record_all(self, entries: Sequence[Entry]) -> None:
        """Append audit records in their order, all in one transaction; of none nothing is done."""
        if not entries:
            return
        with self._writing(trail.HEAD) as step:
            [last] = step.answers
            trail.append_all(step, last, entries)

    def intend(self, intent: Intent, entry: Entry) -> int:
        """Audit record, journal row and a held outbox row per webhook URL; the intent's id."""
        lock = self._locks.proof(intent.tenant) if self._locks is not None else None
        new = self._database.next_id("intents")
        begun = intents.begun_of(intent)
        bound = replace(entry, detail=intents.content_digest(begun))
        with self._writing(trail.HEAD, new, *([lock.question] if lock else [])) as step:
            last, [(number,)], *proof = step.answers
            if lock is not None:
                lock.require(*proof)
            record = trail.append(step, last, bound)
            intents.begin(step, number, begun, record)
            outbox.hold(
                step,
                intent_id=number,
                tenant=intent.tenant,
                schema_id=intent.schema_id,
                urls=intent.webhooks,
            )
        return int(number)

    def confirm(self, intent_id: int, confirmation: Confirmation) -> None:
        """Keep in an open intent that the service has answered it: the schema is made."""
        with self._writing() as step:
            intents.confirm(step, intent_id, confirmation)

    def settle(self, intent_id: int, entry: Entry, event: HrEvent | Awaited | None) -> None:
        """Audit record, journal row, and outbox rows released (event), kept waiting, or voided."""
        questions = (trail.HEAD, intents.is_open(intent_id), outbox.held_by(intent_id))
        placing = self._place_of(event) if isinstance(event, HrEvent) else ()
        with self._writing(*questions, *placing) as step:
            last, found, held, *place = step.answers
            record = trail.append(step, last, entry)
            intents.settle(step, intent_id, found, record)
            if isinstance(event, Awaited):
                outbox.wait(step, held, event)
                return
            ready = []
            if event is not None and held:
                placed = self._placed(event, *place)
                urls = (url for _, url in held)
                ready = self._append_queued(step, trail.last(record), entry, placed, urls)
            outbox.release(step, held, ready)

    def adopt(self, entry: Entry, event: HrEvent | Awaited, webhooks: Iterable[str]) -> None:
        """Audit record and outbox rows, ready or waiting, for what was there without our write."""
        placing = self._place_of(event) if isinstance(event, HrEvent) else ()
        with self._writing(trail.HEAD, *placing) as step:
            last, *place = step.answers
            record = trail.append(step, last, entry)
            if isinstance(event, HrEvent):
                placed, last = self._placed(event, *place), trail.last(record)
                ready = self._append_queued(step, last, entry, placed, webhooks)
                outbox.release(step, (), ready)
                return
            outbox.hold(
                step,
                intent_id=None,
                tenant=entry.tenant or "",
                schema_id=entry.schema_id or "",
                urls=webhooks,
                awaited=event,
            )

    def announce(self, tenant: str, ends: Sequence[Announcement | Postponement]) -> None:
        """All of them in one transaction; rows of their schemas that wait are used up by it.

        An entry that has no record yet gets one where there is a URL to hear of the event.
        """
        events = [end.event for end in ends if isinstance(end, Announcement)]
        same = [outbox.same_as(event) for event in events]
        waits = [outbox.waiting_of(name) for name in self._names.of(tenant)]
        place_of = outbox.last_place(self._names.of(tenant))
        with self._writing(trail.HEAD, place_of, *same, *waits) as step:
            last, place, *others = step.answers
            sames, waiting = others[: len(same)], chain.from_iterable(others[len(same) :])
            heard = iter(sames)
            held_of: defaultdict[str, list[Row]] = defaultdict(list)
            for row_id, schema_id, url, _ in waiting:
                held_of[fold(schema_id)].append((row_id, url))
            for end in ends:
                held = held_of[fold(end.schema_id)]
                if isinstance(end, Postponement):
                    outbox.postpone(
                        step,
                        held,
                        tenant=tenant,
                        schema_id=end.schema_id,
                        urls=end.webhooks,
                        awaited=end.awaited,
                    )
                    continue
                placed = self._placed(end.event, next(heard), place)
                place = [(max(placed.sequence, place[0][0]),)]
                if not (end.is_recorded or placed.heard.issuperset(end.webhooks)):
                    last = trail.last(trail.append(step, last, end.entry))
                ready = self._append_queued(step, last, end.entry, placed, end.webhooks)
                last = trail.last(ready[-1].record) if ready else last
                outbox.release(step, held, ready)

    def open_intents(self, tenant: str) -> tuple[tuple[int, Intent], ...]:
        """Intents without an outcome, oldest first."""
        names = self._names.of(tenant)
        answers = self._database.ask(*(each for name in names for each in intents.open_of(name)))
        found = map(intents.opened, answers[::2], answers[1::2])
        return tuple(sorted(chain.from_iterable(found), key=lambda each: each[0]))

    def histories(self, tenant: str) -> dict[str, History]:
        """What the trail has of each schema of a tenant, by folded id."""
        asked = [histories.of_tenant(name) for name in self._names.of(tenant)]
        answers = iter(self._database.ask(*chain.from_iterable(asked)))
        found: dict[str, History] = {}
        for writes, events, waiting in zip(answers, answers, answers, strict=True):
            for key, history in histories.histories(writes, events, waiting).items():
                found[key] = history.joined(found[key]) if key in found else history
        return found

    def intents_of(self, numbers: Iterable[int]) -> dict[int, Intent]:
        """The intents of those numbers, whether settled or not; URLs of webhooks are not read."""
        return intents.of_answers(self._database.ask(*intents.numbered(numbers)))

    def keep_schemas(self, extensions: Iterable[SchemaExtension]) -> None:
        """Keep what is desired, whole, by its fingerprint; of what is kept nothing is done."""
        wanted = {schemas.key_of(each): each for each in extensions}
        unknown = [key for key in wanted if key not in self._kept_schemas]
        if not unknown:
            return
        found = self._database.ask(*map(schemas.is_kept, unknown))
        if missing := [key for key, rows in zip(unknown, found, strict=True) if not rows]:
            with self._writing(*map(schemas.is_kept, missing)) as step:
                for key, rows in zip(missing, step.answers, strict=True):
                    if not rows:  # another run may have been first
                        schemas.keep(step, wanted[key])
        self._kept_schemas.update(unknown)

    def looks(self, tenant: str) -> tuple[Look, ...]:
        """All that the trail has of the schemas of a tenant, in its order."""
        return schemas.looks_in(self._database.ask(*schemas.looks_of(self._names.of(tenant))))

    def schemas_of(self, tenant: str, schema_id: str, digest: str) -> tuple[KeptSchema, ...]:
        """The documents that are kept of a digest, the likeliest first; none where none is."""
        asked = schemas.documents_of(self._names.of(tenant), schema_id, digest)
        return schemas.schemas_in(self._database.ask(*asked), digest)

    def sightings(self) -> Sightings:
        """When the trail last has each schema as desired, by tenant and folded id."""
        [rows] = self._database.ask(Question(LATEST))
        return sightings_in(self._names.rows_today(rows))

    def readings_by_apply(self) -> "Readings":
        """When an apply last read each tenant that has a cadence."""
        from reconciler.adapters.database import readings  # few runs ask

        [rows] = self._database.ask(Question(readings.BY_APPLY))
        return readings.readings_in(rows)

    def keep_readings(self, tenants: Iterable[str], by: "ReadBy", at: datetime) -> None:
        """Keep that they were read then; of none nothing is done."""
        if names := tuple(tenants):
            from reconciler.adapters.database import readings  # few tenants have a cadence

            with self._writing() as step:
                readings.keep(step, names, by, at)

    def fleet_trail(self) -> "Trail":
        """What is kept of each extension of each tenant, and of webhooks."""
        from reconciler.adapters.database import statuses  # an apply does without

        return statuses.trail_of(self._database.ask(*statuses.QUESTIONS), self._names)

    def newest_samples(self) -> tuple[DatedSample, ...]:
        """The newest figures of adoption, 200,000 at most, in the order of time."""
        from reconciler.adapters.database import statuses

        [rows] = self._database.ask(statuses.SAMPLES)
        return statuses.samples_of(self._names.rows_today(rows))

    def timed(self, most: int) -> "tuple[TimedRecord, ...]":
        """The newest changes and deliveries that took time, so many of each kind at most."""
        from reconciler.adapters.database import statuses

        return statuses.timed_of(self._database.ask(*statuses.timed(most)))

    def courses(self, tenant: str, desired: Iterable[Schema]) -> dict[str, Course]:
        """Each deployment, search and canary of a tenant's schemas, by folded id.

        `desired` are the schemas of today.
        """
        known = tuple(desired)
        names = self._names.of(tenant)
        asked = [courses.of_tenant(name, known) for name in names]
        answers = self._database.ask(*chain.from_iterable(asked))
        return courses.courses_of(answers, known, len(names))

    def fleet_courses(self, desired: Iterable[tuple[str, Schema]]) -> FleetCourses:
        """The same of all tenants, by whose names `desired` are; it grows with the trail."""
        wanted = tuple(desired)
        known = [schema for _, schema in wanted]
        kept = [(name, schema) for tenant, schema in wanted for name in self._names.of(tenant)]
        found = self._database.ask(*courses.of_fleet(kept))
        writes = self._database.ask(*courses.writes_of(found[0], known))
        return courses.fleet_courses([*map(self._names.rows_today, found)], writes, known)

    def begin_canary(self, tenant: str, schema_id: str, names: Iterable[str], at: str) -> None:
        """Keep that values of those attributes may be on the test user from now on."""
        with self._writing() as step:
            canaries.begin(step, tenant, schema_id, names, at)

    def end_canary(self, tenant: str, schema_id: str, names: Iterable[str]) -> None:
        """Keep that they are gone from it."""
        with self._writing() as step:
            for name in self._names.of(tenant):
                canaries.end(step, name, schema_id, names)

    def canaries(self) -> dict[str, dict[str, list[str]]]:
        """The attributes whose values may be on a test user, by tenant and schema."""
        [rows] = self._database.ask(canaries.UNDER_WAY)
        return canaries.under_way(self._names.rows_today(rows))

    def left_open(self) -> dict[str, int]:
        """The number of intents without an outcome of each tenant, whoever's they are."""
        [rows] = self._database.ask(intents.COUNT_OPEN)
        return dict(rows)

    def waiting(self) -> tuple[OutboxRow, ...]:
        """All that is released and not delivered or given up, in the order of the release."""
        [rows] = self._database.ask(outbox.WAITING)
        return tuple(map(outbox.row_of, rows))

    def held(self) -> tuple[HeldRow, ...]:
        """The rows of verified changes that wait for more than to be sent."""
        [rows] = self._database.ask(outbox.POSTPONED)
        return tuple(map(outbox.held_row_of, rows))

    def backlog(self) -> Backlog:
        """The number of webhooks that wait, and when the first is due."""
        [[(webhooks, due_at)]] = self._database.ask(outbox.BACKLOG)
        return Backlog(webhooks=webhooks, due_at=due_at)

    def queues(self, wanted: Wanted) -> tuple[Queue, ...]:
        """The queues that have such rows, the one with the oldest release first."""
        [rows] = self._database.ask(outbox.queues(wanted))
        return tuple(Queue(tenant=tenant, url=url, rows=number) for tenant, url, number in rows)

    def next_rows(self, queue: Queue, wanted: Wanted, *, after: int) -> tuple[RowToSend, ...]:
        """The next few of those rows, beyond that place in the sequence."""
        [rows] = self._database.ask(outbox.next_in(queue, wanted, after=after, limit=_BODIES))
        return tuple(map(outbox.message_of, rows))

    def delivered(self, row: OutboxRow, entry: Entry) -> None:
        """Audit record, and the row is done."""
        with self._writing(trail.HEAD, outbox.is_there(row.id)) as step:
            last, found = step.answers
            record = trail.append(step, last, entry)
            outbox.mark_delivered(step, row.id, found, record)

    def failed(self, row: OutboxRow, entry: Entry, due_at: datetime | None) -> None:
        """Audit record; the row is due again at that time, or given up (None)."""
        with self._writing(trail.HEAD) as step:
            [last] = step.answers
            record = trail.append(step, last, entry)
            outbox.mark_failed(step, row.id, record, due_at)

    def give_up(self, ends: Sequence[tuple[OutboxRow, Entry]]) -> None:
        """Give rows up and append their audit records, all in one transaction."""
        with self._writing(trail.HEAD) as step:
            [last] = step.answers
            records = trail.append_all(step, last, [entry for _, entry in ends])
            for (row, _), record in zip(ends, records, strict=True):
                outbox.mark_dropped(step, row.id, record)

    def prune(self, delivered_before: datetime, *, limit: int = _PRUNED) -> int:
        """Empty some rows that were delivered before that; how many, at most `limit`.

        What is emptied is no longer listed or sent again; that it was announced stays known.
        """
        with self._writing() as step:
            return outbox.prune(step, delivered_before, limit)

    def released(self) -> Iterator[OutboxRow]:
        """All rows that were ever released and are not pruned, in the order of their release.

        Their ids, eight bytes each, and a few rows at a time are in memory. One that is pruned
        meanwhile is left out.
        """
        for ids in self._in_slices(outbox.RELEASED, _BATCH):
            [rows] = self._database.ask(outbox.released(ids))
            yield from map(outbox.row_of, rows)

    def add_samples(
        self, figures: Sequence[Sample], *, ends: tuple[str, str] | None = None
    ) -> None:
        """Append figures; with them the count under way of that tenant and resource type ends."""
        with self._writing() as step:
            samples.append(step, figures)
            if ends is not None:
                self._end_counting(step, *ends)

    def samples_before(self, keys: Sequence[SampleKey]) -> dict[SampleKey, SampleHistory]:
        """What is kept of each attribute so far; an attribute that has nothing is left out."""
        kept = [replace(key, tenant=name) for key in keys for name in self._names.of(key.tenant)]
        found = samples.histories(kept, self._database.ask(*samples.histories_of(kept)))
        return self._histories_today(found)

    def fleet_histories(self) -> dict[SampleKey, SampleHistory]:
        """What is kept of each attribute of each tenant."""
        return self._histories_today(samples.fleet_histories(self._database.ask(*samples.OF_FLEET)))

    def counting(self, tenant: str, resource_type: str) -> Counting | None:
        """The count that is under way."""
        names = self._names.of(tenant)
        asked = [samples.counting_of(name, resource_type) for name in names]
        rows = chain.from_iterable(self._database.ask(*asked))
        return samples.counting(tenant, resource_type, rows)

    def keep_counting(self, counting: Counting) -> None:
        """Keep how far a count has come, in the place of what was kept of it."""
        with self._writing() as step:
            self._end_counting(step, counting.tenant, counting.resource_type)
            samples.keep_counting(step, counting)

    def end_counting(self, tenant: str, resource_type: str) -> None:
        """Forget how far a count has come."""
        with self._writing() as step:
            self._end_counting(step, tenant, resource_type)

    def records(self) -> Iterator[AuditDocument]:
        """The trail as it is stored, in the order of storage: nothing is checked or mended.

        Each record is a flat object as AuditRecord.to_json gives it. A few at a time are in
        memory, and no lock is held between them.
        """
        last: int | None = None
        while True:
            [rows] = self._database.ask(trail.after(last, limit=_BATCH))
            if not rows:
                return
            yield from map(trail.record_of, rows)
            last = rows[-1][0]

    def misfits(self) -> Iterator[str]:
        """Each thing in the store that its trail does not bear out, as a line for a person.

        The chain itself is not followed. A few rows at a time are in memory.
        """
        return verifying.misfits(self._database)

    def last_records(self, number: int, wanted: RecordFilter | None = None) -> list[AuditDocument]:
        """The newest records that are wanted, in the order of storage, as `records` gives them."""
        found: list[AuditDocument] = []
        before, limit = None, number
        while len(found) < number:
            [rows] = self._database.ask(trail.newest(before, limit=limit))
            records = map(trail.record_of, rows)
            found.extend(records if wanted is None else filter(wanted.takes, records))
            if len(rows) < limit:
                break
            before, limit = rows[-1][0], _BATCH
        return found[:number][::-1]

    def head(self) -> tuple[int, str]:
        """Number and hash of the last record; of an empty trail 0 and 64 zeros."""
        [last] = self._database.ask(trail.HEAD)
        return trail.head_of(last)

    def has_record(self, seq: int, digest: str) -> bool:
        """Test whether the trail has a record of that number and hash: then it is the same one."""
        [found] = self._database.ask(trail.is_record(seq, digest))
        return bool(found)

    @property
    def place(self) -> str:
        """The place of the store, for messages."""
        return self._database.place

    def condition(self) -> StoreCondition:
        """The condition of the store: what it holds, and what is wrong with it beside the trail."""
        from reconciler.adapters.database import condition  # an apply does without

        return condition.condition_of(self._database)

    def moved_to(self) -> str | None:
        """The place of this store now, and since when; None where it is the one that is used."""
        [moved] = self._database.ask(trail.MOVED_TO)
        return trail.moved_to(moved)

    def move_to(
        self, target: "Store", *, named: str, entry: Entry, require_ready: Callable[[], None]
    ) -> dict[str, int]:
        """Copy all rows into an empty store and close this one; the number of rows by table.

        `named` is what whoever asks for this one is told: where the other is, and since when.
        `entry` is recorded there after all that is copied.
        Nobody writes to this one meanwhile, nor from `require_ready` on, which is called first.
        The copy is durable before this one is closed: killed between the two, it is whole and a
        second call finds it.
        """
        from reconciler.adapters.database import moving

        with self._writing() as step:
            require_ready()
            with target._writing() as copied:
                counts = moving.copy(step, copied, target._database.place, entry)
                moving.mark(step, named)
        return counts

    def _place_of(self, event: HrEvent) -> tuple[Question, Question]:
        """The questions for the URLs that have an event, and for the last place of its tenant."""
        return outbox.same_as(event), outbox.last_place(self._names.of(event.tenant))

    def _histories_today(
        self, found: Mapping[SampleKey, SampleHistory]
    ) -> dict[SampleKey, SampleHistory]:
        """The histories by the tenants of today."""
        today: dict[SampleKey, SampleHistory] = {}
        for kept in found.values():
            history = kept.of_tenant(self._names.current(kept.newest.key.tenant))
            key = history.newest.key
            today[key] = history.joined(today[key]) if key in today else history
        return today

    def _end_counting(self, step: Step, tenant: str, resource_type: str) -> None:
        for name in self._names.of(tenant):
            samples.end_counting(step, name, resource_type)

    def _placed(
        self, event: HrEvent, same: Sequence[Row], last: Sequence[Row]
    ) -> outbox.PlacedEvent:
        return outbox.PlacedEvent.of(event, self._seals, same, last)

    def _append_queued(
        self,
        step: Step,
        last: Sequence[Row],
        because: Entry,
        placed: outbox.PlacedEvent,
        urls: Iterable[str],
    ) -> list[outbox.QueuedEnvelope]:
        """A record for each URL that is to hear of an event, after the last; `because` is why."""
        envelopes = placed.envelopes(urls)
        entries = [outbox.queued(each, placed.digest, because) for each in envelopes]
        records = trail.append_all(step, last, entries)
        return [
            outbox.QueuedEnvelope(
                each, placed.digest, record, self._seals.seal(each) if self._seals else None
            )
            for each, record in zip(envelopes, records, strict=True)
        ]

    def _in_slices(self, ids: Question, number: int) -> Iterator[Sequence[int]]:
        """The ids that a question gives, so many at a time; eight bytes each are in memory."""
        [found] = self._database.ask(ids)
        order = array("q", (row_id for (row_id,) in found))
        del found
        for start in range(0, len(order), number):
            yield order[start : start + number]

    def _reseal(self, wanted: Callable[[RowToSend], bool], entry: Entry | None) -> int:
        """Seal the wanted rows; where there is an entry, it is recorded for each of them."""
        seals = self._seals
        assert seals is not None
        sealed = 0
        for ids in self._in_slices(outbox.BORNE_OUT, _BODIES):
            [rows] = self._database.ask(outbox.bodies_of(ids))
            new = [
                (message, seal)
                for message in map(outbox.message_of, rows)
                if wanted(message) and (seal := seals.seal(message.envelope())) is not None
            ]
            if not new:
                continue
            with self._writing(trail.HEAD) as step:
                [last] = step.answers
                if entry is not None:
                    trail.append_all(step, last, (outbox.resealed(m, entry) for m, _ in new))
                for message, seal in new:
                    outbox.reseal(step, message.row.id, seal)
            sealed += len(new)
        return sealed

    @contextmanager
    def _writing(self, *questions: Question) -> Iterator[Step]:
        """One durable transaction. That it failed is known to all before this thread goes on."""
        try:
            with self._database.writing(*questions) as step:
                yield step
        except StateError as error:
            self._failed(error)
            raise

    def close(self) -> None:
        """Close the connections; locks that are still held end."""
        if self._locks is not None:
            self._locks.close()
        self._database.close()
