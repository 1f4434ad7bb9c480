"""Use case: live extensions to manifests, sorted and minimal, so that a plan after it is empty."""

import re
from collections.abc import Iterable, Mapping

from reconciler.domain.deciding import LiveTenant
from reconciler.domain.dialect import Dialect
from reconciler.domain.fixed import defaults_of
from reconciler.domain.hearing import Bindings, types_of
from reconciler.domain.jsontext import Json
from reconciler.domain.manifest import Manages, Tenant
from reconciler.domain.rules.sites import USER
from reconciler.domain.scim import Schema, fold
from reconciler.errors import UsageError

_RESOURCE_TYPE = re.compile(r"[A-Za-z][A-Za-z0-9$_-]*")  # as a manifest takes it
_LABEL = 63  # characters of a DNS label, which metadata.name is


def importable(live: LiveTenant, dialect: Dialect, wanted: str | None) -> tuple[str, ...]:
    """The ids of the extensions that are the tenant's own, or of the wanted one alone, in order.

    Raises UsageError where that is not there, or belongs to the vendor or to an RFC.
    """
    if wanted is not None and dialect.protects(wanted):
        raise UsageError(f"{wanted} belongs to the vendor or to an RFC, and is not managed")
    if wanted is not None and fold(wanted) not in live.schemas:
        raise UsageError(f"the tenant has no schema {wanted}")
    return tuple(
        live.ids[key]
        for key in sorted(live.schemas)
        if not dialect.protects(key) and (wanted is None or key == fold(wanted))
    )


def names_for(tenant: str, urns: Iterable[str], taken: Iterable[str]) -> dict[str, str]:
    """A name for each schema by its folded id: `acme-hr-extension`, numbered where it is taken."""
    used = set(taken)
    names: dict[str, str] = {}
    for urn in urns:
        base = f"{tenant}-{_dashed(urn.rpartition(':')[2])}"
        name, number = _label(base, ""), 1
        while name in used:
            number += 1
            name = _label(base, f"-{number}")
        used.add(name)
        names[fold(urn)] = name
    return names


def resource_type_of(schema: Schema, bindings: Bindings | None) -> str | None:
    """The resource type that the schema extends: User where that is one, or none is known.

    None where all that it extends have names that a manifest does not take.
    """
    kinds = types_of(bindings, schema) if bindings else ()
    fit = [kind for kind in kinds if _RESOURCE_TYPE.fullmatch(kind)]
    if kinds and not fit:
        return None
    is_for_users = not fit or fold(USER) in map(fold, fit)
    return USER if is_for_users else fit[0]


def manifest_for(
    schema: Schema,
    *,
    tenant: Tenant,
    name: str,
    resource_type: str,
    full: bool,
    manages: Manages = Manages.SCHEMA,
) -> dict[str, Json]:
    """The manifest of one extension for one tenant; `full` writes defaults out too.

    Of the schema of a projection that is what is not the service's own.
    """
    written = schema.whole()
    if tenant.projection is not None:
        manages = Manages.ATTRIBUTES
        name_of_urn = schema.id.rpartition(":")[2]
        written = {"id": schema.id, "name": name_of_urn, "attributes": written["attributes"]}
    if not full:
        written["attributes"] = [_minimal(each, tenant.dialect) for each in written["attributes"]]
    return {
        "apiVersion": "reconciler/v1",
        "kind": "SchemaExtension",
        "metadata": {"name": name},
        "spec": {
            **({"resourceType": resource_type} if full or resource_type != USER else {}),
            "tenants": {"names": [tenant.name]},
            **({"manages": manages.value} if manages is not Manages.SCHEMA else {}),
            "schema": written,
        },
    }


def _minimal(attribute: Mapping[str, Json], dialect: Dialect) -> dict[str, Json]:
    """An attribute and its parts without what RFC 7643 or the service has as the default."""
    defaults = defaults_of(attribute, dialect)
    members = {m: value for m, value in attribute.items() if defaults.get(m, ...) != value}
    if parts := members.get("subAttributes"):
        members["subAttributes"] = [_minimal(part, dialect) for part in parts]
    return members


def _dashed(camel: str) -> str:
    """HRExtension → hr-extension."""
    parted = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "-", camel)
    return re.sub(r"[^a-z0-9]+", "-", parted.lower()).strip("-") or "extension"


def _label(text: str, number: str) -> str:
    # What is cut off may leave a dash at the end, and no DNS label ends with one.
    return text[: _LABEL - len(number)].rstrip("-") + number
