"""What `audit verify` finds in a store beside its trail: every edit of rows and intents."""

import re
import tracemalloc
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from reconciler.domain.outbox import OutboxRow
from reconciler.domain.records import Entry, Status
from tests.support.store_world import (
    HR,
    RECEIVER,
    Place,
    adopted,
    attempt,
    behind_its_back,
    created,
    event,
    intended,
    intent,
    opened,
    to_send,
)


def tried(row: OutboxRow, status: Status, detail: str) -> Entry:
    return replace(attempt(status, 200), detail=f"{row.event_id} to {row.url}: {detail}")


def filled(place: Place) -> None:
    """With a row of each state, and an intent of each: all as a run leaves it."""
    with opened(place) as store:
        verified = replace(created(), after_digest=HR.fingerprint())
        store.settle(store.intend(intent(), intended()), verified, event(1))
        store.settle(store.intend(intent(), intended()), created(Status.FAILED), None)
        for number in (2, 3):
            store.adopt(adopted(), event(number), [RECEIVER])
        first, _, second, third = to_send(store)
        store.delivered(first, tried(first, Status.SYNCED, "answered 204"))
        store.delivered(second, tried(second, Status.SYNCED, "answered 204"))
        store.failed(third, tried(third, Status.FAILED, "answered 500; given up, only"), None)
        store.intend(intent(), intended())


def found(place: Place) -> list[str]:
    with opened(place) as store:
        return list(store.misfits())


def test_a_store_as_runs_leave_it_is_what_its_trail_says(place: Place) -> None:
    filled(place)
    assert found(place) == []


COPY = (
    "INSERT INTO outbox (id, tenant, url, schema_id, state, event_id, sequence, body, "
    "schema_digest, released_by, attempts, due_at, seal) SELECT 99, tenant, 'https://evil.example',"
    " schema_id, 'ready', event_id, sequence, body, schema_digest, released_by, 0, 'x', seal "
    "FROM outbox WHERE id = 1"
)
EDITS = {
    "a row that was inserted": (COPY, "row 99 of the outbox"),
    "another body": ("UPDATE outbox SET body = 'other' WHERE id = 2", "row 2 of the outbox"),
    "another url": ("UPDATE outbox SET url = 'https://evil.example' WHERE id = 2", "row 2 of"),
    "another tenant": ("UPDATE outbox SET tenant = 'beta' WHERE id = 2", "row 2 of the outbox"),
    "another urn": ("UPDATE outbox SET schema_id = 'urn:x' WHERE id = 2", "row 2 of the outbox"),
    "another place": ("UPDATE outbox SET sequence = 9 WHERE id = 2", "row 2 of the outbox"),
    "another digest": ("UPDATE outbox SET schema_digest = 'x' WHERE id = 2", "row 2 of the outbox"),
    "another release": ("UPDATE outbox SET released_by = 1 WHERE id = 2", "row 2 of the outbox"),
    "a row that is gone": ("DELETE FROM outbox WHERE id = 2", "a webhook was queued"),
    "a row that is void": (
        "UPDATE outbox SET state = 'void', event_id = NULL, sequence = NULL, body = NULL, "
        "released_by = NULL, due_at = NULL WHERE id = 2",
        "a webhook was queued",
    ),
    "delivered by nobody": (
        "UPDATE outbox SET state = 'delivered', due_at = NULL WHERE id = 2",
        "row 2 of the outbox .* is delivered, and record None",
    ),
    "pruned by nobody": (
        "UPDATE outbox SET state = 'delivered', due_at = NULL, body = substr(body, 1, 0) "
        "WHERE id = 2",
        "row 2 of the outbox .* is delivered, and record None",
    ),
    "delivered as another was": (
        "UPDATE outbox SET state = 'delivered', due_at = NULL, ended_by = "
        "(SELECT ended_by FROM outbox WHERE id = 1) WHERE id = 2",
        "row 2 of the outbox .* is delivered",
    ),
    "given up by nobody": (
        "UPDATE outbox SET state = 'given-up', due_at = NULL WHERE id = 2",
        "row 2 of the outbox .* is given-up",
    ),
    "waiting again": (
        "UPDATE outbox SET state = 'ready', due_at = 'x' WHERE id = 1",
        "row 1 of the outbox .* is ready",
    ),
    "waiting again, and never ended": (
        "UPDATE outbox SET state = 'ready', due_at = 'x', ended_by = NULL WHERE id = 1",
        "row 1 of the outbox .* is ready, and record \\d+ of the trail says how it ended",
    ),
    "given up, and waiting again": (
        "UPDATE outbox SET state = 'ready', due_at = 'x', ended_by = NULL WHERE state = 'given-up'",
        "row 6 of the outbox .* is ready, and record \\d+ of the trail says how it ended",
    ),
    "what an intent wanted": ("UPDATE intents SET desired = '{}' WHERE id = 3", "intent 3 is not"),
    "whom it was for": ("UPDATE intents SET target_system = 'x' WHERE id = 3", "intent 3 is not"),
    "what an intent had wanted": ("UPDATE intents SET desired = '{}' WHERE id = 1", "intent 1 is"),
    "an intent that was inserted": (
        "INSERT INTO intents SELECT 99, run_id, tenant, change, schema_id, target_system, manages, "
        '\'{"id": "urn:x"}\', "before", "commit", state, created_at, created_by, settled_at, '
        "settled_by, status, base_url, live_before, confirmed_at, confirmed_until FROM intents "
        "WHERE id = 3",
        "intent 99 is not",
    ),
    "an intent that is gone": ("DELETE FROM intents WHERE id = 3", "a change was intended"),
    "another end": ("UPDATE intents SET status = 'SUCCESS' WHERE id = 2", "intent 2 is settled"),
    "settled by nobody": (
        "UPDATE intents SET state = 'settled', settled_by = 1 WHERE id = 3",
        "intent 3 is settled",
    ),
    "open again": (
        "UPDATE intents SET state = 'open', settled_by = NULL WHERE id = 1",
        "an intent was settled",
    ),
    "a view": ("CREATE VIEW quiet AS SELECT * FROM audit", "view quiet is not of this program"),
    "a table": ("CREATE TABLE more (x INTEGER)", "table more is not of this program"),
    "an index": ("CREATE UNIQUE INDEX one ON audit (event, seq)", "index one is not of this"),
}


@pytest.mark.parametrize(("edit", "message"), EDITS.values(), ids=EDITS.keys())
def test_an_edit_of_the_store_is_found(place: Place, edit: str, message: str) -> None:
    filled(place)
    if isinstance(place, str):
        edit = "SET session_replication_role = replica; " + edit  # no foreign keys
    behind_its_back(place, edit)

    lines = found(place)

    assert re.search(message, " | ".join(lines)), lines


def test_a_trigger_is_found(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    filled(path)
    behind_its_back(
        path,
        "CREATE TRIGGER forget AFTER INSERT ON audit BEGIN DELETE FROM audit WHERE seq = 1; END",
    )

    assert found(path) == [
        "trigger forget is not of this program, and may change or hide what it records"
    ]


@pytest.mark.thorough
@pytest.mark.parametrize("place", ["postgresql"], indirect=True)
@pytest.mark.parametrize(
    ("name", "made"),
    [
        ("rule", "CREATE RULE r AS ON DELETE TO outbox DO INSTEAD NOTHING"),
        ("policy", "CREATE POLICY r ON audit USING (false)"),
        ("materialized view", "CREATE MATERIALIZED VIEW r AS SELECT 1"),
        ("a table that inherits", "CREATE TABLE r () INHERITS (audit)"),
        ("trigger", "CREATE FUNCTION f() RETURNS trigger AS $$ BEGIN RETURN NULL; END $$ "
         "LANGUAGE plpgsql; CREATE TRIGGER r BEFORE INSERT ON audit EXECUTE FUNCTION f()"),
    ],
)  # fmt: skip
def test_what_acts_on_the_tables_of_a_server_is_found(place: Place, name: str, made: str) -> None:
    filled(place)
    behind_its_back(place, made)

    assert any(line.startswith(name) for line in found(place))


def test_rows_that_were_pruned_are_still_what_the_trail_says(place: Place) -> None:
    filled(place)
    with opened(place) as store:
        assert store.prune(datetime(2027, 1, 1, tzinfo=UTC)) == 2
        assert list(store.misfits()) == []

    behind_its_back(place, "UPDATE outbox SET schema_digest = 'other' WHERE id = 1")
    assert len(found(place)) == 1


def test_a_long_store_is_looked_through_a_few_rows_at_a_time(tmp_path: Path) -> None:
    peaks = []
    for rows in (500, 1000):
        path = tmp_path / f"{rows}.db"
        with opened(path) as store:
            for number in range(rows):
                store.adopt(adopted(), event(number), [RECEIVER])
            tracemalloc.start()
            assert list(store.misfits()) == []
            peaks.append(tracemalloc.get_traced_memory()[1])
            tracemalloc.stop()
    assert peaks[1] < 1.3 * peaks[0]
