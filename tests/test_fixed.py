"""What a service fixes, from a manifest to what it serves and back: one value all the way."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from reconciler.adapters.dialects import load_dialects
from reconciler.adapters.manifests import Loaded, load
from reconciler.domain.blocking import BlockReason
from reconciler.domain.body import create_body
from reconciler.domain.deciding import LiveTenant, plan_tenant
from reconciler.domain.dialect import Dialect
from reconciler.domain.jsontext import Json
from reconciler.domain.plan import Blocked, Change, Skip, SkipReason, Update
from reconciler.domain.scim import Schema
from reconciler.domain.selection import Selection
from reconciler.embedded import DevTenantSetup
from reconciler.importing import manifest_for
from tests.support.domain_world import live
from tests.support.embedded_client import TestClock, running
from tests.support.embedded_gateway import gateway
from tests.support.reading import LIMITS

URN = "urn:example:2.0:User:HR"
KEYCLOAK = load_dialects()["keycloak"]
# Two services that nobody sells, as others do that list attributes by an API of their own
LISTING: dict[str, Json] = {
    "types": ["string", "boolean", "integer", "decimal"],
    "fixed": {"caseExact": True, "mutability": "readWrite", "returned": "default"},
    "accepts": {"uniqueness": ["none", "server"]},
}
SPARSE: dict[str, Json] = {
    "fixed": {
        "canonicalValues": [],
        "multiValued": False,
        "referenceTypes": ["uri"],
        "required": False,
        "returned": "always",
        "uniqueness": "server",
    }
}
REALM = """\
apiVersion: reconciler/v1
kind: Tenant
metadata: {name: staff}
spec:
  dialect: keycloak
  baseUrl: https://id.example.com/admin/realms/staff
  projection: {schemaId: "urn:example:2.0:User:HR", resource: users}
"""
SERVICE = """\
apiVersion: reconciler/v1
kind: Tenant
metadata: {name: staff}
spec: {dialect: made-up, baseUrl: "https://made-up.example"}
"""
EXTENSION = """\
apiVersion: reconciler/v1
kind: SchemaExtension
metadata: {name: hr}
spec:
  manages: attributes
  onDrift: ONDRIFT
  schema:
    id: urn:example:2.0:User:HR
    name: HR
    attributes:
"""


def made_up(**capabilities: Json) -> Dialect:
    return load_dialects()["rfc7644"].overridden(capabilities)


def read(
    folder: Path,
    attributes: Iterable[Json],
    *,
    tenant: str = REALM,
    service: Dialect = KEYCLOAK,
    note: str = "",
    drift: str = "skip",
) -> Loaded:
    """The manifests as a folder has them; the note stands above each attribute."""
    lines = [f"      {note}\n" * bool(note) + f"      - {json.dumps(a)}\n" for a in attributes]
    text = EXTENSION.replace("ONDRIFT", drift) + "".join(lines)
    (folder / "tenant.yaml").write_text(tenant)
    (folder / "hr.yaml").write_text(text)
    return load(folder, dialects={"made-up": service, "keycloak": service}, limits=LIMITS)


def warned(loaded: Loaded) -> list[str]:
    """Line and rule of each problem that counts."""
    assert loaded.manifests is not None, loaded.problems
    found = [p for p in loaded.problems if p.severity != "info"]
    return [f"{p.place.line} {p.rule}" for p in found]


def planned(loaded: Loaded, there: LiveTenant) -> Change:
    assert loaded.manifests is not None, loaded.problems
    (tenant,), (extension,) = loaded.manifests.tenants, loaded.manifests.extensions
    (change,) = plan_tenant(
        tenant,
        extensions=[extension.fitted_to(tenant.dialect)],
        live=there,
        selection=Selection(),
    ).changes
    return change


def is_in_sync(change: Change) -> bool:
    return isinstance(change, Skip) and change.reason is SkipReason.IN_SYNC


# -- Keycloak, attribute by attribute --------------------------------------------------------------

NO_PARTS: Json = {"name": "job", "type": "complex", "subAttributes": [{"name": "grade"}]}
UNSAYABLE: list[tuple[Json, str, str]] = [
    (NO_PARTS, "REC-TYPE", "has no type complex"),
    ({"name": "photo", "type": "binary"}, "REC-TYPE", "has no type binary"),
    ({"name": "badge", "uniqueness": "server"}, "REC-FIXED", "uniqueness is none for every"),
    ({"name": "badge", "uniqueness": "global"}, "REC-FIXED", "uniqueness is none for every"),
    ({"name": "badge", "caseExact": False}, "REC-FIXED", "caseExact is true for every"),
    ({"name": "badge", "returned": "always"}, "REC-FIXED", "returned is default for every"),
    ({"name": "badge", "returned": "never"}, "REC-FIXED", "returned is default for every"),
    ({"name": "badge", "returned": "request"}, "REC-FIXED", "returned is default for every"),
    ({"name": "badge", "mutability": "immutable"}, "REC-FIXED", "no mutability immutable, only"),
    (
        {"name": "badge", "mutability": "writeOnly", "returned": "never"},
        "REC-FIXED",
        "no mutability writeOnly, only",
    ),
    (
        {"name": "site", "type": "reference", "referenceTypes": ["User"]},
        "REC-FIXED",
        "referenceTypes is external for every",
    ),
    ({"name": "username"}, "REC-OWN-NAME", "has that name for itself"),
    ({"name": "EMAIL"}, "REC-OWN-NAME", "has that name for itself"),
    ({"name": "firstName"}, "REC-OWN-NAME", "has that name for itself"),
    ({"name": "cost$center"}, "REC-ATTRIBUTE-NAME", "takes names of"),
]


@pytest.mark.parametrize(("attribute", "rule", "message"), UNSAYABLE, ids=str)
@pytest.mark.parametrize("drift", ["skip", "update"])
def test_what_keycloak_cannot_say_is_a_finding_at_its_line_and_a_blocked_change(
    tmp_path: Path, attribute: Json, rule: str, message: str, drift: str
) -> None:
    loaded = read(tmp_path, [{"name": "grade"}, attribute], drift=drift)

    change = planned(loaded, live({"id": URN, "attributes": [{"name": "grade"}]}))

    assert f"12 {rule}" in warned(loaded)
    assert isinstance(change, Blocked)
    assert change.reason is BlockReason.UNSUPPORTED
    assert message in change.recipe


SAYABLE: list[Any] = [
    {"name": "badge"},
    {"name": "badge", "caseExact": True, "uniqueness": "none", "returned": "default"},
    {"name": "badge", "mutability": "readOnly", "multiValued": True},
    {"name": "badge", "canonicalValues": ["a", "b"], "description": "Badge"},
    {"name": "grade", "type": "integer", "caseExact": False},
    {"name": "ratio", "type": "decimal"},
    {"name": "start", "type": "dateTime"},
    {"name": "remote", "type": "boolean"},
    {"name": "site", "type": "reference", "referenceTypes": ["external"]},
]


@pytest.mark.parametrize("attribute", SAYABLE, ids=str)
def test_what_keycloak_can_say_is_no_finding_and_comes_as_an_update(
    tmp_path: Path, attribute: Any
) -> None:
    loaded = read(tmp_path, [attribute], drift="update")
    assert loaded.manifests is not None
    (wanted,) = loaded.manifests.extensions[0].fitted_to(KEYCLOAK).schema.document["attributes"]

    change = planned(loaded, live({"id": URN, "attributes": [{"name": "theirs"}]}))
    after = planned(loaded, live({"id": URN, "attributes": [{"name": "theirs"}, wanted]}))

    assert warned(loaded) == []
    assert isinstance(change, Update)
    assert is_in_sync(after)


@pytest.mark.parametrize(
    ("spec", "problem"),
    [
        ("projection: {schemaId: 'urn:x', resource: groups}", "resource"),
        ("projection: {schemaId: hr, resource: users}", "the URN of a schema"),
        ("projection: {schemaId: 'urn:x'}", "lacks resource"),
        ("projection: {schemaId: 'urn:ietf:params:scim:schemas:core:2.0:User', resource: users}",
         "an RFC's or the vendor's"),
        ("auth: {type: none}", "has no /Schemas: say as which schema"),
    ],
)  # fmt: skip
def test_a_projection_that_is_none_is_told(tmp_path: Path, spec: str, problem: str) -> None:
    head = REALM.partition("  projection:")[0]

    loaded = read(tmp_path, [{"name": "badge"}], tenant=f"{head}  {spec}\n")

    assert loaded.manifests is None
    assert any(problem in each.message for each in loaded.problems)


@pytest.mark.parametrize(
    ("address", "taken"),
    [
        ("https://id.example.com/admin/realms/staff", True),
        ("https://id.example.com/auth/admin/realms/my%20staff", True),
        ("http://127.0.0.1:8080/admin/realms/staff", True),
        ("https://id.example.com/admin/realms/staff/", False),
        ("https://id.example.com/admin/realms/", False),
        ("https://id.example.com/realms/staff", False),
        ("https://id.example.com/admin/realms/staff/users/profile", False),
        ("https://id.example.com", False),
    ],
)
def test_the_address_of_a_realm_is_that_of_its_admin_api(
    tmp_path: Path, address: str, taken: bool
) -> None:
    tenant = REALM.replace("https://id.example.com/admin/realms/staff", address)

    problems = read(tmp_path, [{"name": "badge"}], tenant=tenant).problems

    told = [p for p in problems if "is written https://HOST/admin/realms/REALM" in p.message]
    assert bool(told) is not taken


def test_the_built_in_tenant_plays_no_service_without_schemas(tmp_path: Path) -> None:
    tenant = REALM.replace("https://id.example.com/admin/realms/staff", "embedded://staff")

    problems = read(tmp_path, [{"name": "badge"}], tenant=tenant).problems

    assert ["plays services with /Schemas alone" in p.message for p in problems] == [True]


# -- services of any kind --------------------------------------------------------------------------


@pytest.mark.parametrize("raw", [False, True])
@pytest.mark.parametrize("entries", [LISTING, SPARSE], ids=["listing", "sparse"])
def test_a_plan_is_empty_after_a_create_and_after_an_import(
    tmp_path: Path, entries: dict[str, Json], raw: bool
) -> None:
    service = made_up(**entries)
    loaded = read(
        tmp_path, [{"name": "badge"}, {"name": "grade", "type": "integer"}],
        tenant=SERVICE, service=service,
    )  # fmt: skip
    assert loaded.manifests is not None
    (there,), (wanted,) = loaded.manifests.tenants, loaded.manifests.extensions
    setup = DevTenantSetup(dialect=service, raw=raw)
    with running(tmp_path, TestClock(), setup=setup) as client:
        with gateway(client.access, service) as program:
            program.create(create_body(wanted.fitted_to(service).schema))
            found = program.read_all([URN])
            one = program.read(URN)

    imported = manifest_for(
        found.schemas[URN.lower()], tenant=there, name="hr", resource_type="User", full=False
    )
    (tmp_path / "hr.yaml").unlink()
    (tmp_path / "hr.json").write_text(json.dumps(imported))
    again = load(tmp_path, dialects={"made-up": service}, limits=LIMITS)

    assert found.schemas[URN.lower()] == one
    assert warned(loaded) == []
    assert is_in_sync(planned(loaded, found))
    assert imported["spec"]["schema"]["attributes"] == [
        {"name": "badge"}, {"name": "grade", "type": "integer"},
    ]  # fmt: skip
    assert warned(again) == []
    assert is_in_sync(planned(again, found))


@pytest.mark.parametrize(
    ("entries", "attribute"),
    [
        (LISTING, {"name": "badge", "mutability": "immutable"}),
        (LISTING, {"name": "badge", "uniqueness": "global"}),
        (SPARSE, {"name": "badge", "required": True}),
        (SPARSE, {"name": "badge", "canonicalValues": ["a"]}),
        (SPARSE, {"name": "badge", "multiValued": True}),
        (SPARSE, {"name": "job", "type": "complex", "subAttributes": [
            {"name": "grade", "uniqueness": "none"}]}),
    ],
    ids=str,
)  # fmt: skip
def test_a_note_makes_no_eternal_difference(
    tmp_path: Path, entries: dict[str, Json], attribute: Json
) -> None:
    service = made_up(**entries)
    note = "# reconciler: ignore REC-FIXED -- one manifest for all"
    options: dict[str, Any] = {"tenant": SERVICE, "service": service}
    bare = read(tmp_path, [attribute], **options)
    assert warned(bare) == ["11 REC-FIXED"]
    assert isinstance(planned(bare, live()), Blocked)

    noted = read(tmp_path, [attribute], note=note, **options)
    assert noted.manifests is not None
    with running(tmp_path, TestClock(), setup=DevTenantSetup(dialect=service)) as client:
        with gateway(client.access, service) as program:
            wanted = noted.manifests.extensions[0].fitted_to(service).schema
            answer = program.create(create_body(wanted))
            found = program.read_all([URN])

    assert warned(noted) == []
    assert list(found.schemas) == [URN.lower()], answer
    assert is_in_sync(planned(noted, found))


def test_a_played_service_answers_400_to_what_it_cannot_say_and_serves_what_is_fixed(
    tmp_path: Path,
) -> None:
    setup = DevTenantSetup(dialect=made_up(**LISTING))
    document = {"schemas": [], "id": URN, "name": "HR", "attributes": [{"name": "badge"}]}
    with running(tmp_path, TestClock(), setup=setup) as client:
        wrong = {**document, "attributes": [{"name": "badge", "caseExact": False}]}
        refused = client.send("POST", "/Schemas", wrong)
        client.send("POST", "/Schemas", document)
        (served,) = client.send("GET", f"/Schemas/{URN}").json()["attributes"]

    assert refused.status_code == 400
    assert "caseExact is true for every attribute" in refused.json()["detail"]
    assert (served["caseExact"], served["uniqueness"]) == (True, "none")


def test_the_manifest_of_a_projection_manages_its_attributes_alone(tmp_path: Path) -> None:
    loaded = read(tmp_path, [{"name": "badge"}])
    assert loaded.manifests is not None
    (realm,) = loaded.manifests.tenants
    shown: dict[str, Json] = {
        "id": URN, "description": "of the realm", "groups": [{"name": "g"}],
        "attributes": [
            {"name": "badge", "caseExact": True, "permissions": {"view": ["admin"]}},
            {"name": "site", "type": "reference", "referenceTypes": ["external"]},
        ],
    }  # fmt: skip

    document = manifest_for(
        Schema.from_json(shown), tenant=realm, name="hr", resource_type="User", full=False
    )

    assert document["spec"] == {
        "tenants": {"names": ["staff"]},
        "manages": "attributes",
        "schema": {
            "id": URN,
            "name": "HR",
            "attributes": [
                {"name": "badge", "permissions": {"view": ["admin"]}},
                {"name": "site", "type": "reference", "referenceTypes": ["external"]},
            ],
        },
    }
    (tmp_path / "hr.yaml").unlink()
    (tmp_path / "hr.json").write_text(json.dumps(document))
    again = load(tmp_path, dialects={"keycloak": KEYCLOAK}, limits=LIMITS)
    assert warned(again) == []
    assert is_in_sync(planned(again, live(shown)))
