"""A tenant that is renamed or removed: what `status` and each run say, `formerly`, and the end."""

import json

from tests.support.applied import applied
from tests.support.program import DevTenant, Folder, assert_reported

__all__ = ["applied"]

FOLDER = "desired-state/all.yaml"
NAME, BASE_URL = '"name": "dev"', '"baseUrl": "embedded://dev"'


def unclaimed(folder: Folder) -> list[str]:
    status = json.loads(folder.run("status", "--format", "json").out)
    return [each["name"] for each in status["unclaimed"]]


def test_a_renamed_tenant_is_named_until_its_manifest_says_what_it_was_called(
    applied: Folder,
) -> None:
    applied.edit(FOLDER, NAME, '"name": "renamed"')

    planned = applied.run("plan")
    before = unclaimed(applied)
    applied.edit(FOLDER, BASE_URL, f'{BASE_URL}, "formerly": ["dev"]')
    carried = json.loads(applied.run("apply", "--auto-approve", "--format", "json").out)
    listed = applied.output("audit", "list", "--tenant", "ren*", "--last", "99")
    gone = applied.run("gate", "dev", "urn:x")
    imports = [applied.run("import", "dev", *when) for when in ((), ("--verified-at", "1h"))]

    assert "warning: the trail has a history of dev, and no manifest here has" in planned.err
    assert before == ["dev"]
    assert carried["warnings"] == []
    assert unclaimed(applied) == []
    named = {record["tenant"] for record in listed["data"]["records"]}
    assert named == {"dev", "renamed"}
    assert applied.run("audit", "verify").code == 0
    for done in (gone, *imports):
        assert_reported(done, 1, "the tenant dev is called renamed now")


def test_a_former_name_is_dropped_on_purpose_and_only_where_no_tenant_has_it(
    applied: Folder,
) -> None:
    refused = applied.run("webhooks", "drop", "--tenant", "dev", "--auto-approve")
    applied.edit(FOLDER, NAME, '"name": "renamed"')
    unknown = applied.run("webhooks", "drop", "--tenant", "dve", "--auto-approve")
    unasked = applied.run("webhooks", "drop", "--tenant", "dev")
    dropped = applied.run("webhooks", "drop", "--tenant", "dev", "--auto-approve")

    assert_reported(refused, 1, "dev is a tenant, at desired-state/all.yaml:1")
    assert_reported(unknown, 1, "the store keeps nothing of 'dve'; did you mean")
    assert_reported(unasked, 1, "nobody is there to approve: give --auto-approve")
    assert dropped.code == 0, dropped.everything
    assert dropped.out == "nothing is open under dev: only that its history is no longer named\n"
    assert unclaimed(applied) == []
    assert applied.run("audit", "verify").code == 0


def test_what_was_dropped_is_told_in_json(dev_tenant: DevTenant) -> None:
    folder = dev_tenant.folder
    dev_tenant.set_faults(hr_down=True)
    folder.run("apply", "--auto-approve")
    folder.edit("desired-state/tenants/dev.yaml", "name: dev", "name: renamed")

    unasked = folder.output("webhooks", "drop", "--tenant", "dev")
    dropped = folder.output("webhooks", "drop", "--tenant", "dev", "--auto-approve")

    assert unasked["data"] is None
    assert "--format json asks nobody" in unasked["diagnostics"][-1]["message"]
    [pending] = dropped["data"].pop("pending")
    assert (pending["url"].endswith("/hr/scim/sync"), pending["webhooks"]) == (True, 2)
    assert dropped["data"] == {"tenant": "dev", "called_now": None, "writes": [], "held": []}
