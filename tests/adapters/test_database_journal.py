"""Intents and their outcomes: each deed is one transaction, and an outcome is told once."""

import json
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings

from reconciler.adapters.database import Store
from reconciler.domain.manifest import Manages
from reconciler.domain.outbox import Awaited, RowState
from reconciler.domain.records import Confirmation, Entry, Status, check_chain
from reconciler.domain.scim import Schema
from reconciler.errors import StateError
from reconciler.ports import Announcement, Journal, Outbox, Postponement
from tests.support.store_world import (
    HR,
    HR_DOCUMENT,
    HR_URN,
    RECEIVER,
    SECOND,
    WHEN,
    Place,
    adopted,
    attempt,
    behind_its_back,
    created,
    dump,
    entry,
    event,
    intended,
    intent,
    opened,
    refusing,
    rows,
    to_send,
)
from tests.support.strategies import schema_documents


def test_a_store_is_a_journal_and_an_outbox(place: Place) -> None:
    with opened(place) as store:
        journal: Journal = store
        outbox: Outbox = store

        journal.record(entry())
        assert to_send(outbox) == ()


def test_an_intent_is_open_until_it_is_settled(place: Place) -> None:
    with opened(place) as store:
        number = store.intend(intent(), intended())
        assert store.open_intents("acme") == ((number, intent()),)

        store.settle(number, created(), event())

        assert store.open_intents("acme") == ()


def test_an_open_intent_survives_the_process(place: Place) -> None:
    with opened(place) as store:
        number = store.intend(intent(), intended())

    with opened(place) as store:
        assert store.open_intents("acme") == ((number, intent()),)


def test_open_intents_are_counted_by_tenant(place: Place) -> None:
    with opened(place) as store:
        settled = store.intend(intent(), intended())
        store.settle(settled, created(), event())
        assert store.left_open() == {}

        for tenant in ("beta", "acme", "beta"):
            store.intend(intent(tenant=tenant), intended(tenant))

        assert store.left_open() == {"acme": 1, "beta": 2}


def written(store: Store, status: Status, *, urn: str = HR_URN, tenant: str = "acme") -> None:
    """An intent and its outcome; it verifies the schema, or says that nothing is verified."""
    number = store.intend(replace(intent(tenant=tenant), schema_id=urn), intended(tenant))
    store.settle(number, ended(status, urn, tenant), event() if status is Status.SUCCESS else None)


def ended(status: Status, urn: str = HR_URN, tenant: str = "acme") -> Entry:
    digest = None if status is Status.FAILED else HR.fingerprint()
    return replace(created(status, tenant), schema_id=urn, after_digest=digest)


@pytest.mark.parametrize("urn", [HR_URN, HR_URN.upper()])
def test_a_history_has_the_last_intent_and_the_last_creation(place: Place, urn: str) -> None:
    updating = replace(intent(), before="sha256:" + "a" * 64, schema_id=urn)
    with opened(place) as store:
        written(store, Status.SUCCESS)
        written(store, Status.FAILED, urn=urn)
        number = store.intend(updating, intended())
        opened_now = store.histories("acme")[HR.key]
        store.settle(number, ended(Status.FAILED, urn), None)

        assert opened_now.is_open
        assert not opened_now.failed
        history = store.histories("acme")[HR.key]
        assert (history.intent, history.is_open, history.failed) == (number, False, True)
        assert (history.created, history.create_failed, history.is_new) == (5, True, True)
        assert store.intents_of([number]) == {number: replace(updating, webhooks=())}
        assert store.histories("beta") == {}


def test_a_history_has_the_last_event_with_its_urls(place: Place) -> None:
    later = replace(event(2), schema=replace(HR, description="another"))
    with opened(place) as store:
        written(store, Status.SUCCESS)
        store.adopt(ended(Status.SUCCESS), later, [SECOND])
        [_, pending] = [row for row in store.waiting() if row.url == SECOND]
        store.failed(pending, created(), None)

        history = store.histories("acme")[HR.key]

    assert history.digest == later.schema.fingerprint()
    assert history.sent == ((SECOND, RowState.GIVEN_UP),)
    assert history.announced > history.created


def test_what_hr_has_heard_of_survives_pruning(place: Place) -> None:
    with opened(place) as store:
        written(store, Status.SUCCESS)
        for pending in store.waiting():
            store.delivered(pending, attempt(Status.SYNCED, 204))
        before = store.histories("acme")
        assert store.prune(datetime(2030, 1, 1, tzinfo=UTC)) == 2

        assert store.histories("acme") == before
        assert before[HR.key].heard([]) == HR.fingerprint()


WAITS = Awaited.binding("User")


def test_an_event_that_waits_is_held_and_shown_with_what_it_waits_for(place: Place) -> None:
    with opened(place) as store:
        number = store.intend(intent(), intended())
        store.settle(number, created(), WAITS)
        store.adopt(replace(adopted("beta"), schema_id=HR_URN), WAITS, [RECEIVER])

        assert store.waiting() == ()
        assert store.open_intents("acme") == ()
        assert [(r.tenant, r.url, r.schema_id) for r in store.held()] == [
            ("acme", RECEIVER, HR_URN),
            ("acme", SECOND, HR_URN),
            ("beta", RECEIVER, HR_URN),
        ]
        assert {row.waits_for for row in store.held()} == {"/ResourceTypes to name it for User"}
        waits = store.histories("acme")[HR.key].waits
        assert waits == ((RECEIVER, WAITS.text), (SECOND, WAITS.text))


def test_an_announcement_uses_the_rows_that_wait_and_goes_to_the_urls_of_today(
    place: Place,
) -> None:
    newer = "https://new.example.com/hook"
    with opened(place) as store:
        number = store.intend(intent(), intended())
        store.settle(number, created(), WAITS)
        urls = [SECOND, newer]
        ends = [Announcement(event=event(), webhooks=urls, entry=created(), is_recorded=True)]

        store.announce("acme", ends)
        store.announce("acme", ends)

        assert [(row.url, row.sequence) for row in store.waiting()] == [(SECOND, 1), (newer, 1)]
        assert store.held() == ()
        assert len(list(store.records())) == 2 + 2  # and one for each URL


def test_announcements_of_one_step_are_placed_one_after_the_other(place: Place) -> None:
    other = replace(event(2), schema=replace(HR, id="urn:x:other"))
    with opened(place) as store:
        ends = [
            Announcement(event=one, webhooks=[RECEIVER], entry=adopted(), is_recorded=False)
            for one in (event(), other)
        ]
        store.announce("acme", ends)
        store.announce("acme", ends)

        assert [row.sequence for row in store.waiting()] == [1, 2]
        assert len(list(store.records())) == 2 * 2
        assert check_chain(store.records()).broken_at is None


def test_a_postponement_leaves_one_row_for_each_url_of_today(place: Place) -> None:
    newer = "https://new.example.com/hook"
    with opened(place) as store:
        for _ in range(2):
            number = store.intend(intent(), intended())
            store.settle(number, created(), WAITS)
        later = Awaited.binding(None)
        urls = [SECOND, newer]

        store.announce(
            "acme", [Postponement(schema_id=HR_URN.upper(), webhooks=urls, awaited=later)]
        )
        assert [(row.url, row.waits_for) for row in store.held()] == [
            (SECOND, later.text),
            (newer, later.text),
        ]

        store.announce("acme", [Postponement(schema_id=HR_URN, webhooks=(), awaited=later)])
        assert store.held() == ()


def test_open_intents_are_those_of_the_tenant_oldest_first(place: Place) -> None:
    with opened(place) as store:
        first = store.intend(intent(), intended())
        store.intend(intent(tenant="beta"), intended("beta"))
        third = store.intend(replace(intent(), change="acme/later"), intended())

        assert [number for number, _ in store.open_intents("acme")] == [first, third]
        assert len(store.open_intents("beta")) == 1
        assert store.open_intents("gamma") == ()


@pytest.mark.parametrize(
    "changed",
    [
        replace(intent(), webhooks=()),
        replace(intent(), webhooks=(SECOND, RECEIVER)),
        replace(intent(), manages=Manages.ATTRIBUTES),
        replace(intent(), before="sha256:" + "a" * 64),
        replace(intent(), live_before=HR),
        replace(
            intent(),
            live_before=Schema.from_json({"id": "u", "attributes": [{"name": 'ö"\0'}] * 2}),
        ),
        replace(intent(), base_url=None),
        replace(intent(), base_url="embedded://local"),
        replace(intent(), commit="f" * 40, run_id="run-2"),
        replace(intent(), target_system="Größe & Söhne", change="a/b"),
    ],
)
def test_every_member_of_an_intent_comes_back(place: Place, changed: Any) -> None:
    with opened(place) as store:
        store.intend(changed, intended())

        assert [kept for _, kept in store.open_intents("acme")] == [changed]


def test_the_desired_document_comes_back_to_the_letter(place: Place) -> None:
    with opened(place) as store:
        store.intend(intent(), intended())

        ((_, kept),) = store.open_intents("acme")

    assert json.dumps(kept.desired.document) == json.dumps(HR_DOCUMENT)  # the order of keys too
    assert kept.desired.fingerprint() == HR.fingerprint()


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(document=schema_documents(vendor=True))
def test_any_desired_schema_comes_back_equal(place: Place, document: dict[str, Any]) -> None:
    """In one store for all examples: the newest intent is the one that was just written."""
    desired = Schema.from_json(document)
    with opened(place) as store:
        store.intend(replace(intent(), desired=desired), intended())

        *_, (_, kept) = store.open_intents("acme")

    assert kept.desired == desired
    assert json.dumps(kept.desired.document) == json.dumps(document)


def test_a_schema_that_was_never_a_document_is_kept_as_well(place: Place) -> None:
    built = Schema(id=HR_URN, name="HRExtension", attributes=HR.attributes[1:])
    with opened(place) as store:
        store.intend(replace(intent(), desired=built), intended())

        ((_, kept),) = store.open_intents("acme")

    assert kept.desired == built


@pytest.mark.parametrize("desired", ["{", "[]", "{}", '{"id": 1}', '{"id": "a", "id": "b"}'])
def test_a_damaged_intent_document_is_an_error(place: Place, desired: str) -> None:
    with opened(place) as store:
        number = store.intend(intent(), intended())
        behind_its_back(place, f"UPDATE intents SET desired = '{desired}'")

        with pytest.raises(StateError, match=f"schema of intent {number} cannot be read"):
            store.open_intents("acme")


@pytest.mark.parametrize("kept", ["[", "{}", "null", '"grade"', "[1]", '{"id": 1}'])
def test_a_damaged_schema_before_an_intent_is_an_error(place: Place, kept: str) -> None:
    with opened(place) as store:
        number = store.intend(intent(), intended())
        behind_its_back(place, f"UPDATE intents SET live_before = '{kept}'")

        with pytest.raises(StateError, match=f"schema before intent {number} cannot be read"):
            store.open_intents("acme")


def test_a_confirmation_stays_with_the_intent_that_it_is_of(place: Place) -> None:
    at = datetime(2026, 9, 2, 3, 4, 5, 678_000, tzinfo=UTC)
    confirmation = Confirmation(at, at + timedelta(seconds=120))
    with opened(place) as store:
        number = store.intend(intent(), intended())
        other = store.intend(intent(), intended())
        store.confirm(number, confirmation)

    with opened(place) as store:
        kept = dict(store.open_intents("acme"))
        assert (kept[number].confirmation, kept[other].confirmation) == (confirmation, None)
        assert check_chain(store.records()).records == 2


def test_a_damaged_confirmation_is_an_error(place: Place) -> None:
    with opened(place) as store:
        number = store.intend(intent(), intended())
        behind_its_back(place, "UPDATE intents SET confirmed_at = 'x', confirmed_until = 'y'")

        with pytest.raises(StateError, match=f"confirmation of intent {number} cannot be read"):
            store.open_intents("acme")


def test_the_journal_row_names_the_records_of_intent_and_outcome(place: Place) -> None:
    with opened(place) as store:
        store.record(entry())
        number = store.intend(intent(), intended())
        store.record(entry())
        store.settle(number, created(Status.RECOVERED), None)

    kept = rows(
        place, "SELECT state, created_by, created_at, settled_by, settled_at, status FROM intents"
    )
    assert kept == [("settled", 2, WHEN, 4, WHEN, "RECOVERED")]


# ------------------------------------------------------------------------- told once


@pytest.mark.parametrize("again", [event(), None])
def test_an_outcome_is_recorded_once(place: Place, again: Any) -> None:
    with opened(place) as store:
        number = store.intend(intent(), intended())
        store.settle(number, created(), event())
        before = dump(place)

        with pytest.raises(StateError, match=f"intent {number} has no outcome to wait for"):
            store.settle(number, created(), again)

        assert dump(place) == before


def test_an_unknown_intent_has_no_outcome(place: Place) -> None:
    with opened(place) as store:
        with pytest.raises(StateError, match="intent 42 has no outcome"):
            store.settle(42, created(), event())

        assert list(store.records()) == []


def test_an_entry_that_cannot_be_sealed_leaves_the_intent_open(place: Place) -> None:
    with opened(place) as store:
        number = store.intend(intent(), intended())

        with pytest.raises(StateError, match="is no text"):
            store.settle(number, replace(created(), detail="\ud800"), event())

        assert [each for each, _ in store.open_intents("acme")] == [number]


# ------------------------------------------------------------------ all of it, or nothing


def intend(store: Store) -> None:
    store.intend(intent(), intended())


def settle(store: Store) -> None:
    store.settle(1, created(), event(2))


def void(store: Store) -> None:
    store.settle(1, created(Status.FAILED), None)


def adopt(store: Store) -> None:
    store.adopt(adopted(), event(3), [RECEIVER])


def deliver(store: Store) -> None:
    store.delivered(to_send(store)[0], attempt(Status.SYNCED, 200))


def fail(store: Store) -> None:
    store.failed(to_send(store)[0], attempt(Status.FAILED, 500), None)


@pytest.mark.parametrize(
    ("deed", "when"),
    [
        (intend, "INSERT ON audit"),
        (intend, "INSERT ON intents"),
        (intend, "INSERT ON outbox"),
        (settle, "INSERT ON audit"),
        (settle, "UPDATE ON intents"),
        (settle, "UPDATE ON outbox"),
        (void, "INSERT ON audit"),
        (void, "UPDATE ON intents"),
        (void, "UPDATE ON outbox"),
        (adopt, "INSERT ON audit"),
        (adopt, "INSERT ON outbox"),
        (deliver, "INSERT ON audit"),
        (deliver, "UPDATE ON outbox"),
        (fail, "INSERT ON audit"),
        (fail, "UPDATE ON outbox"),
    ],
)
def test_a_failed_statement_rolls_back_its_transaction(
    place: Place, deed: Callable[[Store], None], when: str
) -> None:
    """A trigger refuses one of the deed's writes; the last row of it, where there are several."""
    last = f"NEW.url = '{SECOND}'" if deed in (intend, settle, void) else ""
    condition = last if when.endswith("outbox") else ""
    with opened(place) as store:
        store.intend(intent(), intended())
        store.adopt(adopted(), event(1), [RECEIVER])
        with refusing(place, when, condition):
            before = dump(place)

            with pytest.raises(StateError, match="no room for this row"):
                deed(store)

            assert dump(place) == before
        deed(store)
        assert dump(place) != before
        assert check_chain(store.records()).broken_at is None


def test_an_interrupted_transaction_leaves_nothing(place: Place) -> None:
    def urls() -> Any:
        yield RECEIVER
        raise KeyboardInterrupt

    with opened(place) as store:
        store.record(entry())
        before = dump(place)

        with pytest.raises(KeyboardInterrupt):
            store.adopt(adopted(), event(), urls())

        assert dump(place) == before
        store.adopt(adopted(), event(), [RECEIVER])
        assert len(to_send(store)) == 1


# --------------------------------------------------------------------------- threads


def test_tenants_in_parallel_threads_keep_one_chain(place: Place) -> None:
    start = threading.Barrier(6)

    def apply(store: Store, tenant: str) -> None:
        start.wait()
        for number in range(1, 6):
            opened_intent = store.intend(intent(tenant=tenant), intended(tenant))
            reported = replace(event(tenant=tenant), event_id=f"evt_{tenant}_{number}")
            store.settle(opened_intent, created(tenant=tenant), reported)
            assert store.open_intents(tenant) == ()

    with opened(place) as store:
        with ThreadPoolExecutor(6) as pool:
            for future in [pool.submit(apply, store, f"tenant-{n}") for n in range(6)]:
                future.result()

        assert check_chain(store.records()).records == 6 * 5 * 4
        assert check_chain(store.records()).broken_at is None
        for tenant in range(6):
            mine = [d for d in store.released() if d.tenant == f"tenant-{tenant}"]
            assert [d.sequence for d in mine if d.url == RECEIVER] == [1, 2, 3, 4, 5]
            assert [d.sequence for d in mine if d.url == SECOND] == [1, 2, 3, 4, 5]
