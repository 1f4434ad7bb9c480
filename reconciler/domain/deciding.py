"""What each desired extension needs on one tenant: create, update, skip or blocked."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from reconciler.domain import recipes
from reconciler.domain.blocking import BlockReason, against_create, against_update
from reconciler.domain.dialect import Dialect
from reconciler.domain.diff import managed_view
from reconciler.domain.manifest import Limits, OnDrift, SchemaExtension
from reconciler.domain.plan import (
    Blocked,
    Change,
    Create,
    Skip,
    SkipReason,
    Subject,
    TenantPlan,
    Update,
)
from reconciler.domain.scim import ABSENT, Schema
from reconciler.domain.selection import Selection


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveTenant:
    """What was read from a tenant; `schemas` by folded id are those that somebody asked for.

    A desired id that `schemas` and `unreadable` lack was asked for by id and is absent. `ids` names
    all that is live, by folded id as the service writes it; where it is not given, `schemas` are
    all. `unreadable` says, by folded id, why a schema could not be read while others could.
    """

    schemas: Mapping[str, Schema]
    ids: Mapping[str, str] = field(default_factory=dict)
    unreadable: Mapping[str, str] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not self.ids:
            ids = {key: schema.id for key, schema in self.schemas.items()}
            object.__setattr__(self, "ids", ids)


def plan_tenant(
    *,
    tenant: str,
    base_url: str,
    dialect: Dialect,
    limits: Limits,
    desired: Iterable[SchemaExtension],
    live: LiveTenant,
    selection: Selection,
) -> TenantPlan:
    """Decide what each desired extension needs on one tenant.

    Creates beyond the room that is left are blocked, in the order of their URNs.
    """
    wanted = sorted(
        (asked_of(dialect, extension) for extension in desired),
        key=lambda extension: extension.schema.key,
    )
    ours = {key: urn for key, urn in live.ids.items() if not dialect.protects(urn)}
    limit = limits.extensions if limits.extensions is not None else dialect.extensions
    changes = [
        _decide(tenant, extension, live, dialect)
        if selection.takes(tenant, extension)
        else Skip(Subject(tenant=tenant, extension=extension), SkipReason.EXCLUDED)
        for extension in wanted
    ]
    named = {extension.schema.key for extension in wanted}
    return TenantPlan(
        name=tenant,
        dialect=dialect.name,
        dialect_digest=dialect.digest(),
        base_url=base_url,
        limits=limits,
        extensions_live=len(ours),
        extensions_limit=limit,
        changes=tuple(_within_room(changes, None if limit is None else limit - len(ours), limit)),
        unmanaged=tuple(sorted(urn for key, urn in ours.items() if key not in named)),
        warnings=live.warnings,
    )


def asked_of(dialect: Dialect, extension: SchemaExtension) -> SchemaExtension:
    """The extension as it can be asked of a service; itself where that is no other."""
    schema = dialect.settable(extension.schema)
    return extension if schema is extension.schema else replace(extension, schema=schema)


def _decide(tenant: str, extension: SchemaExtension, found: LiveTenant, dialect: Dialect) -> Change:
    desired = extension.schema
    if (reason := found.unreadable.get(desired.key)) is not None:
        subject = Subject(tenant=tenant, extension=extension, dialect=dialect)
        return Blocked(subject, BlockReason.UNREADABLE, reason)
    live = found.schemas.get(desired.key)
    view = None if live is None else managed_view(live, desired, extension.manages)
    in_sync = view == desired
    subject = Subject(
        tenant=tenant,
        extension=extension,
        live=view,
        live_fingerprint=_fingerprint(desired if in_sync else view),
        dialect=dialect,
    )
    if dialect.protects(desired.id):
        return Blocked(subject, BlockReason.PROTECTED, recipes.PROTECTED)
    if live is None or view is None:
        return _decide_create(subject, dialect)
    if in_sync:  # a fleet is so nearly everywhere, and what is equal need not be kept twice
        return Skip(replace(subject, live=None), SkipReason.IN_SYNC)
    if extension.on_drift is OnDrift.SKIP:
        return Skip(subject, SkipReason.DRIFTED)
    return _decide_update(subject, live, view, dialect)


def _fingerprint(schema: Schema | None) -> str:
    return ABSENT if schema is None else schema.fingerprint()


def _decide_create(subject: Subject, dialect: Dialect) -> Change:
    against = against_create(subject.extension, dialect)
    return Blocked(subject, *against) if against else Create(subject)


def _decide_update(subject: Subject, there: Schema, view: Schema, dialect: Dialect) -> Change:
    against = against_update(there, view, subject.extension, dialect)
    if against:
        return Blocked(subject, *against)
    return Update(subject, dialect.updates, dialect.patch_path)


def _within_room(
    changes: Iterable[Change], room: int | None, limit: int | None
) -> Iterable[Change]:
    created = 0
    for change in changes:
        if isinstance(change, Create) and room is not None:
            created += 1
            if created > room:
                yield Blocked(
                    change.subject, BlockReason.EXTENSION_LIMIT, recipes.FULL.format(limit=limit)
                )
                continue
        yield change
