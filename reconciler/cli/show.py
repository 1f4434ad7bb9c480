"""`show`: print a saved plan in any format, stale or not."""

from pathlib import Path

from reconciler.cli.exits import Exit
from reconciler.cli.files import read_plan
from reconciler.cli.main import Invocation
from reconciler.cli.plan import show_plan


def run(invocation: Invocation) -> int:
    """Print the plan; it is checked for its shape, and trusted for nothing."""
    show_plan(invocation, read_plan(Path(invocation.arguments.text("file") or "")))
    return Exit.WELL
