"""Folders and files that are their owner's alone, whatever the umask, and those that are not."""

import os
from collections.abc import Iterable
from pathlib import Path


def make_private_folder(folder: Path) -> list[Path]:
    """Make the folder and those above it that are missing, with mode 0700; those that were made.

    What is there keeps its mode. Raises OSError.
    """
    made = []
    missing = [each for each in (folder, *folder.parents) if not each.exists()]
    for each in reversed(missing):
        try:
            each.mkdir(mode=0o700)
        except FileExistsError:  # by another process, a moment ago
            continue
        each.chmod(0o700)  # a umask may have taken more
        made.append(each)
    if not folder.is_dir():
        raise NotADirectoryError(20, os.strerror(20), str(folder))
    return made


def make_private_file(path: Path) -> None:
    """Make an empty file with mode 0600; nothing is done where there is one. Raises OSError."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return
    try:
        os.fchmod(descriptor, 0o600)  # a umask may have taken more
    finally:
        os.close(descriptor)


def open_to_others(paths: Iterable[Path]) -> list[tuple[Path, int]]:
    """Those of them that others on this machine may read or write, with their modes."""
    found = []
    for path in paths:
        try:
            mode = path.stat().st_mode & 0o777
        except OSError:
            continue
        if mode & 0o077:
            found.append((path, mode))
    return found
