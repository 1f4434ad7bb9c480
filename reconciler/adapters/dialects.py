"""The dialects that come with the program: one data file each, read as it is, checked by a test."""

import json
from pathlib import Path

import reconciler
from reconciler.domain.dialect import Dialect


def load_dialects() -> dict[str, Dialect]:
    """Every packaged dialect by its name, sorted."""
    folder = Path(reconciler.__file__).with_name("dialects")
    texts = (file.read_text(encoding="utf-8") for file in folder.glob("*.json"))
    dialects = (Dialect.from_json(json.loads(text)) for text in texts)
    return {dialect.name: dialect for dialect in sorted(dialects, key=lambda d: d.name)}
