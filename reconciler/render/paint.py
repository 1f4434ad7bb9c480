"""Text for terminals: five colours where they are wanted, and nobody else's escape sequences."""

import unicodedata
from dataclasses import dataclass

_CODES = {"green": 32, "yellow": 33, "red": 31, "bold": 1, "dim": 2}
_UNSEEN = ("Cc", "Cf", "Cs", "Co", "Zl", "Zp")  # control, format (bidi), surrogate, private, breaks


@dataclass(frozen=True, slots=True)
class Paint:
    """Colours a text, or leaves it as it is; the meaning is always in the words too."""

    on: bool = False

    def __call__(self, colour: str, text: str) -> str:
        """The text in that colour."""
        return f"\x1b[{_CODES[colour]}m{text}\x1b[0m" if self.on else text


def visible(text: object) -> str:
    """Foreign text on one line: what a terminal would obey is shown as an escape instead."""
    raw = str(text)
    if raw.isprintable():  # nearly always, and much faster
        return raw
    return "".join(
        c if unicodedata.category(c) not in _UNSEEN else c.encode("unicode_escape").decode()
        for c in raw
    )


def counted(number: int, thing: str) -> str:
    """`1 tenant`, `2 tenants`."""
    return f"{number} {thing}" if number == 1 else f"{number} {thing}s"
