"""Sections of a plan: what exactly the same tenants have in common stands once, for all of them.

Two changes are the same where all is that is written, and all that is shown of them. When a schema
was last as desired, how many users a change hurts and how many hold what is deprecated may differ:
of those a section has both ends.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from typing import TYPE_CHECKING, Generic, TypeVar

from reconciler.domain.jsontext import Json

if TYPE_CHECKING:  # they say the shape of JSON
    from reconciler.domain.documents import (
        ChangeDocument,
        DriftDocument,
        MeasureDocument,
        StillHeldDocument,
        TenantDocument,
        Tenants,
    )

Of = TypeVar("Of", str, tuple[int, int])


class Rank(IntEnum):
    """The order of sections: what could not be read, what happens and how grave it is, the rest."""

    UNREADABLE = 1
    RISKY = 2
    UPDATE = 3
    CREATE = 4
    BLOCKED = 5
    DRIFTED = 6
    UNCHANGED = 7


@dataclass(frozen=True, slots=True)
class Extremes(Generic[Of]):
    """The least and the greatest value that tenants have, each with a tenant that has it."""

    least: Of
    least_in: str
    greatest: Of
    greatest_in: str

    def with_(self, value: Of, tenant: str) -> Extremes[Of]:
        """The same with the value of another tenant."""
        if value < self.least:
            return Extremes(value, tenant, self.greatest, self.greatest_in)
        if value > self.greatest:
            return Extremes(self.least, self.least_in, value, tenant)
        return self


@dataclass(frozen=True, slots=True)
class Differing:
    """What of a change differs between the tenants of a section.

    `since` is when the trail last has the schema as desired, None where it has not. `users` are,
    for each measure of the change, how many users are hurt out of how many; None where not counted.
    `holders` are likewise those of each deprecated attribute.
    """

    since: Extremes[str] | None
    users: _Users = ()
    holders: _Users = ()


_Users = tuple[Extremes[tuple[int, int]] | None, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """What exactly these tenants have in common, the first of them being number `first` of a plan.

    `changes` are the places of changes among those of the first, `unmanaged` are by their ids.
    """

    tenants: tuple[str, ...]
    first: int
    rank: Rank
    error: str | None
    frozen: str | None
    warnings: tuple[str, ...]
    changes: Mapping[int, Differing]
    unmanaged: Mapping[str, Extremes[str] | None]


def sections(tenants: Tenants) -> tuple[Section, ...]:
    """Divide a plan; the gravest section is the first, then the order of the tenants counts."""
    names: list[str] = []
    items: dict[object, _Item] = {}
    for number, tenant in enumerate(tenants):
        names.append(tenant["name"])
        times = Counter[object]()  # a plan that somebody has edited may say a thing twice
        for key, found in _items(tenant):
            item = items.setdefault((key, times[key]), found)
            item.tenants.append(number)
            item.widen(found, tenant["name"])
            times[key] += 1
    divided: dict[tuple[int, ...], list[_Item]] = {}
    for item in items.values():
        divided.setdefault(tuple(item.tenants), []).append(item)
    made = (_section(numbers, found, names) for numbers, found in divided.items())
    return tuple(sorted(made, key=lambda section: (section.rank, section.first)))


@dataclass(slots=True)
class _Item:
    """A piece of a plan: a change by its place, an unmanaged id, a warning, a freeze, an error."""

    rank: Rank
    change: int | None = None
    unmanaged: str | None = None
    warning: str | None = None
    frozen: str | None = None
    error: str | None = None
    since: Extremes[str] | None = None
    users: _Users = ()
    holders: _Users = ()
    tenants: list[int] = field(default_factory=list)

    def widen(self, other: _Item, tenant: str) -> None:
        """Take in what another tenant has of the same piece."""
        if self.since is not None and other.since is not None:
            self.since = self.since.with_(other.since.least, tenant)
        self.users = _widened(self.users, other.users, tenant)
        self.holders = _widened(self.holders, other.holders, tenant)


def _widened(these: _Users, those: _Users, tenant: str) -> _Users:
    return tuple(
        one.with_(another.least, tenant) if one and another else None
        for one, another in zip(these, those, strict=True)
    )


def _items(tenant: TenantDocument) -> Iterator[tuple[object, _Item]]:
    name, rest = tenant["name"], Rank.UNCHANGED
    if "frozen_until" in tenant:
        from reconciler.domain.freeze import frozen_text  # few tenants have a freeze

        text = frozen_text(tenant["frozen_until"])
        yield ("frozen", text), _Item(rest, frozen=text)
    dated = {each["schema_id"]: each for each in tenant["drift"] if each["since"] is not None}
    for warning in tenant["warnings"]:
        yield ("warning", warning), _Item(rest, warning=warning)
    if (error := tenant["error"]) is not None:
        yield ("error", error), _Item(Rank.UNREADABLE, error=error)
    for place, change in enumerate(tenant["changes"]):
        drift = dated.get(change["schema_id"])
        item = _Item(
            _rank(change),
            change=place,
            since=_since(drift, name),
            users=tuple(_users(each, name) for each in change.get("impact", ())),
            holders=tuple(_users(each, name) for each in change.get("deprecated", ())),
        )
        yield _identity(change, drift), item
    for urn in tenant["unmanaged"]:
        drift = dated.get(urn)
        item = _Item(rest, unmanaged=urn, since=_since(drift, name))
        yield ("unmanaged", urn, drift is not None), item
    if not (tenant["warnings"] or tenant["changes"] or tenant["unmanaged"] or error is not None):
        yield "nothing", _Item(rest)


def _users(
    counted: MeasureDocument | StillHeldDocument, tenant: str
) -> Extremes[tuple[int, int]] | None:
    users, of = counted["users"], counted["of"]
    if users is None or of is None:
        return None
    return Extremes((users, of), tenant, (users, of), tenant)


def _since(drift: DriftDocument | None, tenant: str) -> Extremes[str] | None:
    if drift is None or (since := drift["since"]) is None:
        return None
    return Extremes(since, tenant, since, tenant)


def _rank(change: ChangeDocument) -> Rank:
    action = change["action"]
    if action == "blocked":
        return Rank.BLOCKED
    if action == "skip":
        return Rank.DRIFTED if change["reason"] == "drifted" else Rank.UNCHANGED
    hurt = any(measure["risk"] in ("many", "unknown") for measure in change.get("impact", ()))
    if hurt or set(change["kinds"]) - {"additive"}:
        return Rank.RISKY
    return Rank.UPDATE if action == "update" else Rank.CREATE


def _identity(change: ChangeDocument, drift: DriftDocument | None) -> bytes:
    """Equal for changes of which nothing differs but what an item keeps for itself.

    What is live counts where it is written over; of other changes its differences are shown.
    """
    written = change["action"] in ("create", "update")
    left_out = _OF_A_TENANT if written else (*_OF_A_TENANT, "before", "live_fingerprint")
    same: dict[str, Json] = {name: each for name, each in change.items() if name not in left_out}
    same["drift"] = drift and drift["kind"]
    same["measures"] = [
        [each["path"], each["kind"], each["risk"], each["users"] is None, each["of"] is None]
        for each in change.get("impact", ())
    ]
    same["held"] = [
        [each["path"], each["since"], each["use"], each["reason"], _users(each, "") is None]
        for each in change.get("deprecated", ())
    ]
    # To the letter: canonical JSON has one spelling for 1 and 1.0.
    return hashlib.sha256(json.dumps(same).encode()).digest()


_OF_A_TENANT = ("id", "impact", "deprecated")


def _section(numbers: tuple[int, ...], items: list[_Item], names: list[str]) -> Section:
    return Section(
        tenants=tuple(names[number] for number in numbers),
        first=numbers[0],
        rank=min(item.rank for item in items),
        error=next((item.error for item in items if item.error is not None), None),
        frozen=next((item.frozen for item in items if item.frozen is not None), None),
        warnings=tuple(item.warning for item in items if item.warning is not None),
        changes={
            item.change: Differing(item.since, item.users, item.holders)
            for item in items
            if item.change is not None
        },
        unmanaged={item.unmanaged: item.since for item in items if item.unmanaged is not None},
    )
