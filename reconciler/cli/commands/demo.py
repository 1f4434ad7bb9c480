"""Make a scratch folder with a built-in tenant, and something to see in it."""

from __future__ import annotations

from dataclasses import dataclass

from reconciler.cli.exits import Exit
from reconciler.cli.options import flag, optional_file_argument

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pathlib import Path

    from reconciler.cli.invocation import Invocation


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """The options of `demo`."""

    folder: Path | None = optional_file_argument(
        "where, empty or not there yet; left out: reconciler-demo"
    )
    empty: bool = flag("a tenant that has nothing yet: no drift, no users, and HR takes all")


def run(invocation: Invocation, options: Options) -> int:
    """Write the folder, fill its tenant, and say what to do next."""
    from reconciler.cli.demo import demo

    demo(invocation, options)
    return Exit.WELL
