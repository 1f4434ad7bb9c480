"""Values of options: of the command line, the environment, reconciler.toml, or the default."""

from collections.abc import Mapping
from dataclasses import fields, replace
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar, assert_never

from reconciler.adapters.settings import Settings
from reconciler.cli.options import Kind, Option, flag_of, variable_of
from reconciler.errors import UsageError

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

    from reconciler.adapters.settings_file import Setting

AnOptions = TypeVar("AnOptions", bound="DataclassInstance")
STANDARD_OUTPUT = Path("-")
_DIGITS = 9  # of a number
_NOTHING: "Mapping[str, Setting]" = {}
Value = str | Path | StrEnum | int | tuple[str, ...]


def options_of(
    cls: type[AnOptions],
    given: Mapping[str, object],
    settings: Settings,
    in_file: "Mapping[str, Setting]" = _NOTHING,
) -> AnOptions:
    """The options of a dataclass; `given` is what argv holds. Raises UsageError for a wrong value.

    `in_file` is what reconciler.toml sets, by the keys of the options. What nothing gives is left
    to the dataclass: a default stands there.
    """
    values: dict[str, object] = {}
    for each in fields(cls):
        name = each.name
        if group := each.metadata.get("group"):
            values[name] = options_of(group, given, settings, in_file)
            continue
        option: Option = each.metadata["option"]
        if option.positional:
            if given.get(name) is not None:
                values[name] = _value(option, given[name], name.upper())
        elif name in given:
            values[name] = _value(option, given[name], flag_of(name))
        elif (text := settings.option(variable_of(name))) is not None:
            values[name] = _value(option, text, variable_of(name))
        elif option.kind is not Kind.FLAG and (setting := in_file.get(option.key)):
            values[name] = value_in_file(option, setting)
    return cls(**values)


def begun_in(folder: Path, options: AnOptions) -> AnOptions:
    """The options, where each relative path begins in a folder."""
    changed: dict[str, object] = {}
    for each in fields(options):
        value = getattr(options, each.name)
        if each.metadata.get("group"):
            changed[each.name] = begun_in(folder, value)
        elif isinstance(value, Path):
            changed[each.name] = value if value == STANDARD_OUTPUT else folder / value
    return replace(options, **changed)


def value_in_file(option: Option, setting: "Setting") -> Value:
    """The value that reconciler.toml gives; raises UsageError for one of another type, too."""
    try:
        return _typed(option, setting.value, setting.name)
    except UsageError as error:
        raise UsageError(f"{setting.file.place(setting.key)}: {error}") from error


def _typed(option: Option, value: object, name: str) -> Value:
    match option.kind, value:
        case Kind.MANY, list() if all(isinstance(text, str) for text in value):
            return _value(option, value, name)
        case Kind.NUMBER, int() if not isinstance(value, bool):
            return _value(option, value, name)
        case Kind.CHOICE, str():
            return _value(option, value, name)
        case Kind.MANY, _:
            raise UsageError(f'{name} takes a list of texts, such as ["acme-*"]')
        case Kind.NUMBER, _:
            raise UsageError(f"{name} takes a whole number, without quotation marks")
        case _:
            raise UsageError(f"{name} takes a text: one of {', '.join(option.choices or ())}")


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
    is_number = text.isascii() and text.isdigit()
    if is_number and len(text) > _DIGITS:
        raise UsageError(f"{source}: {text!r} is too large; the most is {'9' * _DIGITS}")
    if not is_number or int(text) < least:
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
