"""The page about the gate: its receiver believes what is signed and fresh, and nothing else."""

import base64
import importlib.util
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from standardwebhooks import Webhook

from tests.support.pages import page_with

SECRET, OTHER = (
    "whsec_" + base64.b64encode(text).decode()
    for text in (b"a secret that is long enough", b"another that is long enough!")
)
URN = "urn:example:2.0:User:HR"
BADGE, DESK = f"{URN}:badge", f"{URN}:desk.floor"
NOW = datetime.now(UTC)


@pytest.fixture
def may_send(tmp_path: Path) -> Callable[..., bool]:
    """The receiver of the page."""
    file = tmp_path / "receiver.py"
    file.write_text(page_with("docs/reference/gate.md", "python"))
    spec = importlib.util.spec_from_file_location("receiver", file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    found: Callable[..., bool] = module.may_send
    return found


def statement(**members: Any) -> bytes:
    ready = [
        {"schema_id": URN, "attribute": "badge", "ready": True},
        {"schema_id": URN, "attribute": "desk.floor", "ready": False},
    ]
    expires = (NOW + timedelta(hours=26)).isoformat(timespec="milliseconds")
    known = {
        "tenant": "acme",
        "ready": False,
        "attributes": ready,
        "expires_at": expires.replace("+00:00", "Z"),
    }
    return json.dumps(known | members).encode()


def signature(body: bytes, *, name: str = "gate_1", secret: str = SECRET) -> str:
    """The three lines, signed by the reference library."""
    signed = Webhook(secret).sign(name, NOW, body.decode())
    stamp = int(NOW.timestamp())
    return f"webhook-id: {name}\nwebhook-timestamp: {stamp}\nwebhook-signature: {signed}\n"


def test_the_receiver_lets_through_what_is_ready_and_nothing_else(
    may_send: Callable[..., bool],
) -> None:
    body = statement()

    assert may_send(body, signature(body), SECRET, "acme", {BADGE})
    assert not may_send(body, signature(body), SECRET, "acme", {BADGE, DESK})
    assert not may_send(body, signature(body), SECRET, "acme", {f"{URN}:grade"})


@pytest.mark.parametrize(
    ("body", "signed"),
    [
        (statement(), signature(statement(), secret=OTHER)),
        (statement(), signature(statement(), name="evt_1")),
        (statement() + b" ", signature(statement())),
        (statement(), signature(statement(tenant="other"))),
    ],
    ids=["another secret", "a webhook", "another text", "another signature"],
)
def test_the_receiver_believes_nothing_that_is_not_signed_as_a_statement(
    may_send: Callable[..., bool], body: bytes, signed: str
) -> None:
    assert not may_send(body, signed, SECRET, "acme", {BADGE})


@pytest.mark.parametrize(
    "members",
    [
        {"tenant": "other"},
        {"expires_at": (NOW - timedelta(seconds=1)).isoformat().replace("+00:00", "Z")},
    ],
    ids=["another tenant", "expired"],
)
def test_the_receiver_believes_no_statement_of_another_tenant_or_day(
    may_send: Callable[..., bool], members: dict[str, Any]
) -> None:
    body = statement(**members)

    assert not may_send(body, signature(body), SECRET, "acme", {BADGE})
