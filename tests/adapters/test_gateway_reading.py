"""HttpSchemaReader: one schema by id, patience, what errors say, and who we are."""

import base64
import json
import re
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reconciler.adapters.gateway.holding import schema_of
from reconciler.adapters.oauth2 import Anonymous, BasicCredentials, Credentials, HeaderToken
from reconciler.adapters.transport import ForbiddenRequest, Http, HttpOptions
from reconciler.domain.deciding import LiveTenant
from reconciler.domain.dialect import IdEncoding, TrailingSlash
from reconciler.domain.jsontext import Json
from reconciler.domain.scim import MalformedSchema, Schema
from reconciler.domain.secret import Secret
from reconciler.errors import (
    AnswerUnreadable,
    CredentialsRefused,
    PermissionRefused,
    SchemaUnreadable,
    TenantError,
    TenantRefused,
    TenantUnavailable,
    TenantUntrusted,
)
from tests.support.fakes import DIALECT
from tests.support.faultserver import (
    Cut,
    Handler,
    Received,
    Script,
    in_turn,
    json_reply,
    reply,
    serving,
)
from tests.support.gateway_world import (
    BASE,
    HINTED,
    SECRET,
    TOKEN,
    asked_id,
    client_credentials,
    guarded,
    honest,
    listed,
    schema,
    scim_error,
    service,
    urn,
    world,
)

ALL = [schema(n) for n in range(230)]
IDS = {urn(n).lower() for n in range(230)}
FEW = ALL[:3]
BY_ID = {document["id"].lower(): document for document in ALL}


def keys(documents: Iterable[Any]) -> set[str]:
    return {document["id"].lower() for document in documents}


# --- by id ---------------------------------------------------------------------------------


def test_a_wanted_schema_that_the_list_lacks_is_read_by_id() -> None:
    with world(service(honest(FEW), BY_ID)) as w:
        live = w.reader.read_all([urn(0), urn(7).upper(), urn(999)])

    assert set(live.schemas) == {urn(0).lower(), urn(7).lower()}
    assert set(live.ids) == {*keys(FEW), urn(7).lower()}
    assert [asked_id(r) for r in w.requests] == [None, urn(7).upper(), None, urn(999)]
    assert live.warnings == (f"the list lacks {urn(7).upper()}, which is there by its id",)


def test_a_schema_that_is_not_wanted_is_only_named() -> None:
    neighbour = {"id": urn(8), "attributes": "none of our business"}
    with world(service(honest([*FEW, neighbour]), BY_ID)) as w:
        live = w.reader.read_all([urn(0).upper()])
        wanted = w.reader.read_all([urn(8)])

    assert set(live.schemas) == {urn(0).lower()}
    assert live.ids[urn(8).lower()] == urn(8)
    assert live.warnings == ()
    assert "the attributes of" in wanted.warnings[0]


def test_equal_schemas_of_two_tenants_are_read_once_and_each_keeps_its_document() -> None:
    here, there = ({**FEW[0], "meta": {"version": version}} for version in ("1", "2"))
    with world(service(honest([here]), BY_ID)) as w, world(service(honest([there]), BY_ID)) as x:
        one, other = (each.reader.read_all([urn(0)]).schemas[urn(0).lower()] for each in (w, x))

    assert one.attributes is other.attributes
    assert (one.document, other.document) == (here, there)


def test_a_page_that_two_tenants_send_alike_is_read_once() -> None:
    with world(service(honest(FEW), BY_ID)) as w, world(service(honest(FEW), BY_ID)) as x:
        one, other = (each.reader.read_all([urn(0)]).schemas[urn(0).lower()] for each in (w, x))

    assert one is other


def test_schemas_with_1_and_true_are_not_shared() -> None:
    def served(required: object) -> Schema:
        return schema_of({"id": "urn:x", "attributes": [{"name": "a", "required": required}]})

    assert [served(value).attributes[0].required for value in (True, "true")] == [True, True]
    with pytest.raises(MalformedSchema, match=r"a\.required is neither true nor false"):
        served(1)


@pytest.mark.parametrize(
    ("encoding", "colon"), [(IdEncoding.RAW, ":"), (IdEncoding.PERCENT, "%3A")]
)
def test_a_urn_is_one_segment_of_the_path_as_the_dialect_wants_it(
    encoding: IdEncoding, colon: str
) -> None:
    dialect = replace(HINTED, id_encoding=encoding)
    odd = "urn:x:a/b?c#d e%2Fü"
    with world(service(honest([]), {odd.lower(): schema(odd)}), dialect=dialect) as w:
        found = w.reader.read(odd)

    assert found is not None
    assert w.requests[0].target == f"{BASE}/Schemas/urn:x:a%2Fb%3Fc%23d%20e%252F%C3%BC".replace(
        "urn:x:", f"urn{colon}x{colon}"
    )


DENIALS = {
    "404": scim_error(404, "no such schema"),
    "410": scim_error(410, "gone"),
    "an empty list": json_reply(listed([])),
}


def denying(answer: Script, documents: list[Any]) -> Handler:
    """A service that shows in its list alone what it has."""
    return lambda request: answer if asked_id(request) else json_reply(listed(documents))


@pytest.mark.parametrize("answer", DENIALS.values(), ids=DENIALS)
def test_what_the_list_shows_and_a_read_by_id_denies_is_found(answer: Script) -> None:
    with world(denying(answer, FEW)) as w:
        assert w.reader.find(urn(0)) == Schema.from_json(schema(0))
        assert w.reader.find(urn(9)) is None
        assert len(w.requests) == 4  # by id, and the list, which is of one page
        assert w.reader.read(urn(0)) is None
        assert len(w.requests) == 5


@pytest.mark.parametrize("status", [400, 403, 405, 422, 500, 501, 502, 503])
def test_what_the_list_shows_and_a_read_by_id_refuses_is_found(status: int) -> None:
    """Before anything else of the tenant was read, as in a recovery; and again after it."""
    with world(denying(scim_error(status, "not so"), FEW)) as w:
        for _ in range(3):
            assert w.reader.find(urn(0)) == Schema.from_json(schema(0))


def test_a_service_that_asks_to_wait_is_not_asked_for_its_list_instead() -> None:
    asks = json_reply({}, 429, {"Retry-After": "900"})
    with world(denying(asks, FEW)) as w, pytest.raises(TenantUnavailable, match="wait 900 s"):
        w.reader.find(urn(0))

    assert len(w.requests) == 1


@pytest.mark.parametrize("status", [405, 501])
def test_what_neither_the_list_nor_a_service_without_reads_by_id_shows_is_absent(
    status: int,
) -> None:
    with world(denying(scim_error(status, "not so"), FEW)) as w:
        assert w.reader.find(urn(9)) is None


def test_a_tenant_that_refuses_ids_and_its_list_is_not_readable() -> None:
    with world(lambda _: scim_error(400, "no")) as w, pytest.raises(TenantError, match="no"):
        w.reader.find(urn(0))


def test_what_is_found_by_its_id_costs_one_request() -> None:
    with world(service(honest(FEW), BY_ID)) as w:
        assert w.reader.find(urn(0)) is not None
        assert len(w.requests) == 1


def test_what_the_list_holds_in_a_form_that_cannot_be_read_is_not_absent() -> None:
    broken = schema(0, attributes="none")
    with (
        world(denying(DENIALS["404"], [broken, FEW[1]])) as w,
        pytest.raises(SchemaUnreadable, match=r"the list holds .*, and a GET by id denies it"),
    ):
        w.reader.find(urn(0))


@pytest.mark.parametrize("base", ["/scim/v2", "/scim/v2/", "/"])
def test_a_slash_at_the_end_of_the_base_url_changes_nothing(base: str) -> None:
    with world(in_turn(json_reply(listed(FEW))), base=base) as w:
        w.reader.read_all([], everything=True)

    assert w.requests[0].path == f"{base.rstrip('/')}/Schemas"


@pytest.mark.parametrize(
    "body", [schema(1), [schema(1)], listed([schema(1)]), schema(urn(1).upper()), [*FEW, schema(9)]]
)
def test_one_schema_by_id_may_come_in_a_list(body: Json) -> None:
    with world(in_turn(json_reply(body))) as w:
        found = w.reader.read(urn(1))

    assert found is not None
    assert found.key == urn(1).lower()


@pytest.mark.parametrize(
    "body", [schema(2), [schema(2)], {"name": "X"}, {"id": 7}, {}, "text", None]
)
def test_an_answer_with_another_schema_is_unreadable(body: Json) -> None:
    with world(in_turn(json_reply(body))) as w, pytest.raises(AnswerUnreadable) as caught:
        w.reader.read(urn(1))

    assert f"GET {BASE}/Schemas/{urn(1)}: 200, but what came is " in str(caught.value)


NOT_FOUND: dict[str, Script] = {
    "a SCIM error": scim_error(404, "none"),
    "an HTML page": reply(404, b"<html>", {"Content-Type": "text/html"}),
    "nothing": reply(404),
    "410": scim_error(410, "gone"),
    "an empty list": json_reply(listed([])),
    "a list without Resources": json_reply({"totalResults": 0}),
    "an empty array": json_reply([]),
    "405": scim_error(405, "not by id"),
    "501": scim_error(501, "only core schemas"),
}
OF_ONE_ID: dict[str, tuple[Script, str]] = {
    "400": (scim_error(400, "no such URN", "invalidValue"), "400 invalidValue: \"no such URN\""),
    "401": (scim_error(401, "not for you"), "401: \"not for you\""),
    "403": (scim_error(403, "not for you"), "403: \"not for you\""),
    "409": (scim_error(409, "busy"), "409: \"busy\""),
    "422": (scim_error(422, "no URN"), "422: \"no URN\""),
    "500": (scim_error(500, "a bug"), "500: \"a bug\""),
    "301": (reply(301, b"", {"Location": "/elsewhere"}), "301"),
    "an Error in a 200": (
        json_reply({"schemas": ["urn:ietf:params:scim:api:messages:2.0:Error"], "detail": "no"}),
        "200: \"no\", which is an error and no schema",
    ),
    "another schema": (json_reply(schema(2)), "what came is not"),
    "a schema without a name of an attribute": (
        json_reply(schema(9, attributes=[{"type": "string"}])),
        "an attribute without a name",
    ),
    "a characteristic that is no boolean": (
        json_reply(schema(9, attributes=[{"name": "a", "subAttributes": [
            {"name": "b", "required": 1}]}])),
        "a.b.required is neither true nor false",
    ),
    "HTML": (reply(200, b"<html>", {"Content-Type": "text/html"}), "an HTML page"),
    "XHTML": (reply(200, b"<?xml version='1.0'?><html>"), "an HTML page"),
    "XML": (reply(200, b"<Schema/>", {"Content-Type": "application/scim+xml"}), "an XML document"),
    "no JSON": (reply(200, b"{"), "the body is not JSON"),
    "a lone surrogate": (
        reply(200, b'{"id": "%s", "name": "\\ud83d"}' % urn(9).encode()), "a lone surrogate"),
}  # fmt: skip


@pytest.mark.parametrize(("answer", "message"), OF_ONE_ID.values(), ids=OF_ONE_ID.keys())
def test_an_id_that_cannot_be_read_is_unreadable_alone_and_the_base_url_is_not_blamed(
    answer: Script, message: str
) -> None:
    def handle(request: Received) -> Script:
        return answer if asked_id(request) == urn(9) else json_reply(listed(FEW))

    with world(handle) as w:
        live = w.reader.read_all([urn(9), urn(0)])

    assert set(live.schemas) == {urn(0).lower()}
    assert set(live.unreadable) == {urn(9).lower()}
    assert message in live.unreadable[urn(9).lower()]
    assert "baseUrl" not in live.unreadable[urn(9).lower()]


FAILING = {str(status): scim_error(status, "ill") for status in (408, 425, 429, 500, 502, 503, 504)}
FAILING |= {
    "a reset": (Cut.RESET,),
    "a cut answer": (b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{",),
}


@pytest.mark.parametrize("ill", FAILING.values(), ids=FAILING.keys())
def test_ids_that_fail_again_and_again_are_unreadable_and_the_others_are_read_or_absent(
    ill: Script,
) -> None:
    failing = {urn(6), urn(7), urn(9)}

    def handle(request: Received) -> Script:
        wanted = asked_id(request)
        if wanted in failing:
            return ill
        return scim_error(404, "none") if wanted else json_reply(listed(FEW))

    with world(handle) as w:
        live = w.reader.read_all([urn(6), urn(7), urn(8), urn(9), urn(0)])

    assert set(live.schemas) == {urn(0).lower()}
    assert set(live.unreadable) == {each.lower() for each in failing}
    assert not any("left alone" in reason for reason in live.unreadable.values())


@pytest.mark.parametrize("status", [405, 501])
def test_a_list_that_is_not_complete_proves_no_schema_absent(status: int) -> None:
    def handle(request: Received) -> Script:
        refused = scim_error(status, "not by id")
        return refused if asked_id(request) else json_reply(listed(FEW, totalResults=9))

    with world(handle) as w:
        live = w.reader.read_all([urn(9)])

    assert "which lacks it, is not complete" in live.unreadable[urn(9).lower()]


@pytest.mark.parametrize("status", [405, 501])
def test_a_schema_that_cannot_be_read_by_id_is_read_from_the_list(status: int) -> None:
    def handle(request: Received) -> Script:
        return scim_error(status, "not by id") if asked_id(request) else json_reply(listed(FEW))

    with world(handle) as w:
        w.reader.read_all([])
        found = w.reader.read(urn(1))

    assert found is not None
    assert found.document == FEW[1]


@pytest.mark.parametrize("total", ["4", 4.0, " 4 "])
def test_a_total_is_a_number_however_it_is_spelt(total: Json) -> None:
    def handle(request: Received) -> Script:
        refused = scim_error(405, "not by id")
        return refused if asked_id(request) else json_reply(listed(FEW, totalResults=total))

    with world(handle) as w:
        live = w.reader.read_all([urn(9)])

    assert "which lacks it, is not complete" in live.unreadable[urn(9).lower()]
    assert any("the list says totalResults 4 and holds 3" in each for each in live.warnings)


def test_what_a_proxy_has_transformed_is_read_as_a_200_is() -> None:
    def handle(request: Received) -> Script:
        found = schema(9) if asked_id(request) else listed(FEW)
        return json_reply(found, 203)

    with world(handle) as w:
        live = w.reader.read_all([urn(9), urn(0)])

    assert set(live.schemas) == {urn(9).lower(), urn(0).lower()}


@pytest.mark.parametrize("answer", NOT_FOUND.values(), ids=NOT_FOUND.keys())
def test_absent_is_believed_of_a_service_whose_list_has_answered(answer: Script) -> None:
    def handle(request: Received) -> Script:
        return answer if asked_id(request) else json_reply(listed(FEW))

    with world(handle) as w:
        live = w.reader.read_all([urn(9)])

        assert urn(9).lower() not in live.schemas
        assert live.unreadable == {}
        assert w.reader.read(urn(9)) is None


@pytest.mark.parametrize("answer", list(NOT_FOUND.values())[:3], ids=list(NOT_FOUND)[:3])
def test_a_service_that_always_answers_404_proves_no_schema_absent(answer: Script) -> None:
    with world(in_turn(answer)) as w:
        with pytest.raises(TenantRefused, match=r"404.*spec\.baseUrl is probably wrong"):
            w.reader.read(urn(9))
        with pytest.raises(TenantRefused, match=rf"^GET {BASE}/Schemas: 404"):
            w.reader.read_all([urn(9)])


# --- patience and errors -------------------------------------------------------------------

ILL: dict[str, Script] = {
    **{str(status): reply(status) for status in (408, 425, 429, 500, 502, 503, 504)},
    "a reset": (Cut.RESET,),
    "a body that is cut": (b"HTTP/1.1 200 OK\r\nContent-Length: 90\r\n\r\n[",),
    "a compressed body": reply(200, b"\x1f\x8b", {"Content-Encoding": "gzip"}),
}


@pytest.mark.parametrize("ill", ILL.values(), ids=ILL.keys())
def test_a_read_is_repeated_while_the_service_is_ill(ill: Script) -> None:
    with world(in_turn(ill, ill, json_reply(listed(FEW)))) as w:
        assert set(w.reader.read_all([], everything=True).schemas) == keys(FEW)

    assert len(w.requests) == 3


@pytest.mark.parametrize("ill", ILL.values(), ids=ILL.keys())
def test_a_service_that_stays_ill_is_unavailable_after_five_tries(ill: Script) -> None:
    with world(in_turn(ill)) as w, pytest.raises(TenantUnavailable, match=f"^GET {BASE}/Schemas: "):
        w.reader.read_all([], everything=True)

    assert len(w.requests) == 5


def test_retry_after_is_waited_for_by_the_services_own_clock() -> None:
    asking = reply(
        429,
        b"",
        {
            "Date": "Sun, 01 Mar 2020 12:00:00 GMT",
            "Retry-After": "Sun, 01 Mar 2020 12:00:40 GMT",
        },
    )
    with world(in_turn(asking, json_reply(listed(FEW)))) as w:
        w.reader.read_all([], everything=True)

    assert w.clock.slept == [40.0]


@pytest.mark.parametrize(
    ("ill", "waited"),
    [
        (reply(429), 60.0),
        (reply(429, b"", {"Retry-After": "soon"}), 60.0),
        (reply(429, b"", {"Retry-After": "7"}), 7.0),
        (reply(503), 0.0),
    ],
)
def test_a_service_that_does_not_say_how_long_is_left_alone_as_its_dialect_knows(
    ill: Script, waited: float
) -> None:
    dialect = replace(DIALECT, throttled_wait=60)
    with world(in_turn(ill, json_reply(listed(FEW))), dialect=dialect) as w:
        w.reader.read_all([], everything=True)

    assert w.clock.slept == [waited]


NOON = "Sun, 01 Mar 2020 12:00:00 GMT"


@pytest.mark.parametrize(
    ("requested", "texts"),
    [
        ("3600", "429; it asks to wait 3600 s; run again after that"),
        (
            "Sun, 01 Mar 2020 13:00:00 GMT",
            "429; it asks to wait until Sun, 01 Mar 2020 13:00:00 GMT; run again after that",
        ),
    ],
)
def test_a_service_that_wants_to_be_left_alone_for_long_is_left_alone(
    requested: str, texts: str
) -> None:
    with (
        world(in_turn(reply(429, b"", {"Retry-After": requested, "Date": NOON}))) as w,
        pytest.raises(TenantUnavailable, match=re.escape(texts)),
    ):
        w.reader.read_all([], everything=True)

    assert len(w.requests) == 1
    assert w.clock.slept == []


HTML = reply(200, b"<!DOCTYPE html><title>Sign in\n now</title>", {"Content-Type": "text/html"})
BOM = b"\xef\xbb\xbf"
PERMANENT: dict[str, tuple[Script, type[TenantError], str]] = {
    "301": (reply(301, b"", {"Location": "https://elsewhere"}), TenantUntrusted, "spec.baseUrl"),
    "302": (reply(302), TenantUntrusted, "redirects are not followed"),
    "307": (reply(307), TenantUntrusted, "redirects are not followed"),
    "400": (scim_error(400, "bad", "invalidValue"), TenantRefused, "invalidValue: \"bad\""),
    "401": (scim_error(401, "no"), CredentialsRefused, "401: \"no\"; what spec.auth names is not"),
    "403": (scim_error(403, "no"), PermissionRefused, "403: \"no\"; needs the scope scim:admin"),
    "404": (reply(404, b"<html>"), TenantRefused, "404 with an HTML page; spec.baseUrl"),
    "405": (reply(405), TenantRefused, "405; check that spec.baseUrl"),
    "501": (scim_error(501, "not here"), TenantRefused, "501: \"not here\""),
    "204": (reply(204), AnswerUnreadable, "204, but nothing came"),
    "205": (reply(205), AnswerUnreadable, "205, but nothing came"),
    "206": (reply(206, b"[]"), AnswerUnreadable, "206, but what came is no SCIM answer"),
    "nothing": (reply(200), AnswerUnreadable, "the body is not JSON: there is nothing in it"),
    "UTF-16": (
        reply(200, '{"Resources": []}'.encode("utf-16-be")), AnswerUnreadable,
        "section 8.1); ask those who run the service"),
    "a text": (
        reply(400, b"no\nway", {"Content-Type": "text/plain"}), TenantRefused, "\"no\\nway\""),
    "an error with a name twice": (
        reply(400, b'{"detail": "no", "n": 1e999, "a": 1, "a": 2}'), TenantRefused, "400: \"no\""),
    "HTML": (HTML, AnswerUnreadable, "200, but an HTML page \"Sign in now\" came instead of JSON"),
    "not JSON": (reply(200, b"{a"), AnswerUnreadable, "the body is not JSON: "),
    "two keys": (
        reply(200, b'\xef\xbb\xbf {"a":1,"a":2}'), AnswerUnreadable,
        "twice in one object; ask those who run the service"),
    "no JSON at all": (reply(200, b"It works!"), AnswerUnreadable, "; check that spec.baseUrl is"),
    "deep": (reply(200, b"[" * 5000 + b"]" * 5000), AnswerUnreadable, "nested deeper"),
    "a number": (reply(200, b"7"), AnswerUnreadable, "JSON that is no list of schemas"),
    "another object": (json_reply({"users": []}), AnswerUnreadable, "the members 'users'"),
    "Resources no list": (json_reply({"Resources": 7}), AnswerUnreadable, "Resources are no list"),
}  # fmt: skip


@pytest.mark.parametrize(("script", "kind", "texts"), PERMANENT.values(), ids=PERMANENT.keys())
def test_a_permanent_answer_is_one_message_and_is_not_repeated(
    script: Script, kind: type[TenantError], texts: str
) -> None:
    with world(in_turn(script), dialect=HINTED) as w, pytest.raises(TenantError) as caught:
        w.reader.read_all([], everything=True)

    assert type(caught.value) is kind
    assert str(caught.value).startswith(f"GET {BASE}/Schemas: ")
    assert texts in str(caught.value)
    assert len(w.requests) == 1


WHOLE = json.dumps(listed(FEW)).encode()


@settings(max_examples=60, deadline=None)
@given(
    cut=st.integers(0, len(WHOLE)),
    noise=st.lists(st.tuples(st.integers(0, len(WHOLE) - 1), st.integers(0, 255)), max_size=4),
)
def test_a_damaged_body_is_an_error_of_the_tenant_or_a_listing_and_nothing_else(
    cut: int, noise: list[tuple[int, int]]
) -> None:
    body = bytearray(WHOLE)
    for position, byte in noise:
        body[position] = byte

    with world(in_turn(reply(200, bytes(body[:cut])))) as w:
        found = outcome(lambda: w.reader.read_all([], everything=True))

    assert isinstance(found, AnswerUnreadable | LiveTenant)
    if isinstance(found, AnswerUnreadable):
        assert str(found).isprintable()


def outcome(call: Callable[[], LiveTenant]) -> LiveTenant | TenantError:
    try:
        return call()
    except TenantError as error:
        return error


@pytest.mark.parametrize("status", [400, 403, 405, 501])
def test_a_refusal_by_id_is_an_error_and_never_absent(status: int) -> None:
    with (
        world(in_turn(scim_error(status, "no"))) as w,
        pytest.raises(TenantError, match=str(status)),
    ):
        w.reader.read(urn(1))


OWN_WORDS: list[tuple[Json, str]] = [
    ({"detail": "full", "scimType": "tooMany"}, "400 tooMany: \"full\""),
    ({"error": "invalid_request", "error_description": "why"}, "400 invalid_request: \"why\""),
    ({"error": {"code": "E1", "message": "sap says"}}, "400 E1: \"sap says\""),
    ({"code": "WS-1", "message": "m", "description": "wso2 says"}, "400 WS-1: \"wso2 says\""),
    ({"errorCode": "E0000001", "errorSummary": "okta says"}, "400 E0000001: \"okta says\""),
    ({"message": "genesys says", "code": "bad.request"}, "400 bad.request: \"genesys says\""),
    ({"detail": 7, "scimType": ["x"]}, "400; check"),
    ({"detail": "a\nb\x1b[31m\u202ec\t"}, r'400: "a\nb\x1b[31m\u202ec\t"'),
    ({"detail": "d", "scimType": "x\n" * 9}, "400: \"d\""),
    ({"detail": "d" * 900}, "400: \"" + "d" * 199 + "…\""),
    (["no", "object"], "400: \"no: object\""),
    ({"error": "plain no"}, "400: \"plain no\""),
    ({"error": "Bad Request", "message": "spring says"}, "400: \"spring says\""),
]  # fmt: skip
CHALLENGES = {
    "expired": (
        'Bearer error="invalid_token", error_description="expired at \\"nine\\""', None,
        '401 invalid_token: "expired at "nine""'),
    "beside a body": (
        'Bearer realm="scim", error=invalid_token, error_description="expired"', {"detail": "no"},
        '401 invalid_token: "no: expired"'),
    "a scope": (
        'Bearer error="insufficient_scope", scope="scim:read scim:write"', None,
        '401 insufficient_scope: "scope scim:read scim:write"'),
    "after another": (
        'Basic realm="x, error=7", Bearer error="invalid_token"', None, "401 invalid_token; "),
    "a realm alone": ('Bearer realm="error=7"', None, "401; "),
    "our token": (
        f'Bearer error="{SECRET}", error_description="of {SECRET}"', None, '401: "of …"'),
    "too much": ("a" * 60_000 + '="', None, "401; "),
}  # fmt: skip


@pytest.mark.parametrize(("header", "body", "texts"), CHALLENGES.values(), ids=CHALLENGES)
def test_what_a_refusal_says_in_its_challenge_is_shown(header: str, body: Json, texts: str) -> None:
    refusal = json_reply(body, 401, {"WWW-Authenticate": header})
    credentials = HeaderToken(token=Secret(SECRET))
    with world(in_turn(refusal), credentials=lambda _: credentials) as w:
        with pytest.raises(CredentialsRefused) as raised:
            w.reader.read_all([])

    assert texts in str(raised.value)
    assert SECRET not in str(raised.value)


@pytest.mark.parametrize(("document", "texts"), OWN_WORDS)
def test_the_text_of_a_service_is_shown_on_one_short_line(document: Json, texts: str) -> None:
    with world(in_turn(json_reply(document, 400))) as w, pytest.raises(TenantRefused) as caught:
        w.reader.read_all([], everything=True)

    assert texts in str(caught.value)
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 400


# --- who we are ----------------------------------------------------------------------------


def test_every_request_carries_the_token_and_what_it_accepts() -> None:
    handler = guarded(service(honest(FEW), BY_ID), refuses=lambda _: False)
    with world(handler, credentials=client_credentials) as w:
        w.reader.read_all([urn(7)])

    reads = [r for r in w.requests if r.path != "/oauth/token"]
    assert [r.headers["authorization"] for r in reads] == [f"Bearer {TOKEN}-1"] * 3
    assert {r.headers["accept"] for r in reads} == {"application/scim+json, application/json"}


def test_a_token_that_expired_midway_is_renewed_and_the_read_replayed_once() -> None:
    handler = guarded(service(honest(ALL)), refuses=lambda n: n == 2)
    with world(handler, credentials=client_credentials) as w:
        live = w.reader.read_all([], everything=True)

    assert set(live.schemas) == IDS
    assert [r.path for r in w.requests].count("/oauth/token") == 2


def test_a_tenant_that_never_accepts_the_token_is_asked_twice() -> None:
    handler = guarded(service(honest(FEW)), refuses=lambda _: True)
    with (
        world(handler, credentials=client_credentials) as w,
        pytest.raises(CredentialsRefused, match=r'401: "who\?"; the token .*, a new one neither;'),
    ):
        w.reader.read_all([], everything=True)

    assert [r.path for r in w.requests] == ["/oauth/token", f"{BASE}/Schemas"] * 2


@pytest.mark.parametrize(
    "credentials",
    [
        Anonymous(),
        HeaderToken(token=Secret("c4n4ry-b34r3r")),
        BasicCredentials(username=Secret("c4n4ry-user"), password=Secret("c4n4ry-pass")),
    ],
    ids=lambda c: type(c).__name__,
)
def test_without_credentials_that_can_be_renewed_a_401_is_not_replayed(
    credentials: Credentials,
) -> None:
    with (
        world(in_turn(scim_error(401)), credentials=lambda _: credentials) as w,
        pytest.raises(CredentialsRefused, match=r"401; what spec\.auth names is not accepted"),
    ):
        w.reader.read_all([], everything=True)

    assert len(w.requests) == 1


@pytest.mark.parametrize("location", ["{}/steal", "//{}/steal", "{}:@evil/"])
def test_no_url_in_an_answer_is_ever_followed(location: str) -> None:
    with serving(in_turn(json_reply(listed(FEW)))) as thief:
        to = location.format(thief.url(""))
        document = listed(
            [schema(1, meta={"location": to}), {**schema(2), "$ref": to}],
            next=to,
            totalResults=None,
            nextCursor=to,
        )
        headers = {"Location": to, "Link": f'<{to}>; rel="next"'}
        handler = guarded(lambda _: json_reply(document, 200, headers), refuses=lambda _: False)
        with world(handler, credentials=client_credentials) as w:
            w.reader.read_all([], everything=True)
            w.reader.read(urn(1))

    assert thief.connections == 0


# --- planning cannot write -----------------------------------------------------------------


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"])
def test_the_reader_of_a_plan_can_send_only_get(method: str) -> None:
    with serving(in_turn(json_reply(listed(FEW)))) as server:
        with Http(HttpOptions(), methods=frozenset({"GET"})) as http:
            with pytest.raises(ForbiddenRequest):
                http.send(method, server.url(f"{BASE}/Schemas"), headers={}, body=b"{}")

    assert server.connections == 0


def test_a_whole_read_sends_nothing_but_get_and_the_token_request() -> None:
    handler = guarded(service(honest(ALL), BY_ID), refuses=lambda n: n == 3)
    with world(handler, credentials=client_credentials) as w:
        w.reader.read_all([urn(n) for n in (1, 229, 500)])

    assert {(r.method, r.path.partition("/Schemas")[0]) for r in w.requests} == {
        ("GET", BASE),
        ("POST", "/oauth/token"),
    }
    assert not hasattr(w.reader, "create")
    assert not hasattr(w.reader, "replace")


# --- nothing secret is shown ---------------------------------------------------------------

ECHOES: list[Callable[[str], Script]] = [
    lambda secret: scim_error(400, f"bad header: {secret}"),
    lambda secret: scim_error(403, f"Authorization: Bearer {secret}!"),
    lambda secret: scim_error(400, "x", re.sub(r"[^\w-]", "-", secret)),
    lambda secret: reply(404, f"<title>{secret}</title>".encode()),
    lambda secret: reply(200, f"<title>{secret}</title>".encode()),
    lambda secret: json_reply({"error": {"message": f"{'x' * 190}{secret}"}}, 400),
    lambda secret: reply(200, secret.encode()),
    lambda secret: reply(500, secret.encode()),
]


@pytest.mark.parametrize("echo", ECHOES)
def test_a_token_that_a_service_echoes_is_not_shown(echo: Callable[[str], Script]) -> None:
    def handler(request: Received) -> Script:
        return echo(request.headers["authorization"].removeprefix("Bearer "))

    with (
        world(guarded(handler, refuses=lambda _: False), credentials=client_credentials) as w,
        pytest.raises(TenantError) as caught,
    ):
        w.reader.read_all([], everything=True)

    reported = f"{caught.value} {caught.value!r} {w.reader!r} {vars(w.reader)}"
    assert "c4n4ry" not in reported
    assert SECRET not in reported


PASSWORD = "c4n4ry/pw d"
BASIC = BasicCredentials(username=Secret("c4n4ry-hr"), password=Secret(PASSWORD))
SPELLINGS: dict[str, Callable[[str], str]] = {
    "as it is": str,
    "percent-encoded": lambda secret: quote(secret, safe=""),
    "in part": lambda secret: secret.replace("4", "%34", 1),
    "as in a form": quote_plus,
    "in Base64": lambda secret: base64.b64encode(secret.encode()).decode(),
    "in Base64 of a pair": lambda secret: base64.b64encode(f"c4n4ry-hr:{secret}".encode()).decode(),
    "escaped": lambda secret: "".join(f"\\u{ord(sign):04x}" for sign in secret),
}


@pytest.mark.parametrize("spelled", SPELLINGS.values(), ids=SPELLINGS.keys())
@pytest.mark.parametrize("member", ["detail", "scimType"])
@pytest.mark.parametrize("write", [False, True], ids=["reading", "writing"])
def test_a_decoded_password_that_a_service_echoes_is_not_shown_in_any_form(
    spelled: Callable[[str], str], member: str, write: bool
) -> None:
    answer = json_reply({member: f"c4n4ry-hr:{spelled(PASSWORD)}"}, 400)
    with world(in_turn(answer), credentials=lambda _: BASIC) as w:
        if write:
            shown = w.writer.create({"id": urn(1)}).message
        else:
            with pytest.raises(TenantError) as caught:
                w.reader.read_all([], everything=True)
            shown = str(caught.value)

    assert "400" in shown
    assert spelled(PASSWORD)[:6] not in shown
    assert "c4n4ry" not in shown


def test_a_user_name_does_not_blank_our_own_message() -> None:
    mine = BasicCredentials(username=Secret("Schemas"), password=Secret(PASSWORD))
    with (
        world(in_turn(scim_error(400, "no Schemas")), credentials=lambda _: mine) as w,
        pytest.raises(TenantError, match=f'GET {BASE}/Schemas: 400: "no …"'),
    ):
        w.reader.read_all([], everything=True)


def test_reading_a_tenant_twice_gives_the_same() -> None:
    with world(service(honest(ALL), BY_ID)) as w:
        first, second = (w.reader.read_all([urn(999)], everything=True) for _ in range(2))
        one = w.reader.read(urn(3))

    assert first == second
    assert one == Schema.from_json(ALL[3]) == first.schemas[urn(3).lower()]


@pytest.mark.parametrize(
    ("slash", "paths"),
    [
        (TrailingSlash.NONE, ["/Schemas", f"/Schemas/{urn(9)}", "/ResourceTypes"]),
        (TrailingSlash.LISTS, ["/Schemas/", f"/Schemas/{urn(9)}", "/ResourceTypes/"]),
        (TrailingSlash.ALL, ["/Schemas/", f"/Schemas/{urn(9)}/", "/ResourceTypes/"]),
    ],
)
def test_addresses_end_with_a_slash_where_the_service_wants_one(
    slash: TrailingSlash, paths: list[str]
) -> None:
    def handle(request: Received) -> Script:
        return scim_error(404) if asked_id(request) else json_reply(listed(FEW))

    with world(handle, dialect=replace(DIALECT, trailing_slash=slash)) as w:
        w.reader.read_all([urn(9)])
        w.reader.bindings()
        w.writer.create(schema(9))

    assert [r.path.removeprefix(BASE) for r in w.requests] == [*paths, paths[0]]


FIREWALL = reply(403, b"<html><title>Blocked</title></html>", {"Content-Type": "text/html"})


@pytest.mark.parametrize("kind", ["application/json", "text/plain"])
@pytest.mark.parametrize(
    ("encoding", "charset"),
    [
        ("utf-8-sig", ""),
        ("utf-8", "; charset=iso-8859-1"),
        ("utf-16", ""),
        ("utf-16-le", "; charset=UTF-16LE"),
        ("utf-16-be", ""),
        ("utf-32", "; charset=utf-32"),
        ("latin-1", ""),
        ("latin-1", '; charset="ISO-8859-1"'),
        ("cp1252", "; charset=klingon"),
        ("cp1252", "; charset=rot13"),
    ],
)
def test_an_error_is_read_in_whatever_encoding_and_shows_no_secret(
    encoding: str, charset: str, kind: str
) -> None:
    text = json.dumps({"detail": f"Größe of {SECRET}"}, ensure_ascii=False)
    refusal = reply(400, text.encode(encoding), {"Content-Type": f"{kind}{charset}"})
    credentials = HeaderToken(token=Secret(SECRET))
    with world(in_turn(refusal), credentials=lambda _: credentials) as w:
        with pytest.raises(TenantRefused) as raised:
            w.reader.read_all([])

    assert '400: "Größe of …"' in str(raised.value)
    assert not any(part in str(raised.value) for part in ("c4n4ry", "c\\x00"))


@pytest.mark.parametrize(
    ("answer", "advice"),
    [
        (scim_error(403, "no query"), "or it takes no startIndex and count"),
        (scim_error(413, "no"), '413: "no"; or it takes no startIndex and count, or fewer at once'),
        (scim_error(414, "no"), '414: "no"; or it takes no startIndex and count'),
        (scim_error(402, "no"), '402: "no"; as a rule its account is not paid for'),
        (scim_error(421, "no"), '421: "no"; what answered does not serve this host'),
        (scim_error(423, "no"), '423: "no"; somebody holds it locked: run again later'),
        (json_reply({}, 426, {"Upgrade": "HTTP/2.0"}), "426; it wants HTTP/2.0, and we speak"),
        (json_reply({}, 426, {"Upgrade": 'a"b' * 9}), "426; it wants another protocol, and we"),
        (scim_error(431, "no"), '431: "no"; our header is longer than it takes, as a rule for a'),
        (scim_error(451, "no"), '451: "no"; it may not answer for reasons of law'),
        (scim_error(505, "no"), '505: "no"; run again later'),
        (reply(511, b"<html>"), "a network on the way wants somebody to log in first"),
        (scim_error(400, "no query"), "or it takes no startIndex and count"),
        (scim_error(404, "no query"), "baseUrl is probably wrong; or it takes no startIndex"),
        (FIREWALL, "a firewall or proxy before the service"),
        (
            reply(403, b"<?xml version='1.0'?><Error/>"),
            "403 with an XML document; ask the service's",
        ),
        (reply(403, b"<Error/>", {"Content-Type": "application/xml"}), "403 with an XML document"),
        (reply(301, b"", {"Location": f"{BASE}/Schemas/"}), "write trailingSlash: lists"),
        (
            reply(301, b"", {"Location": f"http://scim.internal{BASE}/Schemas/"}),
            "from behind a proxy: write trailingSlash: lists",
        ),
        (reply(301, b"", {"Location": "/v9/Schemas"}), "/v9 as spec.baseUrl"),
        (reply(301, b"", {"Location": "/v9/Schemas/"}), "/v9 as spec.baseUrl, and write trailing"),
        (reply(302, b"", {"Location": "/login"}), "as a rule a page to log in at"),
    ],
)
def test_the_advice_on_a_refused_list_fits_what_came(answer: Script, advice: str) -> None:
    with world(lambda _: answer) as w, pytest.raises(TenantError) as raised:
        w.reader.read_all([])
    assert advice in str(raised.value)


def test_a_byte_order_mark_before_a_list_or_a_schema_is_ignored() -> None:
    def handle(request: Received) -> Script:
        found = schema(9) if asked_id(request) else listed(FEW)
        return reply(200, BOM + json.dumps(found).encode())

    with world(handle) as w:
        live = w.reader.read_all([urn(9)])

    assert urn(9).lower() in live.schemas
    assert len(live.ids) == len(FEW) + 1


def test_a_list_whose_bytes_are_no_utf_8_costs_the_one_schema_that_holds_them() -> None:
    text = json.dumps(listed([schema(1), schema(2, description="Größe")]), ensure_ascii=False)
    declared = {"Content-Type": "application/scim+json; charset=iso-8859-1"}
    with world(in_turn(reply(200, text.encode("latin-1"), declared))) as w:
        live = w.reader.read_all([], everything=True)

    assert list(live.schemas) == [urn(1).lower()]
    assert "bytes that are no UTF-8" in "".join((*live.warnings, *live.unreadable.values()))


def test_once_the_list_has_answered_no_advice_doubts_the_base_url() -> None:
    def handle(request: Received) -> Script:
        return (Cut.RESET,) if asked_id(request) else json_reply(listed(FEW))

    with world(handle) as w:
        live = w.reader.read_all([urn(9)])

    assert "check the network, then run again" in live.unreadable[urn(9).lower()]


def echoing(word: str) -> Handler:
    """A service that lists wrongly whatever can be listed wrongly, with a word in all of it."""
    other = f"urn:acme:{word}"
    documents = [
        schema(0),
        {"id": f"urn:acme:1:{word}", "attributes": word},
        {"id": f"urn:acme:2:{word}", "attributes": [{"name": word, "required": f"x{word}"}]},
        {"id": f"urn:acme:3:{word}", "attributes": []},
        {"id": f"urn:acme:3:{word}", "attributes": [{"name": word}]},
        {"id": other, "name": word, "attributes": [7]},
        {word: word},
    ]
    by_id = {
        urn(1).lower(): {f"x{word}": word, f"y{word}": 1, f"z{word}": 1, f"w{word}": 1},
        urn(2).lower(): {"id": urn(2), "attributes": [{"name": word, "required": f"x{word}"}]},
        urn(3).lower(): {"id": urn(3), "attributes": word},
        urn(4).lower(): schema(4),
        urn(5).lower(): [word],
    }
    return service(lambda *_: listed(documents, totalResults=99), by_id)


def read_with(word: str, secret: str) -> list[str]:
    credentials = HeaderToken(token=Secret(secret))
    with world(echoing(word), credentials=lambda _: credentials) as w:
        live = w.reader.read_all([urn(number) for number in range(6)], everything=True)
    return [*live.warnings, *live.unreadable.values()]


def test_a_password_that_is_a_word_of_a_warning_is_hidden_only_where_it_is_echoed() -> None:
    expected = read_with("…", "hunter2-hunter2")

    assert len(expected) > 8
    wanted = set(urn(0).split(":")) | {"acme"}
    for word in sorted(set(re.findall("[A-Za-z]{3,}", " ".join(expected))) - wanted):
        assert read_with(word, word) == expected, word
