"""argv → the command that it names, and what it gives; a usage error is ours: it exits 1, not 2."""

import argparse
import sys
from collections.abc import Iterable, Sequence

from reconciler import __doc__ as purpose
from reconciler import __version__
from reconciler.cli.commands import COMMANDS, COMMON, GROUPS
from reconciler.cli.console import show, show_data
from reconciler.cli.options import Command, Kind, Option
from reconciler.errors import UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:  # `--help` does without
    from typing import NoReturn

    SubParsers = argparse._SubParsersAction["_Parser"]
else:
    SubParsers = argparse._SubParsersAction


def parse(argv: Iterable[str]) -> tuple[Command, dict[str, object]]:
    """The command that argv names, and what was given; raises UsageError. Prints help, exits 0."""
    parser = _Parser(
        prog="reconciler",
        description=purpose,
        allow_abbrev=False,
        epilog="Every option has a variable RECONCILER_OPTION_NAME; the option wins.",
    )
    parser.add_argument("--version", action="version", version=f"reconciler {__version__}")
    _add_options(parser, COMMON)
    _add_commands(parser, (), COMMANDS)
    given = vars(parser.parse_args(list(argv)))
    return given.pop("command"), given


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> "NoReturn":
        raise UsageError(f"{message}\nsee `{self.prog} --help`")

    def _print_message(self, message: str, file: object = None) -> None:
        """Help and version go the way of all other words."""
        if file is sys.stderr:
            show(message)
        else:
            show_data(message)


class _Commands(SubParsers):
    """The commands behind some words; each gets its options when it is called."""

    above: tuple[str, ...]
    known: Sequence[Command]

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: "str | Sequence[object] | None",
        option_string: str | None = None,
    ) -> None:
        word = str(values[0]) if values else ""
        if word in self.choices:
            words = (*self.above, word)
            under = [each for each in self.known if each.words[: len(words)] == words]
            if under[0].words == words:
                _complete(self.choices[word], under[0])
            else:
                _add_commands(self.choices[word], words, under)
        super().__call__(parser, namespace, values, option_string)


def _add_commands(parser: _Parser, above: tuple[str, ...], commands: Sequence[Command]) -> None:
    level = parser.add_subparsers(
        action=_Commands, title="commands", metavar="COMMAND", required=True, prog=parser.prog
    )
    assert isinstance(level, _Commands)
    level.above, level.known = above, commands
    for command in commands:
        word = command.words[len(above)]
        if command.words == (*above, word):
            level.add_parser(
                word,
                prog=f"{parser.prog} {word}",
                help=command.help,
                description=command.help,
                allow_abbrev=False,
            )
        elif word not in level.choices:
            level.add_parser(
                word, prog=f"{parser.prog} {word}", help=GROUPS[word], allow_abbrev=False
            )


def _complete(parser: _Parser, command: Command) -> None:
    for argument in command.arguments:
        parser.add_argument(
            argument.name,
            help=argument.help,
            nargs="?" if argument.optional else None,
            choices=argument.choices or None,
            metavar=None if argument.choices else argument.name.upper(),
        )
    _add_options(parser, command.options)
    _add_options(parser.add_argument_group("options of every command"), COMMON)
    parser.set_defaults(command=command)


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
            case Kind.MANY | Kind.TEXT | Kind.NUMBER | Kind.NUMBER_OR_ZERO:
                parser.add_argument(
                    *flags,
                    action="append" if option.kind is Kind.MANY else "store",
                    choices=option.choices or None,
                    metavar=None if option.choices else option.metavar or "TEXT",
                    default=argparse.SUPPRESS,
                    help=words,
                )
