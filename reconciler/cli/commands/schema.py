"""Print a JSON Schema of the contract."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from reconciler.cli.exits import Exit
from reconciler.cli.options import choice_argument

TYPE_CHECKING = False
if TYPE_CHECKING:
    from reconciler.cli.invocation import Invocation


class SchemaName(StrEnum):
    """The documents that have a JSON Schema: `reconciler/schemas/NAME.json`."""

    MANIFEST = "manifest"
    SETTINGS = "settings"
    DIALECT = "dialect"
    PLAN = "plan"
    REPORT = "report"
    AUDIT = "audit"
    EVENT = "event"
    GATE = "gate"
    STATUS = "status"
    ADOPTION = "adoption"
    OUTPUT = "output"


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """The options of `schema`."""

    name: SchemaName = choice_argument("of what", of=SchemaName)


def run(invocation: Invocation, options: Options) -> int:
    """Print it as it is packaged; that of manifests with the dialects that are known."""
    from reconciler.adapters.packaged import schema_text, schema_with

    if options.name is not SchemaName.MANIFEST:
        invocation.console.data(schema_text(options.name))
        return Exit.WELL
    from reconciler.adapters.dialects import sound_dialects
    from reconciler.render.json_text import json_text

    schema = schema_with(options.name, tuple(sound_dialects(invocation.common.dialects)))
    invocation.console.data(json_text(schema))
    return Exit.WELL
