"""`show`: print a saved plan in any format, stale or not."""

from pathlib import Path

from reconciler.cli.exits import Exit
from reconciler.cli.main import Invocation
from reconciler.cli.plan import show_plan
from reconciler.cli.saved_plan import saved_plan


def run(invocation: Invocation) -> int:
    """Print the plan; it is checked for its shape, and trusted for nothing."""
    with saved_plan(Path(invocation.arguments.text("file") or "")) as document:
        show_plan(invocation, document)
    return Exit.WELL
