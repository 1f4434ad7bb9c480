"""`spec.freeze` of a Tenant → Freeze, and its faults; it alone reads the database of time zones.

docs/decisions.md, "A freeze is judged when a write is about to begin".
"""

from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, date, datetime, tzinfo
from functools import cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from reconciler.domain.freeze import Freeze, FrozenHours, FrozenPeriod, Weekday
from reconciler.domain.jsontext import Json
from reconciler.domain.messages import nearest
from reconciler.domain.rules import Fault

_NOT_IANA = ("localtime", "posixrules", "Factory")  # what a machine has beside the database
_DAY = (0, 24 * 60)


def freeze_of(entries: Iterable[Mapping[str, Json]]) -> Freeze:
    """The freeze that entries without faults stand for."""
    return tuple(map(_entry, entries))


def freeze_faults(entries: Iterable[Mapping[str, Json]]) -> Iterator[Fault]:
    """The faults of entries of the right shape, each below `spec.freeze`."""
    for index, entry in enumerate(entries):
        faults = [
            Fault(("spec", "freeze", index, member), message)
            for member in ("zone", "from", "to", "hours")
            if member in entry and (message := _wrong(member, entry[member])) is not None
        ]
        yield from faults
        if faults or "from" not in entry:
            continue
        period = _period(entry)
        if period.ends <= period.begins:
            yield Fault(
                ("spec", "freeze", index, "to"),
                "it is over before it begins; a date counts to its end, a time does not count",
            )


def _wrong(member: str, text: str) -> str | None:
    match member:
        case "zone":
            if _zone(text) is None:
                meant = nearest(text, sorted(available_timezones().difference(_NOT_IANA)))
                advice = f"did you mean {meant}?" if meant else "Europe/Berlin would be one"
                return f"no name of the IANA time zone database; {advice}"
        case "hours":
            begins, ends = _hours(text)
            if begins == ends:
                return "it begins when it ends; leave hours out for the whole day"
        case _:
            if _moment(text) is None:
                return "no such date or time; months and days begin at 01, seconds end at 59"
    return None


def _entry(entry: Mapping[str, Json]) -> FrozenPeriod | FrozenHours:
    if "from" in entry:
        return _period(entry)
    begins, ends = _hours(entry["hours"]) if "hours" in entry else _DAY
    zone = _zone(entry["zone"])
    assert zone is not None  # an entry without faults
    return FrozenHours(
        days=frozenset(map(Weekday, entry["days"])), begins=begins, ends=ends, zone=zone
    )


def _period(entry: Mapping[str, Json]) -> FrozenPeriod:
    begins, ends = _moment(entry["from"]), _moment(entry["to"])
    zone = _zone(entry["zone"]) if "zone" in entry else UTC
    assert begins is not None
    assert ends is not None
    assert zone is not None
    return FrozenPeriod.between(begins, ends, zone)


def _hours(text: str) -> tuple[int, int]:
    """The minutes after midnight of both times."""
    begins, ends = (
        int(hour) * 60 + int(minute)
        for hour, _, minute in (each.partition(":") for each in text.split("-"))
    )
    return begins, ends


def _moment(text: str) -> date | None:
    """The date or the time that a text of the right shape stands for; None where there is none."""
    read = date.fromisoformat if len(text) == len("2026-12-20") else datetime.fromisoformat
    try:
        return read(text.upper())
    except ValueError:
        return None


@cache
def _zone(name: str) -> tzinfo | None:
    if name in _NOT_IANA or name.startswith(("posix/", "right/")):
        return None
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return None
