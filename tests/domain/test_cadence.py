"""Cadence: a tenant is due when its time has come, or when nobody can know that it has not."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from reconciler.domain.cadence import due
from tests.support.domain_world import tenant_of

NOW = datetime(2026, 11, 30, 18, 0, tzinfo=UTC)
DAY, HOUR, MINUTE = timedelta(days=1), timedelta(hours=1), timedelta(minutes=1)


@pytest.mark.parametrize(
    ("every", "ago", "is_due"),
    [
        (None, timedelta(), True),
        (DAY, None, True),
        (DAY, timedelta(), False),
        (DAY, 23 * HOUR, False),
        (DAY, DAY - 31 * MINUTE, False),
        (DAY, DAY - 29 * MINUTE, True),
        (DAY, DAY, True),
        (DAY, 40 * DAY, True),
        (DAY, -MINUTE, True),
        (DAY, -40 * DAY, True),
        (HOUR, 53 * MINUTE, False),
        (HOUR, 55 * MINUTE, True),
        (MINUTE, timedelta(seconds=50), False),
        (9999 * DAY, 9998 * DAY, False),
    ],
)
def test_a_tenant_is_due_after_its_time_a_little_early_and_after_a_clock_that_was_ahead(
    every: timedelta | None, ago: timedelta | None, is_due: bool
) -> None:
    minutes = None if every is None else every // MINUTE
    acme = replace(tenant_of(), every=minutes)
    readings = {} if ago is None else {"acme": NOW - ago}

    assert due([acme], readings, NOW) == (frozenset({"acme"}) if is_due else frozenset())


def test_an_hourly_job_that_starts_late_at_times_reads_a_tenant_each_day() -> None:
    acme = replace(tenant_of(), every=24 * 60)
    late = [0, 9, 3, 12, 1, 14, 5]
    readings: dict[str, datetime] = {}
    read = []
    for hour in range(10 * 24):
        now = NOW + hour * HOUR + late[hour % 7] * MINUTE
        if due([acme], readings, now):
            readings["acme"] = now
            read.append(hour)

    assert read == [day * 24 for day in range(10)]
