"""Calibration: which counts of `pr` filters are believed, by what a page of users shows."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import pytest

from reconciler.domain.adoption import CountableSchema
from reconciler.domain.calibration import NONSENSE, Calibration, Presence, identity, is_whole
from reconciler.domain.jsontext import Json
from reconciler.domain.scim import Schema
from reconciler.errors import PageRefused, TenantError

URN = "urn:example:2.0:User:HR"
PARTS = [{"name": "id"}, {"name": "no"}]
SCHEMA = CountableSchema.of(
    Schema.from_json(
        {
            "id": URN,
            "name": "HR",
            "attributes": [
                {"name": "grade"},
                {"name": "empty"},
                {"name": "remote", "type": "boolean"},
                {"name": "badge", "type": "complex", "subAttributes": PARTS},
                {"name": "secret", "returned": "never"},
            ],
        }
    ),
    None,
)
USERS: list[Json] = [
    {"id": "1", URN: {"grade": "a", "remote": False, "badge": {"id": "7"}}},
    {"id": "2", URN: {"grade": "b"}},
    {"id": "3"},
]
RIGHT = {"grade": 2, "empty": 0, "remote": 1, "badge": 1, "badge.id": 1, "badge.no": 0, "secret": 2}


@dataclass(frozen=True)
class Page:
    resources: Sequence[Json]
    repeats: bool = False


@dataclass(kw_only=True)
class FakeProbes:
    """A service that answers by a table; `grown` is how many come between two counts of all.

    `uncounted` come after those, where that is no error; `repeats` lists matches twice.
    """

    counts: dict[str, int | None] = field(default_factory=dict)
    everybody: int | None = 100
    users: Sequence[Json] = tuple(USERS)
    named: dict[str, Presence] = field(default_factory=dict)
    matches: dict[str, Sequence[Json]] = field(default_factory=dict)
    grown: int = 0
    uncounted: Sequence[Json] | TenantError = ()
    repeats: bool = False
    asked: list[str] = field(default_factory=list)

    def total(self, resource_type: str) -> int | None:
        found = self.everybody
        if self.everybody is not None:
            self.everybody += self.grown
        return found

    def present(self, resource_type: str, schema_id: str | None, attribute: str) -> Presence:
        path = attribute if schema_id is None else f"{schema_id}:{attribute}"
        self.asked.append(path)
        if path in self.named:
            return self.named[path]
        if schema_id is None:
            return Presence(count=0 if attribute == NONSENSE else self.everybody)
        if NONSENSE in attribute:
            return Presence(refused=400)
        return Presence(count={**RIGHT, **self.counts}.get(attribute))

    def pages(
        self, resource_type: str, attributes: Sequence[str], *, start: int = 1, holding: str = ""
    ) -> Iterator[Page]:
        if start > 1:
            if isinstance(self.uncounted, TenantError):
                raise self.uncounted
            yield Page(self.uncounted)
            return
        if not holding:
            yield from [Page(self.users)] if self.users else []
            return
        name = holding.removeprefix(f"{URN}:")
        tally = SCHEMA.holders()
        holders = [each for each in self.users if name in tally.held(each)]
        found = self.matches.get(name, holders)
        yield from [Page(found, self.repeats)] if found else []


def calibrated(probes: FakeProbes, kind: str = "User") -> Calibration:
    return Calibration.of(probes, kind, [SCHEMA])


def test_counts_are_believed_where_a_page_bears_them_out() -> None:
    found = calibrated(FakeProbes())

    assert found.doubt is None
    believed = {name: count for name, count in RIGHT.items() if name != "badge.no"}
    # Whether nobody holds a part is told by another part; a secret by an attribute of its kind.
    assert found.counts(SCHEMA) == {**believed, "badge.no": 0}
    assert (found.total, found.seen, repr(found).count("grade")) == (100, 3, 0)


@pytest.mark.parametrize(
    ("probes", "doubt"),
    [
        (FakeProbes(everybody=None), "cannot be counted"),
        (FakeProbes(everybody=2), "counts the users of a page"),
        (FakeProbes(named={"userName": Presence(count=99)}), "finds 99 of 100"),
        (FakeProbes(named={"userName": Presence(refused=400)}), "finds nothing that can be"),
        (FakeProbes(named={NONSENSE: Presence(count=100)}), "does not exist finds 100"),
        (FakeProbes(named={NONSENSE: Presence()}), "does not exist is not answered"),
    ],
)
def test_no_filter_is_believed_of_a_service_that_fails_a_probe(
    probes: FakeProbes, doubt: str
) -> None:
    found = calibrated(probes)

    assert doubt in str(found.doubt)
    assert found.counts(SCHEMA) == {}


@pytest.mark.parametrize("nonsense", [Presence(refused=400), Presence(count=0)])
def test_nonsense_may_be_refused_or_find_nobody(nonsense: Presence) -> None:
    assert calibrated(FakeProbes(named={NONSENSE: nonsense})).doubt is None


def test_somebody_may_come_between_two_counts() -> None:
    assert calibrated(FakeProbes(grown=1)).doubt is None


@pytest.mark.parametrize(
    ("kind", "attribute"), [("User", "userName"), ("group", "displayName"), ("Device", "id")]
)
def test_the_attribute_that_all_have_is_that_of_the_resource_type(
    kind: str, attribute: str
) -> None:
    probes = FakeProbes()
    calibrated(probes, kind)

    assert probes.asked[0] == attribute


@pytest.mark.parametrize("nonsense", [Presence(count=3), Presence()])
def test_a_schema_whose_nonsense_is_found_is_not_believed(nonsense: Presence) -> None:
    found = calibrated(FakeProbes(named={f"{URN}:{NONSENSE}": nonsense}))

    assert found.doubt_of(SCHEMA) is not None
    assert found.counts(SCHEMA) == {}


def test_a_part_whose_nonsense_is_found_is_not_believed() -> None:
    probes = FakeProbes(named={f"{URN}:badge.{NONSENSE}": Presence(count=1)})
    found = calibrated(probes).counts(SCHEMA)

    assert "badge" in found
    assert not [name for name in found if "." in name]
    assert probes.asked.count(f"{URN}:badge.{NONSENSE}") == 1


@pytest.mark.parametrize(
    ("counts", "matches"),
    [
        ({"grade": 1}, {}),  # fewer than one page shows
        ({"grade": 100}, {}),  # one of that page holds none
        ({"grade": None}, {}),
        ({}, {"grade": []}),
        ({}, {"grade": [USERS[0], USERS[2]]}),
        ({"grade": 50}, {"grade": [USERS[0]]}),  # who is seen to hold one is not found
    ],
)
def test_a_count_that_does_not_fit_what_is_seen_is_not_believed(
    counts: dict[str, int | None], matches: dict[str, Sequence[Json]]
) -> None:
    found = calibrated(FakeProbes(counts=counts, matches=matches)).counts(SCHEMA)

    assert "grade" not in found
    assert "empty" not in found  # for nothing has shown that the filter is understood
    assert found["badge.id"] == 1


def test_that_nobody_holds_it_is_believed_of_no_service_that_was_wrong_once() -> None:
    found = calibrated(FakeProbes(counts={"remote": 0})).counts(SCHEMA)

    assert "remote" not in found
    assert "empty" not in found
    assert found["grade"] == 2


def test_what_no_schema_names_is_not_believed_to_be_held_by_nobody() -> None:
    learnt = SCHEMA.with_learnt(["forgotten"])

    assert "forgotten" not in calibrated(FakeProbes(counts={"forgotten": 0})).counts(learnt)


def test_nobody_is_seen_where_there_is_nobody() -> None:
    found = calibrated(FakeProbes(everybody=0, users=()))

    assert (found.seen, found.total, found.doubt) == (0, 0, None)


def test_a_resource_is_known_by_its_id_else_by_all_that_it_has() -> None:
    assert identity({"ID": "1", "x": 1}) == identity({"id": "1"})
    assert identity({"x": 1}) == identity({"x": 1}) != identity({"x": 2})
    assert identity(None) != identity([])


@pytest.mark.parametrize(
    ("totals", "collected", "whole"),
    [
        ([], 7, True),
        ([7], 7, True),
        ([7], 6, False),
        ([1000, 999, 1000], 998, True),  # two changes
        ([1000, 999, 1000], 997, False),
        ([1000, 10, 1000], 991, True),
        ([1000, 10, 1000], 200, False),
        ([100, 50], 250, True),
    ],
)
def test_a_list_is_whole_where_all_came_that_it_names(
    totals: list[int], collected: int, whole: bool
) -> None:
    assert is_whole(totals, collected) is whole


def test_a_filter_that_finds_users_more_than_once_is_not_believed() -> None:
    found = calibrated(FakeProbes(repeats=True))

    assert found.doubt is None
    [grade] = (each for each in SCHEMA.countables if each.name == "grade")
    doubt = found.doubt_of_count(SCHEMA, grade, 2)
    assert doubt == f"`{URN}:grade pr` finds users more than once"
    assert found.counts(SCHEMA) == {}


def test_a_number_at_which_a_service_stops_counting_is_not_believed() -> None:
    more: Json = {"id": "101"}
    refused = PageRefused("the list begins anew", ends=False)

    assert calibrated(FakeProbes(uncounted=[more])).doubt == (
        "totalResults says 100, and more users are listed"
    )
    assert calibrated(FakeProbes(uncounted=[more], everybody=101)).doubt is None
    assert calibrated(FakeProbes(uncounted=[more], everybody=3)).doubt is None
    assert calibrated(FakeProbes(uncounted=refused)).doubt is None
