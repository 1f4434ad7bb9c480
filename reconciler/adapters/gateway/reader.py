"""HttpSchemaReader: a tenant's live schemas, with nothing but GET and the token request."""

from __future__ import annotations

import math
import re
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Protocol, assert_never
from urllib.parse import quote, urlencode, urlsplit

from reconciler.adapters.gateway.answers import (
    NOT_JSON,
    RequestName,
    described,
    read_error,
    unreadable,
)
from reconciler.adapters.gateway.holding import schema_of
from reconciler.adapters.gateway.pages import (
    Listing,
    NotScim,
    Page,
    document_of,
    read_page,
)
from reconciler.adapters.gateway.traffic import Traffic
from reconciler.adapters.retrying import requested_wait
from reconciler.domain.deciding import LiveTenant
from reconciler.domain.dialect import (
    Dialect,
    EtagMode,
    IdEncoding,
    ListShape,
    Paging,
    TrailingSlash,
)
from reconciler.domain.fixed import as_served
from reconciler.domain.foreign import Foreign
from reconciler.domain.http_reply import Answer, Loss, Next, NoAnswer, Reply, judge_read
from reconciler.domain.jsontext import Json, NotJson, digest
from reconciler.domain.redaction import Redaction
from reconciler.domain.scim import MalformedSchema, Schema, fold, id_of
from reconciler.errors import (
    AnswerUnreadable,
    PageRefused,
    SchemaUnreadable,
    TenantError,
    TenantUnavailable,
)

if TYPE_CHECKING:  # a plan looks at no bindings
    from reconciler.domain.hearing import Bindings
    from reconciler.ports import Clock, Retry, WriteResult

MAX_PAGES = 200
_PAGES_OF_TYPES = 10  # there is one type of a page at least, and no service has that many
_MIB = 1024 * 1024
# The answers to a read by id, after the list of all schemas has been read.
ABSENT_STATUS = (404, 410)
NO_SUCH_REQUEST = (405, 501)  # of any id, so that the list has to decide
_SHARE_OF_AN_ID = 0.5  # of the time that is left, so that one that hangs leaves some to the next
_OF_THE_TENANT = (408, 425, 429, 502, 503, 504)  # which tell nothing about the id
# The answers to a page that nobody has announced: seen of SCIMMY, WSO2 and django-scim2.
BEYOND_THE_END = (204, 400, 404, 416, 422)
Query = dict[str, int | str]
ACCEPT = "application/scim+json, application/json"


class Sender(Protocol):
    """A sender of one request, which gives its reply: an Http, or a simulation of one."""

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

        A sender may have less patience of its own.
        """
        ...


class Authorization(Protocol):
    """Our credentials for one tenant, as headers; an Authenticator."""

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
        """True where another token can be requested."""
        ...

    @property
    def redaction(self) -> Redaction:
        """The means to take our credentials out of the text of an answer."""
        ...

    def life(self) -> float | None:
        """Seconds that the newest token is valid, by its endpoint; None where that is not known."""
        ...

    @property
    def not_granted(self) -> tuple[str, ...]:
        """The requested scopes that the newest token has not."""
        ...


@dataclass(slots=True, eq=False, repr=False)
class Known:
    """The knowledge of a tenant that a run gathers; it outlives the gateways that made it.

    `lists` is True where its /Schemas has answered; `futile` are the writes that it does not take.
    """

    lists: bool = False
    futile: dict[str, WriteResult] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class SizeLimits:
    """The most that is read of a tenant: the bytes of its list, the attributes of a schema."""

    tenant_mib: int = sys.maxsize
    attributes: int = sys.maxsize


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class ReadDeadline:
    """The end of some reading by the monotonic clock, after that many seconds of it.

    `option` is the one that allows more.
    """

    seconds: float = math.inf
    ends: float = math.inf
    option: str = "--read-deadline"

    @classmethod
    def after(cls, seconds: float, clock: Clock, *, option: str) -> ReadDeadline:
        """The end of what begins now."""
        return cls(seconds=seconds, ends=clock.monotonic() + seconds, option=option)

    def renewed(self, clock: Clock) -> ReadDeadline:
        """The end of as much that begins now."""
        return ReadDeadline.after(self.seconds, clock, option=self.option)


NEVER = ReadDeadline()


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class TenantAccess:
    """One tenant: its address and dialect, our credentials, and our patience.

    `reads` is an Http that can send nothing but GET. `traffic` and `known` are the tenant's, shared
    by all that talk to it in a run. `read_deadline` is how many seconds all reading for one plan
    may take.
    """

    base_url: str
    dialect: Dialect
    reads: Sender
    authenticator: Authorization
    retry: Retry
    clock: Clock
    traffic: Traffic
    known: Known = field(default_factory=Known)
    read_deadline: float = math.inf
    limits: SizeLimits = SizeLimits()

    def url(self, schema_id: str | None = None) -> str:
        """`{base}/Schemas`, or one schema below it; never an address that the service gave us."""
        if schema_id is None:
            return self.at("Schemas")
        colon = ":" if self.dialect.id_encoding is IdEncoding.RAW else ""
        slash = "/" if self.dialect.trailing_slash is TrailingSlash.ALL else ""
        return f"{self.base_url.rstrip('/')}/Schemas/{quote(schema_id, safe=colon)}{slash}"

    def at(self, endpoint: str) -> str:
        """`{base}/Users`, `{base}/ResourceTypes` and so on."""
        slash = "" if self.dialect.trailing_slash is TrailingSlash.NONE else "/"
        return f"{self.base_url.rstrip('/')}/{endpoint}{slash}"

    def wait(self, answer: Answer) -> float | None:
        """The seconds that an answer asks us to wait, or that the service is known to need."""
        wait = requested_wait(answer, now=self.clock.now())
        return self.dialect.throttled_wait if wait is None and answer.status == 429 else wait

    def request_name(self, method: str, url: str) -> RequestName:
        """The request as messages name it; a URL that the service gave a part of is Foreign."""
        parts, redaction = urlsplit(url), self.authenticator.redaction
        path = redaction.text(parts.path, own=self.base_url)
        return RequestName(
            method=method,
            base_url=self.base_url,
            path=path if isinstance(url, Foreign) else parts.path,
            has_query=bool(parts.query),
            permission_hint=self.dialect.permission_hint,
            redaction=redaction,
            renewable=self.authenticator.renewable,
            lists=self.known.lists,
            not_granted=self.authenticator.not_granted,
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
        optional: bool = False,
    ) -> Reply:
        """Send, with a new token and once more after a 401.

        `ends` is when, by the monotonic clock, all of it does; a request is `optional` as to
        Traffic. Raises TenantError where no token comes, and where the tenant is being left alone.
        """

        def sent(header: str | None) -> Reply:
            self.traffic.admit(ends - self.clock.monotonic())
            reply = http.send(
                method,
                url,
                headers={**headers, **({"Authorization": header} if header else {})},
                body=body,
                within=ends - self.clock.monotonic(),
            )
            self.traffic.note(reply, optional=optional)
            return reply

        header = self.authenticator.header(ends - self.clock.monotonic())
        reply = sent(header)
        if not isinstance(reply, Answer) or reply.status != 401:
            return reply
        # Nothing was done without a valid token, so that a write may be sent again as well.
        self.authenticator.renew(header)
        renewed = self.authenticator.header(ends - self.clock.monotonic())
        if renewed != header:
            reply = sent(renewed)
            if isinstance(reply, Answer):
                self.authenticator.note_renewal(helped=reply.status != 401)
        return reply

    def get(
        self, url: str, deadline: ReadDeadline, *, optional: bool = False, share: float = 1.0
    ) -> tuple[Reply, RequestName]:
        """GET, with patience, until the deadline; raises TenantError, for the deadline too.

        The repetitions may take `share` of the time that is left until then.
        """
        begun = self.clock.monotonic()
        ends = begun + share * (deadline.ends - begun)

        def attempt() -> Reply:
            return self.send(
                self.reads,
                "GET",
                url,
                headers={"Accept": ACCEPT},
                body=None,
                ends=ends,
                optional=optional,
            )

        def again(reply: Reply) -> float | None:
            if judge_read(reply) is not Next.RETRY:
                return None
            return 0.0 if isinstance(reply, NoAnswer) else self.wait(reply) or 0.0

        def too_slow() -> TenantUnavailable:
            return TenantUnavailable(
                f"{self.request_name('GET', url)}: reading took longer than "
                f"{deadline.seconds:g} s in all; run again when the service is faster, "
                f"or allow more with {deadline.option}"
            )

        if begun >= deadline.ends:
            raise too_slow()
        try:
            reply = self.retry(attempt, again, ends - begun)
        except TenantError as error:
            if self.clock.monotonic() >= deadline.ends:
                raise too_slow() from error
            raise
        if isinstance(reply, NoAnswer) and self.clock.monotonic() >= deadline.ends:
            raise too_slow()
        return reply, self.request_name("GET", url)


class HttpSchemaReader:
    """ports.SchemaReader over SCIM (RFC 7644 section 4), for one thread at a time."""

    def __init__(self, access: TenantAccess) -> None:
        self._access = access
        self._deadline = NEVER
        self._etags: dict[str, tuple[str, str]] = {}

    @property
    def redaction(self) -> Redaction:
        """The means to take our credentials out of what the tenant sent, before it is shown."""
        return self._access.authenticator.redaction

    def read_all(self, wanted: Iterable[str], *, everything: bool = False) -> LiveTenant:
        """The wanted schemas, from the list or else by id, and the names of all that is listed.

        With `everything` all that is listed is taken apart.
        """
        unreadable: dict[str, str] = {}
        with self._hurrying():
            by_id = list(wanted)
            listing = self._walk(None if everything else by_id)
            schemas = listing.schemas(None if everything else by_id)
            if everything:
                by_id += [Foreign(listing.ids[key]) for key in listing.contradictory]
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
                    if key in listing.ids:  # a create would meet the one that is listed
                        unreadable[key] = self._reason(_denied(schema_id), schema_id)
                    continue
                schemas.add(schema)
                if key not in listing.ids and self._walk_on(listing):
                    schemas.fill(listing.schemas(None if everything else by_id))
                if key not in listing.ids:
                    listing.ids[key] = schema.id
                    unlisted = f"the list lacks {schema_id}, which is there by its id"
                    listing.warnings.append((unlisted,))
        redaction = self.redaction  # made anew after all is read: it knows the tokens of today
        warnings = ("".join(redaction.parts(each)) for each in listing.warnings)
        return LiveTenant(
            schemas=schemas,
            ids=listing.ids,
            unreadable=unreadable,
            warnings=tuple(dict.fromkeys(warnings)),
            redaction=redaction,
        )

    def read(self, schema_id: str) -> Schema | None:
        """One schema by id; None only where a service whose /Schemas has answered says so."""
        return self._read(schema_id, None)

    def find(self, schema_id: str) -> Schema | None:
        """One schema by id, or as the list shows it where a read by id denies or refuses it."""
        return self._read(schema_id, None, thorough=True)

    def _read(
        self, schema_id: str, listing: Listing | None, *, thorough: bool = False
    ) -> Schema | None:
        """One schema; of an id that is Foreign no error shows a credential."""
        try:
            return self._read_by_id(schema_id, listing, thorough=thorough)
        except TenantError as error:
            error.args = (self._reason(str(error), schema_id),)
            raise

    def _reason(self, reason: str, schema_id: str) -> str:
        """The reason as it may be shown: an id that only the list names is the service's own."""
        if isinstance(schema_id, Foreign):
            for named in (urlsplit(self._access.url(schema_id)).path, str(schema_id)):
                reason = reason.replace(named, self.redaction.text(named))
        return reason

    def _read_by_id(
        self, schema_id: str, listing: Listing | None, *, thorough: bool
    ) -> Schema | None:
        """By id, or out of a list where the service does not know such a request.

        A `thorough` one looks into the list as well before the schema counts as absent.

        Raises SchemaUnreadable for what concerns this id alone, TenantError for all else.
        """
        # Beside the list, an id that fails, or hangs, says nothing of the tenant.
        share = 1.0 if listing is None else _SHARE_OF_AN_ID
        optional = thorough or listing is not None
        reply, request = self._get(self._access.url(schema_id), optional=optional, share=share)
        if isinstance(reply, Answer) and reply.status in ABSENT_STATUS:
            return self._denied_by_id(schema_id, thorough=thorough)
        if (
            isinstance(reply, Answer)
            and reply.status in NO_SUCH_REQUEST
            and (self._access.known.lists or thorough)
        ):
            return self._listed(schema_id, listing or self._walk((schema_id,)), request, reply)
        try:
            answer = _answer(request, reply, collection=False)
            page = _page_as_served(_page(answer, request), self._access.dialect)
            if not page.documents:  # a ListResponse of nothing
                return self._denied_by_id(schema_id, thorough=thorough)
            schema = _one(page, answer, request, schema_id, self._access.limits.attributes)
        except TenantError as error:
            looks = thorough and self._may_list(reply)
            if looks and (shown := self._walk((schema_id,)).schemas((schema_id,))):
                return shown[fold(schema_id)]
            if not self._is_of_one_id(reply, listing):
                raise
            raise SchemaUnreadable(str(error)) from error
        if tag := answer.headers.get("etag"):
            self._etags[schema.key] = digest(schema.document), tag
        return schema

    def _is_of_one_id(self, reply: Reply, listing: Listing | None) -> bool:
        """Test whether what failed need not fail for the other ids of the tenant."""
        if isinstance(reply, Answer) and reply.status in _OF_THE_TENANT:
            return listing is not None
        if isinstance(reply, Answer) or reply.loss is Loss.TOO_LONG:
            return self._access.known.lists
        return listing is not None and reply.loss is Loss.LOST and not reply.is_ours

    def _may_list(self, reply: Reply) -> bool:
        """Test whether the list may answer where a read by id did not, and was not told to wait."""
        if isinstance(reply, NoAnswer):
            return reply.loss is Loss.TOO_LONG
        return self._access.wait(reply) is None

    def _denied_by_id(self, schema_id: str, *, thorough: bool) -> Schema | None:
        if not thorough:
            self._make_sure_of_the_collection()
            return None
        listing, key = self._walk((schema_id,)), fold(schema_id)
        if (schema := listing.schemas((schema_id,)).get(key)) is None and key in listing.ids:
            raise SchemaUnreadable(_denied(schema_id))
        return schema

    def _listed(
        self, schema_id: str, listing: Listing, request: RequestName, reply: Answer
    ) -> Schema | None:
        """The schema as the list has it, where the service takes no request by id.

        Where the list was read to its end, what it lacks is absent.
        """
        if (schema := listing.schemas((schema_id,)).get(fold(schema_id))) is not None:
            return schema
        refused = f"{request}: {described(request, reply)}"
        if fold(schema_id) in listing.ids:
            raise SchemaUnreadable(f"{refused}; and what the list holds of it cannot be read")
        if not listing.whole:
            raise SchemaUnreadable(f"{refused}; and the list, which lacks it, is not complete")
        return None

    def bindings(self) -> Bindings | None:
        """The extensions of each resource type (RFC 7643 section 6).

        None where the service lists none, or what it lists cannot be read to its end; never raises
        TenantError.
        """
        bound: dict[str, frozenset[str]] = {}
        for members in resource_types(self._access, self._deadline) or ():
            for name in (members.get("name"), members.get("id")):
                if isinstance(name, str):
                    bound[name] = bound.get(name, frozenset()) | _bound(members)
        return bound or None

    def etag(self, live: Schema) -> str | None:
        """The entity tag under which exactly this document was served, if any."""
        # With another document the tag would vouch for a version that nobody here has looked at.
        served, tag = self._etags.get(live.key, ("", None))
        return tag if tag and served == digest(live.document) else None

    @contextmanager
    def _hurrying(self) -> Iterator[None]:
        """End all that is read meanwhile by one deadline, so that no pager delays a fleet.

        docs/decisions.md, "The deadline of reading does not hold for proofs".
        """
        before, access = self._deadline, self._access
        ends = min(before.ends, access.clock.monotonic() + access.read_deadline)
        self._deadline = ReadDeadline(seconds=access.read_deadline, ends=ends)
        try:
            yield
        finally:
            self._deadline = before

    def _walk(self, wanted: Iterable[str] | None) -> Listing:
        """The whole list; None: with the documents of all schemas, not only of the wanted ones."""
        names = None if wanted is None else {fold(urn): urn for urn in wanted}
        listing = Listing(wanted=names, most=self._access.limits.attributes)
        page = self._page(self._first(self._access.dialect.page_size))
        self._follow(listing, page)
        return listing

    def _follow(self, listing: Listing, page: Page) -> None:
        """Take in a page and all that follow it."""
        count = self._access.dialect.page_size
        for _ in range(MAX_PAGES - 1):
            # Where pages are not requested by index, whatever has no cursor is the last.
            by_index = self._access.dialect.paging is Paging.INDEX
            if listing.add(page, count=count) or (page.cursor is None and not by_index):
                break
            most = self._access.limits.tenant_mib
            if listing.size > most * _MIB:
                request = self._access.request_name("GET", self._access.url())
                raise AnswerUnreadable(
                    f"{request}: the list is longer than {most} MiB in all; "
                    "allow more with --max-tenant-mib"
                )
            following = self._following(listing, page)
            if following is None:
                break
            page = following
        else:
            raise self._endless(f"does not end after {MAX_PAGES} pages")
        listing.finish()

    def _following(self, listing: Listing, page: Page) -> Page | None:
        """The page after one; None where it is refused and nobody said that there is one."""
        # Nothing but the value of a parameter comes from the service: no URL of its is followed.
        at: Query = (
            {"startIndex": listing.arrived + 1} if page.cursor is None else {"cursor": page.cursor}
        )
        query = at | {"count": self._access.dialect.page_size}
        try:
            return self._page(query, shape=page.shape, later=True)
        except PageRefused as error:
            if page.cursor is not None:
                raise
            listing.warnings.append((f"{error}; the list is taken to end before it",))
            listing.broken_off = not error.ends
            return None

    def _walk_on(self, listing: Listing) -> bool:
        """Request what comes after a list that ended too early by its own count; True if it did.

        Some services count a page where RFC 7644 section 3.4.2 wants the number of all.
        """
        if self._access.dialect.paging is not Paging.INDEX or listing.followed:
            return False
        listing.followed = True
        if (page := self._following(listing, Page(()))) is None:
            return False
        self._follow(listing, page)
        return True

    def _endless(self, reason: str) -> AnswerUnreadable:
        request = self._access.request_name("GET", self._access.url())
        return AnswerUnreadable(
            f"{request}: the list {reason}; the service pages in a way that we cannot follow"
        )

    def _first(self, count: int) -> Query:
        match self._access.dialect.paging:
            case Paging.NONE:
                return {}
            case Paging.INDEX:
                return {"startIndex": 1, "count": count}
            case Paging.CURSOR:  # an empty one requests cursors, RFC 9865 section 2
                return {"cursor": "", "count": count}

    def _page(self, query: Query, *, shape: ListShape | None = None, later: bool = False) -> Page:
        url = self._access.url() + (f"?{urlencode(query)}" if query else "")
        reply, request = self._get(url, optional=later)
        try:
            answer = _answer(request, reply, collection=True)
            dialect = self._access.dialect
            found = _page_as_served(_page(answer, request, shape or dialect.list_shape), dialect)
        except TenantError as error:
            if not later or not isinstance(reply, Answer):
                raise
            if reply.status in (401, *_OF_THE_TENANT):
                raise
            reason = error if reply.has_content else f"{request}: {described(request, reply)}"
            ends = reply.status in BEYOND_THE_END
            raise PageRefused(f"{reason} for a page after the first", ends=ends) from error
        self._access.known.lists = True
        return found

    def _make_sure_of_the_collection(self) -> None:
        """Read a page of the list, unless one was read before; raises TenantError."""
        # Below a wrong base URL everything is 404, and nothing is known to be absent.
        if not self._access.known.lists:
            self._page(self._first(1))

    def _get(
        self, url: str, *, optional: bool = False, share: float = 1.0
    ) -> tuple[Reply, RequestName]:
        return self._access.get(url, self._deadline, optional=optional, share=share)


def resource_types(access: TenantAccess, deadline: ReadDeadline) -> list[dict[str, Json]] | None:
    """The resource types of a service, each by folded members (RFC 7643 section 6).

    None where the service lists none, or what it lists cannot be read to its end; never raises
    TenantError.
    """
    kinds: list[Json] = []
    for _ in range(_PAGES_OF_TYPES):
        query = f"?{urlencode({'startIndex': len(kinds) + 1})}" if kinds else ""
        try:
            reply, request = access.get(access.at("ResourceTypes") + query, deadline, optional=True)
            found = _page(_answer(request, reply, collection=True), request)
        except TenantError:
            return None
        kinds += found.documents
        if not found.documents or found.total is None or len(kinds) >= found.total:
            break
    else:
        return None
    return [
        {fold(name): value for name, value in kind.items()}
        for kind in kinds
        if isinstance(kind, dict)
    ]


def _answer(request: RequestName, reply: Reply, *, collection: bool) -> Answer:
    """The answer, if it has the content that was requested; all else is an error."""
    if isinstance(reply, Answer) and reply.has_content:
        return reply
    raise read_error(request, reply, collection=collection)


def _page(answer: Answer, request: RequestName, shape: ListShape = ListShape.LIST) -> Page:
    try:
        return read_page(answer.body, shape)
    except NotJson as error:
        raise unreadable(request, answer, NOT_JSON, str(error)) from error
    except NotScim as error:
        raise unreadable(request, answer, "what came is ", *error.parts) from error


def _page_as_served(page: Page, dialect: Dialect) -> Page:
    """The page with what the service does not show because all of its attributes have it."""
    if not dialect.fixed:
        return page
    return replace(page, documents=tuple(as_served(each, dialect) for each in page.documents))


def _one(page: Page, answer: Answer, request: RequestName, schema_id: str, most: int) -> Schema:
    """The schema of that id, alone or in a list of one."""
    for found in page.documents:
        try:
            document = document_of(found, suspect=page.suspect)
            if fold(id_of(document)) == fold(schema_id):
                return schema_of(document, most)
        except MalformedSchema as error:
            own = "" if isinstance(schema_id, Foreign) else schema_id
            raise unreadable(request, answer, "what came is ", *error.parts, own=own) from error
    raise unreadable(request, answer, f"what came is not {schema_id}")


def _denied(schema_id: str) -> str:
    return f"the list holds {schema_id}, and a GET by id denies it"


def _bound(members: Mapping[str, Json]) -> frozenset[str]:
    """The folded ids of a resource type's own schema and of its extensions, by folded members.

    Services list extensions as objects, as ids, by id or as references.
    """
    texts: set[str] = set()
    pending = [members.get("schema"), members.get("schemaextensions")]
    while pending:
        match pending.pop():
            case str() as text:
                texts |= {text.strip(), text.rpartition("/")[2]}
            case list() as items:
                pending += items
            case dict() as entries:
                pending += [*entries, *entries.values()]
            case _:
                pass
    return frozenset(map(fold, texts))


def entity_tag(mode: EtagMode, header: str | None, resource: Json) -> str | None:
    """The tag of a resource as it came with that header, if any."""
    match mode:
        case EtagMode.NONE:
            return None
        case EtagMode.VERSION:
            return _version_tag(resource)
        case EtagMode.HEADER:
            return _header_tag(header or "") or _version_tag(resource)
        case _:
            assert_never(mode)


_ENTITY_TAG = r'(?:[Ww]/)?"[\x21\x23-\x7e]*"'
_BARE_TAG = r"(?!\*)[\x21\x23-\x2b\x2d-\x7e]+"


def _version_tag(resource: Json) -> str | None:
    """The entity tag in `meta.version`, RFC 7644 section 3.14; some services leave off quotes."""
    meta = resource.get("meta") if isinstance(resource, Mapping) else None
    version = meta.get("version") if isinstance(meta, Mapping) else None
    if not isinstance(version, str):
        return None
    return _known(version) or _known(f'"{version}"')


def _header_tag(tag: str) -> str | None:
    """The tag of a header, which is known again in its own spelling where that is no tag.

    Some services leave off the quotes of RFC 9110 section 8.8.3.
    """
    return tag if re.fullmatch(_BARE_TAG, tag) else _known(tag)


def _known(tag: str) -> str | None:
    """The tag as the service knows it: a compressing proxy adds `-gzip`; W/ stays as given."""
    stripped = re.sub(r'--?gzip"$', '"', tag)
    return stripped if re.fullmatch(_ENTITY_TAG, stripped) else None
