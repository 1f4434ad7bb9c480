"""Write manifests of a tenant's live extensions; a plan after it is empty."""

from __future__ import annotations

from dataclasses import dataclass

from reconciler.cli.options import (
    Heading,
    argument,
    flag,
    format_choice,
    group,
    optional_path,
    optional_text,
)
from reconciler.cli.shared_options import DeadlineOptions, ReadingOptions, TextOrJson

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pathlib import Path

    from reconciler.cli.invocation import Invocation


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """The options of `import`."""

    tenant: str = argument("whose: the name of a Tenant manifest")
    id: str | None = optional_text("only this extension", metavar="URN", heading=Heading.SELECTION)
    verified_at: str | None = optional_text(
        "not what is live: what the trail last verified until then, or by runs of that commit",
        metavar="TIME|COMMIT",
        heading=Heading.SELECTION,
    )
    out: Path | None = optional_path(
        "where to; left out: extensions/ in the folder of manifests, with --verified-at "
        "_verified/TENANT/ there, which no run reads",
        metavar="DIR",
        heading=Heading.OUTPUT,
    )
    full: bool = flag("write defaults out too", heading=Heading.OUTPUT)
    format: TextOrJson = format_choice("text or JSON", default=TextOrJson.TEXT)
    force: bool = flag("overwrite files that say something else", heading=Heading.OUTPUT)
    reading: ReadingOptions = group(ReadingOptions)
    deadlines: DeadlineOptions = group(DeadlineOptions)


def run(invocation: Invocation, options: Options) -> int:
    """Show a diff, write what is new; 1 where something could not be imported."""
    if options.verified_at is not None:
        from reconciler.cli.going_back import import_verified

        return import_verified(invocation, options)
    from reconciler.cli.imports import import_extensions

    return import_extensions(invocation, options)
