"""What each desired extension needs on one tenant: create, update, skip or blocked."""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from reconciler.domain import recipes
from reconciler.domain.blocking import BlockReason, against_create, against_update
from reconciler.domain.dialect import Dialect
from reconciler.domain.diff import managed_view
from reconciler.domain.manifest import Limits, OnDrift, SchemaExtension
from reconciler.domain.plan import (
    Blocked,
    Change,
    Create,
    Selection,
    Skip,
    SkipReason,
    Subject,
    TenantPlan,
    Update,
)
from reconciler.domain.scim import ABSENT, Schema


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveTenant:
    """What was read from a tenant; `schemas` by folded id holds what was listed or asked for.

    A desired id that `schemas` lacks was asked for by id and is absent.
    """

    schemas: dict[str, Schema]
    warnings: tuple[str, ...] = ()


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
        (replace(e, schema=dialect.asked_for(e.schema)) for e in desired),
        key=lambda extension: extension.schema.key,
    )
    ours = [schema for schema in live.schemas.values() if not dialect.protects(schema.id)]
    limit = limits.extensions if limits.extensions is not None else dialect.extensions
    changes = [
        _decide(replace(_subject(tenant, extension, live), dialect=dialect), dialect)
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
        unmanaged=tuple(sorted(schema.id for schema in ours if schema.key not in named)),
        warnings=live.warnings,
    )


def _subject(tenant: str, extension: SchemaExtension, live: LiveTenant) -> Subject:
    schema = live.schemas.get(extension.schema.key)
    if schema is None:
        return Subject(tenant=tenant, extension=extension, live_fingerprint=ABSENT)
    view = managed_view(schema, extension.schema, extension.manages)
    return Subject(
        tenant=tenant, extension=extension, live=view, live_fingerprint=view.fingerprint()
    )


def _decide(subject: Subject, dialect: Dialect) -> Change:
    if dialect.protects(subject.schema_id):
        return Blocked(subject, BlockReason.PROTECTED, recipes.PROTECTED)
    if subject.live is None:
        return _decide_create(subject, dialect)
    if subject.live == subject.desired:
        return Skip(subject, SkipReason.IN_SYNC)
    if subject.extension.on_drift is OnDrift.SKIP:
        return Skip(subject, SkipReason.DRIFTED)
    return _decide_update(subject, subject.live, dialect)


def _decide_create(subject: Subject, dialect: Dialect) -> Change:
    against = against_create(subject.desired, dialect)
    return Blocked(subject, *against) if against else Create(subject)


def _decide_update(subject: Subject, live: Schema, dialect: Dialect) -> Change:
    against = against_update(live, subject.desired, dialect)
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
