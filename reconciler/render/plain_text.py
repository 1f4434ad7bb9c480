"""Plain text: foreign text that neither a terminal nor a job's runner obeys; numbers with a noun.

Nothing is imported before it is needed: `--version` is printed by way of this module.
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

# Letters, marks and symbols that are drawn as nothing, or as a blank: those of Unicode's
# Default_Ignorable_Code_Point that Python calls printable, then fillers, selectors and joiners.
_NOT_DRAWN = frozenset((
    "\u034f", "\u115f", "\u1160", "\u17b4", "\u17b5", "\u180b", "\u180c", "\u180d", "\u180f",
    "\u3164", "\uffa0", *map(chr, range(0xFE00, 0xFE10)), *map(chr, range(0xE0100, 0xE01F0)),
    "\u2800", "\u2d7f", "\ufffc", "\U00013440", "\U00013441", "\U00013442", "\U00016fe4",
    "\U0001bc9d", "\U0001d159", "\U0001da7f", "\U0001da80",
))  # fmt: skip
# Indic_Syllabic_Category Invisible_Stacker and Number_Joiner: between two letters of their script
# they decide how those are drawn, and anywhere else they are drawn as nothing.
_STACKERS = frozenset(
    "\u1039\u17d2\u1a60\uaaf6\U00010a3f\U0001107f\U00011133\U000113d0\U0001193e\U00011a47\U00011a99"
    "\U00011d45\U00011d97\U00011f42"
)

# The runner of GitHub Actions obeys `::name::` behind blanks at the beginning of a line, and
# `##[name]` anywhere. It compares as .NET does, which passes over characters without a width, and
# it knows colours: so neither these nor anything outside ASCII counts between two signs.
_NOTHING = r"(?:\x1b\[[0-9;]*m?|[^\x20-\x7e\t\r\n])*"
_BLANK = r"(?:\x1b\[[0-9;]*m?|[^\x21-\x7e\r\n])*"
_BEGINS = rf"((?:^|[\r\n]){_BLANK}):(?={_NOTHING}:)"
_ANYWHERE = rf"#(?={_NOTHING}#{_NOTHING}\[)"


def visible(text: object) -> str:
    """Foreign text on one line: what nobody sees, or a terminal obeys, is shown as an escape."""
    raw = str(text)
    if is_seen(raw):  # nearly always, and much faster
        return raw
    return escaped(raw, lambda c: c.encode("unicode_escape").decode())


def is_seen(text: str) -> bool:
    """Test whether each character is drawn, and in the order of reading; a blank is the space."""
    # Not printable are controls, format (bidi), private, unassigned, surrogates, other blanks.
    if text.isascii() or not text.isprintable():
        return text.isprintable()
    stackers = (at for at, c in enumerate(text) if c in _STACKERS)
    return _NOT_DRAWN.isdisjoint(text) and all(_joins(text, at) for at in stackers)


def escaped(text: str, escape: "Callable[[str], str]") -> str:
    """The text with an escape for each character that nobody sees."""
    return "".join(
        c if is_seen(c) or (c in _STACKERS and _joins(text, at)) else escape(c)
        for at, c in enumerate(text)
    )


def _joins(text: str, at: int) -> bool:
    """Test whether a stacker stands between two others of its script, which it joins."""
    import unicodedata

    around = text[at - 1 : at] + text[at + 1 : at + 2]
    script = unicodedata.name(text[at], "-").partition(" ")[0]
    return len(around) == 2 and all(
        c not in _STACKERS and unicodedata.name(c, "").startswith(script) for c in around
    )


def without_commands(text: str) -> str:
    r"""The same text with nothing in it that the runner of a job would take for a command.

    The sign that makes one becomes `\u003a` or `\u0023`: in JSON that is the same value.
    """
    if text.count(":") < 2 and text.count("#") < 2:  # a command needs two of either
        return text
    import re

    return re.sub(_ANYWHERE, r"\\u0023", re.sub(_BEGINS, r"\1\\u003a", text))


def counted(number: int, thing: str) -> str:
    """`1 tenant`, `2 tenants`."""
    return f"{number} {thing}" if number == 1 else f"{number} {thing}s"
