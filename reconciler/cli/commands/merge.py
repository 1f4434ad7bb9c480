"""Make one plan, or one report, of those of all shards."""

from __future__ import annotations

from dataclasses import dataclass

from reconciler.cli.options import Heading, many_arguments, optional_path
from reconciler.cli.shared_options import max_tenants_option

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pathlib import Path

    from reconciler.cli.invocation import Invocation


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """The options of `merge`."""

    files: tuple[str, ...] = many_arguments("what each shard wrote: plan --out, apply --report")
    max_tenants: int = max_tenants_option()
    out: Path | None = optional_path(
        "where to write it; - is standard output", metavar="FILE", heading=Heading.OUTPUT
    )


def run(invocation: Invocation, options: Options) -> int:
    """Write the union; an error where a shard is missing or is of another run."""
    from reconciler.cli.merge import merge

    return merge(invocation, options)
