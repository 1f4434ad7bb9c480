"""The JSON Schema of reconciler.toml, made: `python -m tests.support.settings_schema`."""

import json

from reconciler.cli.options import Kind, Option
from reconciler.cli.settings_file import known_settings
from tests.support.program import ROOT

FILE = ROOT / "reconciler/schemas/settings.json"
_TABLES = {
    "formats": "What a command writes to standard output, by its name, and the log.",
    "deadlines": "How long something may take, in seconds.",
    "selection": "What commands are about that can select.",
}


def settings_schema() -> str:
    """Each key with its type and what it does."""
    known = sorted(dict(known_settings()).items(), key=lambda each: each[0])
    top: dict[str, object] = {key[0]: _of(option) for key, option in known if len(key) == 1}
    for table, description in _TABLES.items():
        top[table] = {
            "description": description,
            "type": "object",
            "additionalProperties": False,
            "properties": {key[1]: _of(o) for key, o in known if key[0] == table and key[1:]},
        }
    schema = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "reconciler.toml",
        "description": "Settings beside the folder of manifests; options and variables win.",
        "type": "object",
        "additionalProperties": False,
        "properties": top,
    }
    return json.dumps(schema, indent=2) + "\n"


def _of(option: Option) -> dict[str, object]:
    described: dict[str, object] = {"description": option.help}
    match option.kind:
        case Kind.NUMBER:
            return described | {"type": "integer", "minimum": option.least, "maximum": 999_999_999}
        case Kind.MANY:
            return described | {"type": "array", "items": {"type": "string", "minLength": 1}}
        case _:
            assert option.choices is not None
            return described | {"enum": list(map(str, option.choices))}


if __name__ == "__main__":
    FILE.write_text(settings_schema())
