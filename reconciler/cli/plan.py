"""`plan`: read the tenants, show what apply would do, change nothing."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from reconciler.adapters.clock import StopSignal, wall_time
from reconciler.adapters.database import seen_and_kept
from reconciler.cli.commands.plan import Options
from reconciler.cli.desired import Due, StoredFacts, desired_of, selection_of, sizes_of
from reconciler.cli.exits import Exit
from reconciler.cli.files import require_folder, write_file
from reconciler.cli.github_job import SUMMARY_LIMIT, JobOutputs, job_outputs, origin_of
from reconciler.cli.given import STANDARD_OUTPUT
from reconciler.cli.invocation import Invocation
from reconciler.cli.planned import Planned, planning, show_plan
from reconciler.cli.shared_options import PlanFormat
from reconciler.cli.wiring import Workbench, workbench
from reconciler.domain.cadence import ReadBy, due
from reconciler.domain.plan import Plan
from reconciler.domain.tenant_names import KeptNames
from reconciler.errors import StateError
from reconciler.planning import Desired, plan_fleet
from reconciler.render.plain_text import counted, visible
from reconciler.render.plan_document import plan_json, sealed
from reconciler.render.unclaimed import unclaimed_lines

if TYPE_CHECKING:  # most plans have no workers, and some say the shape of JSON
    from reconciler.cli.crew import Crew
    from reconciler.domain.documents import PlanFacts
    from reconciler.domain.drift import Sightings


def plan(invocation: Invocation, options: Options) -> int:
    """Print the plan, save it where requested; 1 where a tenant could not be read."""
    console = invocation.console
    text = options.format is PlanFormat.TEXT and not _to_standard_output(options)
    with (
        planning(show=console.text if text else None, paint=console.paint) as planned,
        job_outputs(invocation) as outputs,
    ):
        outputs.code = _plan(invocation, options, planned, outputs)
    return outputs.code


def _plan(invocation: Invocation, options: Options, planned: Planned, outputs: JobOutputs) -> int:
    taken = _to_standard_output(options)
    alone = taken == 1 and options.format is PlanFormat.TEXT
    for option, file in _files(options).items():
        if file is not None:
            require_folder(option, file, alone=alone)
    fleet, at = options.fleet, wall_time()
    sightings, kept = _seen_and_kept(invocation)
    desired = desired_of(
        invocation,
        selection_of(invocation, fleet),
        options.reading,
        # The limit of a run is about all shards: `merge` counts them.
        max_tenants=None if fleet.shard else fleet.max_tenants,
        waves=sizes_of(fleet.waves),
        tenants_from=options.tenants_from,
        stored=StoredFacts(
            sightings=sightings,
            renamings=kept.renamings,
            due=_due(invocation, at) if fleet.due else None,
        ),
    )
    _warn_of_unclaimed(invocation, desired, kept)
    with (
        workbench(
            invocation,
            desired,
            options.deadlines,
            parallelism=fleet.parallelism,
            max_attributes=options.reading.max_attributes,
        ) as bench,
        _crew(invocation, options, bench) as crew,
    ):
        planned.begin(desired, bench.webhook_warnings(), bench.clock.now())
        counting = options.counting if options.impact else None
        made = plan_fleet(
            desired,
            bench.planner(counting) if crew is None else crew.plan_one,
            parallelism=fleet.parallelism if crew is None else crew.at_once,
            keep=planned.keep,
            check=bench.clock.check,
            observe=invocation.observe,
        )
    document = planned.document(made)
    summary = made.summary()
    outputs.digest, outputs.changes = made.digest(), summary.work
    outputs.summary = lambda: _markdown(invocation, document, limit=SUMMARY_LIMIT)
    if options.out is not None:
        write_file(options.out, plan_json(sealed(document)))
    if options.markdown is not None:
        write_file(options.markdown, _markdown(invocation, document))
    if options.metrics is not None:
        _write_metrics(options.metrics, made)
    if options.format is not PlanFormat.TEXT:
        origin = origin_of(invocation, made.git.commit)
        show_plan(sealed(document), options.format, invocation.console, origin)
    elif not taken:
        planned.end(document)
    if (out := options.out) and out != STANDARD_OUTPUT:
        more = (
            f"; to apply exactly this: {invocation.command('apply', out)}" if summary.work else ""
        )
        invocation.console.say(f"saved as {out}{more or '; nothing in it is to be applied'}")
    _keep_readings(invocation, made, at)
    if unreadable := summary.unreadable:
        tenants = counted(unreadable, "tenant")
        invocation.console.complain(f"error: {tenants} could not be read; the plan says why")
        return Exit.ERROR
    detailed = options.detailed_exitcode and summary.out_of_sync
    return Exit.OUT_OF_SYNC if detailed else Exit.WELL


def _files(options: Options) -> dict[str, Path | None]:
    return {"--out": options.out, "--markdown": options.markdown, "--metrics": options.metrics}


def _to_standard_output(options: Options) -> int:
    """How many of the files are standard output: then it has nothing else."""
    return [*_files(options).values()].count(STANDARD_OUTPUT)


def _write_metrics(file: Path, made: Plan) -> None:
    from reconciler.adapters.metrics import metrics_text
    from reconciler.domain.metrics import plan_metrics

    write_file(file, metrics_text(plan_metrics(made, wall_time())))


@contextmanager
def _crew(invocation: Invocation, options: Options, bench: Workbench) -> Iterator[Crew | None]:
    """The workers of --dask, if it is given."""
    if (address := options.fleet.dask) is None:
        yield None
        return
    from reconciler.cli.commands import apply  # most plans have no workers
    from reconciler.cli.crew import crew_at
    from reconciler.progress import Progress

    alike = apply.Options(
        counting=options.counting, reading=options.reading, deadlines=options.deadlines
    )
    with crew_at(address, invocation, bench, alike, Progress()) as crew:
        yield replace(crew, impact=options.impact)


def _markdown(invocation: Invocation, document: PlanFacts, *, limit: int | None = None) -> str:
    from reconciler.render.plan_markdown import LIMIT, plan_markdown  # most plans need none

    origin = origin_of(invocation, document["git"]["commit"])
    return plan_markdown(document, limit=limit or LIMIT, origin=origin)


def _due(invocation: Invocation, at: datetime) -> Due:
    """The tenants that neither a plan nor an apply has read of late; raises StateError."""
    from reconciler.adapters.database import readings_at  # most plans are of all tenants

    seen = readings_at(invocation.common.state_url)
    return lambda tenants: due(tenants, seen, at)


def _keep_readings(invocation: Invocation, made: Plan, at: datetime) -> None:
    # docs/decisions.md, "`plan --due` keeps what it has read, and an apply does not count that"
    whole = (each for each in made.tenants if each.error is None and each.is_whole)
    read = [each.name for each in whole if each.tenant.every]
    if made.selection.due is None or not read:
        return
    from reconciler.cli.state_store import open_state  # others keep nothing

    try:
        with open_state(invocation, StopSignal()) as store:
            store.keep_readings(read, ReadBy.PLAN, at)
    except StateError as error:
        message = f"warning: what was read is due again at the next run, for {error}"
        invocation.console.complain(visible(message))


def _warn_of_unclaimed(invocation: Invocation, desired: Desired, kept: KeptNames) -> None:
    found = kept.unclaimed(desired.manifests.tenants)
    taken = (each for each in found if desired.selection.takes_tenant(each.name))
    for line in unclaimed_lines(taken):
        invocation.console.say(f"warning: {visible(line)}")


def _seen_and_kept(invocation: Invocation) -> tuple[Sightings, KeptNames]:
    """What the store has of the tenants; raises UsageError for a wrong --state."""
    # docs/decisions.md, "`plan` reads the state store if there is one, and never more than that"
    try:
        sightings, kept, moved = seen_and_kept(invocation.common.state_url)
    except StateError as error:
        message = f"warning: the plan does not say since when anything has drifted: {error}"
        invocation.console.complain(visible(message))
        return {}, KeptNames()
    if moved is not None:
        invocation.console.say(
            f"warning: the store was moved to {visible(moved)}, and what this plan has of it is as "
            "it was then: name that one with --state"
        )
    return sightings, kept
