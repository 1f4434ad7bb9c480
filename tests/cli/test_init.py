"""`init`: a repository to begin with, for each service; what is there stays as it is."""

import json
import os
import pty
import re
import subprocess
import sys
from pathlib import Path

import jsonschema
import pytest
import yaml

from reconciler.cli.commands.init import Service
from tests.support.program import Folder, assert_reported
from tests.support.terminal import at_a_terminal
from tests.support.warm import Done

ACTION = f"acme/reconciler@{'a1' * 20}"
GITHUB = ("--forge", "github", "--action", ACTION)


@pytest.fixture
def empty(tmp_path: Path) -> Folder:
    return Folder(tmp_path)


def entered(folder: Folder, name: str) -> Folder:
    return Folder(folder.path / name)


@pytest.mark.parametrize("service", list(Service))
def test_what_init_makes_is_valid_without_a_word(empty: Folder, service: Service) -> None:
    done = empty.run("init", "new", "--service", service, *GITHUB)

    assert done.code == 0, done.everything
    made = entered(empty, "new")
    assert made.run("fmt", "--check").everything == ""
    checked = made.run("validate", "--fail-on", "warning")
    assert (checked.code, checked.out) == (0, "")
    assert checked.err == "1 tenant and 1 extension in 2 files: valid\n"
    planned = made.run("plan")
    assert_reported(planned, 1, "_CLIENT_ID is not set")
    schema = json.loads((made.path / "manifest.schema.json").read_text())
    for file in (made.path / "desired-state").rglob("*.yaml"):
        text = file.read_text()
        assert text.startswith("# yaml-language-server: $schema=../../manifest.schema.json\n")
        assert "begin with _" not in text
        jsonschema.validate(yaml.safe_load(text), schema)


@pytest.mark.parametrize("service", list(Service))
def test_its_workflows_use_the_action_at_a_commit_and_the_variables_of_the_tenant(
    empty: Folder, service: Service
) -> None:
    empty.run("init", "--service", service, *GITHUB)

    tenant = next((empty.path / "desired-state/tenants").iterdir()).read_text()
    files = sorted((empty.path / ".github/workflows").iterdir())
    assert [file.stem for file in files] == [
        "adoption", "apply", "deliver", "drift", "plan", "report", "validate",
    ]  # fmt: skip
    for file in files:
        text = file.read_text()
        name, _, commit = ACTION.partition("@")
        assert f"uses: {name}/.github/actions/reconcile@{commit}\n" in text
        assert "./.github/actions" not in text
        assert all(re.search("@[0-9a-f]{40}", each) for each in re.findall("uses: (.*)", text))
        named = set(re.findall(r"secrets\.([A-Z_]+)", text)) - {"HR_WEBHOOK_SECRET", "GITHUB_TOKEN"}
        named = {each for each in named if not each.startswith("RECONCILER_")}
        assert all(f"{{env: {each}}}" in tenant for each in named), (file, named)
    assert "CLIENT_SECRET" in (empty.path / ".github/workflows/plan.yml").read_text()


def test_init_writes_over_nothing(empty: Folder) -> None:
    empty.write(".gitignore", "mine\n")
    mine = empty.write("desired-state/extensions/hr-sap.yaml", "mine\n")

    first = empty.run("init", "--service", "sap", "--forge", "none")
    before = {path: path.read_text() for path in empty.path.rglob("*") if path.is_file()}
    second = empty.run("init", "--service", "sap", "--forge", "none")

    assert first.code == second.code == 0
    assert mine.read_text() == "mine\n"
    assert "= .gitignore  is there, and stays as it is\n" in first.out
    assert "warning: .gitignore has no line .reconciler/: add it" in first.err
    assert "3 files written" in first.out
    assert "0 files written" in second.out
    assert {path: path.read_text() for path in empty.path.rglob("*") if path.is_file()} == before
    assert not (empty.path / ".github").exists()


@pytest.mark.parametrize(
    ("kept", "warned"),
    [(b"/.reconciler\n", False), (b"\xff\n .reconciler/\n", False), (b"\xff", True)],
)
def test_a_gitignore_that_keeps_the_state_out_of_git_is_not_warned_of(
    empty: Folder, kept: bytes, warned: bool
) -> None:
    (empty.path / ".gitignore").write_bytes(kept)

    done = empty.run("init", "--service", "sap", "--forge", "none")

    assert done.code == 0, done.everything
    assert ("has no line .reconciler/" in done.err) is warned


def test_init_ends_with_the_next_commands(empty: Folder) -> None:
    out = empty.run("init", "my tenants", "--service", "genesys", "--forge", "none").out

    assert out.endswith(
        "\nNext, with your tenant's address in desired-state/tenants/acme-genesys.yaml:\n"
        "  cd 'my tenants' && reconciler validate\n"
        "  GENESYS_CLIENT_ID=… GENESYS_CLIENT_SECRET=… reconciler doctor\n"
    )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            (),
            "nobody is there to be asked: give --service, one of genesys, sap, oracle, keycloak, "
            "rfc7644 and --forge, one of github, none",
        ),
        (("--service", "sap", "--forge", "none", "--action", ACTION), "--action is for workflows"),
        (("--service", "sap"), "give --forge, one of github, none"),
        (("--service", "sap", "--forge", "github", "--action", "acme/x@main"), "OWNER/NAME@COMMIT"),
        (("--service", "sap", "--forge", "github", "--action", "x@" + "a" * 40), "is no action at"),
        (("file/below", "--service", "sap", "--forge", "none"), "cannot be made"),
    ],
)
def test_init_says_what_is_missing_or_wrong_and_writes_nothing(
    empty: Folder, arguments: tuple[str, ...], message: str
) -> None:
    empty.write("file", "")

    done = empty.run("init", *arguments)

    assert_reported(done, 1, message)
    assert [path.name for path in empty.path.iterdir()] == ["file"]


def test_workflows_without_an_action_are_told_of(empty: Folder) -> None:
    done = empty.run("init", "--service", "sap", "--forge", "github")

    assert "the workflows name no action yet: replace OWNER/NAME@COMMIT" in done.err
    text = (empty.path / ".github/workflows/plan.yml").read_text()
    assert "uses: OWNER/NAME/.github/actions/reconcile@COMMIT\n" in text
    assert ".github/CODEOWNERS names no team yet: put yours in place of @OWNER/identity" in done.err
    again = empty.run("init", "--service", "sap", "--forge", "github", "--action", ACTION)
    assert again.err == ""


def answered(folder: Path, typed: bytes) -> Done:
    """`init` at a terminal where this is typed ahead."""
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        [sys.executable, "-m", "reconciler", "init"],
        cwd=folder, stdin=theirs, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    ) as process:  # fmt: skip
        os.write(ours, typed)
        out, err = process.communicate(timeout=60)
    return Done(process.returncode, out, err)


def test_a_person_is_asked_for_what_no_option_says_and_may_mistype(tmp_path: Path) -> None:
    done = answered(tmp_path, b"spa\n\nsap\nnone\n")

    assert done.code == 0, done.err
    assert done.err.count("--service (genesys, sap, oracle, keycloak, rfc7644): ") == 3
    assert "--forge (github, none): " in done.err
    assert "acme-sap.yaml" in done.out


@pytest.mark.parametrize("typed", [b"a\n" * 3, b"\x04" * 3])
def test_a_person_who_gives_no_answer_is_not_asked_for_ever(tmp_path: Path, typed: bytes) -> None:
    done = answered(tmp_path, typed)

    assert done.code == 1
    assert "is none of genesys, sap, oracle, keycloak, rfc7644" in done.err
    assert list(tmp_path.iterdir()) == []


def test_ctrl_c_at_a_question_of_init_says_that_nothing_was_written(tmp_path: Path) -> None:
    shown = at_a_terminal(tmp_path, "init", environ={}, interrupt=lambda came: "--service" in came)

    assert shown.code == 130
    assert shown.screen[-2:] == ["interrupted by signal 2; nothing was written", ""]
