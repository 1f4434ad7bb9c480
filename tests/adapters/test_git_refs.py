"""Refs of a real repository: which commit a name stands for, and when it stands for two."""

import shutil
from pathlib import Path, PurePath

import pytest

from reconciler.adapters.git import Git, commit_at, files_at, git_state
from reconciler.errors import UsageError
from tests.support.git import environment, git

GIT = Git.of(environment())


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """Two commits; origin/main is the first of them."""
    git(tmp_path, "init", "--quiet", "--initial-branch", "work")
    for text in ("trusted", "proposed"):
        (tmp_path / "a.yaml").write_text(text)
        git(tmp_path, "add", "--all")
        git(tmp_path, "commit", "--quiet", "--message", text)
    git(tmp_path, "update-ref", "refs/remotes/origin/main", "HEAD~1")
    return tmp_path


def every(_: PurePath) -> bool:
    return True


def content(repository: Path, ref: str) -> bytes:
    [(_, data)] = files_at(GIT, repository, ref, wanted=every, most=100)
    return data


def test_a_remote_branch_names_its_commit(repository: Path):
    assert commit_at(GIT, repository, "origin/main") == git(repository, "rev-parse", "HEAD~1")
    assert content(repository, "origin/main") == b"trusted"


@pytest.mark.parametrize("kind", ["tag", "branch"])
@pytest.mark.parametrize("suffix", ["", "~0", "^{commit}", "^0"])
def test_a_name_that_somebody_else_can_push_too_is_refused(repository, kind, suffix):
    git(repository, kind, "origin/main", "HEAD")

    with pytest.raises(UsageError, match=r"stands for refs/\w+/origin/main and refs/\w+/or"):
        commit_at(GIT, repository, f"origin/main{suffix}")
    with pytest.raises(UsageError):
        files_at(GIT, repository, f"origin/main{suffix}", wanted=every, most=100)

    assert content(repository, "refs/remotes/origin/main") == b"trusted"


@pytest.mark.parametrize("ref", ["HEAD", "work", "HEAD~0", "work@{0}"])
def test_a_ref_that_names_one_commit_is_taken(repository: Path, ref: str):
    git(repository, "tag", "other")

    assert content(repository, ref) == b"proposed"


@pytest.mark.parametrize("ref", ["", "-x", "--all", "nowhere", "origin", "*", "a b"])
def test_a_ref_that_names_no_commit_is_refused(repository: Path, ref: str):
    with pytest.raises(UsageError):
        commit_at(GIT, repository, ref)


@pytest.fixture
def folders(repository: Path) -> Path:
    """Two folders in the trusted commit, of which one is for the tests only."""
    for name in ("desired-state", "examples/nested"):
        (repository / name).mkdir(parents=True)
        (repository / name / "b.yaml").write_text(name)
    git(repository, "add", "--all")
    git(repository, "commit", "--quiet", "--message", "folders")
    return repository


def test_a_folder_is_read_where_it_is(folders: Path):
    assert content(folders / "desired-state", "HEAD") == b"desired-state"
    assert content(folders / "examples" / "nested", "HEAD") == b"examples/nested"
    assert content(folders / "examples" / ".." / "desired-state", "HEAD") == b"desired-state"


@pytest.mark.parametrize("target", ["examples/nested", "examples"])
def test_a_link_in_the_place_of_a_folder_is_refused(folders: Path, target: str):
    (folders / "desired-state" / "b.yaml").unlink()
    (folders / "desired-state").rmdir()
    (folders / "desired-state").symlink_to(target)

    with pytest.raises(UsageError, match=f"is a link to {target}/ in its repository"):
        files_at(GIT, folders / "desired-state", "HEAD", wanted=every, most=100)


@pytest.mark.parametrize(("link", "target"), [("desired-state", "."), ("above", ".")])
def test_a_link_to_the_top_of_the_repository_is_refused(folders: Path, link: str, target: str):
    shutil.rmtree(folders / "examples")
    if link == "desired-state":
        shutil.rmtree(folders / link)
    (folders / link).symlink_to(target)
    folder = folders / link if link == "desired-state" else folders / link / "desired-state"

    with pytest.raises(UsageError, match=r"is a link to .* in its repository"):
        files_at(GIT, folder, "HEAD", wanted=every, most=100)


def test_the_top_of_the_repository_can_be_the_folder(folders: Path):
    assert len(files_at(GIT, folders, "HEAD", wanted=every, most=100)) == 3


def test_a_repository_that_is_itself_behind_a_link_is_read(folders: Path, tmp_path_factory):
    link = tmp_path_factory.mktemp("behind") / "link"
    link.symlink_to(folders)

    assert content(link / "desired-state", "HEAD") == b"desired-state"


def test_only_regular_files_below_the_folder_are_read_as_they_were(tmp_path: Path):
    git(tmp_path, "init", "--quiet")
    folder = tmp_path / "desired-state"
    (folder / "deep").mkdir(parents=True)
    (folder / "deep" / "ä b.yaml").write_bytes(b"old\0bytes")
    (folder / "run.yaml").write_text("run")
    (folder / "run.yaml").chmod(0o755)
    (folder / "link.yaml").symlink_to("run.yaml")
    (tmp_path / "above.yaml").write_text("above")
    git(tmp_path, "add", "--all")
    git(tmp_path, "commit", "--quiet", "--message", "first")
    (folder / "run.yaml").write_text("changed and not committed")

    found = files_at(GIT, folder, "HEAD", wanted=every, most=100)

    assert dict(found) == {
        str(folder / "deep" / "ä b.yaml"): b"old\0bytes",
        str(folder / "run.yaml"): b"run",
    }
    assert files_at(GIT, folder, "HEAD", wanted=lambda path: path.name == "run.yaml", most=100) == (
        (str(folder / "run.yaml"), b"run"),
    )


def test_of_a_large_file_one_byte_more_than_wanted_comes(repository: Path):
    [(_, exact)] = files_at(GIT, repository, "HEAD", wanted=every, most=len("proposed"))
    [(_, cut)] = files_at(GIT, repository, "HEAD", wanted=every, most=3)

    assert (exact, cut) == (b"proposed", b"prop")


def test_a_folder_without_a_repository_is_refused(tmp_path: Path):
    with pytest.raises(UsageError):
        files_at(GIT, tmp_path, "HEAD", wanted=every, most=100)


def test_a_commit_without_the_folder_has_no_files(repository: Path):
    (repository / "new").mkdir()

    assert files_at(GIT, repository / "new", "HEAD", wanted=every, most=100) == ()


@pytest.fixture
def pretender(repository: Path) -> Path:
    """A folder whose files make it a bare repository: its own origin/main, and a program to run."""
    folder = repository / "desired-state"
    folder.mkdir()
    shutil.copytree(repository / ".git", folder, dirs_exist_ok=True)
    (folder / "a.yaml").write_text("evil")
    git(repository, f"--git-dir={folder}", f"--work-tree={folder}", "add", "a.yaml")
    git(repository, f"--git-dir={folder}", "commit", "--quiet", "--message", "evil")
    git(repository, f"--git-dir={folder}", "update-ref", "refs/remotes/origin/main", "HEAD")
    git(repository, f"--git-dir={folder}", "config", "core.worktree", ".")
    ran = f"touch '{repository / 'ran'}'; false"
    git(repository, f"--git-dir={folder}", "config", "core.fsmonitor", ran)
    git(repository, "add", "--all")  # all of it can be committed
    git(repository, "commit", "--quiet", "--message", "harmless")
    return folder


def test_git_itself_takes_a_folder_that_looks_like_a_repository_for_one(pretender: Path):
    assert git(pretender, "show", "origin/main:a.yaml") == "evil"
    git(pretender, "status")
    assert (pretender.parent / "ran").exists()


@pytest.mark.parametrize("below", [".", "tenants"])
def test_a_folder_that_looks_like_a_repository_is_refused_and_runs_nothing(pretender, below):
    folder = pretender / below
    folder.mkdir(exist_ok=True)

    for requested in (
        lambda: files_at(GIT, folder, "origin/main", wanted=every, most=100),
        lambda: commit_at(GIT, folder, "origin/main"),
        lambda: git_state(GIT, folder),
    ):
        with pytest.raises(UsageError, match="desired-state passes for a git repository"):
            requested()

    assert not (pretender.parent / "ran").exists()


@pytest.mark.parametrize("place", [".", "desired-state"])
def test_a_file_called_head_alone_makes_no_repository(folders: Path, place: str):
    (folders / place / "HEAD").write_text("ref: refs/heads/evil")

    found = files_at(GIT, folders / "desired-state", "HEAD", wanted=every, most=100)

    assert [data for _, data in found] == [b"desired-state"]
    assert git_state(GIT, folders / "desired-state").commit == git(folders, "rev-parse", "HEAD")


def test_files_above_the_repository_do_not_count(tmp_path: Path, folders: Path):
    outer = tmp_path / "outer"
    shutil.copytree(folders, outer / "inner")
    (outer / "refs").mkdir()
    (outer / "HEAD").write_text("ref: refs/heads/work")

    assert content(outer / "inner" / "desired-state", "HEAD") == b"desired-state"
