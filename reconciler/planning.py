"""Use case: read every selected tenant and decide what each needs; changes nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import closing
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from reconciler.domain.deciding import plan_tenant
from reconciler.domain.dialect import Dialect
from reconciler.domain.manifest import GitState, Manifests, SchemaExtension, Tenant
from reconciler.domain.messages import nearest
from reconciler.domain.plan import Plan, TenantPlan
from reconciler.domain.selection import Selection
from reconciler.errors import TenantError, UsageError
from reconciler.occurrences import Observe, Phase, in_phase, unobserved, working_on
from reconciler.parallel import in_parallel

if TYPE_CHECKING:  # a plan makes none of them
    from reconciler.domain.drift import Sightings
    from reconciler.domain.waves import WaveSize
    from reconciler.ports import SchemaReader


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class Desired:
    """The desired state of the tenants, its commit, and the part of it that this run is about.

    `max_tenants` may be changed by the run, in waves of `wave_sizes`; `sightings` are what the
    audit trail has of them.
    """

    manifests: Manifests
    selection: Selection
    git: GitState
    max_tenants: int | None = None
    wave_sizes: tuple[WaveSize, ...] = ()
    sightings: Sightings = field(default_factory=dict)
    _fitted: dict[tuple[Dialect, str], SchemaExtension] = field(
        init=False, compare=False, repr=False, default_factory=dict
    )

    def __post_init__(self) -> None:
        """Raise UsageError where a glob for extensions fits none of any tenant."""
        # A slip in --exclude would write what was to be left out.
        globs = [("--target", glob) for glob in self.selection.targets]
        globs += [("--exclude", glob) for glob in self.selection.excludes]
        for option, glob in globs:
            if self.selection.planned or self._fits_any(glob):
                continue
            meant = nearest(glob, [extension.name for extension in self.manifests.extensions])
            hint = f"did you mean {meant}?" if meant else "give a manifest name, TENANT/NAME or URN"
            raise UsageError(f"{option} {glob} fits no extension of any tenant; {hint}")

    def tenants(self) -> tuple[Tenant, ...]:
        """The selected tenants; raises UsageError where a name or glob fits none."""
        names = [tenant.name for tenant in self.manifests.tenants]
        for glob in self.selection.tenants:
            if not self.selection.planned and not any(
                Selection(tenants=(glob,)).takes_tenant(name) for name in names
            ):
                known = self.manifests.tenants
                if called := [tenant.name for tenant in known if glob in tenant.formerly]:
                    raise UsageError(f"the tenant {glob} is called {called[0]} now")
                source = self.manifests.tenants_from
                where = f" at {source.ref}" if source else ""
                raise UsageError(
                    f"{glob} fits no tenant{where}; there are {', '.join(names) or 'none'}"
                )
        return tuple(t for t in self.manifests.tenants if self.selection.takes_tenant(t.name))

    def wanted_by(self, tenant: Tenant) -> tuple[SchemaExtension, ...]:
        """The extensions that the tenant should have, fitted to its dialect, by URN."""
        # Made once for each dialect: a fleet has few of them and many tenants.
        return tuple(
            self._fitted.get((tenant.dialect, extension.name))
            or self._fitted.setdefault(
                (tenant.dialect, extension.name), extension.fitted_to(tenant.dialect)
            )
            for extension in self.manifests.desired_for(tenant)
        )

    def plan(self, tenants: Iterable[TenantPlan] = ()) -> Plan:
        """The plan of these tenants; before any is planned it has none."""
        return Plan(
            tenants=tuple(tenants),
            git=self.git,
            tenants_from=self.manifests.tenants_from,
            selection=self.selection,
            max_tenants=self.max_tenants,
            wave_sizes=self.wave_sizes,
        )

    def _fits_any(self, glob: str) -> bool:
        alone = Selection(targets=(glob,))
        return any(
            alone.takes(tenant.name, extension)
            for tenant in self.manifests.tenants
            for extension in self.manifests.desired_for(tenant)
        )


Readers = Callable[[Tenant], "SchemaReader"]
"""Raises UsageError for a tenant that is set up wrongly."""
Keep = Callable[[TenantPlan], TenantPlan]  # what is kept of a tenant's plan, when it is made
Planner = Callable[[Tenant], TenantPlan]  # one that cannot be planned gives a plan with an error


def planner(desired: Desired, readers: Readers, complete: Keep = lambda plan: plan) -> Planner:
    """The way to plan a tenant here; `complete` may read more of it than its schemas."""

    def plan_one(tenant: Tenant) -> TenantPlan:
        extensions = desired.wanted_by(tenant)
        selected = [e.schema.id for e in extensions if desired.selection.takes(tenant.name, e)]
        try:
            live = readers(tenant).read_all(selected)
        except (TenantError, UsageError) as error:  # one that is set up wrongly fails alone, too
            return TenantPlan(tenant=tenant, error=str(error))
        return complete(
            plan_tenant(
                tenant,
                extensions=extensions,
                live=live,
                selection=desired.selection,
                sightings=desired.sightings,
            )
        )

    return plan_one


def plan_fleet(
    desired: Desired,
    plan_one: Planner,
    *,
    parallelism: int,
    keep: Keep = lambda plan: plan,
    check: Callable[[], None] = lambda: None,
    observe: Observe = unobserved,
) -> Plan:
    """Plan all selected tenants, up to `parallelism` at once; one that fails, fails alone.

    `keep` is called in this thread for each tenant as it ends. `check` may raise before a tenant
    is begun; then no other is begun, and it is raised here.
    """

    def observed(tenant: Tenant) -> TenantPlan:
        check()
        with working_on(tenant.name, Phase.PLAN, observe) as work:
            plan = plan_one(tenant)
            work.failure = plan.error
        return plan

    tenants = desired.tenants()
    with (
        in_phase(observe, Phase.PLAN, len(tenants)),
        closing(in_parallel(observed, tenants, parallelism)) as made,
    ):
        plans = [keep(plan) for plan in made]
    return desired.plan(sorted(plans, key=lambda plan: plan.name))
