"""A key of a manifest → text for a terminal: what it is, what it may be, and what is inside."""

import sys
import textwrap
from collections.abc import Iterator, Sequence

from reconciler.domain.explaining import Key
from reconciler.render.paint import Paint

_WIDTH = 100  # columns at most, at a terminal


def explain_text(key: Key, members: Sequence[Key], *, paint: Paint, width: int | None) -> str:
    """One key with the keys inside of it, in lines of at most `width` columns; None folds none."""
    return "".join(f"{line}\n" for line in _lines(key, members, paint, _most(width)))


def kind_text(kind: str, members: Sequence[Key], *, paint: Paint, width: int | None) -> str:
    """A kind of manifest with the keys at its top."""
    lines = [f"KIND:     {paint('bold', kind)}", *_members(members, paint, _most(width))]
    return "".join(f"{line}\n" for line in lines)


def _most(width: int | None) -> int:
    return sys.maxsize if width is None else min(width, _WIDTH)


def _lines(key: Key, members: Sequence[Key], paint: Paint, width: int) -> Iterator[str]:
    yield f"KIND:     {key.kind}"
    yield f"KEY:      {paint('bold', '.'.join(key.path))}  <{key.type}>{_required(key)}"
    if key.only_for:
        yield f"WITH:     type {' or '.join(key.only_for)}"
    if key.choices:
        yield from _wrapped(", ".join(key.choices), "VALUES:   ", width)
    if key.default is not None:
        yield f"DEFAULT:  {key.default}"
    yield ""
    yield from _wrapped(key.description, "  ", width)
    yield from _members(members, paint, width)


def _members(members: Sequence[Key], paint: Paint, width: int) -> Iterator[str]:
    if not members:
        return
    yield ""
    yield "KEYS:"
    for each in members:
        yield f"  {paint('bold', each.path[-1])}  <{each.type}>{_required(each)}"
        yield from _wrapped(each.description, "      ", width)


def _required(key: Key) -> str:
    return "  required" if key.required else ""


def _wrapped(text: str, head: str, width: int) -> list[str]:
    return textwrap.wrap(
        text, width, initial_indent=head, subsequent_indent=" " * len(head), break_long_words=False
    )
