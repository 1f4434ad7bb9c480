"""Which commit the manifests are of; real git in a real folder, whatever its environment says."""

import os
import shutil
from pathlib import Path

import pytest

from reconciler.adapters.git import Git, commit_at, files_at, git_state
from reconciler.domain.manifest import GitState
from reconciler.errors import GitRefused, UsageError
from tests.support.git import environment, git

GIT = Git.of(environment())


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
    assert git_state(GIT, manifests) == GitState(commit=git(manifests, "rev-parse", "HEAD"))


@pytest.mark.parametrize("name", ["a.yaml", "new.yaml"])
def test_an_edited_or_added_manifest_is_dirty(manifests: Path, name):
    (manifests / name).write_text("b")

    assert git_state(GIT, manifests).dirty


@pytest.mark.parametrize(
    ("rule", "name", "dirty"),
    [
        ("*.local.yaml", "b.local.yaml", True),
        ("local", "local/deep/b.json", True),
        ("*.csv", "rows.csv", True),
        ("*.txt", "notes.txt", False),
        ("_drafts", "_drafts/b.yaml", False),
        (".cache", ".cache/b.yaml", False),
        ("elsewhere.yaml", "../elsewhere.yaml", False),
    ],
)
def test_a_manifest_that_git_ignores_is_in_no_commit(
    manifests: Path, rule: str, name: str, dirty: bool
):
    (manifests.parent / ".gitignore").write_text(f"{rule}\n")
    git(manifests.parent, "add", ".")
    git(manifests.parent, "commit", "--quiet", "-m", "ignored")
    assert not git_state(GIT, manifests).dirty

    (manifests / name).parent.mkdir(parents=True, exist_ok=True)
    (manifests / name).write_text("b")

    assert git_state(GIT, manifests).dirty is dirty


@pytest.mark.parametrize("place", ["worktree", "submodule", "shallow", "detached", "separate"])
def test_the_commit_is_known_wherever_git_keeps_its_repository(
    manifests: Path, tmp_path_factory: pytest.TempPathFactory, place: str
):
    top, there = manifests.parent, tmp_path_factory.mktemp("other") / "there"
    head = git(manifests, "rev-parse", "HEAD")
    match place:
        case "worktree":
            git(top, "worktree", "add", "--quiet", str(there), "-b", "other")
        case "submodule":
            there.mkdir()
            git(there, "init", "--quiet")
            allow = ("-c", "protocol.file.allow=always")
            git(there, *allow, "submodule", "--quiet", "add", str(top), "sub")
            there /= "sub"
        case "shallow":
            git(top, "clone", "--quiet", "--depth", "1", f"file://{top}", str(there))
        case "detached":
            git(top, "clone", "--quiet", str(top), str(there))
            git(there, "checkout", "--quiet", "--detach")
        case _:
            separate = str(there.with_name("separate.git"))
            git(top, "clone", "--quiet", "--separate-git-dir", separate, str(top), str(there))

    clean = git_state(GIT, there / "desired-state")
    (there / "desired-state/a.yaml").write_text("edited")

    assert clean == GitState(commit=head)
    assert git_state(GIT, there / "desired-state") == GitState(commit=head, dirty=True)
    files = files_at(GIT, there / "desired-state", "HEAD", wanted=lambda _: True, most=9)
    assert [data for _, data in files] == [b"a"]


def test_an_edit_elsewhere_in_the_repository_is_not_dirty(manifests: Path):
    (manifests.parent / "notes.txt").write_text("b")

    assert not git_state(GIT, manifests).dirty


def test_an_edit_in_a_folder_that_counts_too_is_dirty(manifests: Path, tmp_path_factory):
    dialects = manifests.parent / "di[a]lects"
    dialects.mkdir()
    outside = tmp_path_factory.mktemp("outside")
    (outside / "x.json").write_text("{}")
    assert not git_state(GIT, manifests, dialects, outside).dirty

    (dialects / "x.json").write_text("{}")

    assert git_state(GIT, manifests, dialects, outside).dirty
    assert git_state(GIT, manifests, dialects, outside).commit == git_state(GIT, manifests).commit
    assert not git_state(GIT, manifests, outside).dirty


@pytest.mark.parametrize("name", [".", "nowhere"])
def test_outside_of_git_there_is_no_commit_and_git_says_why(tmp_path: Path, name: str):
    state = git_state(GIT, tmp_path / name)

    assert state == GitState()
    expected = "cannot change to" if name == "nowhere" else "not a git repository"
    assert state.obstacle.startswith(f"git says: {expected}")


def test_before_the_first_commit_there_is_none(tmp_path: Path):
    git(tmp_path, "init", "--quiet")

    state = git_state(GIT, tmp_path)

    assert (state, state.obstacle) == (GitState(), "nothing has been committed yet")
    with pytest.raises(UsageError, match=r"knows no commit 'HEAD' for .*: nothing has been commit"):
        commit_at(GIT, tmp_path, "HEAD")


def test_without_git_there_is_no_commit_and_no_ref(manifests: Path, tmp_path_factory):
    nothing = Git.of({"PATH": str(tmp_path_factory.mktemp("bin"))})

    assert git_state(nothing, manifests).obstacle == "git is not installed, or not on PATH"
    with pytest.raises(GitRefused, match="git is not installed, or not on PATH"):
        commit_at(nothing, manifests, "HEAD")


def speaking(folder: Path, text: str) -> Git:
    """A git that refuses with that text."""
    program = folder / "git"
    program.write_text(f"#!/bin/sh\ncat >&2 <<'END'\n{text}\nEND\nexit 128\n")
    program.chmod(0o755)
    return Git.of({"PATH": f"{folder}:{os.environ['PATH']}"})


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "fatal: detected dubious ownership in repository at '/x'\n"
            "To add an exception for this directory, call:\n\n"
            "\tgit config --global --add safe.directory /x",
            "git says: detected dubious ownership in repository at '/x' To add an exception for "
            "this directory, call: git config --global --add safe.directory /x",
        ),
        ("error: bad signature\nfatal: index file corrupt",
         "git says: bad signature fatal: index file corrupt"),
        ("fatal: unable to access 'https://me:s3cret@git.example/x': no",
         "git says: unable to access 'https://git.example/x': no"),
        ("", "git refuses, and does not say why"),
    ],
)  # fmt: skip
def test_git_is_repeated_where_it_refuses(manifests: Path, tmp_path, text, expected):
    program = speaking(tmp_path, text)

    assert git_state(program, manifests).obstacle == expected
    with pytest.raises(GitRefused) as refused:
        files_at(program, manifests, "HEAD", wanted=lambda _: True, most=9)
    assert str(refused.value) == expected


def test_a_program_that_cannot_be_run_is_no_git(manifests: Path, tmp_path: Path):
    (tmp_path / "git").mkdir()

    state = git_state(Git.of({"PATH": str(tmp_path)}), manifests)

    assert state.obstacle == "git cannot be run: Permission denied"


@pytest.fixture
def elsewhere(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Another repository, with another commit and a manifest of that name."""
    folder = tmp_path_factory.mktemp("elsewhere")
    git(folder, "init", "--quiet")
    (folder / "desired-state").mkdir()
    (folder / "desired-state" / "a.yaml").write_text("evil")
    git(folder, "add", ".")
    git(folder, "commit", "--quiet", "-m", "evil")
    return folder


ENVIRONMENTS = {
    "of a hook": {"GIT_DIR": "THERE/.git", "GIT_INDEX_FILE": "THERE/.git/index", "GIT_PREFIX": ""},
    "a repository": {"GIT_DIR": "THERE/.git"},
    "no repository": {"GIT_DIR": "nowhere"},
    "a work tree": {"GIT_WORK_TREE": "THERE"},
    "a repository and its work tree": {"GIT_DIR": "THERE/.git", "GIT_WORK_TREE": "THERE"},
    "an index": {"GIT_INDEX_FILE": "THERE/.git/index"},
    "no index": {"GIT_INDEX_FILE": "nowhere"},
    "objects": {"GIT_OBJECT_DIRECTORY": "THERE/.git/objects"},
    "a common directory": {"GIT_COMMON_DIR": "THERE/.git"},
    "a namespace": {"GIT_NAMESPACE": "evil"},
    "a ceiling": {"GIT_CEILING_DIRECTORIES": "HERE"},
    "pathspecs": {"GIT_LITERAL_PATHSPECS": "1", "GIT_GLOB_PATHSPECS": "1"},
    "a setting": {
        "GIT_CONFIG_COUNT": "1", "GIT_CONFIG_KEY_0": "core.worktree", "GIT_CONFIG_VALUE_0": "THERE",
    },
    "a setting that runs a program": {
        "GIT_CONFIG_COUNT": "1", "GIT_CONFIG_KEY_0": "core.fsmonitor",
        "GIT_CONFIG_VALUE_0": "touch 'HERE/ran'; false",
    },
    "a setting of a parent": {"GIT_CONFIG_PARAMETERS": "'core.bare'='true'"},
    "a broken setting": {"GIT_CONFIG_COUNT": "x"},
    "a file of settings": {"GIT_CONFIG_GLOBAL": "THERE/settings", "GIT_CONFIG_SYSTEM": "THERE/set"},
    "a program for differences": {"GIT_EXTERNAL_DIFF": "touch HERE/ran"},
    "a trace": {"GIT_TRACE": "1", "GIT_TRACE2": "1"},
    "a language": {"LANG": "de_DE.UTF-8", "LC_ALL": "de_DE.UTF-8", "LANGUAGE": "de"},
}  # fmt: skip


@pytest.mark.parametrize("case", ENVIRONMENTS)
def test_the_environment_of_git_changes_nothing(manifests: Path, elsewhere: Path, case: str):
    settings = "[core]\nworktree = /\n[status]\nshowUntrackedFiles = no\n"
    (elsewhere / "settings").write_text(settings)
    given = {
        name: value.replace("THERE", str(elsewhere)).replace("HERE", str(manifests.parent))
        for name, value in ENVIRONMENTS[case].items()
    }
    program = Git.of(environment() | given)
    head = git(manifests, "rev-parse", "HEAD")

    clean = git_state(program, manifests)
    read = files_at(program, manifests, "HEAD", wanted=lambda _: True, most=9)
    (manifests / "new.yaml").write_text("not committed")

    assert clean == GitState(commit=head)
    assert [data for _, data in read] == [b"a"]
    assert git_state(program, manifests) == GitState(commit=head, dirty=True)
    assert not (manifests.parent / "ran").exists()


def test_git_writes_nothing_to_the_repository(manifests: Path):
    index = manifests.parent / ".git/index"
    before = index.read_bytes()
    os.utime(manifests / "a.yaml", (1, 1))  # git would note that the file is as it was

    assert not git_state(GIT, manifests).dirty

    assert index.read_bytes() == before


def test_a_commit_is_read_as_its_hash_says_whatever_stands_in_for_it(manifests: Path):
    first = git(manifests, "rev-parse", "HEAD")
    (manifests / "a.yaml").write_text("evil")
    git(manifests, "commit", "--quiet", "-am", "evil")
    git(manifests, "replace", first, "HEAD")

    [(_, data)] = files_at(GIT, manifests, first, wanted=lambda _: True, most=9)

    assert data == b"a"


@pytest.fixture
def foreign(manifests: Path) -> Path:
    """The same, where another account owns the repository."""
    for path in (manifests.parent, *manifests.parent.rglob("*")):
        os.chown(path, 12345, 12345)
    return manifests


@pytest.mark.skipif(os.getuid() != 0, reason="only root can give files away")
@pytest.mark.parametrize("where", ["nowhere", "home", "file", "variables", "parameters", "other"])
def test_a_repository_of_another_account_is_read_where_git_was_told_so(
    foreign: Path, tmp_path_factory, where: str
):
    home = tmp_path_factory.mktemp("home")
    top = str(foreign.parent)
    given = {
        "nowhere": {},
        "home": {},
        "file": {"GIT_CONFIG_GLOBAL": str(home / "settings")},
        "variables": {
            "GIT_CONFIG_COUNT": "2", "GIT_CONFIG_KEY_0": "core.bare", "GIT_CONFIG_VALUE_0": "true",
            "GIT_CONFIG_KEY_1": "safe.directory", "GIT_CONFIG_VALUE_1": top,
        },
        "parameters": {"GIT_CONFIG_PARAMETERS": f"'safe.directory'='{top}'"},
        "other": {"GIT_CONFIG_PARAMETERS": "'safe.directory'='/elsewhere'"},
    }[where]  # fmt: skip
    settings = home / (".gitconfig" if where == "home" else "settings")
    settings.write_text(f"[safe]\n\tdirectory = {top}\n")
    program = Git.of({"PATH": os.environ["PATH"], "HOME": str(home), **given})

    state = git_state(program, foreign)

    if where in ("nowhere", "other"):
        assert state.obstacle.startswith("git says: detected dubious ownership in repository at")
        assert "git config --global --add safe.directory" in state.obstacle
        with pytest.raises(GitRefused, match="dubious ownership"):
            commit_at(program, foreign, "HEAD")
    else:
        assert (state.commit is not None, state.obstacle) == (True, "")
        assert commit_at(program, foreign, "HEAD") == state.commit


def test_a_shallow_clone_is_named_where_it_is_one(manifests: Path, tmp_path_factory):
    git(manifests, "commit", "--quiet", "--allow-empty", "-m", "second")
    clone = tmp_path_factory.mktemp("clone") / "it"
    git(manifests, "clone", "--quiet", "--depth", "1", f"file://{manifests.parent}", str(clone))

    for folder, advice in ((clone, "this clone is shallow"), (manifests, "fetch it first")):
        with pytest.raises(UsageError, match=f"git knows no commit 'HEAD~7' for .*{advice}"):
            commit_at(GIT, folder, "HEAD~7")


def test_a_detached_commit_without_any_ref_is_no_empty_repository(manifests: Path, tmp_path: Path):
    commit = git(manifests, "rev-parse", "HEAD")
    git(tmp_path, "init", "--quiet")
    git(tmp_path, "fetch", "--quiet", str(manifests.parent), commit)
    git(tmp_path, "checkout", "--quiet", "FETCH_HEAD")

    with pytest.raises(UsageError, match=r"knows no commit 'main' for .*: name one that is there"):
        commit_at(GIT, tmp_path, "main")


def test_a_work_tree_whose_repository_is_gone_has_no_commit(manifests: Path):
    shutil.rmtree(manifests.parent / ".git")
    (manifests.parent / ".git").write_text("gitdir: /nowhere/at/all\n")

    assert git_state(GIT, manifests).obstacle == "git says: not a git repository: /nowhere/at/all"
