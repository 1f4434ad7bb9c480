"""The path as a person walks it: plan, apply, look, drift; on real HTTP and real processes."""

import json
import os
import re
import time

import pytest

from tests.support.arena import front_of
from tests.support.program import HR_URN, WORK_URN, DevTenant, Folder, started_dev_tenant
from tests.support.receiver import receiving


def test_applying_again_changes_nothing_and_tells_hr_nothing(folder: Folder):
    folder.run("apply", "--auto-approve")

    again = folder.run("apply", "--auto-approve")

    assert again.code == 0
    assert "0 added, 0 changed" in again.out
    assert "0 delivered, 0 pending" in again.out


def test_the_trail_tells_the_story(folder: Folder):
    folder.run("apply", "--auto-approve")

    records = folder.audit()

    assert [record["event"] for record in records] == [
        "RUN_STARTED",
        "SCHEMA_EXTENSION_CREATE_INTENDED",
        "SCHEMA_EXTENSION_CREATED",
        "SCHEMA_EXTENSION_CREATE_INTENDED",
        "SCHEMA_EXTENSION_CREATED",
        "HR_SYNC_COMPLETED",
        "HR_SYNC_COMPLETED",
        "RUN_COMPLETED",
    ]
    created, synced = records[2], records[5]
    assert (created["status"], created["schema_id"]) == ("SUCCESS", HR_URN)
    assert created["attributes_count"] == 3
    assert created["latency_ms"] >= 0
    assert (synced["status"], synced["webhook_status"]) == ("SYNCED", 204)
    assert synced["latency_ms"] >= 0
    verified = folder.run("audit", "verify")
    assert verified.code == 0
    assert verified.out == f"whole, unanchored: 8 records, head {records[-1]['hash']}\n"
    listed = folder.run("audit", "list", "--last", "3")
    assert len(listed.out.splitlines()) == 3
    announced = folder.run("webhooks", "list")
    assert announced.out.count("(1 attempt, last answer 204)") == 2


def test_a_trail_cut_off_at_its_end_is_found_by_the_head_noted_before(folder: Folder):
    folder.run("apply", "--auto-approve")
    head = folder.audit()[-1]["hash"]
    folder.run("apply", "--auto-approve")

    for known in (head, head.upper(), "0" * 64):  # the last is the head of a trail yet to begin
        assert folder.run("audit", "verify", "--head", known).code == 0
    unknown = folder.run("audit", "verify", "--head", "f" * 64)
    assert unknown.code == 1
    assert "records are missing at its end" in unknown.err


def test_the_same_over_real_http_with_real_tokens(dev_tenant: DevTenant):
    folder = dev_tenant.folder

    planned = folder.run("plan")
    applied = folder.run("apply", "--auto-approve")
    again = folder.run("plan", "--detailed-exitcode")

    assert "Plan: 2 to add" in planned.out, planned.err
    assert applied.code == 0, applied.everything
    assert again.code == 0
    assert sorted(schema["id"] for schema in dev_tenant.schemas()) == [HR_URN, WORK_URN]
    assert len(dev_tenant.inbox()) == 2


def test_what_is_created_has_every_characteristic_that_the_tutorial_names(dev_tenant: DevTenant):
    dev_tenant.folder.run("apply", "--auto-approve")

    hr, work = dev_tenant.get(HR_URN), dev_tenant.get(WORK_URN)

    members = {
        "name", "type", "multiValued", "required", "caseExact", "mutability", "returned",
        "uniqueness",
    }  # fmt: skip
    assert all(members <= attribute.keys() for attribute in hr["attributes"])
    assert hr["attributes"][0] == {
        "name": "hrDepartmentCode",
        "type": "string",
        "multiValued": False,
        "required": False,
        "caseExact": True,
        "mutability": "readWrite",
        "returned": "always",
        "uniqueness": "none",
    }
    assignments = work["attributes"][0]
    assert assignments["multiValued"] is True
    assert all(members <= sub.keys() for sub in assignments["subAttributes"])
    kinds = [sub.get("canonicalValues") for sub in assignments["subAttributes"]]
    assert ["permanent", "temporary", "project"] in kinds


def test_hr_gets_a_signed_thin_event(dev_tenant: DevTenant):
    dev_tenant.folder.run("apply", "--auto-approve")

    [(first, body)] = [
        (event, body)
        for event in dev_tenant.inbox()
        if (body := json.loads(event["body"]))["extension_id"] == HR_URN
    ]
    assert body["event_type"] == "SCHEMA_EXTENSION_DEPLOYED"
    assert body["target_system"] == "Genesys Cloud"
    assert {
        "name": "isContractor",
        "type": "boolean",
        "mutability": "readWrite",
        "adoption_tracking": True,
    } in body["attributes"]
    assert body["event_id"] == first["id"]
    assert (body["tenant"], body["sequence"]) == ("dev", 1)


def test_drift_is_shown_and_left_alone(dev_tenant: DevTenant):
    folder = dev_tenant.folder
    folder.run("apply", "--auto-approve")
    live = dev_tenant.get(HR_URN)
    live["attributes"][0]["caseExact"] = False
    dev_tenant.put(HR_URN, live)

    planned = folder.run("plan", "--detailed-exitcode")
    applied = folder.run("apply", "--auto-approve")

    assert planned.code == 2
    assert "! drifted, left as it is" in planned.out
    assert "~ attributes.hrDepartmentCode.caseExact: live false, desired true" in planned.out
    assert applied.code == 0
    assert dev_tenant.get(HR_URN)["attributes"][0]["caseExact"] is False


def test_an_update_that_was_opted_into_adds_an_attribute_and_keeps_what_is_there(
    dev_tenant: DevTenant,
):
    folder = dev_tenant.folder
    folder.run("apply", "--auto-approve")
    file = "desired-state/extensions/hr-extension.yaml"
    folder.edit(file, "spec:\n", "spec:\n  onDrift: update\n")
    folder.edit(file, "    attributes:\n", "    attributes:\n      - {name: grade, type: string}\n")

    planned = folder.run("plan")
    applied = folder.run("apply", "--auto-approve")

    assert "Plan: 0 to add, 1 to change, 0 to destroy." in planned.out, planned.everything
    assert "0 added, 1 changed" in applied.out, applied.everything
    names = [attribute["name"] for attribute in dev_tenant.get(HR_URN)["attributes"]]
    assert set(names) == {"grade", "hrDepartmentCode", "isContractor", "payrollStartDate"}
    last = json.loads(dev_tenant.inbox()[-1]["body"])
    assert last["event_type"] == "SCHEMA_EXTENSION_UPDATED"
    assert folder.run("plan", "--detailed-exitcode").code == 0


def test_a_dead_receiver_gets_the_event_once_it_is_there_under_the_same_id(
    dev_tenant: DevTenant,
):
    folder = dev_tenant.folder
    secret = dev_tenant.secret("webhook-secret")
    with receiving(secret) as receiver:
        folder.edit(
            "desired-state/tenants/dev.yaml", f"{dev_tenant.root}/hr/scim/sync", receiver.url
        )
    applied = folder.run("apply", "--auto-approve", "--target", "hr-extension")
    listed = json.loads(folder.run("webhooks", "list", "--format", "json").out)

    with receiving(secret, port=receiver.port) as receiver:
        delivered = folder.run("webhooks", "deliver", "--now")
        again = folder.run("webhooks", "deliver", "--now")

    assert applied.code == 0
    assert "webhook not delivered: dev: " in applied.out
    assert "0 delivered, 1 pending" in applied.out
    assert delivered.code == 0, delivered.everything
    assert delivered.out == "1 delivered, 0 pending\n"
    assert again.out == "0 delivered, 0 pending\n"
    assert [event.id for event in receiver.got] == [listed[0]["event_id"]]
    statuses = [r["status"] for r in folder.audit() if r["event"] == "HR_SYNC_COMPLETED"]
    assert statuses == ["FAILED", "SYNCED"]


def test_what_a_receiver_wanted_no_more_is_sent_again_when_it_is_asked_for(
    dev_tenant: DevTenant,
):
    folder = dev_tenant.folder
    with front_of(dev_tenant.root) as front:
        folder.edit("desired-state/tenants/dev.yaml", f"{dev_tenant.root}/hr/", f"{front.root}/hr/")
        front.instead = lambda seen: (410, {})
        applied = folder.run("apply", "--auto-approve")
        refused = folder.run("webhooks", "replay", "--given-up")
        front.calm()
        due = folder.run("webhooks", "deliver", "--now")
        replayed = folder.run("webhooks", "replay", "--given-up")
        [first, second] = json.loads(folder.run("webhooks", "list", "--format", "json").out)
        once_more = folder.run("webhooks", "replay", first["event_id"])

    assert "given up, only `webhooks replay` sends it" in applied.out
    assert (refused.code, refused.out) == (1, "0 delivered, 0 pending\n")
    assert due.out == "0 delivered, 0 pending\n"
    assert (replayed.code, replayed.out) == (0, "2 delivered, 0 pending\n")
    assert (once_more.code, once_more.out) == (0, "1 delivered, 0 pending\n")
    assert first["state"] == second["state"] == "delivered"
    got = sorted(json.loads(event["body"])["event_id"] for event in dev_tenant.inbox())
    assert got == sorted([first["event_id"], second["event_id"]])  # it drops an id that it has seen
    statuses = [r["status"] for r in folder.audit() if r["event"] == "HR_SYNC_COMPLETED"]
    assert statuses == ["FAILED"] * 4 + ["SYNCED"] * 3


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ([], "name one event, by its id in `reconciler webhooks list`, or give --given-up"),
        (["evt_1", "--given-up"], "name one event, by its id"),
        (["evt_1"], "evt_1 is no id of an event; see `reconciler webhooks list`"),
        (
            ["evt_" + "0" * 32],
            f"no event evt_{'0' * 32} was announced, or it was delivered longer ago",
        ),
        (["evt\n::error::x"], "evt\\n::error::x is no id of an event"),
        ([os.fsdecode(b"evt_\xff")], "is no id of an event"),
    ],
)
def test_a_replay_of_nothing_that_was_announced_says_what_to_give(
    folder: Folder, words: list[str], told: str
):
    folder.run("apply", "--auto-approve")

    done = folder.run("webhooks", "replay", *words)

    assert done.code == 1
    assert told in done.err
    assert done.err.count("\n") == 1


def test_what_waits_is_not_replayed_and_the_program_says_what_sends_it(dev_tenant: DevTenant):
    folder = dev_tenant.folder
    dev_tenant.set_faults(hr_down=True)
    folder.run("apply", "--auto-approve")
    [first, _] = json.loads(folder.run("webhooks", "list", "--format", "json").out)

    done = folder.run("webhooks", "replay", first["event_id"])

    assert done.code == 1
    assert "waits to be delivered: `reconciler webhooks deliver --now` sends it" in done.err
    assert done.err.count("\n") == 1


def test_what_is_not_due_yet_waits_and_the_program_says_until_when(dev_tenant: DevTenant):
    folder = dev_tenant.folder
    dev_tenant.set_faults(hr_down=True)
    folder.run("apply", "--auto-approve")
    folder.run("webhooks", "deliver", "--now")
    started = time.monotonic()

    waiting = folder.run("webhooks", "deliver")

    assert waiting.code == 0
    assert waiting.out == "0 delivered, 2 pending\n"
    assert re.search(r"the next is due at 20\d\d-.*; --now does not wait for it", waiting.err)
    assert time.monotonic() - started < 30


def test_unmanaged_extensions_are_listed_and_left_alone(dev_tenant: DevTenant):
    urn = "urn:ietf:params:scim:schemas:extension:genesys:2.0:User:Theirs"
    attributes = [{"name": "x", "type": "string", "multiValued": False}]
    dev_tenant.post({"id": urn, "name": "Theirs", "attributes": attributes, "vendorKey": 7})

    applied = dev_tenant.folder.run("apply", "--auto-approve")

    assert f"unmanaged, left alone: {urn}" in applied.out
    assert dev_tenant.get(urn)["vendorKey"] == 7


def test_creates_beyond_the_limit_are_blocked_in_the_order_of_their_urns(dev_tenant: DevTenant):
    for number in range(9):
        urn = f"urn:ietf:params:scim:schemas:extension:genesys:2.0:User:Old{number}"
        dev_tenant.post({"id": urn, "name": "Old", "attributes": [{"name": "x"}]})

    planned = dev_tenant.folder.run("plan")
    applied = dev_tenant.folder.run("apply", "--auto-approve")

    assert "9 of 10 extensions in use" in planned.out
    assert f"+ create: {HR_URN}" in planned.out
    assert f"x blocked (extension-limit): {WORK_URN}" in planned.out
    assert planned.code == 0
    assert applied.code == 3
    assert "Apply ended partly. Extensions: 1 added" in applied.out


def test_a_signal_ends_the_dev_tenant_in_peace_and_it_remembers(dev_tenant: DevTenant):
    dev_tenant.folder.run("apply", "--auto-approve")
    name = dev_tenant.folder.path / ".reconciler/embedded/dev.db"

    assert name.stat().st_mode & 0o077 == 0
    assert [path.stat().st_mode & 0o077 for path in dev_tenant.secrets.iterdir()] == [0, 0, 0]


def test_a_secret_of_the_dev_tenant_is_its_owners_alone_where_a_file_was_there_too(folder: Folder):
    there = folder.write(".reconciler/secrets/dev-client-id", "from before")
    there.chmod(0o644)

    with started_dev_tenant(folder) as tenant:
        assert tenant.secret("client-id") != "from before"
        assert there.stat().st_mode & 0o777 == 0o600
