"""`audit list`, `verify` and `export`: what the trail tells, and how a cut one is found."""

import json
from datetime import datetime, timedelta, timezone

import pytest

from tests.support.applied import applied, query
from tests.support.program import HR_URN, DevTenant, Folder

__all__ = ["applied"]

URN = "urn:ietf:params:scim:schemas:extension:acme:2.0:User:One"


def test_audit_list_last_shows_the_newest_records(applied: Folder) -> None:
    listed = applied.run("audit", "list", "--last", "2").out.splitlines()
    exported = applied.run("audit", "export").out
    applied.run("audit", "export", "--out", "trail.jsonl")

    numbers = [json.loads(line)["seq"] for line in exported.splitlines()]
    assert numbers == list(range(1, len(numbers) + 1))
    assert [line.split()[0] for line in listed[:3]] == ["SEQ", *map(str, numbers[-2:])]
    assert listed[3:] == ["", "Extensions", f"  one  {URN}"]
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
    rows, _, urns = listed.out.partition("\n\nExtensions\n")
    assert len(rows.splitlines()) == 4  # with the head
    assert urns.split()[::2] == ["hr-extension", "work-assignments"]
    assert synced["change"] == "local/hr-extension"
    announced = folder.run("webhooks", "list").out.partition("\n\n")[0].splitlines()
    assert [line.split()[2] for line in announced[1:]] == ["hr-extension", "work-assignments"]
    ends = [line.split()[-4:] for line in announced[1:]]
    assert ends == [["1", "-", "204", "-"]] * 2  # tries, due, last answer, waits for


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


# audit list: what is asked for, and its JSON


def listed(folder: Folder, *arguments: str) -> list[dict]:
    records: list[dict] = folder.output("audit", "list", "--last", "1000", *arguments)["data"][
        "records"
    ]
    return records


def test_audit_list_in_json_has_the_records_of_the_export(applied: Folder) -> None:
    exported = applied.audit()

    assert listed(applied) == exported
    assert applied.output("audit", "list", "--last", "2")["data"]["records"] == exported[-2:]


@pytest.mark.parametrize(
    ("arguments", "wanted"),
    [
        (("--event", "RUN_STARTED"), lambda r: r["event"] == "RUN_STARTED"),
        (
            ("--event", "run_started", "--event", "HR_SYNC_COMPLETED"),
            lambda r: r["event"] in ("RUN_STARTED", "HR_SYNC_COMPLETED"),
        ),
        (("--status", "synced"), lambda r: r["status"] == "SYNCED"),
        (("--tenant", "d*"), lambda r: r["tenant"] == "dev"),
        (("--tenant", "other"), lambda r: False),
        (("--schema", URN.upper()), lambda r: r["schema_id"] == URN),
        (("--schema", "on?"), lambda r: r["schema_id"] == URN),
        (("--schema", "dev/one"), lambda r: r["schema_id"] == URN),
        (("--schema", "other"), lambda r: False),
        (("--since", "1h"), lambda r: True),
        (("--until", "1h"), lambda r: False),
        (("--since", "2000-01-01", "--until", "2000-01-02"), lambda r: False),
        (("--actor", "nobody"), lambda r: False),
    ],
)
def test_audit_list_shows_what_is_asked_for(applied: Folder, arguments, wanted) -> None:
    assert listed(applied, *arguments) == [each for each in applied.audit() if wanted(each)]


def test_audit_list_takes_times_in_any_zone_and_runs_and_commits_by_their_beginning(
    applied: Folder,
) -> None:
    first = applied.audit()[0]
    at = datetime.fromisoformat(first["timestamp"]).astimezone(timezone(timedelta(hours=5)))

    assert first in listed(applied, "--since", at.isoformat())
    assert first not in listed(applied, "--until", at.isoformat())
    assert {r["run_id"] for r in listed(applied, "--run", first["run_id"][:8])} == {first["run_id"]}
    assert listed(applied, "--commit", "0000000") == []
    shown = applied.run("audit", "list", "--event", "RUN_STARTED").out
    assert f"  {first['actor']}  " in shown


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--event", "RUN_STARTD"), "did you mean RUN_STARTED?"),
        (("--status", "x"), "there are SUCCESS, FAILED, UNKNOWN, RECOVERED, SYNCED"),
        (("--since", "yesterday"), "--since: 'yesterday' is no time"),
        (("--until", "2026-11-30T10:00:00"), "write it with its zone"),
        (("--since", "2026-02-30"), "is no time"),
        (("--since", "999999d"), "is no time"),
        (("--commit", "HEAD"), "--commit: 'HEAD' is no hash of a commit"),
    ],
)
def test_audit_list_says_which_word_or_time_it_does_not_know(
    applied: Folder, arguments, message
) -> None:
    done = applied.run("audit", "list", *arguments)

    assert done.code == 1
    assert message in done.err
    envelope = applied.output("audit", "list", *arguments)
    assert envelope["data"] is None
    assert message in envelope["diagnostics"][0]["message"]


def test_lists_before_the_first_apply_are_empty(folder: Folder) -> None:
    for command in (("audit", "list"), ("webhooks", "list")):
        done = folder.run(*command)
        assert (done.code, done.out) == (0, "")
        assert "yet" in done.err
        [items] = folder.output(*command)["data"].values()
        assert items == []
    assert not (folder.path / ".reconciler").exists()


def test_audit_verify_in_json_names_the_head_or_says_what_is_wrong(applied: Folder) -> None:
    head = applied.audit()[-1]["hash"]

    data = applied.output("audit", "verify", "--head", head)["data"]
    assert data == {"records": len(applied.audit()), "head": head, "anchored": True}
    query(applied, "UPDATE audit SET actor = 'mallory' WHERE seq = 2")
    broken = applied.output("audit", "verify")
    assert broken["data"] is None
    assert "the trail is broken at record 2" in broken["diagnostics"][-1]["message"]
