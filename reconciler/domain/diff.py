"""Live × desired: the part of a live schema that is managed, and the one walk that compares two.

Differences, obstacles to an update and the rules about changes are all views of that walk.
"""

from collections.abc import Iterable, Iterator, Mapping, Set
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import lru_cache

from reconciler.domain.foreign import Foreign
from reconciler.domain.jsontext import Json
from reconciler.domain.manifest import Manages
from reconciler.domain.scim import (
    ABSENT,
    ATTRIBUTE_MEMBERS,
    SCHEMA_MEMBERS,
    Attribute,
    Schema,
    fold,
    in_order,
    vendor_values,
)


class Standing(StrEnum):
    """The state of a live schema beside a write that is planned, under way or unsure."""

    AS_BEFORE = "as-before"
    AS_DESIRED = "as-desired"
    OTHER = "other"


@dataclass(frozen=True, slots=True, kw_only=True)
class Alteration:
    """One thing that is another afterwards.

    `path` are the names from the schema down to the attribute, as they are spelled afterwards;
    empty for the schema itself. Where one name is listed twice, the second has the mark `#2`.
    `member` is what of it differs, in RFC 7643 spelling, or a vendor member; None where the whole
    attribute came (no `before`) or went (no `after`).
    """

    path: tuple[str, ...]
    member: str | None = None
    before: Attribute | None = None
    after: Attribute | None = None

    @property
    def name(self) -> str:
        """`attribute` or `attribute.part`."""
        return ".".join(self.path)

    @property
    def repeats_a_name(self) -> bool:
        """True for an attribute whose name another one before it has, too."""
        attribute = self.after or self.before
        return attribute is not None and attribute.key != fold(self.path[-1])


@dataclass(frozen=True, slots=True)
class Difference:
    """One member that differs; None stands for a side that does not have it.

    `path` reads `description`, `attributes.grade` or `attributes.grade.subAttributes.level.type`.
    An attribute that one side lacks stands as an object of all that it says.
    """

    path: str
    live: Json
    desired: Json


class HarmKind(StrEnum):
    """The ways in which a thing is not as it was."""

    GONE = "gone"
    CAME = "came"  # within an attribute of others, or under its name
    CHANGED = "changed"


@dataclass(frozen=True, slots=True)
class Harm:
    """One thing that a write had to leave as it was, and that is not as it was after it.

    `steps` are those of the path of a Difference, of which names are Foreign. `before` and `after`
    are the values of a member that has CHANGED; None where a side does not say it. `vendor` is True
    for a member that RFC 7643 does not know.
    """

    steps: tuple[str, ...]
    kind: HarmKind
    before: Json = None
    after: Json = None
    vendor: bool = False

    @property
    def path(self) -> str:
        """The steps as that of a Difference reads; not as it may be shown."""
        return ".".join(self.steps)

    @property
    def of_the_server(self) -> bool:
        """True for a vendor member with another value, as services set some with each write."""
        return self.vendor and self.after is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class Observed:
    """A live schema as it was read after a write, and what of it is not as it was before.

    `waited` are the seconds of pauses between the first read and this one.
    """

    live: Schema | None
    standing: Standing
    harms: tuple[Harm, ...] = ()
    waited: float = 0.0


def managed_view(live: Schema, desired: Schema, manages: Manages) -> Schema:
    """The part of a live schema that a manifest manages, so that `view == desired` means in sync.

    Vendor members count only where the manifest sets them. With `manages: attributes` so do
    attributes, the name and the description.
    """
    whole = manages is Manages.SCHEMA
    if whole and not live.has_vendor_members:
        return live  # the very same, whose fingerprint a fleet works out once
    return replace(
        live,
        name=live.name if whole or desired.name is not None else None,
        description=live.description if whole or desired.description is not None else None,
        vendor=_set_by(desired.vendor, live.vendor),
        attributes=_managed_attributes(live.attributes, desired.attributes, everything=whole),
    )


def alterations(before: Schema, after: Schema) -> tuple[Alteration, ...]:
    """Everything in which the two differ: the schema's own members, then attributes by name."""
    if before == after:
        return ()
    return (
        *(
            Alteration(path=(), member=member)
            for _, member in _differing(_schema_form(before), _schema_form(after))
        ),
        *_of_attributes(_keyed(before.attributes), _keyed(after.attributes)),
    )


def differences(live: Schema, desired: Schema) -> tuple[Difference, ...]:
    """The alterations from a managed view to desired, with both values, sorted by path."""
    was, wanted = _schema_members(live), _schema_members(desired)
    return tuple(
        Difference(
            ".".join(_steps(each, each.path)),
            _shown(each, was, each.before),
            _shown(each, wanted, each.after),
        )
        for each in sorted(alterations(live, desired), key=_place)
    )


def agreeing(live: Schema, desired: Schema) -> Schema:
    """The part of a managed view that is as desired: without each attribute and member apart."""
    altered = alterations(live, desired)
    apart = {fold(each.path[0]) for each in altered if each.path}
    members = {each.member for each in altered if not each.path}
    return replace(
        live,
        name=None if "name" in members else live.name,
        description=None if "description" in members else live.description,
        vendor=tuple(pair for pair in live.vendor if pair[0] not in members),
        attributes=tuple(each for each in live.attributes if each.key not in apart),
    )


def standing(live: Schema | None, *, desired: Schema, manages: Manages, before: str) -> Standing:
    """Compare a live schema with `before`, which is a fingerprint or `absent`, and with desired."""
    view = managed_view(live, desired, manages) if live else None
    if view == desired:
        return Standing.AS_DESIRED
    seen = view.fingerprint() if view else ABSENT
    return Standing.AS_BEFORE if seen == before else Standing.OTHER


def harms(
    before: Schema,
    after: Schema,
    *,
    desired: Schema,
    manages: Manages,
    server_members: Iterable[str] = (),
) -> tuple[Harm, ...]:
    """All that was live before a write, that the write was not about, and that is not as it was.

    An attribute that is gone is one, managed or not. What came beside the rest takes nothing from
    anybody, and members that the service sets on its own say nothing.
    """
    if before == after:
        return ()
    aside = frozenset(map(fold, server_members))
    was, now = (_unmanaged_view(each, desired, manages, aside) for each in (before, after))
    had, has = _schema_members(was), _schema_members(now)
    ours = None if manages is Manages.SCHEMA else {each.key for each in desired.attributes}
    found = []
    for each in sorted(alterations(was, now), key=_place):
        steps, member = tuple(_steps(each, each.path)), each.member
        managed = not each.path or ours is None or fold(each.path[0]) in ours
        if member is None:
            came = each.before is None
            beside = managed or (len(each.path) == 1 and not each.repeats_a_name)
            if not (came and beside):
                found.append(Harm(steps, HarmKind.CAME if came else HarmKind.GONE))
            continue
        value = _shown(each, had, each.before)
        if value is not None or not managed:
            vendor = isinstance(steps[-1], Foreign)
            now_value = _shown(each, has, each.after)
            found.append(Harm(steps, HarmKind.CHANGED, value, now_value, vendor))
    return tuple(found)


def _unmanaged_view(
    live: Schema, desired: Schema, manages: Manages, set_by_server: Set[str]
) -> Schema:
    """The rest of a live schema: what `managed_view` leaves out, and the names of what it has."""
    whole = manages is Manages.SCHEMA
    return replace(
        live,
        name=None if whole or desired.name is not None else live.name,
        description=None if whole or desired.description is not None else live.description,
        vendor=_not_set_by(desired.vendor, live.vendor, set_by_server),
        attributes=_unmanaged_attributes(
            live.attributes, desired.attributes, set_by_server, everything=whole
        ),
    )


def _unmanaged_attributes(
    live: Iterable[Attribute],
    desired: Iterable[Attribute],
    set_by_server: Set[str],
    *,
    everything: bool,
) -> tuple[Attribute, ...]:
    wanted = {attribute.key: attribute for attribute in desired}
    return in_order(
        _unmanaged_attribute(attribute, wanted.get(attribute.key), set_by_server)
        if everything or attribute.key in wanted
        else _without(attribute, set_by_server)
        for attribute in live
    )


def _unmanaged_attribute(
    live: Attribute, desired: Attribute | None, set_by_server: Set[str]
) -> Attribute:
    parts = desired.sub_attributes if desired else ()
    return Attribute(
        name=live.name,
        vendor=_not_set_by(desired.vendor if desired else (), live.vendor, set_by_server),
        sub_attributes=_unmanaged_attributes(
            live.sub_attributes, parts, set_by_server, everything=True
        ),
    )


def _without(attribute: Attribute, set_by_server: Set[str]) -> Attribute:
    if not set_by_server:
        return attribute
    return replace(
        attribute,
        vendor=_not_set_by((), attribute.vendor, set_by_server),
        sub_attributes=tuple(_without(part, set_by_server) for part in attribute.sub_attributes),
    )


def _not_set_by(
    desired: tuple[tuple[str, str], ...],
    live: tuple[tuple[str, str], ...],
    set_by_server: Set[str],
) -> tuple[tuple[str, str], ...]:
    members = {member for member, _ in desired}
    return tuple(
        pair for pair in live if pair[0] not in members and fold(pair[0]) not in set_by_server
    )


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


Keys = tuple[str, ...]  # the folded names that lead to an attribute
Keyed = Mapping[str, Attribute]
Found = tuple[Keys, str | None]  # a part, and the member of it that differs; None for the whole


def _of_attributes(was: Keyed, now: Keyed) -> Iterator[Alteration]:
    for key in sorted(was.keys() | now.keys()):
        before, after = was.get(key), now.get(key)
        if before == after:
            continue
        if before is not None and after is not None:
            yield from _of_attribute(key, before, after)
        else:
            there = after or before
            assert there is not None
            yield Alteration(path=(_spelling(key, there),), before=before, after=after)


def _of_attribute(key: str, before: Attribute, after: Attribute) -> Iterator[Alteration]:
    was, now = dict(_parts(before, (key,))), dict(_parts(after, (key,)))
    for below, member in _differing_within(before, after):
        keys = (key, *below)
        above = [keys[:end] for end in range(1, len(keys) + 1)]
        path = tuple(_spelling(each[-1], now.get(each) or was[each]) for each in above)
        yield Alteration(path=path, member=member, before=was.get(keys), after=now.get(keys))


def _parts(attribute: Attribute, at: Keys) -> Iterator[tuple[Keys, Attribute]]:
    """The attribute and all its sub-attributes, by the keys that lead to them."""
    yield at, attribute
    for key, part in _keyed(attribute.sub_attributes).items():
        yield from _parts(part, (*at, key))


def _keyed(attributes: Iterable[Attribute]) -> Keyed:
    """Attributes by name, so that one added and one removed are not taken for one renamed.

    A service may list one name twice; the second is `name#2`, so that both are shown.
    """
    keyed: dict[str, Attribute] = {}
    numbers: dict[str, int] = {}
    for attribute in attributes:
        key, number = attribute.key, numbers.get(attribute.key, 1)
        while key in keyed:
            number += 1
            key = f"{attribute.key}#{number}"
        numbers[attribute.key] = number
        keyed[key] = attribute
    return keyed


def _spelling(key: str, attribute: Attribute) -> str:
    """The name as it is written, with its mark where the key has one."""
    return attribute.name + key[len(attribute.key) :]


@lru_cache(1024)  # a fleet drifts alike: one pair is met in many tenants
def _differing_within(before: Attribute, after: Attribute) -> tuple[Found, ...]:
    was, now = _keyed(before.sub_attributes), _keyed(after.sub_attributes)
    equal = {key for key in was.keys() & now.keys() if was[key] == now[key]}
    return _differing(_form(before, equal), _form(after, equal))


def _differing(before: Json, after: Json) -> tuple[Found, ...]:
    """The parts and members in which two forms of one schema or attribute differ, in order."""
    # Nearly all that differs is flat, and deepdiff takes ten times as long to see in what.
    if not before.get(_PARTS) and not after.get(_PARTS):
        members = sorted(before.keys() | after.keys())
        return tuple(((), each) for each in members if before.get(each) != after.get(each))
    # Its import is a fifth of what a plan takes to start, and few plans find such a difference.
    from deepdiff import DeepDiff

    delta = DeepDiff(
        before,
        after,
        view="tree",
        threshold_to_diff_deeper=0,  # else two forms with little in common are one change
        ignore_private_variables=False,  # else a name that begins with __ is left out
    )
    paths = (item.path(output_format="list") for items in delta.values() for item in items)
    return tuple(sorted(set(map(_found, paths)), key=lambda found: (found[0], found[1] or "")))


def _found(path: Iterable[str | int]) -> Found:
    """A path of a form; down to the member, for a position in a list of values says nothing."""
    steps = [step for step in path if isinstance(step, str)]
    keys = []
    while len(steps) > 1 and steps[0] == _PARTS:
        keys.append(steps[1])
        steps = steps[2:]
    return tuple(keys), steps[0] if steps else None


_PARTS = "subAttributes"


def _schema_form(schema: Schema) -> dict[str, Json]:
    named = {"id": schema.key, "name": schema.name_key, "description": schema.description}
    return {**named, **dict(schema.vendor)}


def _schema_members(schema: Schema) -> dict[str, Json]:
    named = {"id": schema.key, "name": schema.name, "description": schema.description}
    return {**named, **vendor_values(schema.vendor)}


def _form(attribute: Attribute, equal: Set[str] = frozenset()) -> dict[str, Json]:
    """An attribute for comparing, without its name, which is one, and the parts that are equal."""
    members = {**attribute.characteristics(), **dict(attribute.vendor)}
    del members["name"]
    parts = _keyed(attribute.sub_attributes).items()
    return {**members, _PARTS: {key: _form(part) for key, part in parts if key not in equal}}


def _steps(alteration: Alteration, names: Iterable[str]) -> Iterator[str]:
    """The way to what is altered, through the names given, as a Schema resource nests it."""
    for depth, name in enumerate(names):
        yield _PARTS if depth else "attributes"
        yield Foreign(name)
    if (member := alteration.member) is not None:
        known = member in (ATTRIBUTE_MEMBERS if alteration.path else SCHEMA_MEMBERS)
        yield member if known else Foreign(member)


def _place(alteration: Alteration) -> tuple[str, ...]:
    """The order of differences: their paths by folded names."""
    return tuple(_steps(alteration, map(fold, alteration.path)))


def _shown(alteration: Alteration, schema: Mapping[str, Json], attribute: Attribute | None) -> Json:
    """One side of an alteration; None where that side has nothing there, or nothing in it."""
    member = alteration.member
    if not alteration.path:
        return schema.get(member or "")
    if attribute is None:
        return None
    if member is None:
        return {**attribute.whole(), "name": alteration.path[-1]}
    characteristics = attribute.characteristics()
    if member in characteristics:
        return characteristics[member]
    return vendor_values(attribute.vendor).get(member)
