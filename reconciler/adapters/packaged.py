"""The JSON Schemas and templates that come with the program, as they are packaged."""

import json
from pathlib import Path

import reconciler
from reconciler.domain.jsontext import Json

_SCHEMAS = Path(reconciler.__file__).with_name("schemas")
_TEMPLATES = Path(reconciler.__file__).with_name("templates")


def schema_text(name: str) -> str:
    """The text of `schemas/NAME.json`, as packaged; raises FileNotFoundError for another name."""
    return schema_file(name).read_text(encoding="utf-8")


def schema_file(name: str) -> Path:
    """The path of `schemas/NAME.json` on this machine."""
    return _SCHEMAS / f"{name}.json"


def schema_with(name: str, dialects: tuple[str, ...]) -> Json:
    """`schemas/NAME.json`; where it is about dialects, each has to have one of these names.

    No name at all leaves every name possible. The names are no part of the packaged schema: a
    dialect is a file of its own, and a user may bring more of them.
    """
    schema = json.loads(schema_text(name))
    if dialects and "DialectName" in schema.get("$defs", {}):
        schema["$defs"]["DialectName"]["enum"] = sorted(dialects)
    return schema


def repository_text(name: str) -> str:
    """The text of a file of the project's own repository that a new one begins with.

    It comes with the program, or stands in the checkout that the program is run from.
    """
    packaged = _TEMPLATES / "repository" / name
    file = packaged if packaged.is_file() else _TEMPLATES.parent.parent / name
    return file.read_text(encoding="utf-8")


def template_text(name: str) -> str:
    """The text of `templates/NAME`."""
    return (_TEMPLATES / name).read_text(encoding="utf-8")
