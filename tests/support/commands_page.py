"""docs/reference/commands.md, made from the commands: `python -m tests.support.commands_page`."""

import re
from collections.abc import Iterator

from reconciler.cli.commands import COMMANDS
from reconciler.cli.common_options import CommonOptions
from reconciler.cli.options import Option, flag_of, options_in
from tests.support.program import ROOT

PAGE = ROOT / "docs/reference/commands.md"
HEAD = """\
# Commands

`make docs` makes this page from the program; `reconciler COMMAND --help` prints the same.

Every option has a variable `RECONCILER_OPTION_NAME`; the option wins, then the variable, then the
default. A variable that is set to nothing counts as not set; an option that is given an empty text
is an error. A name that is nearly a known one is an error too, whichever command runs, and any
other `RECONCILER_*` a warning. Options are never abbreviated. Options of every command may stand
before or after its name. Data goes to standard output, all else to standard error. What each code
at the end means is on the page about [exit codes](../exit-codes.md).
"""


def commands_page() -> str:
    """Each command with its arguments and options, then the options of every command."""
    parts = [HEAD]
    for command in COMMANDS:
        parts.append(f"## {command.name}\n\n{_sentence(command.help)}\n")
        parts += _tables(command.load().Options)
    return "\n".join([*parts, "## Options of every command\n", *_tables(CommonOptions)])


def _tables(options: type) -> Iterator[str]:
    declared = list(options_in(options))
    for heading, positional in (("argument", True), ("option", False)):
        rows = [_row(name, each) for name, each in declared if each.positional is positional]
        if rows:
            yield f"| {heading} | is |\n| --- | --- |\n{''.join(rows)}"


def _row(name: str, option: Option) -> str:
    texts = [name.upper() if option.positional else flag_of(name)]
    if option.short:
        texts.insert(0, option.short)
    if option.metavar and not option.positional:
        texts[-1] += f" {option.metavar}"
    text = re.sub(r"\s+", " ", option.help)
    if option.choices is not None:
        text += f": {', '.join(f'`{each}`' for each in option.choices)}"
    if option.optional:
        text += " (may be left out)"
    if option.shown:
        text += f" (default: `{option.shown}`)"
    spelt = ", ".join(f"`{word}`" for word in texts)
    return f"| {spelt} | {text[0].upper()}{text[1:]} |\n"


def _sentence(text: str) -> str:
    text = text[0].upper() + text[1:]
    return text if text.endswith(".") else f"{text}."


if __name__ == "__main__":
    PAGE.write_text(commands_page())
