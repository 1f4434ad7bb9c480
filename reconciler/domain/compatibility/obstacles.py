"""The changes of a live schema that could take from users a value that they hold.

Whatever is none is written as an update; an obstacle blocks it, with the text from here.
"""

from collections.abc import Iterable

from reconciler.domain.diff import Alteration
from reconciler.domain.scim import Attribute, Mutability, Uniqueness


def obstacles(altered: Iterable[Alteration]) -> tuple[str, ...]:
    """Why what is altered cannot be written over the managed view of live; empty where it can.

    Safe are another description, a new optional attribute or sub-attribute, more canonical
    values where there are some, and what only loosens: no longer required, less unique, writable
    by more. `returned` is not among them: to return more may show what was hidden.
    """
    return tuple(sorted({text for each in altered if (text := _obstacle(each)) is not None}))


def changed_characteristics(altered: Iterable[Alteration]) -> tuple[tuple[str, str], ...]:
    """Each characteristic that a live attribute has otherwise, as (`grade.level`, `type`), sorted.

    In RFC 7643 spelling, vendor members as the manifest or the service writes them.
    """
    return tuple(sorted((each.name, each.member) for each in altered if each.member and each.path))


def _obstacle(alteration: Alteration) -> str | None:
    before, after = alteration.before, alteration.after
    if not alteration.path:
        match alteration.member:
            case "id" | "description":
                return None
            case "name":
                return "the schema's name would change"
            case _:
                return "a vendor member of the schema would change"
    *parents, name = alteration.path
    if alteration.repeats_a_name and (there := after or before):
        text = f"{there.key} is listed more than once"
    elif after is None:
        text = f"{name} exists only live"
    elif before is None and after.required:
        text = f"{name} is new and required"
    elif before is None or _loosens(alteration.member, before, after):
        return None
    else:
        text = f"characteristics of {name} would change"
    return "".join(f"{parent}: " for parent in parents) + text


def _loosens(member: str | None, live: Attribute, desired: Attribute) -> bool:
    """Test whether what differs only allows more than before."""
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
            # From none, which allows any value, to some would be less than before.
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
