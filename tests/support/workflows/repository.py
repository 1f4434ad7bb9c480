"""Git repositories for tests: this one as it is on the disk now, and the commands for others."""

import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

from tests.support.git import environment
from tests.support.program import ROOT
from tests.support.warm import Done


@dataclass(frozen=True)
class Repository:
    """A git repository with a working tree."""

    path: Path

    def git(self, *texts: str, **environ: str) -> str:
        """What git answers; it has to succeed."""
        done = self.tried(*texts, **environ)
        assert done.code == 0, (texts, done.everything)
        return done.out.strip()

    def tried(self, *texts: str, **environ: str) -> Done:
        """How git ends."""
        done = subprocess.run(
            ["git", *texts],
            cwd=self.path,
            env=environment(**environ),
            capture_output=True,
            text=True,
            check=False,
        )
        return Done(done.returncode, done.stdout, done.stderr)

    def commit(self, message: str) -> str:
        """Commit all that is there; returns the commit."""
        self.git("add", "--all")
        self.git("commit", "--quiet", "--allow-empty", "--message", message)
        return self.git("rev-parse", "HEAD")

    def write(self, name: str, text: str) -> None:
        path = self.path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def new_repository(path: Path) -> Repository:
    path.mkdir(parents=True)
    made = Repository(path)
    made.git("init", "--quiet", "--initial-branch", "main")
    return made


def bare_repository(path: Path) -> Repository:
    """As GitHub keeps it: without a working tree, and any commit can be asked for."""
    path.mkdir(parents=True)
    made = Repository(path)
    made.git("init", "--quiet", "--bare", "--initial-branch", "main")
    made.git("config", "uploadpack.allowAnySHA1InWant", "true")
    return made


def this_repository(path: Path) -> Repository:
    """A new repository with the files of this one, also with those that are not committed yet."""
    made = new_repository(path)
    for name in files_of_this():
        (path / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / name, path / name)
    made.commit("Everything")
    return made


def files_of_this() -> list[str]:
    """The files of this tree that git does not ignore, also where it was unpacked and has no .git.

    In the second case a new and empty repository looks at the tree.
    """
    with tempfile.TemporaryDirectory() as empty:
        tree = ["git"]
        if not (ROOT / ".git").exists():
            Repository(Path(empty)).git("init", "--quiet")
            tree = ["git", f"--git-dir={empty}/.git", f"--work-tree={ROOT}"]
        listed = subprocess.run(
            [*tree, "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
            cwd=ROOT, env=environment(), capture_output=True, text=True, check=True,
        ).stdout  # fmt: skip
    return [name for name in listed.split("\0") if name and (ROOT / name).is_file()]
