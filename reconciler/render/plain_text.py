"""Plain text: foreign text that neither a terminal nor a job's runner obeys; numbers with a noun.

Nothing is imported before it is needed: `--version` is printed by way of this module.
"""

# Letters, marks and symbols that are drawn as nothing, or as a blank: those of Unicode's
# Default_Ignorable_Code_Point that Python calls printable, then fillers, selectors and joiners.
_NOT_DRAWN = frozenset((
    "\u034f", "\u115f", "\u1160", "\u17b4", "\u17b5", "\u180b", "\u180c", "\u180d", "\u180f",
    "\u3164", "\uffa0", *map(chr, range(0xFE00, 0xFE10)), *map(chr, range(0xE0100, 0xE01F0)),
    "\u2800", "\u2d7f", "\ufffc", "\U00013441", "\U00013442", "\U00016fe4", "\U0001bc9d",
    "\U0001d159", "\U0001da7f", "\U0001da80",
))  # fmt: skip

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
    return "".join(c if is_seen(c) else c.encode("unicode_escape").decode() for c in raw)


def is_seen(text: str) -> bool:
    """Test whether each character is drawn, and in the order of reading; a blank is the space."""
    # Not printable are controls, format (bidi), private, unassigned, surrogates, other blanks.
    return text.isprintable() and (text.isascii() or _NOT_DRAWN.isdisjoint(text))


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
