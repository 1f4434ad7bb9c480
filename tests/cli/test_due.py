"""`--due`: one job that runs often reads each tenant as often as its `spec.every` says."""

import json
import sqlite3
from datetime import UTC, datetime, timedelta

import pytest

from tests.support.program import Folder, assert_reported

TENANT = """\
apiVersion: reconciler/v1
kind: Tenant
metadata: {name: NAME}
spec: {dialect: rfc7644, baseUrl: "embedded://NAME"EVERY}
"""


@pytest.fixture
def fleet(folder: Folder) -> Folder:
    """Three built-in tenants: `daily` and `weekly` say how often they are read."""
    for name, every in (("daily", "24h"), ("weekly", "7d")):
        text = TENANT.replace("NAME", name).replace("EVERY", f", every: {every}")
        folder.write(f"desired-state/tenants/{name}.yaml", text)
    return folder


def planned(fleet: Folder, *options: str) -> list[str]:
    done = fleet.run("plan", "--due", "--format", "json", *options)
    assert done.code == 0, done.everything
    plan = json.loads(done.out)
    names = [tenant["name"] for tenant in plan["tenants"]]
    assert plan["selection"]["due"] == names
    return names


def move_back(fleet: Folder, hours: int) -> None:
    """As if all that was read had been read so much earlier."""
    store = sqlite3.connect(fleet.path / ".reconciler/state.db")
    at = datetime.now(UTC) - timedelta(hours=hours)
    with store:
        store.execute("UPDATE readings SET read_at = ?", [at.isoformat(timespec="milliseconds")])
    store.close()


def test_plan_due_reads_a_tenant_again_when_its_time_has_come(fleet: Folder) -> None:
    assert planned(fleet) == ["daily", "local", "weekly"]
    assert planned(fleet) == ["local"]
    move_back(fleet, 25)
    assert planned(fleet) == ["daily", "local"]
    assert planned(fleet, "--tenant", "weekly") == []


def test_a_plan_without_due_reads_all_and_keeps_nothing(fleet: Folder) -> None:
    done = fleet.run("plan")

    assert "Plan: 6 to add" in done.out
    assert not (fleet.path / ".reconciler/state.db").exists()
    assert planned(fleet) == ["daily", "local", "weekly"]


def test_what_is_not_due_is_counted_and_the_plan_is_partial(fleet: Folder) -> None:
    planned(fleet)

    done = fleet.run("plan", "--due")

    assert "due: 1 of 3 tenants\n" in done.err
    assert "This plan is partial: --due (1 tenant)" in done.out


def test_apply_due_does_not_count_what_a_plan_has_read(fleet: Folder) -> None:
    planned(fleet)

    first = fleet.run("apply", "--due", "--auto-approve")
    second = fleet.run("apply", "--due", "--auto-approve")

    assert_reported(first, 0, "due: 3 of 3 tenants")
    assert_reported(second, 0, "due: 1 of 3 tenants")
    assert planned(fleet) == ["local"]


def test_an_apply_of_all_counts_for_the_next_that_is_due(fleet: Folder) -> None:
    fleet.run("apply", "--auto-approve")

    assert planned(fleet) == ["local"]


def test_a_tenant_that_could_not_be_read_stays_due(fleet: Folder) -> None:
    away = TENANT.replace('"embedded://NAME"', '"http://127.0.0.1:9/NAME"').replace("NAME", "away")
    fleet.write("desired-state/tenants/away.yaml", away.replace("EVERY", ", every: 24h"))
    fleet.run("plan", "--due", "--read-deadline", "1")

    done = fleet.run("plan", "--due", "--read-deadline", "1")

    assert_reported(done, 1, "due: 2 of 4 tenants", "Tenant away", "not readable")


@pytest.mark.parametrize("part", [("--target", "hr-*"), ("--exclude", "work-*")])
def test_a_tenant_of_which_a_part_was_left_out_stays_due(
    fleet: Folder, part: tuple[str, str]
) -> None:
    assert planned(fleet, *part) == planned(fleet, *part) == ["daily", "local", "weekly"]
    assert fleet.run("apply", "--due", "--auto-approve", *part).code == 0

    rest = fleet.run("apply", "--due", "--auto-approve")

    assert_reported(rest, 0, "due: 3 of 3 tenants", "3 added")
    assert planned(fleet, *part) == ["local"]


def test_a_saved_plan_of_what_was_due_is_applied_to_the_same_tenants(fleet: Folder) -> None:
    fleet.run("plan", "--due", "--tenant", "daily", "--out", "plan.json")

    mixed = fleet.run("apply", "plan.json", "--due")
    done = fleet.run("apply", "plan.json")

    assert_reported(mixed, 1, "a saved plan has its own selection", "--due")
    assert_reported(done, 0, "daily")
    assert "weekly" not in done.out


def test_a_saved_plan_of_nothing_that_was_due_applies_nothing(fleet: Folder) -> None:
    planned(fleet)
    fleet.run("plan", "--due", "--tenant", "daily", "--out", "plan.json")

    done = fleet.run("apply", "plan.json")

    assert done.code == 0, done.everything
    assert "daily" not in done.out


def test_apply_due_takes_what_an_earlier_run_has_left_open(fleet: Folder) -> None:
    fleet.run("apply", "--auto-approve")
    store = sqlite3.connect(fleet.path / ".reconciler/state.db")
    with store:
        store.execute(
            "UPDATE outbox SET state = 'ready', due_at = '2026-01-01T00:00:00.000Z', "
            "ended_by = NULL, delivered_at = NULL WHERE tenant = 'weekly'"
        )
    store.close()

    assert "due: 2 of 3 tenants" in fleet.run("apply", "--due", "--auto-approve").err


def test_a_store_that_cannot_be_written_leaves_all_due_and_the_plan_whole(fleet: Folder) -> None:
    fleet.run("apply", "--auto-approve", "--tenant", "local")
    store = sqlite3.connect(fleet.path / ".reconciler/state.db")
    store.execute("BEGIN IMMEDIATE")
    try:
        done = fleet.run("plan", "--due", "--state-deadline", "1")
    finally:
        store.close()

    assert_reported(done, 0, "warning: what was read is due again at the next run, for")
    assert "Plan: 4 to add" in done.out
