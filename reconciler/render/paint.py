"""Paint: the five colours of text for terminals, where they are wanted."""

from dataclasses import dataclass

_CODES = {"green": 32, "yellow": 33, "red": 31, "bold": 1, "dim": 2}


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Paint:
    """Colours a text, or leaves it as it is; the meaning is always in the words too."""

    on: bool = False

    def __call__(self, colour: str, text: str) -> str:
        """The text in that colour; an empty colour is none."""
        return f"\x1b[{_CODES[colour]}m{text}\x1b[0m" if self.on and colour else text
