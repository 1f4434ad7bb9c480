"""`webhooks list`, `deliver` and `replay`: what HR gets, what waits, and what is sent again."""

import base64
import json
import os
import re
import time

import pytest

from tests.support.applied import applied, query
from tests.support.arena import front_of
from tests.support.older_stores import as_version
from tests.support.program import HR_URN, DevTenant, Folder
from tests.support.receiver import receiving

__all__ = ["applied"]


def test_hr_gets_a_signed_event_without_values(dev_tenant: DevTenant):
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


def test_webhooks_deliver_sends_to_a_receiver_that_came_back(
    dev_tenant: DevTenant,
):
    folder = dev_tenant.folder
    secret = dev_tenant.secret("webhook-secret")
    with receiving(secret) as receiver:
        folder.edit(
            "desired-state/tenants/dev.yaml", f"{dev_tenant.root}/hr/scim/sync", receiver.url
        )
    applied = folder.run("apply", "--auto-approve", "--target", "hr-extension")
    listed = folder.output("webhooks", "list")["data"]["webhooks"]

    with receiving(secret, port=receiver.port) as receiver:
        delivered = folder.run("webhooks", "deliver", "--now")
        again = folder.run("webhooks", "deliver", "--now")

    assert applied.code == 0
    assert "webhook not delivered: dev/hr-extension to " in applied.out
    assert "0 delivered, 1 pending" in applied.out
    assert delivered.code == 0, delivered.everything
    assert delivered.out == "1 delivered, 0 pending\n"
    assert again.out == "0 delivered, 0 pending\n"
    assert [event.id for event in receiver.got] == [listed[0]["event_id"]]
    statuses = [r["status"] for r in folder.audit() if r["event"] == "HR_SYNC_COMPLETED"]
    assert statuses == ["FAILED", "SYNCED"]


@pytest.mark.parametrize("words", [("deliver", "--now"), ("replay", "--given-up")])
def test_sending_webhooks_takes_the_raised_limits_of_the_manifests(folder: Folder, words):
    folder.run("apply", "--auto-approve")
    (folder.path / "desired-state/notes.yaml").write_text("#" * (257 << 10))

    refused = folder.run("webhooks", *words)
    raised = folder.run("webhooks", *words, "--max-file-kib", "512")

    assert refused.code == 1
    assert "raise --max-file-kib" in refused.err
    assert raised.code == 0, raised.everything


def test_webhooks_replay_sends_what_was_given_up(
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
        [first, second] = folder.output("webhooks", "list")["data"]["webhooks"]
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
    ("texts", "reported"),
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
def test_webhooks_replay_of_an_unknown_event_says_what_to_give(
    folder: Folder, texts: list[str], reported: str
):
    folder.run("apply", "--auto-approve")

    done = folder.run("webhooks", "replay", *texts)

    assert done.code == 1
    assert reported in done.err
    assert done.err.count("\n") == 1


def test_webhooks_replay_refuses_an_event_that_still_waits(dev_tenant: DevTenant):
    folder = dev_tenant.folder
    dev_tenant.set_faults(hr_down=True)
    folder.run("apply", "--auto-approve")
    [first, _] = folder.output("webhooks", "list")["data"]["webhooks"]

    done = folder.run("webhooks", "replay", first["event_id"])

    assert done.code == 1
    assert "waits to be delivered: `reconciler webhooks deliver --now` sends it" in done.err
    assert done.err.count("\n") == 1


def test_webhooks_deliver_says_when_a_waiting_event_is_due(dev_tenant: DevTenant):
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


@pytest.mark.parametrize("command", [("webhooks", "deliver"), ("apply", "--auto-approve")])
def test_webhooks_delivered_long_ago_are_pruned_and_stay_announced(
    applied: Folder, command: tuple[str, ...]
) -> None:
    [(event,)] = query(applied, "SELECT event_id FROM outbox")
    assert str(event) in applied.run("webhooks", "list").out
    query(applied, "UPDATE outbox SET delivered_at = '2020-01-01T00:00:00.000Z'")
    kept = applied.run(*command, "--keep-delivered", "100000")
    assert kept.code == 0, kept.everything
    assert str(event) in applied.run("webhooks", "list").out

    done = applied.run(*command)

    assert done.code == 0, done.everything
    assert applied.run("webhooks", "list").out == ""
    again = applied.run("webhooks", "replay", str(event))
    assert again.code == 1
    assert "or it was delivered longer ago than --keep-delivered says" in again.err
    assert query(applied, "SELECT event_id, state, length(body) FROM outbox") == [
        (event, "delivered", 0)
    ]


def waiting(dev_tenant: DevTenant) -> int:
    """Deploy one extension while its receiver is down, and give the port that it will have."""
    folder = dev_tenant.folder
    with receiving(dev_tenant.secret("webhook-secret")) as receiver:
        pass
    folder.edit("desired-state/tenants/dev.yaml", f"{dev_tenant.root}/hr/scim/sync", receiver.url)
    done = folder.run("apply", "--auto-approve", "--target", "hr-extension")
    assert "0 delivered, 1 pending" in done.out
    return receiver.port


def waiting_in_an_older_store(dev_tenant: DevTenant) -> int:
    port = waiting(dev_tenant)
    as_version(6, dev_tenant.folder.path / ".reconciler/state.db")
    return port


FORGED = (
    "INSERT INTO outbox (tenant, url, schema_id, state, event_id, sequence, body, released_by, "
    f"attempts, due_at, seal) SELECT tenant, url, schema_id, 'ready', 'evt_{'f' * 32}', 99, "
    "x'7b7d', released_by, 0, due_at, seal FROM outbox"
)


def test_a_webhook_that_somebody_wrote_into_the_store_is_not_sent(dev_tenant: DevTenant):
    folder = dev_tenant.folder
    secret = dev_tenant.secret("webhook-secret")
    port = waiting(dev_tenant)
    query(folder, FORGED)
    query(folder, "UPDATE outbox SET body = x'7b7d' WHERE id = 1")

    with receiving(secret, port=port) as receiver:
        delivered = folder.run("webhooks", "deliver", "--now")
        applied = folder.run("apply", "--auto-approve", "--target", "hr-extension")
        resigned = folder.run("webhooks", "deliver", "--now", "--resign")
    verified = folder.run("audit", "verify")

    assert receiver.got == []
    assert (delivered.code, delivered.out) == (1, "0 delivered, 2 pending\n")
    assert delivered.err.count("does not carry a seal by the secret of this webhook") == 2
    assert "evt_" + "f" * 32 in delivered.err
    assert "does not carry a seal" in applied.out
    for refused in (resigned, verified):
        assert refused.code == 1
        assert "row 1 of the outbox (evt_" in refused.err
        assert "row 2 of the outbox (evt_" in refused.err
        assert "somebody else has written to it" in refused.err
    assert query(folder, "SELECT attempts FROM outbox WHERE id = 2") == [(0,)]


def test_a_webhook_sealed_by_a_secret_that_was_replaced_is_sealed_anew_on_request(
    dev_tenant: DevTenant,
):
    folder = dev_tenant.folder
    port = waiting(dev_tenant)
    secret = "whsec_" + base64.b64encode(b"another secret of 32 random byte").decode()
    (dev_tenant.secrets / "dev-webhook-secret").write_text(secret)

    with receiving(secret, port=port) as receiver:
        refused = folder.run("webhooks", "deliver", "--now")
        resigned = folder.run("webhooks", "deliver", "--now", "--resign")
        again = folder.run("webhooks", "deliver", "--now", "--resign")

    assert (refused.code, refused.out) == (1, "0 delivered, 1 pending\n")
    assert "`webhooks deliver --resign`" in refused.err
    assert (resigned.code, resigned.out) == (0, "1 delivered, 0 pending\n")
    assert "1 webhook sealed anew" in resigned.err
    assert "0 webhooks sealed anew" in again.err
    assert len(receiver.got) == 1
    assert [r["event"] for r in folder.audit()].count("HR_SYNC_RESEALED") == 1
    assert folder.run("audit", "verify").code == 0


def test_webhooks_that_wait_in_an_older_store_are_sealed_as_it_is_brought_forward(
    dev_tenant: DevTenant,
):
    folder = dev_tenant.folder
    secret = dev_tenant.secret("webhook-secret")
    port = waiting_in_an_older_store(dev_tenant)

    listed = folder.run("webhooks", "list")
    with receiving(secret, port=port):
        delivered = folder.run("webhooks", "deliver", "--now")

    assert listed.code == 1
    assert "`webhooks deliver` or the next apply brings it forward" in listed.err
    assert (delivered.code, delivered.out) == (0, "1 delivered, 0 pending\n")
    assert folder.run("audit", "verify").code == 0


def test_a_webhook_of_an_older_store_that_its_trail_does_not_bear_out_is_not_sent(
    dev_tenant: DevTenant,
):
    folder = dev_tenant.folder
    secret = dev_tenant.secret("webhook-secret")
    port = waiting_in_an_older_store(dev_tenant)
    query(folder, "UPDATE outbox SET body = x'7b7d'")

    with receiving(secret, port=port) as receiver:
        delivered = folder.run("webhooks", "deliver", "--now")

    assert receiver.got == []
    assert (delivered.code, delivered.out) == (1, "0 delivered, 1 pending\n")
    assert folder.run("audit", "verify").code == 1
