"""argv to the command that it names and the values that it gives."""

import argparse
import sys
from collections.abc import Iterable, Sequence

from reconciler import __doc__ as purpose
from reconciler import __version__
from reconciler.cli.commands import COMMANDS, Command, help_of_group
from reconciler.cli.common_options import CommonOptions
from reconciler.cli.console import show, show_data
from reconciler.cli.options import Kind, Option, flag_of, options_in
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
    _add_options(parser, CommonOptions)
    _add_commands(parser, (), COMMANDS)
    given = vars(parser.parse_args(list(argv)))
    return given.pop("command"), given


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> "NoReturn":
        # argparse would exit with 2, which says here that something is not in sync
        # (docs/exit-codes.md).
        raise UsageError(f"{message}\nsee `{self.prog} --help`")

    def _print_message(self, message: str, file: object = None) -> None:
        """Print help and version by the console, which lets no runner obey them."""
        if file is sys.stderr:
            show(message)
        else:
            show_data(message)


class _Commands(SubParsers):
    """The commands of one level: those of the program, or of a group.

    Each gets its options when it is called, for to import all commands takes longer than the rest.
    """

    above: tuple[str, ...]
    known: Sequence[Command]

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: "str | Sequence[object] | None",
        option_string: str | None = None,
    ) -> None:
        name = str(values[0]) if values else ""
        if name in self.choices:
            parts = (*self.above, name)
            under = [each for each in self.known if each.parts[: len(parts)] == parts]
            if under[0].parts == parts:
                own = self.choices[name]
                _add_options(own, under[0].load().Options)
                _add_options(own.add_argument_group("options of every command"), CommonOptions)
                own.set_defaults(command=under[0])
            else:
                _add_commands(self.choices[name], parts, under)
        super().__call__(parser, namespace, values, option_string)


def _add_commands(parser: _Parser, above: tuple[str, ...], commands: Sequence[Command]) -> None:
    level = parser.add_subparsers(
        action=_Commands, title="commands", metavar="COMMAND", required=True, prog=parser.prog
    )
    assert isinstance(level, _Commands)
    level.above, level.known = above, commands
    for command in commands:
        name = command.parts[len(above)]
        if name in level.choices:
            continue  # a group that an earlier command has opened
        help = command.help if command.parts == (*above, name) else help_of_group(name)
        level.add_parser(
            name, prog=f"{parser.prog} {name}", help=help, description=help, allow_abbrev=False
        )


def _add_options(parser: argparse.ArgumentParser | argparse._ArgumentGroup, options: type) -> None:
    for name, option in options_in(options):
        if not option.positional:
            _add_option(parser, name, option)
            continue
        parser.add_argument(
            name,
            help=option.help,
            nargs="*" if option.kind is Kind.MANY else "?" if option.optional else None,
            choices=None if option.choices is None else list(map(str, option.choices)),
            metavar=None if option.choices else name.upper(),
            default=argparse.SUPPRESS,
        )


def _add_option(
    parser: argparse.ArgumentParser | argparse._ArgumentGroup, name: str, option: Option
) -> None:
    flags = [option.short, flag_of(name)] if option.short else [flag_of(name)]
    help = option.help + (f" (default: {option.shown})" if option.shown else "")
    choices = option.choices
    match option.kind:
        case Kind.FLAG:
            parser.add_argument(*flags, action="store_true", default=argparse.SUPPRESS, help=help)
        case Kind.COUNT:
            parser.add_argument(*flags, action="count", default=argparse.SUPPRESS, help=help)
        case Kind.MANY | Kind.TEXT | Kind.PATH | Kind.CHOICE | Kind.NUMBER:
            parser.add_argument(
                *flags,
                action="append" if option.kind is Kind.MANY else "store",
                choices=None if choices is None else list(map(str, choices)),
                metavar=None if choices else option.metavar,
                default=argparse.SUPPRESS,
                help=help,
            )
