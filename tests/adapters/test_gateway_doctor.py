"""HttpDoctor: what `doctor` finds out by looking, and what it learns for a manifest."""

import gzip
import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from reconciler.adapters.gateway import TenantAccess, Traffic
from reconciler.adapters.gateway.doctor import HttpDoctor
from reconciler.adapters.oauth2 import Anonymous, Authenticator, Credentials, HeaderToken, Tokens
from reconciler.adapters.retrying import retrying
from reconciler.adapters.transport import Http, HttpOptions
from reconciler.domain.dialect import Dialect, Paging, UpdateStrategy
from reconciler.domain.doctor import Finding, Grade
from reconciler.domain.jsontext import Json
from reconciler.domain.secret import Secret
from tests.support.fakes import DIALECT, FakeClock, extension
from tests.support.faultserver import (
    FaultServer,
    Handler,
    Received,
    Script,
    json_reply,
    reply,
    serving,
)
from tests.support.gateway_world import (
    BASE,
    TOKEN,
    asked_id,
    client_credentials,
    honest,
    listed,
    paging,
    schema,
    scim_error,
    service,
    urn,
)

HAVE = [schema(n, meta={"version": f"v{n}"}) for n in range(3)]
BY_ID = {document["id"].lower(): document for document in HAVE}
WANTED = (extension(HAVE[1], name="one"),)
USERS: list[Json] = [
    {"id": "1", "userName": "a", urn(1): {"grade": 4}},
    {"id": "2", "userName": "b", urn(1).upper(): {"GRADE": 5}},
    {"id": "3", "userName": "c"},
]


def kinds(*urns: str) -> Json:
    extensions = [{"schema": each, "required": False} for each in urns]
    return listed([{"id": "User", "name": "User", "schemaExtensions": extensions}])


def matching(query: str | None) -> list[Json]:
    """Users by the filters that a good service understands."""
    match query:
        case None | "userName pr":
            return USERS
        case str() if query.endswith(":grade pr"):
            return USERS[:2]
        case _:
            return []


def users(request: Received) -> Script:
    query = parse_qs(urlsplit(request.target).query)
    found = matching(query.get("filter", [None])[0])
    return json_reply(listed(found[: int(query["count"][0])], totalResults=len(found)))


Routes = dict[str, Callable[[Received], Script]]


def tenant(**routes: Callable[[Received], Script]) -> Handler:
    """A tenant in good health, but for the routes given."""
    schemas = service(honest(HAVE), BY_ID)
    known: Routes = {
        "Schemas": schemas,
        "Users": users,
        "ResourceTypes": lambda _: json_reply(kinds(urn(1))),
        "ServiceProviderConfig": lambda _: json_reply(
            {"patch": {"supported": True}, "etag": {"supported": False}}
        ),
    }
    known |= routes

    def handle(request: Received) -> Script:
        endpoint = request.path.removeprefix(f"{BASE}/").partition("/")[0]
        return known[endpoint](request)

    return handle


def looked_at(
    handler: Handler,
    *,
    dialect: Dialect = DIALECT,
    credentials: Callable[[FaultServer], Credentials] = lambda _: Anonymous(),
    limit: int | None = 10,
    last_of_each: bool = True,
) -> tuple[dict[str, Finding], dict[str, Json], list[Received]]:
    """The findings by their check (the last or first of each), what was learnt, the requests."""
    clock = FakeClock()
    retry, options = retrying(clock=clock, random=lambda: 0.0), HttpOptions(deadline=5)
    with (
        serving(handler) as server,
        Http(options, methods=frozenset({"GET"})) as reads,
    ):
        connection = TenantAccess(
            base_url=server.url(BASE),
            dialect=dialect,
            reads=reads,
            authenticator=Authenticator(
                credentials(server),
                Tokens(options=options, retries=lambda: retry, clock=clock, new_id=lambda: ""),
            ),
            retry=retry,
            clock=clock,
            traffic=Traffic(clock=clock),
        )
        look = HttpDoctor(connection, limit=limit)
        found = tuple(look.findings(WANTED))
    learnt = {entry: value for each in found for entry, value in each.learnt.items()}
    ordered = found if last_of_each else found[::-1]
    return {each.check: each for each in ordered}, learnt, server.requests


def test_doctor_finds_nothing_wrong_with_a_sound_tenant() -> None:
    findings, learnt, requests = looked_at(tenant())

    assert {check: str(f.grade) for check, f in findings.items() if f.grade is not Grade.OK} == {
        "rate": "note"
    }
    assert learnt == {
        "listShape": "list", "paging": "index", "idEncoding": "raw", "etag": "meta.version",
    }  # fmt: skip
    assert {request.method for request in requests} == {"GET"}


def test_doctor_sends_few_requests_and_shows_no_value_of_a_user() -> None:
    findings, _, requests = looked_at(tenant())

    assert len(requests) <= 15
    assert not [f for f in findings.values() if "userName: a" in f.message]
    requested = [parse_qs(urlsplit(r.target).query) for r in requests if "/Users" in r.path]
    assert requested
    assert all(query["attributes"][0].startswith("id") for query in requested)


@pytest.mark.parametrize(
    ("stated", "texts"),
    [
        ({"expires_in": 600}, "given, and valid for 600 s"),
        ({"expires_in": 86_400}, "given, and valid for 86400 s"),
        ({}, "given; its endpoint does not say how long it is valid"),
        ({"expires_in": "soon"}, "given; its endpoint does not say how long it is valid"),
    ],
)
def test_doctor_shows_how_long_a_token_is_valid(stated: Json, texts: str) -> None:
    token = {"access_token": TOKEN, "token_type": "Bearer", **stated}
    healthy = tenant()
    findings, _, _ = looked_at(
        lambda r: json_reply(token) if r.path == "/oauth/token" else healthy(r),
        credentials=client_credentials,
    )
    assert findings["token"].message == texts


def test_doctor_says_that_a_token_of_the_manifest_does_not_expire() -> None:
    findings, _, _ = looked_at(tenant(), credentials=lambda _: HeaderToken(token=Secret(TOKEN)))
    assert findings["token"].message == "what the manifest names is sent as it is"


@pytest.mark.parametrize("status", [400, 401])
def test_a_token_that_is_refused_ends_what_doctor_looks_at(status: int) -> None:
    findings, learnt, requests = looked_at(
        lambda _: json_reply({"error": "invalid_client"}, status), credentials=client_credentials
    )
    assert {check: f.grade for check, f in findings.items()} == {"token": Grade.PROBLEM}
    assert "check clientId" in findings["token"].message
    assert (learnt, len(requests)) == ({}, 1)


@pytest.mark.parametrize(
    ("answer", "texts"),
    [
        (scim_error(403, "no"), '403: "no"; ask the service\'s administrator'),
        (scim_error(404), "spec.baseUrl is probably wrong"),
        (reply(200, b"<html>"), "an HTML page came instead of JSON"),
    ],
)
def test_doctor_reports_a_tenant_that_cannot_be_read(answer: Script, texts: str) -> None:
    findings, _, _ = looked_at(tenant(Schemas=lambda _: answer))
    assert findings["permission"].grade is Grade.PROBLEM
    assert texts in findings["permission"].message


@pytest.mark.parametrize("status", [500, 503])
def test_what_is_optional_may_fail_all_the_time_and_is_not_asked_for_long(status: int) -> None:
    sick = reply(status)
    handler = tenant(ServiceProviderConfig=lambda _: sick, ResourceTypes=lambda _: sick,
                     Users=lambda _: sick)  # fmt: skip

    findings, _, requests = looked_at(handler)

    assert findings["permission"].grade is Grade.OK
    unknown = {check for check, f in findings.items() if f.grade is Grade.UNKNOWN}
    assert unknown == {"config", "binding", "filter"}
    assert sum(1 for r in requests if "/Schemas" not in r.path) <= 18


CUSTOM = urn(1)
CORE = schema("urn:ietf:params:scim:schemas:core:2.0:User")


@pytest.mark.parametrize("status", [400, 403, 500])
def test_doctor_does_not_mind_that_core_schemas_are_refused_by_id(status: int) -> None:
    def handler(request: Received) -> Script:
        named = asked_id(request)
        if named is None:
            return json_reply(listed([CORE]))
        return scim_error(status, "only custom schemas") if "core" in named else scim_error(404)

    findings, learnt, _ = looked_at(tenant(Schemas=handler))

    assert findings["id"].grade is Grade.UNKNOWN
    assert "only custom schemas" in findings["id"].message
    assert not [f for f in findings.values() if f.grade is Grade.PROBLEM]
    assert "idEncoding" not in learnt


def test_doctor_repeats_why_a_schema_of_a_manifest_cannot_be_read() -> None:
    def handler(request: Received) -> Script:
        if asked_id(request) == CUSTOM:
            return scim_error(400, "the URN is malformed")
        return service(honest([HAVE[0]]), BY_ID)(request)

    findings, _, _ = looked_at(tenant(Schemas=handler), last_of_each=False)

    assert findings["id"].grade is Grade.WARNING
    assert "the URN is malformed" in findings["id"].message


# --- another way in ------------------------------------------------------------------------


def without_query(request: Received, answer: Script) -> Script:
    """The schemas, for a request without a query; else that answer."""
    if not asked_id(request) and "?" in request.target:
        return answer
    named = asked_id(request)
    return json_reply(BY_ID[named.lower()] if named else listed(HAVE))


@pytest.mark.parametrize("status", [400, 403, 404, 405, 422, 500, 501])
@pytest.mark.parametrize("way", [Paging.INDEX, Paging.CURSOR])
def test_doctor_finds_that_a_service_refuses_a_query(status: int, way: Paging) -> None:
    refusal = scim_error(status, "no query parameters here")
    dialect = replace(DIALECT, paging=way)

    findings, learnt, _ = looked_at(
        tenant(Schemas=lambda r: without_query(r, refusal)), dialect=dialect
    )

    assert learnt["paging"] == "none"
    assert not [f for f in findings.values() if f.grade is Grade.PROBLEM]
    assert findings["permission"].message == "3 schemas can be read"


def test_doctor_says_what_was_refused_and_what_to_write_instead() -> None:
    refusal = scim_error(403, "no query parameters here")
    findings, _, _ = looked_at(
        tenant(Schemas=lambda r: without_query(r, refusal)), last_of_each=False
    )
    warned = findings["paging"]
    assert warned.grade is Grade.WARNING
    assert '(403: "no query parameters here")' in warned.message
    assert "write paging: none into spec.capabilities" in warned.message


@pytest.mark.parametrize(("most", "found"), [(50, 50), (30, 20), (10, 10)])
def test_doctor_finds_how_many_schemas_a_service_gives_at_once(most: int, found: int) -> None:
    def handler(request: Received) -> Script:
        if not asked_id(request) and paging(request)[1] > most:
            return scim_error(400, f"count must be at most {most}")
        return service(honest(HAVE), BY_ID)(request)

    findings, learnt, _ = looked_at(tenant(Schemas=handler))

    assert (learnt["pageSize"], learnt["paging"]) == (found, "index")
    assert findings["permission"].grade is Grade.OK


def test_a_service_that_refuses_whatever_the_query_is_a_problem_of_permission() -> None:
    refused = scim_error(403, "not you")
    findings, learnt, requests = looked_at(tenant(Schemas=lambda _: refused))
    assert findings["permission"].grade is Grade.PROBLEM
    assert "no startIndex" not in findings["permission"].message
    assert learnt == {}
    assert len(requests) <= 7


def slashed(request: Received, *, by_id: bool) -> Script:
    path, _, query = request.target.partition("?")
    if not path.endswith("/") and (by_id or not asked_id(request)):
        return reply(301, b"", {"Location": f"{path}/" + (f"?{query}" if query else "")})
    named = (asked_id(request) or "").rstrip("/")
    return json_reply(BY_ID[named.lower()] if named else listed(HAVE))


@pytest.mark.parametrize(("by_id", "learns"), [(False, "lists"), (True, "all")])
def test_doctor_finds_that_addresses_end_with_a_slash(by_id: bool, learns: str) -> None:
    findings, learnt, _ = looked_at(tenant(Schemas=lambda r: slashed(r, by_id=by_id)))

    assert learnt["trailingSlash"] == learns
    assert findings["address"].grade is Grade.WARNING
    assert findings["id"].grade is Grade.OK


@pytest.mark.parametrize("origin", ["http://scim.internal:8080", "https://127.0.0.1:1"])
@pytest.mark.parametrize(("by_id", "learns"), [(False, "lists"), (True, "all")])
def test_doctor_finds_the_slash_that_a_service_behind_a_proxy_wants(
    origin: str, by_id: bool, learns: str
) -> None:
    def handler(request: Received) -> Script:
        if not request.path.endswith("/") and (by_id or not asked_id(request)):
            return reply(301, b"", {"Location": f"{origin}{request.path}/"})
        return slashed(request, by_id=by_id)

    findings, learnt, _ = looked_at(tenant(Schemas=handler))

    assert learnt["trailingSlash"] == learns
    assert findings["permission"].grade is Grade.OK


@pytest.mark.parametrize("hops", [1, 2, 5])
def test_doctor_finds_the_base_url_behind_redirects_on_the_same_origin(hops: int) -> None:
    final = "/v9/scim"

    def handler(request: Received) -> Script:
        if request.path.startswith(final):
            whole = Received(
                request.method,
                BASE + request.target.removeprefix(final),
                request.headers,
                request.body,
            )
            return tenant()(whole)
        at = int(request.path[2]) if request.path.startswith("/h") else 0
        there = final if at == hops - 1 else f"/h{at + 1}"
        return reply(307, b"", {"Location": f"{there}/Schemas"})

    findings, _, requests = looked_at(handler)

    assert findings["address"].grade is Grade.PROBLEM
    port = requests[0].headers["host"].partition(":")[2]
    wanted = f"write http://127.0.0.1:{port}{final} as spec.baseUrl"
    assert findings["address"].message.endswith(wanted)
    assert findings["permission"].grade is Grade.OK


@pytest.mark.parametrize(
    ("location", "texts"),
    [
        ("https://127.0.0.1:1/scim/v2/Schemas", "another origin, where no credential is sent"),
        ("http://example.com/scim/v2/Schemas", "without TLS"),
        ("https://example.com/scim/v2/Schemas/", "write https://example.com/scim/v2 as spec.ba"),
        ("/login?next=Schemas", "a page to log in at"),
        ("http://[", "names no address"),
        ("//u:p@example.com/x/Schemas", "names no address"),
        ("", "names no address"),
        ("/scim/v2/Schemas", "leads to the same address again"),
    ],
)
def test_doctor_follows_no_redirect_that_leads_elsewhere_or_nowhere(
    location: str, texts: str
) -> None:
    token = HeaderToken(token=Secret(TOKEN))
    moved = reply(302, b"", {"Location": location})

    findings, learnt, requests = looked_at(lambda _: moved, credentials=lambda _: token)

    assert findings["permission"].grade is Grade.PROBLEM
    assert texts in findings["permission"].message
    assert learnt == {}
    assert {r.path for r in requests} == {f"{BASE}/Schemas"}


@pytest.mark.parametrize(
    ("limit", "grade", "texts"),
    [
        (10, Grade.OK, "3 of 10 extensions in use"),
        (3, Grade.WARNING, "3 of 3 extensions in use"),
        (None, Grade.NOTE, "3 extensions; no limit is known"),
    ],
)
def test_doctor_shows_the_extensions_in_use_and_the_limit(
    limit: int | None, grade: Grade, texts: str
) -> None:
    findings, _, _ = looked_at(tenant(), limit=limit)
    assert findings["limit"] == Finding("limit", grade, texts)


def test_doctor_learns_that_a_service_does_not_page() -> None:
    findings, learnt, _ = looked_at(tenant(Schemas=service(lambda *_: HAVE, BY_ID)))
    assert (learnt["listShape"], learnt["paging"]) == ("array", "none")
    assert findings["paging"].message == "count is ignored; startIndex is ignored: provided for"


@pytest.mark.parametrize(
    ("total", "texts"),
    [
        (None, "totalResults is that of the page: provided for"),
        (99, "totalResults is 99, and 3 schemas can be read: provided for"),
        (0, "totalResults is 0, and 3 schemas can be read: provided for"),
    ],
)
def test_doctor_notes_a_total_that_is_not_that_of_all(total: int | None, texts: str) -> None:
    def counted(start: int, count: int) -> Json:
        page = HAVE[start - 1 : start - 1 + count]
        return listed(page, totalResults=len(page) if total is None else total)

    findings, learnt, _ = looked_at(tenant(Schemas=service(counted, BY_ID)))
    assert findings["paging"].message == texts
    assert learnt["paging"] == "index"


def test_doctor_concludes_nothing_about_pages_without_a_second_one() -> None:
    def refusing(request: Received) -> Script:
        if "startIndex=2&count=1" in request.target:
            return scim_error(400, "too small a page")
        return service(honest(HAVE), BY_ID)(request)

    findings, learnt, _ = looked_at(tenant(Schemas=refusing))
    assert findings["paging"] == Finding(
        "paging", Grade.UNKNOWN, "the second page of one schema each did not come: 400"
    )
    assert "paging" not in learnt


def test_doctor_learns_paging_by_cursor() -> None:
    def by_cursor(request: Received) -> Script:
        if request.path != f"{BASE}/Schemas":
            return service(honest(HAVE), BY_ID)(request)
        start = int(parse_qs(urlsplit(request.target).query).get("cursor", ["0"])[0])
        following = {"nextCursor": str(start + 1)} if start < 2 else {}
        return json_reply(listed([HAVE[start]], totalResults=3, **following))

    _, learnt, _ = looked_at(
        tenant(Schemas=by_cursor), dialect=replace(DIALECT, paging=Paging.INDEX)
    )
    assert learnt["paging"] == "cursor"


def test_doctor_learns_that_a_service_wants_its_colons_encoded() -> None:
    def picky(request: Received) -> Script:
        raw = ":" in request.path
        return scim_error(400) if raw else service(honest(HAVE), BY_ID)(request)

    findings, learnt, _ = looked_at(tenant(Schemas=picky))
    assert learnt["idEncoding"] == "percent"
    assert findings["id"].grade is Grade.WARNING


def by_id(answer: Script) -> Handler:
    return lambda request: answer if asked_id(request) else json_reply(listed(HAVE))


@pytest.mark.parametrize("status", [400, 403])
def test_doctor_reports_a_listed_schema_that_cannot_be_read_by_id(status: int) -> None:
    findings, _, _ = looked_at(tenant(Schemas=by_id(scim_error(status))))
    assert findings["id"].grade is Grade.PROBLEM


@pytest.mark.parametrize(
    "denial",
    [*map(scim_error, (404, 405, 410, 501)), json_reply(listed([]))],
    ids=["404", "405", "410", "501", "an empty list"],
)
def test_doctor_notes_a_service_that_shows_in_its_list_alone_what_it_has(denial: Script) -> None:
    findings, learnt, _ = looked_at(tenant(Schemas=by_id(denial)))
    assert findings["id"].grade is Grade.NOTE
    assert "what the list shows is taken to be there" in findings["id"].message
    assert "idEncoding" not in learnt


@pytest.mark.parametrize(
    ("headers", "document", "learnt", "etag", "compression"),
    [
        ({"ETag": '"1"'}, {}, "header", Grade.OK, Grade.OK),
        ({"ETag": '"1-gzip"'}, {}, "header", Grade.OK, Grade.NOTE),
        ({}, {"meta": {"version": "7"}}, "meta.version", Grade.OK, Grade.OK),
        ({}, {"meta": {"version": 7}}, "none", Grade.NOTE, Grade.OK),
        ({}, {}, "none", Grade.NOTE, Grade.OK),
        ({"Content-Encoding": "utf-8"}, {}, "none", Grade.NOTE, Grade.OK),
    ],
)
def test_doctor_learns_the_source_of_entity_tags(
    headers: dict[str, str], document: Any, learnt: str, etag: Grade, compression: Grade
) -> None:
    def tagged(request: Received) -> Script:
        if request.path == f"{BASE}/Schemas":
            return service(honest([schema(1)]))(request)
        return json_reply(schema(1, **document), 200, headers)

    findings, found, _ = looked_at(tenant(Schemas=tagged))
    assert found["etag"] == learnt
    assert (findings["etag"].grade, findings["compression"].grade) == (etag, compression)
    guarded = "updates can be guarded with If-Match" in findings["etag"].message
    assert guarded is (etag is Grade.OK)


def test_doctor_says_of_no_tag_that_it_guards_updates_where_there_are_none() -> None:
    one = schema(1, meta={"version": "7"})
    handler = service(honest([one]), {urn(1).lower(): one})

    findings, _, _ = looked_at(
        tenant(Schemas=handler), dialect=replace(DIALECT, updates=UpdateStrategy.NONE)
    )

    assert findings["etag"].message == "in meta.version; no update is sent"


def test_doctor_notes_answers_that_come_compressed() -> None:
    def packed(request: Received) -> Script:
        if request.path == f"{BASE}/Schemas":
            return service(honest([schema(1)]))(request)
        body = gzip.compress(json.dumps(schema(1)).encode())
        return reply(200, body, {"Content-Encoding": "gzip"})

    findings, _, _ = looked_at(tenant(Schemas=packed))

    assert findings["compression"].grade is Grade.NOTE
    assert "compressed (gzip)" in findings["compression"].message


@pytest.mark.parametrize(
    ("config", "updates", "grade"),
    [
        ({}, UpdateStrategy.PUT, Grade.WARNING),
        ({"etag": {"supported": True}}, UpdateStrategy.PUT, Grade.WARNING),
        ({"etag": {"supported": False}}, UpdateStrategy.PUT, Grade.NOTE),
        ({"etag": {"supported": True}}, UpdateStrategy.NONE, Grade.NOTE),
        ({"etag": "no"}, UpdateStrategy.PATCH, Grade.WARNING),
    ],
)
def test_doctor_warns_of_no_tags_only_where_they_were_to_be_had_and_are_needed(
    config: Json, updates: UpdateStrategy, grade: Grade
) -> None:
    bare = service(honest([schema(1)]), {urn(1).lower(): schema(1)})
    findings, _, _ = looked_at(
        tenant(Schemas=bare, ServiceProviderConfig=lambda _: json_reply(config)),
        dialect=replace(DIALECT, updates=updates),
    )
    assert findings["etag"].grade is grade


@pytest.mark.parametrize("version", [None, "7"])
def test_doctor_concludes_nothing_from_a_schema_of_the_rfcs_without_a_tag(
    version: str | None,
) -> None:
    core = schema("urn:ietf:params:scim:schemas:core:2.0:User", meta={"version": version})
    handler = service(honest([core]), {core["id"].lower(): core})

    findings, found, _ = looked_at(tenant(Schemas=handler))

    assert findings["etag"].grade is (Grade.OK if version else Grade.UNKNOWN)
    assert found.get("etag") == ("meta.version" if version else None)


def test_doctor_shows_the_limits_of_requests_that_the_service_shows() -> None:
    def limited(request: Received) -> Script:
        if request.path != f"{BASE}/Schemas":
            return service(honest(HAVE), BY_ID)(request)
        page = HAVE if "count=100" in request.target else HAVE[:1]
        headers = {"X-RateLimit-Remaining": "41", "RateLimit-Limit": "evil\ttext"}
        return json_reply(listed(page, totalResults=3), 200, headers)

    dialect = replace(DIALECT, requests_per_minute=200)
    findings, _, _ = looked_at(tenant(Schemas=limited), dialect=dialect)
    assert findings["rate"].message == "x-ratelimit-remaining: 41; we keep to 200 a minute"


@pytest.mark.parametrize(
    "extensions",
    [
        [urn(1)],
        {"schema": urn(1)},
        [None, {"schema": None}, {"Schema": urn(1), "required": False}],
        [{"schema": f" {urn(1)} "}],
        [{"value": urn(1)}],
        {urn(1).upper(): {"required": False}},
        [{"$ref": f"https://scim.example.com/scim/v2/Schemas/{urn(1)}"}],
    ],
    ids=["ids", "one object", "other case", "blanks", "value", "by id", "references"],
)
def test_an_extension_is_bound_in_whatever_shape_the_resource_type_names_it(
    extensions: Any,
) -> None:
    answer = json_reply(listed([{"Name": "User", "schemaExtensions": extensions}]))

    findings, _, _ = looked_at(tenant(ResourceTypes=lambda _: answer))

    assert findings["binding"].grade is Grade.OK


@pytest.mark.parametrize(
    ("answer", "grade", "texts"),
    [
        (json_reply(kinds(urn(1).upper())), Grade.OK, "one is bound to User"),
        (json_reply(kinds(urn(2))), Grade.WARNING, "no User can hold a value before it is bound"),
        (json_reply(kinds()), Grade.WARNING, "/ResourceTypes does not name"),
        (json_reply([{"id": "User"}, 7]), Grade.WARNING, "/ResourceTypes does not name"),
        (scim_error(404), Grade.UNKNOWN, "/ResourceTypes is not listed"),
        (reply(200, b"nothing"), Grade.UNKNOWN, "/ResourceTypes is not listed"),
    ],
)
def test_doctor_warns_of_an_extension_that_no_resource_type_names(
    answer: Script, grade: Grade, texts: str
) -> None:
    findings, _, _ = looked_at(tenant(ResourceTypes=lambda _: answer))
    assert findings["binding"].grade is grade
    assert texts in findings["binding"].message


@pytest.mark.parametrize("answer", [scim_error(404), reply(200, b"["), json_reply([1])])
def test_doctor_does_without_a_service_provider_config(answer: Script) -> None:
    findings, _, _ = looked_at(tenant(ServiceProviderConfig=lambda _: answer))
    assert findings["config"].grade is Grade.UNKNOWN


# --- filters -------------------------------------------------------------------------------


def counting(found: Callable[[str | None], Json]) -> Handler:
    """/Users whose totals are as a test likes; the first page is as ever."""

    def handle(request: Received) -> Script:
        query = parse_qs(urlsplit(request.target).query)
        filtered = query.get("filter", [None])[0]
        if query["count"] not in (["0"], ["1"]):
            return json_reply(listed(matching(filtered)))
        total = found(filtered)
        if isinstance(total, int) and total < 0:
            return scim_error(-total)
        return json_reply(listed([], totalResults=total))

    return handle


@pytest.mark.parametrize(
    ("found", "grade", "texts"),
    [
        (lambda q: len(matching(q)), Grade.OK, ":grade pr` finds no fewer"),
        (
            lambda q: 3 if q and "grade" in q else len(matching(q)),
            Grade.WARNING,
            "finds 3 of 3, and 1 of one page hold no value",
        ),
        (lambda q: 3, Grade.WARNING, "of an attribute that does not exist finds 3 users"),
        (lambda q: -400 if q and "No" in q else len(matching(q)), Grade.OK, "finds no fewer"),
        (lambda q: 0 if q and "grade" in q else len(matching(q)), Grade.WARNING, "finds 0, and 2"),
        (lambda q: -400 if q and "grade" in q else len(matching(q)), Grade.WARNING, "is refused"),
        (lambda q: 1 if q == "userName pr" else 3, Grade.WARNING, "finds 1 of 3 users"),
        (lambda q: -400 if q else 3, Grade.WARNING, "finds nothing that can be counted of 3"),
        (lambda q: 0, Grade.WARNING, "counts the users of a page, not all"),
        (lambda q: -403, Grade.UNKNOWN, "users cannot be counted"),
        (lambda q: "many", Grade.UNKNOWN, "users cannot be counted"),
        (lambda q: True, Grade.UNKNOWN, "users cannot be counted"),
    ],
)
def test_pr_filters_are_believed_only_where_their_counts_are_right(
    found: Callable[[str | None], Json], grade: Grade, texts: str
) -> None:
    findings, _, _ = looked_at(tenant(Users=counting(found)))
    assert findings["filter"].grade is grade
    assert texts in findings["filter"].message


def test_filters_are_not_tried_where_there_is_nobody_to_count() -> None:
    findings, _, _ = looked_at(tenant(Users=lambda _: json_reply(listed([]))))
    assert findings["filter"].grade is Grade.UNKNOWN
    assert "there are no users to count" in findings["filter"].message


def test_a_count_of_the_page_is_not_taken_for_one_of_all_users() -> None:
    def sliced(request: Received) -> Script:
        count = int(parse_qs(urlsplit(request.target).query)["count"][0])
        return json_reply(listed(USERS[:count]))

    findings, _, _ = looked_at(tenant(Users=sliced))
    assert findings["filter"].grade is Grade.WARNING
    assert "counts the users of a page" in findings["filter"].message


def test_a_count_of_one_user_is_believed_where_there_is_one() -> None:
    def lone(request: Received) -> Script:
        nonsense = "NoSuch" in request.target
        return json_reply(listed([] if nonsense else USERS[:1]))

    findings, _, _ = looked_at(tenant(Users=lone))
    assert findings["filter"].grade is Grade.OK


def test_a_filter_of_an_extension_without_users_is_untried() -> None:
    def bare(request: Received) -> Script:
        return users(request) if "count=0" in request.target else json_reply(listed(USERS[2:]))

    findings, _, _ = looked_at(tenant(Users=bare))
    assert findings["filter"].grade is Grade.OK
    assert "so that is untried" in findings["filter"].message
