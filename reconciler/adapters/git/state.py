"""The commit of the manifests, whether they were edited since, and their place in the work tree."""

import os
import re
from collections.abc import Iterable
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
    about = ("--porcelain=v2", "--branch", "--no-ahead-behind", *_EACH_FILE, "-z")
    top = _top(folder)
    beside = [real(other) for other in others if top is not None and _top(other) == top]
    places = (".", *map(str, beside))
    try:
        answer = git(folder, "--literal-pathspecs", "status", *about, "--", *places)
    except GitRefused as error:
        return GitState(obstacle=str(error))
    lines = answer.decode("utf-8", "replace").split("\0")
    commit = next((line.removeprefix(_COMMIT) for line in lines if line.startswith(_COMMIT)), "")
    if not re.fullmatch("[0-9a-f]{40,64}", commit):  # `(initial)`
        return GitState(obstacle="nothing has been committed yet")
    edited = any(line and not line.startswith(("# ", _IGNORED)) for line in lines)
    ignored = (
        real(top or folder) / line.removeprefix(_IGNORED)
        for line in lines
        if line.startswith(_IGNORED)
    )
    roots = (real(folder), *beside)
    return GitState(commit=commit, dirty=edited or any(_is_read(file, roots) for file in ignored))


_COMMIT = "# branch.oid "
_IGNORED = "! "
_EACH_FILE = ("--untracked-files=all", "--ignored=traditional")


def _is_read(file: Path, roots: Iterable[Path]) -> bool:
    """Test whether a file that git ignores may be read for all that, and is in no commit."""
    below = (file.relative_to(root) for root in roots if file.is_relative_to(root))
    shown = (not any(part.startswith((".", "_")) for part in path.parts) for path in below)
    return file.suffix in (".yaml", ".yml", ".json", ".csv") and any(shown)


def path_in_repository(folder: Path) -> Path | None:
    """The folder as from the top of its work tree; None outside of one. Never calls git."""
    top = _top(folder)
    return None if top is None else real(folder).relative_to(top)


def _top(folder: Path) -> Path | None:
    there = real(folder)
    return next((p for p in (there, *there.parents) if os.path.lexists(p / ".git")), None)
