"""The manifest files of a folder, and their bytes; it alone opens them.

Only regular files are ever read: a pipe would hang the run, a link may lead to anything.
"""

import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePath

from reconciler.domain.problem import Place, Problem
from reconciler.domain.rules.reading import FILE

SUFFIXES = (".yaml", ".yml", ".json")
TOO_LARGE = "the manifests are too large in all; nothing after this is read: raise --max-total-mib"
_TOO_MANY = "there are too many manifests; nothing after this is read: raise --max-documents"
_IRREGULAR = "no regular file, but a pipe, a device or a link that leads nowhere; remove it"
# Windows has neither, and neither pipes nor links in folders by default
_NOFOLLOW = getattr(os, "O_NOFOLLOW", 0)
_NONBLOCK = getattr(os, "O_NONBLOCK", 0)


@dataclass(frozen=True, slots=True)
class ManifestFile:
    """One file: its path as the user would write it, and the first bytes, as many as requested."""

    path: str
    data: bytes


def read_files(
    folder: Path, *, most: int, total: int, count: int
) -> tuple[tuple[ManifestFile, ...], tuple[Problem, ...]]:
    """Every manifest file below the folder in order, with at most `most` bytes each, and faults.

    After `total` bytes or `count` files nothing more is read. Files and folders whose names begin
    with `.` or `_` are left out. A link is followed only to a regular file inside the folder.
    """
    files: list[ManifestFile] = []
    problems: list[Problem] = []
    root = os.path.realpath(folder)
    for path in _walk(folder, problems):
        read = read_file(path, root, most)
        if isinstance(read, str):
            problems.append(_problem(path, read))
            continue
        files.append(ManifestFile(str(path), read))
        total -= len(read)
        if total < 0:
            problems.append(_problem(path, TOO_LARGE))
            break
        if len(files) > count:
            problems.append(_problem(path, _TOO_MANY))
            break
    return tuple(files), tuple(problems)


def is_manifest(path: PurePath) -> bool:
    """Test whether a path below the folder names a manifest file, by its name alone."""
    return path.name.endswith(SUFFIXES) and not is_left_out(path)


def is_left_out(path: PurePath) -> bool:
    """Test whether a path below the folder has a name that is never read."""
    return any(part.startswith((".", "_")) for part in path.parts)


def shown(path: Path) -> str:
    """The path for a message, with what cannot be printed escaped."""
    text = str(path)
    return text if text.isprintable() else ascii(text)[1:-1]


def is_folder(path: Path) -> bool:
    """Test whether it is a folder, or a link to one; False where that cannot be found out."""
    try:
        return stat.S_ISDIR(path.stat().st_mode)
    except (OSError, ValueError):  # ValueError: a null byte in the name
        return False


def read_file(path: Path, root: str, most: int) -> bytes | str:
    """The first bytes of a regular file below the real path `root`, or why it is not read."""
    target = Path(os.path.realpath(path))
    if not target.is_relative_to(root):
        return "a link to outside of the folder; put the file itself here"
    try:
        return _read_regular(target, most)
    except OSError as error:
        return f"cannot be read: {_why(error)}"


def _walk(folder: Path, problems: list[Problem]) -> Iterator[Path]:
    # Not recursive: folders may be nested deeper than Python's stack.
    waiting = [folder]
    while waiting:
        current = waiting.pop(0)
        try:
            entries = sorted(current.iterdir(), key=lambda entry: entry.name)
        except OSError as error:
            problems.append(_problem(current, f"cannot be listed: {_why(error)}"))
            continue
        for entry in (e for e in entries if not e.name.startswith((".", "_"))):
            holds_more = is_folder(entry)
            if not (holds_more or entry.name.endswith(SUFFIXES)):
                continue
            if not entry.name.isprintable():
                problems.append(_problem(entry, "a name that cannot be printed; rename it"))
            elif not holds_more:
                yield entry
            elif entry.is_symlink():
                problems.append(
                    _problem(entry, "a link to a folder; only links to files are followed")
                )
            else:
                waiting.append(entry)


def _read_regular(target: Path, most: int) -> bytes | str:
    if not stat.S_ISREG(target.lstat().st_mode):
        return _IRREGULAR
    # It may be exchanged after the look above: hence no link, no waiting, and another look.
    descriptor = os.open(target, os.O_RDONLY | _NOFOLLOW | _NONBLOCK)
    with os.fdopen(descriptor, "rb") as file:
        return file.read(most) if stat.S_ISREG(os.fstat(descriptor).st_mode) else _IRREGULAR


def _why(error: OSError) -> str:
    return (error.strerror or type(error).__name__).lower()


def _problem(path: Path, message: str) -> Problem:
    return FILE.problem(Place(shown(path)), message)
