"""Rewrite manifests in the canonical layout; values and comments stay."""

from __future__ import annotations

from dataclasses import dataclass

from reconciler.cli.options import Heading, flag, format_choice, group, many_arguments
from reconciler.cli.shared_options import FileOptions, TextOrJson

TYPE_CHECKING = False
if TYPE_CHECKING:
    from reconciler.cli.invocation import Invocation


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """The options of `fmt`."""

    path: tuple[str, ...] = many_arguments(
        "YAML files, or folders of them; left out: the folder of manifests; -: standard input, "
        "laid out on standard output"
    )
    check: bool = flag("write nothing, and exit 2 where a file would change")
    diff: bool = flag("show what changes in each file", heading=Heading.OUTPUT)
    reading: FileOptions = group(FileOptions)
    format: TextOrJson = format_choice("text or JSON", default=TextOrJson.TEXT)


def run(invocation: Invocation, options: Options) -> int:
    """Print the name of each file that changes; 1 where one could not be laid out."""
    from reconciler.cli.fmt import fmt

    return fmt(invocation, options)
