"""`apply`: have a plan approved, carry it out, tell what became of it."""

from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING

from reconciler.adapters.clock import StopSignal, wall_time
from reconciler.adapters.database import Store
from reconciler.cli.approved_impact import Accepted, ApprovedImpact, accepted_by
from reconciler.cli.approved_plan import Approval, ShownPlan, approved_by, require_unedited
from reconciler.cli.commands.apply import Options
from reconciler.cli.desired import Due, StoredFacts, desired_of, selection_of, sizes_of
from reconciler.cli.exits import Exit
from reconciler.cli.files import make_folder
from reconciler.cli.fleets import context_of, fleet_of
from reconciler.cli.github_job import job_outputs
from reconciler.cli.invocation import Invocation
from reconciler.cli.planned import Planned, planning
from reconciler.cli.reporting import Report, reported
from reconciler.cli.saved_plan import saved_plan
from reconciler.cli.shards import require_shared_store, require_whole_plan
from reconciler.cli.shared_options import TextOrJson
from reconciler.cli.state_store import exporting, open_state
from reconciler.cli.wiring import Workbench, workbench
from reconciler.domain.cadence import ReadBy, due
from reconciler.domain.documents import PlanDocument
from reconciler.domain.messages import suggestion
from reconciler.domain.outcome import RunSummary
from reconciler.domain.plan import Plan, TenantPlan
from reconciler.domain.selection import Selection
from reconciler.domain.waves import WaveSize
from reconciler.errors import UsageError
from reconciler.fleet import Fleet
from reconciler.measuring import Measuring
from reconciler.planning import Desired, plan_fleet
from reconciler.render.plain_text import visible
from reconciler.run_context import RunContext

if TYPE_CHECKING:  # most runs have no workers
    from reconciler.cli.crew import Crew


def apply(invocation: Invocation, options: Options) -> int:
    """Apply; the exit code says how far it came."""
    printed = None
    if options.format is TextOrJson.JSON:
        printed, console = invocation.console, invocation.console.without_data()
        invocation = replace(invocation, console=console)
    with (
        job_outputs(invocation) as outputs,
        reported(invocation, options.report, options.metrics, outputs, printed) as report,
    ):
        if options.recover_only:
            report.code = _recover(invocation, options, report)
        else:
            report.code = _apply(invocation, options, report)
    return report.code


def _apply(invocation: Invocation, options: Options, report: Report) -> int:
    stop = StopSignal()
    if options.gate is not None:
        make_folder("--gate", options.gate)
    with ExitStack() as documents:
        saved = None
        if options.file is not None:
            saved = documents.enter_context(saved_plan(options.file))
            require_unedited(saved)  # before anything in it is acted upon
        selection, waves = _selection(invocation, options, saved), _waves(options, saved)
        at = wall_time()
        _require_approver(invocation, options, saved)
        require_whole_plan(options, saved, selection.shard)
        _share_with_shards(invocation, selection, report)
        with (
            open_state(invocation, stop, options.pruning) as store,
            exporting(invocation, store) as memory,
            _workbench(invocation, options, selection, stop, store, at, waves) as bench,
        ):
            report.run = bench.run
            _require_waves(options, bench.desired)
            _require_tenants(options.during_freeze, bench)
            context = context_of(invocation, options, bench, memory)
            crew = documents.enter_context(_crew(invocation, options, bench, context, store))
            approval = _approval(invocation, options, bench, crew, saved, documents)
            if approval is None:
                invocation.console.say("not approved; nothing was written")
                return Exit.ERROR
            users = bench.user_readers(options.counting)
            accepted = _accepted(options, saved)
            impact = ApprovedImpact(Measuring(users, bench.clock.check), accepted=accepted)
            fleet = fleet_of(invocation, options, bench, store, memory, context)
            fleet = replace(_led_by(crew, fleet), lapse=impact.lapsed)

            def carry_out() -> RunSummary:
                # Planned again under the locks, whatever was approved: what is written is what
                # was found then (docs/decisions.md, "The approved plan is made after the merge").
                shown = isinstance(approval.of, ShownPlan)
                planned = documents.enter_context(_planning(invocation, show=not shown))
                _begin(planned, bench, options)

                def keep(tenant: TenantPlan) -> TenantPlan:
                    impact.note(tenant)
                    return planned.keep(tenant)

                def gate(plan: Plan) -> None:
                    document = planned.document(plan)
                    planned.end(document)
                    if not shown:
                        invocation.console.data("\n")  # the summary follows
                    unapproved = approval.check(plan, document)
                    fleet.context.progress.record_unapproved(unapproved)
                    if notice := impact.notice({each.tenant for each in unapproved}):
                        invocation.console.say(notice)

                summary = fleet.apply(gate, keep)
                ended = (tenant.name for tenant in summary.at_rest if tenant.every)
                store.keep_readings(ended, ReadBy.APPLY, at)
                return summary

            code = report.follow(carry_out, fleet, store)
            unsaid = fleet.statements is not None and fleet.statements.failed
            return Exit.ERROR if unsaid and code == Exit.WELL else code


def _recover(invocation: Invocation, options: Options, report: Report) -> int:
    """Settle and deliver; no approval is needed, for nothing is planned or written."""
    if options.file is not None or options.approve:
        raise UsageError("--recover-only plans nothing, so leave the plan and --approve out")
    if options.fleet.waves is not None:
        raise UsageError("--recover-only writes to no tenant, so leave --waves out")
    if options.during_freeze:
        raise UsageError("--recover-only writes to no tenant, so leave --during-freeze out")
    if options.fleet.due:
        raise UsageError("--recover-only plans nothing, so leave --due out")
    if options.gate is not None:
        raise UsageError("--recover-only looks at no attribute, so leave --gate out")
    if options.fleet.dask is not None:
        require_shared_store(invocation, who="apply --dask", each="worker")
    stop = StopSignal()
    selection = selection_of(invocation, options.fleet)
    _share_with_shards(invocation, selection, report)
    with (
        open_state(invocation, stop, options.pruning) as store,
        exporting(invocation, store) as memory,
        _workbench(invocation, options, selection, stop, None) as bench,
    ):
        report.run = bench.run
        context = context_of(invocation, options, bench, memory)
        with _crew(invocation, options, bench, context, store) as crew:
            fleet = _led_by(crew, fleet_of(invocation, options, bench, store, memory, context))
            return report.follow(fleet.recover, fleet, store)


def _share_with_shards(invocation: Invocation, selection: Selection, report: Report) -> None:
    """Name the shard in the report; raises UsageError for a store that no other one sees."""
    if selection.shard is not None:
        require_shared_store(invocation, who="apply --shard", each="shard")
        report.shard = str(selection.shard)


def _workbench(
    invocation: Invocation,
    options: Options,
    selection: Selection,
    stop: StopSignal,
    seen: Store | None,
    at: datetime | None = None,
    waves: tuple[WaveSize, ...] = (),
) -> AbstractContextManager[Workbench]:
    """The workbench of the run; `seen` is where the store says when what was as desired."""
    fleet = options.fleet
    desired = desired_of(
        invocation,
        selection,
        options.reading,
        # That of a run is about all shards, of which this one sees its own tenants.
        max_tenants=None if selection.shard else fleet.max_tenants,
        waves=waves,
        stored=_stored(seen, at if fleet.due else None) if seen else StoredFacts(),
    )
    if desired.git.commit is None:
        message = f"warning: the audit of this run names no commit: {desired.git.obstacle}"
        invocation.console.say(visible(message))
    return workbench(
        invocation,
        desired,
        options.deadlines,
        stop,
        parallelism=fleet.parallelism,
        retry_deadline=options.retry_deadline,
        max_attributes=options.reading.max_attributes,
    )


def _selection(invocation: Invocation, options: Options, saved: PlanDocument | None) -> Selection:
    """The selection of the saved plan, or of the options; raises UsageError for both.

    A shard is a part of the saved plan.
    """
    given = selection_of(invocation, options.fleet)
    if options.fleet.dask is not None:
        require_shared_store(invocation, who="apply --dask", each="worker")
    if saved is None:
        return given
    if given.partial or options.fleet.due:
        raise UsageError(
            "a saved plan has its own selection; leave --tenant, --target, --exclude and --due out"
        )
    narrowed = saved["selection"].get("due")
    return Selection(
        tenants=tuple(saved["selection"]["tenant"]),
        targets=tuple(saved["selection"]["target"]),
        excludes=tuple(saved["selection"]["exclude"]),
        shard=given.shard,
        planned=True,
        due=None if narrowed is None else frozenset(narrowed),
    )


def _stored(store: Store, due_at: datetime | None) -> StoredFacts:
    return StoredFacts(
        sightings=store.sightings(),
        renamings=store.renamings(),
        due=_due(store, due_at) if due_at else None,
    )


def _due(store: Store, at: datetime) -> Due:
    """The tenants that no apply has read of late, and those of which something is not ended."""
    held = {row.tenant for row in store.held()}
    open_ends = {*store.left_open(), *held, *(row.tenant for row in store.waiting())}
    seen = {name: at for name, at in store.readings_by_apply().items() if name not in open_ends}
    return lambda tenants: due(tenants, seen, at)


def _waves(options: Options, saved: PlanDocument | None) -> tuple[WaveSize, ...]:
    """The sizes of waves of the saved plan, or of the option; raises UsageError for two others."""
    given = sizes_of(options.fleet.waves)
    shown = saved.get("waves") if saved is not None else None
    sizes = shown["sizes"] if shown is not None else []
    own = sizes_of(",".join(sizes)) if sizes else ()
    if given and own and given != own:
        raise UsageError(
            f"the saved plan has waves of its own, {','.join(sizes)}; leave --waves out"
        )
    return own or given


def _require_approver(invocation: Invocation, options: Options, saved: PlanDocument | None) -> None:
    if saved is not None and options.approve:
        raise UsageError("give a saved plan or --approve DIGEST, not both")
    approved = saved is not None or options.approve or options.auto_approve
    if approved:
        return
    ways = "give a saved plan, --approve DIGEST or --auto-approve"
    if options.format is TextOrJson.JSON:
        raise UsageError(f"--format json shows no plan to approve: {ways}")
    if not invocation.console.interactive:
        raise UsageError(f"nobody is there to approve: {ways}")


def _require_tenants(during_freeze: Iterable[str], bench: Workbench) -> None:
    names = [tenant.name for tenant in bench.desired.tenants()]
    for name in during_freeze:
        if name not in names:
            hint = suggestion(name, names)
            raise UsageError(f"--during-freeze {name} names no tenant of this run; {hint}")


def _require_waves(options: Options, desired: Desired) -> None:
    in_waves = desired.wave_sizes or any(t.wave for t in desired.manifests.tenants)
    if in_waves and desired.selection.shard is not None:
        raise UsageError(
            "apply --shard changes tenants while other shards do, so no wave is over before the "
            "next one begins: take --waves and spec.wave away, or apply without --shard"
        )
    if options.stop_after > 1 and not in_waves:
        raise UsageError(
            "--stop-after counts tenants that fail in a wave, and there are none: give --waves, or "
            "spec.wave in a Tenant"
        )


def _approval(
    invocation: Invocation,
    options: Options,
    bench: Workbench,
    crew: "Crew | None",
    saved: PlanDocument | None,
    shown: ExitStack,
) -> Approval | None:
    """The approval of this run; None where a person did not answer yes."""
    forced = options.force
    if saved is not None:
        return Approval(of=ShownPlan(saved, bench.desired.selection.shard), forced=forced)
    if options.approve:
        tenants = [tenant.name for tenant in bench.desired.tenants()]
        return Approval(of=approved_by(options.approve, tenants), forced=forced)
    if options.auto_approve:
        return Approval(of=None, forced=forced)
    planned = shown.enter_context(_planning(invocation, show=True))
    _begin(planned, bench, options)
    plan = plan_fleet(
        bench.desired,
        bench.planner() if crew is None else crew.plan_one,
        parallelism=options.fleet.parallelism if crew is None else crew.at_once,
        keep=planned.keep,
        check=bench.clock.check,
        observe=invocation.observe,
    )
    document = planned.document(plan)
    planned.end(document)
    approval = Approval(of=ShownPlan(document), forced=forced)
    if not plan.summary().work:
        return approval  # nothing to ask about; intents and webhooks may still be open
    answer = invocation.console.ask(
        '\nApply this plan? Only "yes" is accepted: ', check=bench.clock.check
    )
    return approval if answer == "yes" else None


def _begin(planned: Planned, bench: Workbench, options: Options) -> None:
    now = bench.clock.now()
    planned.begin(bench.desired, bench.webhook_warnings(), now, options.during_freeze)


def _planning(invocation: Invocation, *, show: bool) -> AbstractContextManager[Planned]:
    console = invocation.console
    return planning(show=console.text if show else None, paint=console.paint)


def _accepted(options: Options, saved: PlanDocument | None) -> Accepted | None:
    """The risk that was approved, if any; raises UsageError where nobody could hold it."""
    accepted = None if saved is None else accepted_by(saved)
    if accepted is not None and options.fleet.dask is not None:
        raise UsageError(
            f"{options.file} was planned with --impact, and whom it hurts is counted again right "
            "before each write, by one process alone: apply it without --dask"
        )
    return accepted


def _led_by(crew: "Crew | None", fleet: Fleet) -> Fleet:
    return fleet if crew is None else crew.leading(fleet)


@contextmanager
def _crew(
    invocation: Invocation, options: Options, bench: Workbench, context: RunContext, store: Store
) -> "Iterator[Crew | None]":
    """The workers of --dask, if it is given."""
    if options.fleet.dask is None:
        yield None
        return
    if options.gate is not None:
        raise UsageError(
            "--gate writes files into a folder of this machine, and workers have others: run "
            "`reconciler gate` afterwards, or leave --dask out"
        )
    from reconciler.cli.crew import crew_at  # most runs have no workers

    address, progress = options.fleet.dask, context.progress
    with crew_at(address, invocation, bench, options, progress) as crew:
        yield replace(crew, head=store.head)
