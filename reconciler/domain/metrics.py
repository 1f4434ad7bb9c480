"""Metrics: what a run, or the state of a fleet, is in numbers that a monitoring system keeps.

Names are those of the Prometheus conventions: `reconciler_` first, base units last.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from math import ceil

from reconciler.domain.adoption import ResourceAdoption
from reconciler.domain.fleet_status import ExtensionState, FleetStatus, TimedRecord
from reconciler.domain.outcome import Outcome
from reconciler.domain.plan import Plan
from reconciler.domain.records import Event

QUANTILES = (0.5, 0.95)
TIMED = 1000  # attempts of each kind that quantiles are of


@dataclass(frozen=True, slots=True)
class Metric:
    """One number, with its labels in the order of the names of its family."""

    labels: tuple[str, ...]
    value: float


@dataclass(frozen=True, slots=True)
class MetricFamily:
    """The numbers of one name; `labels` are the names of the labels of each."""

    name: str
    help: str
    labels: tuple[str, ...]
    metrics: tuple[Metric, ...]


@dataclass(frozen=True, slots=True)
class Latencies:
    """The latencies of one kind of attempt, in seconds: a summary with `QUANTILES`."""

    name: str
    help: str
    seconds: tuple[float, ...]


def quantiles(seconds: Iterable[float]) -> tuple[tuple[float, float], ...]:
    """Each of `QUANTILES` with its value; none where nothing was measured."""
    ordered = sorted(seconds)
    most = len(ordered)
    return tuple((share, ordered[ceil(share * most) - 1]) for share in QUANTILES if most)


def latencies(timed: Iterable[TimedRecord]) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """The seconds that changes took, and those that deliveries took."""
    seconds: dict[bool, list[float]] = {False: [], True: []}
    for record in timed:
        seconds[record.event is Event.HR_SYNC_COMPLETED].append(record.latency_ms / 1000)
    return tuple(seconds[False]), tuple(seconds[True])


Metrics = tuple[MetricFamily | Latencies, ...]


def plan_metrics(plan: Plan, at: datetime) -> Metrics:
    """The metrics of a plan that was made at that time."""
    read = [tenant for tenant in plan.tenants if tenant.error is None]

    counts = [(each.tenant.name, Plan(tenants=(each,)).summary()) for each in read]
    wanted = ((each.tenant.name, len(each.changes)) for each in read)
    return (
        _by_tenant(*_DESIRED, wanted),
        _by_tenant(*_IN_SYNC, ((name, found.in_sync) for name, found in counts)),
        _by_tenant(*_DRIFTED, ((name, found.drifted) for name, found in counts)),
        _by_tenant(*_BLOCKED, ((name, found.blocked) for name, found in counts)),
        _by_tenant(*_TO_CHANGE, ((name, found.work) for name, found in counts)),
        _by_tenant(*_LAST_READ, ((each.tenant.name, at.timestamp()) for each in read)),
    )


def run_metrics(
    status: FleetStatus, timed: Iterable[TimedRecord], outcomes: Iterable[Outcome]
) -> Metrics:
    """The metrics of an apply with those outcomes, and of the fleet that it has left."""
    applied = Counter(each.change.subject.tenant for each in outcomes if each.kind.verified)
    return (
        *status_metrics(status, timed),
        _by_tenant(*_APPLIED, ((each.name, applied[each.name]) for each in status.tenants)),
    )


def status_metrics(status: FleetStatus, timed: Iterable[TimedRecord]) -> Metrics:
    """The metrics of what the trail has of a fleet."""
    tenants = status.tenants
    changes, deliveries = latencies(timed)

    def count(name: str, help: str, *states: ExtensionState) -> MetricFamily:
        found = ((each.name, sum(map(each.count, states))) for each in tenants)
        return _by_tenant(name, help, found)

    read = ((each.name, _seconds(each.last_read)) for each in tenants if each.extensions)
    success = (Metric((), _seconds(status.last_success)),)
    return (
        count(*_DESIRED, *ExtensionState),
        count(*_IN_SYNC, ExtensionState.IN_SYNC),
        count(*_DRIFTED, ExtensionState.DRIFTED, ExtensionState.OUTDATED),
        count(*_BLOCKED, ExtensionState.BLOCKED),
        count(*_FAILED, ExtensionState.FAILED),
        _by_tenant(*_PENDING, ((each.name, each.pending) for each in tenants)),
        _by_tenant(*_GIVEN_UP, ((each.name, each.given_up) for each in tenants)),
        Latencies(*_CHANGE, changes),
        Latencies(*_DELIVERY, deliveries),
        _by_tenant(*_LAST_READ, read),
        MetricFamily(*_SUCCESS, (), success),
    )


def adoption_metrics(found: Iterable[ResourceAdoption]) -> Metrics:
    """The metrics of a count: of each attribute how many hold it, and their share."""
    counted = [
        ((each.tenant, each.resource_type or "", figure.schema_id, figure.name), figure.count)
        for each in found
        for figure in each.attributes
        if figure.count is not None
    ]
    holders = (Metric(labels, count.holders) for labels, count in counted)
    shares = (
        Metric(labels, count.holders / count.total) for labels, count in counted if count.total
    )
    return (
        MetricFamily(*_HOLDERS, _OF_ATTRIBUTE, tuple(holders)),
        MetricFamily(*_SHARE, _OF_ATTRIBUTE, tuple(shares)),
    )


_OF_ATTRIBUTE = ("tenant", "resource_type", "schema_id", "attribute")
_HOLDERS = ("reconciler_adoption_holders", "Resources that hold a value, of those looked at.")
_SHARE = ("reconciler_adoption_ratio", "Their share, from 0 to 1.")
_DESIRED = ("reconciler_extensions_desired", "Extensions that the manifests want on a tenant.")
_IN_SYNC = ("reconciler_extensions_in_sync", "Extensions that are live as desired.")
_DRIFTED = ("reconciler_extensions_drifted", "Extensions that differ from desired and are left.")
_BLOCKED = ("reconciler_extensions_blocked", "Extensions with a change that is not written.")
_TO_CHANGE = ("reconciler_extensions_to_change", "Extensions that an apply would write.")
_APPLIED = ("reconciler_changes_applied", "Changes of the run that were verified.")
_FAILED = ("reconciler_changes_failed", "Extensions whose last write did not end well.")
_PENDING = ("reconciler_webhooks_pending", "Webhooks that wait to be delivered.")
_GIVEN_UP = ("reconciler_webhooks_given_up", "Webhooks that are not tried again.")
_CHANGE = ("reconciler_change_latency_seconds", "From a write to the end of its verification.")
_DELIVERY = ("reconciler_webhook_latency_seconds", "From sending a webhook to its answer.")
_LAST_READ = (
    "reconciler_tenant_last_read_timestamp_seconds",
    "When the schemas of a tenant were last read.",
)
_SUCCESS = ("reconciler_last_success_timestamp_seconds", "When a run last ended well.")


def _seconds(at: str | None) -> float:
    """A moment in seconds since 1970; 0 for never, so that an alarm by its age goes off."""
    return 0.0 if at is None else datetime.fromisoformat(at).timestamp()


def _by_tenant(name: str, help: str, found: Iterable[tuple[str, float]]) -> MetricFamily:
    metrics = tuple(Metric((tenant,), value) for tenant, value in found)
    return MetricFamily(name, help, ("tenant",), metrics)
