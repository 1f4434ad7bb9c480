"""Counting holders: a right number or none, however a service lies, and on from where it was cut.

The ways of lying are those of servers that were tried: SCIMMY, Canaille, django-scim2, scimitar,
WSO2, and what others of their kind do.
"""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reconciler.adapters.database import Store
from reconciler.adapters.gateway.reader import ReadDeadline
from reconciler.adapters.gateway.users import HttpUserReader
from reconciler.counting import HolderCount, ResourceFigures
from reconciler.domain.adoption import CountableSchema, CountMethod
from reconciler.domain.manifest import Retired, SchemaExtension
from reconciler.domain.problem import Place
from reconciler.domain.scim import Schema
from tests.support.fakes import FakeClock
from tests.support.faultserver import Received, Script
from tests.support.gateway_world import scim_error, world
from tests.support.people import URN, Extension, PeopleService, holding, users
from tests.support.store_world import opened

CANARY = "c4n4ry-v4lue"
LIVE = Schema.from_json(
    {
        "id": URN,
        "name": "HR",
        "attributes": [
            {"name": "grade"},
            {"name": "level"},
            {"name": "never"},
            {"name": "remote", "type": "boolean"},
            {"name": "tags", "multiValued": True},
            {
                "name": "badge",
                "type": "complex",
                "subAttributes": [{"name": "id"}, {"name": "kind"}],
            },
            {
                "name": "phones",
                "type": "complex",
                "multiValued": True,
                "subAttributes": [{"name": "value"}],
            },
            {"name": "secret", "returned": "never", "mutability": "writeOnly"},
        ],
    }
)
SHOWN = [
    "grade", "level", "never", "remote", "tags", "badge", "badge.id", "badge.kind", "phones",
    "phones.value",
]  # fmt: skip


def held(random: Random) -> Extension | None:
    """What one user has of the extension: nothing, something, and what is as good as nothing."""
    if random.random() < 0.3:
        return None
    chances: Extension = {
        "grade": random.choice([CANARY, "", None]),
        "level": CANARY if random.random() < 0.02 else None,
        "remote": random.choice([True, False, False, None]),
        "tags": random.choice([[], [CANARY], [""], [CANARY, CANARY]]),
        "badge": random.choice([None, {}, {"id": ""}, {"id": CANARY}, {"kind": CANARY}]),
        "phones": random.choice([[], [{"value": CANARY}], [{"type": "work"}], [{"value": ""}]]),
    }
    return {name: value for name, value in chances.items() if random.random() < 0.8}


def people(number: int, seed: int = 7) -> PeopleService:
    random = Random(seed)
    return PeopleService(people=users(number, lambda _: held(random)))


@dataclass(frozen=True)
class Counted:
    figures: ResourceFigures
    service: PeopleService

    @property
    def numbers(self) -> dict[str, int | None]:
        return {
            each.countable.name: each.count.holders if each.count else None
            for each in self.figures.figures
        }

    @property
    def methods(self) -> set[CountMethod]:
        return {each.count.method for each in self.figures.figures if each.count}

    @property
    def truth(self) -> dict[str, int]:
        return {name: holding(self.service.people, name) for name in self.numbers}


@contextmanager
def counting(
    service: PeopleService, store: Store, *, deadline: float = math.inf, sample: int | None = None
) -> Iterator[HolderCount]:
    clock = FakeClock()
    with world(service, clock=clock) as known:
        reader = HttpUserReader(
            known.reader._access,
            deadline=ReadDeadline.after(deadline, clock, option="--count-deadline"),
        )
        yield HolderCount(tenant="acme", users=reader, samples=store, clock=clock, sample=sample)


SUBJECT = CountableSchema.of(LIVE, None)


def counted(
    service: PeopleService,
    path: Path,
    *,
    sample: int | None = None,
    subject: CountableSchema = SUBJECT,
) -> Counted:
    with opened(path) as store, counting(service, store, sample=sample) as count:
        return Counted(count.figures("User", [subject]), service)


def test_filters_that_fit_what_is_seen_are_believed_and_nobody_is_paged(tmp_path: Path) -> None:
    found = counted(
        replace(people(1000), knows_names=frozenset([*SHOWN, "secret"])), tmp_path / "s"
    )

    right = {**found.truth, "secret": None}
    assert found.numbers == right | {"secret": found.numbers["secret"]}
    filtered = {
        each.countable.name
        for each in found.figures.figures
        if each.count and each.count.method is CountMethod.FILTER
    }
    assert filtered >= set(SHOWN) - {"level", "never"}
    assert len(found.service.queries) < 60


LIES: dict[str, dict[str, Any]] = {
    "totalResults of the page": {"slice_totals": True},
    "totalResults of what is left": {"remaining_totals": True},
    "no totalResults": {"without_totals": True},
    "totalResults too low": {"claimed": 3},
    "shorter pages": {"most": 17},
    "shorter pages with totalResults of the page": {"most": 17, "slice_totals": True},
    "no paging": {"ignores_paging": True},
    "no paging, no totalResults": {"ignores_paging": True, "without_totals": True},
    "count=0 is everybody": {"ignores_zero": True},
    "count=0 is everybody and no paging": {"ignores_zero": True, "ignores_paging": True},
    "count=0 is refused": {"refuses_zero": True},
    "any count fails": {"refuses_count": 500},
    "filters are ignored": {"ignores_filters": True},
    "filters are refused": {"refuses_filters": 400},
    "filters fail": {"refuses_filters": 500},
    "filters are not implemented": {"refuses_filters": 501},
    "a filter with a URN finds nobody": {"urn_filters": False},
    "a filter with a URN is refused": {"urn_filters": 400},
    "a filter on a part finds nobody": {"sub_filters": False},
    "a filter on a part fails": {"sub_filters": 500},
    "a filter on a part is that of the whole": {"ignores_part": True},
    "a filter with a URN finds who has anything": {"ignores_name": True},
    "false is no value": {"falsy": True},
    "a list is no value": {"only_single": True},
    "a filter finds a user once for each value": {"rows": True},
    "totalResults stops at 50": {"cap": 50},
    "totalResults stops at 200": {"cap": 200},
    "attributes are ignored": {"ignores_attributes": True},
    "attributes hide the extension": {"drops_extension": True},
    "attributes hide the extension and its URN": {"drops_extension": True, "drops_schemas": True},
    "pages beyond the end are refused": {"refuses_beyond": 400, "without_totals": True},
}
FILTERS: dict[str, dict[str, Any]] = {
    "good filters": {},
    "filters with a URN that find nobody": {"urn_filters": False},
    "filters that are ignored": {"ignores_filters": True},
}


@pytest.mark.parametrize("filters", FILTERS.values(), ids=FILTERS)
@pytest.mark.parametrize("lies", LIES.values(), ids=LIES)
@pytest.mark.parametrize("number", [60, 450])
def test_a_service_that_lies_gives_the_right_numbers(
    lies: dict[str, Any], filters: dict[str, Any], number: int, tmp_path: Path
) -> None:
    found = counted(replace(people(number), **(filters | lies)), tmp_path / "state.db")

    assert {name: found.numbers[name] for name in SHOWN} == {
        name: found.truth[name] for name in SHOWN
    }
    assert found.numbers["secret"] in (None, 0)
    assert all(each.unknown is None or each.count is None for each in found.figures.figures)


CANNOT: dict[str, dict[str, Any]] = {
    "more is claimed than shown": {"claimed": 5000},
    "only the first page is shown": {"ignores_paging": True, "most": 100, "cut": True},
}


@pytest.mark.parametrize("lies", CANNOT.values(), ids=CANNOT)
def test_what_nobody_can_count_is_unknown(lies: dict[str, Any], tmp_path: Path) -> None:
    found = counted(replace(people(450), urn_filters=False, **lies), tmp_path / "state.db")

    assert set(found.numbers.values()) == {None}
    assert {each.unknown for each in found.figures.figures} != {None}


def test_where_there_is_nobody_nobody_holds_anything(tmp_path: Path) -> None:
    assert set(counted(people(0), tmp_path / "state.db").numbers.values()) <= {0, None}


@pytest.mark.thorough
@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 10**6),
    number=st.integers(0, 260),
    lies=st.lists(st.sampled_from(list(LIES)), max_size=3, unique=True),
)
def test_any_lies_together_give_a_right_number_or_none(
    seed: int, number: int, lies: list[str], tmp_path_factory: pytest.TempPathFactory
) -> None:
    told: dict[str, Any] = {}
    for each in lies:
        told |= LIES[each]
    found = counted(replace(people(number, seed), **told), tmp_path_factory.mktemp("lies") / "s")

    wrong = {
        name: (count, found.truth[name])
        for name, count in found.numbers.items()
        if name != "secret" and count not in (None, found.truth[name])
    }
    assert wrong == {}, (seed, told)


# --- cut off, resumed, sampled ---------------------------------------------------------------


PAGED: dict[str, Any] = {"refuses_filters": 501}


def cut_after(pages: int) -> Any:
    """A service that goes down after so many pages of the walk."""
    seen = iter(range(10**6))

    def before(service: PeopleService, _: Received) -> Script | None:
        query = service.queries[-1]
        if int(query.get("startIndex", 0)) <= 1 or "filter" in query:
            return None
        return scim_error(503) if next(seen) >= pages else None

    return before


def test_a_count_that_is_cut_off_goes_on_from_there(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    first = counted(replace(people(990), before=cut_after(4), **PAGED), path)

    assert set(first.numbers.values()) == {None}
    assert not first.figures.over
    [unknown] = {each.unknown for each in first.figures.figures if each.countable.name != "secret"}
    assert unknown is not None
    assert "500 were looked at, and the next run goes on from there" in unknown

    second = counted(replace(people(990), **PAGED), path)

    assert {name: second.numbers[name] for name in SHOWN} == {
        name: second.truth[name] for name in SHOWN
    }
    starts = [int(q["startIndex"]) for q in second.service.queries if "startIndex" in q]
    assert [start for start in starts if start > 1] == [501, 601, 701, 801, 901]


def test_a_count_does_not_go_on_in_a_list_that_begins_anew(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    counted(replace(people(1000), before=cut_after(4), **PAGED), path)

    found = counted(replace(people(1000), ignores_paging=True, **PAGED), path)

    assert found.numbers["grade"] == found.truth["grade"]


def test_a_count_of_other_attributes_begins_anew(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    counted(replace(people(1000), before=cut_after(4), **PAGED), path)
    more = Schema.from_json({**LIVE.document, "attributes": [{"name": "grade"}, {"name": "new"}]})

    found = counted(replace(people(1000), **PAGED), path, subject=CountableSchema.of(more, None))

    assert found.numbers["grade"] == found.truth["grade"]
    assert found.numbers["new"] == 0


def test_a_count_ends_by_its_deadline_and_says_how_to_allow_more(tmp_path: Path) -> None:
    with opened(tmp_path / "s") as store, counting(replace(people(500), **PAGED), store) as count:
        late = count.clock
        assert isinstance(late, FakeClock)
        slow = replace(count, progress=lambda *_: late.sleep(100))
        reader = count.users
        assert isinstance(reader, HttpUserReader)
        reader._deadline = ReadDeadline.after(250, late, option="--count-deadline")
        found = slow.figures("User", [SUBJECT])

    assert not found.over
    assert "--count-deadline" in str(found.figures[0].unknown)
    assert "300 were looked at" in str(found.figures[0].unknown)


@pytest.mark.parametrize("lies", [{}, {"most": 40}, {"ignores_paging": True}, {"cursors": True}])
def test_a_sample_looks_at_no_more_than_it_is_to(lies: dict[str, Any], tmp_path: Path) -> None:
    service = replace(people(1000), **PAGED, **lies)
    found = counted(service, tmp_path / "state.db", sample=200)

    [of] = {each.count.total for each in found.figures.figures if each.count}
    if lies in ({}, {"most": 40}):
        assert found.methods == {CountMethod.SAMPLE}
        assert of == 200
        assert abs((found.numbers["grade"] or 0) - found.truth["grade"] / 5) < 25
    else:  # what cannot be had from the middle of a list is had from all of it
        assert found.methods == {CountMethod.PAGES}
        assert found.numbers["grade"] == found.truth["grade"]


def test_no_sample_is_taken_where_a_filter_is_believed(tmp_path: Path) -> None:
    found = counted(people(1000), tmp_path / "state.db", sample=100)

    grade = next(e.count for e in found.figures.figures if e.countable.name == "grade")
    assert grade is not None
    assert (grade.method, grade.holders) == (CountMethod.FILTER, found.truth["grade"])


# --- what is counted -------------------------------------------------------------------------


def test_what_users_hold_and_no_schema_names_is_counted_by_pages(tmp_path: Path) -> None:
    service = replace(people(300), **PAGED)
    for user in service.people[::3]:
        user[URN] = {**user.get(URN, {}), "forgotten": CANARY, "no name": CANARY}
    found = counted(service, tmp_path / "state.db")

    assert found.numbers["forgotten"] == 100
    assert "no name" not in found.numbers


def test_a_retired_attribute_that_is_not_live_any_more_is_counted(tmp_path: Path) -> None:
    service = replace(people(300), knows_names=frozenset(SHOWN))
    for user in service.people[200:210]:
        user[URN] = {"old": {"part": CANARY}}
    extension = SchemaExtension(
        name="hr",
        place=Place("hr.yaml"),
        schema=LIVE,
        retired=(Retired(name="old", type="complex"), Retired(name="older", type="string")),
    )
    found = counted(service, tmp_path / "s", subject=CountableSchema.of(LIVE, extension))

    assert (found.numbers["old"], found.numbers["older"]) == (10, 0)


def test_attributes_of_a_resources_own_schema_are_counted(tmp_path: Path) -> None:
    devices = [{"id": str(n), "model": CANARY if n % 4 else ""} for n in range(300)]
    service = PeopleService(people=devices, endpoint="Devices", refuses_filters=400, types=[
        {"name": "Device", "endpoint": "/Devices", "schema": "urn:x:Device"}])  # fmt: skip
    live = Schema.from_json({"id": "urn:x:Device", "name": "D", "attributes": [{"name": "model"}]})
    with opened(tmp_path / "s") as store, counting(service, store) as count:
        own = count.users.own_schema("Device") == live.id
        found = count.figures("Device", [CountableSchema.of(live, None, own=own)])

    assert [each.count.holders for each in found.figures if each.count] == [225]
    assert found.total == 300


@pytest.mark.parametrize("lies", [{}, PAGED, {"drops_extension": True, "urn_filters": False}])
def test_no_value_is_kept_or_shown(lies: dict[str, Any], tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    found = counted(replace(people(450), before=cut_after(3), **lies), path)
    again = counted(replace(people(450), **lies), path)

    assert CANARY not in repr(found.figures) + repr(again.figures)
    for file in tmp_path.iterdir():
        assert CANARY.encode() not in file.read_bytes()
        assert b"user1" not in file.read_bytes()
