"""Look at tenants: token, permission, what it can do; read-only unless told otherwise."""

from __future__ import annotations

from dataclasses import dataclass

from reconciler.cli.options import (
    Heading,
    flag,
    format_choice,
    group,
    optional_argument,
    optional_path,
)
from reconciler.cli.shared_options import DeadlineOptions, ReadingOptions, TextOrJson

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pathlib import Path

    from reconciler.cli.invocation import Invocation


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """The options of `doctor`."""

    tenant: str | None = optional_argument("its name, or a glob; left out: all")
    probe_writes: bool = flag("also create and change a scratch extension, which is never deleted")
    write: Path | None = optional_path(
        "keep what was learnt as a capabilities block for the manifest",
        metavar="FILE",
        heading=Heading.OUTPUT,
    )
    format: TextOrJson = format_choice("text or JSON", default=TextOrJson.TEXT)
    reading: ReadingOptions = group(ReadingOptions)
    deadlines: DeadlineOptions = group(DeadlineOptions)


def run(invocation: Invocation, options: Options) -> int:
    """Print what was found; 1 where a tenant cannot be worked with."""
    from reconciler.cli.doctor import doctor

    return doctor(invocation, options)
