"""Git: which commit the manifests are of, and whether they were edited since."""

import subprocess
from pathlib import Path

from reconciler.domain.plan import GitState


def git_state(folder: Path) -> GitState:
    """Commit and dirtiness of a folder; outside git, or without git, the commit is None."""
    commit = _git(folder, "rev-parse", "--verify", "--quiet", "HEAD")
    if commit is None:
        return GitState()
    return GitState(commit=commit, dirty=bool(_git(folder, "status", "--porcelain", "--", ".")))


def _git(folder: Path, *arguments: str) -> str | None:
    command = ["git", "-C", str(folder), *arguments]
    try:
        done = subprocess.run(command, capture_output=True, check=False, timeout=30)  # noqa: S603 — a fixed program and our own words, no shell
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.decode("utf-8", "replace").strip() if done.returncode == 0 else None
