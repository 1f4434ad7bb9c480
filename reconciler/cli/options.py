"""Options as data: one declaration gives the flag, the help and RECONCILER_… of the environment.

Plain classes: `--help` makes all of them, and to import `dataclasses` alone takes longer.
"""

from enum import StrEnum


class Kind(StrEnum):
    """What an option takes."""

    TEXT = "text"
    NUMBER = "number"  # from 1 up
    NUMBER_OR_ZERO = "number-or-zero"
    FLAG = "flag"
    MANY = "many"
    COUNT = "count"


class Option:
    """One option of a command, or of all."""

    __slots__ = ("choices", "default", "flag", "help", "kind", "metavar", "short")

    def __init__(
        self,
        *,
        flag: str,
        help: str,
        kind: Kind = Kind.TEXT,
        default: str | None = None,
        choices: tuple[str, ...] = (),
        metavar: str | None = None,
        short: str | None = None,
    ) -> None:
        self.flag = flag
        self.help = help
        self.kind = kind
        self.default = default
        self.choices = choices
        self.metavar = metavar
        self.short = short

    @property
    def key(self) -> str:
        """The name without its dashes."""
        return self.flag.removeprefix("--").replace("-", "_")

    @property
    def variable(self) -> str:
        """The environment variable that stands in for it."""
        return f"RECONCILER_{self.key.upper()}"


class Argument:
    """One positional argument."""

    __slots__ = ("choices", "help", "name", "optional")

    def __init__(
        self, *, name: str, help: str, optional: bool = False, choices: tuple[str, ...] = ()
    ) -> None:
        self.name = name
        self.help = help
        self.optional = optional
        self.choices = choices


class Command:
    """A command: its words, what it does, what it takes, and the module that runs it.

    `network` says that it reaches tenants, or GitHub.
    """

    __slots__ = ("arguments", "help", "module", "network", "options", "words")

    def __init__(
        self,
        *,
        words: tuple[str, ...],
        help: str,
        module: str,
        network: bool = False,
        options: tuple[Option, ...] = (),
        arguments: tuple[Argument, ...] = (),
    ) -> None:
        self.words = words
        self.help = help
        self.module = module
        self.network = network
        self.options = options
        self.arguments = arguments
