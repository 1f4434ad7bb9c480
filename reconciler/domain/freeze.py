"""Freezes: the times at which nothing is written to a tenant, and when each is over."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from enum import StrEnum
from typing import assert_never

_MINUTE = timedelta(minutes=1)
_STEPS = 400  # stretches in a row after which no end is in sight
_FAR = 3000  # a year that stands for no end
_FOREVER = datetime.max.replace(tzinfo=UTC)


class Weekday(StrEnum):
    """The days of the week, as a manifest writes them, in their order."""

    MON = "mon"
    TUE = "tue"
    WED = "wed"
    THU = "thu"
    FRI = "fri"
    SAT = "sat"
    SUN = "sun"


@dataclass(frozen=True, slots=True)
class FrozenPeriod:
    """`{from, to}`: from one moment up to another."""

    begins: datetime
    ends: datetime

    @classmethod
    def between(cls, begins: date, ends: date, zone: tzinfo) -> "FrozenPeriod":
        """The period between moments, or whole days of the zone, the last one included."""
        if not isinstance(begins, datetime):
            begins = _first(datetime.combine(begins, time()), zone)
        if ends.year >= _FAR:
            return cls(begins, _FOREVER)
        if not isinstance(ends, datetime):
            ends = _last(datetime.combine(ends, time()) + timedelta(1), zone)
        return cls(begins, ends)


@dataclass(frozen=True, slots=True, kw_only=True)
class FrozenHours:
    """`{days, hours, zone}`: hours of some days of the week, by the clocks of a zone.

    `begins` and `ends` are minutes after midnight; where it ends no later than it begins, it ends
    on the day after. It begins when the clocks first show its begin or go past it, and ends when
    they last show its end.
    """

    days: frozenset[Weekday]
    begins: int
    ends: int
    zone: tzinfo


Freeze = tuple[FrozenPeriod | FrozenHours, ...]
"""The freezes of one tenant; they may overlap."""


@dataclass(frozen=True, slots=True)
class Frozen:
    """A time of a freeze; `until` is when it is over, None where no end is in sight."""

    until: datetime | None

    def __str__(self) -> str:
        return frozen_text(self.opens)

    @property
    def opens(self) -> str | None:
        """The end of it, RFC 3339, UTC; what is left of a second counts as one."""
        if self.until is None:
            return None
        at = self.until.astimezone(UTC)
        whole = at.replace(microsecond=0) + timedelta(seconds=at.microsecond > 0)
        return f"{whole:%Y-%m-%dT%H:%M:%SZ}"


def frozen_text(opens: str | None) -> str:
    """A freeze in words, by when it is over, if that is known."""
    return f"frozen until {opens}" if opens is not None else "frozen with no end in sight"


def frozen_at(freeze: Freeze, now: datetime) -> Frozen | None:
    """The time of a freeze that a moment belongs to, with all that follows without a gap."""
    at = now
    for _ in range(_STEPS):
        if at == _FOREVER:
            break
        ends = [
            ends for each in freeze for begins, ends in _stretches(each, at) if begins <= at < ends
        ]
        if not ends:
            return None if at == now else Frozen(at)
        at = max(ends)
    return Frozen(None)


def _stretches(
    freeze: FrozenPeriod | FrozenHours, at: datetime
) -> Iterator[tuple[datetime, datetime]]:
    """The begin and the end of all that may hold a moment."""
    match freeze:
        case FrozenPeriod(begins, ends):
            yield begins, ends
        case FrozenHours(days=days, begins=begins_at, ends=ends_at, zone=zone):
            today, weekdays = at.astimezone(zone).date(), list(Weekday)
            for number in (-2, -1, 0):
                day = today + timedelta(number)
                if weekdays[day.weekday()] in days:
                    midnight = datetime.combine(day, time())
                    ends_on = midnight + timedelta(ends_at <= begins_at)
                    begin = _first(midnight + begins_at * _MINUTE, zone)
                    yield begin, _last(ends_on + ends_at * _MINUTE, zone)
        case _:
            assert_never(freeze)


def _first(wall: datetime, zone: tzinfo) -> datetime:
    """The moment at which the clocks of a zone first show a time, or go past it."""
    early, late = _both(wall, zone)
    return early if early <= late else _jump(late, early, zone)


def _last(wall: datetime, zone: tzinfo) -> datetime:
    """The moment up to which the clocks of a zone show times that are earlier than this one."""
    early, late = _both(wall, zone)
    if early > late:
        return _jump(late, early, zone)
    # Where the clocks go back to this very time, nothing that is earlier comes again.
    before = _both(wall - _MINUTE, zone)
    return late if before[0] < before[1] else early


def _both(wall: datetime, zone: tzinfo) -> tuple[datetime, datetime]:
    """The moments of a time that comes twice; of one that never comes the later one is first."""
    early, late = (wall.replace(tzinfo=zone, fold=fold).astimezone(UTC) for fold in (0, 1))
    return early, late


def _jump(before: datetime, after: datetime, zone: tzinfo) -> datetime:
    """The moment between two others at which the clocks of a zone go forward."""
    offset = before.astimezone(zone).utcoffset()
    while after - before > timedelta(seconds=1):
        middle = before + (after - before) // timedelta(seconds=2) * timedelta(seconds=1)
        if middle.astimezone(zone).utcoffset() == offset:
            before = middle
        else:
            after = middle
    return after
