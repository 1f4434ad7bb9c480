"""`import`: a tenant that exists becomes manifests, and a plan after it is empty."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from reconciler.adapters.jsonschemas import check
from reconciler.domain.jsontext import Json
from reconciler.domain.scim import SCHEMA_URN
from tests.support.applied import applied, query
from tests.support.faultserver import Received, Script, in_turn, json_reply, serving
from tests.support.program import HR_URN, WORK_URN, DevTenant, Folder, assert_reported

__all__ = ["applied"]

Document = dict[str, Any]

EXTENSIONS = "desired-state/extensions"
LOCAL = "desired-state/tenants/local.yaml"
TENANT = """apiVersion: reconciler/v1
kind: Tenant
metadata: {{name: dev}}
spec: {{dialect: rfc7644, baseUrl: "{}"}}
"""
ODD = "urn:ietf:params:scim:schemas:extension:genesys:2.0:User:Odd"


def forget_manifests(tenant: DevTenant) -> None:
    for path in (tenant.folder.path / EXTENSIONS).iterdir():
        path.unlink()


def test_import_of_an_applied_tenant_plans_empty(dev_tenant: DevTenant):
    folder = dev_tenant.folder
    folder.run("apply", "--auto-approve")
    forget_manifests(dev_tenant)

    imported = folder.run("import", "dev")
    planned = folder.run("plan", "--detailed-exitcode")

    assert_reported(imported, 0, "+kind: SchemaExtension", "2 manifests written")
    assert_reported(planned, 0, "No changes.", "2 in sync")
    written = (folder.path / EXTENSIONS / "dev-hr-extension.yaml").read_text()
    assert "tenants: {names: [dev]}" in written
    assert "uniqueness" not in written


def test_defaults_are_spelt_out_where_they_are_wanted(dev_tenant: DevTenant):
    folder = dev_tenant.folder
    folder.run("apply", "--auto-approve")
    forget_manifests(dev_tenant)

    folder.run("import", "dev", "--full", "--id", HR_URN)

    [written] = (folder.path / EXTENSIONS).iterdir()
    assert written.read_text().count("uniqueness: none") == 3
    assert folder.plan()["summary"]["in_sync"] == 1


INVISIBLE = (
    0x0, 0x1B, 0x7F, 0x85, 0xA0, 0xAD, 0x61C, 0x200B, 0x200E, 0x2028, 0x202E, 0x2066, 0x3164,
    0xFE0F, 0xFEFF, 0xFFFF, 0xE000, 0xE0041, 0x1F3F4, 0x10FFFF,
)  # fmt: skip
ODD_SHAPES: dict[str, dict[str, object]] = {
    "odd casing": {"attributes": [{"name": "Grade", "type": "String", "mutability": "READ_WRITE"}]},
    "vendor members": {
        "attributes": [{"name": "grade", "type": "string", "vendorWidth": 7}],
        "vendorFlag": True,
    },
    "characters that nobody sees": {
        "description": "".join(map(chr, (0x61, *INVISIBLE, 0x62))),
        "attributes": [
            {"name": f"u{code:04x}", "type": "string", "description": f"a{chr(code)}b"}
            for code in INVISIBLE
        ],
    },
    "values that rules warn of": {
        "attributes": [
            {"name": "a-b", "type": "string", "uniqueness": "server", "caseExact": False},
            {"name": "c", "type": "integer", "caseExact": True},
            {"name": "d", "type": "string", "mutability": "readOnly", "required": True},
            {"name": "e", "type": "string", "mutability": "readOnly", "returned": "never"},
            {"name": "f", "type": "string", "mutability": "writeOnly"},
            {"name": "g", "type": "reference"},
            {"name": "h", "type": "string", "referenceTypes": ["User"]},
        ],
    },
    "words that YAML reads differently": {
        "description": "no",
        "attributes": [
            {"name": "on", "type": "string", "canonicalValues": ["yes", "010", "12:30", "1.10"]}
        ],
    },
    "a description of many lines": {
        "description": "first: line\n# second\n",
        "attributes": [{"name": "x", "type": "string"}],
    },
}


@pytest.mark.parametrize("shape", ODD_SHAPES)
def test_every_live_shape_plans_empty_after_its_import(dev_tenant: DevTenant, shape):
    folder = dev_tenant.folder
    forget_manifests(dev_tenant)
    dev_tenant.post({"id": ODD, "name": "Odd", **ODD_SHAPES[shape]})

    imported = folder.run("import", "dev")
    planned = folder.run("plan", "--detailed-exitcode")

    assert imported.code == 0, imported.everything
    assert_reported(planned, 0, "1 in sync", "0 unmanaged")
    assert_reported(folder.run("validate", "--fail-on", "warning"), 0)


SHAPED_URNS = ("urn:acme:hr:2.0:Grade;v=1", "urn:acme:fi:2.0:Grade;v=1")
SERVED: dict[str, Json] = {
    "as the RFC spells it": {
        "schemas": [SCHEMA_URN],
        "name": "Grade",
        "description": "",
        "attributes": [{"name": "grade", "type": "string", "caseExact": False}],
        "meta": {"resourceType": "Schema"},
    },
    "in odd casing": {
        "Name": "GRADE",
        "ATTRIBUTES": [
            {"NAME": "grade", "Type": "DATE_TIME", "MultiValued": "True", "returned": "Always"}
        ],
    },
    "without attributes": {"name": "Grade"},
    "with attributes that are null": {"name": "Grade", "attributes": None},
    "with everything that a rule refuses": {
        "attributes": [
            {"name": "1st", "type": "money", "mutability": "sometimes", "caseexakt": True},
            {"name": "id", "type": "string", "subAttributes": [{"name": "part"}]},
            {"name": "ID", "type": "complex", "uniqueness": "global"},
        ],
        "colour": {"of": ["it", 1e22, None], "no": "on"},
    },
}
LISTINGS: dict[str, Callable[[list[Document]], Json]] = {
    "a ListResponse": lambda schemas: {"totalResults": len(schemas), "Resources": schemas},
    "a ListResponse in odd casing": lambda schemas: {"TOTALRESULTS": 2, "resources": schemas},
    "an array": lambda schemas: schemas,
    "a map": lambda schemas: {
        schema["id"]: {m: v for m, v in schema.items() if m != "id"} for schema in schemas
    },
}


@contextmanager
def listing(folder: Folder, listed: Json) -> Iterator[None]:
    """A tenant whose service answers every request with this, in place of all manifests."""
    for path in (*(folder.path / EXTENSIONS).iterdir(), folder.path / LOCAL):
        path.unlink()
    with serving(in_turn(json_reply(listed))) as server:
        folder.write("desired-state/tenants/dev.yaml", TENANT.format(server.url("/scim")))
        yield


@pytest.mark.parametrize(
    ("schema", "listed"),
    [
        *((schema, "a ListResponse") for schema in SERVED),
        *(("in odd casing", listed) for listed in LISTINGS if listed != "a ListResponse"),
    ],
)
def test_a_plan_is_empty_after_an_import_of_whatever_is_served(folder: Folder, schema, listed):
    schemas = [{"id": urn, **SERVED[schema]} for urn in SHAPED_URNS]
    with listing(folder, LISTINGS[listed](schemas)):
        imported = folder.run("import", "dev")
        planned = folder.run("plan", "--detailed-exitcode")
        again = folder.run("import", "dev")

    assert_reported(imported, 0, *SHAPED_URNS, "2 manifests written")
    assert_reported(planned, 0, "2 in sync", "0 unmanaged")
    assert_reported(again, 0, "0 manifests written")
    assert_reported(folder.run("validate", "--fail-on", "warning"), 0)
    names = sorted(path.name for path in (folder.path / EXTENSIONS).iterdir())
    assert names == ["dev-grade-v-1-2.yaml", "dev-grade-v-1.yaml"]


KINDS: list[tuple[list[Json], str | None]] = [
    ([{"name": "Group", "schemaExtensions": [{"schema": SHAPED_URNS[0].upper()}]}], "Group"),
    (
        [
            {"name": "User", "schemaExtensions": []},
            {"id": "Device", "schemaExtensions": [{"schema": SHAPED_URNS[0], "required": False}]},
        ],
        "Device",
    ),
    (
        [
            {"name": name, "schemaExtensions": [{"schema": SHAPED_URNS[0]}]}
            for name in ("Group", "User")
        ],
        None,
    ),
    ([{"name": "odd name", "schemaExtensions": [{"schema": SHAPED_URNS[0]}]}], None),
    ([{"name": "Group", "schemaExtensions": None}, {"name": None}, 7], None),
    ([], None),
]


@pytest.mark.parametrize(("kinds", "written"), KINDS)
def test_import_writes_the_resource_type_that_the_service_binds(
    folder: Folder, kinds: list[Json], written: str | None
) -> None:
    def answer(request: Received) -> Script:
        schemas = [{"id": SHAPED_URNS[0], **SERVED["as the RFC spells it"]}]
        return json_reply(kinds if request.target.endswith("/ResourceTypes") else schemas)

    for path in (*(folder.path / EXTENSIONS).iterdir(), folder.path / LOCAL):
        path.unlink()
    with serving(answer) as server:
        folder.write("desired-state/tenants/dev.yaml", TENANT.format(server.url("/scim")))
        imported = folder.run("import", "dev")
        assert_reported(imported, 0, "1 manifest written")
        assert_reported(folder.run("plan", "--detailed-exitcode"), 0, "1 in sync")

    text = (folder.path / EXTENSIONS / "dev-grade-v-1.yaml").read_text()
    line = next((line for line in text.splitlines() if "resourceType" in line), None)
    assert line == (None if written is None else f"  resourceType: {written}")
    unnamed = any(isinstance(kind, dict) and kind.get("name") == "odd name" for kind in kinds)
    assert ("no manifest can name the resource type" in imported.err) is unnamed


def test_a_schema_larger_than_a_manifest_may_be_is_reported_and_taken_where_that_is_meant(
    folder: Folder,
):
    rows = [{"name": f"filler{n:04}", "description": "x" * 200} for n in range(1400)]
    with listing(folder, [{"id": SHAPED_URNS[0], "name": "Grade", "attributes": rows}]):
        refused = folder.run("import", "dev")
        raised = folder.run("import", "dev", "--max-file-kib", "512")

    assert_reported(refused, 1, SHAPED_URNS[0], "--max-file-kib", "0 manifests written")
    assert_reported(raised, 0, "1 manifest written")


def schema_named_by(path: Path) -> Path:
    first = path.read_text().splitlines()[0]
    return (path.parent / first.removeprefix("# yaml-language-server: $schema=")).resolve()


def test_editors_find_the_schema_of_the_same_work_tree(folder: Folder):
    outside = f"{folder.path}-outside"
    with listing(folder, [{"id": SHAPED_URNS[0], **SERVED["as the RFC spells it"]}]):
        folder.write("manifest.schema.json", folder.run("schema", "manifest").out)
        (folder.path / ".git").mkdir(exist_ok=True)
        inside = folder.run("import", "dev", "--out", "else/where")
        elsewhere = folder.run("import", "dev", "--out", outside)
        again = folder.run("import", "dev", "--out", "else/where")

    written = folder.path / "else/where/dev-grade-v-1.yaml"
    assert schema_named_by(written) == folder.path / "manifest.schema.json"
    assert "editors" not in inside.err
    assert_reported(elsewhere, 0, "reconciler schema manifest > manifest.schema.json")
    assert (Path(outside) / "dev-grade-v-1.yaml").read_text().startswith("apiVersion")
    assert_reported(again, 0, "0 manifests written")


def test_a_file_that_says_something_else_is_not_overwritten(dev_tenant: DevTenant):
    folder = dev_tenant.folder
    folder.run("apply", "--auto-approve")
    forget_manifests(dev_tenant)
    folder.run("import", "dev", "--id", HR_URN)
    [file] = (folder.path / EXTENSIONS).iterdir()
    edited = file.read_text().replace("HRExtension\n    desc", "HRExtension\n    # mine\n    desc")
    edited = edited.replace("isContractor", "isContractors")
    file.write_text(edited)

    refused = folder.run("import", "dev", "--id", HR_URN)

    assert_reported(refused, 1, "--force", "-", "+")
    assert file.read_text() == edited
    assert_reported(folder.run("import", "dev", "--id", HR_URN, "--force"), 0, "1 manifest written")
    assert "isContractors" not in file.read_text()


def test_import_reports_what_cannot_be_imported(dev_tenant: DevTenant):
    folder = dev_tenant.folder

    assert_reported(folder.run("import", "dve"), 1, "did you mean dev?")
    assert_reported(folder.run("import", "dev", "--id", WORK_URN), 1, WORK_URN)


def test_import_writes_what_was_verified_then_and_shows_what_it_would_change_now(
    applied: Folder,
) -> None:
    manifests = "desired-state/all.yaml"
    applied.edit(manifests, '"attributes": [', '"attributes": [{"name": "level"}, ')
    applied.edit(manifests, '"spec": {"schema"', '"spec": {"onDrift": "update", "schema"')
    assert applied.run("apply", "--auto-approve").code == 0
    first = json.loads(applied.run("audit", "export").out.splitlines()[-1])["timestamp"]
    [(then,)] = query(
        applied, "SELECT timestamp FROM audit WHERE event = 'SCHEMA_EXTENSION_CREATED'"
    )

    back = applied.run("import", "--verified-at", str(then), "dev")
    again = applied.run("import", "--verified-at", first, "dev")
    refused = applied.output("import", "--verified-at", first, "dev")
    forced = applied.output("import", "--verified-at", first, "--force", "dev")
    unknown = applied.run("import", "--verified-at", "c0ffee", "dev")
    early = applied.run("import", "--verified-at", "2020-01-01", "dev")

    assert back.code == 0, back.everything
    assert f"verified at {then}" in back.out
    assert "level" not in back.out.partition("With these manifests a plan would be:")[0]
    assert "attributes.level: only live" in back.out
    assert "0 to destroy" in back.out
    assert_reported(again, 1, "one.yaml would be overwritten; nothing was written")
    assert (refused["data"]["written"], "plan" in refused["data"]) == (False, False)
    plan = forced["data"]["plan"]
    assert (forced["data"]["written"], check(plan, "plan")) == (True, ())
    assert [each["action"] for each in plan["tenants"][0]["changes"]] == ["skip"]
    assert "level" in (applied.path / "desired-state/_verified/dev/one.yaml").read_text()
    assert applied.run("validate").code == 0  # what is written there is read by no run
    assert_reported(unknown, 1, "no run of the tenant was of a commit that git knew; give a time")
    assert_reported(early, 1, "nothing of the tenant was verified until 2020-01-01T00:00:00.000Z")
