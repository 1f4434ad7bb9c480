"""TenantNames: the names that tenants had before, as their manifests and the trail have them."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any, NamedTuple

from reconciler.domain.drift import Sighting, Sightings
from reconciler.domain.manifest import Tenant


class Renaming(NamedTuple):
    """A name that a tenant had, and the one that it had after it."""

    old: str
    new: str

    @property
    def detail(self) -> str:
        """The detail of its audit record, which is about the new name."""
        return f"{_FORMERLY}{self.old}"

    @classmethod
    def recorded(cls, tenant: str | None, detail: str | None) -> "Renaming | None":
        """The renaming that an audit record has; None where an edited trail has another text."""
        is_one = tenant and detail and detail.startswith(_FORMERLY)
        return cls(str(detail).removeprefix(_FORMERLY), str(tenant)) if is_one else None


_FORMERLY = "formerly "


@dataclass(frozen=True, slots=True)
class TenantNames:
    """The former names of each tenant that has some, by its name of today."""

    former: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    _today: Mapping[str, str] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        today = {old: name for name, names in self.former.items() for old in names}
        object.__setattr__(self, "_today", today)

    def of(self, tenant: str) -> tuple[str, ...]:
        """All names under which something of a tenant may be kept, that of today first."""
        return (tenant, *self.former.get(tenant, ()))

    @property
    def old(self) -> frozenset[str]:
        """All names that are former ones."""
        return frozenset(self._today)

    def current(self, name: str) -> str:
        """The name that a tenant of that name has today."""
        return self._today.get(name, name)

    def sightings_today(self, sightings: Sightings) -> Sightings:
        """The sightings under the names of today; of one schema under two the later one."""
        if not self._today:
            return sightings
        found: dict[tuple[str, str], Sighting] = {}
        for (tenant, key), seen in sightings.items():
            about = (self.current(tenant), key)
            found[about] = max(seen, found.get(about, seen), key=lambda each: each.at)
        return found

    def rows_today(self, rows: Iterable[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
        """The rows, which begin with the name of a tenant, each under the one of today."""
        return [(self.current(tenant), *others) for tenant, *others in rows]


def tenant_names(tenants: Iterable[Tenant], recorded: Iterable[Renaming]) -> TenantNames:
    """Follow each former name to the tenant that has it now; `recorded` are in their order.

    What a manifest says counts before what was recorded. The name of a tenant is none of another.
    """
    # docs/decisions.md, "A renaming is recorded, and moves no row"
    later = dict(recorded)
    today = set()
    for tenant in tenants:
        today.add(tenant.name)
        later |= dict.fromkeys(tenant.formerly, tenant.name)
    found = defaultdict(list)
    for old in later.keys() - today:
        if (name := latest_name(old, later, today)) in today:
            found[name].append(old)
    return TenantNames({name: tuple(sorted(names)) for name, names in found.items()})


def latest_name(name: str, later: Mapping[str, str], known: Collection[str] = ()) -> str:
    """The name that followed last on another, or the first one that is known; a circle ends."""
    passed = {name}
    while name not in known and (after := later.get(name, name)) not in passed:
        name = after
        passed.add(name)
    return name


def former_names(globs: Iterable[str], recorded: Sequence[Renaming]) -> tuple[str, ...]:
    """The names that were followed, sooner or later, by one that any of the globs fits."""
    wanted, found = list(globs), []
    for old, new in reversed(recorded):
        if any(fnmatchcase(new, glob) for glob in wanted):
            wanted.append(old)
            found.append(old)
    return tuple(found)


def unrecorded(tenants: Iterable[Tenant], recorded: Iterable[Renaming]) -> tuple[Renaming, ...]:
    """The renamings by manifests that the trail does not have so."""
    known = dict(recorded)
    return tuple(
        Renaming(old, tenant.name)
        for tenant in tenants
        for old in tenant.formerly
        if known.get(old) != tenant.name
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class UnclaimedName:
    """A name that the store knows and no manifest here has, with what is open under it.

    Without any of it the trail has its history alone.
    """

    name: str
    open_writes: int = 0
    pending: int = 0
    held: int = 0

    @property
    def is_open(self) -> bool:
        """True where something under it waits for a run that knows the tenant."""
        return bool(self.open_writes or self.pending or self.held)

    @property
    def message(self) -> str:
        """The things that are open under it, and what a person can do."""
        numbers = {
            "writes without a known end": self.open_writes,
            "webhooks that wait": self.pending,
            "webhooks that are held": self.held,
        }
        left_open = ", ".join(f"{what}: {number}" for what, number in numbers.items() if number)
        return (
            f"no manifest here has this tenant ({left_open}): put its manifest back and run "
            f"`reconciler apply --recover-only --tenant {self.name}`, name it in spec.formerly of "
            "the tenant that it is now, or end this with "
            f"`reconciler webhooks drop --tenant {self.name}`"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptNames:
    """The names under which a store keeps anything, and what is open under each: numbers by name.

    `names` are without those that were dropped on purpose and have had nothing since.
    """

    names: frozenset[str] = frozenset()
    renamings: tuple[Renaming, ...] = ()
    open_writes: Mapping[str, int] = field(default_factory=dict)
    pending: Mapping[str, int] = field(default_factory=dict)
    held: Mapping[str, int] = field(default_factory=dict)

    def unclaimed(self, tenants: Iterable[Tenant]) -> tuple[UnclaimedName, ...]:
        """The names that none of these tenants has or had, in order."""
        known = tuple(tenants)
        today = {tenant.name for tenant in known}
        names = tenant_names(known, self.renamings)
        kept = {*self.names, *self.open_writes, *self.pending, *self.held}
        return tuple(
            UnclaimedName(
                name=name,
                open_writes=self.open_writes.get(name, 0),
                pending=self.pending.get(name, 0),
                held=self.held.get(name, 0),
            )
            for name in sorted(kept)
            if names.current(name) not in today
        )
