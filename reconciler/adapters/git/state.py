"""The commit of the manifests, whether they were edited since, and their place in the work tree."""

import os
import re
from pathlib import Path

from reconciler.adapters.git.calls import Git, real
from reconciler.domain.manifest import GitState
from reconciler.errors import GitRefused


def git_state(git: Git, folder: Path, *others: Path) -> GitState:
    """Commit and dirtiness of a folder; where there is no commit, the reason.

    What was edited in one of the others counts as well, where that is in the same work tree. Raises
    UsageError where the folder passes for a repository itself.
    """
    # One call for both, and without counting the commits ahead, which walks the history.
    about = ("--porcelain=v2", "--branch", "--no-ahead-behind", "--untracked-files=normal", "-z")
    top = _top(folder)
    beside = [str(real(other)) for other in others if top is not None and _top(other) == top]
    try:
        answer = git(folder, "--literal-pathspecs", "status", *about, "--", ".", *beside)
    except GitRefused as error:
        return GitState(obstacle=str(error))
    lines = answer.decode("utf-8", "replace").split("\0")
    commit = next((line.removeprefix(_COMMIT) for line in lines if line.startswith(_COMMIT)), "")
    if not re.fullmatch("[0-9a-f]{40,64}", commit):  # `(initial)`
        return GitState(obstacle="nothing has been committed yet")
    dirty = any(line and not line.startswith("# ") for line in lines)
    return GitState(commit=commit, dirty=dirty)


_COMMIT = "# branch.oid "


def path_in_repository(folder: Path) -> Path | None:
    """The folder as from the top of its work tree; None outside of one. Never calls git."""
    top = _top(folder)
    return None if top is None else real(folder).relative_to(top)


def _top(folder: Path) -> Path | None:
    there = real(folder)
    return next((p for p in (there, *there.parents) if os.path.lexists(p / ".git")), None)
