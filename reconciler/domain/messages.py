"""Parts of messages: the nearest known word, foreign words in quotes, words in a row.

This one place decides what "did you mean" suggests.
"""

from collections.abc import Iterable

from reconciler.domain.scim import fold

SHOWN = 64  # characters of a foreign word that a message repeats
NAMED = 3  # differences of one schema that a line names; the others it counts


def nearest(word: str, known: Iterable[str], *, within: int = 2) -> str | None:
    """The known word at most `within` edits away, case aside; the first in order where several.

    As many edits as the word has letters leave nothing of it: `id` is not nearly `kind`.
    """
    folded = fold(word)
    near = (
        (distance(folded, fold(other), within), other)
        for other in known
        if abs(len(other) - len(word)) <= within
    )
    bound = min(within, len(word) - 1)
    found = min(((edits, other) for edits, other in near if edits <= bound), default=None)
    return found[1] if found else None


def suggestion(word: str, known: Iterable[str]) -> str:
    """What may be meant by a word: the nearest known one, or all of them where none is near."""
    words = tuple(known)
    meant = nearest(word, words)
    return f"did you mean {meant}?" if meant else f"there are {', '.join(words) or 'none'}"


def distance(a: str, b: str, most: int) -> int:
    """Levenshtein distance; anything beyond `most` comes back as most + 1."""
    if abs(len(a) - len(b)) > most:
        return most + 1
    row = list(range(len(b) + 1))
    for i, from_a in enumerate(a, start=1):
        above, row = row, [i]
        for j, from_b in enumerate(b, start=1):
            row.append(min(above[j] + 1, row[j - 1] + 1, above[j - 1] + (from_a != from_b)))
        # A manifest may have thousands of names, and most are nowhere near.
        if min(row) > most:
            return most + 1
    return min(row[-1], most + 1)


def quoted(word: str) -> str:
    """A foreign word for a message: in quotes, escaped, and not longer than a line bears."""
    return repr(word if len(word) <= SHOWN else word[:SHOWN] + "…")


def excerpts(one: str, other: str, *, most: int = SHOWN) -> tuple[str, str]:
    """Two texts that differ, each cut to `most` characters around the first difference."""
    pairs = enumerate(zip(one, other, strict=False))
    at = next((at for at, (a, b) in pairs if a != b), min(len(one), len(other)))
    start = 0 if max(len(one), len(other)) <= most else max(0, at - most // 2)
    return _excerpt(one, start, most), _excerpt(other, start, most)


def _excerpt(text: str, start: int, most: int) -> str:
    end = start + most
    return ("…" if start else "") + text[start:end] + ("…" if end < len(text) else "")


def listed(items: Iterable[str]) -> str:
    """`a, b or c`; of nothing, `nothing`."""
    *most, last = tuple(items) or ("nothing",)
    return f"{', '.join(most)} or {last}" if most else last
