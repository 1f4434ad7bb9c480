"""Migration: a change of an attribute that no update may make, as steps that updates can.

A new attribute comes beside the old one, both are filled, the old one is deprecated and at last
retired. Where a service changes no schema at all, the new one comes in a schema of its own.
"""

import re
from collections.abc import Container, Mapping
from dataclasses import dataclass, replace

from reconciler.domain import recipes
from reconciler.domain.blocking import against_update
from reconciler.domain.dialect import UpdateStrategy
from reconciler.domain.jsontext import Json
from reconciler.domain.manifest import SchemaExtension, Tenant
from reconciler.domain.scim import Attribute, MalformedSchema, Schema, fold
from reconciler.errors import UsageError

_MEMBERS = (
    "name", "type", "multiValued", "required", "caseExact", "mutability", "returned", "uniqueness",
    "description", "canonicalValues", "referenceTypes",
)  # fmt: skip
_VERSION = re.compile(r"(?i)v(\d+)$")


@dataclass(frozen=True, slots=True, kw_only=True)
class Migration:
    """The attribute `old` of a tenant's extension, dotted as written, and what comes in its place.

    `places` are the numbers of the old attribute in the document's attributes, and of the part in
    those of the attribute where it is one. `why` says what speaks against an update, `schema_id`
    the URN of a new schema where the new attribute has to come in one.
    """

    tenant: Tenant
    extension: SchemaExtension
    old: str
    places: tuple[int, ...]
    attribute: Mapping[str, Json]
    why: str
    schema_id: str | None = None

    @property
    def new(self) -> str:
        """The new attribute, dotted."""
        above = self.old.rpartition(".")[0]
        name = str(self.attribute["name"])
        return f"{above}.{name}" if above and self.schema_id is None else name

    @property
    def personal(self) -> tuple[str, ...]:
        """The new attribute, or those below it, that hold personal data as the old ones do."""
        old = fold(self.old)
        if any(old.startswith(f"{fold(name)}.") for name in self.extension.personal):
            # What holds the old one is personal as a whole, and holds the new one too.
            return () if self.schema_id is None else (self.new,)
        return tuple(
            f"{self.new}{name[len(old) :]}"
            for name in self.extension.personal
            if f"{fold(name)}.".startswith(f"{old}.")
        )

    @property
    def new_schema(self) -> str:
        """The URN of the schema that the new attribute is in."""
        return self.extension.schema.id if self.schema_id is None else self.schema_id

    @property
    def document(self) -> dict[str, Json]:
        """The schema that holds nothing but the new attribute, as a manifest has it."""
        urn = self.new_schema
        name = urn.rpartition(":")[2]
        return {"id": urn, "name": name, "attributes": [dict(self.attribute)]}


def migration(
    tenant: Tenant, extension: SchemaExtension, name: str, settings: Mapping[str, Json]
) -> Migration:
    """Work out what comes beside the attribute of that name, `attribute.part` for a part.

    The settings are characteristics of RFC 7643 section 7 that the new one has otherwise, and
    `schema`, a URN. Raises UsageError where there is no such attribute, where an update can make
    the change, and where no steps can.
    """
    places, written = _written(extension, name)
    given = {_member(member): value for member, value in settings.items()}
    schema_id = given.pop("schema", None)
    changed = _meaningful({**written, **given}, given)
    if "name" in given:
        why: str | None = "an attribute is never renamed: its values would be lost"
    else:
        why = _why(tenant, extension, places, changed)
    if why is None and not given:
        raise UsageError(f"say with --to what {name} is to become, such as type=integer")
    if why is None and Attribute.from_json(changed) == Attribute.from_json(written):
        raise UsageError(
            f"{extension.place} wants {name} so already, and the way begins at the manifest of "
            "what is live: take that edit back first, as with git restore, then run this again"
        )
    if why is None:
        raise UsageError(
            f"{tenant.dialect.target_system} takes that change of {name} as an update: write it "
            f"into {extension.place}"
        )
    if schema_id is None and tenant.dialect.updates is UpdateStrategy.NONE:
        raise UsageError(
            f"{tenant.dialect.target_system} changes no schema, so the new attribute needs one "
            "of its own: name it with --to schema=URN"
        )
    if schema_id is not None and fold(str(schema_id)) == extension.schema.key:
        raise UsageError(f"{schema_id} is the schema that {name} is in; name a new one")
    if "name" not in given and schema_id is None:
        changed["name"] = _free_name(extension, name)
    if schema_id is None:
        changed["required"] = False  # nobody has a value of it yet
        if not written.get("required"):
            del changed["required"]
    return Migration(
        tenant=tenant,
        extension=extension,
        old=name,
        places=places,
        attribute=changed,
        why=why,
        schema_id=None if schema_id is None else str(schema_id),
    )


def _meaningful(attribute: dict[str, Json], given: Container[str]) -> dict[str, Json]:
    """The attribute without what its new type gives no meaning to, unless that is given."""
    try:
        normalised = Attribute.from_json(attribute).whole()
    except MalformedSchema as error:
        raise UsageError(f"the new attribute is not sound: {error}") from error
    kept = dict(attribute)
    if "type" not in given:
        return kept
    for member in ("caseExact", "uniqueness", "referenceTypes"):
        if member not in given and member in kept and normalised.get(member) != kept[member]:
            del kept[member]
    for member in ("canonicalValues", "subAttributes"):  # values and parts of the old type
        if member not in given:
            kept.pop(member, None)
    return kept


def _member(name: str) -> str:
    known = next((each for each in (*_MEMBERS, "schema") if fold(each) == fold(name)), None)
    if known is None:
        raise UsageError(f"--to {name}=… is no characteristic; there are {', '.join(_MEMBERS)}")
    return known


def _written(extension: SchemaExtension, name: str) -> tuple[tuple[int, ...], dict[str, Json]]:
    """The place of an attribute in the document, and all that is written of it."""
    found: Mapping[str, Json] = extension.schema.document
    places: list[int] = []
    member = "attributes"
    for part in name.split("."):
        inside: Json = next((v for m, v in found.items() if fold(m) == fold(member)), [])
        at = next((i for i, a in enumerate(inside) if fold(a["name"]) == fold(part)), None)
        if at is None:
            known = ", ".join(str(each["name"]) for each in inside) or "none"
            raise UsageError(f"{extension.name} has no attribute {name}; there are {known}")
        places.append(at)
        found, member = inside[at], "subAttributes"
    return tuple(places), dict(found)


def _why(
    tenant: Tenant, extension: SchemaExtension, places: tuple[int, ...], changed: Mapping[str, Json]
) -> str | None:
    """The reason not to update what is live, taken to be as the manifest, to what is wanted."""
    after = Schema.from_json(_with(extension.schema.document, places, changed))
    wanted = replace(extension, schema=after).fitted_to(tenant.dialect)
    live = extension.fitted_to(tenant.dialect).schema
    against = against_update(live, live, wanted, tenant.dialect)
    return None if against is None else against[1].removesuffix(f". {recipes.INCOMPATIBLE}")


def _with(document: Json, places: tuple[int, ...], attribute: Mapping[str, Json]) -> Json:
    """The document with another attribute at that place."""
    place, *rest = places
    member = next(m for m in document if fold(m) in ("attributes", "subattributes"))
    items = list(document[member])
    items[place] = _with(items[place], tuple(rest), attribute) if rest else dict(attribute)
    return {**document, member: items}


def _free_name(extension: SchemaExtension, name: str) -> str:
    """The old name with the next number that is free: `costCenterV2` after `costCenter`."""
    above, _, last = name.rpartition(".")
    found = _VERSION.search(last)
    base, number = (last[: found.start()], int(found[1])) if found else (last, 1)
    retired = {fold(each.name) for each in extension.retired}
    while True:
        number += 1
        path = f"{above}.{base}V{number}" if above else f"{base}V{number}"
        if extension.schema.at(path) is None and fold(path) not in retired:
            return f"{base}V{number}"
