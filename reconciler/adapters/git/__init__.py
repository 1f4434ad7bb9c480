"""Git: the commit of a folder, and the files of a ref, without a checkout."""

from reconciler.adapters.git.calls import Git
from reconciler.adapters.git.refs import commit_at, files_at, require_same_repository
from reconciler.adapters.git.state import git_state, path_in_repository

__all__ = [
    "Git",
    "commit_at",
    "files_at",
    "git_state",
    "path_in_repository",
    "require_same_repository",
]
