"""Text that cannot act on whoever reads it: no workflow command in a log, no markup in Markdown."""

import re

from reconciler.render.paint import visible

# The runner of GitHub Actions obeys `::name::` behind blanks at the beginning of a line, and
# `##[name]` anywhere. It compares as .NET does, which passes over characters without a width, and
# it knows colours: so neither these nor anything outside ASCII counts between two signs.
_NOTHING = r"(?:\x1b\[[0-9;]*m?|[^\x20-\x7e\t\r\n])*"
_BLANK = r"(?:\x1b\[[0-9;]*m?|[^\x21-\x7e\r\n])*"
_BEGINS = re.compile(rf"((?:^|[\r\n]){_BLANK}):(?={_NOTHING}:)")
_ANYWHERE = re.compile(rf"#(?={_NOTHING}#{_NOTHING}\[)")


def unobeyed(text: str) -> str:
    r"""Text for a log in which a runner finds no command.

    The sign that makes one becomes `\u003a` or `\u0023`: in JSON that is the same value.
    """
    return _ANYWHERE.sub(r"\\u0023", _BEGINS.sub(r"\1\\u003a", text))


def code(text: object) -> str:
    """Foreign text as a code span of Markdown: no mention, link, image, HTML or emphasis in it."""
    shown = visible(text).strip() or "-"
    fence = "`" * (1 + max((len(run) for run in re.findall("`+", shown)), default=0))
    pad = " " if shown[0] == "`" or shown[-1] == "`" else ""
    return f"{fence}{pad}{shown}{pad}{fence}"
