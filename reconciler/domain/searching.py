"""Searchable: whether a service takes a filter on an attribute, and what a run has found of it."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Literal, assert_never

from reconciler.domain.scim import Attribute, Schema, fold


class Searchable(StrEnum):
    """Whether a service takes a filter on what was written; its filters may not be believed."""

    TRUE = "true"
    FALSE = "false"
    UNKNOWN = "unknown"

    def to_json(self) -> bool | Literal["unknown"]:
        """JSON's true and false, and the word for neither."""
        match self:
            case Searchable.TRUE:
                return True
            case Searchable.FALSE:
                return False
            case Searchable.UNKNOWN:
                return "unknown"
            case _:
                assert_never(self)

    @classmethod
    def of_all(cls, found: Iterable["Searchable"]) -> "Searchable":
        """Of several attributes together: one that is not searchable decides, then an unknown."""
        all_of_them = set(found)
        for decisive in (cls.FALSE, cls.UNKNOWN):
            if decisive in all_of_them:
                return decisive
        return cls.TRUE


@dataclass(frozen=True, slots=True, kw_only=True)
class Belief:
    """What a calibration says of the filters of a service, in a word for a person where in doubt.

    `doubt` is the reason why they cannot be believed, or cannot be tried at all; None where nothing
    speaks against them. `proved` is True where a filter with a URN has counted a known holder.
    """

    doubt: str | None = None
    proved: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """The finding about one attribute; `reason` says why it is not searchable, or not known."""

    searchable: Searchable
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Searched:
    """The findings about the new attributes of a change, dotted below their schema.

    `ms` run from the end of its verification to the last answer.
    """

    found: tuple[tuple[str, Found], ...]
    ms: int

    @property
    def searchable(self) -> Searchable:
        """The finding about all of them together."""
        return Searchable.of_all(found.searchable for _, found in self.found)

    @property
    def detail(self) -> str | None:
        """The attributes that cannot be searched for, by reason, for a person; None without any."""
        decisive = self.searchable
        by_reason: dict[str, list[str]] = {}
        for name, found in self.found:
            if found.searchable is decisive is not Searchable.TRUE:
                by_reason.setdefault(found.reason, []).append(name)
        return "; ".join(f"{few(names)}: {why}" for why, names in by_reason.items()) or None


def names_in(schema: Schema) -> tuple[str, ...]:
    """The names of all attributes, and below each those of its parts, as `attribute.part`."""
    return tuple(name for attribute in schema.attributes for name in _names(attribute))


def new_names(desired: Schema, before: Schema | None) -> tuple[str, ...]:
    """The names of those attributes and parts that were not there before."""
    known = set(map(fold, names_in(before))) if before is not None else set()
    return tuple(name for name in names_in(desired) if fold(name) not in known)


def _names(attribute: Attribute, above: str = "") -> Iterator[str]:
    name = f"{above}{attribute.name}"
    yield name
    for part in attribute.sub_attributes:
        yield from _names(part, f"{name}.")


_SHOWN = 5  # attributes that a message names; a schema may have thousands


def few(names: list[str]) -> str:
    """The first names, for a person, and how many more there are."""
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return f"{', '.join(names[:_SHOWN])}{more}"
