"""`schema`: print one of the JSON Schemas that the contract is written in."""

from reconciler.adapters.packaged import schema_text
from reconciler.cli.exits import Exit
from reconciler.cli.main import Invocation


def run(invocation: Invocation) -> int:
    """Print it as it is packaged."""
    invocation.console.data(schema_text(invocation.arguments.text("name") or ""))
    return Exit.WELL
