"""Adoption: who has a value, as RFC 7644 section 3.4.2.2 means `pr`, and what a count says."""

from datetime import UTC, datetime

import pytest

from reconciler.domain.adoption import (
    AdoptionVerdict,
    AttributePast,
    Count,
    CountableSchema,
    CountMethod,
    Declaration,
    Direction,
    Holders,
    Sample,
    SampleHistory,
    SampleKey,
    direction,
    names_schema,
    verdict,
)
from reconciler.domain.jsontext import Json
from reconciler.domain.manifest import Retired, SchemaExtension
from reconciler.domain.problem import Place
from reconciler.domain.scim import Schema

URN = "urn:example:2.0:User:HR"
NAMES = ("badge", "badge.id", "badge.kind", "grade", "tags", "phones", "phones.value")


def held(extension: Json) -> frozenset[str]:
    return Holders(schema_id=URN, names=NAMES).held({"id": "1", "userName": "kim", URN: extension})


@pytest.mark.parametrize(
    ("extension", "expected"),
    [
        ({}, set()),
        (None, set()),
        ("no object", set()),
        ({"grade": None}, set()),
        ({"grade": ""}, set()),
        ({"grade": []}, set()),
        ({"grade": {}}, set()),
        ({"grade": [None, ""]}, set()),
        ({"grade": 0}, {"grade"}),
        ({"grade": False}, {"grade"}),
        ({"GRADE": "a"}, {"grade"}),
        ({"badge": {"id": None, "kind": ""}}, set()),
        ({"badge": {"ID": "7", "kind": ""}}, {"badge", "badge.id"}),
        ({"badge": {"other": "7"}}, {"badge"}),
        ({"tags": ["", "a"]}, {"tags"}),
        ({"phones": [{"value": ""}, {}]}, set()),
        ({"phones": [{"type": "work"}, {"value": "1"}]}, {"phones", "phones.value"}),
        ({"phones": [{"type": "work"}]}, {"phones"}),
        ({"nobody": "knows"}, set()),
    ],
)
def test_an_attribute_is_held_where_it_has_a_value(extension: Json, expected: set[str]) -> None:
    assert held(extension) == expected


def test_the_urn_of_the_extension_is_known_in_any_case() -> None:
    holders = Holders(schema_id=URN, names=["grade"])

    assert holders.held({URN.upper(): {"grade": 1}, "urn:example:other": {"grade": 1}}) == {"grade"}


@pytest.mark.parametrize("resource", [None, [], "text", 7, {}])
def test_what_is_no_resource_holds_nothing(resource: Json) -> None:
    holders = Holders(schema_id=URN, names=["grade"])
    holders.add([resource])

    assert (holders.resources, holders.tallies) == (1, {"grade": 0})


def test_the_attributes_of_a_resources_own_schema_stand_in_the_resource() -> None:
    holders = Holders(schema_id=URN, names=["model", "maker.name"], own=True)
    holders.add([{"id": "1", "model": "x", "maker": {"name": "y"}}, {"id": "2", "model": ""}])

    assert holders.tallies == {"model": 1, "maker.name": 1}
    assert (holders.resources, repr(holders).count("model")) == (2, 0)


KEY = [{"name": "key"}]
LIVE = Schema.from_json(
    {
        "id": URN,
        "name": "HR",
        "attributes": [
            {"name": "grade"},
            {"name": "rogue"},
            {"name": "old", "type": "complex", "subAttributes": [{"name": "part"}]},
            {"name": "badge", "type": "complex", "subAttributes": [{"name": "id"}, {"name": "x"}]},
            {"name": "asked", "returned": "request"},
            {"name": "pin", "returned": "never"},
            {"name": "password", "mutability": "writeOnly"},
            {"name": "vault", "type": "complex", "returned": "never", "subAttributes": KEY},
            {"name": "tags", "multiValued": True},
            {"name": "hours", "type": "integer"},
        ],
    }
)
DESIRED = Schema.from_json(
    {
        "id": URN,
        "name": "HR",
        "attributes": [
            {"name": "grade"},
            {"name": "badge", "type": "complex", "subAttributes": [{"name": "id"}]},
            {"name": "lacking"},
        ],
    }
)
EXTENSION = SchemaExtension(
    name="hr",
    place=Place("hr.yaml"),
    schema=DESIRED,
    retired=(
        Retired(name="old", type="complex"),
        Retired(name="Gone", type="string"),
        Retired(name="grade", type="string"),
    ),
)


def test_what_is_live_is_declared_undeclared_or_retired() -> None:
    found = {e.name: e.declaration for e in CountableSchema.of(LIVE, EXTENSION).countables}

    assert {name for name, each in found.items() if each is Declaration.DECLARED} == {
        "grade", "badge", "badge.id",
    }  # fmt: skip
    assert {name for name, each in found.items() if each is Declaration.RETIRED} == {
        "old", "old.part", "Gone",
    }  # fmt: skip
    assert "lacking" not in found
    without = CountableSchema.of(LIVE, None).countables
    assert {each.declaration for each in without} == {Declaration.UNDECLARED}


def test_what_is_returned_on_request_alone_is_requested() -> None:
    schema = CountableSchema.of(LIVE, None)

    assert schema.fields == [URN, f"{URN}:asked"]
    assert CountableSchema.of(DESIRED, None, own=True).fields == ["badge", "grade", "lacking"]


def test_what_is_never_returned_is_not_shown() -> None:
    found = {each.name: each for each in CountableSchema.of(LIVE, EXTENSION).countables}

    assert {n for n, e in found.items() if not e.is_shown} == {
        "pin", "password", "vault", "vault.key",
    }  # fmt: skip
    shapes = {found[name].shape for name in ("grade", "badge", "badge.id", "tags", "hours")}
    assert len(shapes) == 5
    assert found["grade"].shape == found["rogue"].shape == found["Gone"].shape


def test_what_is_gone_and_what_no_page_shows_is_known_with_its_reason() -> None:
    schema = CountableSchema.of(LIVE, EXTENSION).with_removed(["lacking"])
    reasons = {"lacking": "it is not in the profile"}
    found = {each.name: each for each in schema.obstructed(reasons.get).countables}

    assert found["lacking"].declaration is Declaration.DECLARED
    assert found["lacking"].obstacle == "it is not in the profile"
    assert not found["lacking"].is_shown
    assert found["grade"].obstacle is None
    assert found["grade"].is_shown


def test_what_nobody_names_is_learnt_but_for_what_is_no_name() -> None:
    schema = CountableSchema.of(DESIRED, None)
    holders = schema.holders()
    holders.add([{URN: {"New": 1, "no name": 1, "x" * 101: 1, "badge": {"other": 1}}}] * 2)
    holders.add([{URN: {f"n{number}": 1 for number in range(80)}}])

    learnt = schema.with_learnt(holders.tallies)
    assert holders.tallies["New"] == 2
    assert holders.tallies["badge"] == 2
    assert len(holders.tallies) == 4 + 50
    assert {e.name for e in learnt.countables} == set(holders.tallies)
    assert learnt.with_learnt(["new2"]).countables[-1].declaration is Declaration.UNDECLARED
    assert "badge.other" not in holders.tallies


def test_a_tally_goes_on_from_an_earlier_one() -> None:
    holders = CountableSchema.of(DESIRED, None).holders()
    assert not holders.anybody
    holders.resume(7, {"grade": 3, "learnt": 1})
    holders.add([{URN: {"GRADE": 1, "Learnt": 2}}])

    assert (holders.resources, holders.tallies["grade"], holders.tallies["learnt"]) == (8, 4, 2)
    assert holders.anybody


@pytest.mark.parametrize(
    ("resource", "named"),
    [
        ({"schemas": [URN.upper()]}, True),
        ({"SCHEMAS": ["urn:other", URN]}, True),
        ({"schemas": ["urn:other", 7]}, False),
        ({"schemas": URN}, False),
        ({}, False),
        ("text", False),
    ],
)
def test_a_resource_names_its_schemas(resource: Json, named: bool) -> None:
    assert names_schema(resource, URN) is named


def count(holders: int, total: int = 10, method: CountMethod = CountMethod.PAGES) -> Count:
    return Count(holders=holders, total=total, method=method)


DECLARED, UNDECLARED, RETIRED = Declaration
SAMPLED = CountMethod.SAMPLE


@pytest.mark.parametrize(
    ("declaration", "found", "age", "filled", "expected"),
    [
        (DECLARED, None, 99.0, False, None),
        (DECLARED, count(0, 0), 99.0, False, None),
        (DECLARED, count(0), 29.9, False, AdoptionVerdict.FILLING),
        (DECLARED, count(0), None, False, AdoptionVerdict.FILLING),
        (DECLARED, count(0), 30.0, False, AdoptionVerdict.NEVER_FILLED),
        (DECLARED, count(0), 30.0, True, AdoptionVerdict.FILLING),
        (DECLARED, count(1), 99.0, True, AdoptionVerdict.FILLING),
        (DECLARED, count(10), 0.0, True, AdoptionVerdict.FILLED),
        (DECLARED, count(10, 10, SAMPLED), 99.0, True, AdoptionVerdict.FILLING),
        (DECLARED, count(0, 10, SAMPLED), 99.0, False, None),
        (UNDECLARED, count(0), 99.0, False, None),
        (UNDECLARED, count(1), 99.0, False, AdoptionVerdict.UNDECLARED),
        (RETIRED, count(0), 99.0, False, None),
        (RETIRED, count(10), 99.0, True, AdoptionVerdict.ORPHANED),
    ],
)
def test_a_count_says_what_it_says(
    declaration: Declaration,
    found: Count | None,
    age: float | None,
    filled: bool,
    expected: AdoptionVerdict | None,
) -> None:
    assert verdict(declaration, found, age=age, has_been_filled=filled) is expected


@pytest.mark.parametrize(
    ("before", "now", "expected"),
    [
        (count(1), count(2), Direction.UP),
        (count(2), count(1), Direction.DOWN),
        (count(1, 10), count(10, 100), Direction.STEADY),
        (count(5, 10), count(5, 20), Direction.DOWN),
        (count(0, 0), count(1), None),
        (count(1), count(0, 0), None),
    ],
)
def test_the_way_of_a_share_is_that_of_its_fraction(
    before: Count, now: Count, expected: Direction | None
) -> None:
    assert direction(before, now) is expected


def test_a_name_that_nobody_should_see_is_neither_counted_nor_learnt() -> None:
    schema = CountableSchema.of(LIVE, EXTENSION).without(
        lambda name: name in ("rogue", "grade", "t")
    )
    holders = schema.holders()
    holders.add([{URN: {"t": 1, "u": 1, "rogue": 1}}])

    names = {each.name for each in schema.with_learnt(holders.tallies).countables}
    assert "grade" in names  # which the manifest has as well
    assert "u" in names
    assert not names & {"t", "rogue"}


def test_what_is_first_counted_now_is_filled_since_now_and_of_no_known_age() -> None:
    some, none = (Count(holders=n, total=9, method=CountMethod.FILTER) for n in (1, 0))
    at = datetime(2026, 1, 31, tzinfo=UTC)

    assert AttributePast.of(None, None, some, "now") == AttributePast(since=None, first_value="now")
    new = AttributePast.of(None, None, none, "now")
    assert new == AttributePast(since=None, first_value=None)
    assert new.verdict(Declaration.DECLARED, none, at) is AdoptionVerdict.FILLING
    old = AttributePast.of("2026-01-01T00:00:00.000Z", None, none, "now")
    assert old.verdict(Declaration.DECLARED, none, at) is AdoptionVerdict.NEVER_FILLED


def sample(tenant: str, holders: int, at: str) -> Sample:
    key = SampleKey(tenant=tenant, resource_type="User", schema_id=URN, attribute="grade")
    count = Count(holders=holders, total=9, method=CountMethod.FILTER)
    return Sample(key=key, count=count, measured_at=at)


def test_the_figures_of_two_names_of_a_tenant_are_one_history() -> None:
    first = SampleHistory(first_at="1", first_value=None, newest=sample("old", 0, "2"))
    later = SampleHistory(first_at="3", first_value="4", newest=sample("new", 2, "5"))

    joined = first.of_tenant("new").joined(later)

    assert joined == SampleHistory(first_at="1", first_value="4", newest=later.newest)
    assert later.joined(first.of_tenant("new")) == joined
    assert later.of_tenant("new") is later
    assert first.joined(first).first_value is None
