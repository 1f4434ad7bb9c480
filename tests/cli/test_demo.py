"""`demo`: a scratch folder with drift, a refusal and a webhook that waits; what is there stays."""

import json
import os
import shutil
import stat
from pathlib import Path

import pytest

from reconciler.adapters.git import Git, git_state
from tests.support.program import Folder, assert_reported

FAULTS = ".reconciler/embedded/local.faults.json"


@pytest.fixture
def anywhere(tmp_path: Path) -> Folder:
    return Folder(tmp_path)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A demo, which nobody writes to, and what its making printed beside it."""
    above = Folder(tmp_path_factory.mktemp("made"))
    done = above.run("demo", "demo")
    assert done.code == 0, done.everything
    above.write("printed", done.out)
    return above.path / "demo"


@pytest.fixture
def demo(made: Path, tmp_path: Path) -> Folder:
    return Folder(shutil.copytree(made, tmp_path / "demo"))


def planned(folder: Folder, *arguments: str) -> dict[str, dict]:
    """The changes of a plan, by extension."""
    document = json.loads(folder.run("plan", "--format", "json", *arguments).out)
    [tenant] = document["tenants"]
    return {each["manifest"]: each for each in tenant["changes"]}


def test_a_demo_has_something_to_create_a_drift_and_a_refusal_that_concerns_people(demo: Folder):
    changes = planned(demo, "--impact")

    assert {name: each["reason"] or each["action"] for name, each in changes.items()} == {
        "equipment": "create",
        "hr-extension": "drifted",
        "work-assignments": "incompatible",
    }
    [impact] = changes["work-assignments"]["impact"]
    assert (impact["path"], impact["users"], impact["of"]) == ("weeklyHours", 13, 40)
    assert demo.run("validate", "--fail-on", "warning").code == 0
    assert demo.run("fmt", "--check").code == 0


def test_its_webhook_fails_until_its_hr_is_mended(demo: Folder):
    applied = demo.run("apply", "--auto-approve")
    demo.write(FAULTS, "{}")
    sent = demo.run("webhooks", "deliver", "--now")

    assert applied.code == 3
    assert "Webhooks: 0 delivered, 1 pending" in applied.out
    assert (sent.code, sent.out) == (0, "1 delivered, 0 pending\n")


def test_a_demo_is_a_repository_of_its_own_whose_last_commit_breaks_something(demo: Folder):
    state = git_state(Git.of(os.environ), demo.path / "desired-state")
    against = demo.run("validate", "--against", "HEAD~1")

    assert state.commit is not None
    assert not state.dirty
    assert_reported(against, 6, "[SCH002]", "weeklyHours")


def test_the_secrets_of_a_demo_are_for_their_owner_alone(made: Path):
    kept = made / ".reconciler/embedded"

    assert stat.S_IMODE((made / ".reconciler").stat().st_mode) == 0o700
    assert stat.S_IMODE(kept.stat().st_mode) == 0o700
    assert stat.S_IMODE((kept / "local.db").stat().st_mode) == 0o600


def test_the_walk_in_a_demo_leads_to_no_page_that_is_not_there(made: Path):
    walk = (made / "README.md").read_text()

    assert walk.startswith("# A walk through this folder\n\n## 1. ")
    assert "$ reconciler plan" in walk
    assert "](" not in walk


def test_demo_ends_with_the_next_commands(anywhere: Folder):
    done = anywhere.run("demo", "two words", "--empty")

    assert done.out.endswith("\nNext:\n  cd 'two words'\n  reconciler plan\n")


def test_demo_says_what_there_is_to_see_in_a_narrow_terminal(made: Path):
    out = (made.parent / "printed").read_text()

    assert all(word in out for word in ("drift", "refusal", "webhook", "40 users", "README.md"))
    assert max(map(len, out.splitlines())) <= 80


def test_a_demo_without_a_name_is_made_where_the_program_was_started_as_if(anywhere: Folder):
    (anywhere.path / "below").mkdir()

    done = anywhere.run("demo", "--empty", "-C", "below")

    assert done.code == 0
    assert (anywhere.path / "below/reconciler-demo/desired-state").is_dir()


def test_an_empty_demo_has_nothing_in_its_tenant_and_an_hr_that_takes_all(anywhere: Folder):
    anywhere.run("demo", "empty", "--empty")

    made = Folder(anywhere.path / "empty")
    done = made.run("apply", "--auto-approve")
    assert done.code == 0, done.everything
    assert "Extensions: 2 added" in done.out
    assert "Webhooks: 2 delivered, 0 pending" in done.out
    assert not (made.path / "README.md").exists()


@pytest.mark.parametrize("name", ["full", "file", "loop"])
def test_demo_writes_nothing_where_something_is(anywhere: Folder, name: str):
    anywhere.write("full/.mine", "mine\n")
    anywhere.write("file", "mine\n")
    (anywhere.path / "loop").symlink_to("loop")

    done = anywhere.run("demo", name)

    assert_reported(done, 1, name)
    assert sorted(path.name for path in anywhere.path.rglob("*")) == [
        ".mine", "file", "full", "loop",
    ]  # fmt: skip
    assert (anywhere.path / "full/.mine").read_text() == "mine\n"


def test_a_demo_within_a_repository_is_no_part_of_it_and_heeds_no_setting_of_it(anywhere: Folder):
    hooks = anywhere.path / "hooks"
    hooks.mkdir()
    (hooks / "pre-commit").write_text("#!/bin/sh\nexit 1\n")
    (hooks / "pre-commit").chmod(0o755)
    anywhere.write(
        "home/.gitconfig", f"[core]\n\thooksPath = {hooks}\n[commit]\n\tgpgSign = true\n"
    )
    outer = Git.of(os.environ)
    outer(anywhere.path, "init", "--quiet")

    done = anywhere.run(
        "demo", "--empty", HOME=str(anywhere.path / "home"), GIT_DIR=str(anywhere.path / ".git")
    )

    assert (done.code, done.err) == (0, "")
    inner = outer(anywhere.path / "reconciler-demo", "log", "--format=%s %D")
    assert inner == b"Begin HEAD -> main\n"
    assert outer(anywhere.path, "ls-files") == b""


def test_a_demo_below_what_passes_for_a_repository_is_not_begun(anywhere: Folder):
    for name in ("HEAD", "refs/x"):
        anywhere.write(name, "")

    done = anywhere.run("demo")

    assert_reported(done, 1, "passes for a git repository")
    assert [*(anywhere.path / "reconciler-demo").iterdir()] == []


def test_a_demo_without_git_is_no_repository_and_says_so(anywhere: Folder):
    done = anywhere.run("demo", PATH=str(anywhere.path))

    assert_reported(done, 0, "the folder is no git repository: git is not installed")
    assert done.err.count("no git repository") == 1
    assert (anywhere.path / "reconciler-demo/.reconciler/embedded/local.db").is_file()


@pytest.mark.parametrize(
    ("faults", "message"),
    [("[", "sets no faults"), ('{"hr_donw": true}', "no fault is called 'hr_donw'")],
)
def test_a_file_of_faults_that_cannot_be_read_is_named(demo: Folder, faults: str, message: str):
    demo.write(FAULTS, faults)

    assert_reported(demo.run("plan"), 1, f"error: {FAULTS}", message)
