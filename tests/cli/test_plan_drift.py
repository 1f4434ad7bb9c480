"""`plan` tells drift by kind, and since when where the audit trail knows; it never needs one."""

import json
from pathlib import Path

import pytest

from tests.support.program import HR_URN, DevTenant, Folder

HR = "desired-state/extensions/hr-extension.yaml"
STATE = ".reconciler/state.db"


def reported(folder: Folder, *options: str) -> list[tuple[str, str, bool]]:
    """Kind, last part of the URN and whether it is known since when, of each drift."""
    done = folder.run("plan", "--format", "json", *options)
    assert done.code == 0, done.everything
    plan = json.loads(done.out)
    return [
        (d["kind"], d["schema_id"].rpartition(":")[2], d["since"] is not None)
        for tenant in plan["tenants"]
        for d in tenant["drift"]
    ]


def test_before_the_first_apply_nothing_has_drifted_and_no_store_is_made(folder: Folder):
    assert reported(folder) == []
    assert not (folder.path / STATE).exists()


def test_drift_is_shown_by_kind_with_its_date(dev_tenant: DevTenant):
    folder = dev_tenant.folder
    assert folder.run("apply", "--auto-approve").code == 0
    assert reported(folder) == []
    [created] = [r for r in folder.audit() if r["event"].endswith("_CREATED")][:1]

    live = dev_tenant.get(HR_URN)
    dev_tenant.put(HR_URN, {**live, "description": "changed by hand"})
    dev_tenant.post({**live, "id": f"{HR_URN}2", "name": "HRExtension2"})
    assert reported(folder) == [
        ("changed", "HRExtension", True),
        ("unmanaged", "HRExtension2", False),
    ]
    text = folder.run("plan").out
    assert f"      changed out of band after {created['timestamp']}\n" in text
    markdown = folder.run("plan", "--format", "markdown").out
    assert "**Needs a look:** 1 changed out of band." in markdown
    assert (
        f"- changed out of band after `{created['timestamp']}`: `hr-extension` on `dev`" in markdown
    )

    (folder.path / HR).unlink()
    assert ("unmanaged", "HRExtension", True) in reported(folder)
    assert "HRExtension (was managed at " in folder.run("plan").out


def test_an_edited_manifest_is_outdated_and_not_changed(folder: Folder):
    folder.run("apply", "--auto-approve")
    folder.edit(HR, "Automated HR", "Another HR")

    assert reported(folder) == [("outdated", "HRExtension", True)]


ADDED = "      - {name: badge, type: string, returned: always}\n      - {name: isContractor"
OWNED = "  personal: [badge]\n  owners: {exposing: [dpo@example.com]}\n  schema:"


def test_an_attribute_added_where_update_is_not_opted_in_is_no_apply_that_looks_well(
    folder: Folder,
):
    folder.run("apply", "--auto-approve")
    folder.edit(HR, "      - {name: isContractor", ADDED)
    folder.edit(HR, "  schema:", OWNED)

    done = folder.run("apply", "--auto-approve", "--report", "report.json")

    why = (
        f"onDrift is skip (the default; {HR}:2 can set it below spec); "
        "with update it would be written: attributes.badge"
    )
    for text in (done.out, folder.run("plan").out, folder.run("plan", "--format", "markdown").out):
        assert "only the manifest has changed" in text
        assert why in text
        assert "with update, must approve what is exposing: dpo@example.com" in text
        assert "with update, READER: attribute 'badge': personal data, returned unasked" in text
    assert done.code == 0
    assert (
        "local/hr-extension: left as it is: only the manifest has changed: live is as" in done.out
    )
    assert "Extensions: 0 added, 0 changed, 0 destroyed, 1 outdated and left as is." in done.out
    [tenant] = json.loads((folder.path / "report.json").read_text())["tenants"]
    assert tenant["changes"][0]["detail"].endswith(f"; {why}")
    assert folder.run("plan", "--detailed-exitcode").code == 2


def test_a_skip_names_the_line_of_on_drift_and_why_update_would_be_blocked(folder: Folder):
    folder.edit(HR, "  schema:", "  onDrift: skip\n  schema:")
    folder.run("apply", "--auto-approve")
    folder.edit(HR, "isContractor, type: boolean", "isContractor, type: string")

    text = folder.run("apply", "--auto-approve").out

    assert f"; onDrift is skip ({HR}:8); with update it would be blocked (incompatible), " in text
    assert "because characteristics of isContractor would change. An update here adds" in text
    [change, _] = folder.plan()["tenants"][0]["changes"]
    assert change["withheld"]["on_drift"] == {"path": HR, "line": 8}
    assert change["withheld"]["action"] == "blocked"
    assert change["withheld"]["reason"] == "incompatible"
    assert change["withheld"]["kinds"] == ["narrowing"]
    folder.edit(HR, "onDrift: skip", "onDrift: update")
    [change, _] = folder.plan()["tenants"][0]["changes"]
    assert (change["action"], change["reason"]) == ("blocked", "incompatible")
    assert change["withheld"] is None


def test_without_a_trail_a_skip_says_that_nobody_knows_which_side_has_changed(folder: Folder):
    folder.run("apply", "--auto-approve")
    folder.edit(HR, "      - {name: isContractor", ADDED)

    text = folder.run("plan", "--format", "markdown", "--state", "sqlite:///none.db").out

    assert "**Needs a look:** 1 drifted." in text
    assert "- drifted, and no audit trail here says which side has changed, left as it is: " in text
    assert "with update it would be written: attributes.badge`" in text


def test_an_extension_that_is_gone_is_missing(folder: Folder):
    folder.run("apply", "--auto-approve")
    (folder.path / ".reconciler/embedded/local.db").unlink()

    assert reported(folder) == [
        ("missing", "HRExtension", True),
        ("missing", "WorkAssignments", True),
    ]
    assert "  + create: " in folder.run("plan").out
    assert "      missing: it was there at 2" in folder.run("plan").out


def test_a_plan_is_the_same_with_and_without_a_trail_but_for_the_dates(folder: Folder):
    folder.run("apply", "--auto-approve")
    (folder.path / ".reconciler/embedded/local.db").unlink()
    knowing = folder.plan()

    unknowing = json.loads(
        folder.run("plan", "--format", "json", "--state", "sqlite:///none.db").out
    )

    assert knowing["digest"] == unknowing["digest"]
    assert unknowing["tenants"][0].pop("drift") == []
    assert knowing["tenants"][0].pop("drift") != []
    assert knowing["tenants"] == unknowing["tenants"]


def test_a_plan_that_knows_since_when_is_applied_by_a_run_that_does_not(folder: Folder):
    folder.run("apply", "--auto-approve")
    (folder.path / ".reconciler/embedded/local.db").unlink()
    folder.run("plan", "--out", "plan.json")

    done = folder.run("apply", "plan.json")

    assert done.code == 0, done.everything


def assert_warned(folder: Folder, state: str) -> None:
    done = folder.run("plan", "--state", state)
    assert done.code == 0, done.everything
    assert "Plan: 2 to add" in done.out
    assert "warning: the plan does not say since when anything has drifted: " in done.err
    assert "Traceback" not in done.err


def test_a_store_that_cannot_be_read_is_a_warning_and_no_more(folder: Folder):
    Path(folder.path / "odd.db").write_bytes(b"odd" * 1000)

    assert_warned(folder, "sqlite:///odd.db")
    assert_warned(folder, "sqlite:///desired-state")
    assert_warned(folder, "postgresql+psycopg://x@127.0.0.1:1/x")


@pytest.mark.parametrize(
    ("state", "reported"),
    [
        ("mysql://localhost/x", "cannot be mysql"),
        ("postgresql+psycopg://x:hunter2@localhost/x", "holds a password"),
    ],
)
def test_a_state_that_can_never_be_one_ends_the_plan_before_a_tenant_is_read(
    folder: Folder, state: str, reported: str
):
    done = folder.run("plan", "--state", state)

    assert done.code == 1
    assert reported in done.err
    assert done.out == ""
    assert "hunter2" not in done.everything
