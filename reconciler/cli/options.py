"""Options as fields of a dataclass: each with its help and, once, its default.

The name of a field is the option's: `max_tenants` is `--max-tenants`, and RECONCILER_MAX_TENANTS in
the environment. The functions below declare a field; what they return is for the type checker the
value that the field will have, so a default of another type, or a name that no field has, is an
error of types. `reconciler --help` imports this module: nothing here needs more than dataclasses.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from enum import StrEnum

TYPE_CHECKING = False
if TYPE_CHECKING:  # typing takes as long to import as argparse, and `--help` does without
    from collections.abc import Iterator
    from pathlib import Path
    from typing import Any, TypeVar

    AnEnum = TypeVar("AnEnum", bound=StrEnum)
    AGroup = TypeVar("AGroup")
    AValue = TypeVar("AValue")


class Kind(StrEnum):
    """The kinds of values that an option can have."""

    TEXT = "text"
    PATH = "path"
    CHOICE = "choice"  # one member of a StrEnum
    NUMBER = "number"
    MANY = "many"  # texts; the option may be repeated
    COUNT = "count"  # how often the option is given
    FLAG = "flag"


class Heading(StrEnum):
    """A heading below which a page of help lists options, in the order of the page."""

    OWN = "options"
    SELECTION = "selection"
    READING = "reading"
    LIMITS = "limits"  # of what is read; a page of help has them in a sentence
    WRITING = "writing"
    OUTPUT = "output"
    COMMON = "every command"


class Need(StrEnum):
    """What a command may need of the outside; an option that is about it is for those commands."""

    MANIFESTS = "manifests"
    DIALECTS = "dialects"
    STORE = "store"
    SECRETS = "secrets"
    NETWORK = "network"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class Option:
    """All of an option but its name. `shown` is the default as the help shows it.

    A positional one is an argument: it has no variable in the environment. One with a `need` is
    hidden from commands that do not have that. `key` is its key in reconciler.toml, if it has
    one; COMMAND in it stands for the name of the command.
    """

    help: str
    kind: Kind
    heading: Heading = Heading.OWN
    need: Need | None = None
    key: str = ""
    metavar: str = ""
    shown: str = ""
    short: str = ""
    least: int = 0
    choices: type[StrEnum] | None = None
    positional: bool = False
    optional: bool = False


def flag_of(name: str) -> str:
    """The option on the command line: `--max-tenants` of the field max_tenants."""
    return f"--{name.replace('_', '-')}"


def variable_of(name: str) -> str:
    """The environment variable that stands in for the option."""
    return f"RECONCILER_{name.upper()}"


def key_of(option: Option, command: str) -> str:
    """The key of an option of a command in reconciler.toml; empty where it has none."""
    return option.key.replace("COMMAND", command.replace(" ", "-"))


def options_in(cls: type) -> Iterator[tuple[str, Option]]:
    """The options that a dataclass declares, those of its groups included, by name."""
    for each in fields(cls):
        if group_class := each.metadata.get("group"):
            yield from options_in(group_class)
        else:
            yield each.name, each.metadata["option"]


def text(help: str, *, metavar: str, default: str, heading: Heading = Heading.OWN) -> str:
    """Declare a text."""
    option = Option(help=help, kind=Kind.TEXT, metavar=metavar, shown=default, heading=heading)
    return _declared(option, default=default)


def optional_text(
    help: str,
    *,
    metavar: str,
    shown: str = "",
    short: str = "",
    heading: Heading = Heading.OWN,
    need: Need | None = None,
) -> str | None:
    """Declare a text that may be left out; `shown` is what the help calls the default then."""
    option = Option(
        help=help,
        kind=Kind.TEXT,
        metavar=metavar,
        shown=shown,
        short=short,
        heading=heading,
        need=need,
    )
    return _declared(option, default=None)


def path(
    help: str,
    *,
    metavar: str,
    default: str,
    heading: Heading = Heading.OWN,
    need: Need | None = None,
) -> Path:
    """Declare the name of a file or folder."""
    option = Option(
        help=help, kind=Kind.PATH, metavar=metavar, shown=default, heading=heading, need=need
    )
    return field(default_factory=lambda: to_path(default), metadata={"option": option})


def optional_path(
    help: str, *, metavar: str, heading: Heading = Heading.OWN, need: Need | None = None
) -> Path | None:
    """Declare the name of a file or folder that may be left out."""
    option = Option(help=help, kind=Kind.PATH, metavar=metavar, heading=heading, need=need)
    return _declared(option, default=None)


def number(
    help: str,
    *,
    metavar: str,
    default: int,
    least: int = 1,
    heading: Heading = Heading.OWN,
    need: Need | None = None,
    key: str = "",
) -> int:
    """Declare a whole number from `least` up."""
    option = Option(
        help=help,
        kind=Kind.NUMBER,
        metavar=metavar,
        shown=str(default),
        least=least,
        heading=heading,
        need=need,
        key=key,
    )
    return _declared(option, default=default)


def optional_number(help: str, *, metavar: str, heading: Heading = Heading.OWN) -> int | None:
    """Declare a whole number from 1 up that may be left out."""
    option = Option(help=help, kind=Kind.NUMBER, metavar=metavar, least=1, heading=heading)
    return _declared(option, default=None)


def choice(help: str, *, default: AnEnum, heading: Heading = Heading.OWN, key: str = "") -> AnEnum:
    """Declare a choice among the members of the enum that the default belongs to."""
    option = Option(
        help=help,
        kind=Kind.CHOICE,
        metavar="WORD",
        shown=default,
        choices=type(default),
        heading=heading,
        key=key,
    )
    return _declared(option, default=default)


def format_choice(help: str, *, default: AnEnum) -> AnEnum:
    """Declare the choice of what a command writes, for which the settings file has a key."""
    return choice(help, default=default, heading=Heading.OUTPUT, key="formats.COMMAND")


def optional_choice(help: str, *, of: type[AnEnum]) -> AnEnum | None:
    """Declare a choice among the members of an enum that may be left out."""
    return _declared(Option(help=help, kind=Kind.CHOICE, metavar="WORD", choices=of), default=None)


def many(
    help: str, *, metavar: str, heading: Heading = Heading.OWN, key: str = ""
) -> tuple[str, ...]:
    """Declare texts, by an option that may be repeated."""
    option = Option(help=help, kind=Kind.MANY, metavar=metavar, heading=heading, key=key)
    return _declared(option, default=())


def flag(help: str, *, short: str = "", heading: Heading = Heading.OWN, key: str = "") -> bool:
    """Declare an option without a value."""
    option = Option(help=help, kind=Kind.FLAG, short=short, heading=heading, key=key)
    return _declared(option, default=False)


def count(help: str, *, short: str) -> int:
    """Declare an option without a value that counts how often it is given."""
    return _declared(Option(help=help, kind=Kind.COUNT, short=short), default=0)


def argument(help: str) -> str:
    """Declare a positional text."""
    declared: str = _required(Option(help=help, kind=Kind.TEXT, positional=True))
    return declared


def optional_argument(help: str) -> str | None:
    """Declare a positional text that may be left out."""
    option = Option(help=help, kind=Kind.TEXT, positional=True, optional=True)
    return _declared(option, default=None)


def many_arguments(help: str) -> tuple[str, ...]:
    """Declare positional texts, of which there may be none."""
    option = Option(help=help, kind=Kind.MANY, positional=True, optional=True)
    return _declared(option, default=())


def file_argument(help: str) -> Path:
    """Declare a positional name of a file."""
    declared: Path = _required(Option(help=help, kind=Kind.PATH, positional=True))
    return declared


def optional_file_argument(help: str) -> Path | None:
    """Declare a positional name of a file that may be left out."""
    option = Option(help=help, kind=Kind.PATH, positional=True, optional=True)
    return _declared(option, default=None)


def choice_argument(help: str, *, of: type[AnEnum]) -> AnEnum:
    """Declare a positional choice among the members of an enum."""
    option = Option(help=help, kind=Kind.CHOICE, positional=True, choices=of)
    declared: AnEnum = _required(option)
    return declared


def group(cls: type[AGroup]) -> AGroup:
    """Declare the options of another dataclass, which several commands have."""
    return field(default_factory=cls, metadata={"group": cls})


def to_path(name: str) -> Path:
    """The path; imported late, for `--help` makes none."""
    from pathlib import Path

    return Path(name)


def _declared(option: Option, *, default: AValue) -> AValue:
    return field(default=default, metadata={"option": option})


def _required(option: Option) -> Any:
    return field(metadata={"option": option})
