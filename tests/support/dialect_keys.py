"""What is made from schemas/dialect.json: `spec.capabilities`, and the keys in docs/dialects.md.

`python -m tests.support.dialect_keys` (`make docs`) writes both anew.
"""

import json
import re
from collections.abc import Iterator
from typing import Any

from tests.support.program import ROOT

DIALECT = ROOT / "reconciler/schemas/dialect.json"
MANIFEST = ROOT / "reconciler/schemas/manifest.json"
PAGE = ROOT / "docs/dialects.md"
# Who the service is; `spec.targetSystem` gives its name, and no manifest another transport
IDENTITY = ("$schema", "name", "description", "targetSystem", "transport", "baseUrlEnding")
_MARK = "<!-- made from schemas/dialect.json by `make docs` -->\n\n"
_TABLE = re.compile(rf"(?<={re.escape(_MARK)}).*?(?=\n\n)", re.S)


def capabilities() -> dict[str, Any]:
    """The properties of `spec.capabilities`: all of a dialect's but who it is, and no pattern.

    What is left out there is the dialect's, so that no default is given.
    """
    dialect = json.loads(DIALECT.read_text())
    properties = dialect["properties"]
    found = {
        key: {word: value for word, value in schema.items() if word != "default"}
        for key, schema in properties.items()
        if key not in IDENTITY
    }
    for key in ("attributeNames", "urnEndings"):
        description = found[key]["description"]
        found[key] = {"description": description, **dialect["$defs"]["Names"]["else"]}
    return found


def manifest_text() -> str:
    """schemas/manifest.json with these capabilities in it."""
    manifest = json.loads(MANIFEST.read_text())
    manifest["$defs"]["Capabilities"]["properties"] = capabilities()
    return json.dumps(manifest, indent=2, ensure_ascii=False) + "\n"


def page_text() -> str:
    """docs/dialects.md with these keys in it."""
    table = "\n".join(
        ["| key | value | default | meaning |", "| --- | --- | --- | --- |", *_rows()]
    )
    return _TABLE.sub(lambda _: table, PAGE.read_text())


def _rows() -> Iterator[str]:
    schema = json.loads(DIALECT.read_text())
    for key, value in schema["properties"].items():
        default = _code(value["default"]) if "default" in value else ""
        if key in schema["required"]:
            default = "required"
        cells = (f"`{key}`", _kind(value), default, value["description"])
        yield f"| {' | '.join(cells)} |"


def _code(value: Any) -> str:
    return f"`{json.dumps(value)}`"


def _kind(schema: Any) -> str:
    if "enum" in schema:
        return ", ".join(map(_code, schema["enum"]))
    if "$ref" in schema or "if" in schema:
        return "object"
    kinds = schema["type"]
    name = kinds if isinstance(kinds, str) else kinds[0]
    if name == "array" and "enum" in schema["items"]:
        return f"array of {_kind(schema['items'])}"
    bounds = (schema.get("minimum"), schema.get("maximum"))
    return f"{name}, {bounds[0]} to {bounds[1]}" if name == "integer" else str(name)


def main() -> None:
    """Write both."""
    MANIFEST.write_text(manifest_text())
    PAGE.write_text(page_text())


if __name__ == "__main__":
    main()
