"""Freezes: what a moment belongs to and when that is over, also where clocks go on or back."""

from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from random import Random
from zoneinfo import ZoneInfo

import pytest

from reconciler.domain.freeze import Freeze, Frozen, FrozenHours, FrozenPeriod, Weekday, frozen_at

BERLIN = ZoneInfo("Europe/Berlin")
MINUTE, STEP = timedelta(minutes=1), timedelta(minutes=5)
WEEKDAYS = list(Weekday)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


def hours(days: str, begins: str, ends: str, zone: ZoneInfo = BERLIN) -> FrozenHours:
    first, last = ([int(part) for part in each.split(":")] for each in (begins, ends))
    return FrozenHours(
        days=frozenset(Weekday(day) for day in days.split()),
        begins=first[0] * 60 + first[1],
        ends=last[0] * 60 + last[1],
        zone=zone,
    )


NIGHTS = hours("fri sat", "18:00", "08:00")
ALWAYS = hours(" ".join(WEEKDAYS), "00:00", "24:00")


@pytest.mark.parametrize(
    ("now", "until"),
    [
        ("2026-12-04T17:59:59+01:00", None),
        ("2026-12-04T18:00:00+01:00", "2026-12-05T08:00:00+01:00"),
        ("2026-12-05T07:59:59+01:00", "2026-12-05T08:00:00+01:00"),
        ("2026-12-05T08:00:00+01:00", None),
        ("2026-12-06T03:00:00+01:00", "2026-12-06T08:00:00+01:00"),
        ("2026-12-06T20:00:00+01:00", None),
        ("2026-12-04T03:00:00+01:00", None),
    ],
)
def test_hours_past_midnight_belong_to_the_day_on_which_they_began(
    now: str, until: str | None
) -> None:
    assert frozen_at((NIGHTS,), at(now)) == (Frozen(at(until)) if until else None)


@pytest.mark.parametrize(
    ("now", "until"),
    [
        ("2026-12-19T22:59:59Z", None),
        ("2026-12-19T23:00:00Z", "2027-01-03T23:00:00Z"),
        ("2027-01-03T22:59:59Z", "2027-01-03T23:00:00Z"),
        ("2027-01-03T23:00:00Z", None),
    ],
)
def test_dates_are_whole_days_of_the_zone_the_last_one_included(
    now: str, until: str | None
) -> None:
    freeze = (FrozenPeriod.between(date(2026, 12, 20), date(2027, 1, 3), BERLIN),)

    assert frozen_at(freeze, at(now)) == (Frozen(at(until)) if until else None)


def test_a_period_of_moments_is_open_at_its_end() -> None:
    begins, ends = at("2026-12-20T18:00:00+01:00"), at("2026-12-20T20:00:00+01:00")
    freeze = (FrozenPeriod.between(begins, ends, BERLIN),)

    assert frozen_at(freeze, begins) == frozen_at(freeze, ends - MINUTE) == Frozen(ends)
    assert frozen_at(freeze, ends) is None


def test_what_overlaps_or_follows_at_once_is_one_freeze() -> None:
    first = FrozenPeriod(at("2026-12-04T10:00:00Z"), at("2026-12-04T18:00:00Z"))
    second = FrozenPeriod(at("2026-12-04T18:00:00Z"), at("2026-12-04T19:00:00Z"))
    over_it = FrozenPeriod(at("2026-12-04T12:00:00Z"), at("2026-12-04T13:00:00Z"))

    found = frozen_at((over_it, second, first), at("2026-12-04T12:30:00Z"))

    assert found == Frozen(at("2026-12-04T19:00:00Z"))


@pytest.mark.parametrize(
    "freeze",
    [
        (ALWAYS,),
        (FrozenPeriod.between(date(2026, 1, 1), date(9999, 12, 31), BERLIN),),
        (FrozenPeriod.between(at("2026-01-01T00:00:00Z"), date(3000, 1, 1), BERLIN), NIGHTS),
    ],
)
def test_a_freeze_may_have_no_end_in_sight(freeze: Freeze) -> None:
    assert frozen_at(freeze, at("2026-12-05T12:00:00Z")) == Frozen(None)


def test_a_freeze_that_is_over_somewhere_else_ends_months_later() -> None:
    # New York is an hour nearer for some weeks a year: only then nobody is frozen from 20:00.
    here = hours(" ".join(WEEKDAYS), "08:00", "20:00")
    there = hours(" ".join(WEEKDAYS), "14:00", "02:00", ZoneInfo("America/New_York"))

    found = frozen_at((here, there), at("2026-12-05T12:00:00Z"))

    assert found == Frozen(at("2027-03-15T07:00:00+01:00"))


CHANGES = {
    "Europe/Berlin": ("2026-03-29", "2026-10-25"),
    "America/New_York": ("2026-03-08", "2026-11-01"),
    "Australia/Lord_Howe": ("2026-04-05", "2026-10-04"),  # half an hour
    "America/Havana": ("2026-03-08", "2026-11-01"),  # at midnight
    "Africa/Cairo": ("2026-04-24", "2026-10-30"),  # at midnight, on and back
    "Pacific/Apia": ("2011-12-30",),  # a day that never was
    "Asia/Kathmandu": ("2026-06-01",),
    "UTC": ("2026-06-01",),
}


def by_brute_force(each: FrozenHours, moments: Iterable[datetime]) -> dict[datetime, bool]:
    """Whether each moment is frozen, by what clocks show at it and at no other."""
    shown = [(moment, moment.astimezone(each.zone).replace(tzinfo=None)) for moment in moments]
    frozen = dict.fromkeys((moment for moment, _ in shown), False)
    length = (each.ends - each.begins - 1) % (24 * 60) + 1
    midnight = datetime.combine(shown[0][1], datetime.min.time())
    while midnight <= shown[-1][1]:
        begin = midnight + each.begins * MINUTE
        inside = [m for m, wall in shown if begin <= wall < begin + length * MINUTE]
        if inside and WEEKDAYS[midnight.weekday()] in each.days:
            between = (m for m, _ in shown if inside[0] <= m <= inside[-1])
            frozen |= dict.fromkeys(between, True)
        midnight += timedelta(1)
    return frozen


@pytest.mark.parametrize(("name", "day"), [(n, d) for n, days in CHANGES.items() for d in days])
def test_around_a_change_of_clocks_all_is_frozen_as_clocks_show_it(name: str, day: str) -> None:
    zone, seed = ZoneInfo(name), Random().randrange(10**6)
    random = Random(seed)
    start = datetime.fromisoformat(day).replace(tzinfo=zone).astimezone(UTC) - timedelta(3)
    moments = [start + number * STEP for number in range(6 * 24 * 12)]
    known = moments[2 * 24 * 12 : -24 * 12]  # what began before the first is unknown to the model
    for number in range(3):
        # Most begin or end near the change, which is in the first hours of the day.
        begins, ends = (random.randrange(0, random.choice((240, 24 * 60)), 5) for _ in range(2))
        ends = 24 * 60 if number == 0 or begins == ends else ends
        # What never ends is looked at for years, from each moment: another test has that.
        most = 6 if (ends - begins) % (24 * 60) == 0 else 7
        each = FrozenHours(
            days=frozenset(random.sample(WEEKDAYS, random.randint(1, most))),
            begins=begins,
            ends=ends,
            zone=zone,
        )
        expected = by_brute_force(each, moments)
        for moment in known:
            found = frozen_at((each,), moment)
            assert expected[moment] is (found is not None), (seed, each, moment.astimezone(zone))
            if found and found.until and found.until in expected:
                assert found.until > moment, seed
                assert not expected[found.until], (seed, each, moment.astimezone(zone))
                assert expected[found.until - STEP], (seed, each, moment.astimezone(zone))


def test_a_freeze_says_when_it_opens_in_whole_seconds() -> None:
    assert str(Frozen(at("2026-12-05T08:00:00.5+01:00"))) == "frozen until 2026-12-05T07:00:01Z"
    assert str(Frozen(at("2026-12-05T08:00:00+01:00"))) == "frozen until 2026-12-05T07:00:00Z"
    assert str(Frozen(None)) == "frozen with no end in sight"
