"""A realm on loopback that answers as Keycloak 26.7.3 does, by the admin API and its SCIM."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.support.faultserver import Received, Script, json_reply
from tests.support.gateway_world import listed, scim_error

ADMIN = "/admin/realms/acme"
SCIM = "/realms/acme/scim/v2"
HR = "urn:example:hr:2.0:User"
MAPPED = "kc.scim.schema.attribute"
_CORE = ("username", "email", "firstName", "lastName")
_READS_PROFILE = {"view-realm", "manage-realm", "view-users", "manage-users", "query-users"}


def manifests(address: str, *attributes: str) -> str:
    """A tenant that is the realm at that address, and an extension of those attributes."""
    listed = "".join(f"\n      - {{name: {name}, type: string}}" for name in attributes)
    return f"""\
apiVersion: reconciler/v1
kind: Tenant
metadata: {{name: acme}}
spec:
  dialect: keycloak
  baseUrl: {address}
  projection: {{schemaId: "{HR}", resource: users}}
  auth: {{type: bearer, token: {{env: TOKEN}}}}
---
apiVersion: reconciler/v1
kind: SchemaExtension
metadata: {{name: hr}}
spec:
  manages: attributes
  schema:
    id: {HR}
    name: User
    attributes:{listed}
"""


def profiled(name: str, **members: Any) -> dict[str, Any]:
    """An attribute of the user profile that administrators may see and write."""
    permissions = {"view": ["admin"], "edit": ["admin"]}
    return {"name": name, "permissions": permissions, "multivalued": False, **members}


@dataclass
class RealmService:
    """A realm; `people` have values by attribute, `roles` are those of whoever asks.

    `before` is called with each request, and may answer it or change the realm first.
    """

    profile: list[dict[str, Any]] = field(default_factory=list)
    policy: str | None = None
    people: list[Any] = field(default_factory=list)
    roles: frozenset[str] = frozenset({"view-realm", "manage-realm", "view-users"})
    events: bool = False
    details: bool = False
    scim: bool | None = False
    audience: bool = True
    before: Callable[["RealmService", Received], Script | None] = lambda *_: None
    queries: list[dict[str, str]] = field(default_factory=list)
    _ids: dict[int, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.people = [dict(held) for held in self.people]
        for held in self.people:
            self._id(held)

    def __call__(self, request: Received) -> Script:
        if (answer := self.before(self, request)) is not None:
            return answer
        if request.path.startswith(SCIM):
            return self._scim(request.path.removeprefix(SCIM), request)
        handle = {
            f"{ADMIN}/users/profile": self._profile,
            f"{ADMIN}/users/count": self._count,
            f"{ADMIN}/users": self._users,
            f"{ADMIN}/admin-events": self._events,
            ADMIN: self._realm,
            "/admin/serverinfo": self._info,
        }.get(request.path)
        assert handle is not None, request.target
        return handle(_query(request))

    def has(self, *roles: str) -> bool:
        return not self.roles.isdisjoint(roles)

    def _profile(self, _: dict[str, str]) -> Script:
        if not self.has(*_READS_PROFILE):
            return _REFUSED
        core = [profiled(name) for name in _CORE]
        policy = {} if self.policy is None else {"unmanagedAttributePolicy": self.policy}
        return json_reply({"attributes": [*core, *self.profile], "groups": [], **policy})

    def _count(self, _: dict[str, str]) -> Script:
        allowed = self.has("view-users", "manage-users", "query-users")
        return json_reply(len(self.people)) if allowed else _REFUSED

    def _users(self, query: dict[str, str]) -> Script:
        if not self.has("view-users", "manage-users", "query-users"):
            return _REFUSED
        self.queries.append(query)
        first, most = int(query["first"]), int(query["max"])
        may_see = self.has("view-users", "manage-users")
        people = self.people[first : first + most] if may_see else []
        return json_reply([self._user(each) for each in people])

    def _user(self, held: Mapping[str, Sequence[str]]) -> dict[str, Any]:
        number = self._id(held)
        declared = {each["name"]: each for each in self.profile}
        shown = {
            name: list(values)
            for name, values in held.items()
            if (
                any("admin" in roles for roles in declared[name].get("permissions", {}).values())
                if name in declared
                else self.policy is not None
            )
        }
        user = {"id": number, "username": f"{_USER}{number}", "email": f"{number}@example.org"}
        return {**user, "enabled": True, **({"attributes": shown} if shown else {})}

    def _id(self, held: Mapping[str, Sequence[str]]) -> str:
        return self._ids.setdefault(id(held), f"u{len(self._ids):05}")

    def _events(self, _: dict[str, str]) -> Script:
        return json_reply([]) if self.has("view-events", "manage-events") else _REFUSED

    def _realm(self, _: dict[str, str]) -> Script:
        if not self.roles:
            return _REFUSED
        if not self.has("view-realm", "manage-realm"):
            return json_reply({"realm": "acme", "bruteForceProtected": False})
        attributes = {} if self.scim is None else {"scimApiEnabled": str(self.scim).lower()}
        return json_reply(
            {
                "realm": "acme",
                "enabled": True,
                "adminEventsEnabled": self.events,
                "adminEventsDetailsEnabled": self.details,
                "attributes": attributes,
            }
        )

    def _info(self, _: dict[str, str]) -> Script:
        shown = {"systemInfo": {"version": "26.7.3"}} if self.has("manage-realm") else {}
        return json_reply(shown)

    def _scim(self, path: str, request: Received) -> Script:
        if not self.scim:
            return json_reply({"error": "HTTP 404 Not Found"}, 404)
        if not self.audience:
            return scim_error(401, "Invalid token audience")
        if path.startswith("/Users"):
            return self._scim_users(path, request)
        return self._schemas() if path == "/Schemas" else json_reply(listed([]))

    def _scim_users(self, path: str, request: Received) -> Script:
        """The users that a filter on userName finds, or the one of an id, after a PATCH."""
        if path == "/Users":
            wanted = _query(request)["filter"]
            users = map(self._scim_user, self.people)
            return json_reply(listed([u for u in users if f'eq "{u["userName"]}"' in wanted]))
        [held] = [each for each in self.people if path.endswith(f"/{self._id(each)}")]
        if request.method == "PATCH":
            for operation in json.loads(request.body)["Operations"]:
                self._patch(held, operation)
        return json_reply(self._scim_user(held))

    def _schemas(self) -> Script:
        if any("annotations" not in each for each in self.profile):
            return json_reply({"error": "unknown_error"}, 500)
        mapped: dict[str, list[dict[str, Any]]] = {}
        for each in self.profile:
            urn, _, name = each["annotations"].get(MAPPED, "").rpartition(":")
            if name == each["name"]:
                shown = {"name": name, "type": "string", "multiValued": False}
                mapped.setdefault(urn, []).append(shown)
        schemas = [{"id": urn, "name": urn, "attributes": a} for urn, a in mapped.items()]
        return json_reply(listed(schemas))

    def _patch(self, held: dict[str, Any], operation: dict[str, Any]) -> None:
        """Keep a value of what is mapped as URN:name, the first of several, and say nothing."""
        for each in self.profile:
            if operation["path"] == each["annotations"].get(MAPPED):
                value = operation.get("value")
                values = value if isinstance(value, list) else [value]
                if operation["op"] == "remove":
                    held.pop(each["name"], None)
                else:
                    held[each["name"]] = [str(values[0])]

    def _scim_user(self, held: Mapping[str, Sequence[str]]) -> dict[str, Any]:
        """A user as SCIM shows it: of several values the first."""
        user: dict[str, Any] = {"schemas": [], "id": self._id(held)}
        user["userName"] = f"{_USER}{user['id']}"
        for each in self.profile:
            urn, _, name = each["annotations"].get(MAPPED, "").rpartition(":")
            if urn and each["name"] in held:
                user.setdefault(urn, {})[name] = held[each["name"]][0]
        return user


_USER = "n4me-"
_REFUSED = json_reply({"error": "HTTP 403 Forbidden"}, 403)


def _query(request: Received) -> dict[str, str]:
    return {name: values[-1] for name, values in parse_qs(urlsplit(request.target).query).items()}
