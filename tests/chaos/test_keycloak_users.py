"""A real Keycloak and its users: what its own SCIM shows and keeps, and what narrowing does."""

import pytest

from tests.support.keycloak import WRITE, Client, Keycloak, Realm, Refusal

pytestmark = pytest.mark.chaos

HR = "urn:example:hr:2.0:User"
MAPPED = "kc.scim.schema.attribute"


@pytest.fixture(scope="module")
def realm(keycloak: Keycloak) -> Realm:
    """A realm with its own SCIM on and four attributes, mapped in the ways that people try."""
    made = keycloak.realm(scim=True)
    made.declare(
        {"name": "kept", "annotations": {MAPPED: f"{HR}:kept"}},
        {"name": "dotted", "annotations": {MAPPED: f"{HR}.dotted"}},
        {"name": "many", "annotations": {MAPPED: f"{HR}:many"}, "multivalued": True},
        {"name": "unmapped", "annotations": {}},
    )
    return made


@pytest.fixture(scope="module")
def hr(realm: Realm) -> Client:
    """A client that may do all, by SCIM as well."""
    return realm.client(*WRITE, "manage-users", scim=True)


def test_the_scim_of_keycloak_stores_what_is_mapped_with_a_colon_and_echoes_all(
    realm: Realm, hr: Client
):
    values = {"kept": "1", "dotted": "2", "many": ["3", "4"], "unmapped": "5"}
    user = {
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User", HR],
        "userName": "anna",
        "name": {"givenName": "Anna", "familyName": "Ant"},
        "emails": [{"value": "anna@example.org"}],
        HR: values,
    }

    echoed = realm.ask_scim(hr, "POST", "/Users", user)

    assert echoed[HR] == values
    assert realm.user("anna")["attributes"] == {"kept": ["1"], "many": [""]}


def test_the_schemas_of_keycloak_list_what_is_mapped_with_a_colon_as_single_valued(
    realm: Realm, hr: Client
):
    listed = realm.ask_scim(hr, "GET", "/Schemas")["Resources"]

    [ours] = [schema for schema in listed if schema["id"] == HR]
    shown = {(each["name"], each["multiValued"]) for each in ours["attributes"]}
    assert shown == {("kept", False), ("many", False)}


def test_an_attribute_without_annotations_breaks_the_scim_of_its_realm(keycloak: Keycloak):
    realm = keycloak.realm(scim=True)
    client = realm.client(*WRITE, scim=True)
    realm.declare({"name": "bare"})

    with pytest.raises(Refusal) as refused:
        realm.ask_scim(client, "GET", "/Schemas")

    assert refused.value.status == 500
    realm.declare({"name": "bare", "annotations": {}})
    assert realm.ask_scim(client, "GET", "/Schemas")["totalResults"] == 2


def test_removing_a_definition_keeps_the_values(keycloak: Keycloak):
    realm = keycloak.realm()
    realm.declare({"name": "code"})
    realm.add_users(1, lambda _: {"code": ["1"]})

    realm.undeclare("code")

    assert "attributes" not in realm.user("user-00000")
    realm.declare({"name": "code"})
    assert realm.user("user-00000")["attributes"] == {"code": ["1"]}


def test_options_without_a_live_value_lock_its_holder_out(keycloak: Keycloak):
    realm = keycloak.realm()
    options = {"options": {"options": ["a", "b"]}}
    realm.declare({"name": "code", "validations": options})
    realm.add_users(1, lambda _: {"code": ["b"]})

    realm.declare({"name": "code", "validations": {"options": {"options": ["a"]}}})

    user = realm.user("user-00000")
    with pytest.raises(Refusal) as refused:
        realm.ask("PUT", f"/users/{user['id']}", user | {"firstName": "Other"})
    assert refused.value.status == 400
    assert "error-invalid-value" in refused.value.body
