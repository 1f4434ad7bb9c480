"""Figures of adoption in the store: appended, found by attribute, and counts that are under way."""

from dataclasses import replace
from pathlib import Path

import pytest

from reconciler.domain.adoption import Count, CountMethod, Sample, SampleHistory, SampleKey
from reconciler.errors import StateError
from reconciler.ports import Counting
from tests.support.store_world import HR_URN, Place, behind_its_back, opened, rows, shell

BADGE = SampleKey(tenant="acme", resource_type="User", schema_id=HR_URN, attribute="badge.id")
COUNTING = Counting(
    tenant="acme",
    resource_type="User",
    next_start=501,
    tallies={HR_URN: {"badge.id": 7}},
    started_at="2026-01-01T00:00:00.000Z",
)


def sample(holders: int, day: int, key: SampleKey = BADGE) -> Sample:
    count = Count(holders=holders, total=100, method=CountMethod.PAGES)
    return Sample(key=key, count=count, measured_at=f"2026-01-{day:02}T00:00:00.000Z")


def test_what_is_kept_of_an_attribute_is_its_first_sample_its_first_value_and_its_newest(
    place: Place,
) -> None:
    other = replace(BADGE, attribute="badge")
    with opened(place) as store:
        for day, holders in enumerate((0, 0, 3, 9, 0), start=1):
            store.add_samples([sample(holders, day), sample(0, day, other)])

        found = store.samples_before([BADGE, other, replace(BADGE, tenant="beta")])

    assert found == {
        BADGE: SampleHistory(
            first_at="2026-01-01T00:00:00.000Z",
            first_value="2026-01-03T00:00:00.000Z",
            newest=sample(0, 5),
        ),
        other: SampleHistory(
            first_at="2026-01-01T00:00:00.000Z", first_value=None, newest=sample(0, 5, other)
        ),
    }


def test_a_count_under_way_is_kept_until_its_figures_are(place: Place) -> None:
    with opened(place) as store:
        assert store.counting("acme", "User") is None
        store.keep_counting(COUNTING)
        store.keep_counting(replace(COUNTING, next_start=601))
        store.keep_counting(replace(COUNTING, resource_type="Group"))
    with opened(place) as store:
        assert store.counting("acme", "User") == replace(COUNTING, next_start=601)

        store.add_samples([sample(7, 1)], ends=("acme", "User"))

        assert store.counting("acme", "User") is None
        assert store.counting("acme", "Group") == replace(COUNTING, resource_type="Group")


@pytest.mark.parametrize("tallies", ["", "[]", "{", '{"a": 1, "a": 2}'])
def test_a_count_that_nobody_can_read_is_none(place: Place, tallies: str) -> None:
    with opened(place) as store:
        store.keep_counting(COUNTING)
    behind_its_back(place, f"UPDATE countings SET tallies = '{tallies}'")

    with opened(place) as store:
        assert store.counting("acme", "User") is None


def test_a_figure_by_no_known_method_is_refused(place: Place) -> None:
    with opened(place) as store:
        store.add_samples([sample(1, 1)])
    with shell(place) as connection, pytest.raises(Exception, match=r"(?i)check"):
        connection.execute("UPDATE samples SET method = 'guess'")


def test_a_figure_that_cannot_be_written_leaves_none_of_its_run(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    wrong = replace(BADGE, attribute="lone \udc00 surrogate")
    with opened(path) as store:
        with pytest.raises((StateError, UnicodeEncodeError)):
            store.add_samples([sample(1, 1), sample(1, 1, wrong)])

        assert store.samples_before([BADGE]) == {}
    assert rows(path, "SELECT count(*) FROM samples") == [(0,)]


def test_what_is_kept_of_a_fleet_is_what_is_kept_of_each_attribute(place: Place) -> None:
    keys = [
        SampleKey(tenant=tenant, resource_type=kind, schema_id=urn, attribute=attribute)
        for tenant in ("acme", "beta")
        for kind in ("Group", "User")
        for urn in (HR_URN, f"{HR_URN}:x")
        for attribute in ("Z", "a", "é")
    ]
    with opened(place) as store:
        assert store.fleet_histories() == {}
        for minute, holders in enumerate((0, 3, 0)):
            store.add_samples(
                [
                    Sample(
                        key=key,
                        count=Count(holders=holders * (n % 2), total=9, method=CountMethod.PAGES),
                        measured_at=f"2026-01-02T03:0{minute}:00.000Z",
                    )
                    for n, key in enumerate(keys)
                    if n % 3 or minute == 0
                ]
            )

        assert store.fleet_histories() == store.samples_before(keys)
