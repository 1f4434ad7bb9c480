"""Count how many users hold a value of each deployed attribute; no value is kept or shown."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from reconciler.cli.options import (
    Heading,
    format_choice,
    group,
    many_arguments,
    optional_number,
    optional_path,
)
from reconciler.cli.shared_options import (
    METRICS,
    CountingOptions,
    DeadlineOptions,
    PartOptions,
    ReadingOptions,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pathlib import Path

    from reconciler.cli.invocation import Invocation


class AdoptionFormat(StrEnum):
    """The forms of the figures on standard output."""

    TEXT = "text"
    JSON = "json"
    CSV = "csv"


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """The options of `adoption`."""

    tenants: tuple[str, ...] = many_arguments("only these tenants, by name or glob")
    part: PartOptions = group(PartOptions)
    format: AdoptionFormat = format_choice("what standard output gets", default=AdoptionFormat.TEXT)
    sample: int | None = optional_number(
        "look at no more than so many users where a filter cannot be believed",
        metavar="N",
        heading=Heading.READING,
    )
    metrics: Path | None = optional_path(METRICS, metavar="FILE", heading=Heading.OUTPUT)
    counting: CountingOptions = group(CountingOptions)
    reading: ReadingOptions = group(ReadingOptions)
    deadlines: DeadlineOptions = group(DeadlineOptions)


def run(invocation: Invocation, options: Options) -> int:
    """Print the figures, and keep them; 1 where a tenant could not be counted."""
    from reconciler.cli.adoption import adoption

    return adoption(invocation, options)
