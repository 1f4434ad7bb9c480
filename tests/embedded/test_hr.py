"""The HR receiver: it believes what the `standardwebhooks` package signs, and nothing else."""

from datetime import UTC, datetime, timedelta

import pytest
import requests
from hypothesis import given, settings
from hypothesis import strategies as st
from standardwebhooks import Webhook

from reconciler.domain.secret import Secret
from reconciler.embedded import Faults
from reconciler.embedded.hr import verified_timestamp
from reconciler.embedded.wire import Request
from tests.support.embedded_client import Client, TestClock

BODY = '{"event_type":"SCHEMA_EXTENSION_DEPLOYED"}'
SECRET = "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="
NOW = datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC)


def signed(secret: str, body: str, moment: datetime, identifier: str = "evt_1") -> dict[str, str]:
    """The headers that the reference library makes."""
    return {
        "webhook-id": identifier,
        "webhook-timestamp": str(int(moment.timestamp())),
        "webhook-signature": Webhook(secret).sign(identifier, moment, body),
    }


def deliver(client: Client, headers: dict[str, str], body: str = BODY) -> requests.Response:
    return client.session.post(
        client.access.webhook_url, data=body.encode(), headers=headers, timeout=10
    )


def test_a_signed_webhook_is_kept_and_its_copies_are_counted(
    client: Client, clock: TestClock
) -> None:
    secret = client.access.webhook_secret.reveal()

    first = deliver(client, signed(secret, BODY, clock()))
    clock.advance(30)
    again = deliver(client, signed(secret, BODY, clock()))
    other = deliver(client, signed(secret, "{}", clock(), "evt_2"), "{}")

    assert [first.status_code, again.status_code, other.status_code] == [204, 204, 204]
    sent = int((clock() - timedelta(seconds=30)).timestamp())
    assert client.raw("GET", "/hr/scim/sync").json() == [
        {"id": "evt_1", "timestamp": sent, "body": BODY, "copies": 2},
        {"id": "evt_2", "timestamp": sent + 30, "body": "{}", "copies": 1},
    ]


def test_one_id_with_two_bodies_shows_as_two(client: Client, clock: TestClock) -> None:
    secret = client.access.webhook_secret.reveal()
    deliver(client, signed(secret, BODY, clock()))
    deliver(client, signed(secret, "{}", clock()), "{}")

    assert [row["copies"] for row in client.raw("GET", "/hr/scim/sync").json()] == [1, 1]


@pytest.mark.parametrize("missing", ["webhook-id", "webhook-timestamp", "webhook-signature"])
def test_a_webhook_without_one_of_the_headers_is_401(
    client: Client, clock: TestClock, missing: str
) -> None:
    headers = signed(client.access.webhook_secret.reveal(), BODY, clock())
    del headers[missing]

    assert deliver(client, headers).status_code == 401
    assert client.raw("GET", "/hr/scim/sync").json() == []


def test_a_webhook_signed_with_another_secret_is_401(client: Client, clock: TestClock) -> None:
    answer = deliver(client, signed(SECRET, BODY, clock()))

    assert (answer.status_code, answer.json()["status"]) == (401, "401")


@pytest.mark.parametrize(
    ("seconds", "status"), [(-301, 401), (-300, 204), (0, 204), (300, 204), (301, 401)]
)
def test_a_webhook_may_be_five_minutes_old_or_early(
    client: Client, clock: TestClock, seconds: int, status: int
) -> None:
    moment = clock() + timedelta(seconds=seconds)

    answer = deliver(client, signed(client.access.webhook_secret.reveal(), BODY, moment))

    assert answer.status_code == status


def test_while_hr_is_down_it_answers_503_and_keeps_nothing(
    client: Client, clock: TestClock
) -> None:
    headers = signed(client.access.webhook_secret.reveal(), BODY, clock())
    client.break_with(Faults(hr_down=True))
    down = deliver(client, headers)
    client.break_with(Faults())
    up = deliver(client, headers)

    assert (down.status_code, up.status_code) == (503, 204)
    assert client.raw("GET", "/hr/scim/sync").json()[0]["copies"] == 1


def test_the_receiver_takes_only_get_and_post(client: Client) -> None:
    answer = client.raw("PUT", "/hr/scim/sync")

    assert (answer.status_code, answer.headers["Allow"]) == (405, "GET, POST")


# -- laws -----------------------------------------------------------------------------------------


def verdict(headers: dict[str, str], body: bytes) -> int | None:
    request = Request(
        method="POST", root="http://127.0.0.1", path="/hr/scim/sync",
        query={}, headers=headers, body=body,
    )  # fmt: skip
    return verified_timestamp(Secret(SECRET), request, now=NOW.timestamp())


printable = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=20)


@settings(deadline=None)
@given(body=st.text(), identifier=printable, seconds=st.integers(-300, 300))
def test_the_hr_receiver_accepts_whatever_the_reference_library_signs(
    body: str, identifier: str, seconds: int
) -> None:
    moment = NOW + timedelta(seconds=seconds)

    headers = signed(SECRET, body, moment, identifier)

    assert verdict(headers, body.encode()) == int(moment.timestamp())


@settings(deadline=None)
@given(body=st.binary(min_size=1, max_size=50), bit=st.integers(0))
def test_the_hr_receiver_refuses_a_body_with_a_flipped_bit(body: bytes, bit: int) -> None:
    text = body.decode("latin-1")
    headers = signed(SECRET, text, NOW)
    sent = text.encode()
    position = bit % (8 * len(sent))
    flipped = bytearray(sent)
    flipped[position // 8] ^= 1 << position % 8

    assert verdict(headers, sent) is not None
    assert verdict(headers, bytes(flipped)) is None


@settings(deadline=None)
@given(others=st.lists(printable, max_size=4), place=st.integers(0, 4))
def test_one_right_signature_among_any_others_is_enough(others: list[str], place: int) -> None:
    headers = signed(SECRET, BODY, NOW)
    signatures = [*others]
    signatures.insert(place, headers["webhook-signature"])

    assert verdict({**headers, "webhook-signature": " ".join(signatures)}, BODY.encode())
    assert verdict({**headers, "webhook-signature": " ".join(others)}, BODY.encode()) is None


@settings(deadline=None)
@given(timestamp=st.text(max_size=20))
def test_a_timestamp_that_is_no_time_is_refused_and_never_an_error(timestamp: str) -> None:
    headers = {**signed(SECRET, BODY, NOW), "webhook-timestamp": timestamp}

    assert verdict(headers, BODY.encode()) is None
