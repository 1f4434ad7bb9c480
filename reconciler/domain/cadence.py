"""Cadence: the tenants that are due to be read, by their `spec.every` and when they last were."""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from enum import StrEnum

from reconciler.domain.manifest import Tenant

Readings = Mapping[str, datetime]
"""When each tenant was last read, aware, by its name."""

_EARLY = timedelta(minutes=30)  # a clock that starts jobs is not exact, and one hour late is late


class ReadBy(StrEnum):
    """The commands that keep when they have read a tenant."""

    PLAN = "plan"
    APPLY = "apply"


def due(tenants: Iterable[Tenant], readings: Readings, now: datetime) -> frozenset[str]:
    """The names of those that are due.

    One without `spec.every` always is, as is one that was never read, or in the future: the clock
    was wrong then. Up to half an hour, and a tenth of its time, one is due early.
    """
    return frozenset(t.name for t in tenants if _is_due(t.every, readings.get(t.name), now))


def _is_due(minutes: int | None, last: datetime | None, now: datetime) -> bool:
    if minutes is None or last is None or last > now:
        return True
    every = timedelta(minutes=minutes)
    return now - last >= every - min(every / 10, _EARLY)
