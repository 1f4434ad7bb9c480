"""`apply` and its approval: exactly the plan that was approved, and no edited one."""

import json
from collections.abc import Callable

import pytest

from reconciler.domain.jsontext import Json
from reconciler.render.plan_document import checksum
from tests.support.program import HR_URN, DevTenant, Folder, assert_reported


def forged(edit: Callable[[Json], object], plan: Json) -> str:
    """The plan as somebody leaves it who knows about the checksum."""
    edit(plan)
    plan["checksum"] = checksum(plan)
    return json.dumps(plan, indent=2)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("hrDepartmentCode", "hrDepartmentCoda"),
        ('"create": 2', '"create": 1'),
        ('"unmanaged": []', '"unmanaged": ["urn:x"]'),
        ('"dirty": false', '"dirty": true'),
        ('"token_url": "http', '"token_url": "https'),
    ],
)
def test_apply_refuses_a_plan_edited_by_hand(dev_tenant: DevTenant, old: str, new: str) -> None:
    folder = dev_tenant.folder
    folder.save_plan()
    folder.edit("plan.json", old, new)

    done = folder.run("apply", "plan.json")

    assert done.code == 4, done.everything
    assert "the saved plan was edited, its checksum does not fit; nothing was written" in done.err
    assert dev_tenant.schemas() == []


def test_a_plan_edited_into_what_no_plan_can_be_is_refused(dev_tenant: DevTenant) -> None:
    folder = dev_tenant.folder
    folder.save_plan()
    folder.edit("plan.json", '"reason": null', '"reason": "in-sync"')

    done = folder.run("apply", "plan.json")

    assert done.code == 1, done.everything
    assert "plan.json is no saved plan of this version: tenants[0].changes[0].reason" in done.err
    assert dev_tenant.schemas() == []


@pytest.mark.parametrize(
    ("edit", "where"),
    [
        (lambda p: p["tenants"][0]["changes"].pop(0), "changes"),
        (lambda p: p["tenants"][0]["changes"][0]["after"]["attributes"].pop(), "after"),
        (lambda p: p["tenants"][0].update(base_url="https://acme.example.com/scim"), "base_url"),
        (lambda p: p["summary"].update(create=0), "summary.create"),
    ],
)
def test_a_plan_that_shows_something_else_than_its_digest_is_refused(
    dev_tenant: DevTenant, edit: Callable[[Json], object], where: str
) -> None:
    folder = dev_tenant.folder
    folder.write("plan.json", forged(edit, folder.save_plan()))

    done = folder.run("apply", "plan.json")

    assert done.code == 4, done.everything
    assert "the saved plan was edited, it differs from what its digest stands for" in done.err
    assert where in done.err
    assert dev_tenant.schemas() == []


def test_apply_refuses_a_plan_file_with_another_digest_and_checksum(dev_tenant: DevTenant) -> None:
    folder = dev_tenant.folder
    plan = folder.save_plan()
    folder.write("plan.json", forged(lambda p: p.update(digest="sha256:" + "0" * 64), plan))

    done = folder.run("apply", "plan.json")

    assert done.code == 4, done.everything
    assert dev_tenant.schemas() == []


def test_apply_takes_a_plan_as_it_was_saved(dev_tenant: DevTenant) -> None:
    folder = dev_tenant.folder
    plan = folder.save_plan()
    folder.edit("desired-state/extensions/hr-extension.yaml", "kind:", "# a remark\nkind:")
    shown = folder.run("show", "plan.json", "--format", "json")

    assert json.loads(shown.out) == plan
    done = folder.run("apply", "plan.json")

    assert done.code == 0, done.everything
    assert len(dev_tenant.schemas()) == 2


def two_tenants(dev_tenant: DevTenant) -> Folder:
    folder = dev_tenant.folder
    folder.write(
        "desired-state/tenants/more.yaml",
        "apiVersion: reconciler/v1\nkind: Tenant\nmetadata: {name: local}\n"
        "spec: {dialect: genesys, baseUrl: embedded://local}\n",
    )
    return folder


def test_more_tenants_than_a_run_may_change_are_shown_and_refused(dev_tenant: DevTenant) -> None:
    folder = two_tenants(dev_tenant)
    stated = "this run: 2 changed tenants exceed --max-tenants 1; narrow the run with --tenant"

    planned = folder.run("plan", "--max-tenants", "1", "--out", "plan.json")
    refused = folder.run("apply", "plan.json", "--max-tenants", "1")

    assert planned.code == 0, planned.everything
    assert f"Limit: {stated}" in planned.out
    assert refused.code == 6, refused.everything
    assert stated in refused.err
    assert dev_tenant.schemas() == []
    assert folder.run("apply", "plan.json", "--max-tenants", "2").code == 0
    assert len(dev_tenant.schemas()) == 2


def test_force_lifts_a_limit_and_a_stale_plan_stays_stale(dev_tenant: DevTenant) -> None:
    folder = two_tenants(dev_tenant)
    folder.save_plan()
    folder.edit("desired-state/extensions/hr-extension.yaml", "isContractor", "isExternal")

    stale = folder.run("apply", "plan.json", "--max-tenants", "1", "--force")
    forced = folder.run("apply", "--auto-approve", "--max-tenants", "1", "--force")

    assert stale.code == 4, stale.everything
    assert "isContractor" in stale.err
    assert forced.code == 0, forced.everything
    assert len(dev_tenant.schemas()) == 2


def test_apply_refuses_a_stale_plan_and_shows_what_changed(dev_tenant: DevTenant):
    folder = dev_tenant.folder
    folder.run("plan", "--out", "plan.json", "--target", "hr-extension")
    dev_tenant.post({"id": HR_URN, "name": "HRExtension", "attributes": [{"name": "other"}]})

    done = folder.run("apply", "plan.json")

    assert_reported(done, 4, "nothing was written", "-  + create", "+  ! drifted")
    assert len(dev_tenant.schemas()) == 1


def test_a_saved_plan_is_applied_with_its_own_selection(dev_tenant: DevTenant):
    folder = dev_tenant.folder
    saved = folder.run("plan", "--out", "plan.json", "--target", "hr-*")

    done = folder.run("apply", "plan.json")

    assert saved.err.splitlines()[-1] == (
        "saved as plan.json; to apply exactly this: reconciler apply plan.json"
    )
    assert_reported(done, 0, "1 added")
    assert [schema["id"] for schema in dev_tenant.schemas()] == [HR_URN]
    assert_reported(folder.run("apply", "plan.json", "--tenant", "dev"), 1, "has its own selection")
    assert_reported(folder.run("apply", "plan.json"), 0, "0 added")


def test_apply_approve_takes_exactly_one_digest(folder: Folder):
    digest = folder.plan()["digest"]

    assert_reported(folder.run("apply", "--approve", "sha256:" + "0" * 64), 4, "was approved")
    assert_reported(folder.run("apply", "--approve", digest), 0, "2 added")
    assert_reported(folder.run("apply", "--approve", digest), 4, "nothing was written")


def test_a_plan_file_with_another_digest_in_it_is_refused(folder: Folder):
    folder.run("plan", "--out", "plan.json")
    saved = json.loads((folder.path / "plan.json").read_text())
    saved["digest"] = "sha256:" + "1" * 64
    folder.write("plan.json", json.dumps(saved))

    assert_reported(folder.run("apply", "plan.json"), 4, "nothing was written")


def test_apply_without_an_approval_or_terminal_sends_nothing(dev_tenant: DevTenant):
    done = dev_tenant.folder.run("apply")

    assert_reported(done, 1, "nobody is there to approve", "--auto-approve")
    assert dev_tenant.schemas() == []
