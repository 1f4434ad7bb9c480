"""Misbehaviour on demand, over real HTTP."""

from pathlib import Path
from typing import Any

import pytest
import requests
from hypothesis import given, settings
from hypothesis import strategies as st

from reconciler.domain.jsontext import Json
from reconciler.embedded import Faults
from tests.support.embedded_client import HR, USER, Client, TestClock, extension, running


def statuses(client: Client, count: int, path: str = "/Schemas") -> list[int]:
    return [client.send("GET", path).status_code for _ in range(count)]


def test_the_next_requests_are_too_many_and_say_when_to_come_back(client: Client) -> None:
    client.break_with(Faults(too_many_requests=2, retry_after=7))

    refused = client.send("GET", "/Schemas")

    assert (refused.status_code, refused.headers["Retry-After"]) == (429, "7")
    assert refused.json()["status"] == "429"
    assert statuses(client, 2, "/Users") == [429, 200]


def test_the_next_requests_meet_a_server_error(client: Client) -> None:
    client.break_with(Faults(server_errors=2))

    assert statuses(client, 3) == [503, 503, 200]


def test_token_requests_and_those_without_a_token_use_up_no_fault(client: Client) -> None:
    client.break_with(Faults(too_many_requests=1))

    assert client.renew_token().status_code == 200
    assert client.raw("GET", "/scim/v2/Schemas").status_code == 401
    assert statuses(client, 2) == [429, 200]


def test_a_dropped_write_is_stored_and_never_answered(client: Client) -> None:
    client.break_with(Faults(drop_after_commit=2))

    with pytest.raises(requests.ConnectionError):
        client.send("POST", "/Schemas", extension())
    with pytest.raises(requests.ConnectionError):
        client.send("POST", "/Users", {"schemas": [USER], "userName": "ann"})

    assert client.send("GET", f"/Schemas/{HR}").json()["meta"]["version"] == 'W/"1"'
    assert client.send("GET", "/Users").json()["totalResults"] == 1
    assert client.send("PUT", f"/Schemas/{HR}", extension()).status_code == 200


def test_a_refused_write_uses_up_no_drop(client: Client) -> None:
    client.break_with(Faults(drop_after_commit=1))

    assert client.send("POST", "/Schemas", {}).status_code == 400
    with pytest.raises(requests.ConnectionError):
        client.send("POST", "/Schemas", extension())


def test_an_ignored_creation_is_answered_as_if_it_were_not(client: Client) -> None:
    client.break_with(Faults(ignore_posts=True))

    created = client.send("POST", "/Schemas", extension())

    assert (created.status_code, created.json()["id"]) == (201, HR)
    assert client.send("GET", f"/Schemas/{HR}").status_code == 404
    assert client.send("GET", "/Schemas").json()["totalResults"] == 3


@pytest.mark.parametrize("named", ["attributes", "Attributes"])
def test_a_fault_can_leave_out_an_attribute_silently(client: Client, named: str) -> None:
    document = extension()
    document[named] = document.pop("attributes")
    client.break_with(Faults(drop_attribute="ISCONTRACTOR"))

    created = client.send("POST", "/Schemas", document)
    replaced = client.send("PUT", f"/Schemas/{HR}", document)

    assert (created.status_code, replaced.status_code) == (201, 200)
    served = client.send("GET", f"/Schemas/{HR}").json()["attributes"]
    assert {attribute["name"] for attribute in served} == {
        "hrDepartmentCode", "payrollStartDate", "badges",
    }  # fmt: skip


def test_a_client_without_the_scope_is_403(client: Client) -> None:
    client.break_with(Faults(forbid=True))

    answer = client.send("GET", "/Schemas")

    assert answer.status_code == 403
    assert "scope" in answer.json()["detail"]
    challenge = 'Bearer realm="SCIM", error="insufficient_scope", scope="scim:admin"'
    assert answer.headers["WWW-Authenticate"] == challenge


def test_a_service_that_creates_no_schemas_answers_405_and_still_reads(client: Client) -> None:
    client.break_with(Faults(no_create=True))

    refused = client.send("POST", "/Schemas", extension())

    assert (refused.status_code, refused.headers["Allow"]) == (405, "GET")
    assert statuses(client, 1) == [200]


def test_a_web_page_can_stand_where_scim_should(client: Client) -> None:
    client.break_with(Faults(html=True))

    answer = client.send("GET", "/Schemas")

    assert (answer.status_code, answer.headers["Content-Type"]) == (200, "text/html")
    assert "Please sign in" in answer.text


def test_a_created_schema_can_lag_behind(client: Client) -> None:
    client.break_with(Faults(lag_reads=2))
    client.send("POST", "/Schemas", extension())
    listed = [client.send("GET", "/Schemas").json()["totalResults"]]

    assert statuses(client, 4, f"/Schemas/{HR.lower()}") == [404, 404, 200, 200]
    listed.append(client.send("GET", "/Schemas").json()["totalResults"])
    assert listed[1] == listed[0] + 1


def test_paging_can_be_ignored(client: Client) -> None:
    client.break_with(Faults(ignore_paging=True))

    page = client.send("GET", "/Schemas", params={"startIndex": 2, "count": 1}).json()

    assert (page["totalResults"], page["itemsPerPage"], page["startIndex"]) == (3, 3, 1)
    assert len(page["Resources"]) == 3


def test_faults_can_be_there_from_the_start_and_be_read_as_they_count_down(
    tmp_path: Path, clock: TestClock
) -> None:
    with running(tmp_path, clock, Faults(server_errors=2)) as client:
        before = client.raw("GET", "/_dev/faults").json()
        client.send("GET", "/Schemas")
        after = client.raw("GET", "/_dev/faults").json()

    assert (before["server_errors"], after["server_errors"]) == (2, 1)


@pytest.mark.parametrize(
    ("document", "texts"),
    [
        ([], "an object"),
        ({"nonsense": 1}, "no fault is called 'nonsense'"),
        ({"server_errors": True}, "server_errors does not take True"),
        ({"server_errors": -1}, "server_errors does not take -1"),
        ({"html": 1}, "html does not take 1"),
        ({"drop_attribute": 1}, "drop_attribute does not take 1"),
    ],
)
def test_faults_that_make_no_sense_are_400_and_change_nothing(
    client: Client, document: Json, texts: str
) -> None:
    client.break_with(Faults(hr_down=True))

    answer = client.session.put(client.root + "/_dev/faults", json=document, timeout=10)

    assert answer.status_code == 400
    assert texts in answer.json()["detail"]
    assert client.raw("GET", "/_dev/faults").json() == Faults(hr_down=True).to_json()


def test_faults_are_only_read_and_replaced(client: Client) -> None:
    assert client.raw("DELETE", "/_dev/faults").status_code == 405


_counts, _flags = st.integers(0, 10**6), st.booleans()


@settings(deadline=None)
@given(
    faults=st.builds(
        Faults,
        too_many_requests=_counts, retry_after=_counts, server_errors=_counts, lag_reads=_counts,
        ignore_posts=_flags, drop_attribute=st.none() | st.text(), html=_flags, forbid=_flags,
    )
)  # fmt: skip
def test_faults_survive_their_json(faults: Faults) -> None:
    document: dict[str, Any] = faults.to_json()

    assert Faults.from_json(document) == faults
