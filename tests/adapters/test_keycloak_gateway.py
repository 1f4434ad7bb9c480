"""A realm as a gateway: each write is of a new read and of the whole, and others' are found."""

import json
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from reconciler.adapters.gateway import SizeLimits
from reconciler.adapters.keycloak.gateway import KeycloakWriter
from reconciler.domain.body import patch_body
from reconciler.domain.dialect import Meaning, PatchPath
from reconciler.domain.http_reply import Applied, Next
from reconciler.domain.scim import Schema
from reconciler.errors import (
    AnswerUnreadable,
    CredentialsRefused,
    PermissionRefused,
    TenantRefused,
    TenantUnavailable,
    TenantUntrusted,
)
from reconciler.ports import WriteResult
from tests.support.faultserver import Received, Script, json_reply, reply
from tests.support.gateway_world import world
from tests.support.profiles import URN, as_bytes, profile_of

BASE = "/admin/realms/acme"
GRADE = {
    "name": "grade",
    "annotations": {},
    "permissions": {"view": ["admin"], "edit": ["admin"]},
    "multivalued": False,
}
DESIRED = {"name": "level", "caseExact": True, "type": "integer"}


@dataclass
class Realm:
    """A realm that keeps one profile, and events of each write where it `keeps` them.

    `before_write` is what somebody else does between our read and our write.
    """

    profile: dict[str, Any] = field(default_factory=lambda: profile_of(GRADE))
    keeps: bool = False
    details: bool = True
    may_see_events: bool = True
    clock: int = 1000
    events: list[dict[str, Any]] = field(default_factory=list)
    before_write: Callable[["Realm"], None] = lambda _: None
    after_write: Callable[["Realm"], None] = lambda _: None
    answers: Callable[[Received], Script | None] = lambda _: None

    def __call__(self, request: Received) -> Script:
        if (script := self.answers(request)) is not None:
            return script
        if request.path == f"{BASE}/admin-events":
            if not self.may_see_events:
                return forbidden()
            query = parse_qs(urlsplit(request.target).query)
            first, most = int(query["first"][0]), int(query["max"][0])
            return json_reply(self.events[::-1][first : first + most])
        if request.method == "GET":
            return reply(200, as_bytes(self.profile), {"Content-Type": "application/json"})
        self.before_write(self)
        self.write(json.loads(request.body), "ours")
        stored = as_bytes(self.profile)
        self.after_write(self)
        return reply(200, stored, {"Content-Type": "application/json"})

    def write(self, profile: dict[str, Any], client: str) -> None:
        """Store what any client puts there."""
        self.profile = deepcopy(profile)
        self.clock += 1
        if self.keeps:
            event: dict[str, Any] = {
                "time": self.clock,
                "operationType": "UPDATE",
                "resourceType": "USER_PROFILE",
                "resourcePath": "users/profile",
                "authDetails": {"realmId": "r", "clientId": client, "userId": "u"},
            }
            told = {"representation": as_bytes(self.profile).decode()} if self.details else {}
            self.events.append(event | told)


def forbidden() -> Script:
    return json_reply({"error": "HTTP 403 Forbidden"}, 403)


@contextmanager
def gateway(realm: Realm, **options: Any) -> Iterator[tuple[KeycloakWriter, list[Received]]]:
    with world(realm, base=BASE, **options) as there:
        yield KeycloakWriter(there.access, URN, there.writes), there.requests


def written(
    writer: KeycloakWriter,
    *attributes: dict[str, Any],
    meanwhile: Callable[[], None] = lambda: None,
) -> WriteResult:
    """The answer to a PATCH of what is live; `meanwhile` is what happens after it was planned."""
    live = writer.find(URN)
    assert live is not None
    meanwhile()
    desired = Schema.from_json({"id": URN, "attributes": list(attributes or (DESIRED,))})
    return writer.patch(live, patch_body(live, desired, PatchPath.VALUE))


def others(writer: KeycloakWriter, result: WriteResult) -> list[tuple[str, tuple[str, ...]]]:
    """Who else wrote, and what is lost of that."""
    live = writer.find(URN)
    assert live is not None
    return [(each.by, each.lost) for each in result.meanwhile(live)]


def test_a_realm_is_read_as_one_schema_under_the_urn_of_the_tenant() -> None:
    with gateway(Realm()) as (reader, requests):
        live = reader.read_all([URN.upper()])
        nothing = reader.read_all(())

        assert [each.name for each in live.schemas[URN.lower()].attributes] == ["grade"]
        assert live.ids == nothing.ids == {URN.lower(): URN}
        assert dict(nothing.schemas) == {}
        assert list(reader.read_all((), everything=True).schemas) == [URN.lower()]
        assert reader.read("urn:another") is None
        assert reader.bindings() == {"User": frozenset((URN.lower(),))}
        assert {(each.method, each.path) for each in requests} == {("GET", f"{BASE}/users/profile")}


def test_a_write_puts_the_whole_profile_with_our_attribute_after_the_others() -> None:
    realm = Realm(profile=profile_of(GRADE, {"name": "o.ther", "x": [1.50]}, later={"a": 1}))
    before = deepcopy(realm.profile)
    with gateway(realm) as (writer, requests):
        result = written(writer)

        assert result.verdict.next is Next.VERIFY
        assert [each.method for each in requests] == ["GET", "GET", "PUT"]
        assert requests[2].headers["content-type"] == "application/json"
        assert result.stands == writer.find(URN)
        *rest, ours = realm.profile["attributes"]
        assert {**realm.profile, "attributes": rest} == before
        assert ours == {
            "name": "level",
            "validations": {"integer": {}},
            "annotations": {},
            "permissions": {"view": ["admin"], "edit": ["admin"]},
            "multivalued": False,
        }


@pytest.mark.parametrize(
    "change",
    [
        lambda profile: profile["attributes"].append({"name": "theirs"}),
        lambda profile: profile["attributes"].pop(),
        lambda profile: profile["attributes"][0].update(displayName="another"),
        lambda profile: profile.update(unmanagedAttributePolicy="ENABLED"),
        lambda profile: profile["groups"].pop(),
    ],
)
def test_a_profile_that_changed_since_it_was_planned_on_is_not_written(
    change: Callable[[dict[str, Any]], None],
) -> None:
    realm = Realm(profile=deepcopy(profile_of(GRADE)))
    with gateway(realm) as (writer, requests):
        result = written(writer, meanwhile=lambda: change(realm.profile))

        assert (result.verdict.applied, result.verdict.next) == (Applied.NO, Next.STOP)
        assert "somebody changed the profile since it was read" in result.message
        assert [each.method for each in requests] == ["GET", "GET"]


def test_what_the_profile_cannot_say_is_not_sent() -> None:
    with gateway(Realm()) as (writer, requests):
        result = written(writer, {**DESIRED, "uniqueness": "server"})

        assert (result.verdict.applied, result.verdict.next) == (Applied.NO, Next.STOP)
        assert "not sent; the attribute level cannot be kept so: uniqueness" in result.message
        assert [each.method for each in requests] == ["GET", "GET"]


def test_what_the_profile_cannot_say_is_known_to_a_plan() -> None:
    with gateway(Realm()) as (reader, _):
        live = reader.read_all([URN])

        assert live.objection(Schema.from_json({"id": URN, "attributes": [DESIRED]})) is None
        strange = {**DESIRED, "permissions": {"view": ["admin"], "edit": []}}
        assert live.objection(Schema.from_json({"id": URN, "attributes": [strange]})) == (
            'the attribute level cannot be kept so: mutability would be "readOnly"'
        )


def test_nothing_is_created_or_replaced() -> None:
    with gateway(Realm()) as (writer, requests):
        live = Schema.from_json({"id": URN})
        results = (writer.create({"id": URN}), writer.replace(live, {}))

        assert {each.means for each in results} == {Meaning.UNSUPPORTED}
        assert {each.verdict.applied for each in results} == {Applied.NO}
        assert requests == []


def theirs(realm: Realm, *, stale: bool) -> None:
    """Somebody else adds an attribute and changes another, and has read before us or just now."""
    profile = deepcopy(realm.profile)
    if stale:
        profile["attributes"] = [a for a in profile["attributes"] if a["name"] != "level"]
    grade = next(each for each in profile["attributes"] if each["name"] == "grade")
    grade["displayName"] = "Grade"
    profile["attributes"].append({"name": "theirs"})
    realm.write(profile, "c4")


LOST = ("grade.description", "theirs")


@pytest.mark.parametrize(
    ("realm", "found"),
    [
        (Realm(keeps=True), []),
        (Realm(keeps=True, before_write=lambda r: theirs(r, stale=False)), [("c4", LOST)]),
        (Realm(keeps=True, after_write=lambda r: theirs(r, stale=False)), [("c4", ())]),
        (Realm(keeps=True, after_write=lambda r: theirs(r, stale=True)), [("c4", ())]),
        (Realm(before_write=lambda r: theirs(r, stale=False)), []),
        (Realm(keeps=True, details=False, before_write=lambda r: theirs(r, stale=False)), []),
        (Realm(keeps=True, may_see_events=False), []),
    ],
    ids=["alone", "before", "after", "over", "unkept", "without-details", "forbidden"],
)
def test_a_write_of_somebody_else_in_the_window_is_found_in_admin_events(
    realm: Realm, found: list[tuple[str, tuple[str, ...]]]
) -> None:
    with gateway(realm) as (writer, _):
        result = written(writer)

        assert others(writer, result) == [(f"the client {by}", lost) for by, lost in found]


@pytest.mark.parametrize("keeps_ours_alone", [False, True])
def test_a_write_of_somebody_else_before_the_window_is_none_of_ours(
    keeps_ours_alone: bool,
) -> None:
    """It may be known by what it left, or else by its time."""
    realm = Realm(keeps=True)
    with gateway(realm) as (writer, _):
        theirs(realm, stale=False)
        if keeps_ours_alone:
            realm.write(deepcopy(realm.profile) | {"groups": []}, "c4")
            realm.keeps = False
            realm.write(profile_of(GRADE), "c4")
            realm.keeps, realm.clock = True, realm.clock + 60_000
        result = written(writer)

        assert others(writer, result) == []


@pytest.mark.parametrize(
    "event",
    [
        {"time": 10**30, "representation": "{}", "authDetails": {"clientId": "c4"}},
        {"time": -1, "representation": "{}", "authDetails": {"clientId": "c4"}},
        {"time": 1, "representation": "no JSON", "authDetails": {"clientId": "c4"}},
        {"time": 1, "representation": '{"attributes": 1}', "authDetails": {"clientId": "c4"}},
        {"time": 1, "representation": 1, "authDetails": None},
        {},
        [],
        "text",
    ],
)
def test_an_event_of_another_form_tells_nothing(event: Any) -> None:
    realm = Realm(keeps=True, after_write=lambda realm: realm.events.append(event))
    with gateway(realm) as (writer, _):
        assert others(writer, written(writer)) == []


@pytest.mark.parametrize("answer", [reply(200, b"{}"), reply(200, b"<html>"), reply(204)])
def test_an_answer_without_events_tells_nothing(answer: Script) -> None:
    realm = Realm(answers=lambda each: answer if "admin-events" in each.path else None)
    with gateway(realm) as (writer, _):
        assert others(writer, written(writer)) == []


def test_events_are_read_page_by_page_until_that_of_what_was_read() -> None:
    """Ours may be the oldest of very many."""

    def crowd(realm: Realm) -> None:
        for number in range(45):
            profile = deepcopy(realm.profile)
            profile["attributes"].append({"name": f"c{number}"})
            realm.write(profile, "c4")

    realm = Realm(keeps=True, after_write=crowd)
    with gateway(realm) as (writer, requests):
        result = written(writer)

        assert len(others(writer, result)) == 45
        assert sum("admin-events" in each.path for each in requests) == 3


@pytest.mark.parametrize(
    ("script", "kind", "message"),
    [
        (json_reply({"error": "HTTP 401 Unauthorized"}, 401), CredentialsRefused, "401"),
        (forbidden(), PermissionRefused, "needs the role view-realm of the client realm-manage"),
        (json_reply({"error": "Realm not found."}, 404), TenantRefused, "Realm not found"),
        (json_reply({"error": "Realm not found."}, 404), TenantRefused, "HOST/admin/realms/REALM"),
        (json_reply({"error": "unknown_error"}, 500), TenantUnavailable, "500 unknown_error"),
        (reply(200, b"<html><title>Log in</title>"), AnswerUnreadable, "an HTML page"),
        (reply(200, b"[]"), AnswerUnreadable, "no object; check .* admin address of the realm"),
        (reply(302, headers={"Location": "https://example.com/"}), TenantUntrusted, "redirect"),
        (reply(200, b"{}"), AnswerUnreadable, "a profile without attributes|without attributes"),
        (reply(200, b'{"attributes":[{"name":"a"'), AnswerUnreadable, "not JSON"),
        (reply(200, b" " * 200_000), AnswerUnreadable, "--max-page-mib"),
    ],
)
def test_a_profile_that_cannot_be_read_says_why(
    script: Script, kind: type[Exception], message: str
) -> None:
    realm = Realm(answers=lambda _: script)
    with gateway(realm, deadline=0.0, max_body=100_000) as (reader, _):
        with pytest.raises(kind, match=message):
            reader.read_all([URN])


def test_a_profile_of_more_attributes_than_are_allowed_is_not_read() -> None:
    profile = profile_of(*({"name": f"a{number}"} for number in range(11)))
    with gateway(Realm(profile=profile), limits=SizeLimits(attributes=10)) as (reader, _):
        with pytest.raises(AnswerUnreadable, match="--max-attributes"):
            reader.read_all([URN])


@pytest.mark.parametrize(
    ("status", "body", "message"),
    [
        (
            400,
            {"errorMessage": "[Attribute configuration already exists with 'name':'level']"},
            "already exists with 'name':'level'.*in another spelling",
        ),
        (
            400,
            {"errorMessage": "[Validator 'nosuch' defined for attribute 'a' doesn't exist]"},
            "'nosuch'.*no validator of that name",
        ),
        (
            400,
            {"errorMessage": "['permissions.edit' configuration … contains unsupported role 'x']"},
            "'x'.*the roles admin and user alone",
        ),
        (
            400,
            {"errorMessage": "['required.scopes' configuration … unsupported scope 'x']"},
            "no such client scope",
        ),
        (
            400,
            {"errorMessage": "[Attribute 'a' references unknown group 'g']"},
            "'g'.*make it there first",
        ),
        (
            400,
            {"errorMessage": "[Invalid attribute name (only letters, numbers …): a b']"},
            "it takes letters, digits",
        ),
        (
            400,
            {"errorMessage": "[The attribute 'username' can not be removed]"},
            "somebody took it out",
        ),
        (
            400,
            {"errorMessage": "[Default value for attribute 'a' is invalid]"},
            "'a' is invalid.*defaultValue has to be one",
        ),
        (
            400,
            {"errorMessage": "[Validator 'length' … has incorrect configuration: …]"},
            "the settings of that validator",
        ),
        (
            400,
            {"error": 'Invalid json … UPAttribute. Unrecognized field "foo" at line 1'},
            '"foo".*leave it out of the manifest',
        ),
        (
            400,
            {"error": "unknown_error", "error_description": "Cannot parse the JSON"},
            "a value of another kind",
        ),
        (400, {"errorMessage": "something new"}, '"something new"$'),
        (403, {"error": "HTTP 403 Forbidden"}, "needs the role manage-realm of the client"),
        (404, {"error": "Realm not found."}, "there is no such realm"),
        (405, {"error": "HTTP 405 Method Not Allowed"}, "no Keycloak before 24"),
    ],
)
def test_a_refused_write_is_told_in_our_words_beside_those_of_keycloak(
    status: int, body: dict[str, Any], message: str
) -> None:
    realm = Realm(answers=lambda each: json_reply(body, status) if each.method == "PUT" else None)
    with gateway(realm) as (writer, _):
        result = written(writer)

        assert (result.verdict.applied, result.verdict.next) == (Applied.NO, Next.STOP)
        assert re.search(message, result.message), result.message


def test_an_error_of_the_service_leaves_open_what_became_of_the_write() -> None:
    answer = json_reply({"error": "unknown_error"}, 500)
    realm = Realm(answers=lambda each: answer if each.method == "PUT" else None)
    with gateway(realm) as (writer, _):
        result = written(writer)

        assert (result.verdict.applied, result.verdict.next) == (Applied.UNKNOWN, Next.READ)
        assert others(writer, result) == []


def test_the_time_between_read_and_write_is_measured(caplog: pytest.LogCaptureFixture) -> None:
    with gateway(Realm()) as (writer, _), caplog.at_level("DEBUG"):
        written(writer)

    assert re.search(r"PUT .*/users/profile: \d+ ms from the read to the answer", caplog.text)
