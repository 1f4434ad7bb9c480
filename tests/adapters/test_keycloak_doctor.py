"""KeycloakDoctor: each thing that a realm can have otherwise is a finding of its own."""

import base64
import json
from typing import Any

import pytest

from reconciler.adapters.dialects import load_dialects
from reconciler.adapters.keycloak.doctor import KeycloakDoctor
from reconciler.adapters.oauth2 import HeaderToken
from reconciler.domain.doctor import Grade
from reconciler.domain.manifest import SchemaExtension
from reconciler.domain.problem import Place
from reconciler.domain.scim import Schema
from reconciler.domain.secret import Secret
from tests.support.faultserver import Received, Script, json_reply
from tests.support.gateway_world import world
from tests.support.keycloak_realm import ADMIN, HR, MAPPED, SCIM, RealmService, profiled

Found = dict[str, list[tuple[Grade, str]]]
KEYCLOAK = load_dialects()["keycloak"]
ALL = frozenset({"view-realm", "manage-realm", "view-users", "view-events"})


def token(*roles: str) -> str:
    """An access token as Keycloak gives it: readable, and of no use to anybody here."""
    access = {"resource_access": {"realm-management": {"roles": list(roles)}}}
    payload = base64.urlsafe_b64encode(json.dumps(access).encode()).decode().rstrip("=")
    return f"aaaa.{payload}.bbbb"


def findings(service: RealmService, *names: str, bearer: str | None = None) -> Found:
    """What doctor finds of a realm for which a manifest has those attributes, by check."""
    attributes = [{"name": name} for name in names]
    schema = Schema.from_json({"id": HR, "name": "HR", "attributes": attributes})
    extension = SchemaExtension(name="hr", place=Place(""), schema=schema)
    sent = token(*sorted(service.roles)) if bearer is None else bearer
    credentials = HeaderToken(scheme="Bearer", token=Secret(sent))
    with world(service, base=ADMIN, dialect=KEYCLOAK, credentials=lambda _: credentials) as known:
        made = KeycloakDoctor(known.reader._access, HR)
        found: Found = {}
        for each in made.findings([extension]):
            found.setdefault(each.check, []).append((each.grade, each.message))
    assert sent not in str(found)
    return found


def one(found: Found, check: str) -> tuple[Grade, str]:
    [finding] = found[check]
    return finding


def test_a_realm_with_all_roles_and_admin_events_is_found_well() -> None:
    service = RealmService(
        profile=[profiled("code")], people=[{}], roles=ALL, events=True, details=True,
        policy="ADMIN_VIEW",
    )  # fmt: skip

    found = findings(service, "code")

    grades = {check: {grade for grade, _ in each} for check, each in found.items()}
    assert grades.pop("scim") == {Grade.NOTE}
    assert grades.pop("version") == {Grade.OK}
    assert set().union(*grades.values()) == {Grade.OK}
    assert "Keycloak 26.7.3" in one(found, "version")[1]


@pytest.mark.parametrize(
    ("lacking", "check", "grade", "message"),
    [
        ("manage-realm", "write", Grade.WARNING, "lacks manage-realm"),
        ("view-users", "users", Grade.WARNING, "view-users"),
        ("view-events", "events", Grade.WARNING, "view-events"),
    ],
)
def test_a_role_that_is_lacking_is_named(
    lacking: str, check: str, grade: Grade, message: str
) -> None:
    service = RealmService(roles=ALL - {lacking}, events=True, details=True, people=[{}])

    found = one(findings(service), check)

    assert found[0] is grade
    assert message in found[1]


def test_a_client_that_counts_users_and_sees_none_has_not_the_role() -> None:
    service = RealmService(roles=frozenset({"view-realm", "query-users"}), people=[{}])

    assert one(findings(service), "users")[0] is Grade.WARNING


def test_a_client_that_may_read_no_profile_learns_which_role_it_lacks() -> None:
    found = findings(RealmService(roles=frozenset({"view-events"})))

    assert one(found, "permission")[0] is Grade.PROBLEM


@pytest.mark.parametrize("sent", ["opaque", "aaaa.%%%.bbbb", "aaaa.e30.bbbb", "a.b"])
def test_a_token_that_tells_no_roles_leaves_them_unknown(sent: str) -> None:
    assert one(findings(RealmService(roles=ALL), bearer=sent), "write")[0] is Grade.UNKNOWN


@pytest.mark.parametrize(
    ("events", "details", "roles", "grade", "message"),
    [
        (False, False, ALL, Grade.WARNING, "not kept"),
        (True, False, ALL, Grade.WARNING, "without details"),
        (True, True, ALL, Grade.OK, "found and named"),
        (True, True, frozenset({"view-users"}), Grade.UNKNOWN, "view-realm"),
    ],
)
def test_whether_lost_writes_can_be_named_is_found(
    events: bool, details: bool, roles: frozenset[str], grade: Grade, message: str
) -> None:
    service = RealmService(roles=roles, events=events, details=details)

    found = one(findings(service), "events")

    assert found[0] is grade
    assert message in found[1]


def test_values_beyond_the_profile_that_nobody_sees_are_noted() -> None:
    assert one(findings(RealmService(roles=ALL)), "policy")[0] is Grade.NOTE


def mapped(name: str, to: str | None, **members: Any) -> dict[str, Any]:
    """An attribute of the profile with that annotation."""
    return profiled(name, annotations={} if to is None else {MAPPED: to}, **members)


CASES = [
    (mapped("code", f"{HR}:code"), Grade.OK, "a value is kept"),
    (mapped("code", None), Grade.NOTE, "keeps none"),
    (mapped("code", f"{HR}.code"), Grade.WARNING, "keeps none; write URN:name"),
    (mapped("code", f"{HR}:code") | {"multivalued": True}, Grade.WARNING, "single-valued"),
    (mapped("code", f"{HR}:code") | {"permissions": {"view": [], "edit": []}},
     Grade.WARNING, "no value is kept"),
    (mapped("code", "urn:example:other:2.0:User:code"), Grade.NOTE, "not as of"),
    (mapped("desk", f"{HR}:desk"), Grade.NOTE, "not in the user profile yet"),
]  # fmt: skip


@pytest.mark.parametrize(("attribute", "grade", "message"), CASES)
def test_what_its_own_scim_does_with_an_attribute_is_found(
    attribute: dict[str, Any], grade: Grade, message: str
) -> None:
    found = findings(RealmService(profile=[attribute], roles=ALL, scim=True), "code")

    assert one(found, "scim")[0] is grade
    assert message in one(found, "scim")[1]
    assert one(found, "scim")[1].startswith("code: ")


def test_an_attribute_without_annotations_is_named_where_scim_fails_of_it() -> None:
    service = RealmService(profile=[profiled("bare")], roles=ALL, scim=True)

    found = one(findings(service, "bare"), "scim")

    assert found[0] is Grade.WARNING
    assert "annotations (bare)" in found[1]


@pytest.mark.parametrize(
    ("members", "grade", "message"),
    [
        ({"scim": False}, Grade.NOTE, "scimApiEnabled"),
        ({"scim": True, "audience": False}, Grade.WARNING, "audience is http"),
    ],
)
def test_a_scim_that_is_closed_is_no_problem_and_says_why(
    members: dict[str, Any], grade: Grade, message: str
) -> None:
    found = one(findings(RealmService(roles=ALL, **members)), "scim")

    assert found[0] is grade
    assert message in found[1]


@pytest.mark.parametrize("path", ["", "/admin-events", "/users", "/users/count", SCIM])
def test_what_cannot_be_looked_at_is_a_finding_too(path: str) -> None:
    def broken(_: RealmService, request: Received) -> Script | None:
        target = path if path == SCIM else f"{ADMIN}{path}"
        is_it = request.path == target or (path == SCIM and request.path.startswith(SCIM))
        return json_reply([{"error": "c4n4ry"}]) if is_it else None

    found = findings(RealmService(roles=ALL, scim=True, before=broken), "code")

    assert "c4n4ry" not in str(found)
    assert one(found, "permission")[0] is Grade.OK
