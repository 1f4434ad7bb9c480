"""The report of a fleet: its status, and what changed, arrived and was adopted over time."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from reconciler.domain.adoption import Sample
from reconciler.domain.fleet_status import (
    ExtensionState,
    ExtensionStatus,
    FleetStatus,
    TimedRecord,
)
from reconciler.domain.gate import AttributeGate, SchemaFacts
from reconciler.domain.hearing import Bindings
from reconciler.domain.lifecycle import (
    CanaryEnd,
    Course,
    FleetCourses,
    Search,
    persisted,
    searchable_in,
)
from reconciler.domain.manifest import SchemaExtension, Tenant
from reconciler.domain.outbox import UNLOOKED, UNSEARCHED, HeldRow
from reconciler.domain.records import ChainResult, Event, Status
from reconciler.domain.scim import ABSENT, fold

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
class ExtensionGate:
    """The gates of the attributes of an extension of a tenant, by what the trail has.

    Times are RFC 3339: when an apply last looked, when attributes were last searched for and tried
    on a test user; None where that never was.
    """

    tenant: str
    extension: SchemaExtension
    gates: tuple[AttributeGate, ...]
    looked_at: str | None
    searched_at: str | None
    tried_at: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class FleetReport:
    """All that the page says; `deliveries` are the seconds that the newest deliveries took."""

    status: FleetStatus
    max_age: timedelta
    gates: tuple[ExtensionGate, ...]
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


def gates_by_trail(
    status: FleetStatus,
    tenants: Iterable[Tenant],
    known: FleetCourses,
    held: Iterable[HeldRow],
) -> Iterator[ExtensionGate]:
    """What `gate` would say of each extension of those tenants, of what the trail has alone.

    `held` are webhooks of verified changes that wait for more.
    """
    waits: dict[tuple[str, str], str] = {}
    for row in held:
        waits.setdefault((row.tenant, fold(row.schema_id)), row.waits_for)
    by_name = {tenant.name: tenant for tenant in tenants}
    for each in status.tenants:
        for found in each.extensions:
            key = each.name, found.extension.schema.key
            course, tenant = known.courses.get(key, ()), by_name[each.name]
            facts = SchemaFacts(
                tenant=tenant,
                extension=found.extension,
                live=known.schemas.get(found.live or ""),
                unknown=_unknown(found, known),
                bindings=_bindings(found.extension, course, waits.get(key)),
                unlisted="nobody has looked whether it is bound: apply --gate looks",
                persisted=None if tenant.canary is None else persisted(course),
                course=course,
                date=f"{status.at:%Y-%m-%d}",
            )
            yield ExtensionGate(
                tenant=each.name,
                extension=found.extension,
                gates=facts.gates((), searchable_in(course)),
                looked_at=found.looked_at,
                searched_at=max((s.at for s in course if isinstance(s, Search)), default=None),
                tried_at=max((c.at for c in course if isinstance(c, CanaryEnd)), default=None),
            )


def _unknown(found: ExtensionStatus, known: FleetCourses) -> str | None:
    """The reason where the trail does not know what is live."""
    if found.live == ABSENT or found.live in known.schemas:
        return None
    return _UNKNOWN[found.state]


_UNKNOWN: Mapping[ExtensionState, str] = {
    ExtensionState.NEVER_READ: "no apply has looked at it yet",
    ExtensionState.IN_SYNC: "the trail does not have what is live",
    ExtensionState.OUTDATED: "the manifest has changed since an apply last looked",
    ExtensionState.DRIFTED: "live differs from the manifest; plan shows how",
    ExtensionState.BLOCKED: "live is not as the manifest wants it, and the change is blocked",
    ExtensionState.FAILED: "its last write did not end well; the next apply looks what is live",
}


def _bindings(extension: SchemaExtension, course: Course, waits_for: str | None) -> Bindings | None:
    """The bindings of one schema, as far as the trail says: nobody searches for what is unbound."""
    if waits_for is not None and waits_for not in (UNLOOKED.text, UNSEARCHED.text):
        return {}
    if not searchable_in(course) and not persisted(course):
        return None
    kind = extension.binding_type or extension.resource_type
    return {kind: frozenset({extension.schema.key})}
