"""Which commit the manifests are of; real git in a real folder."""

from pathlib import Path

import pytest

from reconciler.adapters.git import git_state
from reconciler.domain.manifest import GitState
from tests.support.git import git


@pytest.fixture
def manifests(tmp_path: Path) -> Path:
    """A folder with one committed manifest, below the top of its repository."""
    git(tmp_path, "init", "--quiet")
    folder = tmp_path / "desired-state"
    folder.mkdir()
    (folder / "a.yaml").write_text("a")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "--quiet", "-m", "first")
    return folder


def test_a_clean_folder_has_its_commit(manifests: Path):
    assert git_state(manifests) == GitState(commit=git(manifests, "rev-parse", "HEAD"))


@pytest.mark.parametrize("name", ["a.yaml", "new.yaml"])
def test_an_edited_or_added_manifest_is_dirty(manifests: Path, name):
    (manifests / name).write_text("b")

    assert git_state(manifests).dirty


def test_an_edit_elsewhere_in_the_repository_is_not_dirty(manifests: Path):
    (manifests.parent / "notes.txt").write_text("b")

    assert not git_state(manifests).dirty


def test_an_edit_in_a_folder_that_counts_too_is_dirty(manifests: Path, tmp_path_factory):
    dialects = manifests.parent / "di[a]lects"
    dialects.mkdir()
    outside = tmp_path_factory.mktemp("outside")
    (outside / "x.json").write_text("{}")
    assert not git_state(manifests, dialects, outside).dirty

    (dialects / "x.json").write_text("{}")

    assert git_state(manifests, dialects, outside).dirty
    assert git_state(manifests, dialects, outside).commit == git_state(manifests).commit
    assert not git_state(manifests, outside).dirty


def test_outside_git_and_before_the_first_commit_there_is_no_commit(tmp_path: Path):
    assert git_state(tmp_path) == GitState()
    git(tmp_path, "init", "--quiet")
    assert git_state(tmp_path) == GitState()
    assert git_state(tmp_path / "nowhere") == GitState()
