"""What was asked for: option, then environment, then default, each held against its kind."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from reconciler.adapters.settings import Settings
from reconciler.cli.commands import COMMON
from reconciler.cli.options import Command, Kind, Option
from reconciler.errors import UsageError


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


def arguments_of(command: Command, given: Mapping[str, object], settings: Settings) -> Arguments:
    """The values of a command; `given` is what was found in argv. Raises UsageError."""
    wanted = (*COMMON, *command.options)
    values = {option.key: _value(option, given, settings) for option in wanted}
    for argument in command.arguments:
        word = given.get(argument.name)
        values[argument.name] = None if word is None else _filled(str(word), argument.name.upper())
    said = (o.key for o in wanted if o.key in given or settings.variable(o.variable) is not None)
    return Arguments(values, frozenset(said))


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
        case Kind.NUMBER | Kind.NUMBER_OR_ZERO | Kind.COUNT:
            optional = said is None or option.kind is Kind.NUMBER_OR_ZERO
            return _number(said, source, least=0 if optional else 1)
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
