"""Documents → JSON text: indented, and what cannot be seen in it as JSON's own escapes."""

import json
import re

from reconciler.render.plain_text import is_seen

_MAYBE_UNSEEN = re.compile(r"[^\x00-\x7e]+")  # the encoder escapes what comes before DEL


def json_text(document: object) -> str:
    """A document in the form in which it is saved and printed: indented, one newline at the end."""
    return indented(document) + "\n"


def indented(document: object) -> str:
    """A document on lines of its own, and no newline at the end."""
    return _escaped(json.dumps(document, indent=2, ensure_ascii=False))


def json_line(document: object) -> str:
    """A document on one line, without its newline."""
    return _escaped(json.dumps(document, ensure_ascii=False))


def _escaped(text: str) -> str:
    """The same JSON value; only strings hold anything outside ASCII."""
    return _MAYBE_UNSEEN.sub(_escapes, text)


def _escapes(found: re.Match[str]) -> str:
    return "".join(c if is_seen(c) or _is_half(c) else _escape(c) for c in found[0])


def _is_half(character: str) -> bool:
    """True for half of a surrogate pair: its escape would make a file that `parse` refuses."""
    return "\ud800" <= character <= "\udfff"


def _escape(character: str) -> str:
    units = character.encode("utf-16-be").hex()
    return "".join(f"\\u{units[start : start + 4]}" for start in range(0, len(units), 4))
