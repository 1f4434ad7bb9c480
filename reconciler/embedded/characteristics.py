"""The characteristics of live attributes that a service keeps, drops changes of, or sets itself."""

from collections.abc import Collection
from typing import Any

from reconciler.domain.dialect import Dialect
from reconciler.domain.scim import Attribute, fold
from reconciler.embedded.wire import Refused

Document = dict[str, Any]


def as_stored(before: Document, after: Document, dialect: Dialect) -> Document:
    """The schema that a service keeps of an update, by two documents with every characteristic.

    What it ignores stays as it was; Refused with 400 where what is immutable would change.
    """
    there = {fold(each["name"]): each for each in before["attributes"]}
    attributes = [_kept(there, each, dialect) for each in after["attributes"]]
    return {**after, "attributes": attributes}


def _kept(there: dict[str, Document], new: Document, dialect: Dialect) -> Document:
    old = there.get(fold(new["name"]))
    if old is None:
        return new
    for member in _changed(old, new, dialect.immutable):
        detail = f"attribute {new['name']}: {member} cannot be changed"
        raise Refused(400, detail, scim_type="mutability")
    kept = dict(new)
    for member in _changed(old, new, dialect.ignored):
        kept.pop(member, None)
        kept |= {member: old[member]} if member in old else {}
    if "subAttributes" in kept and "subAttributes" in old:
        parts = {fold(each["name"]): each for each in old["subAttributes"]}
        kept["subAttributes"] = [_kept(parts, each, dialect) for each in kept["subAttributes"]]
    return kept


def _changed(old: Document, new: Document, members: Collection[str]) -> list[str]:
    known = set(map(fold, members))
    names = {**old, **new}
    return [name for name in names if fold(name) in known and old.get(name) != new.get(name)]


def stamped(document: Document, dialect: Dialect) -> Document:
    """The schema with the members that the service sets on its own, whatever was sent for them."""
    if not dialect.server_members:
        return document
    return {
        member: [_stamped(each, dialect.server_members) for each in value]
        if fold(member) == "attributes"
        else value
        for member, value in document.items()
    }


def _stamped(attribute: Document, members: Collection[str]) -> Document:
    own, name = set(map(fold, members)), Attribute.from_json(attribute).name
    kept = {member: value for member, value in attribute.items() if fold(member) not in own}
    return kept | {member: f"{member} of {name}" for member in members}
