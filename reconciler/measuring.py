"""Use case: count among live users whom the changes of a plan would hurt, and how many.

A tenant whose changes hurt nobody by themselves is not read. All that is to be counted of one
resource type is counted in one pass over its pages.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from reconciler.domain.blocking import BlockReason
from reconciler.domain.calibration import NONSENSE
from reconciler.domain.manifest import SchemaExtension, Tenant
from reconciler.domain.measures import Counts, Measure, Measured, Risk, measures_of, unmeasured
from reconciler.domain.plan import Blocked, TenantPlan
from reconciler.domain.scim import fold
from reconciler.errors import AnswerUnreadable, TenantError, TenantRefused
from reconciler.ports import UserReader

UserReaders = Callable[[Tenant], UserReader]
_SHORT = 99  # percent of the resources that a service claims, which have to be listed


@dataclass(frozen=True, slots=True, kw_only=True)
class Hurting:
    """A change, by its id, that takes something from users, and what to count about it."""

    change: str
    extension: SchemaExtension
    measures: tuple[Measure, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Impacts:
    """What was counted, by the ids of changes, and why anything of it is unknown."""

    measured: Mapping[str, tuple[Measured, ...]]
    warnings: tuple[str, ...]


def hurting(plan: TenantPlan) -> tuple[Hurting, ...]:
    """The changes of a plan that take something from users; their live schemas have to be there."""
    found = []
    for change in plan.changes:
        subject = change.subject
        # A count tells something of people, and nobody's manifest has a say about the vendor's.
        if isinstance(change, Blocked) and change.reason is BlockReason.PROTECTED:
            continue
        if subject.in_sync or not (measures := measures_of(subject.view, subject.extension)):
            continue
        own = subject.desired.text()
        labelled = (
            replace(each, label=".".join(subject.redaction.texts(each.path, own=own)))
            for each in measures
        )
        found.append(
            Hurting(change=subject.id, extension=subject.extension, measures=tuple(labelled))
        )
    return tuple(found)


@dataclass(frozen=True, slots=True)
class Measuring:
    """The means to count the users of tenants; `check` raises where the run has to end."""

    readers: UserReaders
    check: Callable[[], None]

    def with_impact(self, plan: TenantPlan) -> TenantPlan:
        """The plan of a tenant with the impact of its changes, as its users are now."""
        found = self.count(plan.tenant, hurting(plan))
        return replace(
            plan,
            impact=found.measured,
            warnings=(*plan.warnings, *found.warnings),
        )

    def count(self, tenant: Tenant, changes: Iterable[Hurting]) -> Impacts:
        """Count what is to be counted of these changes of one tenant; reads nothing for none."""
        by_type: dict[str, list[Hurting]] = {}
        for each in changes:
            by_type.setdefault(fold(each.extension.resource_type), []).append(each)
        if not by_type:
            return Impacts(measured={}, warnings=())
        reader = self.readers(tenant)
        measured: dict[str, tuple[Measured, ...]] = {}
        warnings: list[str] = []
        for group in by_type.values():
            measures = [m for each in group for m in each.measures if m.obstacle is None]
            population = _Population(reader, group[0].extension.resource_type, self.check)
            counts: Mapping[Measure, Counts] | None = None
            try:
                counts = population.counts(measures)
            except TenantError as error:
                warnings.append(f"the impact on users is not known: {error}")
            for each in group:
                found = [
                    unmeasured(m)
                    if counts is None or m not in counts
                    else counts[m].measured(m, many=each.extension.many)
                    for m in each.measures
                ]
                measured[each.change] = tuple(found)
                if counts is None:
                    continue
                warnings += [
                    f"the impact on users of {m.schema_id}: {m.label} is not known: "
                    f"{m.obstacle or (_TOO_LONG if m in counts else _HIDDEN)}"
                    for m, came_out in zip(each.measures, found, strict=True)
                    if came_out.risk is Risk.UNKNOWN
                ]
        return Impacts(measured=measured, warnings=tuple(dict.fromkeys(warnings)))


_TOO_LONG = "a value is too long to be held against the pattern"
_HIDDEN = "a filter finds users who hold a value, and the list of users shows none"


@dataclass(frozen=True, slots=True)
class _Population:
    """All resources of one type of a tenant."""

    reader: UserReader
    resource_type: str
    check: Callable[[], None]

    def counts(self, measures: Sequence[Measure]) -> Mapping[Measure, Counts]:
        """The counts of each measure over all of them; without those whose values are not shown.

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
        if not unseen:
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
        claimed = 0
        for page in self.reader.pages(self.resource_type, attributes):
            self.check()
            for resource in page.resources:
                counts.add(resource)
            claimed = page.total or 0
        if counts.total * 100 < claimed * _SHORT:
            raise AnswerUnreadable(
                f"the service lists {counts.total} resources of the type {self.resource_type}, "
                f"and claims to have {claimed}"
            )
        return counts

    def _holders(self, own: str | None, schema_id: str, attribute: str) -> int | None:
        """The number of holders by the service's own filter; None where it takes none."""
        urn = None if _is_own(own, schema_id) else schema_id
        return self.reader.present(self.resource_type, urn, attribute).count


_LONGEST_NAMES = 4000  # characters, of the 8,000 that servers take of an address


def _named(measures: Iterable[Measure], own: str | None) -> Sequence[str]:
    """The attributes to request; none, which requests all, where their names are too long."""
    wanted = dict.fromkeys((each.schema_id, name) for each in measures for name in each.requested)
    names = [name if _is_own(own, urn) else f"{urn}:{name}" for urn, name in wanted]
    return ["id", *names] if sum(map(len, names)) <= _LONGEST_NAMES else ()


def _is_own(own: str | None, schema_id: str) -> bool:
    return own is not None and fold(own) == fold(schema_id)
