"""`-C DIR`: relative paths of options, arguments and variables begin there, and messages too."""

import json
import shutil
from pathlib import Path

import pytest

from tests.support.program import ROOT, Folder, assert_reported
from tests.support.workflows.repository import Repository


@pytest.fixture
def above(tmp_path: Path) -> Folder:
    """A folder in which the manifests that this repository ships are one folder further down."""
    shutil.copytree(ROOT / "desired-state", tmp_path / "sub folder/desired-state")
    return Folder(tmp_path)


def files(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


@pytest.mark.parametrize("before", [True, False])
def test_a_run_keeps_all_it_writes_in_that_folder(above: Folder, before: bool):
    place = ("-C", "sub folder")
    line = ("plan", "--out", "plan.json", "--markdown", "plan.md")
    planned = above.run(*((*place, *line) if before else (*line, *place)))

    hint = "to apply exactly this: reconciler -C 'sub folder' apply plan.json"
    assert (planned.code, "sub folder/plan.json" in planned.err, hint in planned.err) == (
        0,
        True,
        True,
    )
    applied = above.run("-C", "sub folder", "apply", "plan.json", "--report", "report.json")
    assert applied.code == 0, applied.everything
    assert files(above.path) == {"sub folder"}
    made = {"desired-state", ".reconciler", "plan.json", "plan.md", "report.json"}
    assert files(above.path / "sub folder") == made


def test_a_problem_is_shown_where_it_can_be_opened_from(above: Folder):
    above.write("sub folder/desired-state/broken.yaml", "apiVersion: [\n")

    done = above.run("-C", "sub folder", "validate", "--format", "json")

    paths = {problem["path"] for problem in json.loads(done.out)["diagnostics"]}
    assert {path for path in paths if (above.path / path).is_file()} == paths
    assert "sub folder/desired-state/broken.yaml" in paths


def test_variables_and_defaults_begin_in_the_folder_too(above: Folder):
    there = {"RECONCILER_CHDIR": "sub folder", "RECONCILER_STATE": "sqlite:///kept.db"}

    assert above.run("apply", "--auto-approve", **there).code == 0
    assert above.run("audit", "list", **there).out.count("SUCCESS") > 2
    assert above.run("report", **there).code == 0
    assert (above.path / "sub folder/kept.db").is_file()
    assert (above.path / "sub folder/report.html").is_file()


def test_an_absolute_path_is_none_of_the_folder(above: Folder, tmp_path: Path):
    out = tmp_path / "plan.json"

    done = above.run("-C", "sub folder", "plan", "--out", str(out))

    assert out.is_file()
    assert f"reconciler -C 'sub folder' apply {out}" in done.err


def test_tenants_from_a_ref_are_those_of_the_folder(above: Folder):
    repository = Repository(above.path)
    repository.git("init", "--quiet", "--initial-branch", "main")
    repository.commit("desired state")

    done = above.run("-C", "sub folder", "plan", "--tenants-from", "main")

    assert (done.code, "Tenant local" in done.out) == (0, True), done.everything


def test_the_last_of_several_folders_counts(above: Folder):
    assert above.run("-C", "elsewhere", "-C", "sub folder", "validate").code == 0
    assert above.run("-C", "elsewhere", "validate", "--chdir=sub folder").code == 0


@pytest.mark.parametrize("name", ["nowhere", "sub folder/desired-state/README.md"])
def test_what_is_no_folder_is_refused_before_anything_is_made(above: Folder, name: str):
    done = above.run("-C", name, "apply", "--auto-approve")

    assert_reported(done, 1, f"error: -C {name}: there is no such folder")
    assert files(above.path) == {"sub folder"}


def test_an_empty_folder_is_a_variable_that_was_not_set(above: Folder):
    assert_reported(above.run("-C", "", "plan"), 1, "--chdir: the text is empty")


def test_a_dev_tenant_keeps_its_store_and_its_secrets_in_the_folder(above: Folder):
    process = above.start("-C", "sub folder", "dev-tenant", "--port", "0")
    assert process.stderr is not None
    assert "serving" in process.stderr.readline()
    process.terminate()
    process.communicate(timeout=20)

    assert files(above.path) == {"sub folder"}
    assert (above.path / "sub folder/.reconciler/secrets/dev-client-id").is_file()


@pytest.mark.parametrize("line", ["-C new init", "init -C . new", "-C new init ."])
def test_a_repository_is_made_in_the_folder(above: Folder, line: str):
    (above.path / "new").mkdir()

    made = above.run(*line.split(), "--service", "sap", "--forge", "none")

    assert (made.code, "cd new && reconciler validate" in made.out) == (0, True), made.everything
    assert above.run("-C", "new", "validate").code == 0
