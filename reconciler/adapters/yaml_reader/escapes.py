"""Surrogate escapes: JSON writes one character as a pair of them, and YAML knows no such pairs."""

import re
from bisect import bisect_left

_ESCAPE = re.compile(r"\\u[dD][89a-fA-F][0-9a-fA-F]{2}")
_PRIVATE = r"[\ue000-\uf8ff]|\\u(?:[eE][0-9a-fA-F]|[fF][0-8])[0-9a-fA-F]{2}"


class SurrogateEscapes:
    """A text that has another escape, as long, for each of a surrogate, and the way back.

    Vendor JSON that is pasted into YAML can so be parsed as YAML, and every place stays. Nothing is
    `replaced` in most texts.
    """

    def __init__(self, text: str) -> None:
        self.text, self.replaced = text, False
        self._starts: list[int] = []
        matches = list(_ESCAPE.finditer(text))
        if not matches:
            return
        used = {
            int(each[-4:], 16) if len(each) > 1 else ord(each)
            for each in re.findall(_PRIVATE, text)
        }
        stand_in = next((code for code in range(0xE000, 0xF900) if code not in used), None)
        if stand_in is None:  # the parser refuses them then
            return
        self.text, self.replaced = _ESCAPE.sub(rf"\\u{stand_in:04x}", text), True
        self._starts = [match.start() for match in matches]
        self._written = [match[0] for match in matches]
        self._stands_in = re.compile(rf"{chr(stand_in)}|\\u{stand_in:04x}")

    def restored(self, value: str, start: int, end: int) -> str | None:
        """The value of the scalar between two offsets with its own escapes, pairs joined.

        None where half of a pair stands alone, which is no character.
        """
        first, last = bisect_left(self._starts, start), bisect_left(self._starts, end)
        if first == last:
            return value
        written = iter(self._written[first:last])

        def own(found: re.Match[str]) -> str:
            escape = next(written)
            # Where the parser took it for text, it is text: single quotes, or a plain scalar.
            return chr(int(escape[2:], 16)) if len(found[0]) == 1 else escape

        halves = self._stands_in.sub(own, value)
        try:
            return halves.encode("utf-16", "surrogatepass").decode("utf-16")
        except UnicodeDecodeError:
            return None
