"""The JSON Schemas that come with the program; read without importing anything that checks them."""

from importlib.resources import files
from pathlib import Path

SCHEMA_NAMES = ("manifest", "plan", "audit", "event", "report")


def schema_text(name: str) -> str:
    """The text of `schemas/NAME.json`, as packaged; raises FileNotFoundError for another name."""
    return files("reconciler").joinpath("schemas", f"{name}.json").read_text(encoding="utf-8")


def schema_file(name: str) -> Path:
    """Where `schemas/NAME.json` is on this machine."""
    return Path(str(files("reconciler").joinpath("schemas", f"{name}.json")))
