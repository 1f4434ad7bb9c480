"""The course of each extension since another time, tenant by tenant: what it became, or its end."""

from collections import defaultdict
from collections.abc import Hashable, Iterator, Mapping
from dataclasses import dataclass

from reconciler.domain.manifest import SchemaExtension, Tenant
from reconciler.domain.problem import Place
from reconciler.domain.rules.manifests import ManifestSet

Extensions = list[SchemaExtension]
Became = dict[Place, dict[Place, set[str]]]
Ended = dict[tuple[Place, Place | None], set[str]]


@dataclass(frozen=True, slots=True)
class Courses:
    """The names of the tenants on which extensions of another time took a course, by their places.

    Those that `became` one of today stand by the place of that one. Where one `ended`, no manifest
    of today is for it: with it stands the place of the one that could be and does not select these
    tenants, or None.
    """

    became: Mapping[Place, Mapping[Place, set[str]]]
    ended: Mapping[tuple[Place, Place | None], set[str]]


def courses(then: ManifestSet, now: ManifestSet) -> Courses:
    """Follow each extension by what each tenant had and has; what none of them had, by itself."""
    # docs/decisions.md, "`validate --against` compares what each tenant has"
    became: Became = {extension.place: defaultdict(set) for extension in now.extensions}
    ended: Ended = defaultdict(set)
    by_name = {extension.name: extension for extension in now.extensions}
    by_urn = {extension.schema.key: extension for extension in now.extensions}
    for had, tenant, wanted in _on_tenants_of_both(then, now):
        of_urn = {extension.schema.key: extension for extension in wanted}
        known = {extension.schema.key for extension in had}
        of_name = {e.name: e for e in wanted if e.schema.key not in known}
        for old in had:
            new = of_urn.get(old.schema.key) or of_name.get(old.name)
            if new is not None:
                became[new.place][old.place].add(tenant.name)
                continue
            own = by_name.get(old.name)
            passes = own is not None and not own.selector.selects(tenant)
            holder = own if passes else by_urn.get(old.schema.key)
            ended[old.place, holder.place if holder else None].add(tenant.name)
    _add_the_others(then, now, became, ended)
    return Courses(became, ended)


def _on_tenants_of_both(
    then: ManifestSet, now: ManifestSet
) -> Iterator[tuple[Extensions, Tenant, Extensions]]:
    """Each tenant that is there at both times: what it had, the tenant of today, what it has.

    A tenant whose name is gone is the new one that is reached in the same way.
    """
    today = {tenant.name: (tenant, wanted) for tenant, wanted in now.by_tenant()}
    known = {tenant.name for tenant in then.tenants}
    renamed = defaultdict(list)
    for name, each in today.items():
        if name not in known:
            renamed[_way_to(each[0])].append(each)
    for old, had in then.by_tenant():
        same = [today[old.name]] if old.name in today else renamed[_way_to(old)]
        for tenant, wanted in same:
            yield had, tenant, wanted


def _way_to(tenant: Tenant) -> Hashable:
    return tenant.base_url, frozenset(tenant.auth.credentials.items())


def _add_the_others(then: ManifestSet, now: ManifestSet, became: Became, ended: Ended) -> None:
    """Add the courses of the extensions that became nothing on any tenant of both times."""
    followed = {old for olds in became.values() for old in olds}
    others = [extension for extension in then.extensions if extension.place not in followed]
    urns = {extension.schema.key for extension in now.extensions}
    own = {(e.name, e.schema.key): e for e in then.extensions}
    of_urn = {extension.schema.key: extension for extension in reversed(others)}
    of_name = {e.name: e for e in others if e.schema.key not in urns}
    for new, tenants in now.targets:
        key = new.schema.key
        old = own.get((new.name, key)) or of_urn.get(key) or of_name.get(new.name)
        if old and old.place not in followed and not became[new.place]:
            # Nobody is known to have had it, so it is about all that are to have it.
            became[new.place][old.place].update(tenant.name for tenant in tenants)
    mentioned = {old for olds in became.values() for old in olds} | {old for old, _ in ended}
    for old in others:
        if old.place not in mentioned and old.schema.key not in urns:
            ended[old.place, None] = set()
