"""The report of a fleet: its status, and what changed, arrived and was adopted over time."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from reconciler.domain.adoption import Sample
from reconciler.domain.fleet_status import (
    ExtensionState,
    ExtensionStatus,
    FleetStatus,
    TimedRecord,
)
from reconciler.domain.outbox import HeldRow
from reconciler.domain.records import ChainResult, Event, Status
from reconciler.domain.scim import fold

DAYS = 30


@dataclass(frozen=True, slots=True, kw_only=True)
class Day:
    """The changes and deliveries of one day, UTC, by how they ended."""

    date: str
    changed: int = 0
    failed: int = 0
    delivered: int = 0
    undelivered: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """The holders of an attribute among all resources that were looked at, from 0 to 1."""

    holders: int
    total: int

    @property
    def value(self) -> float:
        """The share; none of nobody is none."""
        return self.holders / self.total if self.total else 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class AttributeAdoption:
    """The adoption of one attribute: over all tenants, by day, and the newest of each tenant."""

    attribute: str
    share: Share
    by_day: tuple[tuple[str, Share], ...]
    by_tenant: dict[str, Sample]


@dataclass(frozen=True, slots=True, kw_only=True)
class FleetReport:
    """All that the page says; `held` are verified changes whose webhooks wait for more.

    `deliveries` are the seconds that the newest attempts to deliver took.
    """

    status: FleetStatus
    max_age: timedelta
    held: tuple[HeldRow, ...]
    days: tuple[Day, ...]
    deliveries: tuple[float, ...]
    adoption: dict[str, tuple[AttributeAdoption, ...]]
    chain: ChainResult


def days_until(now: datetime, records: Iterable[TimedRecord]) -> tuple[Day, ...]:
    """The last `DAYS` days, the oldest first; records of others are left out."""
    ends: dict[str, Counter[str]] = defaultdict(Counter)
    for record in records:
        of_delivery = record.event is Event.HR_SYNC_COMPLETED
        well = record.status in (Status.SUCCESS, Status.RECOVERED, Status.SYNCED)
        names = ("delivered", "undelivered") if of_delivery else ("changed", "failed")
        ends[record.at[:10]][names[0 if well else 1]] += 1
    dates = ((now - timedelta(days=back)).date().isoformat() for back in reversed(range(DAYS)))
    return tuple(Day(date=date, **ends[date]) for date in dates)


def adoption_in(samples: Iterable[Sample]) -> dict[str, tuple[AttributeAdoption, ...]]:
    """The adoption of each attribute by folded schema id, from samples in the order of time."""
    newest: dict[tuple[str, str], dict[str, Sample]] = defaultdict(dict)
    days: dict[tuple[str, str], dict[str, Counter[str]]] = defaultdict(lambda: defaultdict(Counter))
    for sample in samples:
        key = fold(sample.key.schema_id), sample.key.attribute
        newest[key][sample.key.tenant] = sample
        day = days[key][sample.measured_at[:10]]
        day["holders"] += sample.count.holders
        day["total"] += sample.count.total
    found: dict[str, list[AttributeAdoption]] = defaultdict(list)
    for (schema_id, attribute), by_tenant in sorted(newest.items()):
        found[schema_id].append(
            AttributeAdoption(
                attribute=attribute,
                share=Share(
                    holders=sum(each.count.holders for each in by_tenant.values()),
                    total=sum(each.count.total for each in by_tenant.values()),
                ),
                by_day=tuple(
                    (date, Share(holders=sums["holders"], total=sums["total"]))
                    for date, sums in sorted(days[schema_id, attribute].items())
                ),
                by_tenant=by_tenant,
            )
        )
    return {schema_id: tuple(attributes) for schema_id, attributes in found.items()}


def withheld_from_hr(
    tenant: str, found: ExtensionStatus, waits: Mapping[tuple[str, str], str]
) -> str | None:
    """The reason why HR may not send values of an extension by now; None where it may.

    `waits` are those of `waits_by_schema`.
    """
    if found.state is not ExtensionState.IN_SYNC:
        return found.state.value
    text = waits.get((tenant, found.extension.schema.key))
    return None if text is None else f"waits for {text}"


def waits_by_schema(held: Iterable[HeldRow]) -> dict[tuple[str, str], str]:
    """What the first webhook of each schema that waits, waits for; by tenant and folded id."""
    found: dict[tuple[str, str], str] = {}
    for row in held:
        found.setdefault((row.tenant, fold(row.schema_id)), row.waits_for)
    return found
