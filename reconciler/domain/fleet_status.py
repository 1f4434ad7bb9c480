"""The status of a fleet: what the trail last has of each extension of each tenant, and since when.

Nothing is read from a tenant for it. An age is that of the last apply that looked.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from reconciler.domain.dialect import READ_ONLY
from reconciler.domain.drift import Sightings
from reconciler.domain.freeze import Frozen, frozen_at
from reconciler.domain.manifest import Manifests, SchemaExtension, Tenant
from reconciler.domain.outbox import HeldRow, OutboxRow
from reconciler.domain.outcome import waits
from reconciler.domain.records import Event, Status
from reconciler.domain.scim import fold
from reconciler.domain.tenant_names import UnclaimedName

DAY = timedelta(hours=24)


class ExtensionState(StrEnum):
    """The state of an extension of a tenant, as an apply last left it."""

    IN_SYNC = "in-sync"
    OUTDATED = "outdated"  # live is as it was verified, and the manifest has changed since
    DRIFTED = "drifted"
    BLOCKED = "blocked"
    FAILED = "failed"  # a write did not end well, or its end is not known
    WAITING = "waiting"  # not attempted: the tenant was frozen, or its wave did not begin
    NEVER_READ = "never-read"


@dataclass(frozen=True, slots=True, kw_only=True)
class LastOutcome:
    """The last record of an extension that is not as desired: what an apply has found or done.

    `live` is the fingerprint of what was live, `absent`, or None where nobody has looked.
    """

    tenant: str
    schema_id: str
    at: str
    live: str | None
    event: Event
    status: Status | None
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ExtensionStatus:
    """One extension of one tenant; times are UTC, RFC 3339.

    `looked_at` is when an apply last looked, `since` when the trail last has it as desired; None
    where it never did. `live` is the fingerprint of what it saw, `absent`, or None where nobody
    knows. `stays` is True where no later apply changes that by itself.
    """

    extension: SchemaExtension
    state: ExtensionState
    reason: str = ""
    looked_at: str | None = None
    since: str | None = None
    live: str | None = None
    stays: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class TenantStatus:
    """One tenant: its extensions, in the order of their URNs, its webhooks and open writes.

    `frozen` is the freeze that it is in now, if any.
    """

    name: str
    every: timedelta = timedelta()
    extensions: tuple[ExtensionStatus, ...] = ()
    pending: int = 0
    due_at: str | None = None
    held: int = 0
    given_up: int = 0
    open_writes: int = 0
    frozen: Frozen | None = None

    @property
    def last_read(self) -> str | None:
        """The time when an apply last looked at any of its extensions."""
        return max((e.looked_at for e in self.extensions if e.looked_at), default=None)

    def count(self, state: ExtensionState) -> int:
        """The number of extensions in that state."""
        return sum(1 for each in self.extensions if each.state is state)


@dataclass(frozen=True, slots=True, kw_only=True)
class FleetStatus:
    """All tenants by name, when it was asked, and when a run last ended well.

    `unclaimed` are names that the store knows and no manifest here has.
    """

    at: datetime
    tenants: tuple[TenantStatus, ...]
    last_success: str | None = None
    unclaimed: tuple[UnclaimedName, ...] = ()

    def count(self, state: ExtensionState) -> int:
        """The number of extensions in that state, over all tenants."""
        return sum(tenant.count(state) for tenant in self.tenants)

    @property
    def drifted_for_a_day(self) -> int:
        """The number of drifted extensions that were last as desired a day ago or more, if ever."""
        limit = self.at - DAY
        return sum(
            1
            for tenant in self.tenants
            for each in tenant.extensions
            if each.state is ExtensionState.DRIFTED
            and (each.since is None or datetime.fromisoformat(each.since) <= limit)
        )

    def unread(self, for_long: timedelta) -> tuple[TenantStatus, ...]:
        """The tenants with extensions that no apply has looked at for so long.

        One with a cadence has its `every` beside that: it is looked at no more often.
        """
        return tuple(
            each
            for each in self.tenants
            if each.extensions
            and (
                each.last_read is None
                or datetime.fromisoformat(each.last_read) <= self.at - for_long - each.every
            )
        )

    def needs(self, for_long: timedelta) -> tuple[tuple[str, str], ...]:
        """All that a person has to look at: the tenant's name, and what it is."""
        unread = {tenant.name for tenant in self.unread(for_long)}
        found: list[tuple[str, str]] = []
        for tenant in self.tenants:
            for each in tenant.extensions:
                if each.stays:
                    last = f"in sync last at {each.since}" if each.since else "never in sync"
                    text = f"{each.extension.name} is {each.state}, {last}"
                    found.append((tenant.name, f"{text}: {each.reason}" if each.reason else text))
            if tenant.name in unread:
                last = f"since {tenant.last_read}" if tenant.last_read else "yet"
                found.append((tenant.name, f"no apply has looked at it {last}"))
            if tenant.given_up:
                found.append((tenant.name, f"webhooks that were given up: {tenant.given_up}"))
            if tenant.open_writes:
                found.append((tenant.name, f"writes without a known end: {tenant.open_writes}"))
        found += ((each.name, each.message) for each in self.unclaimed if each.is_open)
        return tuple(found)


@dataclass(frozen=True, slots=True, kw_only=True)
class TimedRecord:
    """A record of an attempt that took time: a change that was written, or a delivery."""

    event: Event
    status: Status | None
    at: str
    latency_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Trail:
    """What the store has of a fleet.

    `as_desired` has when each extension was last as desired, `outcomes` what came after that.
    `given_up` and `open_writes` are numbers by tenant.
    """

    as_desired: Sightings = field(default_factory=dict)
    outcomes: Sequence[LastOutcome] = ()
    waiting: Sequence[OutboxRow] = ()
    held: Sequence[HeldRow] = ()
    given_up: Mapping[str, int] = field(default_factory=dict)
    open_writes: Mapping[str, int] = field(default_factory=dict)
    last_success: str | None = None


def fleet_status(manifests: Manifests, trail: Trail, at: datetime) -> FleetStatus:
    """Hold the manifests against what the trail last has of them."""
    outcomes = {(each.tenant, fold(each.schema_id)): each for each in trail.outcomes}
    pending = Counter(row.tenant for row in trail.waiting)
    due: dict[str, str] = {}
    for row in trail.waiting:
        if row.due_at is not None:
            due[row.tenant] = min(row.due_at, due.get(row.tenant, row.due_at))
    held = Counter(row.tenant for row in trail.held)
    return FleetStatus(
        at=at,
        last_success=trail.last_success,
        tenants=tuple(
            TenantStatus(
                name=tenant.name,
                every=timedelta(minutes=tenant.every or 0),
                extensions=tuple(
                    _extension(tenant, extension.fitted_to(tenant.dialect), trail, outcomes)
                    for extension in manifests.desired_for(tenant)
                ),
                pending=pending[tenant.name],
                due_at=due.get(tenant.name),
                held=held[tenant.name],
                given_up=trail.given_up.get(tenant.name, 0),
                open_writes=trail.open_writes.get(tenant.name, 0),
                frozen=frozen_at(tenant.freeze, at),
            )
            for tenant in manifests.tenants
        ),
    )


def _extension(
    tenant: Tenant,
    extension: SchemaExtension,
    trail: Trail,
    outcomes: Mapping[tuple[str, str], LastOutcome],
) -> ExtensionStatus:
    key = (tenant.name, extension.schema.key)
    seen, other = trail.as_desired.get(key), outcomes.get(key)
    since = seen.at if seen else None
    if other is not None:
        state = _STATES.get((other.event, other.status), ExtensionState.FAILED)
        if state is ExtensionState.FAILED and waits(other.detail):
            state = ExtensionState.WAITING
        if state is ExtensionState.DRIFTED and seen is not None and seen.fingerprint == other.live:
            state = ExtensionState.OUTDATED
        lacks = state is ExtensionState.BLOCKED and tenant.dialect.name == READ_ONLY
        return ExtensionStatus(
            extension=extension,
            state=state,
            reason="" if other.event is Event.SCHEMA_EXTENSION_SKIPPED else other.detail,
            looked_at=other.at,
            since=since,
            live=None if state is ExtensionState.FAILED else other.live,
            # what a read-only tenant lacks is reported, and concerns nobody
            stays=not lacks and state is not ExtensionState.WAITING,
        )
    if seen is None:
        return ExtensionStatus(extension=extension, state=ExtensionState.NEVER_READ)
    as_now = seen.fingerprint == extension.schema.fingerprint()
    state = ExtensionState.IN_SYNC if as_now else ExtensionState.OUTDATED
    return ExtensionStatus(
        extension=extension,
        state=state,
        looked_at=seen.at,
        since=since,
        live=seen.fingerprint,
    )


_STATES: Mapping[tuple[Event, Status | None], ExtensionState] = {
    (Event.SCHEMA_EXTENSION_SKIPPED, Status.SUCCESS): ExtensionState.DRIFTED,
    (Event.SCHEMA_EXTENSION_BLOCKED, Status.FAILED): ExtensionState.BLOCKED,
}
