"""`dev-tenant`: the built-in tenant as a server of its own, its end and its secrets."""

import json
from pathlib import Path

import pytest

from tests.support.program import HR_URN, DevTenant, Folder, assert_reported, started_dev_tenant


def test_dev_tenant_ends_at_a_signal_and_keeps_its_schemas(dev_tenant: DevTenant):
    dev_tenant.folder.run("apply", "--auto-approve")
    name = dev_tenant.folder.path / ".reconciler/embedded/dev.db"

    assert name.stat().st_mode & 0o077 == 0
    assert [path.stat().st_mode & 0o077 for path in dev_tenant.secrets.iterdir()] == [0, 0, 0]


def test_dev_tenant_secrets_are_readable_by_their_owner_only(folder: Folder):
    there = folder.write(".reconciler/secrets/dev-client-id", "from before")
    there.chmod(0o644)

    with started_dev_tenant(folder) as tenant:
        assert tenant.secret("client-id") != "from before"
        assert there.stat().st_mode & 0o777 == 0o600


@pytest.mark.skipif(not Path("/proc/self/maps").exists(), reason="no /proc")
def test_the_first_change_of_a_dev_tenant_waits_for_no_import(folder: Folder):
    with folder.start("dev-tenant", "--port", "0") as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "apiVersion: reconciler/v1\n"
        loaded = Path(f"/proc/{process.pid}/maps").read_text()
        process.terminate()
        process.communicate(timeout=30)

    assert "pydantic_core" in loaded


def test_dev_tenant_plays_the_service_that_its_manifest_names(folder: Folder):
    folder.write("dialects/acme.json", ACME)
    folder.environ["RECONCILER_DIALECTS"] = str(folder.path / "dialects")
    (folder.path / "desired-state/tenants/local.yaml").unlink()

    with started_dev_tenant(folder, "--dialect", "acme", "--users", "20") as tenant:
        folder.write("desired-state/tenants/dev.yaml", tenant.manifest)
        folder.environ["RECONCILER_SECRETS_DIR"] = str(tenant.secrets)
        users = tenant.count_users()
        applied = folder.run("apply", "--auto-approve")
        schema = {"id": HR_URN, "name": "HRExtension", "attributes": [{"name": "other"}]}
        tenant.drift(HR_URN, schema)
        planned = folder.run("plan")

    assert "dialect: acme" in tenant.manifest
    assert users == 20
    assert_reported(applied, 0)
    assert_reported(planned, 0, "changed out of band", "ACME cannot change a schema")


def test_dev_tenant_plays_no_service_without_schemas(folder: Folder):
    refused = folder.run("dev-tenant", "--port", "0", "--dialect", "keycloak")

    assert_reported(refused, 1, "plays services with /Schemas alone")


@pytest.mark.parametrize("name", ["genesys", "rfc7644", "sap"])
def test_a_dialect_that_ships_is_deployed_to_as_to_the_service(folder: Folder, name: str):
    (folder.path / "desired-state/tenants/local.yaml").unlink()

    with started_dev_tenant(folder, "--dialect", name) as tenant:
        folder.write("desired-state/tenants/dev.yaml", tenant.manifest)
        folder.environ["RECONCILER_SECRETS_DIR"] = str(tenant.secrets)
        applied = folder.run("apply", "--auto-approve")
        planned = folder.run("plan", "--detailed-exitcode")
        examined = folder.run("doctor", "dev")

    assert_reported(applied, 0)
    assert_reported(planned, 0, "0 to add, 0 to change")
    assert_reported(examined, 0)
    assert "spec.capabilities" not in examined.everything


@pytest.mark.parametrize(
    ("name", "code"), [("oracle", "1 to change"), ("read-only", "0 to change")]
)
def test_a_dialect_that_creates_nothing_changes_what_is_there_or_reports_it(
    folder: Folder, name: str, code: str
):
    for path in (folder.path / "desired-state").rglob("*.yaml"):
        path.unlink()
    old = {"name": "code", "idcsDisplayName": "Code", "description": "old"}
    schema = {"id": HR_URN, "name": "HRExtension", "attributes": [old]}
    desired = {**schema, "attributes": [{**old, "description": "new"}]}
    spec = {"onDrift": "update", "schema": desired}
    document = {"apiVersion": "reconciler/v1", "kind": "SchemaExtension", "spec": spec}
    folder.write(
        "desired-state/hr.yaml", json.dumps({**document, "metadata": {"name": "hr-extension"}})
    )

    with started_dev_tenant(folder, "--dialect", name) as tenant:
        folder.write("desired-state/dev.yaml", tenant.manifest)
        folder.environ["RECONCILER_SECRETS_DIR"] = str(tenant.secrets)
        tenant.drift(HR_URN, schema)
        planned = folder.run("plan")
        applied = folder.run("apply", "--auto-approve")
        live = tenant.get(HR_URN)["attributes"][0]
        examined = folder.run("doctor", "dev")

    assert_reported(planned, 0, code)
    assert_reported(applied, 0)
    assert live["description"] == ("new" if name == "oracle" else "old")
    assert ("idcsTargetAttributeName" in live) == (name == "oracle")
    assert_reported(examined, 0)
    assert "spec.capabilities" not in examined.everything


def test_dev_tenant_plays_no_service_that_nobody_knows(folder: Folder):
    assert_reported(folder.run("dev-tenant", "--dialect", "acme"), 1, "--dialect 'acme'", "sap")


ACME = """{
  "name": "acme",
  "description": "POST alone",
  "targetSystem": "ACME",
  "creates": true,
  "updates": "none",
  "types": ["string", "boolean", "integer", "decimal", "dateTime", "reference", "complex"]
}"""
