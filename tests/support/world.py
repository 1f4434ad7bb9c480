"""World: two tenants, one extension, and everything an apply touches, made of fakes."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import timedelta

from reconciler.domain.freeze import Freeze
from reconciler.domain.manifest import GitState, Manifests, Tenant
from reconciler.domain.outcome import RunSummary
from reconciler.domain.plan import Plan
from reconciler.domain.records import Run
from reconciler.domain.selection import Selection
from reconciler.domain.waves import WaveSize
from reconciler.errors import (
    UsageError,
)
from reconciler.fleet import Fleet
from reconciler.planning import Desired, plan_fleet, planner
from tests.support.fakes import (
    START,
    FakeClock,
    FakeLocks,
    FakeTenant,
    MemoryJournal,
    Receiver,
    extension,
    patience,
    tenant,
)
from tests.support.runs import Gateways, fleet_of


@dataclass
class World:
    """Two tenants, one extension, and everything an apply touches."""

    live: dict[str, FakeTenant] = field(
        default_factory=lambda: {"east": FakeTenant(), "west": FakeTenant()}
    )
    extensions: tuple = field(default_factory=lambda: (extension(),))
    journal: MemoryJournal = field(default_factory=MemoryJournal)
    receiver: Receiver = field(default_factory=Receiver)
    locks: FakeLocks = field(default_factory=FakeLocks)
    clock: FakeClock = field(default_factory=FakeClock)
    selection: Selection = field(default_factory=Selection)
    misconfigured: frozenset[str] = frozenset()
    base_urls: dict[str, str] = field(default_factory=dict)  # where not the usual one
    freezes: dict[str, Freeze] = field(default_factory=dict)
    during_freeze: frozenset[str] = frozenset()
    waves: dict[str, int] = field(default_factory=dict)
    wave_sizes: tuple[WaveSize, ...] = ()
    stop_after: int = 1
    parallelism: int = 2

    def desired(self) -> Desired:
        return Desired(
            manifests=Manifests(
                tenants=tuple(
                    replace(
                        known,
                        base_url=self.base_urls.get(known.name, known.base_url),
                        freeze=self.freezes.get(known.name, ()),
                        wave=self.waves.get(known.name),
                    )
                    for known in map(tenant, sorted(self.live))
                ),
                extensions=self.extensions,
            ),
            selection=self.selection,
            wave_sizes=self.wave_sizes,
            git=GitState(commit="c0ffee"),
        )

    def gateway(self, of: Tenant) -> FakeTenant:
        if of.name in self.misconfigured:
            raise UsageError("variable ACME_SECRET is not set")
        return self.live[of.name]

    def plan(self) -> Plan:
        desired = self.desired()
        return plan_fleet(desired, planner(desired, self.gateway), parallelism=self.parallelism)

    def apply(self, approve: Callable[[Plan], None] = lambda plan: None) -> RunSummary:
        return self.fleet().apply(approve)

    def fleet(self, *, lock_timeout: float = 0.0) -> Fleet:
        return fleet_of(
            self.desired(),
            Gateways(self.gateway, patience(2)),
            self.journal,
            run=Run(id="run-9", actor="user:test", commit="c0ffee"),
            clock=self.clock,
            notifier=self.receiver,
            locks=self.locks,
            schedule=lambda attempts, result: START + timedelta(minutes=5),
            parallelism=self.parallelism,
            lock_timeout=lock_timeout,
            during_freeze=self.during_freeze,
            stop_after=self.stop_after,
        )

    def writes(self) -> int:
        return sum(one.writes() for one in self.live.values())
