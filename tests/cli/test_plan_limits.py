"""A limit of a service that a manifest exceeds is in the plan, in every format."""

import json
from pathlib import Path

import pytest

from tests.support.program import Folder

TENANT = """\
apiVersion: reconciler/v1
kind: Tenant
metadata: {name: acme}
spec: {dialect: sap, baseUrl: "embedded://acme"}
"""
EXTENSION = """\
apiVersion: reconciler/v1
kind: SchemaExtension
metadata: {name: hr}
spec:
  schema:
    id: urn:example:hr
    name: people
    attributes:
      - {name: cost-center}
      - name: address
        type: complex
        subAttributes:
"""
FOUND = (
    "the name 'people': SAP Cloud Identity Services wants the last part of the URN",
    "attribute 'cost-center': SAP Cloud Identity Services takes names of",
    "attribute 'address': SAP Cloud Identity Services takes 20 sub-attributes, and these are 25",
)


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    folder = Folder(tmp_path, {})
    folder.write("desired-state/tenant.yaml", TENANT)
    parts = "".join(f"          - {{name: part{n:02}}}\n" for n in range(25))
    folder.write("desired-state/hr.yaml", EXTENSION + parts)
    return folder


@pytest.mark.parametrize("form", ["text", "markdown", "json"])
def test_plan_shows_each_limit_that_validate_finds_exceeded(folder: Folder, form: str) -> None:
    checked = folder.run("validate")
    planned = folder.run("plan", "--format", form, "--detailed-exitcode")

    assert checked.code == 0
    assert planned.code == 2, planned.everything
    for text in FOUND:
        assert text in checked.out.replace(" (tenant acme)", "")
        assert text in planned.out
    if form == "json":
        (change,) = json.loads(planned.out)["tenants"][0]["changes"]
        assert (change["action"], change["reason"]) == ("blocked", "unsupported")
    else:
        assert "blocked (unsupported)" in planned.out


def test_plan_creates_what_notes_and_capabilities_let_through(folder: Folder) -> None:
    able = TENANT.replace("sap, ", "sap, capabilities: {subAttributes: 25}, ")
    folder.write("desired-state/tenant.yaml", able)
    folder.edit(
        "desired-state/hr.yaml",
        "    name: people",
        "    # reconciler: ignore REC-SCHEMA-NAME -- it is called so\n    name: people",
    )
    folder.edit(
        "desired-state/hr.yaml",
        "      - {name: cost-center}",
        "      # reconciler: ignore REC-ATTRIBUTE-NAME, SCIM-A01 -- this tenant takes it\n"
        "      - {name: cost-center}",
    )

    planned = folder.run("plan")

    assert "Plan: 1 to add, 0 to change, 0 to destroy." in planned.out
    assert "warning" not in planned.everything
