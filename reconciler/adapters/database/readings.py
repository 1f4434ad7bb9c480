"""When each tenant was last read by a plan or an apply that goes by its cadence."""

from collections.abc import Iterable
from datetime import datetime
from typing import TYPE_CHECKING

from reconciler.adapters.database.looking import look
from reconciler.domain.cadence import ReadBy, Readings
from reconciler.domain.records import rfc3339

if TYPE_CHECKING:
    from reconciler.adapters.database.connections import Connection, Row, Step

BY_ANY = "SELECT tenant, max(read_at) FROM readings GROUP BY tenant"
BY_APPLY = "SELECT tenant, read_at FROM readings WHERE command = 'apply'"
_KEEP = (
    "INSERT INTO readings (tenant, command, read_at) VALUES (?, ?, ?) "
    "ON CONFLICT (tenant, command) DO UPDATE SET read_at = excluded.read_at"
)


def readings_at(url: str) -> Readings:
    """When a plan or an apply last read each tenant, from the store that a URL names, if any.

    Raises UsageError for the URL, StateError for what is there.
    """
    return look(url, _read) or {}


def keep(step: "Step", tenants: Iterable[str], by: ReadBy, at: datetime) -> None:
    """Keep that they were read then, in the place of what is kept, even if that is later."""
    for tenant in tenants:
        step.defer(_KEEP, tenant, str(by), rfc3339(at))


def readings_in(found: "Iterable[Row]") -> Readings:
    """By tenant, from the answer to one of the statements."""
    return {tenant: datetime.fromisoformat(at) for tenant, at in found}


def _read(connection: "Connection") -> Readings:
    if "readings" not in connection.names():  # a store before format 10
        return {}
    return readings_in(connection.rows(BY_ANY))
