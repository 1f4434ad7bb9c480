"""HttpDoctor: one tenant looked at closely, with nothing but GET and the token request."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from urllib.parse import urlencode

from reconciler.adapters.gateway.answers import RequestName, described, read_error, slash_of
from reconciler.adapters.gateway.filters import judge_filters
from reconciler.adapters.gateway.pages import NotScim, Page, read_page
from reconciler.adapters.gateway.reader import (
    ABSENT_STATUS,
    NO_SUCH_REQUEST,
    HttpSchemaReader,
    TenantAccess,
)
from reconciler.adapters.gateway.redirects import Redirect
from reconciler.adapters.gateway.users import HttpUserReader
from reconciler.adapters.transport.codings import codings_of
from reconciler.domain.deciding import LiveTenant
from reconciler.domain.dialect import (
    BindingList,
    Dialect,
    IdEncoding,
    ListShape,
    Paging,
    TrailingSlash,
    UpdateStrategy,
)
from reconciler.domain.doctor import Finding, Grade
from reconciler.domain.hearing import is_bound
from reconciler.domain.http_reply import Answer, Reply
from reconciler.domain.jsontext import Json, NotJson, parse_in_parts
from reconciler.domain.manifest import SchemaExtension
from reconciler.domain.scim import fold
from reconciler.errors import TenantError

_REMAINING = ("ratelimit-remaining", "x-ratelimit-remaining", "x-rate-limit-remaining")
_ALLOWED = ("inin-ratelimit-allowed", "x-ratelimit-limit", "ratelimit-limit", "x-rate-limit-limit")
# The refusals of a page of which its query may be the reason: a server that trips over one, too
_MAY_BE_THE_QUERY = (400, 403, 404, 405, 406, 413, 414, 416, 422, 500, 501)
_SMALLER_PAGES = (50, 20, 10)
_MOST_REDIRECTS = 5


class HttpDoctor(HttpSchemaReader):
    """A look at what a service states and does, as Findings.

    For one use. Never raises TenantError: what cannot be looked at is a finding too.
    """

    def __init__(self, access: TenantAccess, *, limit: int | None) -> None:
        super().__init__(access)
        self._limit = limit

    @property
    def dialect(self) -> Dialect:
        """The dialect by which the tenant could be looked at."""
        return self._access.dialect

    def findings(self, extensions: Iterable[SchemaExtension]) -> Iterator[Finding]:
        """Look at everything; ends early where the tenant lets nobody in, or fails too often."""
        with self._hurrying():
            try:
                self._access.authenticator.header(self._access.read_deadline)
            except TenantError as error:
                yield Finding("token", Grade.PROBLEM, str(error))
                return
            yield self._token()
            try:
                yield from self._beyond_the_token(tuple(extensions))
            except TenantError as error:
                yield Finding("permission", Grade.PROBLEM, str(error))

    def _beyond_the_token(self, wanted: tuple[SchemaExtension, ...]) -> Iterator[Finding]:
        yield from self._way_in()
        live = self.read_all((e.schema.id for e in wanted), everything=True)
        yield Finding("permission", Grade.OK, f"{len(live.schemas)} schemas can be read")
        yield from (Finding("list", Grade.WARNING, message) for message in live.warnings)
        yield from (Finding("id", Grade.WARNING, why) for why in live.unreadable.values())
        protects = self._access.dialect.protects
        number = sum(1 for key in live.schemas if not protects(key))
        if self._limit is None:
            yield Finding("limit", Grade.NOTE, f"{number} extensions; no limit is known")
        else:
            grade = Grade.OK if number < self._limit else Grade.WARNING
            yield Finding("limit", grade, f"{number} of {self._limit} extensions in use")
        yield from self._listing(live)
        config, reply = self._config()
        yield from self._one_by_id(live, config)
        yield _account(config, reply)
        yield from self._bindings(live, wanted)
        yield from self._filters(live, wanted)

    def _token(self) -> Finding:
        authenticator = self._access.authenticator
        life = authenticator.life()
        if not authenticator.renewable:
            return Finding("token", Grade.OK, "what the manifest names is sent as it is")
        if authenticator.not_granted:
            scopes = ", ".join(authenticator.not_granted)
            message = f"given without {scopes}, which spec.auth.scopes names: ask who grants them"
            return Finding("token", Grade.WARNING, message)
        if life is None:
            message = "given; its endpoint does not say how long it is valid"
            return Finding("token", Grade.OK, message)
        return Finding("token", Grade.OK, f"given, and valid for {life:.0f} s")

    def _listing(self, live: LiveTenant) -> Iterator[Finding]:
        """The shape of the list, and whether `count` and `startIndex` have an effect."""
        url = self._access.url()
        reply = self._look(f"{url}?{urlencode({'startIndex': 1, 'count': 1})}")
        first = _page(reply)
        if first is None and self._access.dialect.paging is Paging.NONE:
            reply = self._look(url)
            if (first := _page(reply)) is not None:
                yield _shape(first, self._access.dialect.list_shape)
                message = "startIndex and count are refused, and not sent"
                yield Finding("paging", Grade.OK, message, {"paging": str(Paging.NONE)})
                yield self._rate(reply)
                return
        if first is None:
            yield Finding("paging", Grade.UNKNOWN, _status(reply))
            return
        yield _shape(first, self._access.dialect.list_shape)
        yield self._paging(first, live)
        yield self._rate(reply)

    def _paging(self, first: Page, live: LiveTenant) -> Finding:
        if first.cursor is not None:
            return Finding("paging", Grade.OK, "by cursor", {"paging": str(Paging.CURSOR)})
        if len(live.schemas) < 2:
            return Finding("paging", Grade.UNKNOWN, "too few schemas to tell")
        query = urlencode({"startIndex": 2, "count": 1})
        reply = self._look(f"{self._access.url()}?{query}")
        second = _page(reply)
        if second is None:
            message = f"the second page of one schema each did not come: {_status(reply)}"
            return Finding("paging", Grade.UNKNOWN, message)
        counted = len(first.documents) == 1
        moved = second.documents[:1] != first.documents[:1]
        learnt = {"paging": str(Paging.INDEX if counted or moved else Paging.NONE)}
        miscounted = (
            "totalResults is that of the page"
            if first.total == len(first.documents)
            else f"totalResults is {first.total}, and {len(live.schemas)} schemas can be read"
        )
        wrong = [
            message
            for message, right in (
                ("count is ignored", counted),
                ("startIndex is ignored", moved),
                (miscounted, first.total in (None, len(live.schemas))),
            )
            if not right
        ]
        if not wrong:
            message = "startIndex and count have their effect"
            return Finding("paging", Grade.OK, message, learnt)
        return Finding("paging", Grade.NOTE, f"{'; '.join(wrong)}: provided for", learnt)

    def _rate(self, reply: Reply) -> Finding:
        found = {
            name: value
            for name, value in (reply.headers if isinstance(reply, Answer) else {}).items()
            if name in (*_REMAINING, *_ALLOWED) and value.isascii() and value.isdigit()
        }
        known = self._access.dialect.requests_per_minute
        ours = f"we keep to {known} a minute" if known else "we know of no limit"
        if not found:
            return Finding("rate", Grade.NOTE, f"the service shows no limit of requests; {ours}")
        values = sorted(found.items())
        shown = ", ".join(f"{name}: {self.redaction.text(value)}" for name, value in values)
        return Finding("rate", Grade.OK, f"{shown}; {ours}")

    def _one_by_id(self, live: LiveTenant, config: Mapping[str, Json] | None) -> Iterator[Finding]:
        """The spelling of a URN in a path, and the tag that comes with the schema."""
        own = self._access.dialect.id_encoding
        protects = self._access.dialect.protects
        ordered = sorted(live.schemas, key=lambda key: (protects(key), key))
        schema = live.schemas[ordered[0]] if ordered else None
        if schema is None:
            yield Finding("id", Grade.UNKNOWN, "there is no schema to read")
            return
        for encoding in sorted(IdEncoding, key=lambda each: each is not own):
            spelled = replace(self._access.dialect, id_encoding=encoding)
            access = replace(self._access, dialect=spelled)
            reply = self._look(access.url(schema.id))
            if (slash := _slash_wanted(reply, access, schema.id)) is not None:
                yield _slashed(slash)
                self._access = replace(
                    self._access, dialect=replace(self._access.dialect, trailing_slash=slash)
                )
                reply = self._look(
                    replace(access, dialect=replace(spelled, trailing_slash=slash)).url(schema.id)
                )
            found = _page(reply)
            if isinstance(reply, Answer) and reply.has_content and (not found or found.documents):
                grade = Grade.OK if encoding is own else Grade.WARNING
                message = f"schemas are read by their URN, {encoding}"
                yield Finding("id", grade, message, {"idEncoding": str(encoding)})
                yield from self._tags(reply, config, of_the_rfcs=protects(schema.id))
                return
        refused = self._described(reply, self._access.url(schema.id))
        if protects(schema.id):  # of which some services know nothing but the names
            message = "a schema of the service's own cannot be read by id, and no other is live"
            yield Finding("id", Grade.UNKNOWN, f"{message} to try: {refused}")
            return
        message = f"a listed schema cannot be read by id: {refused}"
        denials = (200, *ABSENT_STATUS, *NO_SUCH_REQUEST)
        if isinstance(reply, Answer) and reply.status in denials:
            yield Finding("id", Grade.NOTE, f"{message}; what the list shows is taken to be there")
        else:
            yield Finding("id", Grade.PROBLEM, message)

    def _tags(
        self, answer: Answer, config: Mapping[str, Json] | None, *, of_the_rfcs: bool
    ) -> Iterator[Finding]:
        tag = answer.headers.get("etag")
        if tag and "-gzip" in tag:
            message = "a compressing proxy marks tags with -gzip; the mark is taken off"
            yield Finding("compression", Grade.NOTE, message)
        elif codings := codings_of(answer.headers):
            message = f"answers come compressed ({', '.join(codings)}), which was not asked for"
            yield Finding("compression", Grade.NOTE, message)
        else:
            message = "answers come as they are, without compression"
            yield Finding("compression", Grade.OK, message)
        meta = (_object(answer) or {}).get("meta")
        version = meta.get("version") if isinstance(meta, dict) else None
        if tag or (isinstance(version, str) and version):
            learnt = {"etag": "header" if tag else "meta.version"}
            where = "in the header ETag" if tag else "in meta.version"
            none = self._access.dialect.updates is UpdateStrategy.NONE
            guards = "no update is sent" if none else "updates can be guarded with If-Match"
            message = f"{where}; {guards}"
            yield Finding("etag", Grade.OK, message, learnt)
        elif of_the_rfcs:  # such are often part of the program, and then have no version
            message = "none on a schema of the service's own, and no other is live"
            yield Finding("etag", Grade.UNKNOWN, message)
        elif self._access.dialect.updates is UpdateStrategy.NONE:
            message = "none, and none is needed: no update is ever sent (updates: none)"
            yield Finding("etag", Grade.NOTE, message, {"etag": "none"})
        else:
            stated = (config or {}).get("etag")
            known = isinstance(stated, dict) and stated.get("supported") is False
            message = "between our read and our write of an update others can write unseen"
            by = "none, as the service itself states" if known else "none"
            grade = Grade.NOTE if known else Grade.WARNING
            yield Finding("etag", grade, f"{by}: {message}", {"etag": "none"})

    def _config(self) -> tuple[Mapping[str, Json] | None, Reply]:
        """ServiceProviderConfig, RFC 7643 section 5: the service's own account of itself."""
        reply = self._look(self._access.at("ServiceProviderConfig"))
        return _object(reply), reply

    def _look(self, url: str) -> Reply:
        """The answer to what is worth a question, and needed for nothing."""
        reply, _ = self._get(url, optional=True)
        return reply

    def _described(self, reply: Reply, url: str) -> str:
        if isinstance(reply, Answer):
            return described(self._access.request_name("GET", url), reply)
        return reply.reason

    def _way_in(self) -> Iterator[Finding]:
        """Find the address and the query by which the service lists, where it refuses ours.

        Redirects are gone after on the same origin alone: our credentials belong there.
        """
        before = self._access
        reply = self._first_look()
        for _ in range(_MOST_REDIRECTS):
            if (nearer := self._nearer(reply)) is None:
                break
            self._access = nearer
            reply = self._first_look()
        found = self._access
        if found.base_url != before.base_url:
            base = self.redaction.text(found.base_url, own=before.base_url)
            message = f"redirects are not followed; write {base} as spec.baseUrl"
            yield Finding("address", Grade.PROBLEM, message)
        if (slash := found.dialect.trailing_slash) is not before.dialect.trailing_slash:
            yield _slashed(slash)
        if isinstance(reply, Answer) and reply.status in _MAY_BE_THE_QUERY:
            refused = self._described(reply, self._access.url())
            for capability in self._fewer():
                self._access = replace(found, dialect=found.dialect.overridden(capability))
                reply = self._first_look()
                if _page(reply) is not None:
                    named = ", ".join(f"{name}: {value}" for name, value in capability.items())
                    message = f"our query is refused ({refused}), one with {named} is answered"
                    advice = f"write {named} into spec.capabilities"
                    yield Finding("paging", Grade.WARNING, f"{message}: {advice}", capability)
                    break
        if not isinstance(reply, Answer) or not reply.has_content:
            request = self._access.request_name("GET", self._access.url())
            raise read_error(request, reply, collection=True)

    def _first_look(self) -> Reply:
        query = urlencode(self._first(self._access.dialect.page_size))
        return self._look(self._access.url() + (f"?{query}" if query else ""))

    def _fewer(self) -> Iterator[dict[str, Json]]:
        """Capabilities by which less is requested, the one that loses least first."""
        own = self._access.dialect
        if own.paging is not Paging.NONE:
            yield from ({"pageSize": size} for size in _SMALLER_PAGES if size < own.page_size)
            yield {"paging": str(Paging.NONE)}

    def _nearer(self, reply: Reply) -> TenantAccess | None:
        """The access with the address that a redirect on the same origin leads to."""
        request = self._access.request_name("GET", self._access.url())
        found = _redirect(reply, request)
        if found is None or found.base_url is None:
            return None
        dialect = self._access.dialect
        if found.other_slash:
            dialect = replace(dialect, trailing_slash=slash_of(request))
        if not found.same_origin:  # where no request of ours goes
            return replace(self._access, dialect=dialect) if found.by_slash else None
        return replace(self._access, base_url=found.base_url, dialect=dialect)

    def _bindings(self, live: LiveTenant, wanted: Iterable[SchemaExtension]) -> Iterator[Finding]:
        if self._access.dialect.bindings is BindingList.UNLISTED:
            yield Finding("binding", Grade.UNKNOWN, "/ResourceTypes is static (bindings: unlisted)")
            return
        bound = self.bindings()
        if bound is None:
            yield Finding("binding", Grade.UNKNOWN, "/ResourceTypes is not listed")
            return
        for extension in wanted:
            schema, kind = extension.schema, extension.resource_type
            if schema.key not in live.schemas:
                yield Finding("binding", Grade.NOTE, f"{extension.name} is not there yet")
            elif is_bound(bound, schema, extension.binding_type):
                yield Finding("binding", Grade.OK, f"{extension.name} is bound to {kind}")
            else:
                message = (
                    f"/ResourceTypes does not name {schema.id} for {kind}: no {kind} can hold a"
                )
                yield Finding("binding", Grade.WARNING, f"{message} value before it is bound")

    def _filters(self, live: LiveTenant, wanted: Iterable[SchemaExtension]) -> Iterator[Finding]:
        deployed = (
            (live.schemas[extension.schema.key], extension.name)
            for extension in wanted
            if extension.schema.key in live.schemas and fold(extension.resource_type) == "user"
        )
        users = HttpUserReader(self._access, deadline=self._deadline)
        yield judge_filters(users, *next(deployed, (None, "")))


def _shape(page: Page, expected: ListShape) -> Finding:
    grade = Grade.OK if page.shape is expected else Grade.NOTE
    return Finding("list", grade, f"its shape is {page.shape}", {"listShape": str(page.shape)})


def _slashed(which: TrailingSlash) -> Finding:
    message = f"the slash at the end is amiss: write trailingSlash: {which} into spec.capabilities"
    return Finding("address", Grade.WARNING, message, {"trailingSlash": str(which)})


def _slash_wanted(reply: Reply, access: TenantAccess, schema_id: str) -> TrailingSlash | None:
    """The addresses that end with a slash, by a redirect of a read by id; None for all else."""
    request = access.request_name("GET", access.url(schema_id))
    found = _redirect(reply, request)
    return slash_of(request) if found and found.by_slash else None


def _redirect(reply: Reply, request: RequestName) -> Redirect | None:
    if not isinstance(reply, Answer) or not 300 <= reply.status < 400:
        return None
    return Redirect.of(reply, request.base_url, request.path)


def _account(config: Mapping[str, Json] | None, reply: Reply) -> Finding:
    if config is None:
        return Finding("config", Grade.UNKNOWN, f"no ServiceProviderConfig: {_status(reply)}")
    features = {
        name: feature
        for name in ("patch", "bulk", "filter", "etag")
        if isinstance(feature := config.get(name), dict)
    }
    message = ", ".join(
        f"{name} {'supported' if feature.get('supported') is True else 'not supported'}"
        for name, feature in features.items()
    )
    return Finding("config", Grade.OK, message or "it names no feature")


def _page(reply: Reply) -> Page | None:
    if not isinstance(reply, Answer) or not reply.has_content:
        return None
    try:
        return read_page(reply.body)
    except (NotJson, NotScim):
        return None


def _object(reply: Reply) -> dict[str, Json] | None:
    if not isinstance(reply, Answer) or not reply.has_content:
        return None
    try:
        document, _ = parse_in_parts(reply.body)
    except NotJson:
        return None
    return document if isinstance(document, dict) else None


def _status(reply: Reply) -> str:
    return str(reply.status) if isinstance(reply, Answer) else reply.reason
