"""One schema and the next, as a list of single alterations: the one notion of a change."""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from reconciler.domain.jsontext import Json
from reconciler.domain.scim import Attribute, Schema

TWINS = "twins"  # stands for the member where one name is listed more than once


@dataclass(frozen=True, slots=True, kw_only=True)
class Alteration:
    """One thing that is another afterwards.

    `path` are the names from the schema down to the attribute, empty for the schema itself.
    `member` is what of it differs; None where the attribute came (no `before`) or went (no
    `after`).
    """

    path: tuple[str, ...]
    member: str | None = None
    before: Attribute | None = None
    after: Attribute | None = None

    @property
    def name(self) -> str:
        """`attribute` or `attribute.part`."""
        return ".".join(self.path)


def alterations(before: Schema, after: Schema) -> tuple[Alteration, ...]:
    """Everything in which the two differ, `name` and `vendor` of the schema first."""
    members = [
        Alteration(path=(), member=member)
        for member, differs in (
            ("id", before.key != after.key),
            ("name", before.name_key != after.name_key),
            ("description", before.description != after.description),
            ("vendor", before.vendor != after.vendor),
        )
        if differs
    ]
    return (*members, *_of_attributes(before.attributes, after.attributes, ()))


def _of_attributes(
    before: tuple[Attribute, ...], after: tuple[Attribute, ...], at: tuple[str, ...]
) -> Iterator[Alteration]:
    was = {attribute.key: attribute for attribute in before}
    now = {attribute.key: attribute for attribute in after}
    for name in sorted({*_twins(before), *_twins(after)}):
        yield Alteration(path=(*at, name), member=TWINS)
    for key in sorted(was.keys() | now.keys()):
        yield from _of_attribute(was.get(key), now.get(key), at)


def _twins(attributes: Iterable[Attribute]) -> list[str]:
    """Names that stand for two attributes: which of them holds the values, nobody can tell."""
    return [key for key, times in Counter(a.key for a in attributes).items() if times > 1]


def _of_attribute(
    before: Attribute | None, after: Attribute | None, at: tuple[str, ...]
) -> Iterator[Alteration]:
    if before is None or after is None:
        there = after or before
        name = there.name if there else ""
        yield Alteration(path=(*at, name), before=before, after=after)
        return
    path = (*at, after.name)
    for member in _members(before, after):
        yield Alteration(path=path, member=member, before=before, after=after)
    yield from _of_attributes(before.sub_attributes, after.sub_attributes, path)


def _members(before: Attribute, after: Attribute) -> list[str]:
    """The characteristics that differ, in RFC 7643 spelling; vendor members by their name."""
    was, now = _said(before), _said(after)
    return [member for member in {**was, **now} if was.get(member) != now.get(member)]


def _said(attribute: Attribute) -> dict[str, Json]:
    """Every characteristic by its name, but the name itself and what its parts say."""
    said = {**attribute.to_json(), **dict(attribute.vendor)}
    return {m: value for m, value in said.items() if m not in ("name", "subAttributes")}
