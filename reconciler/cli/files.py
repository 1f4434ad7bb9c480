"""Files that commands write and read: whole or not at all, and never trusted."""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Iterable
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from reconciler.adapters.jsonschemas import check
from reconciler.adapters.packaged import schema_text
from reconciler.cli.console import show_data
from reconciler.cli.given import STANDARD_OUTPUT
from reconciler.domain.jsontext import Json, NotJson, parse
from reconciler.errors import UsageError

if TYPE_CHECKING:  # they say the shape of JSON
    from reconciler.domain.documents import ReportDocument

_DOCUMENT_SIZE = 256 * 1024 * 1024
_TEXT_SIZE = 16 * 1024 * 1024


def require_folder(option: str, file: Path, *, alone: bool = False) -> None:
    """Raise UsageError where a file could not be written, before anything is begun.

    Afterwards there would be a run, and no file of it. `-` is standard output: it fits where the
    file is `alone` there, without what the command prints.
    """
    if file == STANDARD_OUTPUT:
        if alone:
            return
        raise UsageError(f"{option} - is standard output, which has more in it; name a file")
    try:
        fits = file.parent.is_dir() and not file.is_dir()
    except OSError:  # a name that is too long, a folder that is shut to us
        fits = False
    if not fits:
        raise UsageError(f"{option} {file} cannot be written: name a file in a folder that exists")


def refuse_standard_output(option: str, folder: Path) -> None:
    """Raise UsageError for `-` in the place of a folder: nobody means one of that name."""
    if folder == STANDARD_OUTPUT:
        raise UsageError(f"{option} - is standard output, which takes one file; name a folder")


def make_folder(option: str, folder: Path) -> None:
    """Make a folder, unless it is there; raises UsageError where nothing could be written into it.

    As with `require_folder`, before anything is begun.
    """
    refuse_standard_output(option, folder)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        fits = os.access(folder, os.W_OK | os.X_OK)
    except OSError:
        fits = False
    if not fits:
        raise UsageError(f"{option} {folder} cannot be written to: name a folder of your own")


def write_below(path: Path, text: str) -> None:
    """Write a file as `write_file` does, and make the folders that it is to be in."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"{path.parent} cannot be made: {error.strerror}") from error
    write_file(path, text)


def write_file(path: Path, text: str | Iterable[str]) -> None:
    """Write beside it, sync, rename: a reader sees the old file or the whole new one.

    A text of many tenants comes in pieces. What is there keeps its mode, and a link stays one. A
    device or a pipe is written to; `-` is standard output.
    """
    pieces = (text,) if isinstance(text, str) else text
    if path == STANDARD_OUTPUT:
        for piece in pieces:
            show_data(piece)
        return
    try:
        is_file = not path.exists() or path.is_file()
        (_replace if is_file else _fill)(path, pieces)
    except (OSError, UnicodeEncodeError) as error:
        reason = "the name of a file or folder in it is not UTF-8; rename that"
        if isinstance(error, OSError):
            reason = str(error.strerror)
        raise UsageError(f"{path} cannot be written: {reason}") from error


def _replace(link: Path, pieces: Iterable[str]) -> None:
    path = Path(os.path.realpath(link))
    temporary = path.with_name(f".{path.name}.{os.urandom(8).hex()}")
    # tempfile would give it to its owner alone, and others are to read it as the umask says
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
    with ExitStack() as undo:  # whoever makes the pieces may fail in its own way
        undo.callback(temporary.unlink, missing_ok=True)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            if path.exists():
                temporary.chmod(stat.S_IMODE(path.stat().st_mode))
            file.writelines(pieces)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)


def _fill(path: Path, pieces: Iterable[str]) -> None:
    with path.open("w", encoding="utf-8") as stream:
        stream.writelines(pieces)


def read_text(path: Path | None) -> str:
    """A text file that another program or job has made; raises UsageError."""
    try:
        return _bytes(path, _TEXT_SIZE).decode("utf-8")
    except UnicodeDecodeError as error:
        raise UsageError(f"{path} is no UTF-8 text") from error


def read_report(path: Path | None) -> ReportDocument:
    """The report of a run; raises UsageError where it is none."""
    document: ReportDocument = read_document(
        path, "report", "no report of a run", "`apply --report` writes one"
    )
    return document


def read_document(path: Path | None, schema: str, what: str, recipe: str) -> Json:
    """A JSON document after `schemas/SCHEMA.json`; raises UsageError, saying `what` it is not."""
    try:
        document = parse(_bytes(path, _DOCUMENT_SIZE))
    except NotJson as error:
        raise UsageError(f"{path} is {what}: {error}") from error
    if (reason := _another_format(document, schema)) is not None:
        raise UsageError(f"{path} is {what} of this version: {reason}; {recipe}")
    if found := check(document, schema):
        raise UsageError(f"{path} is {what} of this version: {found[0].message}; {recipe}")
    return document


def _another_format(document: Json, schema: str) -> str | None:
    """The reason not to read a document that another release has written; None where none has."""
    expected = json.loads(schema_text(schema))["properties"]["format_version"]["const"]
    given = document.get("format_version") if isinstance(document, dict) else None
    if not isinstance(given, str) or given == expected:
        return None
    return f"its format_version is {given[:20]!a}, and this release reads {expected}"


def _bytes(path: Path | None, most: int) -> bytes:
    assert path is not None
    try:
        with path.open("rb") as file:
            return file.read(most)
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}") from error
