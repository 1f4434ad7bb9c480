"""Rules about tenants without /Schemas, whose attributes are shown as one schema."""

from collections import defaultdict
from collections.abc import Iterator
from re import search

from reconciler.domain.dialect import Transport
from reconciler.domain.manifest import Manages, ProjectedResource, Projection, SchemaExtension
from reconciler.domain.messages import quoted
from reconciler.domain.problem import Pointer, Severity
from reconciler.domain.rules.manifests import ManifestSet, named
from reconciler.domain.rules.rule import SCHEMA_POINTER, About, Fault, RuleSet
from reconciler.domain.scim import fold

PROJECTION_RULES: RuleSet[ManifestSet] = RuleSet(About.MANIFESTS)
_OF_A_SCHEMA = {"id", "name", "attributes", "schemas", "meta"}
_KINDS = {ProjectedResource.USERS: "User"}


@PROJECTION_RULES.rule(
    "REC-PROJECTION",
    Severity.ERROR,
    "a tenant without /Schemas says as which schema its attributes are shown, and no other does",
    firm=True,
)
def projections_stand_where_they_mean_something(manifests: ManifestSet) -> Iterator[Fault]:
    for tenant in manifests.tenants:
        dialect = tenant.dialect
        if dialect.transport is Transport.SCIM:
            if tenant.projection is not None:
                message = (
                    f"{dialect.target_system} has /Schemas, so nothing is projected; leave it out"
                )
                yield Fault(("spec", "projection"), message, at_key=True, document=tenant.place)
            continue
        if tenant.projection is None:
            message = (
                f"{dialect.target_system} has no /Schemas: say as which schema its attributes are "
                "shown, projection: {schemaId: urn:…, resource: users}"
            )
            yield Fault(("spec", "dialect"), message, document=tenant.place)
        elif dialect.protects(tenant.projection.schema_id):
            yield Fault(
                ("spec", "projection", "schemaId"),
                "this URN is an RFC's or the vendor's; choose one of your own",
                document=tenant.place,
            )


@PROJECTION_RULES.rule(
    "REC-URL", Severity.ERROR, "baseUrl ends as that of the service does", firm=True
)
def base_urls_are_those_of_the_service(manifests: ManifestSet) -> Iterator[Fault]:
    for tenant in manifests.tenants:
        dialect, at = tenant.dialect, ("spec", "baseUrl")
        if dialect.transport is not Transport.SCIM and tenant.embedded:
            message = "the built-in tenant plays services with /Schemas alone; name a real one"
            yield Fault(at, message, document=tenant.place)
        elif dialect.base_urls and not search(f"{dialect.base_urls.pattern}$", tenant.base_url):
            form = dialect.base_urls.text
            message = f"the address of {dialect.target_system} is written {form}"
            yield Fault(at, message, document=tenant.place)


@PROJECTION_RULES.rule(
    "REC-PROJECTION",
    Severity.WARNING,
    "what is meant for a tenant without /Schemas is the schema that it shows",
)
def projected_schemas_are_those_of_their_tenants(manifests: ManifestSet) -> Iterator[Fault]:
    for extension, tenants in manifests.targets:
        found: dict[tuple[Pointer, str], list[str]] = defaultdict(list)
        for tenant in tenants:
            for stray in strays(extension, tenant.projection) if tenant.projection else ():
                found[stray].append(tenant.name)
        for (pointer, message), names in found.items():
            text = f"{message} ({named(names)})"
            yield Fault(pointer, text, document=extension.place)


def strays(extension: SchemaExtension, projection: Projection) -> Iterator[tuple[Pointer, str]]:
    """Find in what an extension is not the schema of a projection: places in it, and messages."""
    if fold(projection.schema_id) != extension.schema.key:
        message = f"the attributes are shown as {projection.schema_id}, and as no other schema"
        yield (*SCHEMA_POINTER, "id"), message
    elif extension.manages is not Manages.ATTRIBUTES:
        message = (
            "the schema holds what others have defined too; write manages: attributes, so that "
            "those are left alone"
        )
        yield ("spec", "manages"), message
    for member in extension.schema.document:
        if fold(member) not in _OF_A_SCHEMA:
            message = f"{quoted(member)}: of the schema itself nothing is kept; leave it out"
            yield (*SCHEMA_POINTER, member), message
    kind = _KINDS[projection.resource]
    if fold(extension.resource_type) != fold(kind):
        yield (
            ("spec", "resourceType"),
            f"the attributes are those of {kind}; write that, or nothing",
        )
