"""Lifecycle: how far an attribute has come, from its place in a manifest to its tombstone."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import assert_never

from reconciler.domain.canary import CanaryResult
from reconciler.domain.manifest import SchemaExtension
from reconciler.domain.scim import Schema, fold
from reconciler.domain.searching import Found, Searchable


class AttributeStage(StrEnum):
    """The stages of an attribute of one tenant, in their order."""

    DECLARED = "declared"  # a manifest names it
    DEPLOYED = "deployed"  # it was read back there as desired
    AVAILABLE = "available"  # it is bound, and the service takes a filter on it
    DEPRECATED = "deprecated"  # nobody should begin to use it
    RETIRED = "retired"  # it is gone, and its name is not to be used again


@dataclass(frozen=True, slots=True, kw_only=True)
class Deployment:
    """A record that a schema was as desired: after a change, adopted, or first seen so.

    `attributes` are the folded names that it had then, dotted for parts; None where the trail does
    not know them. `at` is RFC 3339.
    """

    at: str
    attributes: frozenset[str] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Search:
    """A record of whether attributes are searchable; `detail` says what was found, for a person.

    `found` is by folded name. An older store has none, and its finding is about all that came with
    the deployment before it.
    """

    at: str
    searchable: Searchable
    detail: str = ""
    found: Mapping[str, Searchable] | None = None

    def about(self, new: Iterable[str]) -> Iterable[tuple[str, Searchable]]:
        """The finding about each attribute; `new` are those that came last."""
        return (self.found or dict.fromkeys(new, self.searchable)).items()


@dataclass(frozen=True, slots=True, kw_only=True)
class CanaryEnd:
    """A record of what became of values that were written to a test user, by attribute."""

    at: str
    results: Mapping[str, CanaryResult]


Course = Sequence[Deployment | Search | CanaryEnd]
"""What the trail has of one schema of a tenant, in its order."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FleetCourses:
    """The courses of a fleet by tenant and folded id, and the schemas that they name.

    `schemas` are by fingerprint: those of today, and what was written earlier.
    """

    courses: Mapping[tuple[str, str], Course] = field(default_factory=dict)
    schemas: Mapping[str, Schema] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Lifecycle:
    """The stage of an attribute, and since when it has been at each: times of the trail, RFC 3339.

    `deprecated` is a date and `retired` what the manifest says. None where the attribute was never
    there, or the trail does not know.
    """

    stage: AttributeStage
    deployed: str | None = None
    available: str | None = None
    deprecated: str | None = None
    retired: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AttributeTimes:
    """The times of an attribute, RFC 3339; None for never.

    When it was there for the first time, since when it is there now, and when it was found
    searchable after that.
    """

    first: str | None = None
    deployed: str | None = None
    available: str | None = None


def times_in(course: Course) -> Mapping[str, AttributeTimes]:
    """The times of each attribute that was ever there, by folded name."""
    first: dict[str, str] = {}
    deployed: dict[str, str] = {}
    available: dict[str, str] = {}
    for record, new in _with_new(course):
        match record:
            case Deployment(at=at, attributes=attributes) if attributes is not None:
                first = dict.fromkeys(attributes, at) | first
                deployed = {name: deployed.get(name, at) for name in attributes}
                available = {name: of for name, of in available.items() if name in attributes}
            case Search(at=at):
                found = (name for name, of in record.about(new) if of is Searchable.TRUE)
                available = {name: at for name in found if name in deployed} | available
            case Deployment() | CanaryEnd():
                pass
            case _:
                assert_never(record)
    return {
        name: AttributeTimes(first=at, deployed=deployed.get(name), available=available.get(name))
        for name, at in first.items()
    }


def lifecycle(
    attribute: str,
    extension: SchemaExtension,
    times: Mapping[str, AttributeTimes],
    *,
    today: str,
) -> Lifecycle | None:
    """The lifecycle of an attribute, dotted for a part; None where the manifest does not know it.

    What is said of an attribute holds for its parts. `times` are those of `times_in`, `today` is a
    date, RFC 3339.
    """
    known = times.get(fold(attribute), AttributeTimes())
    deployed, available = known.deployed, known.available
    if extension.schema.at(attribute) is None:
        for stone in extension.retired:
            if _covers(stone.name, attribute):
                return Lifecycle(
                    stage=AttributeStage.RETIRED,
                    deployed=deployed,
                    available=available,
                    retired=stone.since,
                )
        return None
    notices = [n.since for n in extension.deprecated if _covers(n.name, attribute)]
    deprecated = min(notices, default=None)
    if deprecated is not None and deprecated <= today:
        stage = AttributeStage.DEPRECATED
    elif available is not None:
        stage = AttributeStage.AVAILABLE
    else:
        stage = AttributeStage.DECLARED if deployed is None else AttributeStage.DEPLOYED
    return Lifecycle(stage=stage, deployed=deployed, available=available, deprecated=deprecated)


def persisted(course: Course) -> Mapping[str, CanaryResult]:
    """The newest result of each attribute that is there, by folded name."""
    found: dict[str, CanaryResult] = {}
    for record in course:
        match record:
            case Deployment(attributes=attributes) if attributes is not None:
                found = {name: result for name, result in found.items() if name in attributes}
            case CanaryEnd(results=results):
                found |= {fold(name): result for name, result in results.items()}
            case Deployment() | Search():
                pass
            case _:
                assert_never(record)
    return found


def searchable_in(course: Course) -> Mapping[str, Found]:
    """The newest finding about each attribute that is there, by folded name."""
    found: dict[str, Found] = {}
    for record, new in _with_new(course):
        match record:
            case Deployment(attributes=attributes) if attributes is not None:
                found = {name: each for name, each in found.items() if name in attributes}
            case Search(detail=detail):
                found |= {n: Found(searchable=of, reason=detail) for n, of in record.about(new)}
            case Deployment() | CanaryEnd():
                pass
            case _:
                assert_never(record)
    return found


def _with_new(
    course: Course,
) -> Iterator[tuple[Deployment | Search | CanaryEnd, frozenset[str]]]:
    """Each record with the names that came when the names were last known to change."""
    known = new = frozenset[str]()
    for record in course:
        if isinstance(record, Deployment):
            if record.attributes is None:
                new = frozenset()
            elif record.attributes != known:
                known, new = record.attributes, record.attributes - known
        yield record, new


def _covers(name: str, attribute: str) -> bool:
    """True of an attribute and of each of its parts."""
    return f"{fold(attribute)}.".startswith(f"{fold(name)}.")
