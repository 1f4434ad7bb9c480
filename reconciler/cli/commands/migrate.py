"""Write the steps of a change that no update can make, as patches of manifests."""

from __future__ import annotations

from dataclasses import dataclass

from reconciler.cli.options import Heading, argument, group, many, optional_path
from reconciler.cli.shared_options import ReadingOptions

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pathlib import Path

    from reconciler.cli.invocation import Invocation


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """The options of `migrate`."""

    attribute: str = argument("TENANT/EXTENSION.ATTRIBUTE, by the names in the manifests")
    to: tuple[str, ...] = many(
        "what the new attribute has otherwise, such as type=integer or name=grade2; schema=URN "
        "puts it into a schema of its own; repeatable",
        metavar="KEY=VALUE",
    )
    out: Path | None = optional_path(
        "the folder for the patches and their README.md; left out: all of it to standard output",
        metavar="DIR",
        heading=Heading.OUTPUT,
    )
    reading: ReadingOptions = group(ReadingOptions)


def run(invocation: Invocation, options: Options) -> int:
    """Write the steps, and change no manifest."""
    from reconciler.cli.migrate import migrate

    return migrate(invocation, options)
