"""Parts of a text that may become shorter, and their cutting until all fit into a limit."""

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import IntEnum

from reconciler.render.markdown_text import size


class Cut(IntEnum):
    """A step of cutting, in this order; each is carried through before the next one begins."""

    IN_SYNC = 1  # what is in sync: lines, sections and rows
    CREATES = 2  # the details of creates
    UPDATES = 3  # the differences of updates
    DRIFT = 4  # the differences of what drifted or is blocked, and what nobody manages
    SECTIONS = 5  # sections of tenants as a whole, but for what is grave
    ROWS = 6  # rows of the table, but for what is grave
    GRAVE_SECTIONS = 7  # those of tenants with something blocked or risky, and of unreadable ones
    GRAVE_ROWS = 8
    APPROVALS = 9  # whose approval is needed for which manifest; the owners stay
    HIGHLIGHTS = 10  # what needs a look, one by one; it is counted then


@dataclass(frozen=True, slots=True, eq=False)
class TooLong:
    """A text of more bytes than there is room for, which nobody needs to keep."""

    size: int


@dataclass(frozen=True, slots=True)
class Part:
    """A piece of text; `shorter` gives it after a cut, None where that does not concern it."""

    text: str | TooLong
    shorter: Callable[[Cut], str | TooLong | None]


@dataclass(frozen=True, slots=True)
class Fitted:
    """The texts of all parts in their order, and how many parts each cut made shorter."""

    texts: tuple[str, ...]
    cuts: Counter[Cut]


def fit(parts: Iterable[Part], room: int) -> Fitted:
    """Cut from the last part to the first, and no more than it takes to have at most `room` bytes.

    The parts that no cut concerns stay, and may be more than that; what is TooLong to the end is
    empty.
    """
    all_parts = tuple(parts)
    texts = [part.text for part in all_parts]
    used, cuts = sum(map(_size, texts)), Counter[Cut]()
    for cut in Cut:
        for index in reversed(range(len(all_parts))):
            if used <= room:
                return _fitted(texts, cuts)
            shorter = all_parts[index].shorter(cut)
            if shorter is not None and shorter != texts[index]:
                used += _size(shorter) - _size(texts[index])
                texts[index] = shorter
                cuts[cut] += 1
    return _fitted(texts, cuts)


def _size(text: str | TooLong) -> int:
    return size(text) if isinstance(text, str) else text.size


def _fitted(texts: Iterable[str | TooLong], cuts: Counter[Cut]) -> Fitted:
    return Fitted(tuple(text if isinstance(text, str) else "" for text in texts), cuts)
