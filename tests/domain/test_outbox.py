from dataclasses import replace
from hashlib import sha256
from typing import Any

import pytest

from reconciler.domain.outbox import Awaited, HeldRow, RowToSend
from tests.support.fakes import HOOK, URN, outbox_row

BODY = b'{"event":"deployed"}'
BODY_DIGEST = f"sha256:{sha256(BODY).hexdigest()}"
ENVELOPE = RowToSend(outbox_row(number=3), BODY).envelope()


@pytest.mark.parametrize(
    "other",
    [
        {"tenant": "other"},
        {"url": "https://other.example.com"},
        {"schema_id": "urn:other"},
        {"event_id": "evt_2"},
        {"sequence": 4},
        {"body": BODY + b" "},
    ],
)
def test_what_is_sealed_changes_with_each_part_of_an_envelope(other: Any) -> None:
    assert replace(ENVELOPE, **other).sealed_content() != ENVELOPE.sealed_content()


def test_what_is_sealed_is_the_same_before_and_after_a_try() -> None:
    tried = RowToSend(outbox_row(number=3, attempts=2), BODY, seal="v1,abc")

    assert tried.envelope().sealed_content() == ENVELOPE.sealed_content()


def test_the_record_of_an_event_names_receiver_number_schema_and_body() -> None:
    about = f"schema sha256:00, body {BODY_DIGEST}"

    assert ENVELOPE.detail("sha256:00") == f"evt_1 to {HOOK}: queued as number 3, {about}"
    assert ENVELOPE.schema_id == URN


@pytest.mark.parametrize(("kind", "named"), [("Group", "Group"), (None, "a resource type")])
def test_a_binding_is_awaited_for_the_resource_type_that_is_written_or_any(
    kind: str | None, named: str
) -> None:
    assert Awaited.binding(kind).text == f"/ResourceTypes to name it for {named}"


@pytest.mark.parametrize(("change", "about"), [("acme/hr", "acme/hr"), (None, f"acme: {URN}")])
def test_a_held_webhook_is_about_a_manifest_or_as_an_older_store_has_it_a_urn(
    change: str | None, about: str
) -> None:
    held = HeldRow(tenant="acme", url=HOOK, schema_id=URN, waits_for="a binding", change=change)

    assert held.about == about
