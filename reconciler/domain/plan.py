"""Plan: what an apply would do to each tenant, why, and the digest that an approval is bound to.

A change is a create, an update, a skip or blocked. There is no delete and no replace.
"""

from collections import Counter
from dataclasses import dataclass, field, replace
from enum import StrEnum
from functools import lru_cache
from typing import Final

from reconciler.domain.blocking import BlockReason
from reconciler.domain.dialect import Dialect, PatchPath, UpdateStrategy
from reconciler.domain.diff import Difference, differences
from reconciler.domain.drift import Drift
from reconciler.domain.impact import Assessment, assess
from reconciler.domain.jsontext import Json, digest
from reconciler.domain.manifest import Auth, GitState, Limits, SchemaExtension, TenantsFrom
from reconciler.domain.scim import Schema
from reconciler.domain.selection import Selection

FORMAT_VERSION: Final = "1.0"
MAX_TENANTS = 50  # that one run may change, unless it is told otherwise


class SkipReason(StrEnum):
    """Why a change does nothing."""

    IN_SYNC = "in-sync"
    DRIFTED = "drifted"
    EXCLUDED = "excluded"


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """What a change is about: one manifest on one tenant, and what was seen there.

    `live` is the managed view of the live schema; None where it is absent, was not looked at, or
    is as desired, and where a plan is kept to be carried out. `live_fingerprint` is that view's
    fingerprint, `absent`, or None where it was not looked at.
    """

    tenant: str
    extension: SchemaExtension
    live: Schema | None = None
    live_fingerprint: str | None = None
    dialect: Dialect | None = None

    @property
    def id(self) -> str:
        """`tenant/manifest`: unique in a plan, the same in every run."""
        return f"{self.tenant}/{self.extension.name}"

    @property
    def schema_id(self) -> str:
        """The URN as the manifest writes it."""
        return self.extension.schema.id

    @property
    def desired(self) -> Schema:
        """What the manifest wants."""
        return self.extension.schema

    def differences(self) -> tuple[Difference, ...]:
        """Where live differs from desired; empty where there is nothing live to compare."""
        return differences(self.live, self.desired) if self.live else ()

    def assessment(self) -> Assessment:
        """What writing it does to whom."""
        return assess(self.live, self.extension, self.dialect)


@dataclass(frozen=True, slots=True)
class Create:
    """The schema is absent and will be created."""

    subject: Subject


@dataclass(frozen=True, slots=True)
class Update:
    """The schema differs in ways that are safe to write, and the manifest opts in.

    `by` is how the service is changed, PUT or PATCH; `path` is where a PATCH replaces an attribute.
    """

    subject: Subject
    by: UpdateStrategy = UpdateStrategy.PUT
    path: PatchPath = PatchPath.VALUE


@dataclass(frozen=True, slots=True)
class Skip:
    """Nothing will be done, for a reason."""

    subject: Subject
    reason: SkipReason


@dataclass(frozen=True, slots=True)
class Blocked:
    """Something should be done and cannot; `recipe` says what a person can do."""

    subject: Subject
    reason: BlockReason
    recipe: str


Change = Create | Update | Skip | Blocked


def is_in_sync(change: Change) -> bool:
    """Whether nothing is done because live is as desired."""
    return isinstance(change, Skip) and change.reason is SkipReason.IN_SYNC


@dataclass(frozen=True, slots=True, kw_only=True)
class TenantPlan:
    """The plan of one tenant; `error` stands where it could not be read, then nothing else does.

    `dialect_digest` covers the effective dialect: the named one with the tenant's capabilities.
    `auth` says who issues the token, and by which names its credentials are found.
    """

    name: str
    dialect: str
    base_url: str
    auth: Auth = field(default_factory=Auth)
    dialect_digest: str = ""
    limits: Limits = field(default_factory=Limits)
    extensions_live: int | None = None
    extensions_limit: int | None = None
    changes: tuple[Change, ...] = ()
    unmanaged: tuple[str, ...] = ()
    drift: tuple[Drift, ...] = ()
    warnings: tuple[str, ...] = ()
    error: str | None = None
    _digest: str | None = field(init=False, compare=False, repr=False, default=None)

    def digest(self) -> str:
        """Over what an approval approves; not over times, order, wording or unmanaged schemas."""
        if self._digest is None:
            object.__setattr__(self, "_digest", self._approved())
        assert self._digest is not None
        return self._digest

    def without_live(self) -> "TenantPlan":
        """All that carrying it out needs: what is live is read again before it is changed."""
        slim = replace(
            self,
            changes=tuple(
                change
                if change.subject.live is None
                else replace(change, subject=replace(change.subject, live=None))
                for change in self.changes
            ),
        )
        object.__setattr__(slim, "_digest", self.digest())
        return slim

    def _approved(self) -> str:
        changes = [list(decided) for decided in sorted(map(_decided, self.changes), key=_digest_of)]
        return digest(
            {
                "format_version": FORMAT_VERSION,
                "name": self.name,
                "base_url": self.base_url,
                "auth": _identity(self.auth),
                "dialect": [self.dialect, self.dialect_digest],
                "changes": "unreadable" if self.error is not None else changes,
            }
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """The plans of all selected tenants, sorted by name.

    `max_tenants` is how many of them this run may change.
    """

    tenants: tuple[TenantPlan, ...]
    git: GitState = field(default_factory=GitState)
    tenants_from: TenantsFrom | None = None
    selection: Selection = field(default_factory=Selection)
    max_tenants: int = MAX_TENANTS
    _digest: str | None = field(init=False, compare=False, repr=False, default=None)

    def digest(self) -> str:
        """What `apply` compares: the digest over the sorted digests of the tenants.

        Computed once a plan: each tenant's records ask for it.
        """
        if self._digest is None:
            found = digest(sorted(tenant.digest() for tenant in self.tenants))
            object.__setattr__(self, "_digest", found)
        assert self._digest is not None
        return self._digest

    def summary(self) -> "PlanSummary":
        """The counts over all tenants."""
        kinds = Counter(_kind(change) for tenant in self.tenants for change in tenant.changes)
        return PlanSummary(
            create=kinds["create"],
            update=kinds["update"],
            in_sync=kinds[SkipReason.IN_SYNC],
            drifted=kinds[SkipReason.DRIFTED],
            excluded=kinds[SkipReason.EXCLUDED],
            blocked=kinds["blocked"],
            unmanaged=sum(len(tenant.unmanaged) for tenant in self.tenants),
            unreadable=sum(1 for tenant in self.tenants if tenant.error is not None),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanSummary:
    """How many changes of each kind; `unreadable` counts tenants, `unmanaged` live schemas."""

    create: int
    update: int
    in_sync: int
    drifted: int
    excluded: int
    blocked: int
    unmanaged: int
    unreadable: int

    @property
    def work(self) -> int:
        """How many writes an apply would make."""
        return self.create + self.update

    @property
    def out_of_sync(self) -> bool:
        """Whether anything is not as desired: what --detailed-exitcode tells."""
        return bool(self.work + self.drifted + self.blocked)


@dataclass(frozen=True, slots=True)
class Exceeded:
    """A safety limit that a plan exceeds; `tenant` is None for the one of the whole run."""

    tenant: str | None
    number: int
    limit: int
    setting: str

    def __str__(self) -> str:
        if self.tenant is None:
            return (
                f"this run: {self.number} changed tenants exceed {self.setting} {self.limit}; "
                f"narrow the run with --tenant, raise {self.setting}, or lift it with --force"
            )
        return (
            f"tenant {self.tenant}: {self.number} changes exceed {self.setting}: {self.limit}; "
            f"narrow the run with --target, raise {self.setting} in the tenant's manifest, "
            "or lift it with --force"
        )


def exceeded_limits(plan: Plan) -> tuple[Exceeded, ...]:
    """What is more than one run may do: to a tenant as its manifest says, and to how many."""
    changed = sum(
        1 for t in plan.tenants if any(isinstance(change, Create | Update) for change in t.changes)
    )
    too_many = Exceeded(None, changed, plan.max_tenants, "--max-tenants")
    return (
        *((too_many,) if changed > plan.max_tenants else ()),
        *(
            Exceeded(tenant.name, number, limit, setting)
            for tenant in plan.tenants
            for kind, limit, setting in (
                (Create, tenant.limits.max_creates, "spec.limits.maxCreates"),
                (Update, tenant.limits.max_updates, "spec.limits.maxUpdates"),
            )
            if (number := sum(1 for c in tenant.changes if isinstance(c, kind))) > limit
        ),
    )


def _identity(auth: Auth) -> list[Json]:
    """As whom a tenant is changed, as far as a manifest says it: an approval is bound to that."""
    names = [[name, ref.source, ref.name] for name, ref in sorted(auth.credentials.items())]
    return [auth.type, auth.token_url, names]


def _decided(change: Change) -> tuple[str, str, str | None]:
    """What of a change is approved; its attributes and what it starts from are fingerprints."""
    subject = change.subject
    return _action(change), subject.desired.fingerprint(), subject.live_fingerprint


@lru_cache(4096)
def _digest_of(decided: tuple[str, str, str | None]) -> str:
    """The order of changes in a digest; most tenants of a fleet have the same ones."""
    return digest(list(decided))


def _action(change: Change) -> str:
    return type(change).__name__.lower()


def _kind(change: Change) -> str:
    return change.reason if isinstance(change, Skip) else _action(change)
