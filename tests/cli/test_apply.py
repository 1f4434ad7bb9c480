"""`apply`: what is created and updated, what a service refuses or loses, and how a run ends."""

import fcntl
import json

import pytest

from tests.support.program import HR_URN, WORK_URN, DevTenant, Folder, assert_reported


def test_applying_again_changes_nothing_and_announces_nothing(folder: Folder):
    folder.run("apply", "--auto-approve")

    again = folder.run("apply", "--auto-approve")

    assert again.code == 0
    assert "0 added, 0 changed" in again.out
    assert "0 delivered, 0 pending" in again.out


def test_plan_apply_plan_over_real_http_with_real_tokens(dev_tenant: DevTenant):
    folder = dev_tenant.folder

    planned = folder.run("plan")
    applied = folder.run("apply", "--auto-approve")
    again = folder.run("plan", "--detailed-exitcode")

    assert "Plan: 2 to add" in planned.out, planned.err
    assert applied.code == 0, applied.everything
    assert again.code == 0
    assert sorted(schema["id"] for schema in dev_tenant.schemas()) == [HR_URN, WORK_URN]
    assert len(dev_tenant.inbox()) == 2


def test_a_created_schema_has_every_characteristic_of_the_tutorial(dev_tenant: DevTenant):
    dev_tenant.folder.run("apply", "--auto-approve")

    hr, work = dev_tenant.get(HR_URN), dev_tenant.get(WORK_URN)

    members = {
        "name", "type", "multiValued", "required", "caseExact", "mutability", "returned",
        "uniqueness",
    }  # fmt: skip
    assert all(members <= attribute.keys() for attribute in hr["attributes"])
    assert hr["attributes"][0] == {
        "name": "hrDepartmentCode",
        "type": "string",
        "multiValued": False,
        "required": False,
        "caseExact": True,
        "mutability": "readWrite",
        "returned": "always",
        "uniqueness": "none",
    }
    assignments = work["attributes"][0]
    assert assignments["multiValued"] is True
    assert all(members <= sub.keys() for sub in assignments["subAttributes"])
    kinds = [sub.get("canonicalValues") for sub in assignments["subAttributes"]]
    assert ["permanent", "temporary", "project"] in kinds


def test_an_update_that_was_opted_into_adds_an_attribute_and_keeps_what_is_there(
    dev_tenant: DevTenant,
):
    folder = dev_tenant.folder
    folder.run("apply", "--auto-approve")
    file = "desired-state/extensions/hr-extension.yaml"
    folder.edit(file, "spec:\n", "spec:\n  onDrift: update\n")
    folder.edit(file, "    attributes:\n", "    attributes:\n      - {name: grade, type: string}\n")

    planned = folder.run("plan")
    applied = folder.run("apply", "--auto-approve")

    assert "Plan: 0 to add, 1 to change, 0 to destroy." in planned.out, planned.everything
    assert "0 added, 1 changed" in applied.out, applied.everything
    names = [attribute["name"] for attribute in dev_tenant.get(HR_URN)["attributes"]]
    assert set(names) == {"grade", "hrDepartmentCode", "isContractor", "payrollStartDate"}
    last = json.loads(dev_tenant.inbox()[-1]["body"])
    assert last["event_type"] == "SCHEMA_EXTENSION_UPDATED"
    assert folder.run("plan", "--detailed-exitcode").code == 0


@pytest.mark.parametrize(
    ("faults", "texts"),
    [
        ({"no_create": True}, ["405", "blocked", "does not allow schemas to be created"]),
        ({"ignore_posts": True}, ["unknown", "the next run looks again"]),
        ({"drop_attribute": "isContractor"}, ["ignored-by-server", "attributes.isContractor"]),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else None,
)
def test_a_write_that_does_not_come_true_ends_partly_and_names_the_manifest_line(
    dev_tenant: DevTenant, faults, texts
):
    dev_tenant.set_faults(**faults)

    done = dev_tenant.folder.run("apply", "--auto-approve", "--retry-deadline", "1")

    assert_reported(
        done, 3, "Apply ended partly", "desired-state/extensions/hr-extension.yaml:", *texts
    )
    assert "1 not-attempted" in done.out
    assert dev_tenant.inbox() == []


def test_a_lost_answer_is_read_back_and_reported_as_applied(dev_tenant: DevTenant):
    dev_tenant.set_faults(drop_after_commit=1)

    done = dev_tenant.folder.run("apply", "--auto-approve")

    assert_reported(done, 0, "Apply complete! Extensions: 2 added")
    assert len(dev_tenant.schemas()) == 2


def test_apply_waits_out_throttling(dev_tenant: DevTenant):
    dev_tenant.set_faults(too_many_requests=2, retry_after=1)

    assert_reported(dev_tenant.folder.run("apply", "--auto-approve"), 0, "2 added")


def test_apply_leaves_a_locked_tenant_to_its_holder_and_exits_5(folder: Folder):
    lock = folder.write(".reconciler/locks/local.lock", "run 7 of user:eve since yesterday\n")
    with lock.open("r+") as held:
        fcntl.flock(held, fcntl.LOCK_EX)

        done = folder.run("apply", "--auto-approve")

    assert_reported(done, 5, "tenant local is locked by run 7 of user:eve")
    assert_reported(folder.run("apply", "--auto-approve"), 0, "2 added")


@pytest.mark.parametrize("dialect", ["genesys", "rfc7644"])
def test_a_tenant_that_turns_out_to_be_full_is_blocked_by_its_limit(
    dev_tenant: DevTenant, dialect: str
):
    dev = "desired-state/tenants/dev.yaml"
    dev_tenant.folder.edit(
        dev, "  dialect: genesys\n", f"  dialect: {dialect}\n  limits: {{extensions: 20}}\n"
    )
    for number in range(10):
        urn = f"urn:ietf:params:scim:schemas:extension:genesys:2.0:User:Extra{number}"
        dev_tenant.post({"id": urn, "name": f"Extra{number}", "attributes": [{"name": "a"}]})

    done = dev_tenant.folder.run("apply", "--auto-approve")

    assert done.code == 3, done.everything
    assert "dev/hr-extension: blocked: POST /scim/v2/Schemas: 400" in done.out
    assert "the tenant holds as many extensions as the service allows; retire one" in done.out
    assert "as a rule that is a type" not in done.out
    [record] = [r for r in dev_tenant.folder.audit() if r["schema_id"] == HR_URN][-1:]
    assert record["event"] == "SCHEMA_EXTENSION_BLOCKED"
