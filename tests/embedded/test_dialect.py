"""The built-in tenant in the part of a service: limits, updates and refusals of its dialect."""

from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from reconciler.adapters.dialects import load_dialects
from reconciler.domain.dialect import Dialect, EtagMode, Meaning
from reconciler.domain.jsontext import Json
from reconciler.embedded import DevTenantSetup
from tests.support.embedded_client import Client, TestClock, extension, running

DIALECTS = load_dialects()
URN = "urn:example:Own"
PATCH = "urn:ietf:params:scim:api:messages:2.0:PatchOp"


def own(number: int, **members: Json) -> dict[str, Json]:
    attributes: list[Json] = [{"name": "code"}]
    return extension(f"{URN}{number}", **{"attributes": attributes, **members})


@pytest.fixture
def sap(tmp_path: Path, clock: TestClock) -> Iterator[Client]:
    with running(tmp_path, clock, setup=DevTenantSetup(dialect=DIALECTS["sap"])) as client:
        yield client


def playing(name: str, capabilities: Mapping[str, Json]) -> DevTenantSetup:
    return DevTenantSetup(dialect=DIALECTS[name].overridden(capabilities))


@pytest.mark.parametrize(
    "members",
    [
        {"attributes": [{"name": f"code{number}"} for number in range(21)]},
        {"attributes": [{"name": "x"}]},
        {"attributes": [{"name": "cost-centre"}]},
        {"attributes": [{"name": "a" * 31}]},
        {"attributes": [{"name": "photo", "type": "binary"}]},
        {"name": "Another"},
        {"id": "urn:example:My-Schema", "name": "My-Schema"},
        {"id": "urn:example:" + "A" * 22, "name": "A" * 22},
    ],
)
def test_what_is_beyond_the_limits_of_the_service_is_400(
    sap: Client, members: dict[str, Json]
) -> None:
    refused = sap.send("POST", "/Schemas", own(1, **members))
    taken = sap.send("POST", "/Schemas", own(1))

    assert (refused.status_code, refused.json()["scimType"]) == (400, "invalidValue")
    assert taken.status_code == 201


def test_a_service_without_updates_refuses_them(sap: Client) -> None:
    sap.send("POST", "/Schemas", own(1))

    for method in ("PUT", "PATCH"):
        refused = sap.send(method, f"/Schemas/{URN}1", own(1, description="new"))
        assert (refused.status_code, refused.headers["Allow"]) == (405, "GET")


@pytest.mark.parametrize("name", ["sap", "genesys", "rfc7644"])
def test_a_full_tenant_says_so_as_the_service_does(
    tmp_path: Path, clock: TestClock, name: str
) -> None:
    with running(tmp_path, clock, setup=playing(name, {"extensions": 2})) as client:
        created = [client.send("POST", "/Schemas", own(number)) for number in range(3)]

    assert [answer.status_code for answer in created] == [201, 201, 400]
    refusal = created[2].json()
    code = refusal.get("scimType", "")
    assert DIALECTS[name].meaning(400, code, refusal["detail"]) is Meaning.LIMIT_REACHED


def test_no_limit_is_no_limit(tmp_path: Path, clock: TestClock) -> None:
    with running(tmp_path, clock, setup=playing("rfc7644", {})) as client:
        created = [client.send("POST", "/Schemas", own(number)) for number in range(12)]

    assert {answer.status_code for answer in created} == {201}


def test_refusals_are_those_that_the_dialect_knows(tmp_path: Path, clock: TestClock) -> None:
    errors: list[Json] = [
        {"means": "exists", "status": 400, "code": "schemaExists"},
        {"means": "unsupported", "status": 501, "detail": "not offered"},
    ]
    with running(tmp_path, clock, setup=playing("sap", {"errors": errors})) as client:
        first, second = (client.send("POST", "/Schemas", own(1)) for _ in range(2))
        update = client.send("PUT", f"/Schemas/{URN}1", own(1))

    assert (first.status_code, second.status_code) == (201, 400)
    assert second.json()["scimType"] == "schemaExists"
    assert update.status_code == 501
    assert "not offered" in update.json()["detail"]


def test_a_read_only_service_creates_nothing(tmp_path: Path, clock: TestClock) -> None:
    with running(tmp_path, clock, setup=playing("read-only", {})) as client:
        refused = client.send("POST", "/Schemas", own(1))

    assert (refused.status_code, refused.headers["Allow"]) == (405, "GET")


def test_a_service_that_patches_adds_and_replaces_attributes(
    tmp_path: Path, clock: TestClock
) -> None:
    whole: list[Json] = [
        {"op": "replace", "path": "description", "value": "new"},
        {
            "op": "replace",
            "path": 'attributes[name eq "CODE"]',
            "value": {"name": "code", "required": True},
        },
        {"op": "add", "path": "attributes", "value": [{"name": "level", "type": "integer"}]},
    ]
    wrong: list[Json] = [
        {"op": "remove", "path": 'attributes[name eq "code"]'},
        {"op": "replace", "path": 'attributes[name eq "none"]', "value": {"name": "none"}},
        {"op": "replace", "path": 'attributes[name eq "code"]', "value": {"name": "other"}},
        {"op": "replace", "path": "id", "value": "urn:example:other"},
        {"op": "add", "path": "attributes", "value": [7]},
        {"op": "add", "path": "attributes", "value": [{"name": "x", "type": "colour"}]},
        7,
    ]
    with running(tmp_path, clock, setup=playing("sap", {"updates": "patch"})) as client:
        client.send("POST", "/Schemas", own(1))
        path = f"/Schemas/{URN}1"
        patched = client.send("PATCH", path, {"schemas": [PATCH], "Operations": whole})
        refused = [
            client.send("PATCH", path, {"schemas": [PATCH], "Operations": [operation]})
            for operation in wrong
        ]
        empty = client.send("PATCH", path, {"schemas": [PATCH]})
        put = client.send("PUT", path, own(1))
        served = client.send("GET", path).json()

    assert patched.json() == served
    assert served["description"] == "new"
    assert [(each["name"], each["required"]) for each in served["attributes"]] == [
        ("code", True),
        ("level", False),
    ]
    assert {answer.status_code for answer in refused} | {empty.status_code} == {400}
    assert (put.status_code, put.headers["Allow"]) == (405, "GET, PATCH")


@pytest.mark.parametrize(
    ("mode", "header", "member"),
    [(EtagMode.HEADER, True, True), (EtagMode.VERSION, False, True), (EtagMode.NONE, False, False)],
)
def test_versions_are_shown_where_the_service_has_them(
    tmp_path: Path, clock: TestClock, mode: EtagMode, header: bool, member: bool
) -> None:
    with running(tmp_path, clock, setup=playing("genesys", {"etag": str(mode)})) as client:
        created = client.send("POST", "/Schemas", own(1))

    assert ("ETag" in created.headers, "version" in created.json()["meta"]) == (header, member)


@pytest.mark.parametrize("dialect", DIALECTS.values(), ids=DIALECTS)
def test_every_dialect_can_be_played(tmp_path: Path, clock: TestClock, dialect: Dialect) -> None:
    with running(tmp_path, clock, setup=DevTenantSetup(dialect=dialect)) as client:
        assert client.send("GET", "/Schemas").json()["totalResults"] == 3
        created = client.send("POST", "/Schemas", own(1))

    assert (created.status_code == 201) == dialect.creates


# -- drift and users ------------------------------------------------------------------------------


def test_a_schema_drifts_on_demand_whatever_the_service_allows(sap: Client) -> None:
    sap.send("POST", "/Schemas", own(1))
    address = f"{sap.root}/_dev/schemas/{URN}1"

    changed = sap.session.put(address, json=own(1, description="drifted"), timeout=10)
    served = sap.send("GET", f"/Schemas/{URN}1").json()
    other = sap.session.put(address, json=own(2), timeout=10)
    read = sap.session.get(address, timeout=10)
    deleted = sap.session.delete(address, timeout=10)

    assert (changed.status_code, served["description"]) == (200, "drifted")
    assert served["meta"]["version"] == 'W/"2"'
    assert (other.status_code, read.status_code) == (400, 405)
    assert deleted.status_code == 204
    assert sap.send("GET", f"/Schemas/{URN}1").status_code == 404


@pytest.mark.parametrize(
    "members",
    [
        {"attributes": []},
        {"attributes": [{"name": "x", "type": "colour"}]},
        {"attributes": [{"name": "x", "type": "complex", "subAttributes": [{"name": "x y"}]}]},
        {"id": "urn:example:Other"},
    ],
)
def test_a_schema_drifts_to_a_schema_alone(sap: Client, members: dict[str, Json]) -> None:
    sap.send("POST", "/Schemas", own(1))

    refused = sap.session.put(f"{sap.root}/_dev/schemas/{URN}1", json=own(1, **members), timeout=10)

    assert refused.status_code == 400
    assert sap.send("GET", f"/Schemas/{URN}1").json()["meta"]["version"] == 'W/"1"'
    assert sap.send("GET", "/Users").status_code == 200


def test_made_up_users_are_there_once_and_the_same_each_time(
    tmp_path: Path, clock: TestClock
) -> None:
    with running(tmp_path, clock, setup=DevTenantSetup(users=3)) as client:
        first = client.send("GET", "/Users").json()["Resources"]
        gone = next(user for user in first if user["userName"].startswith("user00002"))
        client.send("DELETE", f"/Users/{gone['id']}")
    with running(tmp_path, clock, setup=DevTenantSetup(users=4)) as client:
        second = client.send("GET", "/Users", params={"filter": "active eq true"}).json()

    assert {user["userName"] for user in first} == {
        f"user0000{number}@example.com" for number in (1, 2, 3)
    }
    assert {user["userName"] for user in second["Resources"]} == {
        f"user0000{number}@example.com" for number in (1, 2, 3, 4)
    }
