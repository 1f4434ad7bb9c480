"""JSON as this program accepts and hashes it: strict on the way in, one spelling on the way out."""

import hashlib
import json
import math
from collections.abc import Mapping
from typing import Any, NoReturn

import rfc8785

Json = Any  # what json.loads gives: dict, list, str, int, float, bool or None

MAX_DEPTH = 64
EXACT_INTEGER = 2**53 - 1  # beyond it a number is not the same everywhere (RFC 8785 3.2.2.3)
_TOO_LONG = 10**4300  # the digits that int() reads and str() writes without being asked


class NotJson(ValueError):
    """The text is not JSON that every reader understands alike; the message says why."""


def parse(data: bytes) -> Json:
    """UTF-8 JSON with no duplicate keys, NaN, lone surrogates or nesting deeper than 64.

    Raises NotJson. RFC 8259 leaves these to the reader; two readers must not differ here.
    """
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise NotJson(f"not UTF-8 at byte {error.start}") from error
    try:
        value = json.loads(text, object_pairs_hook=_unique, parse_constant=_refuse_constant)
    except NotJson:
        raise
    except RecursionError as error:
        raise NotJson(f"nested deeper than {MAX_DEPTH} levels") from error
    except ValueError as error:  # JSONDecodeError, or a number of more digits than int() takes
        raise NotJson(_reason(error)) from error
    check(value)
    return value


def check(value: Json) -> None:
    """Hold a value in memory to what `parse` gives; raises NotJson."""
    _check(value, MAX_DEPTH)


def canonical(value: Json) -> bytes:
    """The one spelling of a JSON value, RFC 8785; integers from 2^53 on are spelt as strings.

    Raises NotJson. What holds a checked value may itself be nested a little deeper.
    """
    try:
        return rfc8785.dumps(_exact(value, 2 * MAX_DEPTH))
    except NotJson:
        raise
    except ValueError as error:  # CanonicalizationError, a key it cannot encode, too many digits
        raise NotJson("a value that JSON cannot spell") from error


def digest(value: Json) -> str:
    """`sha256:` and the hex digest of the canonical spelling."""
    return "sha256:" + hashlib.sha256(canonical(value)).hexdigest()


def _unique(pairs: list[tuple[str, Json]]) -> dict[str, Json]:
    seen: dict[str, Json] = {}
    for key, value in pairs:
        if key in seen:
            raise NotJson(f"key {key[:64]!r} twice in one object")
        seen[key] = value
    return seen


def _refuse_constant(word: str) -> NoReturn:
    raise NotJson(f"{word} is not JSON")


def _reason(error: ValueError) -> str:
    if isinstance(error, json.JSONDecodeError):
        return f"{error.msg[:1].lower()}{error.msg[1:]} at line {error.lineno} column {error.colno}"
    return "a number with too many digits"


def _check(value: Json, depth: int) -> None:
    match value:
        case str():
            _check_text(value)
        case None | bool():
            pass
        case float() if not math.isfinite(value):  # NaN, or written too large for a double
            raise NotJson("a number out of range")
        case int() if abs(value) >= _TOO_LONG:
            raise NotJson("a number with too many digits")
        case int() | float():
            pass
        case dict() | Mapping():
            below = _deeper(depth)
            for key, item in value.items():
                _check_text(key)
                _check(item, below)
        case list():
            below = _deeper(depth)
            for item in value:
                _check(item, below)
        case _:
            raise NotJson(f"a {type(value).__name__}, which JSON does not have")


def _check_text(value: Json) -> None:
    if not isinstance(value, str):
        raise NotJson("a key that is no string")
    if value.isascii():
        return
    try:
        value.encode()
    except UnicodeEncodeError as error:
        raise NotJson("a lone surrogate in a string") from error


def _deeper(depth: int) -> int:
    if depth <= 0:
        raise NotJson(f"nested deeper than {MAX_DEPTH} levels")
    return depth - 1


def _exact(value: Json, depth: int) -> Json:
    match value:
        case Mapping():
            below = _deeper(depth)
            return {key: _exact(item, below) for key, item in value.items()}
        case list() | tuple():
            below = _deeper(depth)
            return [_exact(item, below) for item in value]
        case bool():
            return value
        case int() if abs(value) > EXACT_INTEGER:
            return str(value)
    return value
