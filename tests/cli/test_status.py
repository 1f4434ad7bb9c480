"""`status` and `--metrics`: what the trail has of a fleet, for people and for programs."""

import json
import re
from pathlib import Path

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families

from reconciler.adapters.jsonschemas import check
from reconciler.domain.jsontext import Json
from tests.support.program import HR_URN, DevTenant, Folder, assert_reported

HR = "desired-state/extensions/hr-extension.yaml"


def found(folder: Folder, *options: str) -> Json:
    done = folder.run("status", "--format", "json", *options)
    document = json.loads(done.out)
    assert check(document, "status") == ()
    return document


def numbers(file: Path) -> dict[str, float]:
    return {
        f"{sample.name}{''.join(f' {k}={v}' for k, v in sample.labels.items())}": sample.value
        for family in text_string_to_metric_families(file.read_text())
        for sample in family.samples
    }


def test_before_the_first_apply_nothing_was_read(folder: Folder):
    done = folder.run("status")

    assert_reported(done, 2, "local   never      0/2", "no apply has looked at it yet")
    assert not (folder.path / ".reconciler").exists()


def test_after_an_apply_all_is_in_sync(dev_tenant: DevTenant):
    folder = dev_tenant.folder
    folder.run("apply", "--auto-approve")

    done = folder.run("status")

    assert_reported(done, 0, "2/2", "2 in sync, 0 drifted, 0 blocked")
    assert max(map(len, done.out.splitlines())) <= 80
    [tenant] = found(folder)["tenants"]
    assert [each["state"] for each in tenant["extensions"]] == ["in-sync", "in-sync"]
    assert tenant["needs"] == []


def test_drift_that_stays_needs_a_person(dev_tenant: DevTenant):
    folder = dev_tenant.folder
    folder.run("apply", "--auto-approve")
    manifest = folder.path / HR
    manifest.write_text(manifest.read_text().replace("description: Automated", "description: Our"))

    before = found(folder)
    folder.run("apply", "--auto-approve")
    done = folder.run("status")

    assert before["summary"]["outdated"] == 1
    assert before["tenants"][0]["needs"] == []  # the next apply may write it
    assert_reported(done, 2, "Needs a person:", "dev: hr-extension is outdated, in sync last at")


def test_a_backlog_is_shown(dev_tenant: DevTenant):
    folder = dev_tenant.folder
    manifest = folder.path / "desired-state/tenants/dev.yaml"
    written = manifest.read_text()
    assert "/hr/scim/sync" in written
    manifest.write_text(written.replace("/hr/scim/sync", "/none"))
    folder.run("apply", "--auto-approve")

    document = found(folder)

    assert document["tenants"][0]["webhooks"]["pending"] == 2
    assert document["summary"]["webhooks_pending"] == 2


def test_a_tenant_is_chosen_by_its_name(folder: Folder):
    assert found(folder, "--tenant", "nobody*")["tenants"] == []
    assert [each["name"] for each in found(folder, "--tenant", "lo*")["tenants"]] == ["local"]


def test_metrics_of_plan_apply_and_status_are_openmetrics(folder: Folder):
    file = folder.path / "m.prom"

    folder.run("plan", "--metrics", "m.prom")
    planned = numbers(file)
    folder.run("apply", "--auto-approve", "--metrics", "m.prom")
    applied = numbers(file)
    folder.run("status", "--metrics", "m.prom")
    status = numbers(file)

    assert planned["reconciler_extensions_to_change tenant=local"] == 2
    assert applied["reconciler_changes_applied tenant=local"] == 2
    assert applied["reconciler_webhook_latency_seconds_count"] == 2
    same = ("extensions_in_sync tenant=local", "last_success_timestamp_seconds")
    assert [applied[f"reconciler_{name}"] for name in same] == [
        status[f"reconciler_{name}"] for name in same
    ]
    assert status["reconciler_extensions_in_sync tenant=local"] == 2


@pytest.mark.parametrize("command", [("plan",), ("apply", "--auto-approve"), ("status",)])
def test_a_folder_that_is_not_there_is_said_before_anything_begins(folder: Folder, command):
    done = folder.run(*command, "--metrics", "none/m.prom")

    assert_reported(done, 1, "--metrics none/m.prom cannot be written")
    assert not (folder.path / ".reconciler").exists()


PROMISED = {
    "plan": {"extensions_desired", "extensions_in_sync", "extensions_drifted",
             "extensions_blocked", "extensions_to_change", "tenant_last_read_timestamp_seconds"},
    "apply": {"extensions_desired", "extensions_in_sync", "extensions_drifted",
              "extensions_blocked", "changes_applied", "changes_failed", "webhooks_pending",
              "webhooks_given_up", "change_latency_seconds", "webhook_latency_seconds",
              "tenant_last_read_timestamp_seconds", "last_success_timestamp_seconds"},
    "adoption": {"adoption_holders", "adoption_ratio"},
}  # fmt: skip
PROMISED["status"] = PROMISED["apply"] - {"changes_applied"}


def test_each_command_writes_all_the_numbers_that_are_promised_of_it(dev_tenant: DevTenant):
    folder = dev_tenant.folder
    dev_tenant.add_user("ada")
    found = {}
    for command in (("plan",), ("apply", "--auto-approve"), ("adoption",), ("status",)):
        folder.run(*command, "--metrics", f"{command[0]}.prom")
        text = (folder.path / f"{command[0]}.prom").read_text()
        families = list(text_string_to_metric_families(text))
        assert all(each.samples for each in families)
        found[command[0]] = {each.name.removeprefix("reconciler_") for each in families}

    assert found == PROMISED


def test_before_the_first_apply_the_alarms_go_off(folder: Folder):
    folder.run("status", "--metrics", "m.prom")

    found = numbers(folder.path / "m.prom")

    assert found["reconciler_last_success_timestamp_seconds"] == 0
    assert found["reconciler_tenant_last_read_timestamp_seconds tenant=local"] == 0


def test_a_run_that_fails_before_it_has_numbers_leaves_the_old_ones(folder: Folder):
    folder.run("apply", "--auto-approve", "--metrics", "m.prom")
    old = (folder.path / "m.prom").read_bytes()
    for path in (folder.path / "desired-state").rglob("*.yaml"):
        path.write_text(path.read_text() + "]")

    for command in (("plan",), ("apply", "--auto-approve"), ("adoption",), ("status",)):
        assert folder.run(*command, "--metrics", "m.prom").code == 1

    assert (folder.path / "m.prom").read_bytes() == old
    assert [path.name for path in folder.path.iterdir() if "m.prom" in path.name] == ["m.prom"]


def test_an_apply_whose_numbers_cannot_be_written_shows_what_it_did(folder: Folder):
    name = "m" * 250  # a file can have it, the one that is written beside it cannot

    done = folder.run("apply", "--auto-approve", "--metrics", name, "--report", "r.json")

    assert_reported(done, 1, f"error: {name} cannot be written: File name too long")
    assert "Apply complete! Extensions: 2 added" in done.out
    assert (folder.path / "r.json").exists()


def test_numbers_go_into_a_pipe_which_stays_one(folder: Folder):
    done = folder.run("status", "--metrics", "/dev/stdout")

    assert "# EOF" in done.out


def test_a_line_says_for_how_long_an_extension_drifts(dev_tenant: DevTenant):
    folder = dev_tenant.folder
    folder.run("apply", "--auto-approve")
    live = dev_tenant.get(HR_URN)
    dev_tenant.drift(HR_URN, {**live, "description": "by hand"})
    folder.run("apply", "--auto-approve")

    done = folder.run("status")

    assert "DRIFT SINCE" in done.out
    assert re.search(r"^dev +\d+ s +1/2 +1, \d+ s ", done.out, re.M), done.out
