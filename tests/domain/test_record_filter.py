"""RecordFilter: each member lets its own records pass, and all of them have to."""

from typing import Any

import pytest

from reconciler.domain.record_filter import RecordFilter
from reconciler.domain.records import GENESIS, Entry, Event, Status, seal

AT = "2026-03-01T12:00:00.000Z"
RECORD = seal(
    Entry(
        event=Event.SCHEMA_EXTENSION_CREATED,
        timestamp=AT,
        status=Status.SUCCESS,
        tenant="acme-prod",
        schema_id="urn:example:2.0:User:HR",
        change="acme-prod/hr-extension",
        run_id="5684d3",
        actor="user:ann",
        commit="c0ffee",
    ),
    seq=1,
    prev_hash=GENESIS,
).to_json()
BARE = seal(
    Entry(event=Event.RUN_COMPLETED, timestamp=AT, run_id="5684d3", actor="user:ann"),
    seq=1,
    prev_hash=GENESIS,
).to_json()


@pytest.mark.parametrize(
    ("member", "fit", "other"),
    [
        ("tenants", ("beta", "acme-*"), ("beta",)),
        ("schemas", ("URN:example:*:hr",), ("urn:example:2.0:User",)),
        ("schemas", ("hr-extension",), ("hr",)),
        ("schemas", ("acme-*/HR-*",), ("beta/hr-extension",)),
        ("actors", ("user:*",), ("USER:*",)),
        ("events", (Event.RUN_STARTED, Event.SCHEMA_EXTENSION_CREATED), (Event.RUN_STARTED,)),
        ("statuses", (Status.SUCCESS,), (Status.FAILED,)),
        ("since", AT, "2026-03-01T12:00:00.001Z"),
        ("until", "2026-03-01T12:00:00.001Z", AT),
        ("commit", "c0f", "0ff"),
        ("run", "5684", "684"),
    ],
)
def test_a_member_takes_the_records_that_fit_it(member: str, fit: Any, other: Any):
    assert RecordFilter(**{member: fit}).takes(RECORD)
    assert not RecordFilter(**{member: other}).takes(RECORD)
    assert not RecordFilter(**{"tenants": ("acme-*",), member: other}).takes(RECORD)


def test_an_empty_filter_takes_every_record():
    assert RecordFilter().takes(RECORD)
    assert RecordFilter().takes(BARE)


@pytest.mark.parametrize(
    "wanted",
    [
        RecordFilter(tenants=("a*",)),
        RecordFilter(schemas=("urn:*",)),
        RecordFilter(statuses=(Status.SUCCESS,)),
        RecordFilter(commit="c"),
    ],
)
def test_a_record_without_a_member_fits_nothing_that_asks_for_it(wanted: RecordFilter):
    assert not wanted.takes(BARE)
