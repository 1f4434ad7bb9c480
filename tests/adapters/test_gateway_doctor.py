"""HttpDoctor: what `doctor` finds out by looking, and what it learns for a manifest."""

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
from reconciler.domain.dialect import Dialect, Paging
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
) -> tuple[dict[str, Finding], dict[str, Json], list[Received]]:
    """The findings by their check (the last of each), what was learnt, and the requests."""
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
    return {each.check: each for each in found}, learnt, server.requests


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

    assert len(requests) <= 12
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
    assert findings["token"].message == "what the manifest names is sent; it does not expire"


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


def test_a_tenant_that_fails_all_the_time_once_it_was_read_is_a_problem_and_left_alone() -> None:
    sick = reply(503)
    handler = tenant(ServiceProviderConfig=lambda _: sick, ResourceTypes=lambda _: sick,
                     Users=lambda _: sick)  # fmt: skip
    findings, _, requests = looked_at(handler)
    assert findings["permission"].grade is Grade.PROBLEM
    assert "the tenant is left alone" in findings["permission"].message
    assert sum(1 for r in requests if "/Schemas" not in r.path) == 5


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
        ({}, {"meta": {"version": 7}}, "none", Grade.WARNING, Grade.OK),
        ({}, {}, "none", Grade.WARNING, Grade.OK),
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
    ("answer", "grade", "texts"),
    [
        (json_reply(kinds(urn(1).upper())), Grade.OK, f"{urn(1)} is bound to User"),
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
        if query["count"] != ["1"]:
            return json_reply(listed(USERS))
        total = found(query.get("filter", [None])[0])
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
            "finds 3 of 3 users, and 1 of one page hold no value",
        ),
        (lambda q: 3, Grade.WARNING, "of an attribute that does not exist finds 3 users"),
        (lambda q: -400 if q and "No" in q else len(matching(q)), Grade.OK, "finds no fewer"),
        (lambda q: 0 if q and "grade" in q else len(matching(q)), Grade.WARNING, "finds 0, and 2"),
        (lambda q: -400 if q and "grade" in q else len(matching(q)), Grade.WARNING, "is refused"),
        (lambda q: 1 if q == "userName pr" else 3, Grade.WARNING, "finds 1 of 3 users"),
        (lambda q: -400 if q else 3, Grade.WARNING, "finds nothing that can be counted of 3"),
        (lambda q: 0, Grade.UNKNOWN, "there are no users to count"),
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
        return users(request) if "count=1&" in request.target else json_reply(listed(USERS[2:]))

    findings, _, _ = looked_at(tenant(Users=bare))
    assert findings["filter"].grade is Grade.OK
    assert "so that is untried" in findings["filter"].message
