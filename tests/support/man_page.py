"""docs/reconciler.1, the manual page, made: `python -m tests.support.man_page`."""

from collections.abc import Iterator
from dataclasses import replace
from textwrap import wrap

from reconciler import __doc__ as purpose
from reconciler import __version__
from reconciler.cli.commands import COMMANDS, Command, CommandGroup
from reconciler.cli.common_options import CommonOptions
from reconciler.cli.exits import Exit, meaning
from reconciler.cli.options import Heading, Kind, Option, flag_of, key_of, options_in
from reconciler.cli.parsing import help_of
from tests.support.program import ROOT

PAGE = ROOT / "docs/reconciler.1"
_ESCAPES = {"\\": r"\e", "-": r"\-", "'": r"\(aq", "`": r"\(ga", "~": r"\(ti", "^": r"\(ha"}


def man_page() -> str:
    """The page, in the macros of man(7)."""
    return "\n".join(_lines()) + "\n"


def _lines() -> Iterator[str]:
    yield f'.TH RECONCILER 1 "" "reconciler {__version__}" "User Commands"'
    yield from (".nh", ".ad l")  # an option or a key is not broken
    about = (purpose or "").strip().removesuffix(".")
    yield from (".SH NAME", rf"reconciler \- {_text(about[:1].lower() + about[1:])}")
    yield from (".SH SYNOPSIS", ".B reconciler", r".I COMMAND", r"[\fIOPTIONS\fR]")
    yield from (".SH DESCRIPTION", _text(f"{about}."))
    yield _text("Options of every command may stand before its name or after it.")
    yield _text("Each option has a variable, too: RECONCILER_LOG_FORMAT for --log-format.")
    yield _text("One with a key can be set in reconciler.toml, beside the folder of manifests.")
    yield _text("An option wins over its variable, and that over the file.")
    for group in CommandGroup:
        yield f".SH COMMANDS: {group.upper()}"
        for command in COMMANDS:
            if command.group is group:
                yield from _command(command)
    yield ".SH OPTIONS OF EVERY COMMAND"
    for name, option in options_in(CommonOptions):
        yield from _entry(_spelt(name, option), _text(help_of(option)))
    yield from _entry(r"\fB\-h\fR, \fB\-\-help\fR", _text("print the page of a command"))
    yield from _entry(r"\fB\-V\fR, \fB\-\-version\fR", _text("print the version"))
    yield ".SH EXIT STATUS"
    for code in Exit:
        yield from _entry(rf"\fB{code.value}\fR", _text(meaning(code)))
    yield from _entry(r"\fB130\fR, \fB143\fR", _text("interrupted; run again to go on"))
    yield ".SH FILES"
    yield from _entry(r"\fIdesired\-state/\fR", _text("the manifests"))
    yield from _entry(r"\fIreconciler.toml\fR", _text("settings, beside that folder"))
    yield from _entry(r"\fI.reconciler/state.db\fR", _text("audit trail, journal and outbox"))


def _command(command: Command) -> Iterator[str]:
    declared = list(options_in(command.load().Options))
    arguments = [(name, each) for name, each in declared if each.positional]
    spelt = " ".join(_argument(name, each) for name, each in arguments)
    yield rf".SS reconciler {_text(command.name)} {spelt}".rstrip()
    yield _text(command.purpose)
    yield from (".PP", ".EX", _escaped(f"reconciler {command.example}"), ".EE")
    for name, option in arguments:
        yield from _entry(rf"\fI{name.upper()}\fR", _text(help_of(option)))
    for heading in Heading:
        for name, option in declared:
            if option.heading is heading and not option.positional:
                own = replace(option, key=key_of(option, command.name))
                yield from _entry(_spelt(name, option), _text(help_of(own)))


def _entry(tag: str, text: str) -> Iterator[str]:
    yield from (".TP", tag, text)


def _argument(name: str, option: Option) -> str:
    word = rf"\fI{name.upper()}\fR"
    if option.kind is Kind.MANY:
        return rf"[{word}\ ...]"
    return f"[{word}]" if option.optional else word


def _spelt(name: str, option: Option) -> str:
    flags = [option.short, flag_of(name)] if option.short else [flag_of(name)]
    value = rf" \fI{_text(option.metavar)}\fR" if option.metavar else ""
    return ", ".join(rf"\fB{_text(flag)}\fR" for flag in flags) + value


def _escaped(text: str) -> str:
    return "".join(_ESCAPES.get(each, each) for each in text)


def _text(text: str) -> str:
    """Plain text as it is to be shown; a line of it is no request."""
    lines = wrap(_escaped(text), 78, break_long_words=False, break_on_hyphens=False)
    return "\n".join(rf"\&{line}" if line.startswith((".", "'")) else line for line in lines)


if __name__ == "__main__":
    PAGE.write_text(man_page())
