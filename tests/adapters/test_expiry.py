"""When a token ends: what a JSON Web Token says of itself, and what is none."""

import base64
import json
from datetime import UTC, datetime

import pytest

from reconciler.adapters.oauth2.expiry import end_of_token
from reconciler.domain.secret import Secret

END = datetime(2026, 12, 1, tzinfo=UTC)


def token(claims: object) -> Secret:
    header, body = (
        base64.urlsafe_b64encode(json.dumps(each).encode()).decode().rstrip("=")
        for each in ({"alg": "RS256"}, claims)
    )
    return Secret(f"{header}.{body}.c2lnbmVk")


@pytest.mark.parametrize("exp", [END.timestamp(), int(END.timestamp())])
def test_a_token_ends_when_it_says(exp: float) -> None:
    assert end_of_token(token({"exp": exp, "sub": "ÿ?>"})) == END


@pytest.mark.parametrize(
    "claims",
    [
        {},
        [],
        "x",
        {"exp": "2026"},
        {"exp": True},
        {"exp": None},
        {"exp": 1e300},
        {"exp": -(10**30)},
    ],
    ids=repr,
)
def test_a_token_that_does_not_say_it_has_no_end(claims: object) -> None:
    assert end_of_token(token(claims)) is None


@pytest.mark.parametrize(
    "text", ["x", "a.b", "a.b.c", "a.%%%.c", "a.é.c", "....", "a." + "A" * 5 + ".c"]
)
def test_what_is_no_json_web_token_has_no_end(text: str) -> None:
    assert end_of_token(Secret(text)) is None
