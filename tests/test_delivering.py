"""The outbox drained: what is due is tried once, what fails waits, each attempt is recorded."""

from collections import deque
from datetime import datetime, timedelta

import pytest

from reconciler.delivering import Delivering
from reconciler.domain.manifest import Manages
from reconciler.domain.outcome import DeliverySummary
from reconciler.domain.records import Event, Intent, Run, Status
from reconciler.domain.scim import ABSENT, Schema
from reconciler.errors import Interrupted, StateError
from reconciler.ports import DeliveryResult
from tests.fakes import HOOK, START, URN, FakeClock, MemoryJournal, Receiver, document

RUN = Run(id="run-3", actor="user:test")
DOWN = DeliveryResult(delivered=False, status=503, latency_ms=5, detail="answered 503")
GONE = DeliveryResult(delivered=False, status=410, latency_ms=5, detail="answered 410", gone=True)
SILENT = DeliveryResult(delivered=False, status=None, latency_ms=9, detail="no answer")


def waiting(events: int = 1) -> MemoryJournal:
    journal = MemoryJournal()
    for number in range(events):
        urn = f"{URN}{number}"
        schema = Schema.from_json(document(urn))
        intent = Intent(
            tenant="acme", base_url=None, change="acme/x", schema_id=urn, target_system="G",
            manages=Manages.SCHEMA, desired=schema, before=ABSENT, live_before=(),
            run_id="run-1", commit=None, webhooks=(HOOK,),
        )  # fmt: skip
        journal.adopt(
            RUN.entry(Event.SCHEMA_EXTENSION_ADOPTED, START),
            intent.announcement(schema, START),
            (HOOK,),
        )
    journal.entries.clear()
    return journal


def in_five_seconds(attempts: int, result: DeliveryResult) -> datetime | None:
    return START + timedelta(seconds=5) if attempts < 3 else None


def deliver(
    journal: MemoryJournal,
    receiver: Receiver,
    clock: FakeClock | None = None,
    *,
    even_if_not_due: bool = False,
) -> DeliverySummary:
    return delivering(journal, receiver, clock).deliver(even_if_not_due=even_if_not_due)


def delivering(
    journal: MemoryJournal, receiver: Receiver, clock: FakeClock | None = None
) -> Delivering:
    return Delivering(
        outbox=journal,
        notifier=receiver,
        clock=clock or FakeClock(),
        run=RUN,
        schedule=in_five_seconds,
    )


def test_what_is_delivered_is_recorded_with_latency_and_code_and_leaves_the_outbox():
    journal, receiver = waiting(), Receiver()

    summary = deliver(journal, receiver)

    assert (summary.delivered, summary.failed, summary.pending) == (1, 0, 0)
    assert [attempt.delivered for attempt in summary.attempts] == [True]
    assert summary.waiting == ()
    assert journal.pending() == ()
    [entry] = journal.entries
    assert (entry.event, entry.status) == (Event.HR_SYNC_COMPLETED, Status.SYNCED)
    assert (entry.latency_ms, entry.webhook_status) == (3, 204)


def test_what_fails_stays_with_a_later_due_time_and_is_recorded_as_failed():
    journal, receiver = waiting(), Receiver(answers=deque([DOWN]))

    summary = deliver(journal, receiver)

    assert (summary.failed, summary.pending) == (1, 1)
    assert "answered 503" in summary.failures[0]
    [row] = journal.pending()
    assert (row.attempts, row.due_at) == (1, START + timedelta(seconds=5))
    assert journal.entries[0].status is Status.FAILED


def test_each_attempt_sends_the_same_id_and_the_same_bytes():
    journal, receiver = waiting(), Receiver(answers=deque([SILENT, DOWN]))
    clock = FakeClock()

    for _ in range(3):
        deliver(journal, receiver, clock)
        clock.seconds += 5

    assert len(receiver.got) == 3
    assert len({(row.event_id, row.body) for row in receiver.got}) == 1


def test_what_is_not_due_waits_unless_it_is_wanted_now():
    journal, receiver = waiting(), Receiver(answers=deque([DOWN]))
    deliver(journal, receiver)

    assert deliver(journal, receiver).pending == 1
    assert len(receiver.got) == 1
    assert deliver(journal, receiver, even_if_not_due=True).delivered == 1


def test_what_was_never_tried_is_due_at_once_though_the_clock_was_set_back_since():
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
def test_what_is_given_up_is_told_so_to_people_and_in_the_trail(last):
    journal = waiting()
    answers = [last] if last.gone else [last] * 3

    told = [
        deliver(journal, Receiver(answers=deque([answer])), even_if_not_due=True).failures[0]
        for answer in answers
    ]

    assert [line.endswith("given up, only `webhooks replay` sends it") for line in told] == [
        number == len(told) for number in range(1, len(told) + 1)
    ]
    assert (journal.entries[-1].detail or "").endswith(f"{last.detail}; {told[-1].split('; ')[-1]}")


@pytest.mark.parametrize("answer", [GONE, DOWN])
def test_a_replay_that_fails_gives_nothing_up_and_plans_nothing(answer):
    journal = waiting()
    [row] = journal.pending()
    deliver(journal, Receiver())  # it is delivered now

    summary = delivering(journal, Receiver(answers=deque([answer]))).replay([row])

    assert (summary.failed, summary.pending) == (1, 0)
    assert summary.failures[0].endswith(answer.detail)
    assert (journal.entries[-1].detail or "").endswith(answer.detail)
    assert journal.given_up == []


def test_a_replay_of_what_was_given_up_delivers_it():
    journal = waiting()
    [row] = journal.pending()
    deliver(journal, Receiver(answers=deque([GONE])))
    receiver = Receiver()

    summary = delivering(journal, receiver).replay(journal.given_up)

    assert (summary.delivered, summary.pending) == (1, 0)
    assert [(got.event_id, got.body) for got in receiver.got] == [(row.event_id, row.body)]
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

    assert len(journal.pending()) == 1
