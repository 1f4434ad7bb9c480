"""A real Keycloak and its users: what its own SCIM shows and keeps, and what narrowing does."""

import json
import time
import tracemalloc
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from reconciler.adapters.clock import StopSignal, SystemClock
from reconciler.adapters.dialects import load_dialects
from reconciler.adapters.gateway.reader import TenantAccess
from reconciler.adapters.keycloak.doctor import KeycloakDoctor
from reconciler.adapters.keycloak.users import KeycloakUserReader
from reconciler.adapters.oauth2 import ClientCredentials
from reconciler.adapters.transport import HttpOptions
from reconciler.domain.canary import CanaryResult
from reconciler.domain.doctor import Grade
from reconciler.domain.manifest import SchemaExtension
from reconciler.domain.problem import Place
from reconciler.domain.scim import Schema
from reconciler.domain.secret import Secret
from reconciler.errors import PermissionRefused, TenantRefused
from tests.support.gateway_world import reaching
from tests.support.keycloak import READ, WRITE, Client, Keycloak, Realm, Refusal
from tests.support.keycloak_canary import tried
from tests.support.keycloak_realm import HR, MAPPED
from tests.support.program import Folder, assert_reported

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
def access_of(realm: Realm, client: Client) -> Iterator[TenantAccess]:
    """The access of a client to the admin API of a realm."""
    credentials = ClientCredentials(
        token_url=realm.token_url, client_id=Secret(client.id), client_secret=Secret(client.secret)
    )
    options, clock = HttpOptions(deadline=60), SystemClock(StopSignal())
    dialect = load_dialects()["keycloak"]
    with reaching(realm.admin_url, credentials, dialect, clock, options) as access:
        yield access


@contextmanager
def users_of(realm: Realm, client: Client) -> Iterator[KeycloakUserReader]:
    """The users of a realm, as a client of it sees them."""
    with access_of(realm, client) as access:
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


# ------------------------------------------------------------------ a canary, by its own SCIM


def test_a_canary_shows_what_the_scim_of_keycloak_keeps(keycloak: Keycloak, tmp_path: Path):
    realm = keycloak.realm(scim=True)
    names = {"kept": f"{HR}:kept", "dotted": f"{HR}.dotted", "many": f"{HR}:many"}
    realm.declare(
        *({"name": name, "annotations": {MAPPED: urn}, "multivalued": name == "many"}
          for name, urn in names.items()),
        {"name": "unmapped", "annotations": {}},
    )  # fmt: skip
    realm.add_users(1)
    attributes = [{"name": each, "multiValued": each == "many"} for each in (*names, "unmapped")]
    schema = Schema.from_json({"id": HR, "name": "HR", "attributes": attributes})

    with access_of(realm, realm.client(*WRITE, "manage-users", scim=True)) as access:
        found = tried(access, schema, "user-00000", tmp_path / "s")

    assert dict(found.results) == {
        "kept": CanaryResult.PERSISTED,
        "dotted": CanaryResult.DROPPED,
        "many": CanaryResult.COERCED,
        "unmapped": CanaryResult.DROPPED,
    }
    assert not realm.user("user-00000").get("attributes")


@pytest.mark.parametrize(
    ("scim", "audience", "reason"),
    [(False, True, "scimApiEnabled"), (True, False, "audience mapper")],
)
def test_a_canary_says_why_the_scim_of_keycloak_is_closed(
    keycloak: Keycloak, tmp_path: Path, scim: bool, audience: bool, reason: str
):
    realm = keycloak.realm(scim=scim)
    realm.add_users(1)
    schema = Schema.from_json({"id": HR, "name": "HR", "attributes": [{"name": "code"}]})

    with access_of(realm, realm.client(*WRITE, scim=audience)) as access:
        found = tried(access, schema, "user-00000", tmp_path / "s")

    assert found.found == {CanaryResult.NOT_TRIED}
    assert reason in found.detail


# ------------------------------------------------------------------ doctor


def test_doctor_finds_what_a_realm_of_keycloak_can_have_otherwise(keycloak: Keycloak):
    realm = keycloak.realm(scim=True, events=True)
    realm.declare(
        {"name": "kept", "annotations": {MAPPED: f"{HR}:kept"}},
        {"name": "dotted", "annotations": {MAPPED: f"{HR}.dotted"}},
        {"name": "many", "annotations": {MAPPED: f"{HR}:many"}, "multivalued": True},
        {"name": "unmapped", "annotations": {}},
    )
    realm.add_users(2)
    client = realm.client(*WRITE, "view-events", scim=True)

    found = doctored(realm, client, "kept", "dotted", "many", "unmapped", "new")

    assert found["write"] == found["users"] == found["events"] == [Grade.OK]
    assert found["version"] == [Grade.OK]
    assert found["policy"] == [Grade.NOTE]
    assert found["scim"] == [Grade.WARNING, Grade.OK, Grade.WARNING, Grade.NOTE, Grade.NOTE]
    realm.declare({"name": "bare"})
    assert doctored(realm, client, "kept")["scim"] == [Grade.WARNING]


def test_doctor_finds_what_a_client_of_keycloak_may_not(keycloak: Keycloak):
    realm = keycloak.realm()
    realm.add_users(2)

    found = doctored(realm, realm.client("view-realm", "query-users"))

    assert found["write"] == found["users"] == found["events"] == [Grade.WARNING]
    assert found["version"] == [Grade.UNKNOWN]
    assert found["scim"] == [Grade.NOTE]


def doctored(realm: Realm, client: Client, *names: str) -> dict[str, list[Grade]]:
    """The grades of each check, for a manifest with those attributes."""
    attributes = [{"name": name} for name in names]
    schema = Schema.from_json({"id": HR, "name": "HR", "attributes": attributes})
    extension = SchemaExtension(name="hr", place=Place(""), schema=schema)
    found: dict[str, list[Grade]] = {}
    with access_of(realm, client) as access:
        for each in KeycloakDoctor(access, HR).findings([extension]):
            found.setdefault(each.check, []).append(each.grade)
    return found


# ------------------------------------------------------------------ the program itself


@dataclass(frozen=True)
class Managed:
    """A folder whose one tenant is a realm, with a manifest of attributes."""

    realm: Realm
    folder: Folder

    def want(self, *attributes: Mapping[str, Any], **spec: Any) -> None:
        schema = {"id": HR, "name": "User", "attributes": attributes}
        extension = {
            "apiVersion": "reconciler/v1",
            "kind": "SchemaExtension",
            "metadata": {"name": "hr"},
            "spec": {"manages": "attributes", "onDrift": "update", "schema": schema, **spec},
        }
        self.folder.write("desired-state/hr.json", json.dumps(extension))


@pytest.fixture
def managed(keycloak: Keycloak, tmp_path: Path) -> Managed:
    """A realm with its own SCIM on, and a client that may do all there."""
    realm = keycloak.realm(scim=True, events=True)
    client = realm.client(*WRITE, "view-events", "manage-users", scim=True)
    folder = Folder(
        tmp_path,
        {"ID": client.id, "SECRET": client.secret, "RECONCILER_CANARY_USERS": "user-00000"},
    )
    tenant = {
        "apiVersion": "reconciler/v1",
        "kind": "Tenant",
        "metadata": {"name": "acme"},
        "spec": {
            "dialect": "keycloak",
            "baseUrl": realm.admin_url,
            "projection": {"schemaId": HR, "resource": "users"},
            "canary": {"userName": "user-00000"},
            "auth": {
                "type": "oauth2-client-credentials",
                "tokenUrl": realm.token_url,
                "clientId": {"env": "ID"},
                "clientSecret": {"env": "SECRET"},
            },
        },
    }
    folder.write("desired-state/acme.json", json.dumps(tenant))
    return Managed(realm, folder)


KEPT = {"name": "code", "type": "string", "annotations": {MAPPED: f"{HR}:code"}}


def test_options_that_would_lock_users_out_are_blocked_with_their_number(managed: Managed):
    managed.want(KEPT | {"canonicalValues": ["a", "b"]})
    assert_reported(managed.folder.run("apply", "--auto-approve"), 0, "applied and verified")
    managed.realm.add_users(30, lambda n: {"code": ["b"]} if n % 3 == 0 else {"code": ["a"]})
    before = managed.realm.profile()
    managed.want(KEPT | {"canonicalValues": ["a"]})

    done = managed.folder.run("plan", "--impact", "--detailed-exitcode")

    assert_reported(done, 2, "blocked (incompatible)", "10 of 30")
    assert_reported(managed.folder.run("apply", "--auto-approve"), 3, "blocked")
    assert managed.realm.profile() == before
    user = managed.realm.user("user-00000")
    managed.realm.ask("PUT", f"/users/{user['id']}", user | {"firstName": "Still"})


def test_a_canary_of_an_apply_finds_what_scim_keeps(managed: Managed):
    managed.realm.add_users(1)
    managed.want(KEPT, {"name": "dotted", "annotations": {MAPPED: f"{HR}.dotted"}})

    done = managed.folder.run("apply", "--auto-approve")

    assert_reported(done, 0, "applied and verified", "code: persisted", "dotted: dropped")
    assert not managed.realm.user("user-00000").get("attributes")


def test_adoption_counts_what_a_realm_shows_and_says_what_it_hides(managed: Managed):
    managed.want(KEPT, {"name": "gone"})
    assert managed.folder.run("apply", "--auto-approve").code == 0
    managed.realm.add_users(20, lambda n: {"code": ["1"], "gone": ["2"]} if n < 5 else {})
    managed.realm.undeclare("gone")

    hidden = managed.folder.run("adoption")

    assert_reported(hidden, 0, "20 in all", "unmanagedAttributePolicy is off")
    managed.realm.declare(unmanagedAttributePolicy="ADMIN_VIEW")
    figures = json.loads(managed.folder.run("adoption", "--format", "json").out)
    [acme] = figures["tenants"]
    counted = {each["attribute"]: each["holders"] for each in acme["attributes"]}
    assert counted == {"code": 5, "gone": 5}


def test_what_is_retired_and_held_is_orphaned(managed: Managed):
    managed.want(KEPT, retired=[{"name": "gone", "type": "string"}])
    assert managed.folder.run("apply", "--auto-approve").code == 0
    managed.realm.declare(unmanagedAttributePolicy="ADMIN_VIEW")
    managed.realm.add_users(20, lambda n: {"gone": ["2"]} if n < 5 else {})

    assert_reported(managed.folder.run("adoption"), 0, "orphaned")


def test_a_definition_over_values_that_were_kept_counts_whom_it_locks_out(managed: Managed):
    managed.want(KEPT)
    assert managed.folder.run("apply", "--auto-approve").code == 0
    managed.realm.add_users(30, lambda n: {"old": ["gone"]} if n < 4 else {})
    managed.want(KEPT, {"name": "old", "canonicalValues": ["new"]})

    hidden = managed.folder.run("plan", "--impact")

    assert_reported(hidden, 0, "unknown", "unmanagedAttributePolicy is off")
    managed.realm.declare(unmanagedAttributePolicy="ADMIN_VIEW")
    assert_reported(managed.folder.run("plan", "--impact"), 0, "4 of 30")
