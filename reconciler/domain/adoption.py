"""Adoption: the number of users who hold a value of an attribute, and what it says."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from reconciler.domain.jsontext import Json
from reconciler.domain.scim import fold
from reconciler.domain.values import is_present


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


@dataclass(frozen=True, slots=True, kw_only=True)
class SampleHistory:
    """What is kept of one attribute: its first sample, the first with a holder, and the newest."""

    first_at: str
    first_value: str | None
    newest: Sample


@dataclass(slots=True, repr=False, kw_only=True)
class Holders:
    """The tally of the resources that hold each attribute of one schema; no value is kept.

    `names` are the attributes to tally, dotted below the schema `schema_id`. Where it is the
    resource's `own` schema, they stand in the resource itself.
    """

    schema_id: str
    names: Iterable[str]
    own: bool = False
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
                self._tallies[held] += 1

    def held(self, resource: Json) -> frozenset[str]:
        """The attributes of which a resource has a value: `pr` of RFC 7644 section 3.4.2.2."""
        return frozenset(
            self._spellings[path]
            for holder in self._extensions(resource)
            for path in _present(holder)
            if path in self._spellings
        )

    @property
    def tallies(self) -> Mapping[str, int]:
        """The number of resources that hold each attribute."""
        return self._tallies

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
    """The folded paths that have a value, those of parts too: where one item has it, all do."""
    for name, value in holder.items():
        if is_present(value):
            yield fold(name)
            for item in value if isinstance(value, list) else (value,):
                if isinstance(item, Mapping):
                    yield from (
                        f"{fold(name)}.{fold(part)}" for part in item if is_present(item[part])
                    )
