"""Read the tenants and show what apply would do; changes nothing."""

from __future__ import annotations

from dataclasses import dataclass

from reconciler.cli.options import (
    Heading,
    flag,
    format_choice,
    group,
    optional_path,
    optional_text,
)
from reconciler.cli.shared_options import (
    METRICS,
    CountingOptions,
    DeadlineOptions,
    FleetOptions,
    PlanFormat,
    ReadingOptions,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pathlib import Path

    from reconciler.cli.invocation import Invocation


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class Options:
    """The options of `plan`."""

    fleet: FleetOptions = group(FleetOptions)
    tenants_from: str | None = optional_text(
        "take the Tenant manifests from this git ref, the others from the folder: a pull request "
        "then cannot send credentials elsewhere",
        metavar="REF",
        heading=Heading.READING,
    )
    out: Path | None = optional_path(
        "save the JSON plan, for apply and show", metavar="FILE", heading=Heading.OUTPUT
    )
    markdown: Path | None = optional_path(
        "write the plan for a pull request, at most 60,000 bytes",
        metavar="FILE",
        heading=Heading.OUTPUT,
    )
    metrics: Path | None = optional_path(METRICS, metavar="FILE", heading=Heading.OUTPUT)
    format: PlanFormat = format_choice("what standard output gets", default=PlanFormat.TEXT)
    impact: bool = flag(
        "count the users whom each change would hurt, and who hold what is deprecated; reads all "
        "users of the tenants concerned",
        heading=Heading.READING,
    )
    counting: CountingOptions = group(CountingOptions)
    detailed_exitcode: bool = flag("exit 2 when something is not in sync", heading=Heading.OUTPUT)
    reading: ReadingOptions = group(ReadingOptions)
    deadlines: DeadlineOptions = group(DeadlineOptions)


def run(invocation: Invocation, options: Options) -> int:
    """Print the plan, save it where requested; 1 where a tenant could not be read."""
    from reconciler.cli.plan import plan

    return plan(invocation, options)
