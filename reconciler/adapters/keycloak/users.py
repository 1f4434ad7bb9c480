"""KeycloakUserReader: the users of a realm, page by page, by its admin API; nothing but GET."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from copy import copy
from dataclasses import dataclass, replace
from typing import Self
from urllib.parse import urlencode

from reconciler.adapters.gateway.answers import RequestName
from reconciler.adapters.gateway.reader import NEVER, ReadDeadline, TenantAccess
from reconciler.adapters.gateway.users import bare_error
from reconciler.adapters.keycloak.attributes import ADMIN
from reconciler.adapters.keycloak.profile import SCIM_NAME
from reconciler.domain.calibration import Presence, identity
from reconciler.domain.http_reply import Answer
from reconciler.domain.jsontext import Json, NotJson, parse
from reconciler.domain.scim import fold
from reconciler.errors import AnswerUnreadable, TenantError, TenantRefused
from reconciler.ports import ResourcePage

VIEW_USERS = "give the client's service account the role view-users of realm-management"
_MOST_STEPS_BACK = 5  # in a row that bring nobody new
SHOWING_POLICIES = ("ENABLED", "ADMIN_VIEW", "ADMIN_EDIT")  # of unmanagedAttributePolicy
_UNMANAGED = (
    "the user profile does not declare it, and unmanagedAttributePolicy is off: Keycloak keeps "
    "what users hold of it and shows that to nobody"
)
_NO_VIEW = "the user profile lets no administrator view it (permissions)"


@dataclass(frozen=True, slots=True)
class _Visible:
    """The attributes of users that the admin API shows.

    `lists` has each declared attribute that is shown, by name, and whether its value is a list;
    `hidden` are the folded names of the other declared ones.
    """

    lists: Mapping[str, bool]
    hidden: frozenset[str]
    unmanaged: bool

    @classmethod
    def of(cls, profile: Json) -> "_Visible":
        """Read a user profile; raises TypeError for what is none."""
        listed = profile.get("attributes") if isinstance(profile, dict) else None
        if not isinstance(listed, list):
            raise TypeError("no attributes")
        declared = [each for each in listed if isinstance(each, dict)]
        shown = {str(each.get("name")): each for each in declared if is_for_admins(each)}
        return cls(
            lists={name: each.get("multivalued") is True for name, each in shown.items()},
            hidden=frozenset(fold(str(e.get("name"))) for e in declared if not is_for_admins(e)),
            unmanaged=profile.get("unmanagedAttributePolicy") in SHOWING_POLICIES,
        )

    def obstacle(self, name: str) -> str | None:
        """The reason why no page shows the values of an attribute; None where pages do."""
        if fold(name) in map(fold, self.lists):
            return None
        if fold(name) in self.hidden:
            return _NO_VIEW
        return None if self.unmanaged else _UNMANAGED

    def values(self, held: Mapping[str, Json]) -> dict[str, Json]:
        """The values of a user, by the names of SCIM attributes; a name that is two is left out."""
        alike: dict[str, list[str]] = {}
        for name in self.lists:
            alike.setdefault(fold(name), []).append(name)
        found: dict[str, Json] = {}
        for name, texts in held.items():
            is_its_own = alike.get(fold(name), [name]) == [name]
            if not SCIM_NAME.fullmatch(name) or not is_its_own or not isinstance(texts, list):
                continue
            values = [text for text in texts if text != ""]
            found[name] = values if self.lists.get(name) or len(values) != 1 else values[0]
        return found


def is_for_admins(attribute: Mapping[str, Json]) -> bool:
    """Test whether an administrator sees its values: whoever may edit may view as well."""
    permissions = attribute.get("permissions")
    roles = permissions.values() if isinstance(permissions, dict) else ()
    return any(isinstance(each, list) and ADMIN in each for each in roles)


class KeycloakUserReader:
    """ports.UserReader over the admin API, for one thread at a time.

    A user is shown as its id and, below the URN of the projection, those of the requested
    attributes that it holds. What is raised says no more of an answer than its status. No filter
    tells how many hold a value: the admin API finds users by equal values alone.
    """

    lists_whole = True
    present: Callable[..., Presence] = staticmethod(lambda *_: Presence())

    def __init__(
        self, access: TenantAccess, schema_id: str, *, deadline: ReadDeadline = NEVER
    ) -> None:
        self._access = access
        self._schema_id = schema_id
        self._deadline = deadline
        self._profile: _Visible | None = None

    def renewed(self) -> Self:
        """The same reader, and what it knows of the realm, with all of its time before it."""
        other = copy(self)
        other._deadline = self._deadline.renewed(self._access.clock)
        return other

    def total(self, resource_type: str) -> int | None:
        """The number of users, service accounts not among them."""
        self._require_users(resource_type)
        return self._count()

    def own_schema(self, resource_type: str) -> str | None:
        """None: no attribute of the projection is one of the core schema."""

    def hidden(self, resource_type: str, schema_id: str, attribute: str) -> str | None:
        """The reason why no page can show the values of an attribute; None where one can."""
        if fold(resource_type) != "user" or fold(schema_id) != fold(self._schema_id):
            return None
        try:
            return self._visible().obstacle(attribute.split(".", maxsplit=1)[0])
        except TenantError as error:
            return str(error)

    def pages(
        self, resource_type: str, attributes: Sequence[str], *, start: int = 1, holding: str = ""
    ) -> Iterator[ResourcePage]:
        """All users from the one numbered `start`, each once, in the order of their names.

        Each page begins with the last user of the one before it: where somebody before that has
        gone, and others have moved up, the walk goes a page back. The first page and the last one
        have the number of all, so that a walk that still misses somebody shows it. Raises
        TenantError, for `holding` too: there is no such filter.
        """
        self._require_users(resource_type)
        if holding:
            raise TenantRefused("the admin API of Keycloak has no filter on who holds a value")
        visible, wanted = self._visible(), self._wanted(attributes)
        size = self._access.dialect.page_size
        seen: set[int] = set()
        position, last, total, stalled = start - 1, None, self._count(), 0
        while True:
            overlap = 0 if last is None else 1
            users = self._page(position - overlap, size + overlap)
            ids = [identity(each) for each in users]
            if last is not None and last not in ids:
                stalled += 1
                if stalled > _MOST_STEPS_BACK:
                    moves = "the list of users comes in another order each time it is read"
                    raise AnswerUnreadable(f"{moves}, so that nobody can count it")
                position, last = max(position - size, 0), None
                continue
            fresh = [
                self._resource(user, visible, wanted)
                for user, id_ in zip(users, ids, strict=True)
                if id_ not in seen
            ]
            seen.update(ids)
            stalled = 0 if fresh else stalled
            position += len(users) - overlap
            last = ids[-1] if ids else None
            is_last = len(users) < size + overlap
            total = self._count() if is_last else total
            if is_last and total and not seen and start == 1:
                raise TenantRefused(f"none of the {total} users is listed; {VIEW_USERS}")
            yield ResourcePage(
                resources=fresh, total=total, next_start=None if is_last else position + 1
            )
            if is_last:
                return

    def _wanted(self, attributes: Sequence[str]) -> frozenset[str] | None:
        """The folded names of the requested attributes; None for all of them."""
        urn = fold(self._schema_id)
        folded = [fold(each) for each in attributes]
        if not folded or urn in folded:
            return None
        return frozenset(e.removeprefix(f"{urn}:") for e in folded if e.startswith(f"{urn}:"))

    def _resource(
        self, user: Mapping[str, Json], visible: _Visible, wanted: frozenset[str] | None
    ) -> Json:
        held = user.get("attributes")
        values = visible.values(held) if isinstance(held, dict) else {}
        asked = {n: v for n, v in values.items() if wanted is None or fold(n) in wanted}
        return {"id": user.get("id"), **({self._schema_id: asked} if asked else {})}

    def _visible(self) -> _Visible:
        if self._profile is None:
            body, request = self._get("users/profile", {})
            try:
                self._profile = _Visible.of(body)
            except TypeError as error:
                raise _unreadable(request, "no user profile") from error
        return self._profile

    def _count(self) -> int:
        body, request = self._get("users/count", {})
        if not isinstance(body, int) or isinstance(body, bool):
            raise _unreadable(request, "no number")
        return body

    def _page(self, first: int, count: int) -> list[Mapping[str, Json]]:
        body, request = self._get(
            "users", {"first": first, "max": count, "briefRepresentation": "false"}
        )
        if not isinstance(body, list) or not all(isinstance(each, dict) for each in body):
            raise _unreadable(request, "no list of users")
        return body

    def _get(self, path: str, query: Mapping[str, int | str]) -> tuple[Json, RequestName]:
        address = self._access.at(path) + (f"?{urlencode(query)}" if query else "")
        reply, request = self._access.get(address, self._deadline, optional=True)
        request = replace(request, permission_hint=VIEW_USERS)
        if not isinstance(reply, Answer) or reply.status != 200:
            raise bare_error(request, reply)
        try:
            return parse(reply.body), request
        except NotJson:  # whose message may quote what came
            raise _unreadable(request, "no JSON") from None

    def _require_users(self, resource_type: str) -> None:
        if fold(resource_type) != "user":
            raise TenantRefused("the admin API of Keycloak lists users, and no other resources")


def _unreadable(request: RequestName, came: str) -> AnswerUnreadable:
    return AnswerUnreadable(
        f"{request}: what came is {came}; check that spec.baseUrl is the admin address of a realm"
    )
