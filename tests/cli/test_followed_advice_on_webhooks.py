"""Advice on webhooks, followed: where they go, their secrets, and what receivers answer."""

import re
import subprocess
from pathlib import Path

import pytest
import trustme

from tests.support.advice import DELIVER, HR_SECRET, Bench, Row, Step, assert_helps, both, export
from tests.support.faultserver import Received, Script, in_turn, reply, unused_port
from tests.support.receiver import receiving
from tests.support.transport_world import server_context
from tests.support.tunnels import tunnelling

APPLY = ("apply", "--auto-approve")
ANOTHER = "whsec_" + "YW5vdGhlciBzZWNyZXQgb2YgMzIgYnl0ZXMuLi4uLi4h"


def hr(b: Bench) -> None:
    """A receiver that verifies signatures."""
    b.with_webhook(b.stack.enter_context(receiving(HR_SECRET)).url)


def left_over(b: Bench, secret: str = HR_SECRET) -> None:
    """An event that waits for a receiver which could not be reached, and has this secret now."""
    port = unused_port()
    b.with_webhook(f"http://127.0.0.1:{port}/sync")
    b.applied()
    b.stack.enter_context(receiving(secret, port=port))


def answering(script: Script) -> Step:
    """A receiver that answers everything alike, for what an apply has left to it."""

    def begin(b: Bench) -> None:
        b.with_webhook(b.serve(in_turn(script)).url("/old"))
        b.applied()

    return begin


def moved(b: Bench) -> None:
    """The URL that is right; what an apply has left is announced to it by the next one."""
    hr(b)
    b.command = APPLY


def command(*words: str) -> Step:
    return lambda b: setattr(b, "command", words)


def signed_by(*secrets: str) -> Step:
    """What our variables hold: the first secret, and the one before it."""

    def begin(b: Bench) -> None:
        names = ("HR_SECRET", "HR_SECRET_BEFORE")[: len(secrets)]
        b.folder.environ.update(zip(names, secrets, strict=True))
        refs = [{"env": name} for name in names]
        b.spec["webhooks"][0]["secret"] = refs if len(refs) > 1 else refs[0]

    return begin


def sealed_by(secret: str) -> Step:
    """An event that waits, signed and sealed by this secret; the receiver has the right one."""

    def begin(b: Bench) -> None:
        hr(b)
        signed_by(secret)(b)
        b.applied()

    return begin


def as_it_is_made(b: Bench) -> None:
    """The command of the message, word for word."""
    made = re.search(r"echo whsec_\$\(openssl rand -base64 32\)", b.run().everything)
    assert made is not None
    done = subprocess.run(["sh", "-c", made[0]], capture_output=True, text=True, check=True)
    b.folder.environ["HR_SECRET"] = done.stdout.strip()
    b.with_webhook(b.stack.enter_context(receiving(done.stdout.strip())).url, done.stdout.strip())


def gone(b: Bench) -> None:
    """A receiver that wants no more, until it does again."""
    answers = [reply(410)]

    def handle(_: Received) -> Script:
        return answers.pop() if answers else reply(204)

    b.with_webhook(b.serve(handle).url("/sync"))
    b.applied()
    b.command = ("webhooks", "replay", "--given-up")
    answers.append(reply(410))


def unnamed(b: Bench) -> None:
    """An event that waits for a receiver which the manifest no longer names."""
    left_over(b)
    b.kept = b.spec["webhooks"]
    b.with_webhook("http://127.0.0.1:9/elsewhere")


def without_webhooks(b: Bench) -> None:
    left_over(b)
    b.kept = b.spec.pop("webhooks")


def put_back(b: Bench) -> None:
    b.spec["webhooks"] = b.kept


def not_public(b: Bench) -> None:
    """A receiver at an address of this machine that is none of its loopback."""
    authority = trustme.CA()
    authority.cert_pem.write_to_path(b.folder.path / "authority.pem")
    server = b.serve(in_turn(reply(204)), server_context(authority, "0.0.0.0"))
    b.with_webhook(server.url("/sync").replace("127.0.0.1", "0.0.0.0"))
    b.options += ["--ca-bundle", "authority.pem"]


def behind_a_proxy(b: Bench) -> None:
    """A tenant and a receiver that are reached by a proxy alone."""
    authority = trustme.CA()
    authority.cert_pem.write_to_path(b.folder.path / "authority.pem")
    context = server_context(authority, "scim.example.com", "hr.example.com")
    service = b.handle

    def handle(request: Received) -> Script:
        return reply(204) if request.path == "/sync" else service(request)

    tunnels = b.stack.enter_context(tunnelling(b.serve(handle, context).port))
    b.spec["baseUrl"] = "https://scim.example.com/scim/v2"
    b.with_webhook("https://hr.example.com/sync")
    b.options += ["--ca-bundle", "authority.pem", "--proxy", f"http://127.0.0.1:{tunnels.port}"]


def hosts(listed: str) -> Step:
    return export(RECONCILER_WEBHOOK_HOSTS=listed)


def replaying_the_first(b: Bench) -> None:
    left_over(b)
    command("webhooks", "replay", event(b))(b)


def event(b: Bench) -> str:
    found = re.search(r"evt_[0-9a-f]{32}", b.folder.run("webhooks", "list").out)
    assert found is not None
    return found[0]


def plain_http(b: Bench) -> None:
    hr(b)
    b.spec["webhooks"][0]["url"] = "http://hr.example.com/sync"


SENT = "1 delivered, 0 pending"
LIST_IT = "list the host in RECONCILER_WEBHOOK_HOSTS"
DESTINATIONS = {
    "a list without it": Row(
        both(hr, hosts("hr.example.com")), "add it if it may get webhooks", hosts("127.0.0.1"), SENT
    ),
    "an empty list": Row(
        both(hr, hosts("")), "add it if it may get webhooks", hosts("127.0.0.1"), SENT
    ),
    "an address that is not public": Row(not_public, LIST_IT, hosts("0.0.0.0"), SENT),
    "a proxy": Row(
        behind_a_proxy, "list host hr.example.com in RECONCILER_WEBHOOK_HOSTS",
        hosts("hr.example.com"), SENT,
    ),
    "plain http": Row(plain_http, "https", hr, SENT),
    "an authority": Row(
        both(not_public, hosts("0.0.0.0"), lambda b: b.options.clear(), lambda b: b.applied()),
        "with --ca-bundle FILE",
        lambda b: b.options.extend(["--ca-bundle", "authority.pem"]),
        SENT,
    ),
}  # fmt: skip
SECRETS = {
    "none": Row(
        both(hr, lambda b: b.folder.environ.pop("HR_SECRET")), "Export HR_SECRET",
        signed_by(HR_SECRET), SENT,
    ),
    "none for what waits": Row(
        both(left_over, lambda b: b.folder.environ.pop("HR_SECRET")), "Export HR_SECRET",
        signed_by(HR_SECRET), SENT,
    ),
    "no key": Row(both(hr, signed_by("hunter2")), "echo whsec_$(openssl", as_it_is_made, SENT),
    "another key": Row(
        sealed_by(ANOTHER), "compare the secret, and the clock, with the receiver's",
        both(signed_by(HR_SECRET), command(*DELIVER, "--resign")), SENT,
    ),
    "another key, which goes on": Row(
        sealed_by(ANOTHER), "compare the secret, and the clock, with the receiver's",
        signed_by(HR_SECRET, ANOTHER), SENT,
    ),
    "a key that was replaced": Row(
        both(lambda b: left_over(b, ANOTHER), signed_by(ANOTHER)), "`webhooks deliver --resign`",
        command(*DELIVER, "--resign"), SENT,
    ),
}  # fmt: skip
ANSWERS = {
    "a redirect": Row(
        answering(reply(308, b"", {"Location": "/new"})), "name the URL it leads to, and apply",
        moved, "1 delivered",
    ),
    "nothing there": Row(answering(reply(404)), "check the URL", moved, "1 delivered"),
    "no POST there": Row(answering(reply(405)), "check the URL", moved, "1 delivered"),
    "no more": Row(
        gone, "the receiver wants no more of this", command("webhooks", "replay", "--given-up"),
        SENT,
    ),
    "another URL": Row(unnamed, "by the next apply to those that it names", moved, SENT),
    "another URL by mistake": Row(
        unnamed, "put it back", both(put_back, command("webhooks", "replay", "--given-up")), SENT
    ),
    "no URL any more": Row(without_webhooks, "put it back", put_back, SENT),
    "an event that waits": Row(
        replaying_the_first, "`reconciler webhooks deliver --now` sends it", command(*DELIVER), SENT
    ),
    "no event": Row(
        both(left_over, command("webhooks", "replay")),
        "name one event, by its id in `reconciler webhooks list`",
        lambda b: [b.folder.run(*DELIVER), command("webhooks", "replay", event(b))(b)],
        SENT,
    ),
}  # fmt: skip
ROWS = {
    f"{name}: {case}": row
    for name, rows in {
        "destinations": DESTINATIONS, "secrets": SECRETS, "answers": ANSWERS,
    }.items()
    for case, row in rows.items()
}  # fmt: skip


@pytest.mark.parametrize("row", ROWS.values(), ids=ROWS)
def test_advice_on_webhooks_helps(row: Row, tmp_path: Path) -> None:
    assert_helps(row, tmp_path)
