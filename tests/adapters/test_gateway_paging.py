"""HttpSchemaReader: whatever shape a listing has, and however its pages lie."""

import json
from collections.abc import Iterable
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reconciler.adapters.gateway import SizeLimits
from reconciler.adapters.gateway.pages import Listing, page
from reconciler.domain.dialect import ListShape, Paging
from reconciler.domain.jsontext import Json
from reconciler.errors import AnswerUnreadable, TenantRefused, TenantUnavailable
from tests.support.fakes import DIALECT
from tests.support.faultserver import Handler, Received, Script, in_turn, json_reply, reply
from tests.support.gateway_world import (
    BASE,
    Lister,
    asked_id,
    honest,
    listed,
    paged,
    paging,
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


# --- shapes --------------------------------------------------------------------------------

SHAPES: dict[str, Json] = {
    "a ListResponse": listed(FEW),
    "resources in lower case": {"totalResults": 3, "resources": FEW},
    "member names in upper case": {"TOTALRESULTS": 3, "RESOURCES": FEW},
    "no totalResults": {"Resources": FEW},
    "totalResults as text": {"totalResults": "3", "Resources": FEW},
    "Resources by number": {"totalResults": 3, "Resources": dict(enumerate(FEW))},
    "Resources by URN": {"totalResults": 3, "Resources": {d["id"]: d for d in FEW}},
    "a bare array": FEW,
    "a map by URN": {document["id"]: document for document in FEW},
    "a map by URN without ids": {
        document["id"]: {k: v for k, v in document.items() if k != "id"} for document in FEW
    },
}


@pytest.mark.parametrize("body", SHAPES.values(), ids=SHAPES.keys())
def test_every_shape_of_a_listing_is_read(body: Json) -> None:
    with world(service(lambda *_: body)) as w:
        live = w.reader.read_all([urn(1)], everything=True)

    assert set(live.schemas) == keys(FEW)
    assert live.warnings == ()


@pytest.mark.parametrize(
    "body", [schema(1), [schema(1)], listed([schema(1)]), {"Resources": schema(1)}]
)
def test_a_listing_of_one_may_be_the_schema_itself(body: Json) -> None:
    with world(service(lambda *_: body)) as w:
        assert set(w.reader.read_all([], everything=True).schemas) == {urn(1).lower()}


@pytest.mark.parametrize(
    "body", [{"totalResults": 0}, listed([]), [], {"Resources": None}, {"Resources": {}}]
)
def test_a_tenant_may_have_no_schemas(body: Json) -> None:
    with world(service(lambda *_: body)) as w:
        assert w.reader.read_all([], everything=True).schemas == {}


def test_an_empty_object_is_a_listing_only_where_a_map_is_expected() -> None:
    by_urn = replace(DIALECT, list_shape=ListShape.MAP)
    with world(service(lambda *_: {}), dialect=by_urn) as w:
        assert w.reader.read_all([], everything=True).schemas == {}
    with world(service(lambda *_: {})) as w, pytest.raises(AnswerUnreadable, match="no list"):
        w.reader.read_all([], everything=True)


def test_a_map_in_pages_ends_with_an_empty_one_whatever_the_dialect_says() -> None:
    def lister(start: int, count: int) -> Json:
        return {d["id"]: d for d in FEW[start - 1 : start - 1 + min(count, 2)]}

    with world(service(lister)) as w:
        live = w.reader.read_all([], everything=True)

    assert set(live.schemas) == keys(FEW)
    assert live.warnings == ()


@pytest.mark.parametrize("reported", ListShape)
@pytest.mark.parametrize("body", SHAPES.values(), ids=SHAPES.keys())
def test_a_listing_of_another_shape_than_the_dialect_says_is_read(
    body: Json, reported: ListShape
) -> None:
    with world(service(lambda *_: body), dialect=replace(DIALECT, list_shape=reported)) as w:
        assert set(w.reader.read_all([], everything=True).schemas) == keys(FEW)


def test_the_raw_document_is_kept_as_it_was_served() -> None:
    document = schema(1, idcsVendor={"x": [1, None]}, meta={"version": 'W/"1"'})
    with world(service(honest([document]))) as w:
        live = w.reader.read_all([], everything=True)

    assert live.schemas[urn(1).lower()].document == document


def test_a_schema_that_cannot_be_read_is_a_warning_and_the_others_are_read() -> None:
    broken: list[Json] = [None, 7, {"name": "no id"}, schema(8, attributes="none")]
    with world(service(honest([schema(1), *broken, schema(2)]))) as w:
        live = w.reader.read_all([], everything=True)

    assert set(live.schemas) == {urn(1).lower(), urn(2).lower()}
    assert len(live.warnings) == 3
    assert any("without an id" in warning for warning in live.warnings)


def test_a_schema_listed_twice_and_not_the_same_is_read_by_its_id() -> None:
    other = schema(urn(1).upper(), description="other")
    true = schema(1, description="what counts")
    with world(service(honest([schema(1), other]), {urn(1).lower(): true})) as w:
        planned = w.reader.read_all([urn(1)])
        imported = w.reader.read_all([], everything=True)

    for live in (planned, imported):
        assert live.schemas[urn(1).lower()].document == true
        assert any("twice" in warning for warning in live.warnings)


def test_a_schema_listed_twice_that_cannot_be_read_by_its_id_is_unreadable() -> None:
    with world(service(honest([schema(1), schema(1, description="other"), schema(2)]))) as w:
        live = w.reader.read_all([urn(1), urn(2)])

    assert set(live.schemas) == {urn(2).lower()}
    assert "a GET by id denies it" in live.unreadable[urn(1).lower()]


def attribute(**members: Json) -> Json:
    return {"name": "a", "type": "string", **members}


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"attributes": [attribute(required=True)]}, {"attributes": [attribute(required=1)]}),
        ({"vendor": 0}, {"vendor": False}),
    ],
    ids=["a characteristic", "a vendor member"],
)
def test_listings_with_1_and_true_are_two_versions_of_a_schema(one: Json, other: Json) -> None:
    with world(service(honest([schema(1, **one), schema(1, **other)]))) as w:
        assert any("twice" in warning for warning in w.reader.read_all([urn(1)]).warnings)


ODD: dict[str, bytes] = {
    "a lone surrogate": rb'"description": "cut \ud83d"',
    "bytes that are no UTF-8": b'"description": "caf\xe9"',
    "a name twice": b'"name": "A", "name": "B"',
    "NaN": b'"x": NaN',
    "a number out of range": b'"x": 1e999',
    "deep nesting": b'"x": ' + b"[" * 90 + b"]" * 90,
    "a number of too many digits": b'"x": ' + b"9" * 5000,
}


@pytest.mark.parametrize("odd", ODD.values(), ids=ODD.keys())
def test_an_odd_neighbour_is_left_out_with_a_warning_and_the_wanted_schema_is_read(
    odd: bytes,
) -> None:
    neighbour = b'{"id": "%s", "attributes": [], %s}' % (urn(8).encode(), odd)
    ours = json.dumps(schema(1)).encode()
    body = b'{"totalResults": 2, "Resources": [%s, %s]}' % (neighbour, ours)
    with world(paged(lambda start, count: reply(200, body))) as w:
        live = w.reader.read_all([urn(1)])

    assert live.schemas[urn(1).lower()].document == schema(1)
    assert set(live.ids) == {urn(1).lower(), urn(8).lower()}
    assert live.unreadable == {}
    [warning] = live.warnings
    assert warning.startswith(f"the list holds {urn(8)}: ")
    assert warning.isprintable()


@pytest.mark.parametrize("odd", ODD.values(), ids=ODD.keys())
def test_a_wanted_schema_that_the_list_spells_oddly_is_read_by_its_id(odd: bytes) -> None:
    body = b'[{"id": "%s", %s}]' % (urn(1).encode(), odd)
    with world(paged(lambda start, count: reply(200, body), {urn(1).lower(): schema(1)})) as w:
        live = w.reader.read_all([urn(1)])

    assert live.schemas[urn(1).lower()].document == schema(1)


BEYOND: dict[str, Script] = {
    "nothing": reply(204),
    **{
        str(status): scim_error(status, "startIndex out of range")
        for status in (400, 403, 404, 405, 410, 416, 422, 500, 501)
    },
    "a redirect": reply(302, b"", {"Location": "/"}),
    "HTML": reply(200, b"<html>", {"Content-Type": "text/html"}),
    "an empty body": reply(200),
    "an empty object": json_reply({}),
    "a head without a list": json_reply({"itemsPerPage": 0, "startIndex": 2}),
}


@pytest.mark.parametrize("answer", BEYOND.values(), ids=BEYOND.keys())
@pytest.mark.parametrize("total", [None, 1, 9])
def test_a_page_after_the_first_may_be_refused_and_ends_the_list(
    answer: Script, total: int | None
) -> None:
    def page(start: int, count: int) -> Script:
        first = listed([schema(1)], totalResults=total)
        return json_reply(first) if start == 1 else answer

    with world(paged(page, {urn(2).lower(): schema(2)})) as w:
        live = w.reader.read_all([urn(1), urn(2), urn(3)])

    assert set(live.schemas) == {urn(1).lower(), urn(2).lower()}
    assert live.unreadable == {}
    [warning] = [each for each in live.warnings if "the list is taken to end before it" in each]
    assert "baseUrl" not in warning
    assert "administrator" not in warning


@pytest.mark.parametrize(("status", "ends"), [(400, True), (404, True), (416, True), (500, False)])
def test_a_list_that_a_fault_of_the_service_ends_proves_no_schema_absent(
    status: int, ends: bool
) -> None:
    def handle(request: Received) -> Script:
        if asked_id(request):
            return scim_error(501, "not by id")
        start, _ = paging(request)
        first = json_reply({"Resources": [schema(1)]})
        return first if start == 1 else scim_error(status, "no more")

    with world(handle) as w:
        live = w.reader.read_all([urn(9)])

    assert (urn(9).lower() not in live.unreadable) is ends


@pytest.mark.parametrize("status", [429, 502, 503])
def test_a_tenant_that_is_ill_at_a_later_page_is_not_readable(status: int) -> None:
    def page(start: int, count: int) -> Script:
        first = listed([schema(1)], totalResults=None)
        return json_reply(first) if start == 1 else scim_error(status, "ill")

    with world(paged(page)) as w, pytest.raises(TenantUnavailable, match=str(status)):
        w.reader.read_all([urn(1)])


def test_a_page_that_a_cursor_names_may_not_be_refused() -> None:
    def handle(request: Received) -> Script:
        at = parse_qs(urlsplit(request.target).query, keep_blank_values=True)["cursor"]
        return json_reply(listed([schema(1)], nextCursor="b")) if at == [""] else scim_error(400)

    by_cursor = replace(DIALECT, paging=Paging.CURSOR)
    with world(handle, dialect=by_cursor) as w, pytest.raises(TenantRefused, match="after the fi"):
        w.reader.read_all([urn(1)])


def test_a_list_that_counts_its_page_for_all_is_read_on_once_a_schema_is_missed() -> None:
    def lister(start: int, count: int) -> Json:
        page = [schema(n) for n in range(1, 6)][start - 1 : start + 1]
        return listed(page, totalResults=len(page))

    by_id = {urn(n).lower(): schema(n) for n in range(1, 6)}
    with world(service(lister, by_id)) as w:
        live = w.reader.read_all([urn(3)])

    assert set(live.ids) == {urn(n).lower() for n in range(1, 6)}
    assert any("totalResults 2 and holds 5" in warning for warning in live.warnings)


@pytest.mark.parametrize("broken", [{}, {"attributes": "none"}])
def test_a_schema_listed_twice_alike_is_one_version(broken: Json) -> None:
    with world(service(honest([schema(1, **broken), schema(1, **broken), schema(2)]))) as w:
        live = w.reader.read_all([urn(2)])

    assert set(live.ids) == {urn(1).lower(), urn(2).lower()}
    assert not any("twice" in warning for warning in live.warnings)


# --- pages and their lies ------------------------------------------------------------------


def test_a_small_tenant_is_read_with_one_request() -> None:
    with world(service(honest(FEW))) as w:
        w.reader.read_all([], everything=True)

    assert [r.target for r in w.requests] == [f"{BASE}/Schemas?startIndex=1&count=100"]


def test_pages_advance_by_what_arrived_and_end_when_the_total_is_reached() -> None:
    with world(service(honest(ALL))) as w:
        live = w.reader.read_all([], everything=True)

    assert set(live.schemas) == IDS
    assert [paging(r) for r in w.requests] == [(1, 100), (101, 100), (201, 100)]


def test_a_full_last_page_needs_no_further_request() -> None:
    with world(service(honest(ALL[:200]))) as w:
        w.reader.read_all([], everything=True)

    assert len(w.requests) == 2


def ignoring_start(documents: list[Any]) -> Lister:
    return lambda _start, count: listed(documents[:count], totalResults=len(documents))


def ignoring_everything(documents: list[Any]) -> Lister:
    return lambda *_: listed(documents)


def sliced_total(documents: list[Any]) -> Lister:
    return lambda start, count: listed(documents[start - 1 : start - 1 + count])


def without_total(documents: list[Any]) -> Lister:
    return lambda start, count: listed(
        documents[start - 1 : start - 1 + min(count, 50)], totalResults=None
    )


def overlapping(documents: list[Any]) -> Lister:
    return lambda start, _: listed(
        documents[max(0, start - 6) : start + 49], totalResults=len(documents)
    )


def unordered(documents: list[Any]) -> Lister:
    def lister(start: int, count: int) -> Json:
        page = documents[start - 1 : start - 1 + count]
        return listed(list(reversed(page)), totalResults=len(documents))

    return lister


LIES: dict[str, tuple[Lister, set[str]]] = {
    "startIndex is ignored": (ignoring_start(ALL), keys(ALL[:100])),
    "startIndex and count are ignored": (ignoring_everything(ALL), IDS),
    "totalResults is that of the page": (sliced_total(ALL), IDS),
    "no totalResults, pages of 50": (without_total(ALL), IDS),
    "pages of 50 whatever is asked": (honest(ALL, most=50), IDS),
    "pages of 1": (honest(ALL[:30], most=1), keys(ALL[:30])),
    "pages overlap": (overlapping(ALL), IDS),
    "pages are not in order": (unordered(ALL), IDS),
    "totalResults is 0": (lambda *_: listed(FEW, totalResults=0), keys(FEW)),
    "totalResults is too small": (lambda *_: listed(FEW, totalResults=2), keys(FEW)),
    "totalResults is too large": (lambda *_: listed(FEW, totalResults=9), keys(FEW)),
    "totalResults is negative": (lambda *_: listed(FEW, totalResults=-1), keys(FEW)),
    "totalResults is a word": (lambda *_: listed(FEW, totalResults="many"), keys(FEW)),
    "totalResults is true": (lambda *_: listed(FEW[:1], totalResults=True), keys(FEW[:1])),
    "the same page for ever": (lambda *_: FEW, keys(FEW)),
    "each schema twice": (honest([d for d in ALL for _ in range(2)]), IDS),
    "an empty first page": (lambda *_: listed([], totalResults=3), set()),
}


@pytest.mark.parametrize(("lister", "found"), LIES.values(), ids=LIES.keys())
def test_no_pager_makes_the_walk_endless_or_a_wanted_schema_absent(
    lister: Lister, found: set[str]
) -> None:
    wanted = [urn(n) for n in (0, 1, 229)]
    with world(service(lister, BY_ID)) as w:
        live = w.reader.read_all(wanted, everything=True)

    assert set(live.schemas) == found | {identifier.lower() for identifier in wanted}
    assert len(w.requests) <= 40


def test_a_total_that_is_not_reached_is_a_warning() -> None:
    with world(service(lambda *_: listed(FEW, totalResults=9))) as w:
        live = w.reader.read_all([], everything=True)

    assert live.warnings == (
        "the list says totalResults 9 and holds 3; "
        "schemas that it does not show may count towards the limit",
    )


@pytest.mark.parametrize(
    ("lister", "stated"),
    [
        (lambda *_: listed(FEW, totalResults=2), "the list says totalResults 2 and holds 3"),
        (lambda *_: listed(FEW, totalResults=0), "the list says totalResults 0 and holds 3"),
        (sliced_total(ALL), "the list says totalResults 100 and holds 230"),
    ],
)
def test_a_total_that_is_too_small_is_a_warning_too(lister: Lister, stated: str) -> None:
    with world(service(lister)) as w:
        assert w.reader.read_all([], everything=True).warnings == (stated,)


# --- cursors, RFC 9865 ---------------------------------------------------------------------


def by_cursor(documents: list[Any], *, most: int = 50, total: bool = True) -> Handler:
    """Pages by cursor, and by nothing else."""

    def handle(request: Received) -> Script:
        query = parse_qs(urlsplit(request.target).query, keep_blank_values=True)
        if "startIndex" in query and query["startIndex"] != ["1"]:
            return json_reply(listed([], totalResults=len(documents) if total else None))
        start = int(query.get("cursor", ["0"])[0] or 0)
        following = start + most
        members: dict[str, Json] = {"totalResults": len(documents) if total else None}
        if following < len(documents):
            members["nextCursor"] = str(following)
        return json_reply(listed(documents[start:following], **members))

    return handle


@pytest.mark.parametrize("paging_mode", [Paging.CURSOR, Paging.INDEX, Paging.NONE])
@pytest.mark.parametrize("total", [True, False])
@pytest.mark.parametrize("number", [0, 1, 50, 51, 230])
def test_cursors_are_followed_to_the_end_by_whichever_dialect(
    paging_mode: Paging, total: bool, number: int
) -> None:
    dialect = replace(DIALECT, paging=paging_mode)
    with world(by_cursor(ALL[:number], total=total), dialect=dialect) as w:
        live = w.reader.read_all([], everything=True)

    assert set(live.schemas) == keys(ALL[:number])
    assert live.warnings == ()
    assert len(w.requests) <= number // 50 + 2


@pytest.mark.parametrize(
    ("mode", "target"),
    [
        (Paging.CURSOR, "?cursor=&count=100"),
        (Paging.INDEX, "?startIndex=1&count=100"),
        (Paging.NONE, ""),
    ],
)
def test_the_dialect_says_how_the_first_page_is_requested(mode: Paging, target: str) -> None:
    with world(service_of_one(), dialect=replace(DIALECT, paging=mode)) as w:
        w.reader.read_all([], everything=True)

    assert [r.target for r in w.requests] == [f"{BASE}/Schemas{target}"]


def service_of_one() -> Handler:
    return in_turn(json_reply(listed([schema(1)])))


@pytest.mark.parametrize("paging_mode", [Paging.CURSOR, Paging.INDEX])
def test_a_cursor_that_leads_back_ends_the_walk_with_a_warning(paging_mode: Paging) -> None:
    pages = [listed([schema(n)], totalResults=None, nextCursor=str(n % 2)) for n in range(3)]
    scripts = in_turn(*map(json_reply, [*pages, *pages]))
    with world(scripts, dialect=replace(DIALECT, paging=paging_mode)) as w:
        live = w.reader.read_all([], everything=True)

    assert set(live.schemas) == keys(schema(n) for n in range(3))
    assert "without anything new" in live.warnings[0]
    assert len(w.requests) == 3


def test_a_cursor_is_a_value_and_never_an_address() -> None:
    evil = "https://evil.example/?x=1&count=9#y"
    pages = in_turn(
        json_reply(listed([schema(1)], nextCursor=evil, totalResults=None)),
        json_reply(listed([schema(2)], totalResults=None)),
    )
    with world(pages) as w:
        w.reader.read_all([], everything=True)

    query = parse_qs(urlsplit(w.requests[1].target).query)
    assert w.requests[1].path == f"{BASE}/Schemas"
    assert query == {"cursor": [evil], "count": ["100"]}


@pytest.mark.parametrize("cursor", [None, "", 7, ["x"], True])
def test_a_value_that_is_no_cursor_is_not_followed(cursor: Json) -> None:
    with world(service(lambda *_: listed(FEW, nextCursor=cursor))) as w:
        assert w.reader.read_all([], everything=True).warnings == ()

    assert len(w.requests) == 1


def test_a_list_without_end_is_given_up() -> None:
    with (
        world(service(lambda start, _: [schema(start)])) as w,
        pytest.raises(AnswerUnreadable, match="does not end after 200 pages"),
    ):
        w.reader.read_all([], everything=True)

    assert len(w.requests) == 200


@st.composite
def lying_services(draw: st.DrawFn) -> tuple[int, list[Json]]:
    """How many schemas there are, and the pages that are served in turn, the last for ever."""
    count = draw(st.integers(0, 12))
    have = st.sampled_from([schema(n) for n in range(count)] or [schema(0)])
    totals = st.one_of(st.none(), st.integers(-2, 20), st.just("x"))
    documents = st.lists(have, max_size=8 if count else 0)
    page = st.builds(lambda found, total: listed(found, totalResults=total), documents, totals)
    return count, draw(st.lists(st.one_of(page, documents), min_size=1, max_size=20))


@settings(max_examples=60, deadline=None)
@given(lying_services(), st.lists(st.integers(0, 15), max_size=4))
def test_whatever_pages_come_the_walk_ends_and_every_wanted_schema_is_found(
    served: tuple[int, list[Json]], wanted: list[int]
) -> None:
    count, pages = served
    remaining = iter(pages)
    have = {urn(n).lower(): schema(n) for n in range(count)}

    with world(service(lambda *_: next(remaining, pages[-1]), have)) as w:
        live = w.reader.read_all([urn(n) for n in wanted], everything=True)

    assert {urn(n).lower() for n in wanted if n < count} <= set(live.schemas) <= set(have)
    assert len(w.requests) <= 2 * count + 10


# --- how much -------------------------------------------------------------------------------


def test_a_list_that_is_too_much_for_one_tenant_is_given_up() -> None:
    def lister(start: int, _: int) -> Json:
        return {"Resources": [schema(start, description="x" * 4 * 1024 * 1024)]}

    limits = SizeLimits(tenant_mib=32)
    longer = "longer than 32 MiB in all; allow more with --max-tenant-mib"
    with world(service(lister), limits=limits) as w, pytest.raises(AnswerUnreadable, match=longer):
        w.reader.read_all([], everything=True)

    assert len(w.requests) < 10


def test_a_page_that_is_too_long_is_requested_once_and_names_the_option() -> None:
    long = service(honest([schema(1, description="x" * 2000)]))
    with world(long, max_body=1000) as w, pytest.raises(AnswerUnreadable) as refused:
        w.reader.read_all([urn(1)])

    assert "the most we read; allow more with --max-page-mib" in str(refused.value)
    assert len(w.requests) == 1


def test_a_schema_that_is_too_long_by_its_id_stops_that_schema_alone() -> None:
    by_id = {urn(1).lower(): schema(1, description="x" * 2000), urn(2).lower(): schema(2)}
    with world(service(honest([schema(3)]), by_id), max_body=1000) as w:
        live = w.reader.read_all([urn(1), urn(2)])

    assert set(live.schemas) == {urn(2).lower()}
    assert "--max-page-mib" in live.unreadable[urn(1).lower()]


def test_a_schema_with_too_many_attributes_stops_that_schema_alone() -> None:
    parts = [{"name": f"p{n}"} for n in range(5)]
    large = schema(1, attributes=[{"name": "whole", "SubAttributes": parts}])
    documents = [large, schema(2)]
    by_id = {urn(1).lower(): large}
    with world(service(honest(documents), by_id), limits=SizeLimits(attributes=5)) as w:
        live = w.reader.read_all([urn(1), urn(2)])

    assert set(live.schemas) == {urn(2).lower()}
    assert (
        "more than 5 attributes; allow more with --max-attributes"
        in (live.unreadable[urn(1).lower()])
    )
    with world(service(honest(documents), by_id), limits=SizeLimits(attributes=6)) as w:
        assert set(w.reader.read_all([urn(1)]).schemas) == {urn(1).lower()}


def test_of_a_list_only_the_documents_that_are_wanted_are_kept() -> None:
    listing = Listing(wanted={urn(2).lower(): urn(2)})
    listing.add(page(listed([schema(n) for n in range(4)])), count=4)

    assert list(listing.documents) == [urn(2).lower()]
    assert len(listing.ids) == 4


def test_a_warning_that_many_schemas_share_is_given_once() -> None:
    with world(service(lambda *_: [{}] * 1_000)) as w:
        live = w.reader.read_all([], everything=True)

    assert live.warnings == ("the list holds a schema without an id; it is left out",)


def test_a_warning_names_the_listed_schema_that_cannot_be_read() -> None:
    unclear = schema(1, attributes=[{"name": "grade", "required": "yes"}])
    with world(service(lambda *_: [unclear])) as w:
        live = w.reader.read_all([], everything=True)

    reason = "a schema whose grade.required is neither true nor false; it is left out"
    assert live.warnings == (f"the list holds {urn(1)}: {reason}",)
