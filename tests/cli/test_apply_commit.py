"""The commit in the audit of an apply: the right one, or none, and then the run says why."""

import os

import pytest

from tests.support.git import commit_all_of, git
from tests.support.program import Folder, assert_reported

NAMELESS = "warning: the audit of this run names no commit: "


@pytest.fixture
def committed(folder: Folder) -> Folder:
    commit_all_of(folder.path)
    return folder


def commits(folder: Folder) -> set[str | None]:
    return {record["commit"] for record in folder.audit()}


def test_an_apply_outside_of_git_says_that_its_audit_names_no_commit(folder: Folder):
    done = folder.run("apply", "--auto-approve")

    assert_reported(done, 0, f"{NAMELESS}git says: not a git repository")
    assert commits(folder) == {None}


def test_an_apply_before_the_first_commit_says_so(folder: Folder):
    git(folder.path, "init", "--quiet")

    done = folder.run("apply", "--auto-approve")

    assert_reported(done, 0, f"{NAMELESS}nothing has been committed yet")


def test_an_apply_without_git_says_so(committed: Folder, tmp_path_factory):
    path = str(tmp_path_factory.mktemp("bin"))

    applied = committed.run_cold("apply", "--auto-approve", PATH=path)
    compared = committed.run_cold("validate", "--against", "HEAD", PATH=path)

    assert_reported(applied, 0, f"{NAMELESS}git is not installed, or not on PATH")
    assert_reported(compared, 1, "error: git is not installed, or not on PATH")


def test_an_apply_with_a_commit_says_nothing_of_it(committed: Folder):
    done = committed.run("apply", "--auto-approve")

    assert_reported(done, 0)
    assert "names no commit" not in done.everything
    assert commits(committed) == {git(committed.path, "rev-parse", "HEAD")}


def test_a_hook_of_another_repository_does_not_change_the_commit(
    committed: Folder, tmp_path_factory
):
    other = tmp_path_factory.mktemp("other")
    git(other, "init", "--quiet")
    git(other, "commit", "--quiet", "--allow-empty", "-m", "other")

    done = committed.run_cold(
        "apply", "--auto-approve", GIT_DIR=f"{other}/.git", GIT_WORK_TREE=str(other)
    )

    assert_reported(done, 0)
    assert commits(committed) == {git(committed.path, "rev-parse", "HEAD")}


@pytest.mark.skipif(os.getuid() != 0, reason="only root can give files away")
def test_a_checkout_of_another_account_is_reported_as_git_reports_it(committed: Folder):
    for path in (committed.path, *committed.path.rglob("*")):
        os.chown(path, 12345, 12345)
    advice = "git config --global --add safe.directory"
    committed.environ["HOME"] = str(committed.path)

    compared = committed.run_cold("validate", "--against", "HEAD")
    planned = committed.run_cold("plan", "--tenants-from", "HEAD")
    applied = committed.run_cold("apply", "--auto-approve")

    assert_reported(compared, 1, "detected dubious ownership", advice)
    assert_reported(planned, 1, "detected dubious ownership", advice)
    assert_reported(applied, 0, f"{NAMELESS}git says: detected dubious ownership", advice)
    assert "shallow" not in compared.everything
    for path in (committed.path, *committed.path.rglob("*")):
        os.chown(path, os.getuid(), os.getgid())
