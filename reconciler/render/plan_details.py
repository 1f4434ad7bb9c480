"""What a change of the plan document writes, in full: what comes, and both sides of what differs.

A characteristic that is the default of RFC 7643 section 2.2 is not spelled out. Of a value only
what live and desired share is ever cut.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from reconciler.domain.jsontext import Json
from reconciler.domain.scim import DEFAULTS
from reconciler.render.plain_text import visible

if TYPE_CHECKING:  # they say the shape of JSON
    from reconciler.domain.documents import ChangeDocument

# docs/decisions.md, "A difference is cut around, and what is written never is"
_WHOLE = 80  # characters of a value that is not cut
_LINE = 74  # characters; both sides of a longer difference stand below each other
_AROUND = 20  # characters of it on each side of what differs, where it is
_PLAIN = r"(?a)[A-Za-z$_][\w$.:#-]*"
_LEFTWARD = ("R", "AL", "AN")
_FLAGS = ("multiValued", "required", "caseExact")


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Detail:
    """What differs at a path: the lines of both sides, one each; or of the one that has it."""

    path: str
    live: tuple[str, ...]
    desired: tuple[str, ...]
    note: str = ""


def created_lines(change: ChangeDocument) -> Iterator[str]:
    """All that a create writes but for the URN, what is nested indented; none of another change."""
    after = change["after"]
    if change["action"] != "create" or after is None:
        return
    members = {name: value for name, value in after.items() if name not in _OF_EVERY_SCHEMA}
    yield from map(_member_line, members.items())
    for attribute in after["attributes"]:
        yield from _named_lines(attribute)


_OF_EVERY_SCHEMA = ("schemas", "id", "attributes")


def details(change: ChangeDocument) -> Iterator[Detail]:
    """The differences of a change; what an update writes is shown as it is sent."""
    sent = dict(_sent(change))
    for difference in change["differences"]:
        path, live, desired = difference["path"], difference["live"], difference["desired"]
        desired = sent.get(path, desired)
        if live is None:
            yield Detail(_name_text(path), (), tuple(_value_lines(desired)))
        elif desired is None:
            yield Detail(_name_text(path), tuple(_value_lines(live)), ())
        else:
            one, other = _apart(live, desired)
            yield Detail(_name_text(path), (one,), (other,), _note(live, desired))


def sided_lines(detail: Detail, *, written: bool) -> Iterator[str]:
    """A difference in lines: where it is written with a sign, where it stays in words alone."""
    path, live, desired = detail.path, detail.live, detail.desired
    changes, goes, comes = ("~ ", "- ", "+ ") if written else ("", "", "")
    if live and desired:
        line = f"{changes}{path}: live {live[0]}, desired {desired[0]}{detail.note}"
        if len(line) <= _LINE:
            yield line
        else:
            yield f"{changes}{path}:{detail.note}"
            yield f"    live    {live[0]}"
            yield f"    desired {desired[0]}"
        return
    sign, side = (goes, "live") if live else (comes, "desired")
    first, *others = live or desired
    yield f"{sign}{path}: only {side}: {first}"
    yield from (f"{sign or '  '}{line}" for line in others)


def _name_text(text: str) -> str:
    """A name or keyword; in quotes where it could be taken for more than that."""
    return text if re.fullmatch(_PLAIN, text) else visible(json.dumps(text))


def _value_text(value: object) -> str:
    """A value as JSON on one line, on which everything can be seen, and in its order."""
    if isinstance(value, list):
        return f"[{', '.join(map(_value_text, value))}]"
    text = json.dumps(value, ensure_ascii=False)
    if _deceives(text) or (isinstance(value, dict) and _turns(text)):
        text = json.dumps(value)
    return visible(text)


def _deceives(text: str) -> bool:
    """Test for text that looks like another: decomposed, or all of it like letters of ASCII."""
    if text.isascii():
        return False
    foreign = {c for c in text if c.isalpha() and not c.isascii()}
    return not unicodedata.is_normalized("NFC", text) or (bool(foreign) and foreign <= _LIKE_ASCII)


# Letters that are drawn as those of ASCII in nearly every font: Cyrillic, Greek, Armenian.
_LIKE_ASCII = frozenset(
    "\u0430\u0435\u043e\u0440\u0441\u0443\u0445\u0455\u0456\u0458\u0501\u04bb\u051b\u051d\u04cf"
    "\u0410\u0412\u0415\u041a\u041c\u041d\u041e\u0420\u0421\u0422\u0423\u0425\u0405\u0406\u0408\u04c0"
    "\u03bf\u03b1\u03bd\u03c1\u03b9\u03ba\u03c5\u03f3"
    "\u0391\u0392\u0395\u0396\u0397\u0399\u039a\u039c\u039d\u039f\u03a1\u03a4\u03a5\u03a7"
    "\u0585\u0578\u057d\u0570\u0566"
)


def _turns(text: str) -> bool:
    """Test for letters that are read from right to left, and so are the signs between them."""
    return not text.isascii() and any(unicodedata.bidirectional(c) in _LEFTWARD for c in text)


def _sent(change: ChangeDocument) -> Iterator[tuple[str, Json]]:
    """By path, what an update writes, in its spelling; vendor members of what is live are not."""
    after = change["after"]
    if change["action"] != "update" or after is None or not change["differences"]:
        return
    yield from _paths("attributes", after["attributes"])


def _paths(above: str, attributes: Iterable[Mapping[str, Json]]) -> Iterator[tuple[str, Json]]:
    for attribute in attributes:
        if "." in attribute["name"]:  # in a path it could be another
            continue
        path = f"{above}.{attribute['name']}"
        yield path, attribute
        for member in ("canonicalValues", "mutability", "uniqueness"):
            if member in attribute:
                yield f"{path}.{member}", attribute[member]
        yield from _paths(f"{path}.subAttributes", attribute.get("subAttributes", ()))


def _value_lines(value: object) -> Iterator[str]:
    """All of a value: of an attribute its characteristics, and below them the rest."""
    if _is_attribute(value):
        yield from _attribute_lines(cast(Mapping[str, Json], value))
    else:
        yield _value_text(value)


def _is_attribute(value: object) -> bool:
    """Test whether a value is what a plan has for an attribute; a vendor's may be anything."""
    return isinstance(value, dict) and all(
        type(value.get(member)) is type(default) for member, default in _SHAPE.items()
    )


_SHAPE: Mapping[str, Json] = {"name": "", **DEFAULTS}


def _named_lines(attribute: Mapping[str, Json]) -> Iterator[str]:
    first, *others = _attribute_lines(attribute)
    yield f"{_name_text(attribute['name'])}: {first}"
    yield from others


def _attribute_lines(attribute: Mapping[str, Json]) -> Iterator[str]:
    """What is not the default on the first line, then all other members, then sub-attributes."""
    shown = [_name_text(attribute["type"])]
    shown += [flag for flag in _FLAGS if attribute[flag]]
    if attribute["mutability"] != DEFAULTS["mutability"]:
        shown.append(_name_text(attribute["mutability"]))
    if attribute["returned"] != DEFAULTS["returned"]:
        shown.append(f"returned {_name_text(attribute['returned'])}")
    if attribute["uniqueness"] != DEFAULTS["uniqueness"]:
        shown.append(f"unique on the {_name_text(attribute['uniqueness'])} level")
    yield ", ".join(shown)
    parts = attribute.get("subAttributes")
    nests = isinstance(parts, list) and bool(parts) and all(map(_is_attribute, parts))
    for name, value in attribute.items():
        if name not in _SHAPE and not (nests and name == "subAttributes"):
            yield f"  {_member_line((name, value))}"
    if nests:
        for part in cast(list[Mapping[str, Json]], parts):
            yield from (f"  {line}" for line in _named_lines(part))


def _member_line(member: tuple[str, Json]) -> str:
    name, value = member
    return f"{_name_text(name)} = {_value_text(value)}"


def _apart(live: object, desired: object) -> tuple[str, str]:
    """Both sides of a difference; what a long text or list has in common is cut."""
    match live, desired:
        case str(), str():
            start, end = _shared(live, desired)
            ends = (len(live) - end, len(desired) - end)
            spelled_out = _look_alike(live[start : ends[0]], desired[start : ends[1]])
            if max(len(live), len(desired)) <= _WHOLE:
                start, end = 0, 0
            start, end = max(0, start - _AROUND), max(0, end - _AROUND)
            while start and unicodedata.combining(live[start]):
                start -= 1
            one, other = (
                _fragment(text, start, len(text) - end, spelled_out) for text in (live, desired)
            )
        case list(), list():
            one, other = _lists_apart(live, desired)
        case _:
            one, other = _value_text(live), _value_text(desired)
    return one, other


def _fragment(text: str, start: int, end: int, spelled_out: bool) -> str:
    """A part of a text in quotes; what is cut away is outside of them."""
    shown = visible(json.dumps(text[start:end], ensure_ascii=spelled_out))
    return f"{'…' if start else ''}{shown}{'…' if end < len(text) else ''}"


def _lists_apart(live: list[Json], desired: list[Json]) -> tuple[str, str]:
    """Two lists, without the items at either end that they share where they are long."""
    items = [[_value_text(item) for item in each] for each in (live, desired)]
    start, end = _shared(*items)
    middles = ["\n".join(each[start : len(each) - end]) for each in items]
    if _look_alike(*middles):
        items = [[json.dumps(item) for item in each] for each in (live, desired)]
    if max(len(", ".join(each)) for each in items) <= _WHOLE:
        start, end = 0, 0
    start, end = max(0, start - 1), max(0, end - 1)
    one, other = (
        ", ".join((*["…"][: start > 0], *each[start : len(each) - end], *["…"][: end > 0]))
        for each in items
    )
    return f"[{one}]", f"[{other}]"


def _shared(one: Sequence[str], other: Sequence[str]) -> tuple[int, int]:
    """The number of items at the beginning, and of those at the end, that both have."""
    most = min(len(one), len(other))
    start = next((n for n in range(most) if one[n] != other[n]), most)
    end = next((n for n in range(most - start) if one[-1 - n] != other[-1 - n]), most - start)
    return start, end


def _look_alike(one: str, other: str) -> bool:
    """Test whether two texts that differ may look the same: composed, or in another script."""
    if one.isascii() and other.isascii():
        return False
    if unicodedata.normalize("NFKC", one) == unicodedata.normalize("NFKC", other):
        return True
    return len(one) == len(other) and all(
        a == b or _script(a) != _script(b) for a, b in zip(one, other, strict=True)
    )


def _script(character: str) -> str:
    return unicodedata.name(character, "").partition(" ")[0]


def _note(live: object, desired: object) -> str:
    """What is easily overlooked; empty where nothing is."""
    if not isinstance(live, str) or not isinstance(desired, str):
        return ""
    if live.split() == desired.split():
        return " (only blanks differ)"
    return " (only case differs)" if live.casefold() == desired.casefold() else ""
