"""Values of options: the command line, then the environment, then the default of the dataclass."""

from collections.abc import Mapping
from dataclasses import fields
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar, assert_never

from reconciler.adapters.settings import Settings
from reconciler.cli.options import Kind, Option, flag_of, variable_of
from reconciler.errors import UsageError

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

AnOptions = TypeVar("AnOptions", bound="DataclassInstance")
Value = str | Path | StrEnum | int | tuple[str, ...]


def options_of(cls: type[AnOptions], given: Mapping[str, object], settings: Settings) -> AnOptions:
    """The options of a dataclass; `given` is what argv holds. Raises UsageError for a wrong value.

    What neither argv nor the environment gives is left to the dataclass: a default stands there.
    """
    values: dict[str, object] = {}
    for each in fields(cls):
        name = each.name
        if group := each.metadata.get("group"):
            values[name] = options_of(group, given, settings)
            continue
        option: Option = each.metadata["option"]
        if option.positional:
            if given.get(name) is not None:
                values[name] = _value(option, given[name], name.upper())
        elif name in given:
            values[name] = _value(option, given[name], flag_of(name))
        elif (text := settings.option(variable_of(name))) is not None:
            values[name] = _value(option, text, variable_of(name))
    return cls(**values)


def _value(option: Option, given: object, source: str) -> Value:
    """The value that argparse or a variable gives, held against its kind."""
    value: Value
    match option.kind:
        case Kind.FLAG:
            value = given if isinstance(given, bool) else _truth(str(given), source)
        case Kind.COUNT | Kind.NUMBER:
            value = _number(str(given), source, least=option.least)
        case Kind.MANY if isinstance(given, list):
            value = tuple(_filled(text, source) for text in given)
        case Kind.MANY:
            value = tuple(str(given).replace(",", " ").split())
        case Kind.TEXT:
            value = _filled(str(given), source)
        case Kind.PATH:
            value = Path(_filled(str(given), source))
        case Kind.CHOICE:
            assert option.choices is not None
            text = _filled(str(given), source)
            if text not in set(option.choices):  # one of the environment: argparse knows its own
                raise UsageError(f"{source}: {text!r} is none of {', '.join(option.choices)}")
            value = option.choices(text)
        case _:
            assert_never(option.kind)
    return value


def _truth(text: str, source: str) -> bool:
    truths = {"1": True, "true": True, "yes": True, "0": False, "false": False, "no": False}
    if text.lower() not in truths:
        raise UsageError(f"{source}: {text!r} is neither true nor false")
    return truths[text.lower()]


def _number(text: str, source: str, *, least: int) -> int:
    # Only ASCII: int() takes the digits of every script, and any number of them.
    if not (text.isascii() and text.isdigit() and len(text) < 10 and int(text) >= least):
        raise UsageError(f"{source}: {text!r} is no whole number from {least} up")
    return int(text)


def _filled(text: str, source: str) -> str:
    # An empty text is what a shell makes of a variable that is not set, and never meant: as a
    # folder it would be the working directory, as an approval none.
    if not text:
        raise UsageError(
            f"{source}: the text is empty; give one, or leave {source} out. "
            "Is a variable of the shell not set?"
        )
    return text
