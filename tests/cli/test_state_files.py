"""The files of a run: whose they are, whatever the umask, and a store that git tracks."""

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.applied import applied
from tests.support.program import Folder

__all__ = ["applied"]


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def run_with_umask(folder: Folder, umask: int, *arguments: str) -> None:
    """A process of its own: the umask is the process's."""
    code = "import os, sys; os.umask(int(sys.argv[1])); os.execv(sys.executable, sys.argv[2:])"
    done = folder.run_by((sys.executable, "-c", code, str(umask)), *arguments)
    assert done.code == 0, done.err


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o077])
def test_what_a_run_keeps_is_its_owners_and_what_others_read_is_as_the_umask_says(
    folder: Folder, umask: int
) -> None:
    run_with_umask(folder, umask, "plan", "--out", "plan.json", "--markdown", "plan.md")
    run_with_umask(folder, umask, "apply", "--auto-approve", "--report", "report.json")

    state = folder.path / ".reconciler"
    kept = [state, *state.rglob("*")]
    assert {path.name for path in kept} >= {"state.db", "locks", "embedded", "local.db"}
    for path in kept:
        assert mode(path) == (0o700 if path.is_dir() else 0o600), path
    for name in ("plan.json", "plan.md", "report.json"):
        assert mode(folder.path / name) == 0o666 & ~umask, name


def test_a_store_while_it_is_open_has_a_log_of_its_owners(folder: Folder) -> None:
    code = (
        "import os; os.umask(0); from reconciler.adapters.database import open_store; "
        "from tests.support.store_world import entry; s = open_store('sqlite:///new/a/state.db'); "
        "s.record(entry()); print({p: oct(os.stat(p).st_mode & 0o777) for p in "
        "['new', 'new/a', *('new/a/' + n for n in sorted(os.listdir('new/a')))]})"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=folder.path,
        env={**os.environ, "PYTHONPATH": str(Path.cwd())},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == str(
        {
            "new": "0o700",
            "new/a": "0o700",
            "new/a/state.db": "0o600",
            "new/a/state.db-shm": "0o600",
            "new/a/state.db-wal": "0o600",
        }
    )


def test_files_that_others_may_open_are_warned_about_and_not_changed(applied: Folder) -> None:
    state = applied.path / ".reconciler"
    assert "others on this machine" not in applied.run("audit", "verify").everything
    state.chmod(0o755)
    (state / "state.db").chmod(0o644)
    (state / "locks").chmod(0o750)

    for command in (("audit", "verify"), ("apply", "--auto-approve"), ("webhooks", "list")):
        done = applied.run(*command)
        assert done.code == 0, done.everything
        assert "warning: others on this machine can open .reconciler (0755), " in done.err
        assert ".reconciler/state.db (0644), .reconciler/locks (0750)" in done.err
        assert "`chmod go-rwx .reconciler .reconciler/state.db .reconciler/locks`" in done.err
    assert (mode(state), mode(state / "state.db")) == (0o755, 0o644)


def git(folder: Folder, *arguments: str) -> None:
    subprocess.run(["git", "-C", str(folder.path), *arguments], check=True, capture_output=True)


@pytest.fixture
def repository(applied: Folder) -> Folder:
    git(applied, "init", "-q")
    git(applied, "config", "user.email", "a@example.com")
    git(applied, "config", "user.name", "a")
    git(applied, "add", "desired-state")
    git(applied, "commit", "-qm", "x")
    return applied


def test_a_store_that_git_tracks_is_refused(repository: Folder) -> None:
    assert repository.run("audit", "verify").code == 0
    git(repository, "add", "-f", ".reconciler/state.db")

    for command in (
        ("apply", "--auto-approve"),
        ("apply", "--recover-only"),
        ("audit", "verify"),
        ("webhooks", "list"),
        ("webhooks", "deliver"),
    ):
        done = repository.run(*command)
        assert done.code == 1
        assert "git tracks the store .reconciler/state.db" in done.err
        assert "`git rm --cached state.db`" in done.err
        assert ".gitignore" in done.err

    git(repository, "rm", "-q", "--cached", ".reconciler/state.db")
    assert repository.run("apply", "--auto-approve").code == 0


def test_a_link_to_a_store_that_git_tracks_is_refused(repository: Folder) -> None:
    git(repository, "add", "-f", ".reconciler/state.db")
    (repository.path / "link.db").symlink_to(".reconciler/state.db")
    (repository.path / "folder").symlink_to(".reconciler")

    for url in ("sqlite:///link.db", "sqlite:///folder/state.db"):
        done = repository.run("audit", "verify", "--state", url)
        assert done.code == 1
        assert "git tracks the store" in done.err


def test_without_git_a_store_is_used_as_it_is(repository: Folder, tmp_path: Path) -> None:
    assert repository.run("audit", "verify", PATH=str(tmp_path)).code == 0
