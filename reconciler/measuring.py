"""Use case: count among live users whom a plan would hurt, and who holds what is deprecated.

A tenant of which nothing is to be counted is not read. All that is to be counted of one resource
type is counted in one pass over its pages.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from reconciler.domain.blocking import BlockReason
from reconciler.domain.calibration import NONSENSE, is_whole
from reconciler.domain.manifest import Deprecated, SchemaExtension, Tenant
from reconciler.domain.measures import (
    CountedAttribute,
    Counts,
    Measure,
    Measured,
    StillHeld,
    deprecated_of,
    measures_of,
    unmeasured,
)
from reconciler.domain.plan import Blocked, TenantPlan
from reconciler.domain.scim import fold
from reconciler.errors import AnswerUnreadable, TenantError, TenantRefused
from reconciler.ports import UserReader

UserReaders = Callable[[Tenant], UserReader]


@dataclass(frozen=True, slots=True, kw_only=True)
class Concerned:
    """A change, by its id, and what to count: whom it hurts, and who holds what is deprecated."""

    change: str
    extension: SchemaExtension
    measures: tuple[Measure, ...]
    deprecated: tuple[tuple[Deprecated, CountedAttribute], ...] = ()

    @property
    def attributes(self) -> Iterator[CountedAttribute]:
        """All of which something can be counted."""
        every = (*self.measures, *(attribute for _, attribute in self.deprecated))
        return (each for each in every if each.obstacle is None)

    def shown_by(self, reader: UserReader) -> "Concerned":
        """The same, with why values of an attribute cannot be counted that no page shows."""
        kind = self.extension.resource_type

        def obstacle(of: CountedAttribute) -> str | None:
            return of.obstacle or reader.hidden(kind, of.schema_id, of.name)

        return replace(
            self,
            measures=tuple(replace(each, obstacle=obstacle(each)) for each in self.measures),
            deprecated=tuple((n, replace(a, obstacle=obstacle(a))) for n, a in self.deprecated),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Impacts:
    """What was counted, by the ids of changes, and why anything of it is unknown."""

    measured: Mapping[str, tuple[Measured, ...]]
    deprecated: Mapping[str, tuple[StillHeld, ...]]
    warnings: tuple[str, ...]


def hurting(plan: TenantPlan) -> tuple[Concerned, ...]:
    """The changes of a plan that take something from users; their live schemas have to be there."""
    return tuple(replace(each, deprecated=()) for each in _concerned(plan) if each.measures)


def _concerned(plan: TenantPlan) -> Iterator[Concerned]:
    for change in plan.changes:
        subject = change.subject
        # A count tells something of people, and nobody's manifest has a say about the vendor's.
        if isinstance(change, Blocked) and change.reason is BlockReason.PROTECTED:
            continue
        extension = subject.extension
        keeps = plan.tenant.projection is not None
        measures = (
            () if subject.in_sync else measures_of(subject.view, extension, keeps_values=keeps)
        )
        deprecated = deprecated_of(subject.view, extension) if extension.deprecated else ()
        if not measures and not deprecated:
            continue
        own = subject.desired.text()
        labelled = (
            replace(each, label=".".join(subject.redaction.texts(each.path, own=own)))
            for each in measures
        )
        yield Concerned(
            change=subject.id,
            extension=extension,
            measures=tuple(labelled),
            deprecated=deprecated,
        )


@dataclass(frozen=True, slots=True)
class Measuring:
    """The means to count the users of tenants; `check` raises where the run has to end."""

    readers: UserReaders
    check: Callable[[], None]

    def with_impact(self, plan: TenantPlan) -> TenantPlan:
        """The plan of a tenant with the impact of its changes, as its users are now.

        So too who still holds what is deprecated.
        """
        found = self.count(plan.tenant, tuple(_concerned(plan)))
        return replace(
            plan,
            impact=found.measured,
            deprecated=found.deprecated,
            warnings=(*plan.warnings, *found.warnings),
        )

    def count(self, tenant: Tenant, changes: Iterable[Concerned]) -> Impacts:
        """Count what is to be counted of these changes of one tenant; reads nothing for none."""
        by_type: dict[str, list[Concerned]] = {}
        for each in changes:
            by_type.setdefault(fold(each.extension.resource_type), []).append(each)
        if not by_type:
            return Impacts(measured={}, deprecated={}, warnings=())
        reader = self.readers(tenant)
        measured: dict[str, tuple[Measured, ...]] = {}
        deprecated: dict[str, tuple[StillHeld, ...]] = {}
        warnings: list[str] = []
        for concerned in by_type.values():
            group = [each.shown_by(reader) for each in concerned]
            population = _Population(reader, group[0].extension.resource_type, self.check)
            counts: Mapping[CountedAttribute, Counts] = {}
            error: TenantError | None = None
            try:
                counts = population.counts([a for each in group for a in each.attributes])
            except TenantError as failure:
                error = failure
                hurts = any(each.measures for each in group)
                what = "the impact on users" if hurts else "who holds what is deprecated"
                warnings.append(f"{what} is not known: {error}")
            for each in group:
                measured[each.change] = tuple(_measured(each, counts))
                deprecated[each.change] = tuple(_still_held(each, counts))
                warnings += _reasons(each, counts) if error is None else ()
        return Impacts(
            measured=measured, deprecated=deprecated, warnings=tuple(dict.fromkeys(warnings))
        )


def _measured(
    concerned: Concerned, counts: Mapping[CountedAttribute, Counts]
) -> Iterator[Measured]:
    many = concerned.extension.many
    for measure in concerned.measures:
        found = counts.get(measure)
        yield unmeasured(measure) if found is None else found.measured(measure, many=many)


def _still_held(
    concerned: Concerned, counts: Mapping[CountedAttribute, Counts]
) -> Iterator[StillHeld]:
    for notice, attribute in concerned.deprecated:
        found = counts.get(attribute)
        users = None if found is None else found.users(attribute)
        of = None if found is None or users is None else found.total
        yield StillHeld(notice=notice, users=users, of=of)


def _reasons(concerned: Concerned, counts: Mapping[CountedAttribute, Counts]) -> Iterator[str]:
    """Why anything of a change is not known, although users were counted."""
    whom = (("the impact on users", each) for each in concerned.measures)
    held = (("who holds what is deprecated", each) for _, each in concerned.deprecated)
    for what, each in (*whom, *held):
        found = counts.get(each)
        if found is None or found.users(each) is None:
            why = each.obstacle or (_HIDDEN if found is None else _TOO_LONG)
            name = concerned.extension.name
            yield f"{what} of {name}: {each.label} is not known: {why}"


_TOO_LONG = "a value is too long to be held against the pattern"
_HIDDEN = "a filter finds users who hold a value, and the list of users shows none"


@dataclass(frozen=True, slots=True)
class _Population:
    """All resources of one type of a tenant."""

    reader: UserReader
    resource_type: str
    check: Callable[[], None]

    def counts(self, measures: Sequence[CountedAttribute]) -> Mapping[CountedAttribute, Counts]:
        """The counts of each over all of them; without those whose values are not shown.

        Raises TenantError where not all are listed.
        """
        if not measures:
            return {}
        own = self.reader.own_schema(self.resource_type)
        try:
            first = self._pass(Counts(measures, own=own), _named(measures, own))
        except TenantRefused:  # of what is requested, perhaps
            first = self._pass(Counts(measures, own=own), ())
        found = dict.fromkeys(measures, first)
        unseen = [each for each in measures if first.total and not first.has_seen(each)]
        if not unseen or self.reader.lists_whole:
            return found
        believed = self._holders(own, unseen[0].schema_id, NONSENSE) in (0, None)
        holders = {
            each: self._holders(own, each.schema_id, each.name) if believed else None
            for each in unseen
        }
        # Some services leave out of a list what is requested by its URN.
        if doubted := [m for m in unseen if holders[m] or holders[m] is None]:
            second = self._pass(Counts(doubted, own=own), ())
            found |= dict.fromkeys(doubted, second)
            for each in doubted:
                if holders[each] and not second.has_seen(each):
                    del found[each]
        return found

    def _pass(self, counts: Counts, attributes: Sequence[str]) -> Counts:
        """Add all resources, with these attributes or with all of them."""
        claimed: list[int] = []
        for page in self.reader.pages(self.resource_type, attributes):
            self.check()
            for resource in page.resources:
                counts.add(resource)
            if page.total is not None and page.total not in claimed[-1:]:
                claimed.append(page.total)
        if not is_whole(claimed, counts.total):
            raise AnswerUnreadable(
                f"the service lists {counts.total} resources of the type {self.resource_type}, "
                f"and claims to have {max(claimed)}"
            )
        return counts

    def _holders(self, own: str | None, schema_id: str, attribute: str) -> int | None:
        """The number of holders by the service's own filter; None where it takes none."""
        urn = None if _is_own(own, schema_id) else schema_id
        return self.reader.present(self.resource_type, urn, attribute).count


_LONGEST_NAMES = 4000  # characters, of the 8,000 that servers take of an address


def _named(measures: Iterable[CountedAttribute], own: str | None) -> Sequence[str]:
    """The attributes to request; none, which requests all, where their names are too long."""
    wanted = dict.fromkeys((each.schema_id, name) for each in measures for name in each.requested)
    names = [name if _is_own(own, urn) else f"{urn}:{name}" for urn, name in wanted]
    return ["id", *names] if sum(map(len, names)) <= _LONGEST_NAMES else ()


def _is_own(own: str | None, schema_id: str) -> bool:
    return own is not None and fold(own) == fold(schema_id)
