"""docs/reference/commands.md, made from the commands: `python -m tests.support.commands_page`."""

import re
from collections.abc import Iterator
from dataclasses import replace

from reconciler.cli.commands import COMMANDS, Command, CommandGroup
from reconciler.cli.common_options import CommonOptions
from reconciler.cli.options import Heading, Option, flag_of, key_of, options_in, variable_of
from reconciler.cli.settings_file import known_settings
from tests.support.program import ROOT

PAGE = ROOT / "docs/reference/commands.md"
HEAD = """\
# Commands

`make docs` makes this page from the program; `reconciler COMMAND --help` prints the same.

Every option has a variable `RECONCILER_OPTION_NAME`, and some have a key in the
[settings file](#settings-file). The option wins, then the variable, then the file, then the
default. A variable that is set to nothing counts as not set; an option that is given an empty text
is an error. A name that is nearly a known one is an error too, whichever command runs, and any
other `RECONCILER_*` a warning. Options are never abbreviated. Options of every command may stand
before its name, and those that it needs after it, too. Data goes to standard output, all else to
standard error. With `-C DIR` each relative path begins in that folder, those of variables and of
the state URL too; messages name files from where you are. What each code at the end means is on the
page about [exit codes](../exit-codes.md).
"""


SETTINGS = """\
## Settings file

`reconciler.toml` beside the folder of manifests sets formats, colour, parallelism, deadlines and a
selection. Any other key is an error at its line, and so is a wrong value, whichever command runs:
what is trusted, where credentials and records go and what a run may write are options and variables
of whoever runs it. With `plan --tenants-from REF` the file is read from that ref. A run says which
part of its selection is from the file; `apply FILE` has that of the saved plan. `color` is `auto`,
`always` or `never`; `NO_COLOR`, `FORCE_COLOR` and `--no-color` win over it. `reconciler schema
settings` prints the JSON Schema; editors take it by a first line `#:schema settings.schema.json`.

```toml
parallelism = 8
color = "never"

[formats]
plan = "markdown"
validate = "github"

[deadlines]
request = 20
read = 300

[selection]
tenant = ["acme-*"]
exclude = ["legacy-*"]
```
"""


def commands_page() -> str:
    """Each command with its example, arguments and options, then the options of every command."""
    parts = [HEAD]
    for group in CommandGroup:
        parts.append(f"## {group[0].upper()}{group[1:]}\n")
        for command in COMMANDS:
            if command.group is group:
                parts.append(f"### {command.name}\n\n{command.purpose}\n")
                parts.append(f"```text\nreconciler {command.example}\n```\n")
                found = options_in(command.load().Options)
                own = [(name, replace(o, key=key_of(o, command.name))) for name, o in found]
                parts += _tables(own)
                parts.append(_common(command))
    common = [(name, replace(o, heading=Heading.COMMON)) for name, o in options_in(CommonOptions)]
    parts += ["## Options of every command\n", *_tables(common), SETTINGS]
    rows = "".join(_setting(".".join(key)) for key in sorted(dict(known_settings())))
    return "\n".join([*parts, f"| key | sets | variable |\n| --- | --- | --- |\n{rows}"])


def _tables(declared: list[tuple[str, Option]]) -> Iterator[str]:
    arguments = "".join(_row(name, each) for name, each in declared if each.positional)
    if arguments:
        yield f"| argument | is |\n| --- | --- |\n{arguments}"
    for heading in Heading:
        below = [each for each in declared if each[1].heading is heading]
        rows = "".join(_row(name, each) for name, each in below if not each.positional)
        if rows:
            yield f"| {heading} | is |\n| --- | --- |\n{rows}"


def _setting(key: str) -> str:
    declared = [(each.name, each.load().Options) for each in COMMANDS]
    found = {
        name: command
        for command, options in [("every command", CommonOptions), *declared]
        for name, each in options_in(options)
        if key_of(each, command) == key
    }
    [(name, command)] = found.items()
    flag = f"`{flag_of(name)}`" + (f" of `{command}`" if key.startswith("formats.") else "")
    return f"| `{key}` | {flag} | `{variable_of(name)}` |\n"


def _common(command: Command) -> str:
    needed = (name for name, each in options_in(CommonOptions) if each.need in command.needs)
    flags = ", ".join(f"`{flag_of(name)}`" for name in needed)
    others = f"{flags}, and those that all have" if flags else "those that all have"
    return f"Of the [options of every command](#options-of-every-command): {others}.\n"


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
    notes = (("default", option.shown), ("key", option.key))
    if noted := "; ".join(f"{name}: `{value}`" for name, value in notes if value):
        text += f" ({noted})"
    spelt = ", ".join(f"`{word}`" for word in texts)
    return f"| {spelt} | {text[0].upper()}{text[1:]} |\n"


if __name__ == "__main__":
    PAGE.write_text(commands_page())
