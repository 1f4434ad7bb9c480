"""The decision on each desired extension of one tenant: create, update, skip or blocked."""

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace

from reconciler.domain import recipes
from reconciler.domain.blocking import (
    BlockReason,
    against_any,
    against_create,
    against_meaning,
    against_update,
)
from reconciler.domain.drift import Drift, Sightings, drift_of, unmanaged_drift
from reconciler.domain.manifest import OnDrift, SchemaExtension, Tenant
from reconciler.domain.messages import NAMED
from reconciler.domain.plan import (
    Blocked,
    Change,
    Create,
    Skip,
    SkipReason,
    Subject,
    TenantPlan,
    Update,
    Withheld,
    is_in_sync,
)
from reconciler.domain.redaction import NO_REDACTION, Redaction
from reconciler.domain.scim import Schema
from reconciler.domain.selection import Selection


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveTenant:
    """The schemas that were read from a tenant; `schemas` are those wanted, by folded id.

    A desired id that `schemas` and `unreadable` lack was read by id and is absent. `ids` names
    all that is live, by folded id as the service writes it; where it is not given, `schemas` are
    all. `unreadable` says, by folded id, why a schema could not be read while others could.
    Schemas and ids are as they came; `redaction` takes credentials out of what is shown of them.
    `warnings` and the reasons in `unreadable` show none. `objection` says what of a desired schema
    the service cannot keep beside what is live, where the gateway knows that.
    """

    schemas: Mapping[str, Schema]
    ids: Mapping[str, str] = field(default_factory=dict)
    unreadable: Mapping[str, str] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()
    redaction: Redaction = NO_REDACTION
    objection: Callable[[Schema], str | None] = lambda _: None

    def __post_init__(self) -> None:
        if not self.ids:
            ids = {key: schema.id for key, schema in self.schemas.items()}
            object.__setattr__(self, "ids", ids)


_NOTHING_SEEN: Sightings = {}
_MOST_HELD = 1000  # attributes of a tenant's plan that are in memory as they are


def plan_tenant(
    tenant: Tenant,
    *,
    extensions: Iterable[SchemaExtension],
    live: LiveTenant,
    selection: Selection,
    sightings: Sightings = _NOTHING_SEEN,
) -> TenantPlan:
    """Decide what each extension, fitted to the tenant's dialect, needs there.

    Creates beyond the remaining room are blocked, in the order of their URNs.
    """
    ours = {key: urn for key, urn in live.ids.items() if not tenant.dialect.protects(urn)}
    limit = tenant.extensions_limit
    room = math.inf if limit is None else limit - len(ours)
    changes: list[Change] = []
    drift: list[Drift] = []
    named: set[str] = set()
    held = 0
    # Which creates find room must depend on nothing but the manifests' own URNs.
    for extension in sorted(extensions, key=lambda extension: extension.schema.key):
        change = (
            _decide(tenant, extension, live)
            if selection.takes(tenant.name, extension)
            else Skip(Subject(tenant=tenant.name, extension=extension), SkipReason.EXCLUDED)
        )
        if isinstance(change, Create):
            room -= 1
            if room < 0:
                recipe = recipes.FULL.format(limit=limit)
                change = Blocked(change.subject, BlockReason.EXTENSION_LIMIT, recipe)
        if (found := _drift(change, sightings)) is not None:
            drift.append(found)
        held += change.subject.attributes_held
        if held > _MOST_HELD:
            change = replace(change, subject=change.subject.packed())
        changes.append(change)
        named.add(extension.schema.key)
    unmanaged = tuple(sorted(urn for key, urn in ours.items() if key not in named))
    return TenantPlan(
        tenant=tenant,
        extensions_live=len(ours),
        changes=tuple(changes),
        unmanaged=unmanaged,
        drift=(*drift, *(unmanaged_drift(tenant.name, urn, sightings) for urn in unmanaged)),
        warnings=live.warnings,
        redaction=live.redaction,
    )


def _decide(tenant: Tenant, extension: SchemaExtension, found: LiveTenant) -> Change:
    desired, dialect = extension.schema, tenant.dialect
    if (why := found.unreadable.get(desired.key)) is not None:
        unseen = Subject(tenant=tenant.name, extension=extension, dialect=dialect)
        return Blocked(unseen, BlockReason.UNREADABLE, why)
    live = found.schemas.get(desired.key)
    subject = Subject.seen(tenant, extension, live, found.redaction)
    if (mistaken := against_any(extension, tenant)) is not None:
        return Blocked(subject, *mistaken)
    if subject.in_sync:
        return Skip(subject, SkipReason.IN_SYNC)
    if live is not None:
        unsayable = against_meaning(extension, dialect)
        if unsayable is None and (objection := found.objection(desired)) is not None:
            unsayable = BlockReason.UNSUPPORTED, objection
        if unsayable is not None:  # else it would be taken for drift that stays
            return Blocked(subject, *unsayable)
    change: Create | Update
    if live is None or subject.view is None or subject.shown is None:
        against = against_create(extension, dialect)
        change = Create(subject)
    else:
        against = against_update(live, subject.view, extension, dialect)
        if against is not None and subject.shown is not subject.view:
            against = against_update(live, subject.shown, extension, dialect) or against
        change = Update(subject, dialect.updates, dialect.patch_path)
        if extension.on_drift is OnDrift.SKIP:
            paths = tuple(difference.path for difference in subject.differences())
            withheld = Withheld(against, paths[:NAMED], len(paths[NAMED:]))
            return Skip(subject, SkipReason.DRIFTED, withheld)
    return Blocked(subject, *against) if against else change


def _drift(change: Change, sightings: Sightings) -> Drift | None:
    subject = change.subject
    if is_in_sync(change) or subject.live_fingerprint is None:  # None: nobody has looked
        return None
    seen, live = sightings.get((subject.tenant, subject.desired.key)), subject.live_fingerprint
    if seen is not None and subject.is_verified_but_for_new(seen.fingerprint):
        live = seen.fingerprint
    return drift_of(
        subject.schema_id,
        live=live,
        desired=subject.desired.fingerprint(),
        seen=seen,
        stays=isinstance(change, Skip),
    )
