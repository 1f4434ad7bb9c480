"""`audit list`, `verify` and `export`: what the trail tells, and how a cut one is found."""

import json

import pytest

from tests.support.applied import applied, query
from tests.support.program import HR_URN, DevTenant, Folder

__all__ = ["applied"]


def test_audit_list_last_shows_the_newest_records(applied: Folder) -> None:
    listed = applied.run("audit", "list", "--last", "2").out.splitlines()
    exported = applied.run("audit", "export").out
    applied.run("audit", "export", "--out", "trail.jsonl")

    numbers = [json.loads(line)["seq"] for line in exported.splitlines()]
    assert numbers == list(range(1, len(numbers) + 1))
    assert [int(line.split()[0]) for line in listed] == numbers[-2:]
    assert (applied.path / "trail.jsonl").read_text() == exported


def test_a_failing_audit_export_leaves_no_file(applied: Folder) -> None:
    (applied.path / "out").mkdir()
    (applied.path / "out/trail.jsonl").write_text("as it was")
    query(applied, "ALTER TABLE audit DROP COLUMN before_digest")

    done = applied.run("audit", "export", "--out", "out/trail.jsonl")

    assert done.code == 1
    assert "answers with an error: no such column" in done.err
    assert [each.name for each in (applied.path / "out").iterdir()] == ["trail.jsonl"]
    assert (applied.path / "out/trail.jsonl").read_text() == "as it was"


def test_audit_list_verify_and_export_after_an_apply(folder: Folder):
    folder.run("apply", "--auto-approve")

    records = folder.audit()

    assert [record["event"] for record in records] == [
        "RUN_STARTED",
        "SCHEMA_EXTENSION_CREATE_INTENDED",
        "SCHEMA_EXTENSION_CREATED",
        "SCHEMA_EXTENSION_CREATE_INTENDED",
        "SCHEMA_EXTENSION_CREATED",
        "SCHEMA_EXTENSION_SEARCHED",
        "SCHEMA_EXTENSION_SEARCHED",
        "HR_SYNC_QUEUED",
        "HR_SYNC_QUEUED",
        "HR_SYNC_COMPLETED",
        "HR_SYNC_COMPLETED",
        "RUN_COMPLETED",
    ]
    created, searched, synced = records[2], records[5], records[9]
    assert (created["status"], created["schema_id"]) == ("SUCCESS", HR_URN)
    assert created["attributes_count"] == 3
    assert created["latency_ms"] >= 0
    assert (searched["searchable"], searched["change"]) == (True, created["change"])
    assert searched["searchable_ms"] >= 0
    assert "searchable" not in created
    assert (synced["status"], synced["webhook_status"]) == ("SYNCED", 204)
    assert synced["latency_ms"] >= 0
    verified = folder.run("audit", "verify")
    assert verified.code == 0
    assert verified.out == f"whole, unanchored: 12 records, head {records[-1]['hash']}\n"
    listed = folder.run("audit", "list", "--last", "3")
    assert len(listed.out.splitlines()) == 3
    announced = folder.run("webhooks", "list")
    assert announced.out.count("(1 attempt, last answer 204)") == 2


def test_audit_verify_head_finds_a_trail_cut_at_its_end(folder: Folder):
    folder.run("apply", "--auto-approve")
    head = folder.audit()[-1]["hash"]
    folder.run("apply", "--auto-approve")

    for known in (head, head.upper(), "0" * 64):  # the last is the head of a trail yet to begin
        assert folder.run("audit", "verify", "--head", known).code == 0
    unknown = folder.run("audit", "verify", "--head", "f" * 64)
    assert unknown.code == 1
    assert "records are missing at its end" in unknown.err


def test_every_exported_record_and_event_is_what_the_published_schemas_say(dev_tenant: DevTenant):
    jsonschema = pytest.importorskip("jsonschema")
    folder = dev_tenant.folder
    dev_tenant.set_faults(hr_down=True)
    folder.run("apply", "--auto-approve")
    dev_tenant.set_faults()
    folder.run("webhooks", "deliver", "--now")
    audit, event = (json.loads(folder.run("schema", name).out) for name in ("audit", "event"))

    for record in folder.audit():
        jsonschema.validate(record, audit)
    for got in dev_tenant.inbox():
        jsonschema.validate(json.loads(got["body"]), event)
