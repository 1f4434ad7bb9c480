"""The token endpoint over real HTTP, and what a token opens for how long."""

import hashlib
import sqlite3
from pathlib import Path
from urllib.parse import quote

import pytest

from reconciler.embedded import Faults
from tests.support.embedded_client import Client, TestClock, running

GRANT = {"grant_type": "client_credentials"}


def test_the_form_and_the_basic_header_both_give_a_token(client: Client) -> None:
    client_id, client_secret = client.credentials()
    url = client.access.token_url
    form = {**GRANT, "client_id": client_id, "client_secret": client_secret}

    posted = client.session.post(url, data=form, timeout=10)
    basic = client.session.post(url, data=GRANT, auth=(client_id, quote(client_secret)), timeout=10)

    for answer in (posted, basic):
        assert answer.status_code == 200
        assert answer.headers["Cache-Control"] == "no-store"
        assert answer.json()["token_type"] == "Bearer"
        assert answer.json()["expires_in"] == 3600
    assert posted.json()["access_token"] != basic.json()["access_token"]


@pytest.mark.parametrize(
    ("form", "status", "error"),
    [
        ({}, 400, "invalid_request"),
        ({"grant_type": "password"}, 400, "unsupported_grant_type"),
        (GRANT, 401, "invalid_client"),
        ({**GRANT, "client_id": "ü", "client_secret": "ü"}, 401, "invalid_client"),
    ],
)
def test_a_request_that_is_not_the_clients_gets_the_error_of_the_rfc(
    client: Client, form: dict[str, str], status: int, error: str
) -> None:
    answer = client.session.post(client.access.token_url, data=form, timeout=10)

    assert (answer.status_code, answer.json()["error"]) == (status, error)
    assert ("WWW-Authenticate" in answer.headers) == (status == 401)


@pytest.mark.parametrize("position", [0, 1])
def test_a_wrong_id_or_secret_is_refused(client: Client, position: int) -> None:
    pair = list(client.credentials())
    pair[position] = pair[position][:-1] + "!"

    answer = client.session.post(
        client.access.token_url, data=GRANT, auth=(pair[0], pair[1]), timeout=10
    )

    assert answer.status_code == 401


@pytest.mark.parametrize("header", ["Basic", "Basic !!!", "Basic /w==", "Bearer x"])
def test_a_header_that_cannot_be_read_is_a_wrong_client(client: Client, header: str) -> None:
    answer = client.session.post(
        client.access.token_url, data=GRANT, headers={"Authorization": header}, timeout=10
    )

    assert answer.status_code == 401


def test_the_token_endpoint_takes_only_post(client: Client) -> None:
    answer = client.raw("GET", "/oauth/token")

    assert (answer.status_code, answer.headers["Allow"]) == (405, "POST")


@pytest.mark.parametrize("header", [None, "", "Bearer", "Bearer wrong", "Basic eDp5"])
@pytest.mark.parametrize("path", ["/Schemas", "/Users", "/ServiceProviderConfig", "/nowhere", ""])
def test_nothing_of_scim_opens_without_a_token(
    client: Client, header: str | None, path: str
) -> None:
    client.headers = {} if header is None else {"Authorization": header}

    answer = client.send("GET", path)

    assert answer.status_code == 401
    error = ', error="invalid_token"' if header == "Bearer wrong" else ""
    assert answer.headers["WWW-Authenticate"] == f'Bearer realm="SCIM"{error}'
    assert answer.json()["status"] == "401"


def test_a_token_expires_when_it_says_and_a_new_one_works(client: Client, clock: TestClock) -> None:
    clock.advance(3599)
    alive = client.send("GET", "/Schemas")
    clock.advance(1)
    dead = client.send("GET", "/Schemas")
    client.renew_token()
    renewed = client.send("GET", "/Schemas")

    assert [alive.status_code, dead.status_code, renewed.status_code] == [200, 401, 200]


def test_the_life_of_a_token_can_be_chosen(tmp_path: Path, clock: TestClock) -> None:
    with running(tmp_path, clock, Faults(token_lifetime=5)) as client:
        assert client.renew_token().json()["expires_in"] == 5
        clock.advance(5)
        assert client.send("GET", "/Schemas").status_code == 401


def test_a_token_outlives_the_server_and_opens_a_second_one(
    tmp_path: Path, clock: TestClock
) -> None:
    with running(tmp_path, clock) as client:
        headers = client.headers
        with running(tmp_path, clock) as second:
            second.headers = headers
            assert second.send("GET", "/Schemas").status_code == 200
    with running(tmp_path, clock) as later:
        later.headers = headers
        assert later.send("GET", "/Schemas").status_code == 200


def test_the_store_holds_the_hash_of_a_token_and_never_the_token(
    client: Client, tmp_path: Path, clock: TestClock
) -> None:
    token = client.headers["Authorization"].removeprefix("Bearer ")
    clock.advance(4000)
    client.renew_token()
    newer = client.headers["Authorization"].removeprefix("Bearer ")

    connection = sqlite3.connect(tmp_path / "local.db")
    digests = [row[0] for row in connection.execute("SELECT digest FROM tokens")]
    connection.close()

    assert digests == [hashlib.sha256(newer.encode()).hexdigest()]  # the expired one is gone
    for file in tmp_path.iterdir():
        assert token.encode() not in file.read_bytes()
        assert newer.encode() not in file.read_bytes()
