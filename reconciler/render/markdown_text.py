"""Foreign text in GitHub's Markdown: it stands in code and nowhere else, and cannot leave it.

In code nothing is a mention, a reference, a link, an image or HTML. The one thing that ends code is
a backtick, so none stays in it; a code span may then always have one backtick on each side
(docs/decisions.md, "Foreign text in Markdown stands in code, without a backtick").
"""

import html
from collections.abc import Iterable, Iterator

from reconciler.render.plain_text import visible, without_commands

NAME = 200  # characters of a name that are shown
WORDS = 500  # characters of a sentence


def code(text: object, most: int = NAME) -> str:
    """A code span."""
    # A pipe would end a cell of a table, in code as well.
    shown = plain(text, most).replace("|", r"\x7c")
    return f"`{shown or ' '}`"  # two backticks with nothing between them are no code span


def tagged(text: object) -> str:
    """Code inside a block of HTML, where Markdown is not read."""
    return f"<code>{html.escape(plain(text))}</code>"


def fence(lines: Iterable[str], *, diff: bool) -> str:
    """A block of code; in a diff each line has to begin with a sign of ours.

    Else a line of others could pass for one that adds or removes. None is shortened: what a plan
    writes is shown whole, or it is left out and counted. A long one goes on below.
    """
    shown = (part for line in lines for part in _folded(plain(line, None), diff=diff))
    return "\n".join([f"```{'diff' if diff else 'text'}", *shown, "```"])


def _folded(line: str, *, diff: bool) -> Iterator[str]:
    """A line in pieces that GitHub shows without a bar to scroll them."""
    sign = line[:1] if diff else " "
    while len(line) > _WIDTH:
        end = line.rfind(" ", _WIDTH // 2, _WIDTH) + 1 or _WIDTH
        yield line[:end]
        line = f"{sign}     \u21b3 {line[end:]}"
    yield line


_WIDTH = 100  # characters


def plain(text: object, most: int | None = NAME) -> str:
    """Foreign text on one line, without backticks, and of at most that many characters."""
    # The text may come to a log too, where a runner would look for commands.
    shown = without_commands(visible(text)).replace("`", r"\x60")
    return shown if most is None or len(shown) <= most else shown[:most] + "…"


def size(text: str) -> int:
    """The size in bytes, as GitHub's limit of a comment may count."""
    return len(text.encode())
