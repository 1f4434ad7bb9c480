"""KeycloakDoctor: a realm looked at closely: roles, admin events, and what its own SCIM keeps."""

import base64
import binascii
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from reconciler.adapters.gateway.answers import read_error
from reconciler.adapters.gateway.doctor import HttpDoctor
from reconciler.adapters.gateway.pages import NotScim, read_page
from reconciler.adapters.gateway.reader import TenantAccess
from reconciler.adapters.keycloak.own_scim import refusal, scim_access
from reconciler.adapters.keycloak.users import SHOWING_POLICIES, VIEW_USERS, is_for_admins
from reconciler.domain.doctor import Finding, Grade
from reconciler.domain.http_reply import Answer, Reply
from reconciler.domain.jsontext import Json, NotJson, parse
from reconciler.domain.manifest import SchemaExtension
from reconciler.domain.scim import fold
from reconciler.domain.searching import few

_MAPPED = "kc.scim.schema.attribute"
_LOST_UNSEEN = "a write of somebody else between our read and our write can be lost unseen"


class KeycloakDoctor(HttpDoctor):
    """A look at the realm of a projection, as Findings; for one use. Never raises TenantError."""

    def __init__(self, access: TenantAccess, schema_id: str) -> None:
        super().__init__(access, limit=None)
        self._schema_id = schema_id

    def _beyond_the_token(self, wanted: tuple[SchemaExtension, ...]) -> Iterator[Finding]:
        address = self._access.at("users/profile")
        reply = self._look(address)
        if not isinstance(reply, Answer) or reply.status != 200:
            request = self._access.request_name("GET", address)
            raise read_error(request, reply, collection=True)
        profile = _object(reply)
        listed = profile.get("attributes")
        if not isinstance(listed, list):
            message = "what came is no user profile: check that spec.baseUrl ends in /realms/REALM"
            yield Finding("permission", Grade.PROBLEM, message)
            return
        declared = {str(e.get("name")): e for e in listed if isinstance(e, dict)}
        message = f"{len(declared)} attributes of the user profile can be read"
        yield Finding("permission", Grade.OK, message)
        yield self._write()
        yield self._users()
        yield self._events()
        yield _policy(profile)
        yield self._version()
        names = [
            attribute.name
            for extension in wanted
            if extension.schema.key == fold(self._schema_id)
            for attribute in extension.schema.attributes
        ]
        yield from self._own_scim(declared, names)

    def _write(self) -> Finding:
        roles = _roles_in(self._access.authenticator.header(self._access.read_deadline))
        if roles is None:
            message = "the token does not say whether the service account has manage-realm"
            return Finding("write", Grade.UNKNOWN, message)
        if "manage-realm" in roles:
            return Finding("write", Grade.OK, "manage-realm: the user profile can be written")
        message = "the service account lacks manage-realm of realm-management: nothing can be"
        return Finding("write", Grade.WARNING, f"{message} written, but all of it planned")

    def _users(self) -> Finding:
        count = self._look(self._access.at("users/count"))
        page = self._look(self._access.at("users") + "?first=0&max=1&briefRepresentation=true")
        number, shown = _json(count), _json(page)
        if isinstance(number, int) and isinstance(shown, list) and (shown or not number):
            return Finding("users", Grade.OK, f"users that can be listed and counted: {number}")
        lacks = "who holds a value, and the impact of a change, cannot be counted"
        return Finding("users", Grade.WARNING, f"{lacks}: {VIEW_USERS}")

    def _events(self) -> Finding:
        realm = _object(self._look(self._access.base_url.rstrip("/")))
        readable = self._look(f"{self._access.at('admin-events')}?max=1")
        match realm.get("adminEventsEnabled"), realm.get("adminEventsDetailsEnabled"):
            case (None, _):
                message = "the role view-realm is needed to see whether admin events are kept"
                return Finding("events", Grade.UNKNOWN, message)
            case (True, True) if isinstance(readable, Answer) and readable.status == 200:
                message = "kept with details: a foreign write beside ours is found and named"
                return Finding("events", Grade.OK, message)
            case (True, True):
                message = "kept with details, and the service account may not read them: give it"
                message += " the role view-events of realm-management"
            case (True, _):
                message = "kept without details (adminEventsDetailsEnabled)"
            case _:
                message = "not kept (adminEventsEnabled)"
        return Finding("events", Grade.WARNING, f"{message}; {_LOST_UNSEEN}")

    def _version(self) -> Finding:
        root = self._access.base_url.rstrip("/").rpartition("/realms/")[0]
        system = _object(self._look(f"{root}/serverinfo")).get("systemInfo")
        version = system.get("version") if isinstance(system, dict) else None
        if not isinstance(version, str):
            message = "not shown to this client, which has not manage-realm or is of another realm"
            return Finding("version", Grade.UNKNOWN, message)
        return Finding("version", Grade.OK, f"Keycloak {self.redaction.text(version)}")

    def _own_scim(
        self, declared: Mapping[str, Mapping[str, Json]], names: Iterable[str]
    ) -> Iterator[Finding]:
        access = scim_access(self._access)
        reply = self._look(access.at("Schemas"))
        if (reason := refusal(reply, access)) is not None:
            is_off = isinstance(reply, Answer) and reply.status == 404
            grade = Grade.NOTE if is_off else Grade.WARNING
            yield Finding("scim", grade, f"{reason}; so no attribute was looked for there")
            return
        names_there = self._access.dialect.names
        bare = [
            name
            for name, each in declared.items()
            if each.get("annotations") is None and not (names_there and name in names_there.own)
        ]
        if bare and isinstance(reply, Answer) and reply.status >= 500:
            named = few(list(self.redaction.texts(bare)))
            message = f"it fails for all users: attributes without annotations ({named}) break it"
            yield Finding(
                "scim", Grade.WARNING, f"{message}; give each of them `annotations: {{}}`"
            )
            return
        listed = _listed(reply)
        if listed is None:
            status = str(reply.status) if isinstance(reply, Answer) else reply.reason
            yield Finding("scim", Grade.UNKNOWN, f"/Schemas of the realm's own SCIM: {status}")
            return
        found: dict[_Shown, list[str]] = {}
        for name in names:
            found.setdefault(self._shown(name, declared.get(name), listed), []).append(name)
        for shown, alike in found.items():
            yield Finding("scim", shown.grade, f"{', '.join(alike)}: {shown.message}")

    def _shown(
        self, name: str, attribute: Mapping[str, Json] | None, listed: frozenset[str]
    ) -> "_Shown":
        """The way in which its own SCIM treats one attribute of a manifest."""
        if attribute is None:
            return _Shown(Grade.NOTE, "not in the user profile yet")
        annotations = attribute.get("annotations")
        mapped = annotations.get(_MAPPED) if isinstance(annotations, dict) else None
        hidden = "at /Schemas, and no value is kept: no administrator may view it (permissions)"
        many = (
            "at /Schemas as single-valued: of several values that SCIM sends none is kept, or one"
        )
        advice = f"write URN:name into the annotation {_MAPPED}, with a colon before the name"
        elsewhere = f"at /Schemas, and not as of {self._schema_id}: a value is kept that is sent as"
        cases = (
            (mapped is None, Grade.NOTE, f"not at /Schemas, having no {_MAPPED}; {_ECHOED}"),
            (mapped not in listed, Grade.WARNING, f"not at /Schemas; {_ECHOED}; {advice}"),
            (not is_for_admins(attribute), Grade.WARNING, hidden),
            (attribute.get("multivalued") is True, Grade.WARNING, many),
            (mapped != f"{self._schema_id}:{name}", Grade.NOTE, f"{elsewhere} {_MAPPED} says"),
            (True, Grade.OK, "at /Schemas, and a value is kept"),
        )
        return next(_Shown(grade, message) for applies, grade, message in cases if applies)


@dataclass(frozen=True, slots=True)
class _Shown:
    grade: Grade
    message: str


_ECHOED = "SCIM answers 201 to a value, echoes it and keeps none"


def _policy(profile: Mapping[str, Json]) -> Finding:
    policy = profile.get("unmanagedAttributePolicy")
    if policy in SHOWING_POLICIES:
        message = f"unmanagedAttributePolicy is {policy}: values beyond the profile are counted"
        return Finding("policy", Grade.OK, message)
    message = "unmanagedAttributePolicy is off: values of an attribute that is taken out of the"
    message += " profile stay with users, shown to nobody, and how many do cannot be counted"
    return Finding("policy", Grade.NOTE, message)


def _roles_in(header: str | None) -> frozenset[str] | None:
    """The roles of `realm-management` in an access token; None where it tells none."""
    payload = (header or "").rpartition(" ")[2].split(".")[1:2]
    try:
        text = base64.urlsafe_b64decode("".join(payload) + "===")
        access = parse(text)
    except (binascii.Error, NotJson):
        return None
    clients = access.get("resource_access") if isinstance(access, dict) else None
    management = clients.get("realm-management") if isinstance(clients, dict) else None
    roles = management.get("roles") if isinstance(management, dict) else None
    return frozenset(map(str, roles)) if isinstance(roles, list) else None


def _listed(reply: Reply) -> frozenset[str] | None:
    """What /Schemas lists, as `URN:name`; None where that cannot be read."""
    if not isinstance(reply, Answer) or not reply.has_content:
        return None
    try:
        documents = read_page(reply.body).documents
    except (NotJson, NotScim):
        return None
    return frozenset(
        f"{schema.get('id')}:{attribute.get('name')}"
        for schema in documents
        if isinstance(schema, dict)
        for attribute in schema.get("attributes") or ()
        if isinstance(attribute, dict)
    )


def _json(reply: Reply) -> Json:
    """The JSON of a good answer; None for all else."""
    if not isinstance(reply, Answer) or reply.status != 200:
        return None
    try:
        return parse(reply.body)
    except NotJson:
        return None


def _object(reply: Reply) -> Mapping[str, Json]:
    found = _json(reply)
    return found if isinstance(found, dict) else {}
