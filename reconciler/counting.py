"""Use case: count the holders of a tenant's attributes, by filters that are believed or by pages.

What cannot be counted for certain is unknown: no figure is better than a wrong one.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from itertools import islice

from reconciler.domain.adoption import (
    Count,
    Countable,
    CountableSchema,
    CountMethod,
    Holders,
    names_schema,
)
from reconciler.domain.calibration import Calibration, is_whole
from reconciler.domain.jsontext import Json
from reconciler.domain.records import rfc3339
from reconciler.errors import PageRefused, TenantError
from reconciler.ports import Clock, Counting, ResourcePage, Samples, UserReader

_STALE = timedelta(days=7)  # after which a count that was cut off begins anew
_HIDDEN = "no answer shows it, and the filter on it is not believed"

Progress = Callable[[str, int, int | None], None]
"""Called after each page: a resource type, how many were looked at, and of how many."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """An attribute with its count, or why there is none."""

    schema_id: str
    countable: Countable
    count: Count | None
    unknown: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ResourceFigures:
    """The figures of one resource type; where it is not `over`, a later run goes on."""

    resource_type: str
    total: int | None
    figures: tuple[Figure, ...]
    over: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class _Tallied:
    """The end of a look at pages: the tally of each schema, or why it is none."""

    holders: Mapping[str, Holders]
    total: int
    method: CountMethod = CountMethod.PAGES
    unknown: str | None = None
    over: bool = True


@dataclass(slots=True, kw_only=True)
class _Walk:
    """A look at pages as far as it has come, since `started_at`.

    `fields` are what is requested of a resource, all of it where there are none; `bare_at` is where
    a page names a schema of which it shows nothing.
    """

    fields: Sequence[str]
    holders: Mapping[str, Holders]
    started_at: str
    start: int = 1
    looked_at: int = 0
    totals: list[int] = field(default_factory=list)
    bare_at: dict[str, int] = field(default_factory=dict)

    def anew(self, fields: Sequence[str]) -> "_Walk":
        """The same look, with nothing seen yet."""
        holders = {
            schema_id: replace(each, resources=0) for schema_id, each in self.holders.items()
        }
        return _Walk(fields=fields, holders=holders, started_at=self.started_at)

    def take(self, page: ResourcePage, *, at: int, most: int | None = None) -> None:
        """Look at the page that begins there, at no more than the first `most` of it."""
        resources = page.resources[:most]
        self.looked_at += len(resources)
        if page.total is not None and page.total not in self.totals[-1:]:
            self.totals.append(page.total)
        for schema_id, holders in self.holders.items():
            holders.add(resources)
            is_bare = not holders.anybody and schema_id not in self.bare_at
            if is_bare and any(names_schema(each, schema_id) for each in resources):
                self.bare_at[schema_id] = at
        self.start = page.next_start or at


@dataclass(frozen=True, slots=True, kw_only=True)
class HolderCount:
    """The counts of one tenant, one resource type at a time.

    `sample` is how many resources are enough where a filter is not believed; None for all.
    """

    tenant: str
    users: UserReader
    samples: Samples
    clock: Clock
    sample: int | None = None
    progress: Progress = lambda *_: None

    def figures(self, resource_type: str, schemas: Sequence[CountableSchema]) -> ResourceFigures:
        """Count; raises TenantError where the resources cannot be read at all."""
        found = Calibration.of(self.users, resource_type, schemas)
        schemas = [each.with_learnt(found.first[each.schema_id].tallies) for each in schemas]
        total = found.total
        counts: dict[tuple[str, str], Count] = {}
        hidden = any(not each.is_shown for schema in schemas for each in schema.countables)
        if total is not None and (hidden or found.seen < total):
            counts = {
                (schema.schema_id, name): Count(
                    holders=holders, total=total, method=CountMethod.FILTER
                )
                for schema in schemas
                for name, holders in found.counts(schema).items()
            }
        uncounted = [
            schema
            for schema in schemas
            if any(
                each.is_shown and (schema.schema_id, each.name) not in counts
                for each in schema.countables
            )
        ]
        tallied = self._tallied(resource_type, uncounted, found) if uncounted else None
        if tallied is not None and tallied.unknown is None:
            schemas = [
                each.with_learnt(tallied.holders[each.schema_id].tallies)
                if each.schema_id in tallied.holders
                else each
                for each in schemas
            ]
            counts = _counts_of(tallied) | counts
            if tallied.method is CountMethod.PAGES:
                total = tallied.total
        return ResourceFigures(
            resource_type=resource_type,
            total=total,
            figures=tuple(
                _figure(schema, each, counts, tallied)
                for schema in schemas
                for each in schema.countables
            ),
            over=tallied is None or tallied.over,
        )

    def _tallied(
        self, resource_type: str, schemas: Sequence[CountableSchema], found: Calibration
    ) -> _Tallied:
        fields = ["id", *(name for schema in schemas for name in schema.fields)]
        nobody = [each for each in schemas if not found.first[each.schema_id].anybody]
        if nobody and self._hides(resource_type, nobody, 1):
            fields = []
        walk = _Walk(
            fields=fields,
            holders={each.schema_id: each.holders() for each in schemas},
            started_at=rfc3339(self.clock.now()),
        )
        enough = None if self.sample is None else max(self.sample, found.seen)
        few = enough is not None and (found.total is None or found.total > enough)
        if few:
            part = walk.anew(fields)
            if (sampled := self._sampled(resource_type, schemas, part, found)) is not None:
                return sampled
        return self._walked(resource_type, schemas, walk, self._resumed(resource_type, walk))

    def _walked(
        self,
        resource_type: str,
        schemas: Sequence[CountableSchema],
        new: _Walk,
        resumed: _Walk | None,
    ) -> _Tallied:
        """Look at all pages, from where an earlier run was cut off."""
        walk = resumed or new
        try:
            for page in self.users.pages(resource_type, walk.fields, start=walk.start):
                walk.take(page, at=walk.start)
                self.progress(resource_type, walk.looked_at, max(walk.totals, default=None))
                if page.next_start is not None:
                    self.samples.keep_counting(_kept(self.tenant, resource_type, walk))
        except PageRefused as error:
            if resumed is None:
                return _Tallied(holders={}, total=0, unknown=str(error))
            return self._walked(resource_type, schemas, new, None)
        except TenantError as error:
            later = "" if walk.start == 1 else ", and the next run goes on from there"
            message = f"{error}; {walk.looked_at} were looked at{later}"
            return _Tallied(holders={}, total=0, unknown=message, over=False)
        if not is_whole(walk.totals, walk.looked_at):
            shown = f"the list shows {walk.looked_at} of {max(walk.totals)}, so nobody can count it"
            return _Tallied(holders={}, total=0, unknown=shown)
        if self._is_bare(resource_type, schemas, walk):
            return self._walked(resource_type, schemas, new.anew(()), None)
        return _Tallied(holders=walk.holders, total=walk.looked_at)

    def _sampled(
        self,
        resource_type: str,
        schemas: Sequence[CountableSchema],
        walk: _Walk,
        found: Calibration,
    ) -> _Tallied | None:
        """Look at pages from all over the list; None where they cannot be had in that way."""
        wanted = self.sample or 0
        for start in _spread(found.total, pages=-(-wanted // max(1, found.seen))):
            try:
                page = next(self.users.pages(resource_type, walk.fields, start=start), None)
            except PageRefused:
                return None
            except TenantError as error:
                return _Tallied(holders={}, total=0, unknown=str(error), over=False)
            if page is not None:
                walk.take(page, at=start, most=wanted - walk.looked_at)
            self.progress(resource_type, walk.looked_at, wanted)
        if self._is_bare(resource_type, schemas, walk):
            return self._sampled(resource_type, schemas, walk.anew(()), found)
        return _Tallied(holders=walk.holders, total=walk.looked_at, method=CountMethod.SAMPLE)

    def _is_bare(self, resource_type: str, schemas: Iterable[CountableSchema], walk: _Walk) -> bool:
        """Test whether a schema of which nobody was seen to hold anything was hidden."""
        return bool(walk.fields) and any(
            self._hides(resource_type, [each], at)
            for each in schemas
            if not walk.holders[each.schema_id].anybody
            and (at := walk.bare_at.get(each.schema_id)) is not None
        )

    def _hides(self, resource_type: str, schemas: Iterable[CountableSchema], at: int) -> bool:
        """Test whether whole resources show what they do not where it is requested by name.

        One page is looked at for that.
        """
        page = next(self.users.pages(resource_type, (), start=at), None)
        for schema in schemas:
            holders = schema.holders()
            holders.add(page.resources if page is not None else ())
            if holders.anybody:
                return True
        return False

    def _resumed(self, resource_type: str, new: _Walk) -> _Walk | None:
        """A count that was cut off, where it is of the same attributes and not long ago."""
        kept = self.samples.counting(self.tenant, resource_type)
        if kept is None or self.clock.now() - datetime.fromisoformat(kept.started_at) > _STALE:
            return None
        walk = new.anew(() if kept.tallies.get("whole") else new.fields)
        match kept.tallies:
            case {"resources": int(number), "totals": list(totals), "schemas": dict(tallies)}:
                for schema_id, each in walk.holders.items():
                    known = tallies.get(schema_id, {})
                    if not each.tallies.keys() <= known.keys():
                        return None
                    each.resume(number, known)
                walk.started_at, walk.start = kept.started_at, kept.next_start
                walk.looked_at, walk.totals = number, totals
                return walk
            case _:
                return None


def _kept(tenant: str, resource_type: str, walk: _Walk) -> Counting:
    schemas: dict[str, Json] = {key: dict(each.tallies) for key, each in walk.holders.items()}
    return Counting(
        tenant=tenant,
        resource_type=resource_type,
        next_start=walk.start,
        tallies={
            "resources": walk.looked_at,
            "totals": walk.totals,
            "schemas": schemas,
            "whole": not walk.fields,
        },
        started_at=walk.started_at,
    )


def _spread(total: int | None, *, pages: int) -> Iterator[int]:
    """The places from which so many pages are read, evenly over all of the list."""
    every = max(1, (total or 1) // max(1, pages))
    yield from islice(range(1, (total or 1) + 1, every), pages)


def _counts_of(tallied: _Tallied) -> dict[tuple[str, str], Count]:
    return {
        (schema_id, name): Count(holders=number, total=tallied.total, method=tallied.method)
        for schema_id, holders in tallied.holders.items()
        for name, number in holders.tallies.items()
    }


def _figure(
    schema: CountableSchema,
    countable: Countable,
    counts: Mapping[tuple[str, str], Count],
    tallied: _Tallied | None,
) -> Figure:
    count = counts.get((schema.schema_id, countable.name))
    if count is not None and count.method is not CountMethod.FILTER and not countable.is_shown:
        count = None
    unknown = tallied.unknown if tallied is not None and countable.is_shown else None
    return Figure(
        schema_id=schema.schema_id,
        countable=countable,
        count=count,
        unknown=None if count is not None else countable.obstacle or unknown or _HIDDEN,
    )
