"""Print a saved plan, stale or not."""

from __future__ import annotations

from dataclasses import dataclass

from reconciler.cli.exits import Exit
from reconciler.cli.options import file_argument, format_choice
from reconciler.cli.shared_options import PlanFormat

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pathlib import Path

    from reconciler.cli.invocation import Invocation


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """The options of `show`."""

    file: Path = file_argument("what plan --out saved")
    format: PlanFormat = format_choice("what standard output gets", default=PlanFormat.TEXT)


def run(invocation: Invocation, options: Options) -> int:
    """Print the plan; it is checked for its shape, and trusted for nothing."""
    from reconciler.cli.planned import show_plan
    from reconciler.cli.saved_plan import saved_plan

    with saved_plan(options.file) as document:
        show_plan(document, options.format, invocation.console)
    return Exit.WELL
