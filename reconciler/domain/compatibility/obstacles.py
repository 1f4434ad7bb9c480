"""Which changes of a live schema leave every value that users hold as it was.

Only these are ever written as an update; all else is blocked with the words of this module.
"""

from reconciler.domain.compatibility.alterations import TWINS, Alteration, alterations
from reconciler.domain.scim import Attribute, Mutability, Schema, Uniqueness


def obstacles(live: Schema, desired: Schema) -> tuple[str, ...]:
    """Why desired cannot be written over the managed view of live; empty when it safely can.

    Safe are another description, a new optional attribute or sub-attribute, more canonical
    values where there are some, and what only loosens: no longer required, less unique, writable
    by more. `returned` is not among them: to return more may show what was hidden.
    """
    found = (_words(alteration) for alteration in alterations(live, desired))
    return tuple(sorted({words for words in found if words is not None}))


def changed_characteristics(live: Schema, desired: Schema) -> tuple[tuple[str, str], ...]:
    """Each characteristic that a live attribute has otherwise, as (`grade.level`, `type`), sorted.

    In RFC 7643 spelling, vendor members as the manifest or the service writes them.
    """
    return tuple(
        sorted(
            (alteration.name, alteration.member)
            for alteration in alterations(live, desired)
            if alteration.member and alteration.before and alteration.after
        )
    )


def _words(alteration: Alteration) -> str | None:
    if not alteration.path:
        return _OF_SCHEMA.get(str(alteration.member))
    *parents, name = alteration.path
    told = _of_attribute(alteration, name)
    return None if told is None else "".join(f"{parent}: " for parent in parents) + told


def _of_attribute(alteration: Alteration, name: str) -> str | None:
    if alteration.member == TWINS:
        return f"{name} is listed more than once"
    if alteration.after is None:
        return f"{name} exists only live"
    if alteration.before is None:
        return f"{name} is new and required" if alteration.after.required else None
    if _loosens(alteration.member, alteration.before, alteration.after):
        return None
    return f"characteristics of {name} would change"


def _loosens(member: str | None, live: Attribute, desired: Attribute) -> bool:
    """Whether what differs only allows more than before."""
    match member:
        case "description":
            return True
        case "required":
            return live.required
        case "uniqueness":
            return (live.uniqueness, desired.uniqueness) in _LESS_UNIQUE
        case "mutability":
            return (live.mutability, desired.mutability) in _WRITABLE_BY_MORE
        case "canonicalValues":
            values = set(live.canonical_values)
            return bool(values) and values <= set(desired.canonical_values)
        case _:
            return False


_LESS_UNIQUE = (
    (Uniqueness.GLOBAL, Uniqueness.SERVER),
    (Uniqueness.GLOBAL, Uniqueness.NONE),
    (Uniqueness.SERVER, Uniqueness.NONE),
)
_WRITABLE_BY_MORE = (  # not writeOnly to readWrite, which would show what nobody could read
    (Mutability.READ_ONLY, Mutability.IMMUTABLE),
    (Mutability.READ_ONLY, Mutability.READ_WRITE),
    (Mutability.IMMUTABLE, Mutability.READ_WRITE),
)
_OF_SCHEMA = {
    "name": "the schema's name would change",
    "vendor": "a vendor member of the schema would change",
}
