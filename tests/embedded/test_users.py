"""/Users over real HTTP: a new extension can be carried, changed and filtered at once."""

from pathlib import Path

import pytest

from reconciler.domain.jsontext import Json
from tests.support.embedded_client import HR, USER, Client, TestClock, extension, running

GROUP_URN = "urn:example:2.0:Group:Cost"


def user(name: str, **values: Json) -> dict[str, Json]:
    schemas = [USER, HR] if values else [USER]
    return {"schemas": schemas, "userName": name, **({HR: values} if values else {})}


def total(client: Client, wanted: str) -> int:
    answer = client.send("GET", "/Users", params={"filter": wanted, "count": 0})
    assert answer.status_code == 200, answer.text
    assert answer.json()["Resources"] == []
    return int(answer.json()["totalResults"])


def patch(path: str, operation: str = "replace", value: Json = None) -> dict[str, Json]:
    change = {"op": operation, "path": path} | ({} if operation == "remove" else {"value": value})
    return {"schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"], "Operations": [change]}


@pytest.fixture
def extended(client: Client) -> Client:
    """A tenant with the tutorial's extension and three users, two of whom have a department."""
    assert client.send("POST", "/Schemas", extension()).status_code == 201
    for document in (
        user("ann", hrDepartmentCode="A1", isContractor=False, badges=[{"value": "x", "level": 3}]),
        user("bob", hrDepartmentCode="B2"),
        user("cid"),
    ):
        assert client.send("POST", "/Users", document).status_code == 201
    return client


def test_an_extension_cannot_be_used_before_it_is_created(client: Client) -> None:
    refused = client.send("POST", "/Users", user("ann", hrDepartmentCode="A1"))
    unknown = client.send("GET", "/Users", params={"filter": f"{HR}:hrDepartmentCode pr"})

    assert refused.status_code == 400
    assert (unknown.status_code, unknown.json()["scimType"]) == (400, "invalidFilter")


def test_a_user_carries_a_new_extension_at_once(client: Client) -> None:
    client.send("GET", "/Users")
    client.send("POST", "/Schemas", extension())

    created = client.send("POST", "/Users", user("ann", hrDepartmentCode="A1", isContractor=True))

    assert created.status_code == 201
    served = client.send("GET", f"/Users/{created.json()['id']}").json()
    assert served[HR] == {"hrDepartmentCode": "A1", "isContractor": True}
    assert served["schemas"] == [USER, HR]


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        ("userName pr", 3),
        (f"{HR}:hrDepartmentCode pr", 2),
        (f"{HR.lower()}:HRDEPARTMENTCODE pr", 2),
        (f"{HR}:isContractor pr", 1),
        (f"{HR}:payrollStartDate pr", 0),
        (f"{HR}:badges pr", 1),
        (f"{HR}:badges.level pr", 1),
        (f"{HR}:badges.level gt 2", 1),
        (f"{HR}:badges[level gt 3]", 0),
        (f'{HR}:hrDepartmentCode eq "B2"', 1),
        (f'{HR}:hrDepartmentCode eq "b2"', 0),  # case exact, says the schema
        (f"not ({HR}:hrDepartmentCode pr)", 1),
    ],
)
def test_users_are_counted_by_the_new_attributes(
    extended: Client, wanted: str, expected: int
) -> None:
    assert total(extended, wanted) == expected


@pytest.mark.parametrize("wanted", [f"{HR}:nothing pr", "nothing pr", f"{HR}:", "userName"])
def test_a_filter_that_names_nothing_is_400(extended: Client, wanted: str) -> None:
    answer = extended.send("GET", "/Users", params={"filter": wanted})

    assert (answer.status_code, answer.json()["scimType"]) == (400, "invalidFilter")


def test_a_patch_on_an_extension_path_answers_with_the_user(extended: Client) -> None:
    found = extended.send("GET", "/Users", params={"filter": 'userName eq "bob"'}).json()
    path = f"/Users/{found['Resources'][0]['id']}"

    patched = extended.send("PATCH", path, patch(f"{HR}:hrDepartmentCode", value="C3"))
    removed = extended.send("PATCH", path, patch(f"{HR}:hrDepartmentCode", "remove"))

    assert (patched.status_code, removed.status_code) == (200, 200)
    assert patched.json()[HR]["hrDepartmentCode"] == "C3"
    assert HR not in removed.json()
    assert total(extended, f"{HR}:hrDepartmentCode pr") == 1


def test_a_value_of_another_type_is_400(extended: Client) -> None:
    answer = extended.send("POST", "/Users", user("dan", payrollStartDate="tomorrow"))

    assert answer.status_code == 400
    assert answer.json()["status"] == "400"


def test_an_immutable_attribute_is_set_once(extended: Client) -> None:
    created = extended.send("POST", "/Users", user("dan", payrollStartDate="2026-01-01T00:00:00Z"))

    again = extended.send(
        "PATCH",
        f"/Users/{created.json()['id']}",
        patch(f"{HR}:payrollStartDate", value="2027-01-01T00:00:00Z"),
    )

    assert (again.status_code, again.json()["scimType"]) == (400, "mutability")


def test_a_user_is_replaced_with_its_version_and_deleted(extended: Client) -> None:
    created = extended.send("POST", "/Users", user("dan"))
    path = f"/Users/{created.json()['id']}"

    stale = extended.send("PUT", path, user("dora"), headers={"If-Match": 'W/"7"'})
    replaced = extended.send("PUT", path, user("dora"), headers={"If-Match": 'W/"1"'})
    deleted = extended.send("DELETE", path)

    assert (stale.status_code, replaced.status_code, deleted.status_code) == (412, 200, 204)
    assert replaced.json()["userName"] == "dora"
    assert extended.send("GET", path).status_code == 404


def test_a_user_name_is_unique_in_any_case(extended: Client) -> None:
    answer = extended.send("POST", "/Users", user("ANN"))

    assert (answer.status_code, answer.json()["scimType"]) == (409, "uniqueness")


def test_users_are_paged_in_one_stable_order(extended: Client) -> None:
    names = []
    for start in (1, 2, 3):
        page = extended.send("GET", "/Users", params={"startIndex": start, "count": 1}).json()
        assert (page["totalResults"], page["itemsPerPage"]) == (3, 1)
        names.append(page["Resources"][0]["userName"])

    assert sorted(names) == ["ann", "bob", "cid"]


def test_a_page_beyond_any_end_is_empty(extended: Client) -> None:
    for start in (4, 10**30):
        page = extended.send("GET", "/Users", params={"startIndex": start}).json()
        assert (page["totalResults"], page.get("Resources", [])) == (3, [])


def test_resource_types_list_the_extension_of_users(extended: Client) -> None:
    extended.send("POST", "/Schemas", extension(GROUP_URN))

    listed = extended.send("GET", "/ResourceTypes").json()["Resources"]

    extensions = {
        kind["id"]: [each["schema"] for each in kind.get("schemaExtensions", [])] for kind in listed
    }
    assert extensions["User"][-1] == HR
    assert extensions["Group"] == [GROUP_URN]


def test_a_group_carries_an_extension_of_groups(client: Client) -> None:
    client.send("POST", "/Schemas", extension(GROUP_URN))
    document = {
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:Group", GROUP_URN],
        "displayName": "Sales",
        GROUP_URN: {"hrDepartmentCode": "S"},
    }

    assert client.send("POST", "/Groups", document).json()[GROUP_URN] == {"hrDepartmentCode": "S"}


def test_two_extensions_of_one_name_do_not_disturb_each_other(extended: Client) -> None:
    other = "urn:example:other:HRExtension"
    extended.send("POST", "/Schemas", extension(other, attributes=[{"name": "hrDepartmentCode"}]))

    document = user("dan", hrDepartmentCode="D") | {
        "schemas": [USER, HR, other],
        other: {"hrDepartmentCode": "other"},
    }
    created = extended.send("POST", "/Users", document).json()

    assert created[HR] == {"hrDepartmentCode": "D"}
    assert created[other] == {"hrDepartmentCode": "other"}
    assert total(extended, f"{other}:hrDepartmentCode pr") == 1


def test_an_attribute_that_is_added_later_can_be_filled_at_once(extended: Client) -> None:
    attributes = [*extension()["attributes"], {"name": "costCentre", "type": "integer"}]
    extended.send("PUT", f"/Schemas/{HR}", extension(attributes=attributes))

    created = extended.send("POST", "/Users", user("dan", costCentre=7))

    assert created.status_code == 201
    assert total(extended, f"{HR}:costCentre ge 7") == 1


def test_a_schema_changed_by_one_server_is_used_by_another(
    tmp_path: Path, clock: TestClock
) -> None:
    with running(tmp_path, clock) as one, running(tmp_path, clock) as two:
        assert two.send("GET", "/Users").json()["totalResults"] == 0
        one.send("POST", "/Schemas", extension())

        assert two.send("POST", "/Users", user("ann", hrDepartmentCode="A1")).status_code == 201
        assert total(one, f"{HR}:hrDepartmentCode pr") == 1


def test_the_service_provider_config_says_what_is_supported(client: Client) -> None:
    config = client.send("GET", "/ServiceProviderConfig").json()

    supported = {name for name, value in config.items() if "supported" in value}
    assert {name for name in supported if config[name]["supported"]} == {
        "patch", "filter", "sort", "etag",
    }  # fmt: skip
    assert config["authenticationSchemes"][0]["type"] == "oauthbearertoken"
    assert client.send("POST", "/Bulk", {}).status_code == 501


def test_an_unknown_address_is_404_with_a_scim_error(client: Client) -> None:
    for path in ("/Nothing", "/Users/nobody", "/Users/a/b"):
        answer = client.send("GET", path)
        assert (answer.status_code, answer.json()["status"]) == (404, "404")
