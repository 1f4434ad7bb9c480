"""HttpUserReader: a tenant's users, groups and others, counted or page by page; nothing but GET."""

from collections.abc import Iterator, Mapping, Sequence
from copy import copy
from dataclasses import replace
from typing import Self
from urllib.parse import quote, urlencode

from reconciler.adapters.gateway.answers import RequestName, read_error, unreadable
from reconciler.adapters.gateway.pages import NotScim, Page, fresh_page
from reconciler.adapters.gateway.reader import (
    BEYOND_THE_END,
    NEVER,
    Query,
    ReadDeadline,
    TenantAccess,
    resource_types,
)
from reconciler.domain.calibration import Presence, identity
from reconciler.domain.dialect import Paging
from reconciler.domain.foreign import Foreign
from reconciler.domain.http_reply import Answer, Reply
from reconciler.domain.jsontext import Json, NotJson
from reconciler.domain.scim import fold
from reconciler.errors import PageRefused, TenantError, TenantRefused
from reconciler.ports import ResourcePage

_KNOWN = {"user": "Users", "group": "Groups"}  # RFC 7644 section 3.2
_NOT_OF_THE_QUERY = (401, 403, 408, 425, 429, 502, 503, 504)
_MAY_BE_THE_PAGING = (400, 405, 414, 422, 500, 501)  # Canaille answers any count with a 500
_PAGING = ("startIndex", "count", "cursor")
_BARE: Query = {"attributes": "id"}  # where a count is wanted: some send everybody all the same


class HttpUserReader:
    """ports.UserReader over SCIM (RFC 7644 section 3.4.2), for one thread at a time.

    What it raises says no more of an answer than its status: a service may quote a user in it.
    """

    lists_whole = False  # some leave out what is requested by its URN

    def __init__(self, access: TenantAccess, *, deadline: ReadDeadline = NEVER) -> None:
        self._access = access
        self._deadline = deadline
        self._listed_types: tuple[Mapping[str, Json], ...] | None = None
        self._fewest: dict[str, int] = {}
        self._no_paging: set[str] = set()

    def renewed(self) -> Self:
        """The same reader, and what it knows of the service, with all of its time before it."""
        other = copy(self)
        other._deadline = self._deadline.renewed(self._access.clock)
        return other

    def total(self, resource_type: str) -> int | None:
        """The number of resources as `totalResults` has it; None where it says none.

        Raises TenantError where the resources cannot be read at all.
        """
        url = self._address(resource_type)
        for count in (0, 1):  # some services take count=0 for a mistake
            reply, request = self._get(url, {"count": count, **_BARE})
            if not isinstance(reply, Answer) or reply.status in _NOT_OF_THE_QUERY:
                raise bare_error(request, reply)
            if (total := _presence(reply).count) is not None:
                self._fewest[url] = count
                return total
            if reply.status >= 500:
                break
        return None

    def present(self, resource_type: str, schema_id: str | None, attribute: str) -> Presence:
        """The answer to `filter={urn}:{attribute} pr`; without a URN the attribute is the core's.

        Unknown where none came; never raises TenantError.
        """
        path = attribute if schema_id is None else f"{schema_id}:{attribute}"
        try:
            url = self._address(resource_type)
            query: Query = {"filter": f"{path} pr", "count": self._fewest.get(url, 0)}
            reply, _ = self._get(url, query | _BARE)
        except TenantError:
            return Presence()
        return _presence(reply)

    def own_schema(self, resource_type: str) -> str | None:
        """The URN of the schema whose attributes stand in the resource itself, if it is listed."""
        urn = self._type(resource_type).get("schema")
        return urn if isinstance(urn, str) else None

    def hidden(self, resource_type: str, schema_id: str, attribute: str) -> str | None:
        """None: the schema itself says what is never returned."""

    def pages(
        self, resource_type: str, attributes: Sequence[str], *, start: int = 1, holding: str = ""
    ) -> Iterator[ResourcePage]:
        """All resources from the one numbered `start`, each once; those attributes, or all of them.

        `holding` is the path of an attribute: only those that hold it, by the service's filter.
        Ends where nothing new comes, whatever the service says of the number. Raises TenantError,
        and PageRefused for a `start` in a list that begins anew whatever is requested.
        """
        url = self._address(resource_type)
        fields: Query = {"attributes": ",".join(attributes)} if attributes else {}
        fields |= {"filter": f"{holding} pr"} if holding else {}
        seen: set[int] = set()
        totals: set[int] = set()
        cursors: set[str] = set()
        if start > 1 and (page := self._page(url, self._first(1) | fields)) is not None:
            seen.update(map(identity, page.documents))
        query, later, position = self._first(start), start > 1, start
        while (page := self._page(url, query | fields, later=later)) is not None:
            identities = list(map(identity, page.documents))
            if later and position == start and not seen.isdisjoint(identities):
                anew = "the list begins anew wherever it is to go on"
                raise PageRefused(anew, ends=False)
            fresh = dict(zip(identities, page.documents, strict=True))
            for known in seen & fresh.keys():
                del fresh[known]
            if not fresh:
                return
            seen |= fresh.keys()
            position += len(page.documents)
            totals |= {page.total} if page.total is not None else set()
            by_cursor = page.cursor is not None or bool(cursors)
            by_index = self._access.dialect.paging is not Paging.CURSOR and not by_cursor
            ends = page.cursor in {None, *cursors}
            if by_index:
                # A totalResults that is the page's own length may be counted by the page alone.
                counts = len(page.documents) != page.total == max(totals, default=0)
                # After a page that is full more may come: some services stop counting somewhere.
                is_full = len(page.documents) >= self._access.dialect.page_size
                ends = counts and position - 1 == page.total and not is_full
            yield ResourcePage(
                resources=tuple(fresh.values()),
                total=page.total,
                next_start=position if by_index and not ends else None,
                repeats=len(set(identities)) < len(identities),
            )
            if ends:
                return
            query, later = self._first(position), True
            if url in self._no_paging:
                del query["count"]
            if page.cursor is not None:
                cursors.add(page.cursor)
                query["cursor"] = page.cursor

    def _first(self, start: int) -> Query:
        count = self._access.dialect.page_size
        if self._access.dialect.paging is Paging.CURSOR:
            return {"cursor": "", "count": count}  # an empty one requests them, RFC 9865 section 2
        return {"startIndex": start, "count": count}

    def _page(self, url: str, query: Query, *, later: bool = False) -> Page | None:
        """The page that a query gives; None where a `later` one is beyond the end."""
        reply, request = self._get(url, query)
        if later and isinstance(reply, Answer) and reply.status in BEYOND_THE_END:
            return None
        if not later and isinstance(reply, Answer) and reply.status in _MAY_BE_THE_PAGING:
            self._no_paging.add(url)
            bare = {name: value for name, value in query.items() if name not in _PAGING}
            reply, request = self._get(url, bare)
        if not isinstance(reply, Answer) or reply.status != 200:
            raise bare_error(request, reply)
        try:
            return fresh_page(reply.body)
        except (NotJson, NotScim):  # whose messages may quote what came
            came = "what came is no list of resources"
            raise unreadable(request, replace(reply, body=b""), came) from None

    def _get(self, url: str, query: Query) -> tuple[Reply, RequestName]:
        address = type(url)(f"{url}?{urlencode(query)}") if query else url
        return self._access.get(address, self._deadline, optional=True)

    def _address(self, resource_type: str) -> str:
        """The address of a resource type, below the base URL; Foreign where the service says it."""
        endpoint = self._type(resource_type).get("endpoint")
        found = _path(endpoint, self._access.base_url) if isinstance(endpoint, str) else None
        path = found or _KNOWN.get(fold(resource_type))
        if path is None:
            raise TenantRefused(
                "/ResourceTypes names no endpoint for the resource type; without it only those "
                "of User and Group are known"
            )
        address = self._access.at(path)
        return address if path in _KNOWN.values() else Foreign(address)

    def _type(self, resource_type: str) -> Mapping[str, Json]:
        """The folded members of a resource type, of which a service may list none."""
        if self._listed_types is None:
            self._listed_types = tuple(resource_types(self._access, self._deadline) or ())
        for members in self._listed_types:
            for name in (members.get("name"), members.get("id")):
                if isinstance(name, str) and fold(name) == fold(resource_type):
                    return members
        return {}


def _presence(reply: Reply) -> Presence:
    if not isinstance(reply, Answer) or reply.status in _NOT_OF_THE_QUERY:
        return Presence()
    if reply.status != 200:
        return Presence(refused=reply.status)
    try:
        return Presence(count=fresh_page(reply.body).total)
    except (NotJson, NotScim):
        return Presence()


def _path(endpoint: str, base_url: str) -> str | None:
    """The endpoint as a path below the base URL; None for an address that is not below it."""
    path = endpoint.removeprefix(base_url.rstrip("/")).strip("/")
    parts = path.split("/")
    if ":" in path or not all(parts) or not {".", ".."}.isdisjoint(parts):
        return None
    return quote(path)


def bare_error(request: RequestName, reply: Reply) -> TenantError:
    """The error of a reply, without what a service may quote of a user."""
    bare = replace(reply, body=b"") if isinstance(reply, Answer) else reply
    return read_error(request, bare, collection=False)
