"""The outbox drained: what is due is tried once, what fails waits, each attempt is recorded."""

import threading
from collections import Counter, deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

import pytest

from reconciler.delivering import PATIENCE, Delivering
from reconciler.domain.manifest import Manages
from reconciler.domain.outbox import DeliveryResult, OutboxRow, RowToSend
from reconciler.domain.outcome import DeliverySummary
from reconciler.domain.records import Entry, Event, HrEvent, Intent, Run, Status, rfc3339
from reconciler.domain.scim import ABSENT, Schema
from reconciler.errors import Interrupted, StateError, TenantLocked
from reconciler.ports import Locks, Notifier, Queue, Wanted
from tests.support.fakes import (
    HOOK,
    START,
    URN,
    FakeClock,
    FakeLocks,
    MemoryJournal,
    Receiver,
    answered,
    document,
)
from tests.support.runs import context_of

RUN = Run(id="run-3", actor="user:test")
DOWN = answered(503)
GONE = answered(410, gone=True)
SILENT = answered(None, "no answer", latency_ms=9)


HANGS = answered(None, "no whole answer", latency_ms=4000, silent=True)


def waiting(events: int = 1) -> MemoryJournal:
    """So many events of as many schemas, all for one receiver."""
    journal = MemoryJournal()
    for number in range(events):
        announce(journal, f"{URN}{number}")
    journal.entries.clear()
    return journal


def announce(
    journal: MemoryJournal, urn: str = URN, *, tenant: str = "acme", url: str = HOOK
) -> HrEvent:
    """One more event waits, that of a change which no event before it was about."""
    schema = Schema.from_json(document(urn, f"attribute{journal.made}"))
    intent = Intent(
        tenant=tenant, base_url=None, change="acme/x", schema_id=urn, target_system="G",
        manages=Manages.SCHEMA, desired=schema, before=ABSENT, live_before=None,
        run_id="run-1", commit=None, webhooks=(url,),
    )  # fmt: skip
    event = intent.announcement(schema, START)
    journal.adopt(RUN.entry(Event.SCHEMA_EXTENSION_ADOPTED, START), event, (url,))
    return event


def in_five_seconds(attempts: int, result: DeliveryResult) -> datetime | None:
    return START + timedelta(seconds=5) if attempts < 3 else None


def deliver(
    journal: MemoryJournal,
    receiver: Receiver,
    clock: FakeClock | None = None,
    *,
    even_if_not_due: bool = False,
) -> DeliverySummary:
    means = delivering(journal, receiver, clock)
    means.deliver(even_if_not_due=even_if_not_due)
    return summary_of(means)


def replay(
    journal: MemoryJournal, receiver: Receiver, event_id: str | None = None
) -> DeliverySummary:
    means = delivering(journal, receiver)
    means.replay(event_id)
    return summary_of(means)


def summary_of(means: Delivering) -> DeliverySummary:
    return means.context.progress.deliveries(means.outbox.waiting())


def delivering(
    journal: MemoryJournal,
    receiver: Notifier,
    clock: FakeClock | None = None,
    locks: Locks | None = None,
    parallelism: int = 1,
) -> Delivering:
    return Delivering(
        context=context_of(journal, clock=clock, run=RUN),
        outbox=journal,
        notifier=receiver,
        locks=locks or FakeLocks(),
        schedule=in_five_seconds,
        parallelism=parallelism,
    )


def test_a_delivery_is_recorded_with_latency_and_code_and_leaves_the_outbox():
    journal, receiver = waiting(), Receiver()

    summary = deliver(journal, receiver)

    assert (summary.delivered, summary.failed, summary.pending) == (1, 0, 0)
    assert [attempt.delivered for attempt in summary.attempts] == [True]
    assert summary.waiting == ()
    assert journal.waiting() == ()
    [entry] = journal.entries
    assert (entry.event, entry.status) == (Event.HR_SYNC_COMPLETED, Status.SYNCED)
    assert (entry.latency_ms, entry.webhook_status) == (3, 204)


def test_a_failed_delivery_stays_with_a_later_due_time_and_is_recorded():
    journal, receiver = waiting(), Receiver(answers=deque([DOWN]))

    summary = deliver(journal, receiver)

    assert (summary.failed, summary.pending) == (1, 1)
    assert "answered 503" in summary.failures[0]
    [row] = journal.waiting()
    assert (row.attempts, row.due_at) == (1, rfc3339(START + timedelta(seconds=5)))
    assert journal.entries[0].status is Status.FAILED


def test_each_attempt_sends_the_same_id_and_the_same_bytes():
    journal, receiver = waiting(), Receiver(answers=deque([SILENT, DOWN]))
    clock = FakeClock()

    for _ in range(3):
        deliver(journal, receiver, clock)
        clock.seconds += 5

    assert len(receiver.got) == 3
    assert len({(each.row.event_id, each.body) for each in receiver.got}) == 1


def test_a_row_that_is_not_due_waits_unless_now_is_given():
    journal, receiver = waiting(), Receiver(answers=deque([DOWN]))
    deliver(journal, receiver)

    assert deliver(journal, receiver).pending == 1
    assert len(receiver.got) == 1
    assert deliver(journal, receiver, even_if_not_due=True).delivered == 1


def test_a_row_that_was_never_tried_is_due_though_the_clock_was_set_back():
    journal, receiver = waiting(), Receiver()

    assert deliver(journal, receiver, FakeClock(seconds=-86400)).delivered == 1


@pytest.mark.parametrize("answers", [[GONE], [DOWN, DOWN, DOWN]])
def test_a_receiver_that_is_gone_or_the_end_of_the_schedule_gives_up(answers):
    journal, receiver = waiting(), Receiver(answers=deque(answers))

    for _ in answers:
        summary = deliver(journal, receiver, even_if_not_due=True)

    assert summary.pending == 0
    assert len(journal.given_up) == 1


@pytest.mark.parametrize("last", [GONE, DOWN])
def test_a_webhook_given_up_is_reported_and_recorded(last):
    journal = waiting()
    answers = [last] if last.gone else [last] * 3

    reported = [
        deliver(journal, Receiver(answers=deque([answer])), even_if_not_due=True).failures[0]
        for answer in answers
    ]

    assert [line.endswith("given up, only `webhooks replay` sends it") for line in reported] == [
        number == len(reported) for number in range(1, len(reported) + 1)
    ]
    assert (journal.entries[-1].detail or "").endswith(
        f"{last.detail}; {reported[-1].split('; ')[-1]}"
    )


@pytest.mark.parametrize("answer", [GONE, DOWN])
def test_a_replay_that_fails_gives_nothing_up_and_plans_nothing(answer):
    journal = waiting()
    deliver(journal, Receiver(answers=deque([GONE])))
    given_up = list(journal.given_up)

    summary = replay(journal, Receiver(answers=deque([answer])))

    assert (summary.failed, summary.pending) == (1, 0)
    assert summary.failures[0].endswith(answer.detail)
    assert (journal.entries[-1].detail or "").endswith(answer.detail)
    assert journal.given_up == given_up


def test_a_replay_of_what_was_given_up_delivers_it():
    journal = waiting()
    [(row, body)] = [(each.row, each.body) for each in journal.rows.values()]
    deliver(journal, Receiver(answers=deque([GONE])))
    receiver = Receiver()

    summary = replay(journal, receiver)

    assert (summary.delivered, summary.pending) == (1, 0)
    assert [(got.row.event_id, got.body) for got in receiver.got] == [(row.event_id, body)]
    assert journal.given_up == []
    assert journal.entries[-1].status is Status.SYNCED


def test_one_dead_row_does_not_hold_up_the_others():
    journal, receiver = waiting(3), Receiver(answers=deque([DOWN]))

    summary = deliver(journal, receiver)

    assert (summary.delivered, summary.failed, summary.pending) == (2, 1, 1)


def test_a_stop_signal_sends_nothing_more():
    journal, receiver = waiting(), Receiver()

    with pytest.raises(Interrupted):
        deliver(journal, receiver, FakeClock(stopped=True))

    assert receiver.got == []


def test_a_delivery_that_cannot_be_recorded_stays_pending():
    journal, receiver = waiting(), Receiver()
    journal.full_after = 0

    with pytest.raises(StateError):
        deliver(journal, receiver)

    assert len(journal.waiting()) == 1


# ------------------------------------------------------------------------------- order


def test_a_failed_event_holds_back_later_ones_of_its_schema_to_that_url_and_no_others():
    journal, receiver = MemoryJournal(), Receiver(answers=deque([DOWN]))
    first, later = announce(journal), announce(journal)
    other_schema, other_url = announce(journal, f"{URN}Other"), announce(journal, url=f"{HOOK}2")

    summary = deliver(journal, receiver)

    got = {each.row.event_id for each in receiver.got}
    assert got == {first.event_id, other_schema.event_id, other_url.event_id}
    assert [(w.event_id, w.attempts) for w in summary.waiting or ()] == [
        (first.event_id, 1),
        (later.event_id, 0),
    ]
    [remaining] = summary.not_tried
    assert (remaining.webhooks, remaining.reason) == (
        1,
        f"an earlier one of the same schema to {HOOK} was not delivered",
    )


def test_events_of_one_schema_arrive_in_their_order_however_many_threads_send():
    journal = MemoryJournal()
    schemas = [f"{URN}{number % 4}" for number in range(40)]
    events = [announce(journal, urn) for urn in schemas]
    receiver = Parallel()

    means = delivering(journal, receiver, parallelism=8)
    means.deliver()

    assert len(receiver.got) == len(events)
    for urn in set(schemas):
        arrived = [e.row.event_id for e in receiver.got if e.row.schema_id == urn]
        assert arrived == [e.event_id for e, of in zip(events, schemas, strict=True) if of == urn]


def test_a_webhook_given_up_holds_nothing_back():
    journal, receiver = MemoryJournal(), Receiver(answers=deque([GONE]))
    announce(journal)
    later = announce(journal)

    deliver(journal, receiver)

    assert [each.row.event_id for each in receiver.got][1:] == [later.event_id]
    assert journal.waiting() == ()


# --------------------------------------------------------------------------- in parallel


@dataclass
class Parallel:
    """A receiver that keeps each request for a moment, and counts how many it has at once."""

    got: list[RowToSend] = field(default_factory=list)
    at_once: dict[str, int] = field(default_factory=Counter)
    most: dict[str, int] = field(default_factory=Counter)
    lock: threading.Lock = field(default_factory=threading.Lock)
    hangs: str = "none"
    full: threading.Barrier | None = None

    def send(self, message: RowToSend) -> DeliveryResult:
        url = message.row.url
        with self.lock:
            self.got.append(message)
            self.at_once[url] += 1
            self.most[url] = max(self.most[url], self.at_once[url])
        if self.full is not None:
            self.full.wait(30)
        with self.lock:
            self.at_once[url] -= 1
        result = HANGS if url.startswith(self.hangs) else answered(204)
        return replace(result, row=message.row)


def test_receivers_are_served_at_the_same_time():
    """Each request waits until as many others have arrived as there are threads."""
    journal = MemoryJournal()
    for number in range(4):
        announce(journal, f"{URN}{number}", url=f"https://hr{number}.example.com/")
    receiver = Parallel(full=threading.Barrier(4))

    delivering(journal, receiver, parallelism=4).deliver()

    assert journal.waiting() == ()


def test_deliveries_keep_to_the_given_parallelism():
    journal, receiver = waiting(40), Parallel()

    delivering(journal, receiver, parallelism=3).deliver()

    assert journal.waiting() == ()
    assert receiver.most[HOOK] <= 3


def test_a_round_keeps_few_rows_however_many_wait():
    """The bodies of n and of 2n rows: as many are read at once."""
    most = []
    for events in (60, 120):
        journal = CountingJournal()
        for number in range(events):
            announce(journal, f"{URN}{number}")
        delivering(journal, Receiver()).deliver()
        assert journal.waiting() == ()
        most.append(journal.most)

    assert most == [most[0], most[0]]


@dataclass
class CountingJournal(MemoryJournal):
    """How many rows were out at most: read and not recorded yet."""

    out: int = 0
    most: int = 0

    def next_rows(self, queue: Queue, wanted: Wanted, *, after: int) -> tuple[RowToSend, ...]:
        rows = super().next_rows(queue, wanted, after=after)
        self.out += len(rows)
        self.most = max(self.most, self.out)
        return rows

    def delivered(self, row: OutboxRow, entry: Entry) -> None:
        super().delivered(row, entry)
        self.out -= 1


# ---------------------------------------------------------------------------- who hangs


@pytest.mark.parametrize("parallelism", [1, 8])
def test_a_receiver_that_does_not_answer_twice_is_given_up_for_the_run(parallelism: int):
    journal = MemoryJournal()
    for number in range(8):
        announce(journal, tenant=f"tenant-{number}", url=f"https://dead.example.com/{number}")
        announce(journal, tenant=f"tenant-{number}", url=f"https://hr.example.com/{number}")
    receiver = Parallel(hangs="https://dead.")

    means = delivering(journal, receiver, parallelism=parallelism)
    means.deliver()
    summary = summary_of(means)

    assert (summary.delivered, summary.failed, summary.pending) == (8, 2, 8)
    assert sorted(w.attempts for w in summary.waiting or ()) == [0] * 6 + [1] * 2
    [remaining] = summary.not_tried
    assert remaining.webhooks == 6
    assert remaining.reason == "https://dead.example.com was given up for this run: no whole answer"


@pytest.mark.parametrize("parallelism", [1, 2, 8])
def test_a_hanging_path_does_not_delay_other_tenants_of_its_receiver(parallelism: int):
    journal = MemoryJournal()
    for number in range(6):
        announce(journal, f"{URN}{number}", tenant="a", url="https://hr.example.com/hangs")
    for number in range(12):
        announce(journal, tenant=f"b{number}", url=f"https://hr.example.com/{number}")
        announce(journal, f"{URN}2", tenant=f"b{number}", url=f"https://hr.example.com/{number}")
    receiver = Parallel(hangs="https://hr.example.com/hangs")

    means = delivering(journal, receiver, parallelism=parallelism)
    means.deliver()
    summary = summary_of(means)

    assert summary.delivered == 24
    assert {pending.tenant for pending in journal.waiting()} == {"a"}


def test_a_receiver_is_not_judged_by_one_slow_path():
    """The first request hangs, and the second, which finds out about the receiver, meets it."""
    journal = MemoryJournal()
    for number in range(3):
        announce(journal, f"{URN}{number}", tenant="a", url="https://hr.example.com/hangs")
    announce(journal, tenant="b", url="https://hr.example.com/b")
    receiver = Parallel(hangs="https://hr.example.com/hangs")
    receiver.full = threading.Barrier(2, lambda: setattr(receiver, "full", None))

    delivering(journal, receiver, parallelism=8).deliver()

    assert [each.row.tenant for each in receiver.got[:2]] == ["a", "b"]
    assert {pending.tenant for pending in journal.waiting()} == {"a"}


def test_a_receiver_that_hangs_has_no_more_than_two_requests_at_once():
    """Each request stays until two are there: more than two threads would never meet again."""
    journal = MemoryJournal()
    for number in range(6):
        announce(journal, f"{URN}{number}")
    receiver = Parallel(hangs=HOOK, full=threading.Barrier(2))

    delivering(journal, receiver, parallelism=6).deliver()

    assert len(receiver.got) == 2
    assert receiver.most == {HOOK: 2}


def test_the_first_answer_of_a_receiver_is_waited_for():
    """So the log of a small run has one order."""
    for _ in range(20):
        journal, receiver = waiting(2), Parallel()

        delivering(journal, receiver, parallelism=8).deliver()

        assert receiver.most == {HOOK: 1}
        assert [entry.schema_id for entry in journal.entries] == [f"{URN}0", f"{URN}1"]


def test_an_answer_resets_the_silences_of_a_receiver():
    journal = waiting(7)
    receiver = Receiver(answers=deque([HANGS, DOWN, HANGS, DOWN, HANGS, DOWN]))

    summary = deliver(journal, receiver)

    assert (summary.delivered, summary.failed, summary.not_tried) == (1, 6, ())


def test_a_delivery_that_was_never_sent_says_nothing_about_the_receiver():
    unsent = replace(SILENT, detail="no manifest names this URL")
    journal, receiver = waiting(5), Receiver(answers=deque([unsent] * 5))

    summary = deliver(journal, receiver)

    assert (summary.failed, summary.not_tried) == (5, ())


def test_what_a_person_has_to_mend_first_is_no_attempt_and_waits():
    unsent = replace(SILENT, detail="variable HR is not set", unsent=True)
    journal, receiver = waiting(3), Receiver(answers=deque([unsent] * 3))
    before = journal.waiting()

    summary = deliver(journal, receiver)

    assert summary.attempts == ()
    assert [(each.webhooks, each.reason) for each in summary.not_tried] == [
        (3, f"acme: to {HOOK}: variable HR is not set")
    ]
    assert journal.entries == []
    assert journal.waiting() == before


# -------------------------------------------------------------------------- two senders


def test_a_queue_held_by_another_sender_is_waited_for_and_reported():
    journal, receiver, locks = MemoryJournal(), Receiver(), FakeLocks(taken_queues=frozenset("b"))
    for tenant in ("a", "b", "c"):
        announce(journal, tenant=tenant)

    means = delivering(journal, receiver, locks=locks)
    means.deliver()

    summary = summary_of(means)
    assert [each.row.tenant for each in receiver.got] == ["a", "c"]
    assert locks.asked_queues == [("a", 0.0), ("b", 0.0), ("c", 0.0), ("b", PATIENCE)]
    [remaining] = summary.not_tried
    assert remaining.reason == f"the queue of tenant b to {HOOK} is locked by run 7"
    assert summary.pending == 1


def test_rows_are_read_again_under_the_lock_of_their_queue():
    """Another run had it meanwhile: it sent one event and queued the next."""
    journal, receiver = MemoryJournal(), Receiver()
    sent_by_the_other = announce(journal)
    queued_by_the_other: list[HrEvent] = []

    class Busy(FakeLocks):
        @contextmanager
        def hold_queue(self, tenant: str, url: str, *, patience: float = 0.0) -> Iterator[None]:
            if not patience:
                raise TenantLocked("somebody else sends it")
            [other] = journal.waiting()
            journal.delivered(other, RUN.entry(Event.HR_SYNC_COMPLETED, START))
            queued_by_the_other.append(announce(journal))
            yield

    delivering(journal, receiver, locks=Busy()).deliver()

    assert [each.row.event_id for each in receiver.got] == [queued_by_the_other[0].event_id]
    assert sent_by_the_other.event_id not in {each.row.event_id for each in receiver.got}


def test_an_event_that_is_queued_while_its_queue_is_sent_does_not_stay():
    journal, more = MemoryJournal(), deque(["while", "still while"])
    announce(journal)

    class Meanwhile(Receiver):
        def send(self, message: RowToSend) -> DeliveryResult:
            if more:
                announce(journal, f"{URN}{more.popleft()}")
            return super().send(message)

    receiver = Meanwhile()
    delivering(journal, receiver).deliver()

    assert len(receiver.got) == 3
    assert journal.waiting() == ()


@pytest.mark.parametrize("parallelism", [1, 4])
@pytest.mark.parametrize("stopped", [True, False])
def test_every_queue_is_given_back_however_the_round_ends(parallelism: int, stopped: bool):
    journal, receiver, locks, clock = waiting(9), Parallel(), FakeLocks(), FakeClock()
    for number in range(9):
        announce(journal, tenant=f"tenant-{number}")
    journal.entries.clear()
    journal.full_after = None if stopped else 5

    class Stopping(Parallel):
        def send(self, message: RowToSend) -> DeliveryResult:
            clock.stopped = stopped and len(self.got) > 4
            return super().send(message)

    receiver = Stopping()
    means = delivering(journal, receiver, clock, locks, parallelism)
    with pytest.raises(Interrupted if stopped else StateError):
        means.deliver()

    assert locks.queues == []
    assert len(receiver.got) < 18
    if stopped:  # what was under way is recorded
        assert len(journal.entries) == len(receiver.got)
