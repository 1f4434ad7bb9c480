"""Git: which commit the manifests are of, whether they were edited since, and where they are."""

import os
import re
from pathlib import Path

from reconciler.adapters.git.calls import git
from reconciler.domain.manifest import GitState


def git_state(folder: Path) -> GitState:
    """Commit and dirtiness of a folder; outside git, or without git, the commit is None.

    Raises UsageError where the folder passes for a repository itself.
    """
    about = ("--porcelain=v2", "--branch", "--no-ahead-behind", "-z")
    answer = git(folder, "status", *about, "--", ".")
    lines = (answer or b"").decode("utf-8", "replace").split("\0")
    commit = next((line.removeprefix(_COMMIT) for line in lines if line.startswith(_COMMIT)), "")
    if not re.fullmatch("[0-9a-f]{40,64}", commit):  # `(initial)`: nothing was committed yet
        return GitState()
    dirty = any(line and not line.startswith("# ") for line in lines)
    return GitState(commit=commit, dirty=dirty)


_COMMIT = "# branch.oid "


def path_in_repository(folder: Path) -> Path | None:
    """The folder as from the top of its work tree; None outside of one. Never calls git."""
    there = folder.resolve()
    tops = (place for place in (there, *there.parents) if os.path.lexists(place / ".git"))
    top = next(tops, None)
    return None if top is None else there.relative_to(top)
