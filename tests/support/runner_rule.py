"""Our own copy of how the runner of GitHub Actions finds commands in a line of output.

Written from what its source does (ActionCommand.TryParseV2 and TryParse, FileCommandManager), and a
little more obedient: characters without a width are passed over, as .NET's comparison by culture
does, any name is a command, and a carriage return ends a line too.
"""

import re
import unicodedata

_BLANK = ("Zs", "Zl", "Zp")
_WIDTHLESS = ("Cf", "Mn", "Me", "Cc", "Cn", "Co", "Cs")


def commands_in(output: str) -> list[tuple[str, str]]:
    """Name and data of every command that a runner would obey."""
    found = (command_of(line) for line in re.split(r"\r\n|\r|\n", output))
    return [command for command in found if command is not None]


def command_of(line: str) -> tuple[str, str] | None:
    return _second(_shown(line)) or _first(_shown(line))


def _shown(line: str) -> str:
    """Without colours, and without what has no width."""
    plain = re.sub(r"\x1b\[[0-9;]*m?", "", line)
    return "".join(
        " " if unicodedata.category(c) in _BLANK or c in "\t\v\f\x85" else c
        for c in plain
        if c in "\t\v\f\x85" or unicodedata.category(c) not in _WIDTHLESS
    )


def _second(line: str) -> tuple[str, str] | None:
    """`::name properties::data` behind blanks."""
    text = line.lstrip()
    if not text.startswith("::"):
        return None
    about, found, data = text[2:].partition("::")
    return (about.split(" ")[0], _unescaped(data)) if found else None


def _first(line: str) -> tuple[str, str] | None:
    """`##[name properties]data` anywhere."""
    _, found, rest = line.partition("##[")
    about, closed, data = rest.partition("]")
    return (about.split(" ")[0], data) if found and closed else None


def _unescaped(data: str) -> str:
    for written, meant in (("%0D", "\r"), ("%0A", "\n"), ("%25", "%")):
        data = data.replace(written, meant)
    return data


def outputs_in(file: str) -> dict[str, str]:
    """The outputs that a job gets from the file GITHUB_OUTPUT names."""
    found = {}
    lines = iter(file.split("\n"))
    for line in lines:
        name, heredoc, delimiter = line.partition("<<")
        if "=" in name or (line and not heredoc):
            name, _, found[name] = line.partition("=")
        elif line:
            value = []
            for inner in lines:
                if inner == delimiter:
                    break
                value.append(inner)
            else:
                raise ValueError(f"no end of {name}")
            found[name] = "\n".join(value)
    return found
