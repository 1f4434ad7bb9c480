"""Selection: the part of the fleet that a run is about."""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from fnmatch import fnmatchcase

from reconciler.domain.manifest import SchemaExtension
from reconciler.domain.scim import fold


@dataclass(frozen=True, slots=True)
class Shard:
    """The `number`-th of `count` parts of a fleet, the first is 1: each tenant is in one.

    Its name alone says in which, so that it moves only where `count` changes.
    """

    number: int
    count: int

    def __str__(self) -> str:
        return f"{self.number}/{self.count}"

    def takes(self, tenant: str) -> bool:
        """Test whether a tenant is in it."""
        found = hashlib.sha256(tenant.encode()).digest()
        return int.from_bytes(found[:8]) % self.count == self.number - 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """`--tenant`, `--target` and `--exclude`: globs over tenants, and over manifests and URNs.

    `shard` is the part of the tenants that this run is about; None for all of them. `due` are the
    names of those that `--due` leaves; None where it is not given.
    `planned` is whether a saved plan brings them: then a glob that fits nothing is no slip.
    """

    tenants: tuple[str, ...] = ()
    targets: tuple[str, ...] = ()
    excludes: tuple[str, ...] = ()
    shard: Shard | None = None
    planned: bool = False
    due: frozenset[str] | None = None

    @property
    def partial(self) -> bool:
        """True where a glob leaves anything out."""
        return bool(self.tenants or self.targets or self.excludes)

    def takes_tenant(self, name: str) -> bool:
        """Test whether the tenant is planned at all."""
        if self.due is not None and name not in self.due:
            return False
        if self.shard is not None and not self.shard.takes(name):
            return False
        return not self.tenants or any(fnmatchcase(name, glob) for glob in self.tenants)

    def takes(self, tenant: str, extension: SchemaExtension) -> bool:
        """Test whether the extension may be changed on the tenant."""
        names = (extension.name, f"{tenant}/{extension.name}", extension.schema.key)
        if self.targets and not _any_fits(names, self.targets):
            return False
        return not _any_fits(names, self.excludes)

    def takes_unmanaged(self, schema_id: str) -> bool:
        """Test whether the run is about a schema that no manifest names."""
        if self.targets and not _any_fits((schema_id,), self.targets):
            return False
        return not _any_fits((schema_id,), self.excludes)


def _any_fits(names: Iterable[str], globs: tuple[str, ...]) -> bool:
    return any(fnmatchcase(fold(name), fold(glob)) for name in names for glob in globs)
