"""Write one HTML page about the fleet, of what the trail has; no tenant is read."""

from __future__ import annotations

from dataclasses import dataclass

from reconciler.cli.options import Heading, group, many, number, path
from reconciler.cli.shared_options import ReadingOptions

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pathlib import Path

    from reconciler.cli.invocation import Invocation


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """The options of `report`."""

    out: Path = path("the page", metavar="FILE", default="report.html", heading=Heading.OUTPUT)
    tenant: tuple[str, ...] = many(
        "only these tenants; repeatable",
        metavar="GLOB",
        heading=Heading.SELECTION,
        key="selection.tenant",
    )
    max_age: int = number(
        "how long a tenant may go without an apply that looks at it", metavar="HOURS", default=26
    )
    reading: ReadingOptions = group(ReadingOptions)


def run(invocation: Invocation, options: Options) -> int:
    """Write the page; 0 whatever it says."""
    from reconciler.cli.report import report

    return report(invocation, options)
