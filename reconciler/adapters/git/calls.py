"""Calls of git: a fixed program, and never in a repository made of a folder's own files."""

import os
import subprocess
from pathlib import Path

from reconciler.errors import UsageError

_TIMEOUT = 60


def git(folder: Path, *arguments: str, given: bytes = b"") -> bytes | None:
    """The output of git; None where it refuses, or is not there.

    Raises UsageError where a folder on the way up to the work tree passes for a repository.
    """
    _require_no_pretender(folder)
    command = ["git", "-C", str(folder), *arguments]
    try:
        done = subprocess.run(  # noqa: S603 — a fixed program and words that are no options, no shell
            command, input=given, capture_output=True, check=False, timeout=_TIMEOUT
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout if done.returncode == 0 else None


def real(path: Path) -> Path:
    """The path without links; where they go round, as far as it leads."""
    return Path(os.path.realpath(path))  # Path.resolve() raises there


def _require_no_pretender(folder: Path) -> None:
    """Raise UsageError where git would take a folder's committed files for a bare repository.

    It would name its own refs (`origin/main` too), and its own `config` names programs to run. git
    looks for `.git` first, which no commit can hold (docs/decisions.md, "git never runs in a
    repository that a folder's files make up").
    """
    there = real(folder)
    for place in (there, *there.parents):
        if os.path.lexists(place / ".git"):
            return
        if all(any(os.path.lexists(place / name) for name in names) for names in _REPOSITORY):
            raise UsageError(
                f"{place} passes for a git repository of its own, whose settings could run "
                "programs; remove HEAD from it"
            )


_REPOSITORY = (("HEAD",), ("refs", "commondir"))  # what git looks for, gitrepository-layout(5)
