"""The caller's side of --dask: each step of a tenant is sent to a worker, and waited for."""

import signal
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from threading import Lock
from typing import Protocol, TypeVar

from reconciler.adapters.clock import GRACE
from reconciler.adapters.cluster import cluster_at, require_closed
from reconciler.cli.commands.apply import Options
from reconciler.cli.invocation import Invocation
from reconciler.cli.shared_options import FleetOptions
from reconciler.cli.tasks import Approved, Failure, RunStep, Task, TaskEnd, ask_to_stop, carried_out
from reconciler.cli.wiring import Workbench
from reconciler.domain.drift import Sighting, Sightings
from reconciler.domain.manifest import Tenant
from reconciler.domain.memo import Memo
from reconciler.domain.outcome import Outcome, OutcomeKind
from reconciler.domain.plan import Create, Subject, TenantPlan, Update
from reconciler.errors import ClusterError, Interrupted, StateError, UsageError
from reconciler.fleet import Fleet
from reconciler.occurrences import ChangeEnded
from reconciler.planning import Desired
from reconciler.progress import Progress
from reconciler.render.plain_text import visible

T = TypeVar("T")
R = TypeVar("R")
_OF_ONE_MACHINE = ("proxy", "ca_bundle", "secrets_dir")  # of CommonOptions


class Workers(Protocol):
    """The workers of a cluster; Cluster has both methods."""

    def call(
        self, function: Callable[[T], R], task: T, *, named: str, waiting: Callable[[], None]
    ) -> R:
        """Have a task done by a function on any worker; raises ClusterError."""
        ...

    def tell(self, function: Callable[..., None], *arguments: object) -> None:
        """Call a function on each worker, beside the tasks."""
        ...


@contextmanager
def crew_at(
    address: str, invocation: Invocation, bench: Workbench, options: Options, progress: Progress
) -> "Iterator[Crew]":
    """The workers of the cluster at an address, for a run; raises UsageError or ClusterError."""
    require_closed(address)  # before all else: an open address is the worst of what may be wrong
    for tenant in bench.desired.tenants():
        if tenant.embedded:
            raise UsageError(
                f"--dask: {tenant.name} is a built-in tenant, which this machine alone can serve; "
                "leave it out with --tenant, or leave --dask out"
            )
    for name in _OF_ONE_MACHINE:
        if getattr(invocation.common, name) is not None:
            invocation.console.say(
                f"warning: --{name.replace('_', '-')} is not sent to workers: each has its own "
                f"RECONCILER_{name.upper()}"
            )
    with cluster_at(address) as cluster:
        yield Crew(
            cluster=cluster,
            invocation=invocation,
            bench=bench,
            options=replace(
                options,
                file=None,
                fleet=FleetOptions(),
                approve=(),
                report=None,
                metrics=None,
            ),
            progress=progress,
            at_once=cluster.at_once,
            sightings=_by_tenant(bench.desired),
            ends=bench.clock.monotonic() + options.lock_timeout,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Crew:
    """The workers of a cluster, which do each step of a tenant; a fleet.TenantSteps.

    `at_once` is how many tenants they work on at once. What they did goes to the progress. `head`
    gives a record of the trail, by which workers know the store; a plan has none. `impact` is
    whether users are counted for a plan. `ends` is the time of the monotonic clock until which
    locks are waited for.
    """

    cluster: Workers
    invocation: Invocation
    bench: Workbench
    options: Options
    progress: Progress
    at_once: int
    sightings: Mapping[str, Sightings]
    ends: float
    head: Callable[[], tuple[int, str]] | None = None
    impact: bool = False
    _head: Memo[tuple[int, str]] = field(init=False, default_factory=Memo)
    _stopping: Lock = field(init=False, default_factory=Lock)
    _stopped_at: Memo[float] = field(init=False, default_factory=Memo)

    def leading(self, fleet: Fleet) -> Fleet:
        """The fleet, of which each step is done by these workers."""
        return replace(
            fleet,
            parallelism=self.at_once,
            obstacle=lambda _: None,  # each worker knows its own
            elsewhere=self,
        )

    def plan_one(self, tenant: Tenant) -> TenantPlan:
        """Have a tenant planned; what fails is the error of its plan."""
        try:
            end = self._end_of(self._task(RunStep.PLAN, tenant))
        except ClusterError as error:
            return TenantPlan(tenant=tenant, error=str(error))
        if end.plan is None:
            return TenantPlan(tenant=tenant, error=_by(end))
        # Of what is desired, and of a dialect, a fleet has one copy in memory.
        extensions = {each.name: each for each in self.bench.desired.wanted_by(tenant)}

        def ours(subject: Subject) -> Subject:
            dialect = None if subject.dialect is None else tenant.dialect
            return replace(subject, extension=extensions[subject.extension.name], dialect=dialect)

        changes = (replace(each, subject=ours(each.subject)) for each in end.plan.changes)
        return replace(end.plan, tenant=tenant, changes=tuple(changes))

    def recover_one(self, tenant: Tenant) -> None:
        """Have settled what earlier runs have left open."""
        try:
            end = self._end_of(self._task(RunStep.RECOVER, tenant))
        except ClusterError as error:
            self.progress.record_misconfigured(tenant.name, str(error))
            return
        if end.failure is not None:
            self.progress.record_misconfigured(tenant.name, _by(end))

    def apply_one(self, tenant: Tenant, plan: TenantPlan, wave: int | None) -> None:
        """Have its plan carried out; where a worker is lost nobody knows what was done."""
        if plan.has_writes:
            self.bench.stop.admit_write()
        task = replace(self._task(RunStep.APPLY, tenant), approved=Approved(plan=plan, wave=wave))
        try:
            end = self._end_of(task, plan.writes)
        except Interrupted:
            for write in plan.writes:
                self.progress.begin(write)
            raise
        except ClusterError as error:
            for write in plan.writes:
                kind = OutcomeKind.UNKNOWN if error.lost else OutcomeKind.NOT_ATTEMPTED
                self.progress.end(Outcome(change=write, kind=kind, detail=str(error)))
            if not plan.has_writes:
                self.progress.record_misconfigured(tenant.name, str(error))
            return
        if end.failure is not None:
            self.progress.record_misconfigured(tenant.name, _by(end))

    def deliver_one(self, tenant: Tenant) -> None:
        """Have its webhooks sent that are due."""
        self.bench.stop.admit_write()
        try:
            end = self._end_of(self._task(RunStep.DELIVER, tenant))
        except ClusterError as error:
            self.progress.record_not_tried(1, f"{tenant.name}: {error}")
            return
        if end.failure is not None:
            self.progress.record_not_tried(1, f"{tenant.name}: {_by(end)}")

    def _task(self, step: RunStep, tenant: Tenant) -> Task:
        desired, remaining = self.bench.desired, self.ends - self.bench.clock.monotonic()
        return Task(
            step=step,
            tenant=tenant,
            extensions=desired.manifests.desired_for(tenant),
            selection=replace(desired.selection, tenants=(), shard=None, due=None, planned=True),
            git=desired.git,
            sightings=self.sightings.get(tenant.name, {}),
            allow_lists=self.invocation.settings.allow_lists,
            run=self.bench.run,
            options=replace(self.options, lock_timeout=max(0, round(remaining))),
            impact=self.impact,
            head=None if self.head is None else self._head.get(self.head),
            plan_digest=self.progress.plan_digest,
        )

    def _end_of(self, task: Task, writes: Iterable[Create | Update] = ()) -> TaskEnd:
        """The end of a task, once it is in the progress; raises StateError and Interrupted."""
        name = f"{task.run.id}-{task.step}-{task.tenant.name}"
        end = self.cluster.call(carried_out, task, named=name, waiting=self._wait_on)
        changes = {each.subject.id: each for each in writes}
        ended = {
            name: replace(outcome, change=changes.get(name, outcome.change))
            for name, outcome in end.progress.ended.items()
        }
        self.progress.take_over(replace(end.progress, ended=ended))
        for outcome in ended.values():
            self.bench.observe(ChangeEnded(outcome))
        for line in end.complaints.splitlines():
            self.invocation.console.complain(visible(f"worker {end.worker}: {line}"))
        match end.failure:
            case Failure.STORE:
                raise StateError(_by(end))
            case Failure.STOPPED:
                raise Interrupted(self.bench.stop.number or signal.SIGTERM)
            case _:
                return end

    def _wait_on(self) -> None:
        """Have the workers stop where this run has to; they get as long for it as a run does."""
        stop, clock = self.bench.stop, self.bench.clock
        if stop.number is None and not stop.store_failed:
            return
        with self._stopping:
            stopped_at = self._stopped_at.get(self._stopped)
        if clock.monotonic() - stopped_at > GRACE + 1:
            clock.check()

    def _stopped(self) -> float:
        number = self.bench.stop.number or signal.SIGTERM
        self.cluster.tell(ask_to_stop, self.bench.run.id, int(number))
        return self.bench.clock.monotonic()


def _by(end: TaskEnd) -> str:
    return f"worker {end.worker}: {end.message}"


def _by_tenant(desired: Desired) -> dict[str, Sightings]:
    found: defaultdict[str, dict[tuple[str, str], Sighting]] = defaultdict(dict)
    for (tenant, schema_id), sighting in desired.sightings.items():
        found[tenant][tenant, schema_id] = sighting
    return dict(found)
