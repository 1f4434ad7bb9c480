"""Files that commands write and read: whole or not at all, and never trusted."""

import os
import tempfile
from pathlib import Path

from reconciler.adapters.jsonschemas import check
from reconciler.domain.jsontext import Json, NotJson, parse
from reconciler.errors import UsageError

_PLAN_SIZE = 256 * 1024 * 1024


def write_file(path: Path, text: str) -> None:
    """Write beside it, sync, rename: a reader sees the old file or the whole new one."""
    try:
        descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    except OSError as error:
        raise UsageError(f"{path} cannot be written: {error.strerror}") from error
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).replace(path)
    except OSError as error:
        Path(temporary).unlink(missing_ok=True)
        raise UsageError(f"{path} cannot be written: {error.strerror}") from error


def read_plan(path: Path) -> Json:
    """A saved plan document; raises UsageError where it is none."""
    try:
        with path.open("rb") as file:
            data = file.read(_PLAN_SIZE)
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}") from error
    try:
        document = parse(data)
    except NotJson as error:
        raise UsageError(f"{path} is no saved plan: {error}") from error
    if found := check(document, "plan"):
        raise UsageError(
            f"{path} is no saved plan of this version: {found[0].message}; "
            "make a new one with `reconciler plan --out`"
        )
    return document
