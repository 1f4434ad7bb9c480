"""HttpSchemaWriter: each write sent once, and what its answer says about it."""

import json
from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.adapters.dialects import load_dialects
from reconciler.domain.body import patch_body
from reconciler.domain.dialect import ErrorShape, EtagMode, Meaning, PatchPath
from reconciler.domain.http_reply import Applied, Next, Verdict
from reconciler.domain.jsontext import Json
from reconciler.domain.scim import Schema
from reconciler.ports import SchemaWriter, WriteResult
from tests.support.fakes import DIALECT
from tests.support.faultserver import Cut, Received, Script, in_turn, json_reply, reply
from tests.support.gateway_world import (
    BASE,
    HINTED,
    SECRET,
    TOKEN,
    World,
    client_credentials,
    guarded,
    schema,
    scim_error,
    urn,
    world,
)

DOCUMENT = schema(1, description="Größe\u2028😀")
LIVE = Schema.from_json(schema(1))
PATCH = patch_body(LIVE, Schema.from_json(schema(1, attributes=[{"name": "new"}])), PatchPath.VALUE)
CLAIMED = Verdict(Applied.CLAIMED, Next.VERIFY)
UNKNOWN = Verdict(Applied.UNKNOWN, Next.READ)
REFUSED = Verdict(Applied.NO, Next.STOP)

Write = Callable[[World], WriteResult]
WRITES: dict[str, Write] = {
    "create": lambda w: w.writer.create(DOCUMENT),
    "replace": lambda w: w.writer.replace(LIVE, DOCUMENT),
    "patch": lambda w: w.writer.patch(LIVE, PATCH),
}
both = pytest.mark.parametrize("write", WRITES.values(), ids=WRITES.keys())


# --- what is sent --------------------------------------------------------------------------


def test_a_create_posts_the_document_as_it_is_given() -> None:
    with world(in_turn(json_reply(DOCUMENT, 201))) as w:
        writer: SchemaWriter = w.writer
        result = writer.create(DOCUMENT)

    request = w.requests[0]
    assert (request.method, request.target) == ("POST", f"{BASE}/Schemas")
    assert request.headers["content-type"] == "application/scim+json"
    assert request.headers["accept"] == "application/scim+json, application/json"
    assert json.loads(request.body) == DOCUMENT
    assert list(json.loads(request.body)) == list(DOCUMENT)
    assert "Größe".encode() in request.body
    assert result == WriteResult(verdict=CLAIMED, message=f"POST {BASE}/Schemas: 201")


@both
@pytest.mark.parametrize("kind", ["application/json", "application/scim+json"])
def test_a_write_has_the_content_type_that_the_dialect_says(write: Write, kind: str) -> None:
    with world(in_turn(reply(200)), dialect=replace(HINTED, content_type=kind)) as w:
        write(w)

    assert w.requests[0].headers["content-type"] == kind


def test_a_replace_puts_the_document_at_the_id_of_the_live_schema() -> None:
    with world(in_turn(json_reply(DOCUMENT))) as w:
        result = w.writer.replace(Schema.from_json(schema(urn(1).upper())), DOCUMENT)

    request = w.requests[0]
    assert (request.method, request.target) == ("PUT", f"{BASE}/Schemas/{urn(1).upper()}")
    assert json.loads(request.body) == DOCUMENT
    assert "if-match" not in request.headers
    assert result.verdict == CLAIMED


def test_a_patch_is_sent_to_the_id_of_the_live_schema_with_its_tag() -> None:
    served = json_reply(schema(1), 200, {"ETag": '"7"'})
    with world(in_turn(served, reply(200))) as w:
        live = w.writer.read(urn(1))
        assert live is not None
        result = w.writer.patch(live, PATCH)

    request = w.requests[1]
    assert (request.method, request.target) == ("PATCH", f"{BASE}/Schemas/{urn(1)}")
    assert request.headers["if-match"] == '"7"'
    assert json.loads(request.body) == PATCH
    assert result.verdict == CLAIMED


@pytest.mark.parametrize(
    ("mode", "sent"),
    [
        (EtagMode.HEADER, '"of-header"'),
        (EtagMode.VERSION, '"of-meta"'),
        (EtagMode.NONE, None),
    ],
)
@pytest.mark.parametrize("write", ["replace", "patch"])
def test_the_dialect_says_where_the_tag_comes_from(
    mode: EtagMode, sent: str | None, write: str
) -> None:
    document = schema(1, meta={"version": "of-meta"})
    scripts = in_turn(json_reply(document, 200, {"ETag": '"of-header-gzip"'}), reply(200))
    with world(scripts, dialect=replace(HINTED, etag=mode)) as w:
        live = w.writer.read(urn(1))
        assert live is not None
        w.writer.replace(live, DOCUMENT) if write == "replace" else w.writer.patch(live, PATCH)

    assert w.requests[1].headers.get("if-match") == sent


TAGS = [
    ('"abc"', '"abc"'),
    ('W/"abc"', 'W/"abc"'),
    ('"abc-gzip"', '"abc"'),
    ('W/"abc-gzip"', 'W/"abc"'),
    ('""', '""'),
]


@pytest.mark.parametrize(
    ("served", "sent"),
    [
        *TAGS,
        ('"abc--gzip"', '"abc"'),  # Jetty's mark
        ("3694e05e9dff590", "3694e05e9dff590"),
        ("1-gzip", "1-gzip"),
        ("*", '"older"'),
        ('"1", "2"', '"older"'),
        ('"1', '"older"'),
        ("Größe", '"older"'),
    ],
)
def test_a_replace_matches_the_entity_tag_under_which_the_schema_was_read(
    served: str, sent: str
) -> None:
    document = schema(1, meta={"version": "older"})
    with world(in_turn(json_reply(document, 200, {"ETag": served}))) as w:
        live = w.writer.read(urn(1))
        assert live is not None
        w.writer.replace(live, DOCUMENT)

    assert w.requests[1].headers["if-match"] == sent


@pytest.mark.parametrize(
    ("version", "sent"),
    [
        *TAGS,
        ("3a-f", '"3a-f"'),
        (7, None),
        (None, None),
        ('a"b', None),
        ("a\r\nX-Evil: 1", None),
        ("ü", None),
    ],
)
def test_without_an_etag_header_the_version_in_meta_is_matched(
    version: Json, sent: str | None
) -> None:
    live = Schema.from_json(schema(1, meta={"version": version}))
    with world(in_turn(reply(200))) as w:
        w.writer.replace(live, DOCUMENT)

    assert w.requests[0].headers.get("if-match") == sent


def test_the_tag_of_a_later_read_is_not_used_for_an_earlier_document() -> None:
    scripts = in_turn(
        json_reply(schema(1), 200, {"ETag": '"1"'}),
        json_reply(schema(1, description="changed"), 200, {"ETag": '"2"'}),
        reply(200),
    )
    with world(scripts) as w:
        before = w.writer.read(urn(1))
        w.writer.read(urn(1))
        assert before is not None
        w.writer.replace(before, DOCUMENT)

    assert "if-match" not in w.requests[2].headers


# --- what the answer says ------------------------------------------------------------------

ANSWERS: list[tuple[Script, Verdict]] = [
    (reply(200), CLAIMED),
    (reply(201, b"<html>"), CLAIMED),
    (reply(202), CLAIMED),
    (reply(204), CLAIMED),
    (reply(301), UNKNOWN),
    (reply(302), UNKNOWN),
    (reply(307), UNKNOWN),
    (reply(400), REFUSED),
    (reply(401), REFUSED),
    (reply(403), REFUSED),
    (reply(404), REFUSED),
    (reply(405), REFUSED),
    (reply(408), Verdict(Applied.NO, Next.RETRY)),
    (reply(409), Verdict(Applied.NO, Next.READ)),
    (reply(412), REFUSED),
    (reply(413), REFUSED),
    (reply(429), Verdict(Applied.NO, Next.RETRY)),
    (reply(500), UNKNOWN),
    (reply(501), REFUSED),
    (reply(502), UNKNOWN),
    (reply(503), UNKNOWN),
    (reply(504), UNKNOWN),
    ((Cut.RESET,), UNKNOWN),
    ((b"HTTP/1.1 201 Created\r\nContent-Le",), UNKNOWN),
    ((b"HTTP/1.1 201 Created\r\nContent-Length: 9\r\n\r\n{",), UNKNOWN),
    (reply(201, b"\x1f\x8b", {"Content-Encoding": "gzip"}), UNKNOWN),
]


@both
@pytest.mark.parametrize(("script", "verdict"), ANSWERS)
def test_a_write_is_sent_once_and_judged_by_the_table(
    script: Script, verdict: Verdict, write: Write
) -> None:
    with world(in_turn(script)) as w:
        result = write(w)

    assert result.verdict == verdict
    assert len(w.requests) == 1
    assert w.clock.slept == []
    assert result.message.startswith(f"{w.requests[0].method} {w.requests[0].path}: ")
    assert result.message.isprintable()


@both
def test_a_service_that_is_not_there_was_sent_nothing(write: Write) -> None:
    with world(in_turn(reply(200))) as w:
        w.server.close()
        result = write(w)

    assert result.verdict == Verdict(Applied.NO, Next.RETRY)
    assert "refused" in result.message


@pytest.mark.parametrize(
    ("write", "script", "unsupported"),
    [
        ("create", reply(404, b"<html>"), True),
        ("create", scim_error(404), True),
        ("create", reply(405), True),
        ("create", scim_error(501), True),
        ("create", reply(400), False),
        ("create", reply(403), False),
        ("create", reply(500), False),
        ("replace", reply(404, b"<html>"), True),
        ("replace", scim_error(404), False),
        ("replace", reply(405), True),
        ("replace", scim_error(501), True),
        ("replace", scim_error(412), False),
        ("replace", reply(503), False),
        ("patch", reply(404, b"<html>"), True),
        ("patch", scim_error(404), False),
        ("patch", reply(405), True),
    ],
)
def test_a_service_without_such_writes_is_distinguished_from_one_that_refuses_this_one(
    write: str, script: Script, unsupported: bool
) -> None:
    with world(in_turn(script)) as w:
        result = WRITES[write](w)

    texts = f"this service does not allow schemas to be {'cre' if write == 'create' else 'chang'}"
    assert (result.means is Meaning.UNSUPPORTED) is unsupported
    assert (texts in result.message) is unsupported


@pytest.mark.parametrize("status", [404, 405, 501])
def test_a_service_that_has_no_creates_is_not_asked_for_one_again(status: int) -> None:
    with world(in_turn(reply(status), reply(201))) as w:
        first = w.writer.create(DOCUMENT)
        second = w.writer.create(schema(2))
        w.writer.replace(LIVE, DOCUMENT)

    assert [r.method for r in w.requests] == ["POST", "PUT"]
    assert second.means is Meaning.UNSUPPORTED
    assert second == first
    assert "none is for the rest of this run" in first.message


def test_a_create_that_is_refused_for_itself_does_not_stand_against_the_next() -> None:
    with world(in_turn(reply(400), reply(201))) as w:
        w.writer.create(DOCUMENT)
        assert w.writer.create(schema(2)).verdict == CLAIMED


@both
@pytest.mark.parametrize(
    ("script", "texts"),
    [
        (
            scim_error(400, "maximum count reached", "tooMany"),
            '400 tooMany: "maximum count reached"',
        ),
        (
            scim_error(400, "type text is unknown", "invalidValue"),
            '400 invalidValue: "type text is unknown"; as a rule that is a type that the service '
            "does not have, a member that it asks for and that is missing, or a name that is there",
        ),
        (scim_error(422, "no"), '422: "no"; as a rule that is a type that the service does not'),
        (scim_error(403, "no"), '403: "no"; needs the scope scim:admin; see Admin > OAuth > Roles'),
        (scim_error(409, "exists", "uniqueness"), '409 uniqueness: "exists"'),
        (scim_error(406, "no"), '406: "no"; it does not answer in JSON, the only form'),
        (scim_error(413, "no"), '413: "no"; the schema is larger than it takes: shorten'),
        (json_reply({}, 413, {"Retry-After": "9"}), "413; it asks to wait 9 s"),
        (
            scim_error(415, "no"),
            '"no"; it takes another media type: write contentType: application/',
        ),
        (
            json_reply({}, 415, {"Accept": "Application/JSON;q=1, a/b"}),
            "contentType: application/j",
        ),
        (json_reply({}, 415, {"Accept": "*/*"}), "contentType: application/json into spec."),
        (json_reply({}, 415, {"Accept": "application/xml"}), "neither application/scim+json nor"),
        (scim_error(426, "no"), '426: "no"; it wants another protocol, and we speak HTTP/1.1'),
        (scim_error(431, "no"), '431: "no"; our header is longer than it takes'),
        (scim_error(451, "no"), '451: "no"; it may not answer for reasons of law'),
        (reply(302), "redirects are not followed; this one names no address to go to"),
        (reply(429), "asks us to slow down"),
        (reply(429, b"", {"Retry-After": "400"}), "it asks to wait 400 s"),
        (reply(502, b"<html><title>Bad gateway</title>"), '502 with an HTML page "Bad gateway"'),
    ],
)
def test_a_refused_write_is_shown_with_the_text_of_the_service_and_advice(
    script: Script, texts: str, write: Write
) -> None:
    with world(in_turn(script), dialect=HINTED) as w:
        assert texts in write(w).message


CHANGED = "somebody changed the schema since it was read; plan again"
WANTED = "it takes updates only with If-Match"
NONE = {
    EtagMode.HEADER: "gives no entity tag",
    EtagMode.VERSION: "and meta.version is no tag: write",
}


@pytest.mark.parametrize("write", ["replace", "patch"])
@pytest.mark.parametrize("mode", EtagMode)
def test_the_advice_on_a_condition_fits_what_was_sent(mode: EtagMode, write: str) -> None:
    tagged, dialect = {"ETag": 'W/"1"'}, replace(HINTED, etag=mode)
    sends = mode is EtagMode.HEADER
    refusals = {
        (412, True): f'412: "no"; {CHANGED}{", and where that is of no use, write" * sends}',
        (412, False): f'412: "no"; {CHANGED}',
        (428, True): '428: "no"' if sends else "write etag: header into spec.capabilities",
        (428, False): NONE.get(mode, f"{WANTED}: write etag: header into spec.capabilities"),
    }
    for (status, is_tagged), expected in refusals.items():
        served = json_reply(schema(1), 200, tagged if is_tagged else {})
        with world(in_turn(served, scim_error(status, "no")), dialect=dialect) as w:
            live = w.writer.read(urn(1))
            assert live is not None
            replaced = write == "replace"
            result = w.writer.replace(live, DOCUMENT) if replaced else w.writer.patch(live, PATCH)

        assert expected in result.message
        assert (WANTED in result.message) is (status == 428 and not (sends and is_tagged))


def test_the_advice_on_a_condition_of_a_create_speaks_of_no_schema_that_was_read() -> None:
    for status, end in ((412, '412: "no"'), (428, "and none is sent: ask those who run it")):
        with world(in_turn(scim_error(status, "no"))) as w:
            assert w.writer.create(DOCUMENT).message.endswith(end)


@both
def test_only_a_409_is_a_conflict(write: Write) -> None:
    for status in (200, 400, 409, 412, 500):
        with world(in_turn(reply(status))) as w:
            assert (write(w).means is Meaning.EXISTS) is (status == 409)


GENESYS = {  # the error body of the platform, which gateways before SCIM answer with
    "message": "The schema is there already.", "code": "schema.duplicate", "status": 400,
    "contextId": "c0", "details": [], "errors": [],
}  # fmt: skip
SHAPED = replace(
    HINTED,
    errors=(
        ErrorShape(means=Meaning.EXISTS, status=400, code="schema.duplicate"),
        ErrorShape(means=Meaning.EXISTS, status=400, code="uniqueness"),
        ErrorShape(means=Meaning.LIMIT_REACHED, status=400, detail="maximum count reached"),
        ErrorShape(means=Meaning.UNSUPPORTED, status=403, detail="read-only"),
    ),
)


@pytest.mark.parametrize(
    ("script", "means", "verdict", "texts"),
    [
        (
            json_reply(GENESYS, 400),
            Meaning.EXISTS,
            Verdict(Applied.NO, Next.READ),
            '400 schema.duplicate: "The schema is there already."',
        ),
        (
            scim_error(400, "there", "uniqueness"),
            Meaning.EXISTS,
            Verdict(Applied.NO, Next.READ),
            '400 uniqueness: "there"',
        ),
        (
            scim_error(400, "Custom schema maximum count reached!"),
            Meaning.LIMIT_REACHED,
            REFUSED,
            "as many extensions as the service allows",
        ),
        (scim_error(403, "Schemas are Read-Only"), Meaning.UNSUPPORTED, REFUSED, "does not allow"),
        (scim_error(400, "no", "invalidValue"), None, REFUSED, '400 invalidValue: "no"'),
        (scim_error(403, "no"), None, REFUSED, "needs the scope scim:admin"),
    ],
)
def test_the_dialect_says_which_refusals_mean_more_than_their_status(
    script: Script, means: Meaning | None, verdict: Verdict, texts: str
) -> None:
    with world(in_turn(script), dialect=SHAPED) as w:
        result = w.writer.create(DOCUMENT)

    assert (result.means, result.verdict) == (means, verdict)
    assert texts in result.message


@pytest.mark.parametrize(
    ("name", "shape"),
    [(name, shape) for name, dialect in load_dialects().items() for shape in dialect.errors],
)
def test_each_error_of_a_shipped_dialect_is_known_in_the_answer_to_a_write(
    name: str, shape: ErrorShape
) -> None:
    answer = scim_error(shape.status, shape.detail or "no", shape.code)
    with world(in_turn(answer), dialect=load_dialects()[name]) as w:
        assert w.writer.create(DOCUMENT).means is shape.means


def test_a_full_tenant_is_sent_no_further_create_and_may_be_changed_still() -> None:
    full = scim_error(400, "Custom schema maximum count reached!")
    with world(in_turn(full, reply(201)), dialect=SHAPED) as w:
        first = w.writer.create(DOCUMENT)
        second = w.writer.create(schema(2))
        w.writer.replace(LIVE, DOCUMENT)

    assert [r.method for r in w.requests] == ["POST", "PUT"]
    assert second == first


def test_a_change_that_a_limit_stops_does_not_stop_the_next() -> None:
    full = scim_error(400, "maximum count reached")
    with world(in_turn(full, reply(200)), dialect=SHAPED) as w:
        w.writer.replace(LIVE, DOCUMENT)
        w.writer.replace(LIVE, DOCUMENT)

    assert [r.method for r in w.requests] == ["PUT", "PUT"]


@both
@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("7", 7.0),
        ("Sun, 01 Mar 2026 12:00:30 GMT", 30.0),
        ("-1", None),
        ("soon", None),
        (None, None),
    ],
)
def test_retry_after_comes_with_the_result(
    value: str | None, seconds: float | None, write: Write
) -> None:
    headers = {} if value is None else {"Retry-After": value}
    with world(in_turn(reply(429, b"", headers))) as w:
        assert write(w).retry_after == seconds


@both
@pytest.mark.parametrize(("status", "seconds"), [(429, 60.0), (408, None), (503, None)])
def test_a_throttled_write_waits_as_the_dialect_knows_where_the_service_does_not_say(
    status: int, seconds: float | None, write: Write
) -> None:
    with world(in_turn(reply(status)), dialect=replace(DIALECT, throttled_wait=60)) as w:
        assert write(w).retry_after == seconds


@given(st.integers(min_value=400, max_value=599).filter(lambda status: status not in (408, 425)))
def test_no_refusal_is_ever_taken_for_a_write_that_was_done(status: int) -> None:
    with world(in_turn(reply(status))) as w:
        result = w.writer.create(DOCUMENT)

    assert result.verdict.applied is not Applied.CLAIMED
    assert len(w.requests) == 1


# --- who we are ----------------------------------------------------------------------------


@both
def test_a_write_that_met_an_expired_token_is_replayed_once_with_a_new_one(write: Write) -> None:
    handler = guarded(in_turn(reply(201)), refuses=lambda n: n == 1)
    with world(handler, credentials=client_credentials) as w:
        result = write(w)

    writes = [r for r in w.requests if r.path != "/oauth/token"]
    assert result.verdict == CLAIMED
    assert [r.headers["authorization"][-2:] for r in writes] == ["-1", "-2"]
    assert writes[0].body == writes[1].body


@both
def test_a_second_401_ends_the_write_and_says_where_to_look(write: Write) -> None:
    handler = guarded(in_turn(reply(201)), refuses=lambda _: True)
    with world(handler, credentials=client_credentials) as w:
        result = write(w)

    assert result.verdict == REFUSED
    assert "spec.auth" in result.message
    assert [r.path for r in w.requests].count("/oauth/token") == 2
    assert len(w.requests) == 4


@both
def test_without_a_token_nothing_is_written_and_nothing_raised(write: Write) -> None:
    with world(
        in_turn(json_reply({"error": "invalid_client"}, 401)), credentials=client_credentials
    ) as w:
        result = write(w)

    assert result.verdict == REFUSED
    assert "not sent; POST http://" in result.message
    assert "invalid_client" in result.message
    assert [r.path for r in w.requests] == ["/oauth/token"]


@both
@pytest.mark.parametrize("status", [302, 307, 400, 403, 409, 500])
def test_no_secret_is_shown_however_a_service_echoes_it(status: int, write: Write) -> None:
    def echo(request: Received) -> Script:
        header = request.headers["authorization"]
        return scim_error(status, f"{header} and {header.removeprefix('Bearer ')}")

    with world(guarded(echo, refuses=lambda _: False), credentials=client_credentials) as w:
        result = write(w)

    assert TOKEN not in f"{result!r} {w.writer!r} {vars(w.writer)}"
    assert SECRET not in repr(result)
    assert "c4n4ry" not in result.message


@pytest.mark.parametrize("code", ["noTarget", "invalidPath", "INVALIDFILTER"])
def test_a_patch_whose_path_finds_nothing_is_refused_with_what_may_be_behind_it(code: str) -> None:
    """RFC 7644 section 3.12: nothing was done, and nothing is sent again."""
    with world(in_turn(scim_error(400, scim_type=code))) as w:
        result = w.writer.patch(LIVE, PATCH)

    assert result.verdict == Verdict(Applied.NO, Next.STOP)
    assert result.means is None
    assert "somebody took the attribute out" in result.message
    assert "doctor --probe-writes" in result.message


ERROR = "urn:ietf:params:scim:api:messages:2.0:Error"
SHAPES: dict[str, tuple[Json, str]] = {
    "an array": ([{"schemas": [ERROR], "detail": "no such type", "scimType": "x"}], "400 x: "),
    "nested details": (
        {"detail": "not valid", "errors": [{"detail": "no such type"}]},
        '400: "not valid: no such type"',
    ),
    "a list of texts": ({"Errors": ["no such type"]}, '400: "no such type"'),
    "a vendor's member": (
        {"schemas": [ERROR], "urn:x:y:Error": {"message": "no such type"}},
        '400: "no such type"',
    ),
    "problem details": ({"type": "about:blank", "title": "no such type"}, '400: "no such type"'),
    "an OAuth error": (
        {"error": "invalid_x", "error_description": "no such type"},
        '400 invalid_x: "no such type"',
    ),
    "an object that is the detail": ({"detail": {"message": "no such type"}}, "no such type"),
    "texts by field": ({"errors": {"id": ["no such type", "x"]}}, '"id: no such type, x"'),
    "an array that is the detail": (
        {"detail": [{"msg": "no such type", "loc": ["id"]}]},
        "no such",
    ),
    "a fault of a gateway": (
        {"fault": {"faultstring": "no such type", "detail": {"errorcode": "a.b"}}},
        '400 a.b: "no such type"',
    ),
    "violations": (
        {"title": "not valid", "violations": [{"message": "no such type"}]},
        '"not valid: no such type"',
    ),
    "invalid parameters": (
        {"title": "not valid", "invalid-params": [{"name": "id", "reason": "no such type"}]},
        '"not valid: no such type"',
    ),
    "causes": (
        {"errorSummary": "not valid", "errorCauses": [{"errorSummary": "no such type"}]},
        '"not valid: no such type"',
    ),
    "an error of Spring": ({"errors": [{"defaultMessage": "no such type"}]}, '"no such type"'),
    "details that are a text": ({"details": "no such type"}, '"no such type"'),
    "a code that is the status": ({"code": "400", "message": "no such type"}, 'Schemas: 400: "no'),
    "nothing that speaks": ({"a": [1, None]}, "400"),
    "too deep": ([[[[[[]]]]]] * 30, "400"),
}


@pytest.mark.parametrize(("body", "shown"), SHAPES.values(), ids=SHAPES.keys())
def test_the_text_of_an_error_is_shown_whatever_its_shape(body: Json, shown: str) -> None:
    with world(in_turn(json_reply(body, 400))) as w:
        message = w.writer.create(schema(1)).message

    assert shown in message
    assert "no such type" in message or shown == "400"
