"""Options as data: one declaration gives the flag, the help and RECONCILER_… of the environment.

Order: option, environment, default. A usage error is ours, so that it exits 1 and not argparse's 2.
"""

import argparse
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import NoReturn

from reconciler.adapters.settings import Settings
from reconciler.cli.console import show, show_data
from reconciler.errors import UsageError


class Kind(StrEnum):
    """What an option takes."""

    TEXT = "text"
    NUMBER = "number"
    FLAG = "flag"
    MANY = "many"
    COUNT = "count"


@dataclass(frozen=True, slots=True, kw_only=True)
class Option:
    """One option of a command, or of all."""

    flag: str
    help: str
    kind: Kind = Kind.TEXT
    default: str | None = None
    choices: tuple[str, ...] = ()
    metavar: str | None = None
    short: str | None = None
    least: int = 1

    @property
    def key(self) -> str:
        """The name without its dashes."""
        return self.flag.removeprefix("--").replace("-", "_")

    @property
    def variable(self) -> str:
        """The environment variable that stands in for it."""
        return f"RECONCILER_{self.key.upper()}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Argument:
    """One positional argument."""

    name: str
    help: str
    optional: bool = False
    choices: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """A command: its words, what it does, what it takes, and the module that runs it."""

    words: tuple[str, ...]
    help: str
    module: str
    options: tuple[Option, ...] = ()
    arguments: tuple[Argument, ...] = ()


@dataclass(frozen=True, slots=True)
class Arguments:
    """What was asked for, after option, environment and default; `said` names the first two."""

    # Not shown: the URL of a proxy or of the store may hold a password.
    values: Mapping[str, str | bool | int | tuple[str, ...] | None] = field(repr=False)
    said: frozenset[str] = frozenset()

    def text(self, key: str) -> str | None:
        """A text option or argument; None where it was not given and has no default."""
        value = self.values.get(key)
        return value if isinstance(value, str) else None

    def path(self, key: str) -> Path | None:
        """A text option that names a file or folder."""
        value = self.text(key)
        return None if value is None else Path(value)

    def flag(self, key: str) -> bool:
        """Whether a flag was given."""
        return self.values.get(key) is True

    def many(self, key: str) -> tuple[str, ...]:
        """All values of a repeatable option."""
        value = self.values.get(key)
        return value if isinstance(value, tuple) else ()

    def number(self, key: str) -> int:
        """A number or a count."""
        value = self.values.get(key)
        return value if isinstance(value, int) else 0


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise UsageError(f"{message}\nsee `{self.prog} --help`")

    def _print_message(self, message: str, file: object = None) -> None:
        """Help and version go the way of all other words."""
        if file is sys.stderr:
            show(message)
        else:
            show_data(message)


_Levels = dict[tuple[str, ...], "argparse._SubParsersAction[_Parser]"]


def parse(
    argv: Iterable[str],
    *,
    description: str,
    version: str,
    commands: Iterable[Command],
    common: tuple[Option, ...],
    settings: Settings,
) -> tuple[Command, Arguments]:
    """The command that argv names, and its values; raises UsageError. Prints help and exits 0."""
    parser = _parser("reconciler", description)
    parser.add_argument("--version", action="version", version=f"reconciler {version}")
    _add_options(parser, common)
    levels: _Levels = {
        (): parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    }
    for command in commands:
        _add_command(levels, command, common)
    given = vars(parser.parse_args(list(argv)))
    command = given.pop("command")
    wanted = (*common, *command.options)
    values = {option.key: _value(option, given, settings) for option in wanted}
    for argument in command.arguments:
        word = given.get(argument.name)
        values[argument.name] = None if word is None else _filled(word, argument.name.upper())
    said = (o.key for o in wanted if o.key in given or settings.variable(o.variable) is not None)
    return command, Arguments(values, frozenset(said))


def _parser(prog: str, description: str) -> _Parser:
    return _Parser(
        prog=prog,
        description=description,
        allow_abbrev=False,
        epilog="Every option has a variable RECONCILER_OPTION_NAME; the option wins.",
    )


def _add_command(levels: _Levels, command: Command, common: tuple[Option, ...]) -> None:
    *above, word = command.words
    group = tuple(above)
    if group not in levels:
        middle = levels[()].add_parser(
            group[0], prog=f"reconciler {group[0]}", allow_abbrev=False, help=_GROUPS[group[0]]
        )
        levels[group] = middle.add_subparsers(title="commands", metavar="COMMAND", required=True)
    parser = levels[group].add_parser(
        word,
        prog=f"reconciler {' '.join(command.words)}",
        help=command.help,
        description=command.help,
        allow_abbrev=False,
    )
    for argument in command.arguments:
        parser.add_argument(
            argument.name,
            help=argument.help,
            nargs="?" if argument.optional else None,
            choices=argument.choices or None,
            metavar=None if argument.choices else argument.name.upper(),
        )
    _add_options(parser, command.options)
    _add_options(parser.add_argument_group("options of every command"), common)
    parser.set_defaults(command=command)


_GROUPS = {
    "audit": "the audit trail: list, verify, export",
    "webhooks": "the outbox: list, deliver",
}


def _add_options(
    parser: argparse.ArgumentParser | argparse._ArgumentGroup, options: Iterable[Option]
) -> None:
    for option in options:
        flags = [option.short, option.flag] if option.short else [option.flag]
        words = option.help + (f" (default: {option.default})" if option.default else "")
        match option.kind:
            case Kind.FLAG:
                parser.add_argument(
                    *flags, action="store_true", default=argparse.SUPPRESS, help=words
                )
            case Kind.COUNT:
                parser.add_argument(*flags, action="count", default=argparse.SUPPRESS, help=words)
            case Kind.MANY | Kind.TEXT | Kind.NUMBER:
                parser.add_argument(
                    *flags,
                    action="append" if option.kind is Kind.MANY else "store",
                    choices=option.choices or None,
                    metavar=None if option.choices else option.metavar or "TEXT",
                    default=argparse.SUPPRESS,
                    help=words,
                )


def _value(
    option: Option, given: Mapping[str, object], settings: Settings
) -> str | bool | int | tuple[str, ...] | None:
    said = given.get(option.key)
    source = option.flag
    if said is None and (said := settings.variable(option.variable)) is not None:
        source = option.variable
    if said is None:
        said = option.default
    match option.kind:
        case Kind.FLAG:
            return said if isinstance(said, bool) else _flag(said, source)
        case Kind.NUMBER | Kind.COUNT:
            return _number(said, source, least=option.least if said is not None else 0)
        case Kind.MANY:
            return _many(said, source)
        case Kind.TEXT:
            return _text(said, source, option.choices)


def _flag(said: object, source: str) -> bool:
    if said is None:
        return False
    words = {"1": True, "true": True, "yes": True, "0": False, "false": False, "no": False}
    if (word := str(said).lower()) not in words:
        raise UsageError(f"{source}: {str(said)!r} is neither true nor false")
    return words[word]


def _number(said: object, source: str, *, least: int) -> int:
    text = "0" if said is None else str(said)
    if not (text.isascii() and text.isdigit() and len(text) < 10 and int(text) >= least):
        raise UsageError(f"{source}: {text!r} is no whole number from {least} up")
    return int(text)


def _many(said: object, source: str) -> tuple[str, ...]:
    if isinstance(said, str):
        return tuple(said.replace(",", " ").split())
    return tuple(_filled(word, source) for word in said) if isinstance(said, list) else ()


def _text(said: object, source: str, choices: tuple[str, ...]) -> str | None:
    if said is None:
        return None
    text = _filled(str(said), source)
    if choices and text not in choices:
        raise UsageError(f"{source}: {text!r} is none of {', '.join(choices)}")
    return text


def _filled(text: str, source: str) -> str:
    """The text, if it is one. What a shell makes of a variable that is not set is never meant.

    As a folder it would be the one of today's directory, as an approval none.
    """
    if not text:
        raise UsageError(
            f"{source}: the text is empty; give one, or leave {source} out. "
            "Is a variable of the shell not set?"
        )
    return text
