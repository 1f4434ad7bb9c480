"""HttpUserReader: users and other resources, however their pages lie, and nobody's values shown."""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pytest

from reconciler.adapters.gateway.reader import ReadDeadline
from reconciler.adapters.gateway.users import HttpUserReader
from reconciler.adapters.oauth2 import HeaderToken
from reconciler.domain.calibration import Presence
from reconciler.domain.dialect import Dialect, Paging
from reconciler.domain.secret import Secret
from reconciler.errors import (
    AnswerUnreadable,
    PageRefused,
    PermissionRefused,
    TenantError,
    TenantRefused,
    TenantUnavailable,
)
from tests.support.fakes import DIALECT
from tests.support.faultserver import Received, Script, reply
from tests.support.gateway_world import TOKEN, scim_error, world
from tests.support.people import URN, PeopleService, users

CANARY = "c4n4ry-v4lue"
BY_CURSOR = replace(DIALECT, paging=Paging.CURSOR)
UNPAGED = replace(DIALECT, paging=Paging.NONE)


def people(number: int) -> PeopleService:
    return PeopleService(people=users(number, lambda n: {"grade": CANARY} if n % 2 else None))


@contextmanager
def reader(
    service: PeopleService, dialect: Dialect = DIALECT, deadline: float = math.inf
) -> Iterator[HttpUserReader]:
    with world(service, dialect=dialect) as known:
        ends = ReadDeadline.after(deadline, known.clock, option="--count-deadline")
        yield HttpUserReader(known.reader._access, deadline=ends)


def ids(found: HttpUserReader, *, kind: str = "User", start: int = 1) -> list[str]:
    pages = found.pages(kind, ["id", URN], start=start)
    return [each["id"] for page in pages for each in page.resources]


def everybody(number: int, start: int = 1) -> list[str]:
    return [f"u{n:05}" for n in range(start - 1, number)]


LIES: dict[str, dict[str, Any]] = {
    "none": {},
    "shrinks pages": {"most": 30},
    "totalResults of the page": {"slice_totals": True},
    "totalResults of the page, which shrinks": {"slice_totals": True, "most": 30},
    "totalResults of what is left": {"remaining_totals": True},
    "no totalResults": {"without_totals": True},
    "too few": {"claimed": 3},
    "no more than 100": {"cap": 100},
    "no more than 200": {"cap": 200},
    "too many": {"claimed": 3000},
    "no paging": {"ignores_paging": True},
    "no paging and no totalResults": {"ignores_paging": True, "without_totals": True},
    "everything, whatever attributes": {"ignores_attributes": True},
}


@pytest.mark.parametrize("lies", LIES.values(), ids=LIES)
@pytest.mark.parametrize("number", [0, 1, 99, 100, 101, 300])
def test_every_resource_comes_once_however_pages_lie(lies: dict[str, Any], number: int) -> None:
    service = replace(people(number), **lies)
    with reader(service) as found:
        assert ids(found) == everybody(number)

    assert len(service.queries) <= number // 30 + 3
    assert {query["attributes"] for query in service.queries} == {f"id,{URN}"}


@pytest.mark.parametrize("number", [0, 1, 100, 250])
@pytest.mark.parametrize("dialect", [BY_CURSOR, UNPAGED, DIALECT])
def test_pages_are_followed_by_cursor_where_the_service_has_them(
    dialect: Dialect, number: int
) -> None:
    with reader(replace(people(number), cursors=True), dialect) as found:
        assert ids(found) == everybody(number)
        pages = list(found.pages("User", ["id"]))
        assert [page.next_start for page in pages if len(pages) > 2] in ([None] * 3, [])


def test_a_walk_goes_on_where_an_earlier_one_ended() -> None:
    with reader(people(250)) as found:
        first = next(found.pages("User", ["id"]))
        assert first.next_start == 101

        assert ids(found, start=101) == everybody(250, start=101)
        assert ids(found, start=251) == []


@pytest.mark.parametrize("status", [400, 404, 416])
def test_a_walk_that_goes_on_beyond_the_end_is_over(status: int) -> None:
    def refuse(service: PeopleService, _: Received) -> Script | None:
        beyond = service.queries[-1].get("startIndex") == "251"
        return scim_error(status) if beyond else None

    with reader(replace(people(250), before=refuse, without_totals=True)) as found:
        assert ids(found, start=101) == everybody(250, start=101)


def test_a_walk_cannot_go_on_in_a_list_that_begins_anew() -> None:
    with (
        reader(replace(people(250), ignores_paging=True)) as found,
        pytest.raises(PageRefused, match="begins anew"),
    ):
        ids(found, start=101)


def test_other_resource_types_are_read_where_the_service_says_that_they_are() -> None:
    kinds = [
        {"name": "User", "endpoint": "/Users", "schema": "urn:x:User"},
        {"id": "Device", "name": "A device", "endpoint": "/v2/Devices", "schema": "urn:x:Device"},
        {"name": "Else", "endpoint": "https://elsewhere.example.com/Else"},
        {"name": "Up", "endpoint": "/../../Up"},
    ]
    service = replace(people(3), endpoint="v2/Devices", types=kinds)
    with reader(service) as found:
        assert ids(found, kind="device") == everybody(3)
        assert found.total("Device") == 3
        assert found.own_schema("a DEVICE") == "urn:x:Device"
        assert found.own_schema("Group") is None
        for kind in ("Else", "Up", "Robot"):
            with pytest.raises(TenantRefused, match="names no endpoint"):
                found.total(kind)
            assert found.present(kind, URN, "grade") == Presence()


@pytest.mark.parametrize("lies", [{}, {"ignores_zero": True}, {"refuses_zero": True}])
def test_a_filter_is_asked_with_as_few_resources_as_the_service_takes(
    lies: dict[str, Any],
) -> None:
    service = replace(people(250), **lies)
    with reader(service) as found:
        assert found.total("User") == 250
        assert found.present("User", URN, "grade") == Presence(count=125)
        assert found.present("User", None, "userName") == Presence(count=250)

    asked = service.queries[-2]
    assert asked == {
        "filter": f"{URN}:grade pr",
        "count": "1" if lies == {"refuses_zero": True} else "0",
        "attributes": "id",
    }


def test_an_answer_to_a_filter_is_a_count_a_refusal_or_unknown() -> None:
    with reader(replace(people(3), refuses_filters=400)) as found:
        assert found.present("User", URN, "grade") == Presence(refused=400)
    with reader(replace(people(3), without_totals=True)) as found:
        assert found.total("User") is None
        assert found.present("User", URN, "grade") == Presence()
    with reader(replace(people(3), refuses_filters=403)) as found:
        assert found.present("User", URN, "grade") == Presence()
    with reader(people(3), deadline=-1) as found:
        assert found.present("User", URN, "grade") == Presence()


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (scim_error(403, f"not for {CANARY}"), PermissionRefused),
        (scim_error(400, f"not for {CANARY}"), TenantRefused),
        (scim_error(503, f"not for {CANARY}"), TenantUnavailable),
        (reply(200, f'{{"{CANARY}": 1}}'.encode()), AnswerUnreadable),
        (reply(200, f'{{"a": 1, "{CANARY}": "x'.encode()), AnswerUnreadable),
        (reply(200, f"<html><title>{CANARY}</title>".encode()), AnswerUnreadable),
    ],
)
def test_an_error_says_nothing_that_the_service_said(
    answer: Script, kind: type[TenantError]
) -> None:
    with reader(replace(people(3), before=lambda *_: answer)) as found:
        with pytest.raises(kind) as caught:
            ids(found)
        assert CANARY not in repr(caught.value)


def test_no_page_shows_what_it_holds() -> None:
    with reader(people(3)) as found:
        [page] = found.pages("User", ["id", URN])

    assert CANARY in str(list(page.resources))
    assert CANARY not in repr(page)


def test_reading_ends_by_a_deadline_of_its_own() -> None:
    with (
        reader(people(3), deadline=-1) as found,
        pytest.raises(TenantUnavailable, match="--count-deadline"),
    ):
        ids(found)


def test_an_endpoint_that_the_service_names_shows_no_credential() -> None:
    service = replace(people(3), types=[{"name": "User", "endpoint": f"/People/of-{TOKEN}"}])
    with world(service, credentials=lambda _: HeaderToken(token=Secret(TOKEN))) as known:
        found = HttpUserReader(known.reader._access)
        with pytest.raises(TenantError, match=r"GET /scim/v2/People/of-…: 404") as caught:
            ids(found)
        assert TOKEN not in str(caught.value)


def test_a_reader_that_is_renewed_has_all_of_its_time_and_knows_what_it_knew() -> None:
    with world(people(3), dialect=DIALECT) as known:
        ends = ReadDeadline.after(60.0, known.clock, option="--searchable-timeout")
        over = HttpUserReader(known.reader._access, deadline=ends)
        assert over.total("User") == 3
        known.clock.seconds += 61.0

        renewed = over.renewed()

        assert over.present("User", URN, "grade") == Presence()
        assert renewed.present("User", URN, "grade") == Presence(count=1)
        asked = [each for each in known.requests if "/ResourceTypes" in each.target]
    assert len(asked) == 1
