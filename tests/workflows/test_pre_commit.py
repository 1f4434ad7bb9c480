"""Our hooks, as their users have them: from git, by the real pre-commit."""

import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support.git import environment
from tests.support.pages import page_with
from tests.support.warm import Done
from tests.support.workflows.repository import (
    Repository,
    new_repository,
    this_repository,
)

# pre-commit makes an environment for the hook with pip: some ten seconds, and a package index.
pytestmark = [pytest.mark.process, pytest.mark.timeout(600)]

PRE_COMMIT = Path(sys.executable).with_name("pre-commit")
EXTENSION = "desired-state/extensions/hr-extension.yaml"


@dataclass(frozen=True)
class User:
    """A repository of manifests that uses our hook, and where pre-commit keeps its environments."""

    repository: Repository
    home: Path

    def commit(self) -> Done:
        """`git add` and `git commit`, as a person types them; the hook may refuse."""
        self.repository.git("add", "--all")
        return self.repository.tried(
            "commit", "--message", "Change", PRE_COMMIT_HOME=str(self.home)
        )

    def pre_commit(self, *texts: str) -> None:
        done = subprocess.run(
            [PRE_COMMIT, *texts],
            cwd=self.repository.path,
            env=environment(PRE_COMMIT_HOME=str(self.home)),
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture(scope="module")
def user(tmp_path_factory: pytest.TempPathFactory) -> User:
    folder = tmp_path_factory.mktemp("hook")
    tool = this_repository(folder / "tool")
    manifests = new_repository(folder / "user")
    for path in ("desired-state/tenants/local.yaml", EXTENSION):
        manifests.write(path, (tool.path / path).read_text())
    # what the page shows, with the repository and the commit of today
    config = page_with("docs/pull-requests.md", "yaml")
    config = re.sub(r"repo: https://\S+", f"repo: file://{tool.path}", config)
    config = re.sub(r"rev: 0{40}", f"rev: {tool.git('rev-parse', 'HEAD')}", config)
    manifests.write(".pre-commit-config.yaml", config)
    manifests.commit("Begin")
    made = User(manifests, folder / "home")
    made.pre_commit("install", "--install-hooks")
    return made


@pytest.fixture(autouse=True)
def clean(user: User) -> None:
    user.repository.git("reset", "--quiet", "--hard")
    user.repository.git("clean", "--quiet", "-d", "--force")


def head(user: User) -> str:
    return user.repository.git("rev-parse", "HEAD")


def change(user: User, old: str, new: str) -> None:
    path = user.repository.path / EXTENSION
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))


def test_a_good_change_is_committed(user: User):
    before = head(user)
    change(user, "isContractor", "isContingent")

    done = user.commit()

    assert done.code == 0, done.everything
    assert "reconciler validate" in done.everything
    assert "Passed" in done.everything
    assert head(user) != before


def test_an_untidy_manifest_is_laid_out_and_has_to_be_added_again(user: User):
    tidy = (user.repository.path / EXTENSION).read_text()
    change(user, "type: boolean", "type:   boolean  ")
    change(user, "hrDepartmentCode", "hrUnitCode")

    assert "files were modified by this hook" in user.commit().everything
    assert (user.repository.path / EXTENSION).read_text() == tidy.replace(
        "hrDepartmentCode", "hrUnitCode"
    )
    assert user.commit().code == 0


def test_a_bad_manifest_is_refused_with_its_place(user: User):
    before = head(user)
    change(user, "type: boolean", "type: bolean")

    done = user.commit()

    assert done.code == 1
    assert "Failed" in done.everything
    assert f"{EXTENSION}:" in done.everything
    assert "bolean" in done.everything
    assert head(user) == before


def test_two_manifests_that_are_good_alone_are_refused_together(user: User):
    text = (user.repository.path / EXTENSION).read_text()
    user.repository.write("desired-state/twin.yaml", text.replace("name: hr-ext", "name: twin-ext"))

    done = user.commit()

    assert done.code == 1, done.everything
    assert "desired-state/twin.yaml:" in done.everything


def test_a_commit_without_manifests_does_not_run_it(user: User):
    user.repository.write("notes.yaml", "no: manifest\n")

    done = user.commit()

    assert done.code == 0, done.everything
    assert "(no files to check)Skipped" in done.everything
