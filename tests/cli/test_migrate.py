"""`migrate`: patches that git applies, each to manifests that are valid, and none by itself."""

import subprocess
from pathlib import Path

import pytest

from tests.support.program import HR_URN, Folder, assert_reported

HR = "desired-state/extensions/hr-extension.yaml"
WORK = "desired-state/extensions/work-assignments.yaml"


def git(folder: Folder, *arguments: str) -> None:
    subprocess.run(["git", *arguments], cwd=folder.path, check=True, capture_output=True)


@pytest.fixture
def repository(folder: Folder) -> Folder:
    git(folder, "init", "-q")
    return folder


@pytest.mark.parametrize(
    ("attribute", "to", "new"),
    [
        ("hr-extension.hrDepartmentCode", "type=integer", "hrDepartmentCodeV2"),
        ("work-assignments.assignments.kind", "name=category", "assignments.category"),
        ("work-assignments.weeklyHours", "multiValued=true", "weeklyHoursV2"),
    ],
)
def test_each_patch_applies_on_the_one_before_and_leaves_valid_manifests(
    repository: Folder, attribute: str, to: str, new: str
):
    file = repository.path / (HR if attribute.startswith("hr") else WORK)
    before = file.read_text()

    done = repository.run("migrate", f"local/{attribute}", "--to", to, "--out", "steps")

    assert_reported(done, 0, "steps/README.md says when each of the patches beside it is due")
    assert file.read_text() == before
    page = (repository.path / "steps" / "README.md").read_text()
    assert f"--attribute {new}\n" in page
    old = attribute.partition(".")[2]
    for patch, there in (
        ("1-add", (f"name: {new.rpartition('.')[2]}",)),
        ("2-deprecate", ("deprecated:", f"use: {new}")),
        ("3-retire", ("retired:", f"name: {old}")),
    ):
        git(repository, "apply", f"steps/{patch}.patch")
        assert_reported(repository.run("validate", "--fail-on", "warning"), 0)
        assert [text for text in there if text not in file.read_text()] == []
    assert "deprecated:" not in file.read_text()


@pytest.mark.parametrize("attribute", ["assignments", "assignments.kind"])
def test_what_is_deprecated_already_is_so_once_and_since_then(repository: Folder, attribute: str):
    file = repository.path / WORK
    notices = (
        "spec:\n  deprecated:\n    - {name: assignments.kind, since: '2025-01-01', reason: old}\n"
        "    - {name: weeklyHours, since: '2025-02-02', use: assignments.kind}\n"
    )
    file.write_text(file.read_text().replace("spec:\n", notices, 1))

    done = repository.run(
        "migrate", f"local/work-assignments.{attribute}", "--to", "name=sort", "--out", "steps"
    )

    assert_reported(done, 0)
    for patch in ("1-add", "2-deprecate", "3-retire"):
        git(repository, "apply", f"steps/{patch}.patch")
        assert_reported(repository.run("validate"), 0)
    assert "2025-01-01" not in file.read_text()
    new = f"{attribute.rpartition('.')[0]}.sort".lstrip(".")
    assert f"use: {new}" in file.read_text()
    patch = (repository.path / "steps" / "2-deprecate.patch").read_text()
    kept = [line for line in patch.splitlines() if line[0] == "+" and "2025-01-01" in line]
    assert len(kept) == (attribute == "assignments.kind")


def test_without_a_folder_the_page_holds_the_patches(repository: Folder):
    done = repository.run("migrate", "local/hr-extension.isContractor", "--to", "type=string")

    assert_reported(done, 0, "# Migrate `isContractor`", HR_URN, "+      - {name: isContractorV2")
    assert done.out.count("```diff") == 3


def test_a_service_that_changes_no_schema_gets_a_manifest_beside_the_old_one(repository: Folder):
    tenant = repository.path / "desired-state/tenants/local.yaml"
    tenant.write_text(tenant.read_text() + "  capabilities: {updates: none}\n")
    arguments = ["migrate", "local/hr-extension.isContractor", "--to", "type=string"]

    refused = repository.run(*arguments)
    done = repository.run(*arguments, "--to", "schema=urn:example:acme:HR2", "--out", "steps")

    assert_reported(refused, 1, "changes no schema", "--to schema=URN")
    assert_reported(done, 0)
    for patch in ("1-add", "2-deprecate"):
        git(repository, "apply", f"steps/{patch}.patch")
        assert_reported(repository.run("validate"), 0)
    assert not (repository.path / "steps" / "3-retire.patch").exists()
    new = (repository.path / "desired-state/extensions/hr-extension-v2.yaml").read_text()
    assert "id: urn:example:acme:HR2" in new
    assert "isContractor" in new


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["hr-extension.x"], "is not of the form TENANT/EXTENSION.ATTRIBUTE"),
        (["lokal/hr-extension.x"], "did you mean local?"),
        (["local/hr-extensio.x"], "did you mean hr-extension?"),
        (["local/hr-extension.x"], "there are hrDepartmentCode, isContractor, payrollStartDate"),
        (["local/hr-extension.isContractor"], "say with --to what isContractor is to become"),
        (
            ["local/hr-extension.isContractor", "--to", "type=boolean"],
            "hr-extension.yaml:2 wants isContractor so already, and the way begins at the manifest",
        ),
        (["local/hr-extension.isContractor", "--to", "type"], "is not of the form KEY=VALUE"),
        (
            ["local/hr-extension.isContractor", "--to", "type=text"],
            "isContractorV2 would not be sound",
        ),
        (
            ["local/hr-extension.isContractor", "--to", "name=payrollStartDate"],
            "payrollStartDate would not be sound",
        ),
    ],
)
def test_what_cannot_be_done_is_said(repository: Folder, arguments: list[str], message: str):
    assert_reported(repository.run("migrate", *arguments), 1, message)


def test_steps_that_are_there_are_never_overwritten(repository: Folder):
    arguments = ["migrate", "local/hr-extension.isContractor", "--to", "type=string"]
    repository.run(*arguments, "--out", "steps")
    (Path(repository.path) / "steps/README.md").write_text("mine")

    again = repository.run(*arguments, "--out", "steps")

    assert_reported(again, 1, "would be overwritten")
    assert (repository.path / "steps/README.md").read_text() == "mine"
