"""A worker's side of --dask: one step of one tenant, with the secrets of the worker's own.

A task says what is desired of a tenant and what was approved; it holds no secret, and neither does
what comes back. The store, secrets, a proxy and certificates are those of the worker's environment.
"""

import io
import os
import socket
import threading
from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import assert_never

from reconciler.adapters.clock import StopSignal
from reconciler.adapters.database import Store
from reconciler.adapters.settings import Settings
from reconciler.cli.commands.apply import Options
from reconciler.cli.console import Console
from reconciler.cli.fleets import context_of, fleet_of
from reconciler.cli.invocation import Invocation
from reconciler.cli.main import common_options
from reconciler.cli.shards import require_shared_store
from reconciler.cli.state_store import existing_state, exporting
from reconciler.cli.wiring import Workbench, workbench
from reconciler.domain.drift import Sightings
from reconciler.domain.manifest import GitState, Manifests, SchemaExtension, Tenant
from reconciler.domain.plan import TenantPlan
from reconciler.domain.records import Run
from reconciler.domain.selection import Selection
from reconciler.errors import Interrupted, StateError, TenantLocked, UsageError
from reconciler.occurrences import unobserved
from reconciler.planning import Desired
from reconciler.ports import Locks
from reconciler.progress import Progress, TenantProgress
from reconciler.render.paint import Paint

PATIENCE = 60.0  # seconds to wait for a lock of this very run: that of a worker that has ended


class RunStep(StrEnum):
    """The steps of a run that are made for one tenant after the other."""

    RECOVER = "recover"
    PLAN = "plan"
    APPLY = "apply"
    DELIVER = "deliver"


@dataclass(frozen=True, slots=True, kw_only=True)
class Approved:
    """A plan to carry out, in a wave of a run that has waves."""

    plan: TenantPlan
    wave: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """A step of a tenant; `extensions` are what is desired of it, as the manifests have them.

    `allow_lists` are the caller's, and bind beside the worker's. `head` is a record of the caller's
    trail, by which the worker knows the store; None for a plan, which needs none.
    """

    step: RunStep
    tenant: Tenant
    extensions: tuple[SchemaExtension, ...]
    selection: Selection
    git: GitState
    sightings: Sightings
    allow_lists: Mapping[str, str]
    run: Run
    options: Options
    impact: bool = False
    head: tuple[int, str] | None = None
    plan_digest: str | None = None
    approved: Approved | None = None


class Failure(StrEnum):
    """The ways in which a step can fail, but for what a plan or an outcome tells."""

    SETUP = "setup"  # of the worker, or of the tenant there
    STORE = "store"
    STOPPED = "stopped"


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskEnd:
    """The end of a task; `complaints` are what the worker would have shown to a person."""

    worker: str
    plan: TenantPlan | None = None
    progress: TenantProgress = field(default_factory=TenantProgress)
    failure: Failure | None = None
    message: str = ""
    complaints: str = ""


_stops: defaultdict[str, set[StopSignal]] = defaultdict(set)  # of the tasks under way, by run
_stopping = threading.Lock()


def ask_to_stop(run_id: str, number: int) -> None:
    """Ask the tasks of a run that are under way in this process to stop, as a signal would."""
    with _stopping:
        for stop in _stops.get(run_id, ()):
            stop.ask(number)


def carried_out(task: Task) -> TaskEnd:
    """Carry out a task in this process; its end."""
    shown, progress = io.StringIO(), Progress(task.plan_digest)
    end = TaskEnd(worker=f"{socket.gethostname()}:{os.getpid()}")
    stop = StopSignal()
    with _stoppable(task.run.id, stop):
        try:
            plan = _plan_or_progress(task, progress, stop, shown)
            end = replace(end, plan=plan)
        except UsageError as error:
            end = replace(end, failure=Failure.SETUP, message=str(error))
        except StateError as error:
            end = replace(end, failure=Failure.STORE, message=str(error))
        except Interrupted as error:
            end = replace(end, failure=Failure.STOPPED, message=str(error))
    return replace(end, progress=progress.of_tenant(), complaints=shown.getvalue())


@contextmanager
def _stoppable(run_id: str, stop: StopSignal) -> Iterator[None]:
    with _stopping:
        _stops[run_id].add(stop)
    try:
        yield
    finally:
        with _stopping:
            _stops[run_id].discard(stop)
            if not _stops[run_id]:
                del _stops[run_id]


def _plan_or_progress(
    task: Task, progress: Progress, stop: StopSignal, shown: io.StringIO
) -> TenantPlan | None:
    """The plan, of the step that plans; what the others do goes to the progress."""
    own = Settings.from_process()
    settings = replace(own, beside=Settings(task.allow_lists))
    invocation = Invocation(
        name=task.step,
        run_id=task.run.id,
        common=common_options({}, settings, {}),
        settings=settings,
        console=Console(out=None, err=shown, paint=Paint(on=False), quiet=True),
        observe=unobserved,
        observe_traffic=None,
    )
    desired = Desired(
        manifests=Manifests(tenants=(task.tenant,), extensions=task.extensions),
        selection=task.selection,
        git=task.git,
        sightings=task.sightings,
    )
    with workbench(
        invocation,
        desired,
        task.options.deadlines,
        stop,
        retry_deadline=task.options.retry_deadline,
        max_attributes=task.options.reading.max_attributes,
    ) as bench:
        if task.step is RunStep.PLAN:
            plan_one = bench.planner(task.options.counting if task.impact else None)
            return plan_one(task.tenant).as_shown()
        _carry_out(task, invocation, bench, progress)
    return None


def _carry_out(task: Task, invocation: Invocation, bench: Workbench, progress: Progress) -> None:
    require_shared_store(invocation, who="apply --dask", each="worker")
    with (
        existing_state(invocation, bench.stop) as store,
        exporting(invocation, store) as memory,
    ):
        if task.head is not None and not store.has_record(*task.head):
            raise UsageError(
                f"the store of this worker, {store.place}, is not that of the caller: give both "
                "the same RECONCILER_STATE"
            )
        context = replace(
            context_of(invocation, task.options, bench, memory), run=task.run, progress=progress
        )
        fleet = fleet_of(invocation, task.options, bench, store, memory, context)
        fleet = replace(fleet, locks=_Patient(fleet.locks, store, task.run))
        match task.step:
            case RunStep.RECOVER:
                fleet.recover_one(task.tenant)
            case RunStep.APPLY:
                assert task.approved is not None
                fleet.apply_one(task.tenant, task.approved.plan, task.approved.wave)
            case RunStep.DELIVER:
                fleet.delivering.deliver()
            case RunStep.PLAN:
                raise AssertionError(task.step)
            case _:
                assert_never(task.step)


@dataclass(frozen=True, slots=True)
class _Patient:
    """The locks of tenants; one that a worker of this run holds is waited for.

    That worker has ended, or it is about to be noticed that it has.
    """

    locks: Locks
    store: Store
    run: Run

    @contextmanager
    def hold(self, tenant: str, *, patience: float = 0.0) -> Iterator[None]:
        with ExitStack() as held:
            try:
                held.enter_context(self.locks.hold(tenant, patience=patience))
            except TenantLocked:
                if not self._is_ours(tenant):
                    raise
                held.enter_context(self.locks.hold(tenant, patience=PATIENCE))
            yield

    def hold_queue(
        self, tenant: str, url: str, *, patience: float = 0.0
    ) -> AbstractContextManager[None]:
        return self.locks.hold_queue(tenant, url, patience=patience)

    def _is_ours(self, tenant: str) -> bool:
        found = self.store.held_locks() or ()
        return any(
            lock.tenant == tenant
            and not lock.is_queue
            and lock.holder.startswith(f"run {self.run.id} ")
            for lock in found
        )
