"""Adoption: the number of users who hold a value of an attribute, and what it says."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import NamedTuple

from reconciler.domain.jsontext import Json
from reconciler.domain.manifest import SchemaExtension
from reconciler.domain.scim import (
    Attribute,
    AttributeType,
    Mutability,
    Returned,
    Schema,
    fold,
    known_word,
)
from reconciler.domain.values import is_present

YOUNG = 30.0  # days after a deployment in which nobody need hold a value
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9$_-]{0,99}")  # RFC 7643 section 2.1
_MOST_UNKNOWN = 50  # names of one schema that nobody has declared, which a service may make up


class CountMethod(StrEnum):
    """The way to a figure: the service's own filter, all pages, or some of them."""

    FILTER = "filter"
    PAGES = "pages"
    SAMPLE = "sample"


@dataclass(frozen=True, slots=True, kw_only=True)
class Count:
    """The holders of an attribute among `total` resources, which are all but for a sample."""

    holders: int
    total: int
    method: CountMethod


@dataclass(frozen=True, slots=True, kw_only=True)
class SampleKey:
    """One attribute of one tenant, dotted below its schema."""

    tenant: str
    resource_type: str
    schema_id: str
    attribute: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """A count as it is kept; `measured_at` is UTC, RFC 3339 with milliseconds."""

    key: SampleKey
    count: Count
    measured_at: str


class DatedSample(NamedTuple):
    """A sample as a trend over many tenants needs it; `date` is that of its day, UTC."""

    tenant: str
    schema_id: str
    attribute: str
    date: str
    holders: int
    total: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SampleHistory:
    """What is kept of one attribute: its first sample, the first with a holder, and the newest."""

    first_at: str
    first_value: str | None
    newest: Sample

    def of_tenant(self, name: str) -> "SampleHistory":
        """The same under that name of its tenant."""
        if name == self.newest.key.tenant:
            return self
        key = replace(self.newest.key, tenant=name)
        return replace(self, newest=replace(self.newest, key=key))

    def joined(self, other: "SampleHistory") -> "SampleHistory":
        """The history of an attribute whose tenant has had another name."""
        values = [each for each in (self.first_value, other.first_value) if each is not None]
        return SampleHistory(
            first_at=min(self.first_at, other.first_at),
            first_value=min(values, default=None),
            newest=max(self.newest, other.newest, key=lambda sample: sample.measured_at),
        )


class Declaration(StrEnum):
    """The place of a live attribute in the manifests."""

    DECLARED = "declared"
    UNDECLARED = "undeclared"
    RETIRED = "retired"


class AdoptionVerdict(StrEnum):
    """What a count says of an attribute."""

    FILLING = "filling"
    FILLED = "filled"
    NEVER_FILLED = "never filled"
    UNDECLARED = "undeclared"
    ORPHANED = "orphaned"


@dataclass(frozen=True, slots=True, kw_only=True)
class AttributePast:
    """When an attribute is first known to be deployed, and when a holder was first counted."""

    since: str | None
    first_value: str | None

    @classmethod
    def of(
        cls,
        deployed: str | None,
        history: SampleHistory | None,
        count: Count | None,
        measured_at: str,
    ) -> "AttributePast":
        """By the trail, by what is kept of it, and by a count of that time."""
        # What was counted before was there, whoever deployed it.
        counted = history.first_at if history is not None else None
        first_value = history.first_value if history is not None else None
        if first_value is None and count is not None and count.holders:
            first_value = measured_at
        known = (each for each in (deployed, counted) if each is not None)
        return cls(since=min(known, default=None), first_value=first_value)

    def verdict(
        self, declaration: Declaration, count: Count | None, at: datetime
    ) -> AdoptionVerdict | None:
        """The verdict on a count at that time; None where it says nothing."""
        age = None
        if self.since is not None:
            age = (at - datetime.fromisoformat(self.since)) / timedelta(days=1)
        has_been_filled = self.first_value is not None
        return verdict(declaration, count, age=age, has_been_filled=has_been_filled)


def verdict(
    declaration: Declaration, count: Count | None, *, age: float | None, has_been_filled: bool
) -> AdoptionVerdict | None:
    """The verdict on a count; None where there is none, or it says nothing.

    `age` is how many days the attribute is known to be deployed. A sample shows neither that
    everybody holds a value nor that nobody does.
    """
    if count is None:
        return None
    if declaration is not Declaration.DECLARED:
        wrong = {
            Declaration.RETIRED: AdoptionVerdict.ORPHANED,
            Declaration.UNDECLARED: AdoptionVerdict.UNDECLARED,
        }
        return wrong[declaration] if count.holders else None
    whole = count.method is not CountMethod.SAMPLE
    if count.holders:
        return (
            AdoptionVerdict.FILLED
            if whole and count.holders == count.total
            else AdoptionVerdict.FILLING
        )
    if not count.total or not whole:
        return None
    is_old = age is not None and age >= YOUNG
    return (
        AdoptionVerdict.NEVER_FILLED if is_old and not has_been_filled else AdoptionVerdict.FILLING
    )


class Direction(StrEnum):
    """The way a share has gone."""

    UP = "up"
    DOWN = "down"
    STEADY = "steady"


def direction(before: Count, now: Count) -> Direction | None:
    """The way from one share to another; None where one of them is of nobody."""
    if not before.total or not now.total:
        return None
    was, came = before.holders * now.total, now.holders * before.total
    if came == was:
        return Direction.STEADY
    return Direction.UP if came > was else Direction.DOWN


def declarations(extension: SchemaExtension | None) -> Callable[[str], Declaration]:
    """The place in a manifest of each name, dotted for a part; None for no manifest at all."""
    retired = {fold(each.name) for each in extension.retired} if extension else set[str]()

    def of(name: str) -> Declaration:
        if extension is not None and extension.schema.at(name) is not None:
            return Declaration.DECLARED
        # The parts of what is retired are retired with it.
        is_retired = not retired.isdisjoint((fold(name), fold(name).split(".")[0]))
        return Declaration.RETIRED if is_retired else Declaration.UNDECLARED

    return of


@dataclass(frozen=True, slots=True, kw_only=True)
class Countable:
    """An attribute whose holders are counted, dotted below its schema.

    `attribute` and `above`, that of which it is a part, are as the live schema has them; a service
    may hold values of what its schema does not name any more. `obstacle` says why no page can show
    them; None where the schema alone says whether one can.
    """

    name: str
    declaration: Declaration
    attribute: Attribute | None = None
    above: Attribute | None = None
    obstacle: str | None = None

    @property
    def shape(self) -> tuple[bool, ...]:
        """Of two attributes of the same shape a filter that is right of one is right of the other.

        What services get wrong: parts, lists, objects, and false and 0, which are values.
        """
        known = [each for each in (self.above, self.attribute) if each is not None]
        types = {known_word(each.type, AttributeType) for each in known[-1:]}
        return (
            "." in self.name,
            any(each.multi_valued for each in known),
            AttributeType.COMPLEX in types,
            AttributeType.BOOLEAN in types,
            not types.isdisjoint({AttributeType.INTEGER, AttributeType.DECIMAL}),
        )

    @property
    def is_shown(self) -> bool:
        """True where a page can hold its values."""
        return self.obstacle is None and not any(
            known_word(each.returned, Returned) == Returned.NEVER
            or known_word(each.mutability, Mutability) == Mutability.WRITE_ONLY
            for each in (self.above, self.attribute)
            if each is not None
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class CountableSchema:
    """The attributes of one schema whose holders are counted.

    Where it is the resource's `own`, they stand in the resource itself.
    """

    schema_id: str
    countables: tuple[Countable, ...]
    own: bool = False
    hides: Callable[[str], bool] = field(default=lambda _: False, compare=False, repr=False)
    declaration_of: Callable[[str], Declaration] = field(
        default=lambda _: Declaration.UNDECLARED, compare=False, repr=False
    )

    @classmethod
    def of(
        cls, live: Schema, extension: SchemaExtension | None, *, own: bool = False
    ) -> "CountableSchema":
        """All that is live, held against its manifest, and what the manifest has retired."""
        declaration_of = declarations(extension)
        found: list[Countable] = []
        for attribute in live.attributes:
            for each in (attribute, *attribute.sub_attributes):
                above = None if each is attribute else attribute
                name = each.name if above is None else f"{above.name}.{each.name}"
                found.append(
                    Countable(
                        name=name, declaration=declaration_of(name), attribute=each, above=above
                    )
                )
        known = {fold(each.name) for each in found}
        retired = {fold(each.name): each.name for each in extension.retired} if extension else {}
        found += [
            Countable(name=name, declaration=Declaration.RETIRED)
            for key, name in retired.items()
            if key not in known
        ]
        return cls(
            schema_id=live.id, countables=tuple(found), own=own, declaration_of=declaration_of
        )

    @property
    def fields(self) -> list[str]:
        """The names that a request for pages has in `attributes`, beside `id`."""
        tops = [each for each in self.countables if "." not in each.name]
        if self.own:
            return [each.name for each in tops]
        # What is returned on request alone is not requested by the URN (RFC 7643 section 2.2).
        requested = (
            f"{self.schema_id}:{each.name}"
            for each in tops
            if each.attribute is not None
            and known_word(each.attribute.returned, Returned) == Returned.REQUEST
        )
        return [self.schema_id, *requested]

    def holders(self) -> "Holders":
        """A tally of all of them, in which nobody is counted yet."""
        names = [each.name for each in self.countables]
        return Holders(
            schema_id=self.schema_id,
            names=names,
            own=self.own,
            learns=None if self.own else lambda name: not self.hides(name),
        )

    def without(self, hides: Callable[[str], bool]) -> "CountableSchema":
        """The schema without the names that only the service has and nobody should see."""
        return replace(
            self,
            countables=tuple(
                each
                for each in self.countables
                if each.declaration is not Declaration.UNDECLARED or not hides(each.name)
            ),
            hides=hides,
        )

    def with_removed(self, names: Iterable[str]) -> "CountableSchema":
        """The schema with attributes of its manifest that the service has not any more."""
        return replace(
            self,
            countables=self.countables
            + tuple(Countable(name=name, declaration=Declaration.DECLARED) for name in names),
        )

    def obstructed(self, obstacle: Callable[[str], str | None]) -> "CountableSchema":
        """The schema with why no page can show the values of an attribute, by its name."""
        return replace(
            self,
            countables=tuple(
                replace(each, obstacle=obstacle(each.name)) for each in self.countables
            ),
        )

    def with_learnt(self, tallied: Iterable[str]) -> "CountableSchema":
        """The schema with what users hold of it besides, which it does not name."""
        known = {each.name for each in self.countables}
        return replace(
            self,
            countables=self.countables
            + tuple(
                Countable(name=name, declaration=self.declaration_of(name))
                for name in tallied
                if name not in known
            ),
        )


@dataclass(slots=True, repr=False, kw_only=True)
class Holders:
    """The tally of the resources that hold each attribute of one schema; no value is kept.

    `names` are the attributes to tally, dotted below the schema `schema_id`; those that it `learns`
    are tallied from their first holder on, but for their parts. Where it is the resource's `own`
    schema, they stand in the resource itself.
    """

    schema_id: str
    names: Iterable[str]
    own: bool = False
    learns: Callable[[str], bool] | None = None
    resources: int = 0
    _spellings: dict[str, str] = field(init=False)
    _tallies: dict[str, int] = field(init=False)

    def __post_init__(self) -> None:
        self._spellings = {fold(name): name for name in self.names}
        self._tallies = dict.fromkeys(self._spellings.values(), 0)

    def add(self, resources: Iterable[Json]) -> None:
        """Look at the resources of a page, each of which is nobody's twice."""
        for resource in resources:
            self.resources += 1
            for held in self.held(resource):
                self._tallies[held] = self._tallies.get(held, 0) + 1

    def resume(self, resources: int, tallies: Mapping[str, int]) -> None:
        """Go on from an earlier tally of so many resources."""
        self.resources = resources
        self._spellings |= {fold(name): name for name in tallies}
        self._tallies |= tallies

    def held(self, resource: Json) -> frozenset[str]:
        """The attributes of which a resource has a value: `pr` of RFC 7644 section 3.4.2.2."""
        return frozenset(
            self._spellings[fold(path)]
            for holder in self._extensions(resource)
            for path in _present(holder)
            if fold(path) in self._spellings or self._learnt(path)
        )

    @property
    def tallies(self) -> Mapping[str, int]:
        """The number of resources that hold each attribute."""
        return self._tallies

    @property
    def anybody(self) -> bool:
        """True where somebody holds anything of the schema."""
        return any(self._tallies.values())

    def _learnt(self, path: str) -> bool:
        """Take up an attribute that the schema does not name, unless it is none."""
        if self.learns is None or not _NAME.fullmatch(path) or not self.learns(path):
            return False
        if len(self._spellings) >= len(list(self.names)) + _MOST_UNKNOWN:
            return False
        self._spellings[fold(path)] = path
        return True

    def _extensions(self, resource: Json) -> Iterator[Mapping[str, Json]]:
        if not isinstance(resource, Mapping):
            return
        if self.own:
            yield resource
            return
        key = fold(self.schema_id)
        for member, value in resource.items():
            if isinstance(value, Mapping) and fold(member) == key:
                yield value


def _present(holder: Mapping[str, Json]) -> Iterator[str]:
    """The paths that have a value, those of parts too: where one item has it, all do."""
    for name, value in holder.items():
        if is_present(value):
            yield name
            for item in value if isinstance(value, list) else (value,):
                if isinstance(item, Mapping):
                    yield from (f"{name}.{part}" for part in item if is_present(item[part]))


@dataclass(frozen=True, slots=True, kw_only=True)
class AdoptionFigure:
    """The adoption of one attribute; without a count `unknown` says why.

    `since` is when it is first known to be deployed, `first_value` when a holder was first counted,
    `before` an earlier count. `measured_at` is the time of the count, which may be an earlier one.
    """

    schema_id: str
    name: str
    declaration: Declaration
    count: Count | None
    unknown: str | None
    since: str | None
    first_value: str | None
    before: Sample | None
    verdict: AdoptionVerdict | None
    measured_at: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ResourceAdoption:
    """The adoption of all attributes of one resource type of a tenant.

    Without a `resource_type` nothing is deployed, or `error` says why the tenant cannot be read.
    """

    tenant: str
    resource_type: str | None
    total: int | None = None
    attributes: tuple[AdoptionFigure, ...] = ()
    error: str | None = None


def names_schema(resource: Json, schema_id: str) -> bool:
    """Test whether a resource says in `schemas` that it has something of a schema."""
    if not isinstance(resource, Mapping):
        return False
    listed: Sequence[Json] = next(
        (each for name, each in resource.items() if fold(name) == "schemas"), ()
    )
    return isinstance(listed, list) and any(
        isinstance(each, str) and fold(each) == fold(schema_id) for each in listed
    )
