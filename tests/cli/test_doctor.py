"""`doctor`: what it finds out about a tenant by looking and by trying, and what it leaves alone."""

import textwrap
from pathlib import Path

import pytest

from reconciler.domain.dialect import PatchPath
from tests.support.faultserver import serving
from tests.support.habits import Habits
from tests.support.keycloak_realm import ADMIN, RealmService, manifests, profiled
from tests.support.program import DevTenant, Folder, assert_reported
from tests.support.service_of_habits import EXTENSION, TENANT, served, service, simulated


@pytest.fixture
def acme(tmp_path: Path) -> Folder:
    """A folder whose tenant `acme` is a service of known habits."""
    return Folder(tmp_path, {"ACME_TOKEN": "token-1"})


def test_doctor_looks_and_leaves_no_trace(dev_tenant: DevTenant) -> None:
    done = dev_tenant.folder.run("doctor", "dev")

    assert done.code == 0, done.everything
    assert done.out.startswith("Tenant dev  (genesys, http://127.0.0.1:")
    assert "schemas can be read" in done.out
    assert dev_tenant.schemas() == []
    assert not (dev_tenant.folder.path / ".reconciler/state.db").exists()


def test_doctor_write_fits_into_the_manifest_and_changes_no_plan(
    dev_tenant: DevTenant,
) -> None:
    folder = dev_tenant.folder
    before = folder.plan()

    done = folder.run("doctor", "dev", "--probe-writes", "--write", "learnt.yaml")

    assert done.code == 0, done.everything
    assert "schemas can be changed by PUT" in done.out
    block = textwrap.indent((folder.path / "learnt.yaml").read_text(), "  ")
    folder.write("desired-state/tenants/dev.yaml", dev_tenant.manifest + block)
    after = folder.plan()
    actions = [[c["action"] for c in plan["tenants"][0]["changes"]] for plan in (before, after)]
    assert actions[0] == actions[1] == ["create", "create"]
    assert after["tenants"][0]["unmanaged"][0].endswith(":reconcilerProbe")


def test_doctor_in_json_says_what_is_bound(dev_tenant: DevTenant) -> None:
    folder = dev_tenant.folder
    assert folder.run("apply", "--auto-approve").code == 0

    (reported,) = folder.output("doctor", "dev")["data"]["tenants"]
    texts = [f["words"] for f in reported["findings"] if f["check"] == "binding"]
    assert "hr-extension is bound to User" in texts
    assert reported["well"]


def test_a_tenant_that_cannot_be_worked_with_exits_1(folder: Folder) -> None:
    folder.edit("desired-state/tenants/local.yaml", "embedded://local", "https://127.0.0.1:1/scim")

    done = folder.run("doctor", "local", "--request-deadline", "2")

    assert done.code == 1, done.everything
    assert "problem" in done.out


def test_a_tenant_that_does_not_exist_is_a_usage_error(folder: Folder) -> None:
    done = folder.run("doctor", "nobody")
    assert done.code == 1
    assert done.err == "error: nobody fits no tenant; there are local\n"


@pytest.mark.parametrize("path", PatchPath)
def test_the_patch_that_doctor_finds_to_work_leaves_alone_what_it_does_not_name(
    acme: Folder, path: PatchPath
) -> None:
    theirs = {"name": "theirs", "type": "string", "description": "nobody names it"}
    mine = {
        "name": "grade",
        "type": "string",
        "idcsDisplayName": "Grade",
        "mutability": "immutable",
    }
    live = {"id": "urn:example:2.0:HR", "name": "HR", "attributes": [theirs, mine]}
    tenant = simulated(Habits(updates=False, patches=path, tags=True), live)
    with served(tenant) as server:
        manifest = TENANT.format(dialect="rfc7644", url=server.url("/scim/v2"))
        acme.write("desired-state/acme.yaml", manifest)
        hr = EXTENSION.format(urn="urn:example:2.0:HR", name="HR", new="level")
        acme.write("desired-state/hr.yaml", hr)
        looked = acme.run("doctor", "acme", "--probe-writes", "--write", "learnt.yaml")
        block = textwrap.indent((acme.path / "learnt.yaml").read_text(), "  ")
        acme.write("desired-state/acme.yaml", manifest + block)
        done = acme.run("apply", "--auto-approve")
        again = acme.plan()["summary"]

    assert looked.code == 0, looked.everything
    assert f'  updates: "patch"\n    patchPath: "{path}"' in block
    assert done.code == 0, done.everything
    assert again["in_sync"] == 1
    stored = next(d for d in tenant.stored if d["id"] == live["id"])
    assert theirs in stored["attributes"]
    assert {a["name"] for a in stored["attributes"]} == {"theirs", "grade", "level"}


def test_a_change_that_doctor_found_dropped_is_blocked_by_its_capability(
    acme: Folder,
) -> None:
    live = {
        "id": "urn:example:2.0:HR",
        "name": "HR",
        "attributes": [{"name": "grade", "idcsDisplayName": "Grade", "mutability": "immutable"}],
    }
    with service(Habits(ignores=("mutability",), tags=True), live) as server:
        manifest = TENANT.format(dialect="genesys", url=server.url("/scim/v2"))
        acme.write("desired-state/acme.yaml", manifest)
        hr = EXTENSION.format(urn="urn:example:2.0:HR", name="HR", new="level")
        acme.write("desired-state/hr.yaml", hr)
        looked = acme.run("doctor", "acme", "--probe-writes", "--write", "learnt.yaml")
        before = acme.plan()["tenants"][0]["changes"]
        block = textwrap.indent((acme.path / "learnt.yaml").read_text(), "  ")
        acme.write("desired-state/acme.yaml", manifest + block)
        after = acme.plan()["tenants"][0]["changes"]

    assert looked.code == 0, looked.everything
    assert "accepted and dropped: mutability" in looked.out
    assert '  ignored: ["mutability"]' in block
    assert [c["action"] for c in before] == ["update"]
    assert [(c["action"], c["reason"]) for c in after] == [("blocked", "would-be-ignored")]


def test_doctor_without_probing_sends_nothing_but_get(acme: Folder) -> None:
    with service(Habits(tags=True)) as server:
        manifest = TENANT.format(dialect="genesys", url=server.url("/scim/v2"))
        acme.write("desired-state/acme.yaml", manifest)
        hr = EXTENSION.format(urn="urn:example:2.0:HR", name="HR", new="level")
        acme.write("desired-state/hr.yaml", hr)
        looked = acme.run("doctor", "acme")
        sent = {r.method for r in server.requests}

    assert (looked.code, sent) == (0, {"GET"}), looked.everything


def test_doctor_looks_at_the_realm_of_a_projection(tmp_path: Path) -> None:
    folder = Folder(tmp_path, {"TOKEN": "token-1"})
    realm = RealmService(profile=[profiled("code")], people=[{}], policy="ADMIN_VIEW")
    with serving(realm) as server:
        folder.write("desired-state/acme.yaml", manifests(server.url(ADMIN), "code"))
        done = folder.run("doctor", "--probe-writes")

    assert_reported(done, 0, "5 attributes of the user profile", "counted: 1")
    assert_reported(done, 0, "scimApiEnabled", "not probed")
    assert {request.method for request in server.requests} == {"GET"}
