"""`spec.freeze`: what plan and apply make of it, and `--during-freeze`."""

import json
from datetime import UTC, datetime, timedelta

import pytest

from tests.support.git import git
from tests.support.program import HR_URN, Folder

LOCAL = "desired-state/tenants/local.yaml"
CREATED = "SCHEMA_EXTENSION_CREATED"
TODAY = datetime.now(UTC).date()
FREEZE = f'freeze: [{{from: "{TODAY - timedelta(1)}", to: "{TODAY + timedelta(1)}"}}]'
OPENS = f"{TODAY + timedelta(2)}T00:00:00Z"


@pytest.fixture
def frozen(folder: Folder) -> Folder:
    folder.edit(LOCAL, "spec:\n", f"spec:\n  {FREEZE}\n")
    return folder


def test_a_plan_says_when_a_frozen_tenant_opens(frozen: Folder) -> None:
    text = frozen.run("plan", "--out", "plan.json")
    markdown = frozen.run("show", "plan.json", "--format", "markdown")
    saved = json.loads((frozen.path / "plan.json").read_text())

    assert text.code == 0
    assert f"  frozen until {OPENS}: before that, apply leaves it as it is\n" in text.out
    assert f"- `frozen until {OPENS}`: before that, apply leaves it as it is\n" in markdown.out
    assert saved["tenants"][0]["frozen_until"] == OPENS


def test_an_apply_in_a_freeze_writes_nothing_also_of_what_is_approved_and_forced(
    frozen: Folder,
) -> None:
    frozen.run("plan", "--out", "plan.json")

    done = frozen.run("apply", "plan.json", "--force", "--report", "report.json")

    assert done.code == 3
    assert f"not-attempted: local is frozen until {OPENS}; before that, only" in done.out
    report = json.loads((frozen.path / "report.json").read_text())
    assert {c["outcome"] for c in report["tenants"][0]["changes"]} == {"not-attempted"}
    assert not [r for r in frozen.audit() if r["event"].endswith("INTENDED")]


def test_during_freeze_writes_what_was_approved_and_the_trail_says_so(frozen: Folder) -> None:
    frozen.run("plan", "--out", "plan.json")

    done = frozen.run("apply", "plan.json", "--during-freeze", "local")

    assert done.code == 0, done.err
    records = frozen.audit()
    assert records[0]["detail"] == "--during-freeze local"
    [created] = [r for r in records if (r["event"], r["schema_id"]) == (CREATED, HR_URN)]
    assert created["detail"] == f"applied; written with --during-freeze, frozen until {OPENS}"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            ("--auto-approve", "--during-freeze", "lcal"),
            "--during-freeze lcal names no tenant of this run; did you mean local?",
        ),
        (
            ("--recover-only", "--during-freeze", "local"),
            "--recover-only writes to no tenant, so leave --during-freeze out",
        ),
    ],
)
def test_a_freeze_is_lifted_for_tenants_that_are_written(
    frozen: Folder, options: tuple[str, ...], message: str
) -> None:
    done = frozen.run("apply", *options)

    assert (done.code, message in done.err) == (1, True)


def test_a_pull_request_that_takes_a_freeze_away_is_planned_with_that_of_the_ref(
    frozen: Folder,
) -> None:
    git(frozen.path, "init", "--quiet")
    git(frozen.path, "add", "desired-state")
    git(frozen.path, "commit", "--quiet", "--message", "trusted")
    frozen.edit(LOCAL, f"  {FREEZE}\n", "")

    planned = frozen.run("plan", "--tenants-from", "HEAD")

    assert f"  frozen until {OPENS}: before that" in planned.out
    assert "frozen" not in frozen.run("plan").out


def test_doctor_writes_nothing_in_a_freeze(frozen: Folder) -> None:
    done = frozen.run("doctor", "local", "--probe-writes")

    assert f"not probed: the tenant is frozen until {OPENS}" in done.out.replace("\n", " ")
    assert "0 of 10 extensions in use" in frozen.run("plan").out


def test_a_status_in_a_freeze_says_when_it_is_over_and_needs_nobody(frozen: Folder) -> None:
    frozen.run("apply", "--auto-approve")

    text = frozen.run("status")
    document = json.loads(frozen.run("status", "--format", "json").out)

    assert text.code == 0, text.everything
    assert f"Frozen until {OPENS}: tenant local.\n" in text.out
    assert "0 failed, 0 never read, 2 waiting." in text.out
    [tenant] = document["tenants"]
    assert tenant["frozen_until"] == OPENS
    assert [each["state"] for each in tenant["extensions"]] == ["waiting"] * 2
