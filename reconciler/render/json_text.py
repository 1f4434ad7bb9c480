"""Documents → JSON text: indented, and what cannot be seen in it as JSON's own escapes."""

import json
import re

from reconciler.render.plain_text import escaped

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
    return _MAYBE_UNSEEN.sub(lambda found: escaped(found[0], _escape), text)


def _escape(character: str) -> str:
    if "\ud800" <= character <= "\udfff":  # the escape of half a pair makes a file `parse` refuses
        return character
    units = character.encode("utf-16-be").hex()
    return "".join(f"\\u{units[start : start + 4]}" for start in range(0, len(units), 4))
