"""GitHub's expression language, as much of it as our workflows use; the rest is an error."""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

_TOKEN = re.compile(
    r"\s*(?:(?P<text>'(?:[^']|'')*')|(?P<number>-?\d+(?:\.\d+)?)"
    r"|(?P<name>[A-Za-z_][\w-]*)|(?P<sign>==|!=|&&|\|\||[!().,*\[\]]))"
)
_WORDS = {"true": True, "false": False, "null": None}
_STATUS = re.compile(r"\b(always|success|failure|cancelled)\s*\(")


class Unsupported(Exception):
    """An expression that this reader does not know: teach it, or write the workflow simpler."""


def interpolated(text: str, contexts: Mapping[str, Any]) -> str:
    """A value of a workflow: its expressions evaluated, as text."""
    return re.sub(r"\$\{\{(.*?)\}\}", lambda m: _text(evaluated(m[1], contexts)), text, flags=re.S)


def condition(text: str, contexts: Mapping[str, Any]) -> bool:
    """An `if`; without a word on the status it means success()."""
    inner = text.strip()
    if inner.startswith("${{"):
        inner = inner.removeprefix("${{").removesuffix("}}")
    if not _STATUS.search(inner):
        inner = f"success() && ({inner or 'true'})"
    return _truth(evaluated(inner, contexts))


def evaluated(expression: str, contexts: Mapping[str, Any]) -> Any:
    """The value of one expression; what is not there is null."""
    return _Reader(expression, contexts).whole()


class _Reader:
    def __init__(self, expression: str, contexts: Mapping[str, Any]) -> None:
        self.expression = expression
        self.contexts = contexts
        self.tokens = list(_tokens(expression))
        self.at = 0

    def whole(self) -> Any:
        value = self.either()
        if self.at != len(self.tokens):
            raise Unsupported(self.expression)
        return value

    def either(self) -> Any:
        value = self.both()
        while self.take("||"):
            other = self.both()
            value = value if _truth(value) else other
        return value

    def both(self) -> Any:
        value = self.compared()
        while self.take("&&"):
            other = self.compared()
            value = other if _truth(value) else value
        return value

    def compared(self) -> Any:
        value = self.single()
        if self.take("=="):
            return _equal(value, self.single())
        if self.take("!="):
            return not _equal(value, self.single())
        return value

    def single(self) -> Any:
        if self.take("!"):
            return not _truth(self.single())
        if self.take("("):
            value = self.either()
            self.need(")")
            return value
        kind, token = self.next()
        if kind == "text":
            return token[1:-1].replace("''", "'")
        if kind == "number":
            return float(token)
        if kind != "name":
            raise Unsupported(self.expression)
        if token in _WORDS:
            return _WORDS[token]
        return self.call(token) if self.take("(") else self.member(token)

    def call(self, name: str) -> Any:
        given = []
        while not self.take(")"):
            given.append(self.either())
            self.take(",")
        match name, given:
            case (("always" | "success" | "failure" | "cancelled"), []):
                return self.contexts["status"][name]
            case "contains", [list() as where, what]:
                return any(_equal(item, what) for item in where)
            case "contains", [where, what]:
                return _text(what).lower() in _text(where).lower()
            case "format", [pattern, *values]:
                return str(pattern).format(*map(_text, values))
            case "join", [list() as items, separator]:
                return _text(separator).join(map(_text, items))
            case _:
                raise Unsupported(f"{name}({len(given)} values) in {self.expression}")

    def member(self, name: str) -> Any:
        if name not in self.contexts:
            raise Unsupported(f"context {name} in {self.expression}")
        value = self.contexts[name]
        while self.take("."):
            kind, key = self.next()
            if key == "*":
                items = list(value.values()) if isinstance(value, Mapping) else value or []
                value = _Many(items)
            elif kind != "name":
                raise Unsupported(self.expression)
            elif isinstance(value, _Many):
                value = _Many(_property(item, key) for item in value)
            else:
                value = _property(value, key)
        return list(value) if isinstance(value, _Many) else value

    def next(self) -> tuple[str, str]:
        if self.at == len(self.tokens):
            raise Unsupported(self.expression)
        self.at += 1
        return self.tokens[self.at - 1]

    def take(self, sign: str) -> bool:
        found = self.at < len(self.tokens) and self.tokens[self.at] == ("sign", sign)
        self.at += found
        return found

    def need(self, sign: str) -> None:
        if not self.take(sign):
            raise Unsupported(self.expression)


class _Many(list[Any]):
    """What `.*` has gathered."""


def _tokens(expression: str) -> Iterator[tuple[str, str]]:
    at, text = 0, expression.strip()
    while at < len(text):
        found = _TOKEN.match(text, at)
        if found is None or found.lastgroup is None:
            raise Unsupported(expression)
        yield found.lastgroup, found[found.lastgroup]
        at = found.end()


def _property(value: Any, key: str) -> Any:
    return value.get(key) if isinstance(value, Mapping) else None


def _truth(value: Any) -> bool:
    return value not in (None, False, 0, "")


def _equal(one: Any, other: Any) -> bool:
    """Text without regard to case; null equals what is empty, as GitHub's casts have it."""
    if isinstance(one, str) and isinstance(other, str):
        return one.lower() == other.lower()
    if None in (one, other):
        return (one or None) == (other or None)
    return bool(one == other)


def _text(value: Any) -> str:
    match value:
        case None:
            return ""
        case bool():
            return str(value).lower()
        case float():
            return f"{value:g}"
        case str():
            return value
        case _:
            return json.dumps(value)
