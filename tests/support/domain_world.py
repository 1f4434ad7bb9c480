"""Tenants, manifests and live schemas for the tests of plans and outcomes, in few words."""

from collections.abc import Iterable
from typing import Any

from reconciler.domain.adoption import DatedSample, Sample
from reconciler.domain.deciding import LiveTenant, plan_tenant
from reconciler.domain.dialect import Dialect, UpdateStrategy
from reconciler.domain.manifest import Limits, Manages, OnDrift, SchemaExtension, Tenant
from reconciler.domain.plan import Blocked, Plan, Skip, TenantPlan
from reconciler.domain.problem import Place
from reconciler.domain.scim import Schema
from reconciler.domain.selection import Selection

ALL_TYPES = frozenset(
    ("string", "boolean", "decimal", "integer", "dateTime", "reference", "complex")
)
BASE_URL = "https://scim.example.com/v2"


def dialect(**changes: Any) -> Dialect:
    known: dict[str, Any] = {
        "name": "genesys",
        "target_system": "Genesys Cloud",
        "creates": True,
        "updates": UpdateStrategy.PUT,
        "types": ALL_TYPES,
        "extensions": 10,
        "protected_prefixes": ("urn:example:vendor:",),
    }
    return Dialect(**(known | changes))


def document(name: str, *attributes: Any, **members: Any) -> dict[str, Any]:
    return {"id": f"urn:example:{name}", "attributes": list(attributes), **members}


def extension(
    name: str,
    *attributes: Any,
    update: bool = False,
    manages: Manages = Manages.SCHEMA,
    **members: Any,
) -> SchemaExtension:
    return SchemaExtension(
        name=name.lower(),
        place=Place("hr.yaml", 3),
        schema=Schema.from_json(document(name, *attributes, **members)),
        on_drift=OnDrift.UPDATE if update else OnDrift.SKIP,
        manages=manages,
    )


def live(*documents: Any) -> LiveTenant:
    schemas = [Schema.from_json(item) for item in documents]
    return LiveTenant(schemas={schema.key: schema for schema in schemas})


def tenant_of(
    name: str = "acme", *, service: Dialect | None = None, limits: Limits | None = None
) -> Tenant:
    return Tenant(
        name=name,
        place=Place(f"{name}.yaml"),
        dialect=service or dialect(),
        base_url=BASE_URL,
        limits=limits or Limits(),
    )


def dated_sample(sample: Sample) -> DatedSample:
    """A sample as the trend of a fleet takes it."""
    key, count = sample.key, sample.count
    about = (key.tenant, key.schema_id, key.attribute, sample.measured_at[:10])
    return DatedSample(*about, count.holders, count.total)


def unreadable(name: str, error: str = "no answer") -> TenantPlan:
    return TenantPlan(tenant=tenant_of(name), error=error)


def planned(
    desired: Iterable[SchemaExtension],
    there: LiveTenant | None = None,
    *,
    tenant: str = "acme",
    service: Dialect | None = None,
    limits: Limits | None = None,
    selection: Selection | None = None,
) -> TenantPlan:
    acme = tenant_of(tenant, service=service, limits=limits)
    return plan_tenant(
        acme,
        extensions=[each.fitted_to(acme.dialect) for each in desired],
        live=there or live(),
        selection=selection or Selection(),
    )


def reported(plan: TenantPlan) -> list[tuple[str, str]]:
    """Each change as (manifest, action and reason), in the order of the plan."""
    lines = []
    for change in plan.changes:
        reason = f" {change.reason}" if isinstance(change, Skip | Blocked) else ""
        lines.append((change.subject.extension.name, type(change).__name__.lower() + reason))
    return lines


def plan_of(*tenants: TenantPlan) -> Plan:
    return Plan(tenants=tenants)
