"""`plan`: what it shows of tenants that can and cannot be read, and that it changes nothing."""

import re

import pytest

from tests.support.program import HR_URN, WORK_URN, DevTenant, Folder, assert_reported

CANARY = "canary-7f3a9c51e2"


_BEARER = """\
apiVersion: reconciler/v1
kind: Tenant
metadata: {name: sign}
spec:
  dialect: rfc7644
  baseUrl: https://x.example
  auth: {type: bearer, token: {env: TOKEN}}
"""


@pytest.mark.parametrize(
    ("faults", "code", "texts"),
    [
        ({"forbid": True}, 1, ["403", "user-provision:write", "scim:admin", "Integrations"]),
        ({"html": True}, 1, ["HTML page", "spec.baseUrl"]),
        ({"server_errors": 99}, 1, ["503", "run again later"]),
        ({"too_many_requests": 99, "retry_after": 400}, 1, ["429", "400"]),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else None,
)
def test_plan_of_an_unreadable_tenant_says_what_to_do(dev_tenant: DevTenant, faults, code, texts):
    dev_tenant.set_faults(**faults)

    done = dev_tenant.folder.run("plan")

    assert_reported(done, code, "Tenant dev", "not readable", *texts)
    assert "1 tenant could not be read" in done.err


def test_plan_of_unreadable_tenants_does_not_look_like_one_without_changes(dev_tenant: DevTenant):
    dev_tenant.set_faults(forbid=True)
    folder = dev_tenant.folder

    done = folder.run("plan", "--out", "plan.json", "--markdown", "plan.md")

    assert "\nNo plan: 1 tenant could not be read.\n0 in sync" in done.out
    assert "to add" not in done.everything
    assert "to apply exactly this" not in done.err
    assert "saved as plan.json; nothing in it is to be applied\n" in done.err
    title = (folder.path / "plan.md").read_text().partition("\n")[0]
    assert title == "## No plan: 1 tenant could not be read."


def test_plan_says_beside_its_counts_how_many_tenants_are_not_in_them(dev_tenant: DevTenant):
    dev_tenant.set_faults(forbid=True)
    folder = dev_tenant.folder
    local = "{apiVersion: reconciler/v1, kind: Tenant, metadata: {name: local}, spec: "
    local += '{dialect: genesys, baseUrl: "embedded://local"}}'
    folder.write("desired-state/tenants/local.yaml", local)

    done = folder.run("plan", "--out", "plan.json")

    counts = "Plan: 2 to add, 0 to change, 0 to destroy."
    assert f"{counts} Not planned: 1 of 2 tenants could not be read.\n" in done.out
    assert "saved as plan.json; to apply exactly this: reconciler apply plan.json\n" in done.err
    assert done.code == 1


def test_plan_reports_wrong_credentials_without_showing_them(dev_tenant: DevTenant):
    (dev_tenant.secrets / "dev-client-secret").write_text(CANARY)

    done = dev_tenant.folder.run("plan", "-vv")

    assert_reported(done, 1, "invalid_client", "check clientId and its secret, key or")
    assert CANARY not in done.everything


def test_plan_reports_an_unreachable_host_with_its_address(dev_tenant: DevTenant):
    folder = dev_tenant.folder
    text = (folder.path / "desired-state/tenants/dev.yaml").read_text()
    folder.write("desired-state/tenants/dev.yaml", re.sub(r"127.0.0.1:\d+", "127.0.0.1:1", text))

    done = folder.run("plan")

    assert_reported(done, 1, "POST http://127.0.0.1:1/oauth/token", "refused", "spec.auth.tokenUrl")


def test_a_missing_variable_is_named_with_its_manifest_and_the_other_tenant_goes_on(
    folder: Folder,
):
    text = (folder.path / "desired-state/tenants/_example-genesys.yaml").read_text()
    folder.write("desired-state/tenants/genesys.yaml", text)

    planned = folder.run("plan")
    done = folder.run("apply", "--auto-approve", "--tenant", "*")

    assert_reported(done, 3, "is not set", "desired-state/tenants/genesys.yaml:")
    assert_reported(planned, 1, "Tenant local", "+ create", "not readable", "is not set")


def test_a_token_that_no_header_can_carry_is_reported_and_the_other_tenants_go_on(folder: Folder):
    folder.write("desired-state/tenants/sign.yaml", _BEARER)

    done = folder.run("apply", "--auto-approve", TOKEN=f"{CANARY}…")

    assert_reported(done, 3, "desired-state/tenants/sign.yaml:7", "no header can carry that")
    assert_reported(done, 3, "local", "and verified")
    assert CANARY not in done.everything


def test_drift_is_planned_as_a_skip_and_left_alone(dev_tenant: DevTenant):
    folder = dev_tenant.folder
    folder.run("apply", "--auto-approve")
    live = dev_tenant.get(HR_URN)
    live["attributes"][0]["caseExact"] = False
    dev_tenant.put(HR_URN, live)

    planned = folder.run("plan", "--detailed-exitcode")
    applied = folder.run("apply", "--auto-approve")

    assert planned.code == 2
    assert "! drifted, left as it is" in planned.out
    assert "attributes.hrDepartmentCode.caseExact: live false, desired true" in planned.out
    assert applied.code == 0
    assert dev_tenant.get(HR_URN)["attributes"][0]["caseExact"] is False


def test_unmanaged_extensions_are_listed_and_left_alone(dev_tenant: DevTenant):
    urn = "urn:ietf:params:scim:schemas:extension:genesys:2.0:User:Theirs"
    attributes = [{"name": "x", "type": "string", "multiValued": False}]
    dev_tenant.post({"id": urn, "name": "Theirs", "attributes": attributes, "vendorKey": 7})

    applied = dev_tenant.folder.run("apply", "--auto-approve")

    assert f"unmanaged, left alone: {urn}" in applied.out
    assert dev_tenant.get(urn)["vendorKey"] == 7


def test_creates_beyond_the_limit_are_blocked_in_the_order_of_their_urns(dev_tenant: DevTenant):
    for number in range(9):
        urn = f"urn:ietf:params:scim:schemas:extension:genesys:2.0:User:Old{number}"
        dev_tenant.post({"id": urn, "name": "Old", "attributes": [{"name": "x"}]})

    planned = dev_tenant.folder.run("plan")
    applied = dev_tenant.folder.run("apply", "--auto-approve")

    assert "9 of 10 extensions in use" in planned.out
    assert f"+ create: hr-extension  {HR_URN}" in planned.out
    assert f"x blocked (extension-limit): work-assignments  {WORK_URN}" in planned.out
    assert planned.code == 0
    assert applied.code == 3
    assert "Apply ended partly. Extensions: 1 added" in applied.out


def test_a_plan_says_who_issues_the_token(dev_tenant: DevTenant) -> None:
    [tenant] = dev_tenant.folder.save_plan()["tenants"]

    assert tenant["token_url"] == f"{dev_tenant.root}/oauth/token"


@pytest.mark.parametrize("option", ["--out", "--markdown"])
def test_a_file_that_cannot_be_written_is_reported_before_a_tenant_is_read(
    option: str, folder: Folder
) -> None:
    done = folder.run("plan", option, "nowhere/plan.json")

    assert (done.code, done.out) == (1, "")
    assert done.err.startswith(f"error: {option} nowhere/plan.json cannot be written")


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
