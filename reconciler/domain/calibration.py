"""Calibration: whether the counts of a service's `pr` filters can be believed, by what is seen.

A filter that is ignored counts everybody, and one that is not understood nobody; a service may
understand some and not others. So a count is believed only where it fits what a page of users
shows, and where its own first matches are seen to hold a value.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Protocol

from reconciler.domain.adoption import Countable, CountableSchema, Holders
from reconciler.domain.jsontext import Json
from reconciler.domain.scim import fold
from reconciler.errors import TenantError

NONSENSE = "reconcilerKnowsNoSuchAttribute"
_ROUND = 50  # a service that stops counting stops at a multiple of it
_EVERYBODY_HAS = {"user": "userName", "group": "displayName"}  # RFC 7643 section 4


@dataclass(frozen=True, slots=True)
class Presence:
    """The answer of a service to a filter: a count, the status of its refusal, or neither."""

    count: int | None = None
    refused: int | None = None


class ShownPage(Protocol):
    """Resources as they came."""

    @property
    def resources(self) -> Sequence[Json]:
        """The resources."""
        ...

    @property
    def repeats(self) -> bool:
        """True where one of them came twice."""
        ...


class Probes(Protocol):
    """What a ports.UserReader can be asked."""

    def total(self, resource_type: str) -> int | None:
        """The number of resources."""
        ...

    def present(self, resource_type: str, schema_id: str | None, attribute: str) -> Presence:
        """How many hold an attribute, by a filter."""
        ...

    def pages(
        self, resource_type: str, attributes: Sequence[str], *, start: int = 1, holding: str = ""
    ) -> Iterator[ShownPage]:
        """All resources, or those that hold an attribute by the service's filter."""
        ...


@dataclass(slots=True, repr=False, kw_only=True)
class Calibration:
    """The filters of one service on one resource type, held against its first page of them.

    `total` is the number of resources, None where it is not known. `first` has the tally of that
    page by schema. `doubt` is why no filter can be believed; None where some can.
    """

    probes: Probes
    resource_type: str
    total: int | None
    first: dict[str, Holders]
    seen: int
    doubt: str | None
    _witnesses: dict[tuple[str, str], set[int]] = field(default_factory=dict)
    _nonsense: dict[tuple[str, str], bool] = field(default_factory=dict)

    @classmethod
    def of(
        cls, probes: Probes, resource_type: str, schemas: Sequence[CountableSchema]
    ) -> "Calibration":
        """Look at a first page, and try the filters whose right count is known.

        Raises TenantError where the resources cannot be read.
        """
        total = probes.total(resource_type)
        fields = ["id", *(name for schema in schemas for name in schema.fields)]
        found = cls(
            probes=probes,
            resource_type=resource_type,
            total=total,
            first={schema.schema_id: schema.holders() for schema in schemas},
            seen=0,
            doubt=None,
        )
        if (page := next(probes.pages(resource_type, fields), None)) is not None:
            found._take(page.resources)
        found.doubt = found._doubt()
        return found

    def counts(self, schema: CountableSchema) -> dict[str, int]:
        """The counts of those of its attributes whose filters can be believed, by name."""
        if self.doubt is not None or self.doubt_of(schema) is not None:
            return {}
        found: dict[str, int] = {}
        proved: set[tuple[bool, ...]] = set()
        lied = False
        for each in schema.countables:
            count = self.probes.present(self.resource_type, schema.schema_id, each.name).count
            if count is None or self._answers_nonsense(schema, each):
                continue
            if self.doubt_of_count(schema, each, count) is not None:
                lied = True
                continue
            if count and each.is_shown:
                proved.add(each.shape)
            found[each.name] = count
        # That nobody holds it is what a filter says as well that is not understood.
        return {
            each.name: found[each.name]
            for each in schema.countables
            if each.name in found
            and (
                (found[each.name] and each.is_shown)
                or (each.attribute is not None and each.shape in proved and not lied)
            )
        }

    def doubt_of(self, schema: CountableSchema) -> str | None:
        """Why the filters on one schema cannot be believed; None where some can."""
        found = self.probes.present(self.resource_type, schema.schema_id, NONSENSE)
        if found.count:
            return (
                f"`{schema.schema_id}:` and an attribute that does not exist finds {found.count} "
                f"of {self.total}"
            )
        return (
            None if found.count is not None or found.refused is not None else "it is not answered"
        )

    def doubt_of_count(
        self, schema: CountableSchema, countable: Countable, count: int
    ) -> str | None:
        """Why a count cannot be believed; None where it fits what is seen."""
        query = f"`{schema.schema_id}:{countable.name} pr`"
        if not countable.is_shown:
            return None
        holders = self.first[schema.schema_id].tallies.get(countable.name, 0)
        if count < holders:
            return f"{query} finds {count}, and {holders} of one page hold a value"
        without = self.seen - holders
        if self.total is None or count > self.total - without:
            return f"{query} finds {count} of {self.total}, and {without} of one page hold no value"
        return self._doubt_of_matches(schema, countable, query) if count else None

    def _doubt_of_matches(
        self, schema: CountableSchema, countable: Countable, query: str
    ) -> str | None:
        """Look at the first resources that the filter finds, in the order of the first page."""
        tally, ids = schema.holders(), set[int]()
        path = f"{schema.schema_id}:{countable.name}"
        matches = self.probes.pages(self.resource_type, ["id", *schema.fields], holding=path)
        if (page := next(matches, None)) is not None:
            tally.add(page.resources)
            ids.update(map(identity, page.resources))
            if page.repeats:
                return f"{query} finds users more than once"
        if not tally.resources:
            return f"{query} finds some, and lists none of them"
        if (others := tally.resources - tally.tallies.get(countable.name, 0)) > 0:
            return f"{query} finds {others} of {tally.resources} that hold no value"
        missed = self._witnesses.get((schema.schema_id, countable.name), set()) - ids
        return f"{query} misses {len(missed)} of one page that hold a value" if missed else None

    def _take(self, resources: Sequence[Json]) -> None:
        self.seen = len(resources)
        for schema_id, holders in self.first.items():
            holders.add(resources)
            for resource in resources:
                for name in holders.held(resource):
                    self._witnesses.setdefault((schema_id, name), set()).add(identity(resource))

    def _answers_nonsense(self, schema: CountableSchema, countable: Countable) -> bool:
        """Test whether a part that its attribute has not is found all the same."""
        name, _, part = countable.name.partition(".")
        if not part:
            return False
        path = f"{name}.{NONSENSE}"
        if (schema.schema_id, path) not in self._nonsense:
            found = self.probes.present(self.resource_type, schema.schema_id, path)
            self._nonsense[schema.schema_id, path] = bool(found.count)
        return self._nonsense[schema.schema_id, path]

    def _doubt(self) -> str | None:
        kind = _EVERYBODY_HAS.get(fold(self.resource_type), "id")
        if (doubt := self._doubt_of_total()) is not None:
            return doubt
        named = self.probes.present(self.resource_type, None, kind).count
        if named != self.total and named is not None:  # somebody may have come or gone meanwhile
            self.total = self.probes.total(self.resource_type)
        if named is None or named != self.total:
            counted = "nothing that can be counted" if named is None else f"{named}"
            return f"`{kind} pr` finds {counted} of {self.total} users, and all have one"
        nonsense = self.probes.present(self.resource_type, None, NONSENSE)
        if nonsense.count:
            return f"`pr` of an attribute that does not exist finds {nonsense.count} users"
        if nonsense.count is None and nonsense.refused is None:
            return "`pr` of an attribute that does not exist is not answered"
        return None

    def _doubt_of_total(self) -> str | None:
        if self.total is None:
            return "users cannot be counted"
        if self.total < self.seen:
            return "totalResults counts the users of a page, not all"
        if self.total == self.seen or self.total % _ROUND:
            return None
        try:
            page = next(self.probes.pages(self.resource_type, ["id"], start=self.total + 1), None)
        except TenantError:
            return None
        more = page is not None and page.resources
        return f"totalResults says {self.total}, and more users are listed" if more else None


def identity(resource: Json) -> int:
    """A number for a resource by its id, the same in this process alone."""
    members = resource.items() if isinstance(resource, dict) else ()
    found = next((value for name, value in members if fold(name) == "id"), None)
    return hash(found) if isinstance(found, str) else hash(repr(resource))


def is_whole(totals: Sequence[int], collected: int) -> bool:
    """Test whether all were collected that the pages of a walk have named.

    People come and go during a walk: by as many as the totals have changed it may be off.
    """
    most = max(totals, default=0)
    changes = sum(abs(after - before) for before, after in pairwise(totals))
    return collected >= most - min(changes, most // 100)
