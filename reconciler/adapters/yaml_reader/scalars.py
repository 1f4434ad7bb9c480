"""Plain scalars: their meaning, and those over which YAML 1.1, YAML 1.2 and JSON differ."""

import re
from functools import lru_cache
from math import isinf

from reconciler.domain.jsontext import Json

MAX_DIGITS = 4000  # int() refuses more than 4300
_WORDS: dict[str, Json] = {"": None, "~": None, "null": None, "true": True, "false": False}
_PLAIN_WORDS = {"null": "null", **dict.fromkeys(("y", "yes", "on", "true"), "true")}
_INTEGER = re.compile(r"-?(0|[1-9][0-9]*)")
_FRACTION = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][-+]?[0-9]+)?")
_YAML_WORD = re.compile("y|n|yes|no|on|off|true|false|null", re.IGNORECASE | re.ASCII)
_NUMBER_LIKE = re.compile(r"[-+]?(\.[0-9]|[0-9])[0-9_]*(\.[0-9_]*)?([eE][-+]?[0-9]+)?")
_TRAPS = (
    (re.compile(r"[-+]?0[xob][0-9a-fA-F_]+", re.IGNORECASE | re.ASCII), "a number"),
    (re.compile(r"[-+]?[0-9][0-9_]*(:[0-5]?[0-9])+(\.[0-9_]*)?"), "a time or a number in base 60"),
    (re.compile(r"[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}([Tt \t].*)?"), "a date"),
    (re.compile(r"[-+]?\.(inf|nan)", re.IGNORECASE | re.ASCII), "a number that JSON lacks"),
    (re.compile(r"=|<<"), "an instruction"),
)
_SHORT = 64  # characters; the words of manifests recur, and what is longer is not kept in memory


def meaning(text: str) -> tuple[Json, str | None]:
    """The value of a plain scalar, and why it is refused: then it stands for itself."""
    return _short_meaning(text) if len(text) <= _SHORT else _long_meaning(text)


def meaning_in_json(text: str) -> tuple[Json, str | None]:
    """The same of a scalar in pasted JSON: a number is what JSON says, however it is written."""
    value, refusal = meaning(text)
    if refusal and len(text) <= MAX_DIGITS and _FRACTION.fullmatch(text):
        number = plain_value(text)
        return (value, refusal) if isinstance(number, float) and isinf(number) else (number, None)
    return value, refusal


def _long_meaning(text: str) -> tuple[Json, str | None]:
    refusal = why_ambiguous(text)
    return (text if refusal else plain_value(text)), refusal


_short_meaning = lru_cache(4096)(_long_meaning)


def plain_value(text: str) -> Json:
    """The value of an unambiguous plain scalar: null, a boolean, a number as in JSON, or text."""
    if text in _WORDS:
        return _WORDS[text]
    if _INTEGER.fullmatch(text):
        return int(text)
    return float(text) if _FRACTION.fullmatch(text) else text


def why_ambiguous(text: str) -> str | None:
    """Why YAML 1.1, YAML 1.2 and JSON differ over a plain scalar, and the cure; None if they agree.

    Only a word of YAML's own is repeated in the message: the scalar may be a secret.
    """
    if text in _WORDS:
        return None
    if _YAML_WORD.fullmatch(text):
        word = _PLAIN_WORDS.get(text.lower(), "false")
        return (
            f"{text} is a word to some YAML readers and a boolean or null to others; quote it, or "
            f"write {word}"
        )
    if _NUMBER_LIKE.fullmatch(text):
        return _why_no_number(text)
    if text.startswith(("//", "/*")):
        return "YAML takes // and /* for text; quote it, or begin a comment with #"
    what = next((kind for pattern, kind in _TRAPS if pattern.fullmatch(text)), None)
    return what and f"{what} to some YAML readers and text to others; quote it"


def _why_no_number(text: str) -> str | None:
    if len(text) > MAX_DIGITS:
        return "a number with too many digits; quote it"
    whole = _INTEGER.fullmatch(text) and text != "-0"
    if whole or (_FRACTION.fullmatch(text) and repr(float(text)) == text):
        return None
    return "a number that readers do not keep as it is written; quote it, or write it as JSON would"
