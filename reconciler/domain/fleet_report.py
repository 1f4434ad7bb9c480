"""The report of a fleet: its status, and what changed, arrived and was adopted over time."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from reconciler.domain.adoption import (
    AdoptionVerdict,
    AttributePast,
    DatedSample,
    Declaration,
    SampleHistory,
    declarations,
)
from reconciler.domain.fleet_status import (
    ExtensionState,
    ExtensionStatus,
    FleetStatus,
    TimedRecord,
)
from reconciler.domain.gate import AttributeGate, SchemaFacts
from reconciler.domain.hearing import Bindings
from reconciler.domain.lifecycle import (
    AttributeTimes,
    CanaryEnd,
    Course,
    FleetCourses,
    Search,
    persisted,
    searchable_in,
    times_in,
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
class TenantAdoption:
    """The newest count of an attribute in one tenant, and what it said when it was made."""

    share: Share
    verdict: AdoptionVerdict | None
    measured_at: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AttributeAdoption:
    """The adoption of one attribute: over all tenants, by day, and the newest of each tenant."""

    attribute: str
    share: Share
    by_day: tuple[tuple[str, Share], ...]
    by_tenant: dict[str, TenantAdoption]

    @property
    def verdicts(self) -> dict[AdoptionVerdict, int]:
        """The number of tenants with each verdict."""
        found = Counter(each.verdict for each in self.by_tenant.values())
        return {verdict: found[verdict] for verdict in AdoptionVerdict if found[verdict]}

    @property
    def measured(self) -> tuple[str, str]:
        """The oldest and the newest time at which it was counted."""
        times = [each.measured_at for each in self.by_tenant.values()]
        return min(times), max(times)


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


def adoption_in(
    samples: Iterable[DatedSample],
    histories: Iterable[SampleHistory],
    status: FleetStatus,
    known: FleetCourses,
) -> dict[str, tuple[AttributeAdoption, ...]]:
    """The adoption of each attribute by folded schema id, in the tenants of that status.

    `samples` are in the order of time, `histories` what is kept besides. What nobody has declared
    and nobody holds is left out.
    """
    newest: dict[tuple[str, str], dict[str, TenantAdoption]] = defaultdict(dict)
    for tenant, schema_id, attribute, found in _newest(histories, status, known):
        newest[schema_id, attribute][tenant] = found
    days: dict[tuple[str, str], dict[str, Share]] = defaultdict(dict)
    nobody = Share(holders=0, total=0)
    for tenant, schema_id, name, date, holders, total in samples:
        key = fold(schema_id), name
        if tenant in newest.get(key, {}):
            so_far = days[key].get(date, nobody)
            days[key][date] = Share(holders=so_far.holders + holders, total=so_far.total + total)
    by_schema: dict[str, list[AttributeAdoption]] = defaultdict(list)
    for (schema_id, attribute), by_tenant in sorted(newest.items()):
        by_schema[schema_id].append(
            AttributeAdoption(
                attribute=attribute,
                share=Share(
                    holders=sum(each.share.holders for each in by_tenant.values()),
                    total=sum(each.share.total for each in by_tenant.values()),
                ),
                by_day=tuple(sorted(days[schema_id, attribute].items())),
                by_tenant=by_tenant,
            )
        )
    return {schema_id: tuple(attributes) for schema_id, attributes in by_schema.items()}


def _newest(
    histories: Iterable[SampleHistory], status: FleetStatus, known: FleetCourses
) -> Iterator[tuple[str, str, str, TenantAdoption]]:
    """By tenant, folded schema id and attribute."""
    extensions: dict[str, dict[str, SchemaExtension]] = {
        tenant.name: {each.extension.schema.key: each.extension for each in tenant.extensions}
        for tenant in status.tenants
    }
    by_schema: dict[tuple[str, str], list[SampleHistory]] = defaultdict(list)
    for history in histories:
        key = history.newest.key
        if key.tenant in extensions:
            by_schema[key.tenant, fold(key.schema_id)].append(history)
    for (tenant, schema_id), found in by_schema.items():
        declaration_of = declarations(extensions[tenant].get(schema_id))
        times = times_in(known.courses.get((tenant, schema_id), ()))
        for history in found:
            attribute, count = history.newest.key.attribute, history.newest.count
            at, declaration = history.newest.measured_at, declaration_of(attribute)
            if declaration is Declaration.UNDECLARED and not count.holders:
                continue
            first = times.get(fold(attribute), AttributeTimes()).first
            past = AttributePast.of(first, history, count, at)
            verdict = past.verdict(declaration, count, datetime.fromisoformat(at))
            share = Share(holders=count.holders, total=count.total)
            adoption = TenantAdoption(share=share, verdict=verdict, measured_at=at)
            yield tenant, schema_id, attribute, adoption


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
    ExtensionState.WAITING: "an apply has left it for later; plan shows what is live",
}


def _bindings(extension: SchemaExtension, course: Course, waits_for: str | None) -> Bindings | None:
    """The bindings of one schema, as far as the trail says: nobody searches for what is unbound."""
    if waits_for is not None and waits_for not in (UNLOOKED.text, UNSEARCHED.text):
        return {}
    if not searchable_in(course) and not persisted(course):
        return None
    kind = extension.binding_type or extension.resource_type
    return {kind: frozenset({extension.schema.key})}
