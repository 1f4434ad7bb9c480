"""What stands against a create or an update on one service, and what a person can do about it."""

from collections.abc import Iterable, Iterator
from enum import StrEnum

from reconciler.domain import recipes
from reconciler.domain.compatibility import changed_characteristics, obstacles
from reconciler.domain.dialect import Dialect, PatchPath, UpdateStrategy
from reconciler.domain.scim import Attribute, Schema, fold


class BlockReason(StrEnum):
    """Why a change cannot be made."""

    EXTENSION_LIMIT = "extension-limit"
    IMMUTABLE_HERE = "immutable-here"
    WOULD_BE_IGNORED = "would-be-ignored"
    UNSUPPORTED = "unsupported"
    INCOMPATIBLE = "incompatible"
    PROTECTED = "protected"
    UNREADABLE = "unreadable"


Against = tuple[BlockReason, str]
"""Why a change is blocked, and the recipe."""


def against_create(desired: Schema, dialect: Dialect) -> Against | None:
    """Why the service would not take a new schema; None where it would."""
    if not dialect.creates:
        return BlockReason.UNSUPPORTED, recipes.NO_CREATE.format(dialect.target_system)
    words = _beyond(dialect, desired)
    return (BlockReason.UNSUPPORTED, words) if words else None


def against_update(live: Schema, desired: Schema, dialect: Dialect) -> Against | None:
    """Why desired is not written over the managed view of live; None where it safely can be."""
    return next(_hindrances(live, desired, dialect), None)


def _hindrances(live: Schema, desired: Schema, dialect: Dialect) -> Iterator[Against]:
    """Why the service would not take the change, or we would not send it; the first one counts."""
    service = dialect.target_system
    if dialect.updates is UpdateStrategy.NONE:
        yield BlockReason.UNSUPPORTED, recipes.NO_UPDATE.format(service)
    if words := _beyond(dialect, desired):
        yield BlockReason.UNSUPPORTED, words
    for reason, characteristics, recipe in (
        (BlockReason.WOULD_BE_IGNORED, dialect.ignored, recipes.IGNORED),
        (BlockReason.IMMUTABLE_HERE, dialect.immutable, recipes.IMMUTABLE),
    ):
        if named := _changed(live, desired, characteristics):
            yield reason, recipe.format(service, named)
    if found := obstacles(live, desired):
        yield BlockReason.INCOMPATIBLE, f"{'; '.join(found)}. {recipes.INCOMPATIBLE}"
    if dialect.updates is UpdateStrategy.PATCH and live.description != desired.description:
        if dialect.patch_path is PatchPath.ATTRIBUTE:
            yield BlockReason.UNSUPPORTED, recipes.ONLY_ATTRIBUTES.format(service)
        if desired.description is None:
            yield BlockReason.UNSUPPORTED, recipes.NO_REMOVAL


def _changed(live: Schema, desired: Schema, characteristics: Iterable[str]) -> str:
    """Those of the characteristics that would change, and where: `grade (type, required)`."""
    known = {fold(characteristic) for characteristic in characteristics}
    changed: dict[str, list[str]] = {}
    for attribute, member in changed_characteristics(live, desired):
        if fold(member) in known:
            changed.setdefault(attribute, []).append(member)
    return ", ".join(f"{attribute} ({', '.join(m)})" for attribute, m in changed.items())


def _beyond(dialect: Dialect, desired: Schema) -> str | None:
    """What the service cannot hold of a schema, and what to do; None where it can hold it all."""
    foreign = sorted(
        f"{attribute.name} ({attribute.type})"
        for attribute in _flat(desired.attributes)
        if attribute.type not in dialect.types
    )
    if foreign:
        types = ", ".join(sorted(dialect.types))
        return recipes.NO_TYPE.format(dialect.target_system, ", ".join(foreign), types)
    if dialect.attributes is not None and len(desired.attributes) > dialect.attributes:
        number = len(desired.attributes)
        return recipes.TOO_MANY.format(number, dialect.target_system, dialect.attributes)
    return None


def _flat(attributes: Iterable[Attribute]) -> Iterable[Attribute]:
    for attribute in attributes:
        yield attribute
        yield from _flat(attribute.sub_attributes)
