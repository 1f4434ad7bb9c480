"""Show what the trail last has of each tenant; 2 where something needs a person."""

from __future__ import annotations

from dataclasses import dataclass

from reconciler.cli.options import (
    Heading,
    format_choice,
    group,
    many,
    number,
    optional_path,
)
from reconciler.cli.shared_options import METRICS, ReadingOptions, TextOrJson

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pathlib import Path

    from reconciler.cli.invocation import Invocation


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """The options of `status`."""

    tenant: tuple[str, ...] = many(
        "only these tenants; repeatable",
        metavar="GLOB",
        heading=Heading.SELECTION,
        key="selection.tenant",
    )
    max_age: int = number(
        "how long a tenant may go without an apply that looks at it", metavar="HOURS", default=26
    )
    format: TextOrJson = format_choice("text or JSON", default=TextOrJson.TEXT)
    metrics: Path | None = optional_path(METRICS, metavar="FILE", heading=Heading.OUTPUT)
    reading: ReadingOptions = group(ReadingOptions)


def run(invocation: Invocation, options: Options) -> int:
    """Print the status of the tenants; nothing is read from them."""
    from reconciler.cli.status import status

    return status(invocation, options)
