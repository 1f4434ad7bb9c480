"""Measures of a change: what live users can tell of how many it hurts, counted page by page.

They come of the rules about changes, so that a plan, `validate --against` and a count never
disagree about what hurts. A value is looked at and forgotten; what is told apart by its value is
kept until the count is over, and never shown.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from itertools import chain
from typing import Protocol, assert_never

from reconciler.domain.diff import Alteration
from reconciler.domain.jsontext import Json
from reconciler.domain.manifest import Deprecated, SchemaExtension
from reconciler.domain.patterns import LONGEST_TEXT, compiled
from reconciler.domain.rules.changed_members import pattern_of
from reconciler.domain.rules.changes import CHANGE_RULES
from reconciler.domain.rules.revision import MeasureKind, Revision
from reconciler.domain.scim import (
    Attribute,
    AttributeType,
    Mutability,
    Returned,
    Schema,
    fold,
    known_word,
)
from reconciler.domain.values import compares_exactly, folded, held, is_of_type, text_of


class Risk(StrEnum):
    """The classes of how many are hurt; UNKNOWN where that cannot be counted."""

    NONE = "none"
    SOME = "some"
    MANY = "many"
    UNKNOWN = "unknown"

    @classmethod
    def of(cls, users: int, total: int, many: float) -> "Risk":
        """The class of so many users out of all; from `many` percent on they are many."""
        if not users:
            return cls.NONE
        return cls.MANY if users * 100 >= many * total else cls.SOME

    def exceeds(self, accepted: "Risk") -> bool:
        """Test whether it is more than was accepted, or not known any more."""
        # Who has accepted that it is unknown has accepted any number.
        return accepted is not Risk.UNKNOWN and _ORDER.index(self) > _ORDER.index(accepted)


_ORDER = tuple(Risk)


@dataclass(frozen=True, slots=True, kw_only=True)
class CountedAttribute:
    """The attribute at `path`, whose holders among all resources of a type are to be counted.

    `keys` are the folded names that lead to it, below `schema_id`, `label` is how it is shown.
    `obstacle` says why its values cannot be counted; None where they can.
    """

    schema_id: str
    path: tuple[str, ...]
    keys: tuple[str, ...]
    label: str
    attribute: Attribute
    obstacle: str | None = None

    @property
    def name(self) -> str:
        """`attribute` or `attribute.part`."""
        return ".".join(self.path)

    @property
    def requested(self) -> tuple[str, ...]:
        """The names to request: a part that is returned on request alone needs its own."""
        if len(self.path) == 1:
            return (self.attribute.name,)
        on_request = self.attribute.returned == Returned.REQUEST
        return (self.path[0], self.name) if on_request else (self.path[0],)


@dataclass(frozen=True, slots=True, kw_only=True)
class Measure(CountedAttribute):
    """A change of an attribute: to be counted are those whom it hurts."""

    kind: MeasureKind


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """A measure as it came out; `users` and `of`, all there are, are None where it is unknown."""

    path: str
    kind: MeasureKind
    users: int | None
    of: int | None
    risk: Risk


@dataclass(frozen=True, slots=True, kw_only=True)
class StillHeld:
    """The number of resources that hold what a notice says is deprecated, and of all there are.

    Both are None where they were not counted. Nobody is hurt by that.
    """

    notice: Deprecated
    users: int | None
    of: int | None


def deprecated_of(
    live: Schema | None, extension: SchemaExtension
) -> tuple[tuple[Deprecated, CountedAttribute], ...]:
    """The notices of a manifest about what is live, and the attribute of each."""
    if live is None:
        return ()
    found = []
    for notice in extension.deprecated:
        path = tuple(notice.name.split("."))
        if (attribute := live.at(notice.name)) is not None:
            held_one = CountedAttribute(
                schema_id=extension.schema.id,
                path=path,
                keys=tuple(map(fold, path)),
                label=notice.name,
                attribute=attribute,
                obstacle=_hidden(live, path),
            )
            found.append((notice, held_one))
    return tuple(found)


def measures_of(
    live: Schema | None, extension: SchemaExtension, *, keeps_values: bool = False
) -> tuple[Measure, ...]:
    """The measures of writing an extension over its live managed view, by path and kind.

    Without a live schema nobody holds a value, and there is nothing to count. A service that
    `keeps_values` of what is not live any more holds them against what is new of that name.
    """
    if live is None:
        return ()
    revision = Revision.of_live(live, extension)
    altered = {(each.path, each.member): each for each in revision.alterations}
    found: dict[tuple[str, MeasureKind], Measure] = {}
    for rule, hit in CHANGE_RULES.hits(revision):
        if rule.counts is None:
            continue
        alteration = altered[hit.path, hit.member]
        if rule.counts is MeasureKind.MULTI_VALUED and _is_multi_valued(alteration):
            continue  # a list of one is held by whoever held one
        made = _measure(live, extension, rule.counts, alteration)
        found[fold(made.name), made.kind] = made
    for alteration in revision.alterations if keeps_values else ():
        for kind in _refusals_of(alteration):
            made = _measure(live, extension, kind, alteration)
            found[fold(made.name), made.kind] = made
    return tuple(found[key] for key in sorted(found))


def _refusals_of(alteration: Alteration) -> Iterator[MeasureKind]:
    """The ways in which an attribute that is new refuses a value that was there before it."""
    new = alteration.after
    if new is None or alteration.before is not None:
        return
    if new.canonical_values:
        yield MeasureKind.CANONICAL_VALUES
    if new.type != AttributeType.STRING:
        yield MeasureKind.TYPE


def _is_multi_valued(alteration: Alteration) -> bool:
    return alteration.after is not None and alteration.after.multi_valued


def _measure(
    live: Schema, extension: SchemaExtension, kind: MeasureKind, alteration: Alteration
) -> Measure:
    attribute = alteration.after or alteration.before
    assert attribute is not None  # a rule that counts is about an attribute
    retired = {fold(stone.name) for stone in extension.retired}
    if kind is MeasureKind.REMOVED and fold(alteration.name) in retired:
        kind = MeasureKind.RETIRED
    return Measure(
        schema_id=extension.schema.id,
        path=alteration.path,
        label=alteration.name,
        keys=(*map(fold, alteration.path[:-1]), attribute.key),
        kind=kind,
        attribute=attribute,
        obstacle=_hidden(live, alteration.path) or _obstacle(kind, attribute),
    )


def _hidden(live: Schema, path: tuple[str, ...]) -> str | None:
    for depth in range(1, len(path) + 1):
        there = live.at(".".join(path[:depth]))
        if there and there.returned == Returned.NEVER:
            return "its values are never returned"
        if there and there.mutability == Mutability.WRITE_ONLY:
            return "its values can only be written"
    return None


def _obstacle(kind: MeasureKind, attribute: Attribute) -> str | None:
    if kind is MeasureKind.TYPE and known_word(attribute.type, AttributeType) is None:
        return "its type is none of RFC 7643"
    if kind is MeasureKind.PATTERN and compiled(pattern_of(attribute) or "") is None:
        return "its pattern has groups, alternatives or more than two open counts"
    return None


class Counts:
    """The counts over all resources of one type, which are added one by one.

    Of a measure those are counted whom it hurts, of any other attribute its holders.

    Attributes of the schema `own` stand in the resource itself.
    """

    def __init__(self, measures: Iterable[CountedAttribute], *, own: str | None = None) -> None:
        self.total = 0
        self._own = None if own is None else fold(own)
        self._seen: set[tuple[str, tuple[str, ...]]] = set()
        self._tallies = {each: _tally(each) for each in measures if each.obstacle is None}
        self._read: dict[str, dict[tuple[str, ...], list[_Tally]]] = {}
        for measure, tally in self._tallies.items():
            attributes = self._read.setdefault(fold(measure.schema_id), {})
            attributes.setdefault(measure.keys, []).append(tally)

    def add(self, resource: Json) -> None:
        """Count one resource, as the service gives it."""
        members = resource if isinstance(resource, Mapping) else {}
        found = {key: value for name, value in members.items() if (key := fold(name)) in self._read}
        if self._own in self._read:
            found[self._own] = members
        for schema_key, attributes in self._read.items():
            extension = folded(found.get(schema_key), max(map(len, attributes)))
            for keys, tallies in attributes.items():
                values = held(extension, keys)
                if any(values):
                    self._seen.add((schema_key, keys))
                for tally in tallies:
                    tally.add(self.total, values)
        self.total += 1

    def has_seen(self, measure: CountedAttribute) -> bool:
        """Test whether any resource held a value of the attribute."""
        return (fold(measure.schema_id), measure.keys) in self._seen

    def users(self, measure: CountedAttribute) -> int | None:
        """The number of those that were to be counted; None where that cannot be said."""
        tally = self._tallies.get(measure)
        return tally.users() if tally else None

    def measured(self, measure: Measure, *, many: float) -> Measured:
        """A measure as it came out; `many` is the percentage from which on they are many."""
        users = self.users(measure)
        return (
            unmeasured(measure)
            if users is None
            else Measured(
                path=measure.label,
                kind=measure.kind,
                users=users,
                of=self.total,
                risk=Risk.of(users, self.total, many),
            )
        )


def unmeasured(measure: Measure) -> Measured:
    """A measure that could not be counted."""
    return Measured(path=measure.label, kind=measure.kind, users=None, of=None, risk=Risk.UNKNOWN)


_Values = list[list[Json]]  # of one attribute in one resource, for each holder of it


class _Tally(Protocol):
    def add(self, user: int, values: _Values) -> None: ...

    def users(self) -> int | None: ...


def _tally(measure: CountedAttribute) -> _Tally:
    if not isinstance(measure, Measure):
        return _Users(any)
    attribute = measure.attribute
    tally: _Tally
    match measure.kind:
        case MeasureKind.REQUIRED:
            tally = _Users(lambda values: not all(values))
        case MeasureKind.MULTI_VALUED:
            tally = _Users(lambda values: any(len(each) > 1 for each in values))
        case MeasureKind.REMOVED | MeasureKind.RETIRED:
            tally = _Users(any)
        case MeasureKind.TYPE:
            kind = AttributeType(attribute.type)
            tally = _Users(
                lambda values: not all(is_of_type(value, kind) for value in _flat(values))
            )
        case MeasureKind.CANONICAL_VALUES:
            tally = _Users(_outside(attribute))
        case MeasureKind.PATTERN:
            tally = _Users(_mismatch(attribute))
        case MeasureKind.UNIQUENESS:
            tally = _SharedValues(exact=compares_exactly(attribute))
        case MeasureKind.CASE_EXACT:
            tally = _OtherSpellings()
        case _:
            assert_never(measure.kind)
    return tally


def _flat(values: _Values) -> Iterator[Json]:
    return chain.from_iterable(values)


def _spelling(value: Json, *, exact: bool) -> str:
    """A value as it is told from others, by case or without."""
    return text_of(value) if exact else text_of(value).casefold()


def _outside(attribute: Attribute) -> Callable[[_Values], bool]:
    exact = compares_exactly(attribute)
    allowed = {_spelling(text, exact=exact) for text in attribute.canonical_values}

    def concerns(values: _Values) -> bool:
        return any(_spelling(value, exact=exact) not in allowed for value in _flat(values))

    return concerns


def _mismatch(attribute: Attribute) -> Callable[[_Values], bool | None]:
    pattern = compiled(pattern_of(attribute) or "")
    assert pattern is not None  # else the measure has an obstacle

    def concerns(values: _Values) -> bool | None:
        texts = [text_of(value) for value in _flat(values)]
        if any(len(text) > LONGEST_TEXT for text in texts):
            return None
        return not all(pattern.fullmatch(text) for text in texts)

    return concerns


class _Users:
    """The users of whom something is true; None where that cannot be said of one."""

    def __init__(self, concerns: Callable[[_Values], bool | None]) -> None:
        self._concerns = concerns
        self._number: int | None = 0

    def add(self, _user: int, values: _Values) -> None:
        found = self._concerns(values)
        if self._number is not None:
            self._number = None if found is None else self._number + found

    def users(self) -> int | None:
        return self._number


class _SharedValues:
    """The users who hold a value that another one holds, too."""

    def __init__(self, *, exact: bool) -> None:
        self._exact = exact
        self._first: dict[str, int] = {}
        self._found: set[int] = set()

    def add(self, user: int, values: _Values) -> None:
        for value in _flat(values):
            first = self._first.setdefault(_spelling(value, exact=self._exact), user)
            if first != user:
                self._found |= {first, user}

    def users(self) -> int:
        return len(self._found)


class _OtherSpellings:
    """The users who hold a text of which another spelling, by case alone, is held as well."""

    def __init__(self) -> None:
        self._users: dict[str, dict[str, list[int]]] = {}

    def add(self, user: int, values: _Values) -> None:
        for value in _flat(values):
            text = text_of(value)
            self._users.setdefault(text.casefold(), {}).setdefault(text, []).append(user)

    def users(self) -> int:
        groups = (spellings for spellings in self._users.values() if len(spellings) > 1)
        return len({user for spellings in groups for each in spellings.values() for user in each})
