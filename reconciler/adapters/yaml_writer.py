"""JSON values → YAML that our reader takes back as they were; it alone decides what is quoted."""

import json
import re
from collections.abc import Iterator

from reconciler.adapters.yaml_reader import plain_value, why_ambiguous
from reconciler.domain.jsontext import Json

WIDTH = 100
_ALWAYS_BLOCK = 3  # levels on which several members stand on lines of their own
_LONGEST_KEY = 1000  # libyaml looks no further for the colon
_PLAIN = re.compile(r"[A-Za-z$_][A-Za-z0-9$_./()+-]*([ :][A-Za-z0-9$_./()+-]+)*")


def yaml_text(document: Json) -> str:
    """One document: what is short on one line, the rest in block style; texts plain where safe."""
    return "".join(line + "\n" for line in _block(document, 0, 0))


def _block(value: Json, indent: int, level: int) -> Iterator[str]:
    """The lines of a value that stands below its key or its hyphen."""
    room = WIDTH - indent
    if not _is_open(value, level) and (len(flow_text(value)) <= room or not _is_filled(value)):
        yield " " * indent + flow_text(value)
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from _member(key, item, indent, level)
    else:
        for item in value:
            yield from _item(item, indent, level)


def _member(key: str, value: Json, indent: int, level: int) -> Iterator[str]:
    head = " " * indent + scalar_text(key, flow=False)
    # libyaml gives up a simple key there, so that it has to be marked as one.
    if len(head) > _LONGEST_KEY:
        head = " " * indent + "? " + scalar_text(key, flow=False) + "\n" + " " * indent
    inline = flow_text(value) if _is_filled(value) else scalar_text(value, flow=False)
    fits = len(head) + len(inline) + 2 <= WIDTH and not _is_open(value, level + 1)
    if fits or not _is_filled(value):
        yield f"{head}: {inline}"
    else:
        yield f"{head}:"
        yield from _block(value, indent + 2, level + 1)


def _item(value: Json, indent: int, level: int) -> Iterator[str]:
    first, *rest = _block(value, indent + 2, level + 1)
    yield " " * indent + "- " + first[indent + 2 :]
    yield from rest


def _is_filled(value: Json) -> bool:
    return isinstance(value, dict | list) and bool(value)


def _is_open(value: Json, level: int) -> bool:
    """Test whether it is written in block style though it may be short enough for one line."""
    if isinstance(value, dict):
        return level < _ALWAYS_BLOCK and len(value) > 1
    return isinstance(value, list) and any(isinstance(item, dict) for item in value)


def flow_text(value: Json) -> str:
    match value:
        case dict():
            named = ((scalar_text(key, flow=True), flow_text(item)) for key, item in value.items())
            members = (f"{'? ' if len(k) > _LONGEST_KEY else ''}{k}: {item}" for k, item in named)
            return "{" + ", ".join(members) + "}"
        case list():
            return "[" + ", ".join(flow_text(item) for item in value) + "]"
        case _:
            return scalar_text(value, flow=True)


def scalar_text(value: Json, *, flow: bool) -> str:
    """A value that holds no other: plain where every reader takes it so, else in quotes."""
    match value:
        case str():
            # Plain only where every YAML reader takes it for the same text.
            simple = _PLAIN.fullmatch(value) and not (flow and ":" in value)
            plain = simple and why_ambiguous(value) is None
            is_text = plain and isinstance(plain_value(value), str)
            return value if is_text else _quoted(value)
        case _:
            return json.dumps(value)


def _quoted(text: str) -> str:
    """As in JSON; what nobody would see as an escape of YAML, which has no surrogate pairs."""
    shown = json.dumps(text, ensure_ascii=False)
    if shown.isprintable():
        return shown
    return "".join(c if c.isprintable() else _escape(ord(c)) for c in shown)


def _escape(code: int) -> str:
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
