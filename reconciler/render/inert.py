"""Text for a log in which the runner of a job finds no command that it would obey."""

# The runner of GitHub Actions obeys `::name::` behind blanks at the beginning of a line, and
# `##[name]` anywhere. It compares as .NET does, which passes over characters without a width, and
# it knows colours: so neither these nor anything outside ASCII counts between two signs.
_NOTHING = r"(?:\x1b\[[0-9;]*m?|[^\x20-\x7e\t\r\n])*"
_BLANK = r"(?:\x1b\[[0-9;]*m?|[^\x21-\x7e\r\n])*"
_BEGINS = rf"((?:^|[\r\n]){_BLANK}):(?={_NOTHING}:)"
_ANYWHERE = rf"#(?={_NOTHING}#{_NOTHING}\[)"


def unobeyed(text: str) -> str:
    r"""The same text without a command.

    The sign that makes one becomes `\u003a` or `\u0023`: in JSON that is the same value.
    """
    if (
        text.count(":") < 2 and text.count("#") < 2
    ):  # both need two; nothing is compiled for `--version`
        return text
    import re

    return re.sub(_ANYWHERE, r"\\u0023", re.sub(_BEGINS, r"\1\\u003a", text))
