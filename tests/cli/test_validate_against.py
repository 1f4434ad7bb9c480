"""`validate --against REF` in a real repository: who loses what, in whichever file it stands."""

import json

import pytest

from tests.support.git import commit_all_of, git
from tests.support.program import Folder, assert_reported

TENANT = """\
apiVersion: reconciler/v1
kind: Tenant
metadata: {name: NAME, labels: {env: NAME}}
spec: {dialect: genesys, baseUrl: "embedded://NAME"}
"""
HR = """\
apiVersion: reconciler/v1
kind: SchemaExtension
metadata: {name: hr}
spec:
  tenants: {matchLabels: {env: prod}}
  schema:
    id: urn:example:hr
    name: hr
    attributes:
      - {name: ssn, returned: never}
      - {name: grade}
      - {name: costCenter}
"""
FOR_TEST = HR.replace("env: prod", "env: test")
BREAKING = """\
apiVersion: reconciler/v1
kind: SchemaExtension
metadata: {name: hr-prod}
spec:
  tenants: {matchLabels: {env: prod}}
  schema:
    id: urn:example:hr
    name: hr
    attributes:
      - {name: ssn, returned: always}
      - {name: grade, type: integer}
"""


@pytest.fixture
def fleet(tmp_path) -> Folder:
    """Two tenants, prod and test, and an extension for prod; committed."""
    folder = Folder(tmp_path)
    for name in ("prod", "test"):
        folder.write(f"desired-state/{name}.yaml", TENANT.replace("NAME", name))
    folder.write("desired-state/hr.yaml", HR)
    commit_all_of(folder.path)
    return folder


def against(fleet: Folder, code: int) -> list[tuple[str, int, str, str]]:
    done = fleet.run("validate", "--against", "HEAD", "--format", "json", "--fail-on", "warning")
    assert done.code == code, done.everything
    problems = json.loads(done.out)["diagnostics"]
    return [
        (p["path"].removeprefix("desired-state/"), p["line"], p["rule"], p["message"])
        for p in problems
        if p["rule"].startswith("SCH") and p["severity"] != "info"
    ]


def test_a_second_manifest_of_the_urn_is_held_against_what_its_tenants_had(fleet: Folder):
    fleet.write("desired-state/hr.yaml", FOR_TEST)
    fleet.write("desired-state/deep/hr-prod.yaml", BREAKING)

    found = against(fleet, 6)

    assert [(path, line, rule) for path, line, rule, _ in found] == [
        ("deep/hr-prod.yaml", 9, "SCH001"),
        ("deep/hr-prod.yaml", 10, "SCH010"),
        ("deep/hr-prod.yaml", 11, "SCH002"),
    ]


def test_a_manifest_may_become_json_in_another_file_and_nothing_else(fleet: Folder):
    (fleet.path / "desired-state/hr.yaml").unlink()
    document = {
        "apiVersion": "reconciler/v1",
        "kind": "SchemaExtension",
        "metadata": {"name": "people"},
        "spec": {
            "tenants": {"names": ["prod"]},
            "schema": {
                "id": "urn:example:HR",
                "name": "hr",
                "attributes": [
                    {"name": "SSN", "returned": "never"},
                    {"name": "grade"},
                    {"name": "costCenter"},
                ],
            },
        },
    }
    fleet.write("desired-state/moved/hr.json", json.dumps(document, indent=1))

    ((path, _, rule, message),) = against(fleet, 6)

    assert (path, rule) == ("moved/hr.json", "SCH014")
    assert message.startswith("the URN was written urn:example:hr")


@pytest.mark.parametrize(
    ("file", "old", "new", "line"),
    [
        ("hr.yaml", "env: prod", "env: test", 5),
        ("prod.yaml", "env: prod", "env: production", 5),
        ("hr.yaml", "{matchLabels: {env: prod}}", "{names: [t*]}", 5),
    ],
)
def test_a_tenant_that_is_let_go_is_named_at_the_selector(fleet: Folder, file, old, new, line):
    fleet.edit(f"desired-state/{file}", old, new)

    found = against(fleet, 6)

    assert found == [
        (
            "hr.yaml", line, "SCH001",
            "on tenant prod: no manifest is for urn:example:hr (hr) any more: what is live stays, "
            "and nobody watches it",
        )
    ]  # fmt: skip
    assert_reported(fleet.run("validate", "--against", "HEAD"), 0, "on tenant prod: no manifest")


def test_a_tenant_whose_manifest_goes_is_no_finding(fleet: Folder):
    fleet.write("desired-state/hr.yaml", HR.replace("{matchLabels: {env: prod}}", "{names: ['*']}"))
    git(fleet.path, "commit", "--quiet", "-am", "for both")

    (fleet.path / "desired-state/prod.yaml").unlink()

    assert against(fleet, 0) == []


def test_a_tenant_of_a_dialect_that_is_none_today_is_compared(fleet: Folder):
    (fleet.path / "desired-state/prod.yaml").write_text(
        TENANT.replace("NAME", "prod").replace("genesys", "vanished")
    )
    git(fleet.path, "commit", "--quiet", "-am", "another dialect")
    fleet.write("desired-state/prod.yaml", TENANT.replace("NAME", "prod"))
    fleet.edit("desired-state/hr.yaml", "name: grade", "name: grade, type: integer")

    assert [rule for _, _, rule, _ in against(fleet, 6)] == ["SCH002"]
