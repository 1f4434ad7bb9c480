"""Approvals and limits as a person meets them: a few of each through the program itself."""

import json
from collections.abc import Callable

import pytest

from reconciler.domain.jsontext import Json
from reconciler.render.document import checksum
from tests.support.program import DevTenant, Folder


def saved_plan(folder: Folder, *arguments: str) -> Json:
    done = folder.run("plan", "--out", "plan.json", *arguments)
    assert done.code == 0, done.everything
    return json.loads((folder.path / "plan.json").read_text())


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
def test_a_plan_edited_by_hand_is_refused(dev_tenant: DevTenant, old: str, new: str) -> None:
    folder = dev_tenant.folder
    saved_plan(folder)
    folder.edit("plan.json", old, new)

    done = folder.run("apply", "plan.json")

    assert done.code == 4, done.everything
    assert "the saved plan was edited, its checksum does not fit; nothing was written" in done.err
    assert dev_tenant.schemas() == []


def test_a_plan_edited_into_what_no_plan_can_be_is_refused(dev_tenant: DevTenant) -> None:
    folder = dev_tenant.folder
    saved_plan(folder)
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
    folder.write("plan.json", forged(edit, saved_plan(folder)))

    done = folder.run("apply", "plan.json")

    assert done.code == 4, done.everything
    assert "the saved plan was edited, it differs from what its digest stands for" in done.err
    assert where in done.err
    assert dev_tenant.schemas() == []


def test_another_digest_in_the_file_is_another_plan(dev_tenant: DevTenant) -> None:
    folder = dev_tenant.folder
    plan = saved_plan(folder)
    folder.write("plan.json", forged(lambda p: p.update(digest="sha256:" + "0" * 64), plan))

    done = folder.run("apply", "plan.json")

    assert done.code == 4, done.everything
    assert dev_tenant.schemas() == []


def test_a_plan_is_applied_as_it_was_saved(dev_tenant: DevTenant) -> None:
    folder = dev_tenant.folder
    plan = saved_plan(folder)
    folder.edit("desired-state/extensions/hr-extension.yaml", "kind:", "# a remark\nkind:")
    shown = folder.run("show", "plan.json", "--format", "json")

    assert json.loads(shown.out) == plan
    done = folder.run("apply", "plan.json")

    assert done.code == 0, done.everything
    assert len(dev_tenant.schemas()) == 2


def test_a_plan_says_who_issues_the_token(dev_tenant: DevTenant) -> None:
    [tenant] = saved_plan(dev_tenant.folder)["tenants"]

    assert tenant["token_url"] == f"{dev_tenant.root}/oauth/token"


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
    said = "this run: 2 changed tenants exceed --max-tenants 1; narrow the run with --tenant"

    planned = folder.run("plan", "--max-tenants", "1", "--out", "plan.json")
    refused = folder.run("apply", "plan.json", "--max-tenants", "1")

    assert planned.code == 0, planned.everything
    assert f"Limit: {said}" in planned.out
    assert refused.code == 6, refused.everything
    assert said in refused.err
    assert dev_tenant.schemas() == []
    assert folder.run("apply", "plan.json", "--max-tenants", "2").code == 0
    assert len(dev_tenant.schemas()) == 2


def test_force_lifts_a_limit_and_a_stale_plan_stays_stale(dev_tenant: DevTenant) -> None:
    folder = two_tenants(dev_tenant)
    saved_plan(folder)
    folder.edit("desired-state/extensions/hr-extension.yaml", "isContractor", "isExternal")

    stale = folder.run("apply", "plan.json", "--max-tenants", "1", "--force")
    forced = folder.run("apply", "--auto-approve", "--max-tenants", "1", "--force")

    assert stale.code == 4, stale.everything
    assert "isContractor" in stale.err
    assert forced.code == 0, forced.everything
    assert len(dev_tenant.schemas()) == 2
