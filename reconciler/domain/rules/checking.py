"""Manifests and schemas to Problems: each subject held against its rules."""

from reconciler.domain.jsontext import Json
from reconciler.domain.manifest import Manifests
from reconciler.domain.problem import Problem
from reconciler.domain.rules.attribute import ATTRIBUTE_RULES
from reconciler.domain.rules.characteristics import CHARACTERISTIC_RULES
from reconciler.domain.rules.limits import LIMIT_RULES, Demand
from reconciler.domain.rules.manifests import MANIFEST_RULES, ManifestSet, named
from reconciler.domain.rules.projections import PROJECTION_RULES
from reconciler.domain.rules.rule import SCHEMA_POINTER, Locate
from reconciler.domain.rules.schema import SCHEMA_RULES
from reconciler.domain.rules.sites import USER, SchemaSite, attribute_sites


def check_schema(schema: Json, locate: Locate, *, resource_type: str = USER) -> tuple[Problem, ...]:
    """Check `spec.schema` of one manifest that extends that resource type."""
    if not isinstance(schema, dict):
        return ()
    sites = attribute_sites(schema)
    whole = SchemaSite(SCHEMA_POINTER, schema, sites, resource_type)
    found = list(SCHEMA_RULES.problems(whole, locate))
    for site in sites:
        found += ATTRIBUTE_RULES.problems(site, locate)
        found += CHARACTERISTIC_RULES.problems(site, locate)
    return tuple(sorted(found))


def check_manifests(manifests: Manifests, locate: Locate) -> tuple[Problem, ...]:
    """Check the manifests of a folder among each other, and each with the services it is for."""
    whole = ManifestSet(manifests)
    found = list(MANIFEST_RULES.problems(whole, locate))
    found += PROJECTION_RULES.problems(whole, locate)
    # Once for each dialect, not each tenant: a fleet has few of them, and one line says it of all.
    for extension, dialect, tenants in whole.by_dialect():
        service = f"{dialect.target_system} ({named(tenants)})"
        demand = Demand(schema=extension.schema, dialect=dialect, service=service)
        found += LIMIT_RULES.problems(demand, locate, extension.place)
    return tuple(sorted(found))
