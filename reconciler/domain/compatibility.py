"""Which changes of a live schema leave every value that users hold as it was.

Only these are ever written as an update; all else is blocked with the words of this module.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import replace

from reconciler.domain.scim import Attribute, Schema


def obstacles(live: Schema, desired: Schema) -> tuple[str, ...]:
    """Why desired cannot be written over the managed view of live; empty when it safely can.

    Safe are another description and a new optional attribute or sub-attribute.
    """
    found = [*_differing_members(live, desired), *_attributes(live.attributes, desired.attributes)]
    return tuple(sorted(found))


def _differing_members(live: Schema, desired: Schema) -> list[str]:
    found = []
    if live.name_key != desired.name_key:
        found.append("the schema's name would change")
    if live.vendor != desired.vendor:
        found.append("a vendor member of the schema would change")
    return found


def _attributes(live: tuple[Attribute, ...], desired: tuple[Attribute, ...]) -> list[str]:
    before = {attribute.key: attribute for attribute in live}
    after = {attribute.key: attribute for attribute in desired}
    twins = [
        f"{name} is listed more than once" for name in sorted({*_twins(live), *_twins(desired)})
    ]
    gone = [f"{before[key].name} exists only live" for key in before.keys() - after.keys()]
    required = [
        f"{after[key].name} is new and required"
        for key in after.keys() - before.keys()
        if after[key].required
    ]
    changed = [
        words
        for key in before.keys() & after.keys()
        for words in _attribute(before[key], after[key])
    ]
    return twins + gone + required + changed


def _twins(attributes: Iterable[Attribute]) -> list[str]:
    """Names that stand for two attributes: which of them holds the values, nobody can tell."""
    return [key for key, times in Counter(a.key for a in attributes).items() if times > 1]


def _attribute(live: Attribute, desired: Attribute) -> list[str]:
    subs = _attributes(live.sub_attributes, desired.sub_attributes)
    found = [f"{desired.name}: {words}" for words in subs]
    alike = replace(live, description=desired.description, sub_attributes=desired.sub_attributes)
    if alike != desired:
        found.append(f"characteristics of {desired.name} would change")
    return found
