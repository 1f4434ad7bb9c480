"""`plan`: read the tenants, show what apply would do, change nothing."""

from dataclasses import replace
from pathlib import Path

from reconciler.adapters.database import sightings as sightings_of
from reconciler.cli.desired import desired_of, selection_of
from reconciler.cli.exits import Exit
from reconciler.cli.files import require_folder, write_file
from reconciler.cli.job import SUMMARY_LIMIT, Told, telling_job
from reconciler.cli.main import Invocation
from reconciler.cli.planned import Planned, planning
from reconciler.cli.wiring import workbench
from reconciler.domain.documents import PlanFacts
from reconciler.domain.drift import Sightings
from reconciler.domain.plan import Plan
from reconciler.errors import StateError
from reconciler.planning import plan_fleet
from reconciler.render.document import plan_json, sealed
from reconciler.render.plain_text import counted, visible
from reconciler.render.text import plan_text


def run(invocation: Invocation) -> int:
    """Print the plan, save it where asked; 1 where a tenant could not be read."""
    console = invocation.console
    text = invocation.arguments.text("format") == "text"
    with (
        planning(show=console.data if text else None, paint=console.paint) as planned,
        telling_job(invocation) as told,
    ):
        told.code = _plan(invocation, planned, told)
    return told.code


def _plan(invocation: Invocation, planned: Planned, told: Told) -> int:
    for option in ("out", "markdown"):
        if (file := invocation.arguments.path(option)) is not None:
            require_folder(f"--{option}", file)
    sightings = _sightings(invocation)
    with workbench(invocation, desired_of(invocation, selection_of(invocation))) as bench:
        desired = replace(bench.desired, sightings=sightings)
        planned.begin(desired)
        plan = plan_fleet(
            desired,
            bench.reader,
            parallelism=invocation.arguments.number("parallelism"),
            keep=planned.keep,
            check=bench.clock.check,
        )
    document = planned.document(plan)
    summary = plan.summary()
    told.digest, told.changes = plan.digest(), summary.work
    told.summary = lambda: _markdown(document, limit=SUMMARY_LIMIT)
    if out := invocation.arguments.text("out"):
        write_file(Path(out), plan_json(sealed(document)))
    if markdown := invocation.arguments.text("markdown"):
        write_file(Path(markdown), _markdown(document))
    _show_rest(invocation, planned, document)
    if out:
        invocation.console.say(f"saved as {out}; to apply exactly this: reconciler apply {out}")
    if unreadable := summary.unreadable:
        tenants = counted(unreadable, "tenant")
        invocation.console.complain(f"error: {tenants} could not be read; the plan says why")
    return _code(plan, detailed=invocation.arguments.flag("detailed_exitcode"))


def _markdown(document: PlanFacts, *, limit: int | None = None) -> str:
    from reconciler.render.markdown import LIMIT, plan_markdown

    return plan_markdown(document, limit=limit or LIMIT)


def _show_rest(invocation: Invocation, planned: Planned, document: PlanFacts) -> None:
    """What is not shown yet: of a text its end, of anything else all."""
    if invocation.arguments.text("format") == "text":
        planned.end(document)
    else:
        show_plan(invocation, sealed(document))


def _sightings(invocation: Invocation) -> Sightings:
    """What the audit trail knows of the tenants; a plan is made without it just as well.

    Raises UsageError for a wrong --state: that is a slip of who gave it, or a password in the URL.
    """
    try:
        return sightings_of(invocation.arguments.text("state") or "")
    except StateError as error:
        told = f"warning: the plan does not say since when anything has drifted: {error}"
        invocation.console.complain(visible(told))
        return {}


def show_plan(invocation: Invocation, document: PlanFacts) -> None:
    """The plan on standard output, in the format that was asked for."""
    console = invocation.console
    match invocation.arguments.text("format"):
        case "json":
            pieces = plan_json(document)
        case "markdown":
            pieces = iter((_markdown(document),))
        case _:
            pieces = plan_text(document, paint=console.paint)
    for piece in pieces:
        console.data(piece)


def _code(plan: Plan, *, detailed: bool) -> int:
    summary = plan.summary()
    if summary.unreadable:
        return Exit.ERROR
    return Exit.OUT_OF_SYNC if detailed and summary.out_of_sync else Exit.WELL
