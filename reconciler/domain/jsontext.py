"""JSON as it is accepted and hashed here: strict on the way in, one spelling on the way out."""

import codecs
import hashlib
import json
import math
import re
import zlib
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NoReturn

Json = Any  # what json.loads gives: dict, list, str, int, float, bool or None

MAX_DEPTH = 64
EXACT_INTEGER = 2**53 - 1  # beyond it a number is not the same everywhere (RFC 8785 3.2.2.3)
_LONGEST_NUMBER = 4300  # the digits that int() reads and str() writes without being asked
_TOO_LONG = 10**_LONGEST_NUMBER


class NotJson(ValueError):
    """The text is not JSON that every reader understands alike; the message says why."""


_BOM = b"\xef\xbb\xbf"  # which may be ignored, RFC 8259 section 8.1


def parse(data: bytes) -> Json:
    """UTF-8 JSON with no duplicate keys, NaN, lone surrogates or nesting deeper than 64.

    Raises NotJson. RFC 8259 leaves these to the reader; two readers must not differ here.
    """
    _require_utf_8(data)
    try:
        text = data.removeprefix(_BOM).decode("utf-8")
    except UnicodeDecodeError as error:
        raise NotJson(f"not UTF-8 at byte {error.start}") from error
    value = _loads(text, _unique, _refuse_constant, _finite)
    # Whole pages of tenants go through here, so what only a look at every value can tell is asked
    # of values that may have it: only an escape can spell a lone surrogate.
    if _SURROGATE.search(text):
        check(value)
    else:
        _check_depth(value)
    return value


class Repeating(dict[str, Json]):
    """An object in which one name stands twice, which no two readers need understand alike."""


def parse_in_parts(data: bytes) -> tuple[Json, bool]:
    """The value, and False where `parse` takes it as it is.

    Where True, something within it is what `parse` refuses: a repeated name, a lone surrogate,
    bytes that are no UTF-8, NaN, a number out of range, a deep nesting. One bad document need not
    cost all that came with it: hold each part that counts to `check`. A control character that is
    not escaped is taken as it is. Raises NotJson where the text as a whole is no JSON.
    """
    suspect = False

    def members(pairs: list[tuple[str, Json]]) -> dict[str, Json]:
        nonlocal suspect
        found = dict(pairs)
        if len(found) == len(pairs):
            return found
        suspect = True
        return Repeating(found)

    def number(text: str) -> float:
        nonlocal suspect
        value = float(text)
        suspect = suspect or not math.isfinite(value)
        return value

    def whole(text: str) -> int | float:
        return int(text) if len(text) < _LONGEST_NUMBER else number("Infinity")

    _require_utf_8(data)
    text = data.removeprefix(_BOM).decode("utf-8", "surrogateescape")
    value = _loads(text, members, number, number, whole, strict=False)
    if _SURROGATE.search(text) or not _is_text(text):
        return value, True
    try:
        _check_depth(value)
    except NotJson:
        return value, True
    return value, suspect


def check(value: Json) -> None:
    """Hold a value in memory to what `parse` gives; raises NotJson."""
    _check(value, MAX_DEPTH)


def canonical(value: Json) -> bytes:
    """The one spelling of a JSON value, RFC 8785; integers from 2^53 on are written as strings.

    Raises NotJson. What holds a checked value may itself be nested a little deeper.
    """
    if _is_plain(value, 2 * MAX_DEPTH):
        text = _SPELLER.encode(value)
        # Names are in the order of UTF-16 code units, which is that of code points below U+E000.
        if text.isascii() or not _BEYOND.search(text):
            try:
                return text.encode()
            except UnicodeEncodeError as error:
                raise NotJson("a value that JSON cannot spell") from error
    return _canonical(value)


def _canonical(value: Json) -> bytes:
    """The same for any value, by the library, which takes some thirty times as long."""
    import rfc8785  # most runs never meet a value that needs it

    # docs/decisions.md, "Canonical JSON is encoded in C where that is the same"
    try:
        return rfc8785.dumps(_exact(value, 2 * MAX_DEPTH))
    except NotJson:
        raise
    except ValueError as error:  # CanonicalizationError, a key it cannot encode, too many digits
        raise NotJson("a value that JSON cannot spell") from error


def digest(value: Json) -> str:
    """`sha256:` and the hex digest of the canonical spelling."""
    return "sha256:" + hashlib.sha256(canonical(value)).hexdigest()


def texts_in(value: Json) -> Iterator[str]:
    """The texts of a value, names of members too, and its numbers as they are written."""
    match value:
        case str():
            yield value
        case Mapping():
            for name, item in value.items():
                yield name
                yield from texts_in(item)
        case list():
            for item in value:
                yield from texts_in(item)
        case int() | float() if not isinstance(value, bool):
            yield json.dumps(value)
        case _:
            pass


def _loads(
    text: str,
    members: Callable[[list[tuple[str, Json]]], dict[str, Json]],
    constant: Callable[[str], Json],
    number: Callable[[str], Json],
    whole: Callable[[str], Json] = int,
    *,
    strict: bool = True,
) -> Json:
    try:
        return json.loads(
            text,
            object_pairs_hook=members,
            parse_constant=constant,
            parse_float=number,
            parse_int=whole,
            strict=strict,
        )
    except NotJson:
        raise
    except RecursionError as error:
        raise NotJson(f"nested deeper than {MAX_DEPTH} levels") from error
    except ValueError as error:  # JSONDecodeError, or a number of more digits than int() takes
        raise NotJson(_reason(error)) from error


def _require_utf_8(data: bytes) -> None:
    """Raise NotJson for nothing, and for an encoding of wider units, which shows at its start."""
    if not data.strip():
        raise NotJson("there is nothing in it")
    if data[:2] in _WIDE or 0 in data[:2]:
        raise NotJson("written in UTF-16 or UTF-32, and JSON is UTF-8 (RFC 8259 section 8.1)")


_WIDE = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_SPELLER = json.JSONEncoder(
    ensure_ascii=False, check_circular=False, allow_nan=False, sort_keys=True, separators=(",", ":")
)
_BEYOND = re.compile("[\ue000-\U0010ffff]")


def _is_plain(value: Json, depth: int) -> bool:
    """Test whether the json module's encoder, which is in C, spells a value as RFC 8785 does.

    It does for whatever holds no float and no number that RFC 8785 would spell as a string. What
    is nested too deep, and what is no JSON, is the library's too.
    """
    kind = type(value)
    if kind is dict and set(map(type, value)) <= _NAMES:
        items = value.values()
    elif kind is list or kind is tuple:
        items = value
    elif kind is int:
        return bool(-EXACT_INTEGER <= value <= EXACT_INTEGER)
    else:
        return isinstance(value, str) or value is None or kind is bool
    return depth > 0 and all(type(i) in _TEXTS or _is_plain(i, depth - 1) for i in items)


_NAMES = frozenset((str,))
_TEXTS = frozenset((str, bool, type(None)))  # written alike whatever they hold


def _unique(pairs: list[tuple[str, Json]]) -> dict[str, Json]:
    found = dict(pairs)
    if len(found) != len(pairs):
        [(key, _)] = Counter(key for key, _ in pairs).most_common(1)
        raise NotJson(f"key {key[:64]!r} twice in one object")
    return found


def _refuse_constant(word: str) -> NoReturn:
    raise NotJson(f"{word} is not JSON")


def _finite(text: str) -> float:
    number = float(text)
    _check(number, 0)
    return number


_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")


def _check_depth(value: Json) -> None:
    """Raise NotJson for what is nested too deep; level by level, for depth alone needs no more."""
    level, depth = [value], 0
    while level := [item for item in level if type(item) is dict or type(item) is list]:
        depth += 1
        if depth > MAX_DEPTH:
            raise NotJson(f"nested deeper than {MAX_DEPTH} levels")
        level = [
            item
            for holder in level
            for item in (holder.values() if type(holder) is dict else holder)
            if type(item) not in _TEXTS
        ]


def _reason(error: ValueError) -> str:
    if isinstance(error, json.JSONDecodeError):
        return f"{error.msg[:1].lower()}{error.msg[1:]} at line {error.lineno} column {error.colno}"
    return "a number with too many digits"


def _check(value: Json, depth: int) -> None:
    match value:
        case str():
            _check_text(value)
        case float() if not math.isfinite(value):  # NaN, or written too large for a double
            raise NotJson("a number out of range")
        case int() if abs(value) >= _TOO_LONG:
            raise NotJson("a number with too many digits")
        case None | int() | float():
            pass
        case Repeating():
            raise NotJson("a key twice in one object")
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
    if not _is_text(value):
        foreign = any("\udc80" <= character <= "\udcff" for character in value)
        bytes_too = ", or bytes that are no UTF-8," if foreign else ""  # kept by surrogateescape
        raise NotJson(f"a lone surrogate{bytes_too} in a string")


def _is_text(value: str) -> bool:
    """Test whether every character is one that UTF-8 can hold."""
    if value.isascii():
        return True
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


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


def packed(document: Json) -> bytes:
    """A document in little memory, for `unpacked`."""
    return zlib.compress(json.dumps(document).encode(), level=1)


def unpacked(document: bytes) -> Json:
    """The document that was packed."""
    return json.loads(zlib.decompress(document))
