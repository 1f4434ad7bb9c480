"""The reasons against a create or an update on one service, with what a person can do."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache

from reconciler.domain import recipes
from reconciler.domain.compatibility import changed_characteristics, obstacles
from reconciler.domain.dialect import Dialect, PatchPath, Transport, UpdateStrategy
from reconciler.domain.diff import Alteration, alterations
from reconciler.domain.manifest import SchemaExtension, Tenant
from reconciler.domain.rules import LIMIT_RULES, Demand, Fault, Rule, strays
from reconciler.domain.rules.limits import characteristics_can_be_said
from reconciler.domain.scim import Schema, fold

_SHOWN = 3  # faults in one recipe, which stands in one line of a plan


class BlockReason(StrEnum):
    """The reason why a change cannot be made."""

    EXTENSION_LIMIT = "extension-limit"
    IMMUTABLE_HERE = "immutable-here"
    WOULD_BE_IGNORED = "would-be-ignored"
    UNSUPPORTED = "unsupported"
    INCOMPATIBLE = "incompatible"
    PROTECTED = "protected"
    UNREADABLE = "unreadable"


Against = tuple[BlockReason, str]
"""The reason why a change is blocked, and the recipe."""


def against_any(extension: SchemaExtension, tenant: Tenant) -> Against | None:
    """Find why the extension is a mistake on the tenant, be it in sync or not.

    It is for a schema of the vendor's, or not for the one as which the attributes are shown.
    """
    if tenant.dialect.protects(extension.schema.id):
        return BlockReason.PROTECTED, recipes.PROTECTED
    if tenant.projection is None:
        return None
    found = [message for _, message in strays(extension, tenant.projection)]
    return (BlockReason.UNSUPPORTED, "; ".join(found)) if found else None


def against_meaning(extension: SchemaExtension, dialect: Dialect) -> Against | None:
    """Find what the service can never say, so that live will never be as desired.

    Where the schema is there from the start, that is each of its limits.
    """
    if dialect.transport is Transport.SCIM and not (dialect.fixed or dialect.accepts):
        return None
    asked = characteristics_can_be_said if dialect.transport is Transport.SCIM else None
    beyond = _beyond(extension, dialect, only=asked)
    return (BlockReason.UNSUPPORTED, beyond) if beyond else None


def against_create(extension: SchemaExtension, dialect: Dialect) -> Against | None:
    """Find why the service would not take a new schema; None where it would."""
    if not dialect.creates:
        return BlockReason.UNSUPPORTED, recipes.NO_CREATE.format(dialect.target_system)
    beyond = _beyond(extension, dialect)
    return (BlockReason.UNSUPPORTED, beyond) if beyond else None


def against_update(
    there: Schema, live: Schema, extension: SchemaExtension, dialect: Dialect
) -> Against | None:
    """Find why desired is not written over a live schema; None where it safely can be.

    `there` is all of the live schema, `live` its managed view.
    """
    return next(_objections(there, live, extension, dialect), None)


def _objections(
    there: Schema, live: Schema, extension: SchemaExtension, dialect: Dialect
) -> Iterator[Against]:
    """All that speaks against the change, on the service's side or on ours; the first counts."""
    desired, service = extension.schema, dialect.target_system
    if dialect.updates is UpdateStrategy.NONE:
        yield BlockReason.UNSUPPORTED, recipes.NO_UPDATE.format(service)
    if beyond := _beyond(extension, dialect, _beside(there, live, desired)):
        yield BlockReason.UNSUPPORTED, beyond
    altered = alterations(live, desired)
    # On a service that drops a change a recipe for it would lead to a place where nothing happens:
    # docs/decisions.md, "`would-be-ignored` comes before `incompatible`".
    for reason, characteristics, recipe in (
        (BlockReason.WOULD_BE_IGNORED, dialect.ignored, recipes.IGNORED),
        (BlockReason.IMMUTABLE_HERE, dialect.immutable, recipes.IMMUTABLE),
    ):
        if named := _changed(altered, characteristics):
            yield reason, recipe.format(service, named)
    if found := obstacles(altered):
        yield BlockReason.INCOMPATIBLE, f"{'; '.join(found)}. {recipes.INCOMPATIBLE}"
    if dialect.updates is UpdateStrategy.PATCH and live.description != desired.description:
        if dialect.patch_path is PatchPath.ATTRIBUTE:
            yield BlockReason.UNSUPPORTED, recipes.ONLY_ATTRIBUTES.format(service)
        if desired.description is None:
            yield BlockReason.UNSUPPORTED, recipes.NO_REMOVAL


def _changed(altered: Iterable[Alteration], characteristics: Iterable[str]) -> str:
    """Those of the characteristics that would change, and where: `grade (type, required)`."""
    known = {fold(characteristic) for characteristic in characteristics}
    changed: dict[str, list[str]] = {}
    for attribute, member in changed_characteristics(altered):
        if fold(member) in known:
            changed.setdefault(attribute, []).append(member)
    return ", ".join(f"{attribute} ({', '.join(m)})" for attribute, m in changed.items())


def _beside(there: Schema, live: Schema, desired: Schema) -> int:
    """The live attributes that nobody manages, where one more is to come beside them.

    An update that adds none is no reason to count what the service holds already.
    """
    known = {attribute.key for attribute in live.attributes}
    grows = any(attribute.key not in known for attribute in desired.attributes)
    return len(there.attributes) - len(live.attributes) if grows else 0


def _beyond(
    extension: SchemaExtension, dialect: Dialect, beside: int = 0, only: Rule | None = None
) -> str | None:
    """The limits that the service is known to have and that no note silences; None without any.

    `only` is the rule that is asked; None: all of them.
    """
    found = [
        f"{fault.message} ({rule.id})"
        for rule, fault in _excesses(_Itself(extension.schema), dialect, beside)
        if only in (None, rule)
        and (rule.firm or not extension.silences(rule.id, fault.pointer, at_key=fault.at_key))
    ]
    shown, rest = found[:_SHOWN], len(found) - _SHOWN
    more = [f"and {rest} more, which `reconciler validate` shows"] if rest > 0 else []
    return "; ".join(shown + more) or None


@dataclass(frozen=True, slots=True, eq=False)
class _Itself:
    """A schema as a key: equal ones may be written in another order, with other faults."""

    schema: Schema

    def __hash__(self) -> int:
        return hash(self.schema.key)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Itself) and self.schema is other.schema


@lru_cache(maxsize=1024)  # a fleet has few schemas and dialects, and many tenants
def _excesses(key: _Itself, dialect: Dialect, beside: int) -> tuple[tuple[Rule, Fault], ...]:
    service = dialect.target_system
    demand = Demand(schema=key.schema, dialect=dialect, service=service, beside=beside)
    return tuple(LIMIT_RULES.faults(demand))
