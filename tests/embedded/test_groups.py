"""Groups of the built-in tenant: members exist, and the groups of a user are derived from them."""

import pytest

from reconciler.domain.jsontext import Json
from tests.support.embedded_client import USER, Client

GROUP = "urn:ietf:params:scim:schemas:core:2.0:Group"


def added_user(client: Client, name: str) -> str:
    created = client.send("POST", "/Users", {"schemas": [USER], "userName": name})
    return str(created.json()["id"])


def added_group(client: Client, name: str, *members: str) -> str:
    created = client.send("POST", "/Groups", group(name, *members))
    assert created.status_code == 201, created.text
    return str(created.json()["id"])


def group(name: str, *members: str) -> dict[str, Json]:
    values: list[Json] = [{"value": member} for member in members]
    return {"schemas": [GROUP], "displayName": name, "members": values}


def groups(client: Client, user: str) -> list[tuple[str, str]]:
    served = client.send("GET", f"/Users/{user}").json()
    return [(each["display"], each["type"]) for each in served.get("groups", [])]


def patch(*operations: Json) -> dict[str, Json]:
    return {
        "schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"],
        "Operations": list(operations),
    }


@pytest.mark.parametrize("member", [{"value": "nobody"}, {"display": "Ann"}, {"value": ""}])
def test_a_member_that_does_not_exist_is_refused(client: Client, member: Json) -> None:
    ann = added_user(client, "ann")
    staff = added_group(client, "Staff", ann)
    document = group("Others", ann)
    document["members"].append(member)
    add = patch({"op": "add", "path": "members", "value": [member]})

    refused = [
        client.send("POST", "/Groups", document),
        client.send("PUT", f"/Groups/{staff}", document),
        client.send("PATCH", f"/Groups/{staff}", add),
    ]

    assert [answer.status_code for answer in refused] == [400, 400, 400]
    for answer in refused:
        assert answer.json()["detail"] == "members[1].value: no user and no group has this id"
    assert client.send("GET", "/Groups").json()["totalResults"] == 1
    assert len(client.send("GET", f"/Groups/{staff}").json()["members"]) == 1


def test_the_groups_of_a_user_are_those_that_name_it_and_those_that_name_them(
    client: Client,
) -> None:
    ann, bob = added_user(client, "ann"), added_user(client, "bob")
    staff = added_group(client, "Staff", ann)
    everyone = added_group(client, "Everyone", staff, bob)
    round_trip = patch({"op": "add", "path": "members", "value": [{"value": everyone}]})
    assert client.send("PATCH", f"/Groups/{staff}", round_trip).status_code == 200

    assert groups(client, ann) == [("Staff", "direct"), ("Everyone", "indirect")]
    assert sorted(groups(client, bob)) == [("Everyone", "direct"), ("Staff", "indirect")]
    [first, *_] = client.send("GET", f"/Users/{ann}").json()["groups"]
    assert first["value"] == staff
    assert first["$ref"] == f"{client.access.base_url}/Groups/{staff}"
    listed = client.send("GET", "/Users", params={"filter": f'groups.value eq "{staff}"'})
    assert {user["userName"] for user in listed.json()["Resources"]} == {"ann", "bob"}
    assert all("groups" in user for user in client.send("GET", "/Users").json()["Resources"])


def test_the_groups_of_a_user_follow_the_members(client: Client) -> None:
    ann = added_user(client, "ann")
    staff = added_group(client, "Staff", ann)
    renamed = patch({"op": "replace", "path": "displayName", "value": "Crew"})
    emptied = patch({"op": "remove", "path": "members", "value": [{"value": ann}]})
    titled = patch({"op": "add", "path": "title", "value": "t"})

    client.send("PATCH", f"/Groups/{staff}", renamed)
    patched = client.send("PATCH", f"/Users/{ann}", titled)
    assert patched.json()["groups"][0]["display"] == "Crew"
    client.send("PATCH", f"/Groups/{staff}", emptied)
    assert groups(client, ann) == []


def test_the_groups_of_a_user_cannot_be_written(client: Client) -> None:
    ann = added_user(client, "ann")
    staff = added_group(client, "Staff")
    document = {"schemas": [USER], "userName": "ann", "groups": [{"value": staff}]}

    put = client.send("PUT", f"/Users/{ann}", document)
    add = patch({"op": "add", "path": "groups", "value": [{"value": staff}]})

    assert (put.status_code, "groups" in put.json()) == (200, False)
    assert client.send("PATCH", f"/Users/{ann}", add).json()["scimType"] == "mutability"
    assert groups(client, ann) == []


def test_who_is_deleted_is_no_member_any_more(client: Client) -> None:
    ann, bob = added_user(client, "ann"), added_user(client, "bob")
    staff = added_group(client, "Staff", ann, bob)
    everyone = added_group(client, "Everyone", staff)

    assert client.send("DELETE", f"/Users/{ann}").status_code == 204
    changed = client.send("GET", f"/Groups/{staff}").json()
    assert client.send("DELETE", f"/Groups/{staff}").status_code == 204

    assert [member["value"] for member in changed["members"]] == [bob]
    assert changed["meta"]["version"] == 'W/"2"'
    assert "members" not in client.send("GET", f"/Groups/{everyone}").json()
    assert groups(client, bob) == []
