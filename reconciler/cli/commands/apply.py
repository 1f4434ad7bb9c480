"""Plan again, have it approved, apply, verify, record and announce."""

from __future__ import annotations

from dataclasses import dataclass

from reconciler.cli.options import (
    Heading,
    flag,
    format_choice,
    group,
    many,
    number,
    optional_file_argument,
    optional_path,
)
from reconciler.cli.shared_options import (
    METRICS,
    RETRY_DEADLINE,
    SEARCHABLE_TIMEOUT,
    CountingOptions,
    DeadlineOptions,
    FleetOptions,
    PruningOptions,
    ReadingOptions,
    TextOrJson,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pathlib import Path

    from reconciler.cli.invocation import Invocation


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """The options of `apply`."""

    file: Path | None = optional_file_argument(
        "a saved plan: the tenants whose plan is still the same are applied, and no others"
    )
    fleet: FleetOptions = group(FleetOptions)
    approve: tuple[str, ...] = many(
        "the digest that was approved: of the whole plan, or TENANT=DIGEST of one tenant",
        metavar="DIGEST",
    )
    auto_approve: bool = flag("do not ask")
    force: bool = flag("lift --max-tenants, maxCreates and maxUpdates; the approval stays needed")
    during_freeze: tuple[str, ...] = many(
        "write to this tenant in a freeze of its manifest, too; repeatable, and recorded in the "
        "audit trail",
        metavar="TENANT",
    )
    stop_after: int = number(
        "how many tenants have to fail before no other wave begins", metavar="N", default=1
    )
    recover_only: bool = flag(
        "settle what earlier runs left open, deliver what is due, write nothing"
    )
    counting: CountingOptions = group(CountingOptions)
    pruning: PruningOptions = group(PruningOptions)
    lock_timeout: int = number(
        "how long to wait in all for locks that another run holds",
        metavar="SECONDS",
        default=0,
        least=0,
        heading=Heading.WRITING,
    )
    searchable_timeout: int = number(
        "how long a change may be waited for until the service takes filters on what is new; 0: "
        "nobody asks",
        metavar="SECONDS",
        default=SEARCHABLE_TIMEOUT,
        least=0,
        heading=Heading.WRITING,
    )
    gate: Path | None = optional_path(
        "write into this folder, for HR, whether it may send the attributes of each tenant: "
        "TENANT.json and its signature",
        metavar="DIR",
        heading=Heading.OUTPUT,
    )
    format: TextOrJson = format_choice(
        "what standard output gets: text, or the report of the run as JSON", default=TextOrJson.TEXT
    )
    report: Path | None = optional_path(
        "write a JSON report of the run, also when it fails or is interrupted",
        metavar="FILE",
        heading=Heading.OUTPUT,
    )
    metrics: Path | None = optional_path(METRICS, metavar="FILE", heading=Heading.OUTPUT)
    reading: ReadingOptions = group(ReadingOptions)
    deadlines: DeadlineOptions = group(DeadlineOptions)
    retry_deadline: int = number(
        "how long one change may be tried in all",
        metavar="SECONDS",
        default=RETRY_DEADLINE,
        heading=Heading.WRITING,
        key="deadlines.retry",
    )


def run(invocation: Invocation, options: Options) -> int:
    """Apply; the exit code says how far it came."""
    from reconciler.cli.apply import apply

    return apply(invocation, options)
