"""`apply --report FILE`: what another program reads of a run."""

import fcntl
import json

import pytest

from tests.support.program import HR_URN, WORK_URN, DevTenant, Folder
from tests.support.store_world import validator

SCHEMA = validator("report")
APPLY = ("apply", "--auto-approve", "--report", "report.json")


def report(folder: Folder) -> dict:
    document: dict = json.loads((folder.path / "report.json").read_text())
    assert [error.message for error in SCHEMA.iter_errors(document)] == []
    return document


def test_the_report_of_a_good_run_agrees_with_trail_and_summary(folder: Folder):
    done = folder.run(*APPLY)

    reported = report(folder)
    trail = folder.audit()
    assert done.code == reported["exit"]["code"] == 0
    assert reported["finished"] is True
    assert reported["run"]["id"] == trail[0]["run_id"]
    assert reported["run"]["plan_digest"] == trail[-1]["plan_digest"]
    assert reported["audit_head"] == {"seq": trail[-1]["seq"], "hash": trail[-1]["hash"]}
    [tenant] = reported["tenants"]
    assert [change["outcome"] for change in tenant["changes"]] == ["applied", "applied"]
    assert len(reported["deliveries"]["attempts"]) == 2
    assert reported["deliveries"]["pending"] == []


@pytest.mark.parametrize("no_create", [False, True])
@pytest.mark.parametrize("hr_down", [False, True])
def test_report_summary_code_trail_and_tenant_agree_in_the_real_program(
    dev_tenant: DevTenant, no_create: bool, hr_down: bool
):
    folder = dev_tenant.folder
    dev_tenant.set_faults(no_create=no_create, hr_down=hr_down)

    done = folder.run(*APPLY)

    reported = report(folder)
    [tenant] = reported["tenants"]
    outcomes = {change["schema_id"]: change["outcome"] for change in tenant["changes"]}
    added = 0 if no_create else 2
    assert done.code == reported["exit"]["code"] == (3 if no_create else 0)
    assert f"Extensions: {added} added" in done.out
    assert outcomes == (
        {HR_URN: "not-applied", WORK_URN: "not-attempted"}
        if no_create
        else {HR_URN: "applied", WORK_URN: "applied"}
    )
    assert len(dev_tenant.schemas()) == added
    created = [r for r in folder.audit() if r["event"] == "SCHEMA_EXTENSION_CREATED"]
    assert [r["status"] for r in created] == (["FAILED"] if no_create else ["SUCCESS"] * added)
    pending = reported["deliveries"]["pending"]
    assert len(pending) == (added if hr_down else 0)
    assert {p["tenant"] for p in pending} <= {"dev"}
    assert f"{len(pending)} pending" in done.out


def test_a_run_that_fails_before_it_begins_has_a_report_too(folder: Folder):
    folder.write("desired-state/broken.yaml", "kind: Nonsense\n")

    done = folder.run(*APPLY)

    reported = report(folder)
    assert done.code == reported["exit"]["code"] == 1
    assert "Nonsense" in reported["exit"]["error"]
    assert reported["run"]["id"] is None
    assert reported["finished"] is False


def test_a_stale_plan_is_reported_with_its_code(folder: Folder):
    done = folder.run("apply", "--approve", "sha256:" + "0" * 64, "--report", "report.json")

    reported = report(folder)
    assert done.code == reported["exit"]["code"] == 4
    assert "nothing was written" in reported["exit"]["meaning"]
    assert {c["outcome"] for t in reported["tenants"] for c in t["changes"]} == {"not-attempted"}


@pytest.mark.parametrize("name", ["nowhere/report.json", "n" * 300])
def test_a_report_that_could_not_be_written_is_refused_before_anything_is_begun(
    folder: Folder, name: str
):
    done = folder.run("apply", "--auto-approve", "--report", name)

    assert done.code == 1
    assert done.err.startswith(f"error: --report {name} cannot be written")
    assert not (folder.path / ".reconciler").exists()


def test_a_locked_tenant_is_reported_with_its_holder(folder: Folder):
    folder.run(*APPLY)
    lock = folder.path / ".reconciler/locks/local.lock"
    lock.write_text("run 7 of somebody since yesterday\n")
    with lock.open("rb+") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        done = folder.run(*APPLY, "--lock-timeout", "1")
        recovery = folder.run("apply", "--recover-only")

    reported = report(folder)
    assert done.code == reported["exit"]["code"] == 5
    assert "run 7 of somebody" in reported["tenants"][0]["locked"]
    assert "still after 1 seconds" in done.out
    assert "waiting up to 1 seconds" in done.err
    assert recovery.code == 5
    assert "is locked by run 7 of somebody" in recovery.out
