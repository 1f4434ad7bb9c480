"""Git repositories for tests: this one as it is on the disk now, and the commands for others."""

import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from tests.support.program import ROOT
from tests.support.warm import Done

# Whose commits these are; neither the configuration of this account nor a repository around counts.
WHO = {
    "GIT_AUTHOR_NAME": "Ada", "GIT_AUTHOR_EMAIL": "ada@example.com",
    "GIT_COMMITTER_NAME": "Ada", "GIT_COMMITTER_EMAIL": "ada@example.com",
    "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1",
}  # fmt: skip


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


def environment(**more: str) -> dict[str, str]:
    """The environment of a git command: ours, without what git itself has set for a hook."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    return {**kept, **WHO, **more}


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
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT, env=environment(), capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    for name in filter(None, listed.split("\0")):
        if (ROOT / name).is_file():
            (path / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, path / name)
    made.commit("Everything")
    return made
