"""JSON in its own text: a part of a document is changed, and the rest stays to the letter."""

import json
from collections.abc import Iterable, Iterator, Mapping

from reconciler.domain.jsontext import Json

_BLANKS = " \t\r\n"
_BETWEEN = _BLANKS + ",:"
_DECODER = json.JSONDecoder()


def members_in(text: str) -> dict[str, str]:
    """The members of an object in their order, each as it is written; null has none.

    The text is sound JSON.
    """
    parts = list(_parts(text))
    return dict(zip(map(json.loads, parts[::2]), parts[1::2], strict=True))


def items_in(text: str) -> list[str]:
    """The items of an array, each as it is written; the text is sound JSON."""
    return list(_parts(text))


def object_of(members: Mapping[str, str]) -> str:
    """The object of members as they are written."""
    return "{" + ",".join(f"{text_of(name)}:{text}" for name, text in members.items()) + "}"


def array_of(items: Iterable[str]) -> str:
    """The array of items as they are written."""
    return f"[{','.join(items)}]"


def text_of(value: Json) -> str:
    """A value that is new, as Keycloak writes it: without blanks."""
    return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))


def _parts(text: str) -> Iterator[str]:
    """The values directly within the brackets, the names of members too."""
    text = text.strip(_BLANKS)
    at = 1 if text[0] in "[{" else len(text)
    while at < len(text):
        while text[at] in _BETWEEN:
            at += 1
        if text[at] in "]}":
            return
        _, end = _DECODER.raw_decode(text, at)
        yield text[at:end]
        at = end
