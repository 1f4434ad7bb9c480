"""The outbox: nothing is said before its outcome, nothing twice, and never with other bytes."""

from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from reconciler.adapters.database import Backlog, Store
from reconciler.adapters.packaged import schema_text
from reconciler.domain.jsontext import parse
from reconciler.domain.outbox import OutboxRow, RowState
from reconciler.domain.records import Status, check_chain, rfc3339
from reconciler.errors import StateError
from reconciler.ports import Due, Over, Queue
from tests.support.store_world import (
    EVENT,
    HR_URN,
    RECEIVER,
    SECOND,
    Place,
    adopted,
    attempt,
    behind_its_back,
    created,
    dump,
    event,
    intended,
    intent,
    messages,
    opened,
    rows,
    to_send,
)

NOW = datetime(2026, 1, 2, 3, 4, 5, 678000, tzinfo=UTC)


SECONDS = timedelta(seconds=1)


def released(store: Store) -> tuple[OutboxRow, ...]:
    store.settle(store.intend(intent(), intended()), created(), event())
    return to_send(store)


def test_no_webhook_is_pending_before_the_outcome(place: Place) -> None:
    with opened(place) as store:
        store.intend(intent(), intended())

        assert to_send(store) == ()
        assert tuple(store.released()) == ()
    assert rows(place, "SELECT state, url, body FROM outbox") == [
        ("held", RECEIVER, None),
        ("held", SECOND, None),
    ]


def test_a_verified_change_is_released_to_every_url_at_once(place: Place) -> None:
    with opened(place) as store:
        to_receiver, to_second = released(store)

        assert {each.body for each in messages(store)} == {event().body(1)}
    assert to_receiver == OutboxRow(
        id=1,
        tenant="acme",
        url=RECEIVER,
        event_id=event().event_id,
        schema_id=HR_URN,
        sequence=1,
        state=RowState.READY,
        attempts=0,
        due_at=created().timestamp,
        last_status=None,
        last_detail=None,
        change="acme/hr",
    )
    assert to_second == replace(to_receiver, id=2, url=SECOND)


def test_the_body_fits_the_json_schema_of_events(place: Place) -> None:
    with opened(place) as store:
        released(store)
        body = parse(messages(store)[0].body)

    EVENT.validate(body)
    known = set(parse(schema_text("event").encode())["properties"])
    assert set(body) == known - {"searchable", "searchable_ms"}  # nobody has asked
    for member in body:
        assert not EVENT.is_valid({name: v for name, v in body.items() if name != member})


@pytest.mark.parametrize(
    "change",
    [
        {"event_type": "SCHEMA_EXTENSION_DELETED"},
        {"event_id": "evt_1"},
        {"sequence": 0},
        {"verified_at": "yesterday"},
        {"schema_digest": "absent"},
        {"attributes": [{"name": "a", "type": "string", "mutability": "readWrite"}]},
        {"tenant": ""},
    ],
)
def test_the_json_schema_refuses_what_is_no_event(change: dict[str, object]) -> None:
    body = parse(event().body(1))
    assert EVENT.is_valid(body)

    assert not EVENT.is_valid(body | change)


def test_a_change_that_did_not_happen_is_never_announced(place: Place) -> None:
    with opened(place) as store:
        store.settle(store.intend(intent(), intended()), created(Status.FAILED), None)

        assert to_send(store) == ()
        assert tuple(store.released()) == ()
    assert rows(place, "SELECT DISTINCT state, body FROM outbox") == [("void", None)]


def test_a_webhook_url_named_twice_gets_one_row(place: Place) -> None:
    with opened(place) as store:
        number = store.intend(intent(urls=(RECEIVER, RECEIVER)), intended())
        store.settle(number, created(), event())
        store.adopt(adopted(), event(2), [SECOND, SECOND])

        assert [each.url for each in to_send(store)] == [RECEIVER, SECOND]


def test_an_event_released_again_is_not_queued_again(place: Place) -> None:
    with opened(place) as store:
        first = released(store)

        store.settle(store.intend(intent(), intended()), created(Status.RECOVERED), event())
        store.adopt(adopted(), event(), [RECEIVER, SECOND])

        assert to_send(store) == first
        assert store.open_intents("acme") == ()
    assert rows(place, "SELECT state FROM outbox WHERE intent_id = 2") == [("void",), ("void",)]


@pytest.mark.parametrize("end", [RowState.DELIVERED, RowState.GIVEN_UP])
def test_an_event_that_is_over_is_not_queued_again(place: Place, end: RowState) -> None:
    with opened(place) as store:
        for each in released(store):
            if end is RowState.DELIVERED:
                store.delivered(each, attempt(Status.SYNCED, 200))
            else:
                store.failed(each, attempt(Status.FAILED, 410), None)

        store.adopt(adopted(), event(), [RECEIVER, SECOND])

        assert to_send(store) == ()
        assert [each.state for each in store.released()] == [end, end]


def test_a_voided_event_may_be_released_later(place: Place) -> None:
    with opened(place) as store:
        store.settle(store.intend(intent(), intended()), created(Status.FAILED), None)

        store.adopt(adopted(), event(), [RECEIVER])

        assert [each.event_id for each in to_send(store)] == [event().event_id]


def test_a_url_added_later_gets_the_same_bytes(place: Place) -> None:
    with opened(place) as store:
        store.adopt(adopted(), event(), [RECEIVER])
        store.adopt(adopted(), event(2), [RECEIVER])
        later = replace(event(), verified_at="2027-01-01T00:00:00.000Z")

        store.adopt(adopted(), later, [RECEIVER, SECOND])

        to_receiver, to_second, _ = messages(store)
        assert (to_receiver.row.url, to_second.row.url) == (RECEIVER, SECOND)
        assert to_second.body == to_receiver.body == event().body(1)


def test_the_sequence_counts_per_tenant(place: Place) -> None:
    with opened(place) as store:
        for number, tenant in enumerate(["acme", "beta", "acme", "acme", "beta"]):
            reported = replace(event(number), tenant=tenant)
            store.adopt(adopted(tenant), reported, [RECEIVER, SECOND])

        told_order = [(d.tenant, d.sequence) for d in store.released() if d.url == SECOND]
    assert told_order == [("acme", 1), ("beta", 1), ("acme", 2), ("acme", 3), ("beta", 2)]


def test_a_voided_event_leaves_no_gap_in_the_sequence(place: Place) -> None:
    with opened(place) as store:
        store.settle(store.intend(intent(), intended()), created(), event(1))
        store.settle(store.intend(intent(), intended()), created(Status.FAILED), None)
        store.settle(store.intend(intent(), intended()), created(), event(2))

        assert {d.sequence for d in store.released()} == {1, 2}


def test_pending_is_in_the_order_of_the_outcomes(place: Place) -> None:
    with opened(place) as store:
        early = store.intend(intent(urls=(RECEIVER,)), intended())
        late = store.intend(intent(urls=(RECEIVER,)), intended())

        store.settle(late, created(), event(1))
        store.settle(early, created(), event(2))

        assert [each.event_id for each in to_send(store)] == [
            event(1).event_id,
            event(2).event_id,
        ]


def test_a_queue_has_the_events_of_one_tenant_and_url_in_order(place: Place) -> None:
    with opened(place) as store:
        for number, tenant in enumerate(["beta", "acme", "beta"]):
            reported = event(number, tenant=tenant)
            store.adopt(adopted(tenant), reported, [RECEIVER] if number else [RECEIVER, SECOND])

        queues = store.queues(Due(None))
        assert queues == (
            Queue(tenant="beta", url=RECEIVER, rows=2),
            Queue(tenant="beta", url=SECOND, rows=1),
            Queue(tenant="acme", url=RECEIVER, rows=1),
        )
        first, second = store.next_rows(queues[0], Due(None), after=0)
        assert (first.row.event_id, second.row.event_id) == (
            event(0, tenant="beta").event_id,
            event(2, tenant="beta").event_id,
        )
        assert store.next_rows(queues[0], Due(None), after=first.row.sequence) == (second,)
        assert store.next_rows(queues[0], Due(None), after=second.row.sequence) == ()


def test_a_long_queue_is_read_a_few_rows_at_a_time(place: Place) -> None:
    with opened(place) as store:
        for number in range(120):
            store.adopt(adopted(), event(number), [RECEIVER])

        [queue] = store.queues(Due(None))
        sizes, last = [], 0
        while rows := store.next_rows(queue, Due(None), after=last):
            sizes.append(len(rows))
            last = rows[-1].row.sequence
        assert (queue.rows, sizes, last) == (120, [50, 50, 20], 120)


def test_a_queue_is_found_by_an_index_however_many_others_wait(tmp_path: Path) -> None:
    with opened(tmp_path / "state.db"):
        [(*_, how)] = rows(
            tmp_path / "state.db",
            "EXPLAIN QUERY PLAN SELECT body FROM outbox WHERE tenant = 'a' AND url = 'u' "
            "AND sequence > 0 AND state = 'ready' ORDER BY sequence LIMIT 50",
        )

    assert how == "SEARCH outbox USING INDEX outbox_ready (tenant=? AND url=? AND sequence>?)"


def test_a_row_that_was_never_tried_is_due_whatever_the_clock_says(place: Place) -> None:
    with opened(place) as store:
        first, second = released(store)
        store.failed(first, attempt(Status.FAILED, 503), NOW)

        assert to_send(store, Due(NOW - timedelta(days=1))) == (second,)


def test_the_backlog_counts_what_waits_and_says_when_the_first_is_due(place: Place) -> None:
    with opened(place) as store:
        assert store.backlog() == Backlog(webhooks=0, due_at=None)
        first, _ = released(store)
        store.failed(first, attempt(Status.FAILED, 503), NOW - timedelta(minutes=5))

        assert store.backlog() == Backlog(webhooks=2, due_at=rfc3339(NOW - timedelta(minutes=5)))


def test_a_delivery_is_over_and_recorded(place: Place) -> None:
    with opened(place) as store:
        first, second = released(store)

        store.delivered(first, attempt(Status.SYNCED, 202))

        assert to_send(store) == (second,)
        done = next(store.released())
        assert (done.state, done.attempts, done.last_status, done.due_at) == (
            RowState.DELIVERED, 1, 202, None,
        )  # fmt: skip
        *_, last = store.records()
        assert (last["event"], last["status"]) == ("HR_SYNC_COMPLETED", "SYNCED")


def test_a_failed_attempt_is_counted_and_due_later_with_the_same_bytes(place: Place) -> None:
    with opened(place) as store:
        first, _ = released(store)
        later = NOW + timedelta(minutes=5)

        store.failed(first, attempt(Status.FAILED, 503), later)

        assert to_send(store)[0] == replace(
            first, attempts=1, due_at=rfc3339(later), last_status=503, last_detail="so it went"
        )
        assert store.waiting()[0].due_at == rfc3339(later)
        assert to_send(store, Due(later - SECONDS)) == to_send(store)[1:]
        assert to_send(store, Due(later)) == to_send(store)
        waiting = next(store.released())
        assert (waiting.state, waiting.last_status, waiting.last_detail) == (
            RowState.READY, 503, "so it went",
        )  # fmt: skip


def test_a_row_that_was_given_up_is_kept_and_not_sent(place: Place) -> None:
    with opened(place) as store:
        first, second = released(store)

        store.failed(first, attempt(Status.FAILED, None), None)

        assert to_send(store) == (second,)
        assert next(store.released()).state is RowState.GIVEN_UP
        assert next(store.released()).last_status is None


def test_a_row_that_was_given_up_can_be_sent_again_with_the_same_bytes(place: Place) -> None:
    with opened(place) as store:
        first, second = released(store)
        store.failed(first, attempt(Status.FAILED, 410), None)

        [again] = to_send(store, Over(None))
        assert (again.id, again.state, again.attempts) == (first.id, RowState.GIVEN_UP, 1)
        [message] = messages(store, Over(None))
        assert message.body == event().body(1)

        store.failed(again, attempt(Status.FAILED, 503), NOW)
        assert to_send(store) == (second,)
        assert to_send(store, Over(None)) == (again,)

        store.delivered(again, attempt(Status.SYNCED, 204))
        assert to_send(store, Over(None)) == ()


def test_an_event_can_be_sent_again_to_all_where_it_is_over(place: Place) -> None:
    with opened(place) as store:
        first, second = released(store)
        store.adopt(adopted("beta"), event(2, tenant="beta"), [RECEIVER])
        store.delivered(first, attempt(Status.SYNCED, 204))
        [delivered] = to_send(store, Over(event().event_id))  # the other one still waits
        store.failed(second, attempt(Status.FAILED, 410), None)

        assert [row.url for row in to_send(store, Over(event().event_id))] == [RECEIVER, SECOND]
        assert to_send(store, Over("evt_of_nobody")) == ()

        store.failed(delivered, attempt(Status.FAILED, 503), NOW)
        assert next(store.released()).state is RowState.DELIVERED


def test_a_delivery_beats_a_failure_of_another_process(place: Place) -> None:
    with opened(place) as store:
        first, _ = released(store)

        store.delivered(first, attempt(Status.SYNCED, 200))
        store.failed(first, attempt(Status.FAILED, None), NOW)
        store.failed(first, attempt(Status.FAILED, None), None)

        assert next(store.released()).state is RowState.DELIVERED
        assert store.head()[0] == 7  # every attempt is in the trail


def test_a_delivery_counts_even_after_another_process_gave_up(place: Place) -> None:
    with opened(place) as store:
        first, _ = released(store)

        store.failed(first, attempt(Status.FAILED, None), None)
        store.delivered(first, attempt(Status.SYNCED, 200))

        assert next(store.released()).state is RowState.DELIVERED


def delivered_at(store: Store, number: int, at: str) -> None:
    """An event of its own, delivered to one URL at that time."""
    store.adopt(adopted(), event(number), [RECEIVER])
    [pending] = to_send(store)
    store.delivered(pending, replace(attempt(Status.SYNCED, 204), timestamp=at))


OLD, YOUNG = "2026-01-02T03:04:05.678Z", "2026-04-02T03:04:05.678Z"
BETWEEN = datetime(2026, 3, 1, tzinfo=UTC)


def test_rows_delivered_long_ago_are_pruned_and_stay_announced(place: Place) -> None:
    with opened(place) as store:
        delivered_at(store, 1, OLD)
        delivered_at(store, 2, YOUNG)

        assert store.prune(BETWEEN) == 1
        assert store.prune(BETWEEN) == 0

        assert [each.event_id for each in store.released()] == [event(2).event_id]
        assert store.queues(Over(event(1).event_id)) == ()
        assert len(store.queues(Over(event(2).event_id))) == 1
        store.adopt(adopted(), event(1), [RECEIVER])
        assert to_send(store) == ()  # that URL has heard of it
        store.adopt(adopted(), event(1), [SECOND])
        store.adopt(adopted(), event(3), [SECOND])
        assert [row.sequence for row in to_send(store)] == [1, 3]
        assert messages(store)[0].body == event(1).body(1)
    assert rows(place, "SELECT length(body) FROM outbox WHERE id = 1") == [(0,)]


def test_only_delivered_rows_are_pruned(place: Place) -> None:
    with opened(place) as store:
        store.settle(store.intend(intent(), intended()), created(), event(1))
        store.intend(intent(), intended())
        store.settle(store.intend(intent(), intended()), created(Status.FAILED), None)
        store.failed(to_send(store)[0], attempt(Status.FAILED, 410), None)
        before = dump(place)

        assert store.prune(datetime(2100, 1, 1, tzinfo=UTC)) == 0

        assert dump(place) == before


def test_the_oldest_rows_are_pruned_first_up_to_the_given_number(place: Place) -> None:
    with opened(place) as store:
        for number, day in enumerate((3, 1, 2), 1):
            delivered_at(store, number, f"2026-01-0{day}T00:00:00.000Z")

        assert store.prune(BETWEEN, limit=2) == 2

        assert [each.event_id for each in store.released()] == [event(1).event_id]


def test_a_deleted_outbox_row_is_an_error_and_nothing_is_recorded(place: Place) -> None:
    with opened(place) as store:
        first, _ = released(store)
        behind_its_back(place, "DELETE FROM outbox WHERE id = 1")

        with pytest.raises(StateError, match="the outbox has no row 1"):
            store.delivered(first, attempt(Status.SYNCED, 200))

        assert store.head()[0] == 4


def test_released_rows_come_in_the_order_of_their_release_however_many_there_are(
    place: Place,
) -> None:
    """A change that was intended first may be verified last; its rows have the lowest ids."""
    with opened(place) as store:
        held = store.intend(intent(), intended())
        for number in range(1, 520):  # more than are read at once
            store.adopt(adopted(), event(number), [RECEIVER])
        store.settle(held, created(), event(999))

        ids = [row.event_id for row in store.released()]

    expected = [event(number).event_id for number in range(1, 520)]
    assert ids == [*expected, event(999).event_id, event(999).event_id]


def test_a_row_that_is_pruned_while_the_released_ones_are_read_is_left_out(place: Place) -> None:
    with opened(place) as store:
        delivered_at(store, 1, OLD)
        for number in range(2, 600):
            store.adopt(adopted(), event(number), [RECEIVER])
        delivered_at_last = next(reversed(to_send(store)))
        store.delivered(delivered_at_last, replace(attempt(Status.SYNCED, 204), timestamp=OLD))
        reading = store.released()
        first = next(reading)
        store.prune(BETWEEN)
        rest = list(reading)

    assert first.event_id == event(1).event_id  # read before it was pruned
    assert event(599).event_id not in [row.event_id for row in rest]
    assert len(rest) == 597


def test_a_damaged_row_is_reported(place: Place) -> None:
    with opened(place) as store:
        released(store)
        behind_its_back(place, "UPDATE outbox SET due_at = 'soon' WHERE id = 2")

        with pytest.raises(StateError, match="row 2 of the outbox is due at no moment"):
            store.waiting()
        with pytest.raises(StateError, match="row 2 of the outbox is due at no moment"):
            tuple(store.released())
        assert [row.id for row in to_send(store)] == [1, 2]


@pytest.mark.parametrize(
    "edit",
    [
        "UPDATE outbox SET state = 'sent'",
        "UPDATE outbox SET state = 'held'",  # it has bytes that could be sent
        "UPDATE outbox SET body = NULL",
        "UPDATE outbox SET sequence = NULL",
        "UPDATE outbox SET due_at = NULL",
        "UPDATE intents SET manages = 'everything'",
        "INSERT INTO outbox (tenant, url, schema_id, state, attempts)"
        " VALUES ('acme', 'https://x', 'urn:x', 'ready', 0)",
        "INSERT INTO outbox SELECT 9, intent_id, tenant, url, schema_id, state, event_id, sequence,"
        " body, released_by, attempts, due_at, last_status, last_detail, NULL, NULL, NULL,"
        " NULL, NULL FROM outbox WHERE id = 1",
        "UPDATE intents SET state = 'open'",
    ],
)
def test_database_constraints_refuse_impossible_rows(place: Place, edit: str) -> None:
    with opened(place) as store:
        released(store)

    with pytest.raises(Exception, match="constraint"):
        behind_its_back(place, edit)


# ------------------------------------------------------------------------------- law


class OutboxMachine(RuleBasedStateMachine):
    """Any order of deeds, opening and closing among them, against a list of what was said."""

    def __init__(self, somewhere: Callable[[], AbstractContextManager[Place]]) -> None:
        super().__init__()
        self.somewhere = somewhere
        self.closing = ExitStack()
        self.place = self.closing.enter_context(self.somewhere())
        self.context = opened(self.place)
        self.store = self.context.__enter__()
        self.open: dict[int, tuple[str, tuple[str, ...]]] = {}
        self.announced: set[tuple[str, str]] = set()  # url, event id
        self.over: set[tuple[str, str]] = set()
        self.bytes: dict[str, bytes] = {}
        self.deeds = 0

    tenants = st.sampled_from(["acme", "beta"])
    urls = st.lists(st.sampled_from([RECEIVER, SECOND]), max_size=2).map(tuple)
    numbers = st.integers(1, 4)

    @rule(tenant=tenants, urls=urls)
    def intend(self, tenant: str, urls: tuple[str, ...]) -> None:
        number = self.store.intend(intent(tenant=tenant, urls=urls), intended(tenant))
        self.open[number] = (tenant, urls)
        self.deeds += 1

    @precondition(lambda self: self.open)
    @rule(data=st.data(), happened=st.booleans(), number=numbers)
    def settle(self, data: st.DataObject, happened: bool, number: int) -> None:
        intent_id = data.draw(st.sampled_from(sorted(self.open)))
        tenant, urls = self.open.pop(intent_id)
        reported = replace(event(number, tenant=tenant), event_id=f"evt_{tenant}_{number}")
        self.store.settle(intent_id, created(tenant=tenant), reported if happened else None)
        self.announced |= {(url, reported.event_id) for url in urls} if happened else set()
        self.deeds += 1

    @rule(tenant=tenants, urls=urls, number=numbers)
    def adopt(self, tenant: str, urls: tuple[str, ...], number: int) -> None:
        reported = replace(event(number, tenant=tenant), event_id=f"evt_{tenant}_{number}")
        self.store.adopt(adopted(tenant), reported, urls)
        self.announced |= {(url, reported.event_id) for url in urls}
        self.deeds += 1

    @precondition(lambda self: self.announced - self.over)
    @rule(data=st.data(), how=st.sampled_from(["delivered", "later", "given up"]))
    def attempt(self, data: st.DataObject, how: str) -> None:
        pending = data.draw(st.sampled_from(to_send(self.store)))
        about = f"{pending.event_id} to {pending.url}: {how}"
        if how == "delivered":
            synced = attempt(Status.SYNCED, 200, pending.tenant)
            self.store.delivered(pending, replace(synced, detail=about))
        else:
            due = NOW if how == "later" else None
            failed = attempt(Status.FAILED, 500, pending.tenant)
            self.store.failed(pending, replace(failed, detail=about), due)
        self.over |= {(pending.url, pending.event_id)} if how != "later" else set()
        self.deeds += 1

    @rule()
    def open_again(self) -> None:
        self.context.__exit__(None, None, None)
        self.context = opened(self.place)
        self.store = self.context.__enter__()

    @invariant()
    def pending_is_what_was_told_and_is_not_over(self) -> None:
        pending = [(each.url, each.event_id) for each in to_send(self.store)]
        assert len(pending) == len(set(pending))
        assert set(pending) == self.announced - self.over
        everything = [(each.url, each.event_id) for each in self.store.released()]
        assert sorted(everything) == sorted(self.announced)

    @invariant()
    def the_same_id_always_has_the_same_bytes(self) -> None:
        for each in messages(self.store):
            assert self.bytes.setdefault(each.row.event_id, each.body) == each.body

    @invariant()
    def each_tenant_counts_without_gaps(self) -> None:
        numbers: dict[str, dict[int, str]] = defaultdict(dict)
        for each in self.store.released():
            assert numbers[each.tenant].setdefault(each.sequence, each.event_id) == each.event_id
        for of_tenant in numbers.values():
            assert sorted(of_tenant) == list(range(1, len(of_tenant) + 1))

    @invariant()
    def each_deed_and_each_queued_row_is_one_record_of_a_whole_chain(self) -> None:
        result = check_chain(self.store.records())
        expected = self.deeds + len(self.announced)
        assert (result.records, result.broken_at) == (expected, None)
        assert list(self.store.misfits()) == []

    @invariant()
    def open_intents_are_those_without_an_outcome(self) -> None:
        kept = {n for tenant in ("acme", "beta") for n, _ in self.store.open_intents(tenant)}
        assert kept == set(self.open)

    def teardown(self) -> None:
        self.context.__exit__(None, None, None)
        self.closing.close()


@pytest.mark.parametrize(
    "database", ["sqlite", pytest.param("postgresql", marks=pytest.mark.thorough)]
)
def test_the_outbox_behaves_as_its_model(database: str, request: pytest.FixtureRequest) -> None:
    @contextmanager
    def somewhere() -> Iterator[Place]:
        if database == "postgresql":
            yield request.getfixturevalue("postgres").schema()
            return
        with TemporaryDirectory() as folder:
            yield Path(folder) / "state.db"

    class Machine(OutboxMachine):
        def __init__(self) -> None:
            super().__init__(somewhere)

    run_state_machine_as_test(
        Machine,
        settings=settings(max_examples=10, stateful_step_count=15, deadline=None),
    )
