"""`schema`: print one of the JSON Schemas that the contract is written in."""

import json

from reconciler.adapters.dialects import find_dialects
from reconciler.adapters.packaged import schema_text, schema_with
from reconciler.cli.exits import Exit
from reconciler.cli.main import Invocation
from reconciler.errors import ManifestsInvalid


def run(invocation: Invocation) -> int:
    """Print it as it is packaged; that of manifests with the dialects that are known."""
    name = invocation.arguments.text("name") or ""
    if name != "manifest":
        invocation.console.data(schema_text(name))
        return Exit.WELL
    dialects = find_dialects(invocation.arguments.path("dialects"))
    if dialects.problems:
        raise ManifestsInvalid(tuple(map(str, dialects.problems)))
    schema = schema_with(name, tuple(dialects.by_name))
    invocation.console.data(json.dumps(schema, indent=2, ensure_ascii=False) + "\n")
    return Exit.WELL
