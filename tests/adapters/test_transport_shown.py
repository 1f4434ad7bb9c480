"""What is shown of a request and its answer: no secret, no value of a user."""

import pytest

from reconciler.adapters.transport.shown import shown_headers, shown_url, with_reply
from reconciler.domain.http_reply import Answer, Loss, NoAnswer
from reconciler.domain.redaction import Redaction
from reconciler.domain.secret import Secret
from reconciler.occurrences import RequestEnded

BASE = "https://api.example.com/scim/v2"
ENDED = RequestEnded(method="GET", url=BASE, seconds=0.1, attempt=1)
REDACTION = Redaction((Secret("hunter2-token"),))


@pytest.mark.parametrize(
    "rest",
    [
        "/Schemas",
        "/Schemas?startIndex=1&count=100",
        "/Schemas/urn:ietf:params:scim:schemas:extension:acme:2.0:User",
        "/Users?count=0&attributes=id%2Curn%3Aacme%3A2.0%3AUser%3Acode",
        "/Users?filter=urn%3Aacme%3A2.0%3AUser%3Acode+pr&count=0",
        "/Users?filter=a+pr+and+not+(b+pr)",
    ],
)
def test_what_is_ours_is_shown(rest: str):
    assert shown_url(BASE + rest, str) == BASE + rest


@pytest.mark.parametrize(
    ("rest", "shown"),
    [
        ("/Users?filter=userName+eq+%22ann%22&count=1", "/Users?filter=…&count=1"),
        ("/Users?filter=code+pr+and+name+sw+%22A%22", "/Users?filter=…"),
        ("/Users?FILTER=x+eq+1", "/Users?FILTER=…"),
        ("/Users?access_token=hunter2", "/Users?…=…"),
        ("/Users?cursor=abc&count=1", "/Users?…=…&count=1"),
        ("/Users?count=ann%40example.com", "/Users?count=…"),
        ("/Users?attributes=a%20b", "/Users?attributes=…"),
        ("/Users?ann", "/Users?…=…"),
        ("/Users/2819c223-7f76", "/Users/…"),
        ("/users/ann/", "/users/…/"),
        ("/Groups/7?attributes=id", "/Groups/…?attributes=id"),
        ("/Schemas/hunter2-token", "/Schemas/…"),
        ("/Schemas/hunter2%2Dtoken", "/Schemas/…"),
    ],
)
def test_what_could_be_of_a_user_or_a_secret_is_not_shown(rest: str, shown: str):
    assert shown_url(BASE + rest, REDACTION.text) == BASE + shown


def test_a_user_name_in_a_url_is_not_shown():
    assert shown_url("https://ann:pw@api.example.com/x", str) == "https://api.example.com/x"


def test_of_headers_that_are_sent_only_the_values_that_are_known_are_shown():
    sent = {
        "Accept": "application/json",
        "Authorization": "Bearer hunter2",
        "X-Api-Key": "hunter2",
        "webhook-signature": "v1,hunter2",
        "webhook-id": "evt_1",
    }

    assert shown_headers(sent) == {
        "accept": "application/json",
        "authorization": "…",
        "x-api-key": "…",
        "webhook-signature": "…",
        "webhook-id": "evt_1",
    }


def test_of_headers_that_came_credentials_are_taken_out_even_where_they_are_known():
    headers = {
        "content-type": "application/json",
        "x-request-id": "for-hunter2-token",
        "x-ratelimit-remaining": "7",
        "set-cookie": "session=1",
        "location": f"{BASE}/Users/ann",
        "etag": "hunter2%2Dtoken",
        "retry-after": "soon",
        "x-correlation-id": "7a9c",
    }

    found = with_reply(ENDED, Answer(200, headers, b"1234"), REDACTION.text)

    assert (found.status, found.received, found.lost) == (200, 4, None)
    assert found.answered == {
        "content-type": "application/json",
        "x-request-id": "for-…",
        "x-ratelimit-remaining": "7",
        "set-cookie": "…",
        "location": "…",
        "etag": "…",
        "retry-after": "…",
        "x-correlation-id": "7a9c",
    }


def test_a_request_that_was_lost_has_the_reason():
    found = with_reply(ENDED, NoAnswer(Loss.LOST, "no whole answer"), str)

    assert (found.status, found.lost) == (None, "no whole answer")
