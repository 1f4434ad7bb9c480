"""argv to the command that it names and the values that it gives."""

import argparse
import re
import sys
from collections.abc import Container, Iterator, Sequence
from dataclasses import replace

from reconciler import __doc__ as purpose
from reconciler import __version__
from reconciler.cli.commands import COMMANDS, Command, CommandGroup, help_of_group
from reconciler.cli.common_options import CommonOptions
from reconciler.cli.console import show, show_data
from reconciler.cli.options import Heading, Kind, Need, Option, flag_of, key_of, options_in
from reconciler.errors import UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:  # `--help` does without
    from typing import NoReturn

    SubParsers = argparse._SubParsersAction["_Parser"]
else:
    SubParsers = argparse._SubParsersAction

_HELP_COLUMN = 28  # where the help of an option begins
_SOURCES = (
    "Each option has a variable, too: RECONCILER_LOG_FORMAT for --log-format. One with a key can "
    "be set in reconciler.toml, beside the folder of manifests. An option wins over its variable, "
    "and that over the file."
)


def parse(argv: Sequence[str]) -> tuple[Command, dict[str, object]]:
    """The command that argv names, and what was given; raises UsageError. Prints help, exits 0."""
    parser = _program()
    if argv[:1] == ["help"]:
        argv = [*(word for word in argv[1:] if word not in ("help", "version")), "--help"]
    _require_known(parser, argv or ["--help"])
    values, surplus = parser.parse_known_args(argv or ["--help"])
    given = vars(values)
    command: Command = given.pop("command")
    if surplus:
        from reconciler.cli.suggestions import surplus_argument

        _refuse(f"reconciler {command.name}", surplus_argument(surplus[0], command))
    return command, given


def whole_parser() -> argparse.ArgumentParser:
    """The parser with all commands and their options, as a completion of a shell needs it."""
    parser = _program()
    for command in COMMANDS:
        level: _Parser = parser
        for name in command.parts:
            [commands] = (each for each in level._actions if isinstance(each, _Commands))
            if not commands.choices[name]._actions:
                commands.open(name)
            level = commands.choices[name]
    return parser


def _program() -> "_Parser":
    parser = _Parser(prog="reconciler", purpose=purpose or "")
    parser.epilog = (
        "Begin with `reconciler init`. `reconciler help COMMAND` has all options of a command. "
        f"{_SOURCES}"
    )
    parser.example = "plan"
    _add_commands(parser, (), COMMANDS)
    _add_common(parser, tuple(Need)).add_argument(
        "-V", "--version", action="version", version=f"reconciler {__version__}", help="print it"
    )
    return parser


class _Parser(argparse.ArgumentParser):
    """A parser whose page of help opens with an example."""

    example = ""

    def __init__(self, *, prog: str, purpose: str) -> None:
        super().__init__(
            prog=prog,
            description=purpose,
            allow_abbrev=False,
            add_help=False,
            formatter_class=_Formatter,
        )
        self._positionals.title = "arguments"

    def error(self, message: str) -> "NoReturn":
        # argparse would exit with 2, which says here that something is not in sync
        # (docs/exit-codes.md).
        _refuse(self.prog, message)

    def format_help(self) -> str:
        """The purpose, an example, the usage; then what can be given, by headings."""
        head, body = self._get_formatter(), self._get_formatter()
        head.add_text(self.description)
        body.add_usage(self._usage(), (), ())
        for title, actions in self._headings():
            body.start_section(title)
            if title == Heading.LIMITS and actions:
                body.add_text(", ".join(map(_limit, actions)))
            else:
                body.add_arguments(actions)
            body.end_section()
        body.add_text(self.epilog)
        example = f"example:\n  reconciler {self.example}\n"
        return f"{head.format_help()}\n{example}\n{body.format_help()}"

    def _usage(self) -> str:
        words = [self.prog]
        for action in self._actions:
            if not action.option_strings:
                word = str(action.metavar)
                words.append({"?": f"[{word}]", "*": f"[{word}…]"}.get(str(action.nargs), word))
        return " ".join([*words, "[OPTIONS]"])

    def _headings(self) -> "Iterator[tuple[str | None, list[argparse.Action]]]":
        for group in self._action_groups:
            for action in group._group_actions:
                if isinstance(action, _Commands):
                    yield from action.headings()
                    break
            else:
                yield group.title, group._group_actions

    def _check_value(self, action: argparse.Action, value: object) -> None:
        if action.choices is None or value in action.choices:
            return
        from reconciler.cli.suggestions import unknown_choice, unknown_command

        if isinstance(action, _Commands):
            self.error(unknown_command((*action.above, str(value))))
        name = action.option_strings[-1] if action.option_strings else str(action.metavar)
        self.error(unknown_choice(name, str(value), list(map(str, action.choices))))

    def _print_message(self, message: str, file: object = None) -> None:
        """Print help and version by the console, which lets no runner obey them."""
        if file is sys.stderr:
            show(message)
        else:
            show_data(message)


def _limit(action: argparse.Action) -> str:
    """An option with its default, which says enough on a page: `--max-file-kib KIB (256)`."""
    default = str(action.help).rpartition("default: ")[2].removesuffix(")")
    return f"{action.option_strings[-1]} {default}".replace(" ", "\N{NO-BREAK SPACE}")


class _Formatter(argparse.HelpFormatter):
    """Lines that fit the terminal, in which no option and no default is broken."""

    def __init__(self, prog: str) -> None:
        super().__init__(prog, max_help_position=_HELP_COLUMN)

    def _split_lines(self, text: str, width: int) -> list[str]:
        import textwrap

        whole = re.sub(r"\b(default|key): ", "\\1:\N{NO-BREAK SPACE}", text)
        lines = textwrap.wrap(whole, width, break_on_hyphens=False)
        return [line.replace("\N{NO-BREAK SPACE}", " ") for line in lines]

    def _fill_text(self, text: str, width: int, indent: str) -> str:
        return "\n".join(f"{indent}{line}" for line in self._split_lines(text, width - len(indent)))


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
        name, *rest = map(str, values or ())
        self.open(name)
        if self.choices[name].get_default("command"):
            _require_known(self.choices[name], rest)
        super().__call__(parser, namespace, values, option_string)

    def open(self, name: str) -> None:
        """Add what a command takes, or the commands of a group."""
        own, parts = self.choices[name], (*self.above, name)
        under = [each for each in self.known if each.parts[: len(parts)] == parts]
        own.example = under[0].example
        if under[0].parts == parts:
            _add_all(own, under[0])
            own.epilog = _SOURCES
            own.set_defaults(command=under[0])
        else:
            _add_commands(own, parts, under)
            _add_help(own)

    def headings(self) -> "Iterator[tuple[str, list[argparse.Action]]]":
        """The commands by the headings of the overview; those of a group have one."""
        if self.above:
            yield "commands", list(self._choices_actions)
            return
        for group in CommandGroup:
            names = {each.parts[0] for each in self.known if each.group is group}
            yield group, [each for each in self._choices_actions if each.dest in names]


def _refuse(prog: str, message: str) -> "NoReturn":
    raise UsageError(f"{message}\nsee `{prog} --help`")


def _require_known(parser: _Parser, arguments: Sequence[str]) -> None:
    """Refuse an option that is unknown where it stands, before anything that argparse would find.

    Of the program itself these are the options that stand before the command.
    """
    known = parser._option_string_actions
    rest = iter(arguments)
    for each in rest:
        if each == "--" or (parser.prog == "reconciler" and not each.startswith("-")):
            return
        flag, given, _ = each.partition("=")
        if flag in known:
            if known[flag].nargs is None and not given:
                next(rest, None)
        elif each.startswith("-") and each != "-" and _unknown(each, known):
            from reconciler.cli.suggestions import unknown_option

            _refuse(parser.prog, unknown_option(flag, parser.prog, list(known)))


def _unknown(word: str, known: "dict[str, argparse.Action]") -> bool:
    """Test for what is neither an option nor several short ones; `-quiet` is meant as one."""
    return word.startswith("--") or word[:2] not in known or f"-{word}" in known


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
        own = command.parts == (*above, name)
        about = command.purpose if own else f"{help_of_group(name)}."
        about, help = about[:1].upper() + about[1:], about[:1].lower() + about[1:].removesuffix(".")
        level.add_parser(name, prog=f"{parser.prog} {name}", help=help, purpose=about)


def _add_all(parser: _Parser, command: Command) -> None:
    """Add what a command takes, by the headings of its page."""
    found = options_in(command.load().Options)
    declared = [(name, replace(each, key=key_of(each, command.name))) for name, each in found]
    for name, option in declared:
        if option.positional:
            _add_argument(parser, name, option)
    for heading in Heading:
        place = parser if heading is Heading.OWN else parser.add_argument_group(heading)
        for name, option in declared:
            if option.heading is heading and not option.positional:
                _add_option(place, name, option)
    _add_common(parser, command.needs)


def _add_common(parser: _Parser, needs: Container[Need]) -> argparse._ArgumentGroup:
    heading = parser.add_argument_group(Heading.COMMON)
    for name, option in options_in(CommonOptions):
        if option.need is None or option.need in needs:
            _add_option(heading, name, option)
    _add_help(heading)
    return heading


def _add_help(parser: argparse.ArgumentParser | argparse._ArgumentGroup) -> None:
    parser.add_argument("-h", "--help", action="help", help="print this page")


def _add_argument(parser: _Parser, name: str, option: Option) -> None:
    many = option.kind is Kind.MANY
    parser.add_argument(
        name,
        help=_escaped(help_of(option)),
        nargs="*" if many else "?" if option.optional else None,
        choices=None if option.choices is None else list(map(str, option.choices)),
        metavar=name.upper(),
        default=argparse.SUPPRESS,
    )


def _add_option(
    parser: argparse.ArgumentParser | argparse._ArgumentGroup, name: str, option: Option
) -> None:
    flags = [option.short, flag_of(name)] if option.short else [flag_of(name)]
    help, choices = _escaped(help_of(option)), option.choices
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
                metavar=option.metavar,
                default=argparse.SUPPRESS,
                help=help,
            )


def _escaped(help: str) -> str:
    return help.replace("%", "%%")  # argparse formats it


def help_of(option: Option) -> str:
    """The help of an option, with the words that it takes, its default and its key."""
    choices = "" if option.choices is None else f": {', '.join(option.choices)}"
    notes = (("default", option.shown), ("key", option.key))
    noted = "; ".join(f"{name}: {value}" for name, value in notes if value)
    return f"{option.help}{choices}" + (f" ({noted})" if noted else "")
