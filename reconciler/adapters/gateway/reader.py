"""HttpSchemaReader: a tenant's live schemas, with nothing but GET and the token request."""

import math
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Protocol
from urllib.parse import quote, urlencode, urlsplit

from reconciler.adapters.gateway.answers import Asked, read_error, unreadable, what_came
from reconciler.adapters.gateway.pages import (
    Listing,
    NotScim,
    Page,
    document_of,
    read_page,
    schema_of,
)
from reconciler.adapters.gateway.traffic import Traffic
from reconciler.adapters.retrying import asked_wait
from reconciler.domain.deciding import LiveTenant
from reconciler.domain.dialect import Dialect, IdEncoding, ListShape, Paging
from reconciler.domain.http_reply import Answer, Next, NoAnswer, Reply, judge_read
from reconciler.domain.jsontext import Json, NotJson
from reconciler.domain.redaction import Redaction
from reconciler.domain.scim import MalformedSchema, Schema, fold, id_of
from reconciler.errors import (
    AnswerUnreadable,
    PageRefused,
    SchemaUnreadable,
    TenantError,
    TenantUnavailable,
)
from reconciler.ports import Clock, Retry, WriteResult

MAX_PAGES = 200
_MOST = 32 * 1024 * 1024  # bytes of all pages: a tenant that sends without end fails alone
# What a read by id may be answered, after the list of all schemas has been read.
_ABSENT = (404, 410)
_NO_SUCH_REQUEST = (405, 501)  # of any id, so that the list has to decide
_OF_THE_TENANT = (408, 425, 429, 502, 503, 504)  # no word about the id
# What a page may be answered that nobody said to exist: seen of SCIMMY, WSO2 and django-scim2.
_BEYOND_THE_END = (204, 400, 404, 416, 422)
Query = dict[str, int | str]
ACCEPT = "application/scim+json, application/json"


class Sender(Protocol):
    """What sends one request and gives its reply: an Http, or a simulation of one."""

    def send(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str],
        body: bytes | None = None,
        within: float = math.inf,
    ) -> Reply:
        """The whole answer, whatever its status, or how it was lost; after `within` seconds it is.

        What sends may have less patience of its own.
        """
        ...


class Identity(Protocol):
    """Who we are to a tenant; an Authenticator."""

    def header(self, within: float = math.inf) -> str | None:
        """The value of Authorization, None for none. Raises TenantError where no token comes.

        `within` is how many seconds it may take, where that is less than the patience for it.
        """
        ...

    def renew(self, failed: str | None) -> None:
        """Forget the token of this header."""
        ...

    def note_renewal(self, *, helped: bool) -> None:
        """Learn whether a renewed token was accepted."""
        ...

    @property
    def renewable(self) -> bool:
        """Whether another token can be asked for."""
        ...

    @property
    def redaction(self) -> Redaction:
        """What takes our credentials out of the text of an answer."""
        ...

    def life(self) -> float | None:
        """Seconds that the newest token lives, as its endpoint says; None where nobody says it."""
        ...


@dataclass(slots=True)
class Known:
    """What a tenant has shown of itself in this run; it outlives the gateways that saw it.

    `lists` is whether its /Schemas has answered, `futile` the writes that it does not take.
    """

    lists: bool = False
    futile: dict[str, WriteResult] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Connection:
    """One tenant: where it is, how it speaks, who we are, and how patient we are.

    `reads` is an Http that can send nothing but GET. `traffic` and `known` are the tenant's, shared
    by all that talk to it in a run. `read_deadline` is how many seconds all reading for one plan
    may take.
    """

    base_url: str
    dialect: Dialect
    reads: Sender
    authenticator: Identity
    retry: Retry
    clock: Clock
    traffic: Traffic
    known: Known = field(default_factory=Known)
    read_deadline: float = math.inf

    def url(self, schema_id: str | None = None) -> str:
        """`{base}/Schemas`, or one schema below it; never an address that the service gave us."""
        collection = self.base_url.rstrip("/") + "/Schemas"
        if schema_id is None:
            return collection
        colon = ":" if self.dialect.id_encoding is IdEncoding.RAW else ""
        return f"{collection}/{quote(schema_id, safe=colon)}"

    def at(self, endpoint: str) -> str:
        """`{base}/Users`, `{base}/ResourceTypes` and so on."""
        return f"{self.base_url.rstrip('/')}/{endpoint}"

    def wait(self, answer: Answer) -> float | None:
        """The seconds that an answer asks us to wait, or that the service is known to need."""
        asked = asked_wait(answer, now=self.clock.now())
        return self.dialect.throttled_wait if asked is None and answer.status == 429 else asked

    def asked(self, method: str, url: str) -> Asked:
        """The request as messages name it."""
        return Asked(
            method=method,
            path=urlsplit(url).path,
            permission_hint=self.dialect.permission_hint,
            redaction=self.authenticator.redaction,
            renewable=self.authenticator.renewable,
            lists=self.known.lists,
        )

    def send(
        self,
        http: Sender,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str],
        body: bytes | None,
        ends: float = math.inf,
    ) -> Reply:
        """Send, with a new token and once more after a 401.

        A 401 says that nothing was done, so a write may be replayed too. `ends` is when, by the
        monotonic clock, all of it does. Raises TenantError where no token comes, and where the
        tenant is being left alone.
        """

        def sent(header: str | None) -> Reply:
            self.traffic.admit(ends - self.clock.monotonic())
            reply = http.send(
                method,
                url,
                headers=_with(headers, header),
                body=body,
                within=ends - self.clock.monotonic(),
            )
            self.traffic.note(reply)
            return reply

        header = self.authenticator.header(ends - self.clock.monotonic())
        reply = sent(header)
        if not isinstance(reply, Answer) or reply.status != 401:
            return reply
        self.authenticator.renew(header)
        renewed = self.authenticator.header(ends - self.clock.monotonic())
        if renewed != header:
            reply = sent(renewed)
            if isinstance(reply, Answer):
                self.authenticator.note_renewal(helped=reply.status != 401)
        return reply


class HttpSchemaReader:
    """ports.SchemaReader over SCIM (RFC 7644 section 4), for one thread at a time."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._ends = math.inf
        self._etags: dict[str, tuple[Mapping[str, Json], str]] = {}

    def read_all(self, wanted: Iterable[str], *, everything: bool = False) -> LiveTenant:
        """What is wanted, from the list or else by id, and the names of all that is listed.

        With `everything` all that is listed is taken apart.
        """
        unreadable: dict[str, str] = {}
        with self._hurrying():
            listing = self._walk()
            by_id = list(wanted)
            schemas = listing.schemas(None if everything else by_id)
            if everything:
                by_id += [listing.ids[key] for key in listing.contradictory]
            for schema_id in by_id:
                key = fold(schema_id)
                if key in schemas:
                    continue
                try:
                    schema = self._read(schema_id, listing)
                except SchemaUnreadable as error:
                    unreadable[key] = str(error)
                    continue
                if schema is None:
                    if key in listing.ids:
                        unreadable[key] = f"the list holds {schema_id}, and a GET by id denies it"
                    continue
                schemas[key] = schema
                if key not in listing.ids:
                    self._walk_on(listing)
                    schemas = listing.schemas(None if everything else by_id) | schemas
                if key not in listing.ids:
                    listing.ids[key] = schema.id
                    listing.warnings.append(f"the list lacks {schema.id}, which is there by its id")
        warnings = tuple(dict.fromkeys(listing.warnings))
        return LiveTenant(
            schemas=schemas, ids=listing.ids, unreadable=unreadable, warnings=warnings
        )

    def read(self, schema_id: str) -> Schema | None:
        """One schema by id; None only where a service whose /Schemas has answered says so."""
        return self._read(schema_id, None)

    def _read(self, schema_id: str, listing: Listing | None) -> Schema | None:
        """By id, or out of a list where the service does not know such a request.

        Raises SchemaUnreadable for what concerns this id alone, TenantError for all else.
        """
        reply, asked = self._get(self._connection.url(schema_id))
        if not isinstance(reply, Answer) or reply.status in _OF_THE_TENANT:
            raise read_error(asked, reply, collection=False)
        if reply.status in _ABSENT:
            self._make_sure_of_the_collection()
            return None
        if reply.status in _NO_SUCH_REQUEST and self._connection.known.lists:
            return self._listed(schema_id, listing or self._walk(), asked, reply)
        try:
            page = _page(_answer(asked, reply, collection=False), asked)
            if not page.documents:  # a ListResponse of nothing
                self._make_sure_of_the_collection()
                return None
            schema = _one(page, reply, asked, schema_id)
        except TenantError as error:
            if not self._connection.known.lists:
                raise  # what is wrong may be wrong of the whole tenant
            raise SchemaUnreadable(str(error)) from error
        self._remember_etag(schema, reply)
        return schema

    def _listed(
        self, schema_id: str, listing: Listing, asked: Asked, reply: Answer
    ) -> Schema | None:
        """What the list has of a schema that cannot be asked for by id.

        Where the list was read to its end, what it lacks is absent.
        """
        if (schema := listing.schemas((schema_id,)).get(fold(schema_id))) is not None:
            return schema
        refused = f"{asked}: {what_came(asked, reply)}"
        if fold(schema_id) in listing.ids:
            raise SchemaUnreadable(f"{refused}; and what the list holds of it cannot be read")
        if not listing.whole:
            raise SchemaUnreadable(f"{refused}; and the list, which lacks it, is not complete")
        return None

    def bindings(self) -> Mapping[str, frozenset[str]] | None:
        """Which extensions each resource type has, by folded name (RFC 7643 section 6).

        None where the service does not list them; never raises TenantError.
        """
        try:
            reply, asked = self._get(self._connection.at("ResourceTypes"))
            documents = _page(_answer(asked, reply, collection=True), asked).documents
        except TenantError:
            return None
        return {
            fold(str(kind.get("name") or kind.get("id"))): _bound(kind)
            for kind in documents
            if isinstance(kind, dict)
        }

    def etag(self, live: Schema) -> str | None:
        """The entity tag under which exactly this document was served, if any."""
        document, tag = self._etags.get(live.key, ({}, None))
        return tag if document == live.document else None

    @contextmanager
    def _hurrying(self) -> Iterator[None]:
        """All that is read meanwhile ends by one deadline, so that no pager delays a fleet."""
        before, connection = self._ends, self._connection
        self._ends = min(before, connection.clock.monotonic() + connection.read_deadline)
        try:
            yield
        finally:
            self._ends = before

    def _walk(self) -> Listing:
        listing = Listing()
        page = self._page(self._first(self._connection.dialect.page_size))
        self._follow(listing, page)
        return listing

    def _follow(self, listing: Listing, page: Page) -> None:
        """Take in a page and all that follow it."""
        count = self._connection.dialect.page_size
        for _ in range(MAX_PAGES - 1):
            if listing.add(page, asked=count) or self._is_last(page):
                break
            if listing.size > _MOST:
                raise self._endless(f"is longer than {_MOST // 1024**2} MiB in all")
            following = self._following(listing, page)
            if following is None:
                break
            page = following
        else:
            raise self._endless(f"does not end after {MAX_PAGES} pages")
        listing.finish()

    def _following(self, listing: Listing, page: Page) -> Page | None:
        """The page after one; None where it is refused and nobody said that there is one."""
        query = _next(page, start=listing.arrived + 1, count=self._connection.dialect.page_size)
        try:
            return self._page(query, shape=page.shape, later=True)
        except PageRefused as error:
            if page.cursor is not None or listing.promises_more:
                raise
            listing.warnings.append(f"{error}; the list is taken to end before it")
            return None

    def _walk_on(self, listing: Listing) -> None:
        """Ask for what comes after a list that ended too early by its own count.

        Some services count a page where RFC 7644 section 3.4.2 wants the number of all.
        """
        if self._connection.dialect.paging is not Paging.INDEX or listing.followed:
            return
        listing.followed = True
        if (page := self._following(listing, Page(()))) is not None:
            self._follow(listing, page)

    def _endless(self, words: str) -> AnswerUnreadable:
        asked = self._connection.asked("GET", self._connection.url())
        return AnswerUnreadable(
            f"{asked}: the list {words}; the service pages in a way that we cannot follow"
        )

    def _first(self, count: int) -> Query:
        match self._connection.dialect.paging:
            case Paging.NONE:
                return {}
            case Paging.INDEX:
                return {"startIndex": 1, "count": count}
            case Paging.CURSOR:  # an empty one asks for cursors, RFC 9865 section 2
                return {"cursor": "", "count": count}

    def _is_last(self, page: Page) -> bool:
        """Where pages are not asked for by index, whatever has no cursor is the last."""
        return page.cursor is None and self._connection.dialect.paging is not Paging.INDEX

    def _page(self, query: Query, *, shape: ListShape | None = None, later: bool = False) -> Page:
        url = self._connection.url() + (f"?{urlencode(query)}" if query else "")
        reply, asked = self._get(url)
        if later and isinstance(reply, Answer) and reply.status in _BEYOND_THE_END:
            raise PageRefused(f"{asked}: {what_came(asked, reply)} for a page after the first")
        answer = _answer(asked, reply, collection=True)
        found = _page(answer, asked, shape or self._connection.dialect.list_shape)
        self._connection.known.lists = True
        return found

    def _make_sure_of_the_collection(self) -> None:
        """Below a wrong base URL everything is 404, and nothing is known to be absent."""
        if not self._connection.known.lists:
            self._page(self._first(1))

    def _remember_etag(self, schema: Schema, reply: Reply) -> None:
        if isinstance(reply, Answer) and (tag := reply.headers.get("etag")):
            self._etags[schema.key] = (schema.document, tag)

    def _get(self, url: str) -> tuple[Reply, Asked]:
        connection, ends = self._connection, self._ends

        def attempt() -> Reply:
            return connection.send(
                connection.reads, "GET", url, headers={"Accept": ACCEPT}, body=None, ends=ends
            )

        if (within := ends - connection.clock.monotonic()) <= 0:
            raise self._too_slow(url)
        try:
            reply = connection.retry(attempt, self._again, within)
        except TenantError as error:
            if connection.clock.monotonic() >= ends:
                raise self._too_slow(url) from error
            raise
        if isinstance(reply, NoAnswer) and connection.clock.monotonic() >= ends:
            raise self._too_slow(url)
        return reply, connection.asked("GET", url)

    def _too_slow(self, url: str) -> TenantUnavailable:
        return TenantUnavailable(
            f"{self._connection.asked('GET', url)}: reading took longer than "
            f"{self._connection.read_deadline:g} s in all; run again when the service is faster, "
            "or allow more with --read-deadline"
        )

    def _again(self, reply: Reply) -> float | None:
        if judge_read(reply) is not Next.RETRY:
            return None
        if isinstance(reply, NoAnswer):
            return 0.0
        return self._connection.wait(reply) or 0.0


def _answer(asked: Asked, reply: Reply, *, collection: bool) -> Answer:
    """The answer, if it is a 200; all else is an error."""
    if isinstance(reply, Answer) and reply.status == 200:
        return reply
    raise read_error(asked, reply, collection=collection)


def _page(answer: Answer, asked: Asked, shape: ListShape = ListShape.LIST) -> Page:
    try:
        return read_page(answer.body, shape)
    except NotJson as error:
        raise unreadable(asked, answer, f"the body is not JSON: {error}") from error
    except NotScim as error:
        raise unreadable(asked, answer, f"what came is {error}") from error


def _one(page: Page, answer: Answer, asked: Asked, schema_id: str) -> Schema:
    """The schema of that id, alone or in a list of one."""
    for found in page.documents:
        try:
            document = document_of(found, suspect=page.suspect)
            if fold(id_of(document)) == fold(schema_id):
                return schema_of(document)
        except MalformedSchema as error:
            raise unreadable(asked, answer, f"what came is {error}") from error
    raise unreadable(asked, answer, f"what came is not {schema_id}")


def _next(page: Page, *, start: int, count: int) -> Query:
    """Where the next page is: at the cursor that the service gave, else where the last one ended.

    Nothing but the value of a parameter comes from the service.
    """
    if page.cursor is not None:
        return {"cursor": page.cursor, "count": count}
    return {"startIndex": start, "count": count}


def _bound(kind: Mapping[str, Json]) -> frozenset[str]:
    extensions = kind.get("schemaExtensions")
    found = extensions if isinstance(extensions, list) else []
    return frozenset(
        fold(each["schema"])
        for each in found
        if isinstance(each, dict) and isinstance(each.get("schema"), str)
    )


def _with(headers: Mapping[str, str], authorization: str | None) -> dict[str, str]:
    return {**headers, **({"Authorization": authorization} if authorization else {})}
