"""The JSON Schemas that come with the program; read without importing anything that checks them."""

from pathlib import Path

import reconciler

_SCHEMAS = Path(reconciler.__file__).with_name("schemas")


def schema_text(name: str) -> str:
    """The text of `schemas/NAME.json`, as packaged; raises FileNotFoundError for another name."""
    return schema_file(name).read_text(encoding="utf-8")


def schema_file(name: str) -> Path:
    """Where `schemas/NAME.json` is on this machine."""
    return _SCHEMAS / f"{name}.json"
