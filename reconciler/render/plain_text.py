"""Plain text: foreign text that neither a terminal nor a job's runner obeys; numbers with a noun.

Nothing is imported before it is needed: `--version` is printed by way of this module.
"""

_UNSEEN = ("Cc", "Cf", "Cs", "Co", "Zl", "Zp")  # control, format (bidi), surrogate, private, breaks

# The runner of GitHub Actions obeys `::name::` behind blanks at the beginning of a line, and
# `##[name]` anywhere. It compares as .NET does, which passes over characters without a width, and
# it knows colours: so neither these nor anything outside ASCII counts between two signs.
_NOTHING = r"(?:\x1b\[[0-9;]*m?|[^\x20-\x7e\t\r\n])*"
_BLANK = r"(?:\x1b\[[0-9;]*m?|[^\x21-\x7e\r\n])*"
_BEGINS = rf"((?:^|[\r\n]){_BLANK}):(?={_NOTHING}:)"
_ANYWHERE = rf"#(?={_NOTHING}#{_NOTHING}\[)"


def visible(text: object) -> str:
    """Foreign text on one line: what a terminal would obey is shown as an escape instead."""
    raw = str(text)
    if raw.isprintable():  # nearly always, and much faster
        return raw
    import unicodedata

    return "".join(
        c if unicodedata.category(c) not in _UNSEEN else c.encode("unicode_escape").decode()
        for c in raw
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
