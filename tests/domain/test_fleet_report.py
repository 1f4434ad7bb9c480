"""What the page of a fleet is made of: days, adoption over tenants, and whether HR may send."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from reconciler.domain.adoption import Count, CountMethod, Sample, SampleKey
from reconciler.domain.fleet_report import (
    DAYS,
    Share,
    adoption_in,
    days_until,
    waits_by_schema,
    withheld_from_hr,
)
from reconciler.domain.fleet_status import ExtensionState, ExtensionStatus, TimedRecord
from reconciler.domain.outbox import HeldRow
from reconciler.domain.records import Event, Status
from reconciler.domain.searching import names_in
from tests.support.domain_world import extension

NOW = datetime(2026, 1, 31, 12, tzinfo=UTC)
HR = extension("HR", {"name": "grade", "type": "complex", "subAttributes": [{"name": "level"}]})
URN = HR.schema.id


def record(event: Event, status: Status, back: int) -> TimedRecord:
    at = (NOW - timedelta(days=back)).isoformat()
    return TimedRecord(event=event, status=status, at=at, latency_ms=1)


def test_days_count_changes_and_deliveries_by_their_end():
    records = (
        record(Event.SCHEMA_EXTENSION_CREATED, Status.SUCCESS, 0),
        record(Event.SCHEMA_EXTENSION_UPDATED, Status.UNKNOWN, 0),
        record(Event.HR_SYNC_COMPLETED, Status.SYNCED, 1),
        record(Event.HR_SYNC_COMPLETED, Status.FAILED, 1),
        record(Event.SCHEMA_EXTENSION_CREATED, Status.SUCCESS, DAYS),  # too long ago
    )

    days = days_until(NOW, records)

    assert [day.date for day in days] == sorted(day.date for day in days)
    assert len(days) == DAYS
    yesterday, today = days[-2:]
    assert (today.changed, today.failed, today.delivered, today.undelivered) == (1, 1, 0, 0)
    assert (yesterday.changed, yesterday.delivered, yesterday.undelivered) == (0, 1, 1)
    assert sum(day.changed for day in days) == 1


def sample(tenant: str, holders: int, total: int, day: int) -> Sample:
    key = SampleKey(tenant=tenant, resource_type="User", schema_id=URN.upper(), attribute="grade")
    count = Count(holders=holders, total=total, method=CountMethod.FILTER)
    return Sample(key=key, count=count, measured_at=f"2026-01-{day:02}T00:00:00.000Z")


def test_adoption_is_that_of_the_newest_samples_and_of_each_day():
    samples = (sample("a", 1, 10, 1), sample("b", 0, 30, 1), sample("a", 5, 10, 2))

    [found] = adoption_in(samples)[HR.schema.key]

    assert found.share == Share(holders=5, total=40)
    assert found.by_day == (
        ("2026-01-01", Share(holders=1, total=40)),
        ("2026-01-02", Share(holders=5, total=10)),
    )
    assert {name: each.count.holders for name, each in found.by_tenant.items()} == {"a": 5, "b": 0}


def test_a_share_of_nobody_is_none():
    assert [Share(holders=h, total=t).value for h, t in ((0, 0), (1, 4))] == [0.0, 0.25]


@pytest.mark.parametrize(
    ("state", "held", "why"),
    [
        (ExtensionState.IN_SYNC, "", None),
        (ExtensionState.IN_SYNC, URN.upper(), "waits for a binding"),
        (ExtensionState.IN_SYNC, "urn:example:other", None),
        (ExtensionState.DRIFTED, "", "drifted"),
        (ExtensionState.NEVER_READ, URN, "never-read"),
    ],
)
def test_hr_may_send_what_is_in_sync_and_waits_for_nothing(
    state: ExtensionState, held: str, why: str | None
):
    row = HeldRow(tenant="acme", url="https://x", schema_id=held, waits_for="a binding")
    waits = waits_by_schema([row, replace(row, waits_for="a later one")])

    assert withheld_from_hr("acme", ExtensionStatus(extension=HR, state=state), waits) == why
    assert withheld_from_hr("beta", ExtensionStatus(extension=HR, state=state), waits) == (
        None if state is ExtensionState.IN_SYNC else state.value
    )


def test_attributes_are_named_with_their_parts():
    assert names_in(HR.schema) == ("grade", "grade.level")
