"""`doctor`, run as a process against the built-in tenant as a server of its own."""

import json
import textwrap

from tests.support.program import HR_URN, DevTenant, Folder


def test_doctor_looks_and_leaves_no_trace(dev_tenant: DevTenant) -> None:
    done = dev_tenant.folder.run("doctor", "dev")

    assert done.code == 0, done.everything
    assert done.out.startswith("Tenant dev  (genesys, http://127.0.0.1:")
    assert "schemas can be read" in done.out
    assert dev_tenant.schemas() == []
    assert not (dev_tenant.folder.path / ".reconciler/state.db").exists()


def test_what_doctor_learns_fits_into_the_manifest_and_changes_no_plan(
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


def test_a_capability_of_the_tenant_decides_what_is_planned(dev_tenant: DevTenant) -> None:
    folder = dev_tenant.folder
    before = folder.plan()
    folder.write(
        "desired-state/tenants/dev.yaml", dev_tenant.manifest + "  capabilities: {creates: false}\n"
    )

    after = folder.plan()

    changes = after["tenants"][0]["changes"]
    assert {(c["action"], c["reason"]) for c in changes} == {("blocked", "unsupported")}
    assert after["digest"] != before["digest"]


def test_doctor_in_json_says_what_is_bound(dev_tenant: DevTenant) -> None:
    folder = dev_tenant.folder
    assert folder.run("apply", "--auto-approve").code == 0

    done = folder.run("doctor", "dev", "--format", "json")

    (told,) = json.loads(done.out)["tenants"]
    words = [f["words"] for f in told["findings"] if f["check"] == "binding"]
    assert f"{HR_URN} is bound to User" in words
    assert told["well"]


def test_a_tenant_that_cannot_be_worked_with_exits_1(folder: Folder) -> None:
    folder.edit("desired-state/tenants/local.yaml", "embedded://local", "https://127.0.0.1:1/scim")

    done = folder.run("doctor", "local", "--request-deadline", "2")

    assert done.code == 1, done.everything
    assert "problem" in done.out


def test_a_tenant_that_does_not_exist_is_a_usage_error(folder: Folder) -> None:
    done = folder.run("doctor", "nobody")
    assert done.code == 1
    assert done.err == "error: nobody fits no tenant; there are local\n"
