"""Live × desired → Differences: what a manifest manages, and where the two are not the same."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum

from reconciler.domain.jsontext import Json
from reconciler.domain.manifest import Manages
from reconciler.domain.scim import ABSENT, Attribute, Schema, in_order


class Standing(StrEnum):
    """What a read by id says about a write that is planned, under way or unsure."""

    AS_BEFORE = "as-before"
    AS_DESIRED = "as-desired"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Difference:
    """One member that differs; None stands for a side that does not have it.

    `path` reads `description`, `attributes.grade` or `attributes.grade.subAttributes.level.type`.
    A vendor member stands as its canonical JSON text; an attribute that one side lacks as an
    object of what it says, its sub-attributes by name only.
    """

    path: str
    live: Json
    desired: Json


def managed_view(live: Schema, desired: Schema, manages: Manages) -> Schema:
    """The part of a live schema that a manifest speaks for, so that `view == desired` is «in sync».

    Vendor members count only where the manifest sets them. With `manages: attributes` so do
    attributes, the name and the description.
    """
    whole = manages is Manages.SCHEMA
    if whole and not live.has_vendor_members:
        return live
    return replace(
        live,
        name=live.name if whole or desired.name is not None else None,
        description=live.description if whole or desired.description is not None else None,
        vendor=_set_by(desired.vendor, live.vendor),
        attributes=_managed_attributes(live.attributes, desired.attributes, everything=whole),
    )


def differences(live: Schema, desired: Schema) -> tuple[Difference, ...]:
    """Where a managed view differs from desired, sorted by path; empty when they are equal."""
    if live == desired:
        return ()
    if live.name_key == desired.name_key:
        live = replace(live, name=desired.name)
    before, after = _unequal(live, desired)
    was, wanted = _form(live, before), _form(desired, after)
    names = _names(before, _ATTRIBUTES) | _names(after, _ATTRIBUTES)  # the manifest's spelling
    return tuple(
        Difference(_spelt(path, names), _shown(was, path, names), _shown(wanted, path, names))
        for path in sorted(_differing_paths(was, wanted))
    )


def standing(live: Schema | None, *, desired: Schema, manages: Manages, before: str) -> Standing:
    """Where a live schema stands between what was there (a fingerprint or `absent`) and desired."""
    view = managed_view(live, desired, manages) if live else None
    if view == desired:
        return Standing.AS_DESIRED
    seen = view.fingerprint() if view else ABSENT
    return Standing.AS_BEFORE if seen == before else Standing.OTHER


def vanished(before: Iterable[str], live: Schema) -> tuple[str, ...]:
    """Of the names of attributes that were live before, those that are not live any more."""
    return tuple(name for name in before if live.attribute(name) is None)


def _managed_attributes(
    live: Iterable[Attribute], desired: Iterable[Attribute], *, everything: bool
) -> tuple[Attribute, ...]:
    wanted = {attribute.key: attribute for attribute in desired}
    return in_order(
        _managed_attribute(attribute, wanted.get(attribute.key))
        for attribute in live
        if everything or attribute.key in wanted
    )


def _managed_attribute(live: Attribute, desired: Attribute | None) -> Attribute:
    subs = desired.sub_attributes if desired else ()
    return replace(
        live,
        vendor=_set_by(desired.vendor if desired else (), live.vendor),
        sub_attributes=_managed_attributes(live.sub_attributes, subs, everything=True),
    )


def _set_by(
    desired: tuple[tuple[str, str], ...], live: tuple[tuple[str, str], ...]
) -> tuple[tuple[str, str], ...]:
    members = {member for member, _ in desired}
    return tuple(pair for pair in live if pair[0] in members)


Path = tuple[str, ...]
Keyed = Mapping[str, Attribute]
_ATTRIBUTES: Path = ("attributes",)


def _unequal(live: Schema, desired: Schema) -> tuple[Keyed, Keyed]:
    """The attributes that are not the same on both sides; deepdiff is too slow for all of them."""
    before, after = _keyed(live.attributes), _keyed(desired.attributes)
    same = {key for key in before.keys() & after.keys() if before[key] == after[key]}
    return (
        {key: attribute for key, attribute in before.items() if key not in same},
        {key: attribute for key, attribute in after.items() if key not in same},
    )


def _keyed(attributes: Iterable[Attribute]) -> Keyed:
    """Attributes by name, so that one added and one removed are not told as one renamed.

    A service may list one name twice; the second is `name#2`, so that both are shown.
    """
    keyed: dict[str, Attribute] = {}
    for attribute in attributes:
        key, number = attribute.key, 1
        while key in keyed:
            number += 1
            key = f"{attribute.key}#{number}"
        keyed[key] = attribute
    return keyed


def _form(schema: Schema, attributes: Keyed) -> dict[str, Json]:
    return {
        "id": schema.key,
        "name": schema.name,
        "description": schema.description,
        "attributes": _forms(attributes),
        **dict(schema.vendor),
    }


def _forms(attributes: Keyed) -> dict[str, Json]:
    return {
        key: {
            **attribute.to_json(),
            "name": attribute.key,
            "description": attribute.description,
            "canonicalValues": list(attribute.canonical_values),
            "referenceTypes": list(attribute.reference_types),
            "subAttributes": _forms(_keyed(attribute.sub_attributes)),
            **dict(attribute.vendor),
        }
        for key, attribute in attributes.items()
    }


def _differing_paths(before: Json, after: Json) -> set[Path]:
    """Down to the member: a position inside a list of words says nothing."""
    # Its import is a fifth of what a plan takes to start, and few plans find a difference.
    from deepdiff import DeepDiff

    delta = DeepDiff(
        before,
        after,
        view="tree",
        threshold_to_diff_deeper=0,  # else two forms with little in common are told as one change
        ignore_private_variables=False,  # else a name that begins with __ is left out
    )
    return {
        tuple(step for step in item.path(output_format="list") if isinstance(step, str))
        for items in delta.values()
        for item in items
    }


def _names(attributes: Keyed, at: Path) -> dict[Path, str]:
    """How the name of each attribute is written, by its path; the mark of a twin is kept."""
    names: dict[Path, str] = {}
    for key, attribute in attributes.items():
        path = (*at, key)
        names[path] = attribute.name + key[len(attribute.key) :]
        names |= _names(_keyed(attribute.sub_attributes), (*path, "subAttributes"))
    return names


def _spelt(path: Path, names: Mapping[Path, str]) -> str:
    return ".".join(names.get(path[:end], path[end - 1]) for end in range(1, len(path) + 1))


def _shown(form: Json, path: Path, names: Mapping[Path, str]) -> Json:
    """The value at a path; None where that side has nothing there, or nothing in it."""
    for step in path:
        if step not in form:
            return None
        form = form[step]
    if not isinstance(form, dict):
        return None if form == [] else form
    whole = {member: value for member, value in form.items() if value not in (None, [], {})}
    if subs := whole.get("subAttributes"):
        whole["subAttributes"] = [names[*path, "subAttributes", key] for key in subs]
    return whole | {"name": names[path]}
