"""Git: which commit the manifests are of, whether they were edited since, and where they are."""

import os
from pathlib import Path

from reconciler.adapters.git.calls import git
from reconciler.domain.plan import GitState


def git_state(folder: Path) -> GitState:
    """Commit and dirtiness of a folder; outside git, or without git, the commit is None.

    Raises UsageError where the folder passes for a repository itself.
    """
    commit = _said(folder, "rev-parse", "--verify", "--quiet", "HEAD")
    if commit is None:
        return GitState()
    return GitState(commit=commit, dirty=bool(_said(folder, "status", "--porcelain", "--", ".")))


def path_in_repository(folder: Path) -> Path | None:
    """The folder as from the top of its work tree; None outside of one. Never calls git."""
    there = folder.resolve()
    tops = (place for place in (there, *there.parents) if os.path.lexists(place / ".git"))
    top = next(tops, None)
    return None if top is None else there.relative_to(top)


def _said(folder: Path, *arguments: str) -> str | None:
    answer = git(folder, *arguments)
    return None if answer is None else answer.decode("utf-8", "replace").strip()
