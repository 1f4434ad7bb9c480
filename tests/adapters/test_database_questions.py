"""No question is answered by reading a whole table that grows: SQLite's planner is asked."""

import re
import sqlite3
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from reconciler.adapters.database import Store, seen_and_kept
from reconciler.adapters.database.engine import Database
from reconciler.adapters.database.last_seen import LATEST
from reconciler.domain.adoption import Count, CountMethod, Sample, SampleKey
from reconciler.domain.outbox import Awaited
from reconciler.domain.records import Event, Status
from reconciler.ports import Announcement, Due, Over
from tests.support.fakes import extension
from tests.support.store_world import (
    HR,
    HR_URN,
    RECEIVER,
    WHEN,
    adopted,
    attempt,
    created,
    entry,
    event,
    intended,
    intent,
    opened,
    rows,
    url_of,
)

# What holds only what is open or waits, and each schema once: these may be read whole.
SMALL = ("intents_open", "outbox_ready", "outbox_waiting", "latest", "each_one", "audit_names")
LATER = datetime(2030, 1, 1, tzinfo=UTC)


def traced(store: Store, path: Path) -> list[str]:
    """Every statement of every deed, but for those that are asked to show all there is."""
    statements: list[str] = []
    assert isinstance(store._database, Database)
    [raw] = store._database._idle
    raw.set_trace_callback(statements.append)
    store.record_all([entry(), entry()])
    number = store.intend(intent(), intended())
    assert len(store.open_intents("acme")) == 1
    assert store.left_open() == {"acme": 1}
    store.settle(number, created(), event())
    refused = store.intend(intent(), intended())
    store.settle(refused, created(Status.FAILED), None)
    assert store.histories("acme")[HR.key].failed
    assert len(store.intents_of([number, refused])) == 2
    store.adopt(adopted(), event(2), [RECEIVER])
    store.adopt(replace(adopted(), schema_id=HR_URN), Awaited("a binding"), [RECEIVER])
    assert len(store.held()) == 1
    announced = Announcement(
        event=event(3), webhooks=[RECEIVER], entry=adopted(), is_recorded=False
    )
    store.announce("acme", [announced])
    store.waiting()
    store.backlog()
    for wanted in (Due(LATER), Due(None), Over(None), Over(event().event_id)):
        for queue in store.queues(wanted):
            for pending in (each.row for each in store.next_rows(queue, wanted, after=0)):
                store.delivered(pending, attempt(Status.SYNCED, 204))
                store.failed(pending, attempt(Status.FAILED, 500), LATER)
    assert store.prune(LATER) > 0
    key = SampleKey(tenant="acme", resource_type="User", schema_id=HR_URN, attribute="grade")
    count = Count(holders=1, total=2, method=CountMethod.FILTER)
    store.add_samples([Sample(key=key, count=count, measured_at=WHEN)])
    assert store.samples_before([key])[key].first_value == WHEN
    assert store.counting("acme", "User") is None
    store.courses("acme", [HR])
    store.fleet_trail()
    store.newest_samples()
    assert store.fleet_histories()[key].first_value == WHEN
    store.timed(10)
    store.kept_names()
    store.keep_schemas([extension()])
    assert store.looks("acme") != ()
    store.schemas_of("acme", HR_URN, HR.fingerprint())
    assert store.kept_of(["acme"])
    store.head()
    next(store.records())
    raw.set_trace_callback(None)
    return statements


def scans(path: Path, statement: str) -> list[str]:
    """What the planner reads from one end to the other."""
    with closing(sqlite3.connect(path)) as connection:
        plan = [row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {statement}")]
    return [
        step
        for step in plan
        if re.match(r"SCAN (?!CONSTANT)", step) and not any(each in step for each in SMALL)
    ]


def searches(path: Path, statement: str, index: str) -> list[str]:
    """By what each search with that index finds its way."""
    with closing(sqlite3.connect(path)) as connection:
        plan = [row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {statement}")]
    return [step[step.index("(") :] for step in plan if f"INDEX {index} (" in step]


def test_no_statement_scans_a_table_that_grows(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    with opened(path) as store:
        store.head()
        statements = traced(store, path)

    requested = [each for each in statements if re.match(r"\s*(SELECT|UPDATE|WITH|DELETE)", each)]
    assert len(requested) > 30
    found = {each: scans(path, each) for each in requested if scans(path, each)}
    assert found == {}
    delivered = [each for each in requested if "'delivered'" in each]
    ways = {way for each in delivered for way in searches(path, each, "outbox_by_state")}
    assert ways <= {"(state=? AND rowid=?)"}  # all that was ever delivered is in that state


def test_sightings_of_a_plan_are_found_by_an_index(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    verified = replace(created(), schema_id=HR_URN, after_digest="sha256:1")
    with opened(path) as store:
        for tenant in ("acme", "beta", "gamma"):
            for number in range(3):
                reported = replace(verified, tenant=tenant, schema_id=f"urn:x:{number}")
                store.record_all([reported, replace(reported, after_digest="sha256:2")])

    assert scans(path, LATEST) == []
    assert sorted(searches(path, LATEST, "audit_as_desired")) == [
        "(tenant<?)",
        "(tenant=? AND schema_id>? AND schema_id<?)",
        "(tenant>?)",
    ]
    assert {key: one.fingerprint for key, one in seen_and_kept(url_of(path))[0].items()} == {
        (tenant, f"urn:x:{number}"): "sha256:2"
        for tenant in ("acme", "beta", "gamma")
        for number in range(3)
    }


def test_sightings_of_a_store_of_an_older_format_are_read(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    verified = replace(created(), schema_id=HR_URN, after_digest="sha256:1")
    with opened(path) as store:
        store.record(verified)
        store.record(replace(verified, event=Event.SCHEMA_EXTENSION_UPDATED))
    before = seen_and_kept(url_of(path))[0]
    rows(path, "DROP INDEX audit_as_desired")

    assert seen_and_kept(url_of(path))[0] == before != {}
