"""A real Keycloak and its users: what its own SCIM shows and keeps, and what narrowing does."""

import time
import tracemalloc
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from reconciler.adapters.clock import StopSignal, SystemClock
from reconciler.adapters.keycloak.users import KeycloakUserReader
from reconciler.adapters.oauth2 import ClientCredentials
from reconciler.adapters.transport import HttpOptions
from reconciler.domain.secret import Secret
from reconciler.errors import PermissionRefused, TenantRefused
from tests.support.fakes import DIALECT
from tests.support.gateway_world import reaching
from tests.support.keycloak import READ, WRITE, Client, Keycloak, Realm, Refusal
from tests.support.keycloak_realm import HR, MAPPED

pytestmark = pytest.mark.chaos


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


# ------------------------------------------------------------------ users by the admin API


@contextmanager
def users_of(realm: Realm, client: Client) -> Iterator[KeycloakUserReader]:
    """The users of a realm, as a client of it sees them."""
    credentials = ClientCredentials(
        token_url=realm.token_url, client_id=Secret(client.id), client_secret=Secret(client.secret)
    )
    options, clock = HttpOptions(deadline=60), SystemClock(StopSignal())
    with reaching(realm.admin_url, credentials, DIALECT, clock, options) as access:
        yield KeycloakUserReader(access, HR)


def test_what_an_administrator_sees_of_users_is_what_the_reader_expects(keycloak: Keycloak):
    realm = keycloak.realm()
    realm.declare(
        {"name": "code"},
        {"name": "many", "multivalued": True},
        {"name": "edited", "permissions": {"view": [], "edit": ["admin"]}},
        {"name": "own", "permissions": {"view": ["user"], "edit": ["user"]}},
        {"name": "nobody", "permissions": {"view": [], "edit": []}},
    )
    names = ("code", "many", "edited", "own", "nobody", "gone")
    realm.add_users(2, lambda _: {name: ["1"] for name in names})

    with users_of(realm, realm.client(*READ)) as users:
        assert users.total("User") == 2
        [page] = users.pages("User", [HR])
        assert [each[HR] for each in page.resources] == [
            {"code": "1", "many": ["1"], "edited": "1"}
        ] * 2
        hidden = {name for name in names if users.hidden("User", HR, name) is not None}
    assert hidden == {"own", "nobody", "gone"}

    realm.declare(unmanagedAttributePolicy="ADMIN_VIEW")
    with users_of(realm, realm.client(*READ, client_id="later")) as users:
        [page] = users.pages("User", [HR])
        assert [each[HR]["gone"] for each in page.resources] == ["1", "1"]
        assert users.hidden("User", HR, "gone") is None


def test_a_client_without_the_role_to_see_users_learns_it(keycloak: Keycloak):
    realm = keycloak.realm()
    realm.add_users(3)

    with users_of(realm, realm.client("view-realm", client_id="none")) as users:
        with pytest.raises(PermissionRefused, match="view-users"):
            users.total("User")
    with users_of(realm, realm.client("query-users", client_id="counts")) as users:
        assert users.total("User") == 3
        with pytest.raises(TenantRefused, match="view-users"):
            list(users.pages("User", [HR]))


def test_twice_as_many_users_take_twice_the_time_and_no_more_memory(keycloak: Keycloak):
    realm = keycloak.realm()
    realm.declare({"name": "code"})
    client = realm.client(*READ)
    took: list[float] = []
    peaks: list[int] = []
    for number in (0, 2000):
        realm.add_users(2000, lambda n: {"code": [str(n)]}, start=number)
        with users_of(realm, client) as users:
            tracemalloc.start()
            began = time.monotonic()
            held = sum(HR in each for page in users.pages("User", [HR]) for each in page.resources)
            took.append(time.monotonic() - began)
            peaks.append(tracemalloc.get_traced_memory()[1])
            tracemalloc.stop()
        assert held == number + 2000

    assert peaks[1] < peaks[0] + 1_000_000
