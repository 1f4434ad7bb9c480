"""The dialects that come with the program: one data file each, read as it is, checked by a test."""

import json
from importlib.resources import files

from reconciler.domain.dialect import Dialect


def load_dialects() -> dict[str, Dialect]:
    """Every packaged dialect by its name, sorted."""
    folder = files("reconciler").joinpath("dialects")
    texts = (f.read_text(encoding="utf-8") for f in folder.iterdir() if f.name.endswith(".json"))
    dialects = (Dialect.from_json(json.loads(text)) for text in texts)
    return {dialect.name: dialect for dialect in sorted(dialects, key=lambda d: d.name)}
