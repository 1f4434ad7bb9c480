"""Foreign text in GitHub's Markdown: it stands in code and nowhere else, and cannot leave it.

In code nothing is a mention, a reference, a link, an image or HTML. The one thing that ends code is
a backtick, so none is left in it; a code span may then always have one backtick on each side.
"""

import html
from collections.abc import Iterable

from reconciler.render.plain_text import visible, without_commands

NAME = 200  # characters of a name that are shown
WORDS = 500  # characters of a sentence


def code(text: object, most: int = NAME) -> str:
    """A code span; a pipe is written as an escape, for it would end a cell of a table."""
    shown = plain(text, most).replace("|", r"\x7c")
    return f"`{shown or ' '}`"


def tagged(text: object) -> str:
    """The same inside a block of HTML, where Markdown is not read."""
    return f"<code>{html.escape(plain(text))}</code>"


def fence(lines: Iterable[str]) -> str:
    """A block of a diff; each line has to begin with a word or sign of ours."""
    return "\n".join(["```diff", *(plain(line, WORDS) for line in lines), "```"])


def plain(text: object, most: int = NAME) -> str:
    """On one line, without backticks, and no longer than that many characters and a mark.

    Nothing in it is a command to a runner that finds the text in a log.
    """
    shown = without_commands(visible(text)).replace("`", r"\x60")
    return shown if len(shown) <= most else shown[:most] + "…"


def size(text: str) -> int:
    """In bytes, as GitHub's limit of a comment may count."""
    return len(text.encode())
