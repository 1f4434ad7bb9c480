"""Declared options and the values they get: command line, then environment, then default."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

import pytest

from reconciler.adapters.settings import Settings
from reconciler.cli.given import options_of
from reconciler.cli.options import (
    choice,
    choice_argument,
    count,
    file_argument,
    flag,
    group,
    many,
    number,
    optional_argument,
    optional_number,
    optional_path,
    optional_text,
    options_in,
    path,
    text,
)
from reconciler.errors import UsageError


class Colour(StrEnum):
    RED = "red"
    BLUE = "blue"


@dataclass(frozen=True, slots=True, kw_only=True)
class Shared:
    limit: int = number("how many", metavar="N", default=7)
    grace: int = number("how long", metavar="N", default=0, least=0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    file: Path = file_argument("which file")
    shape: Colour = choice_argument("which shape", of=Colour)
    event: str | None = optional_argument("which event")
    name: str = text("its name", metavar="NAME", default="dev")
    ref: str | None = optional_text("a ref", metavar="REF")
    folder: Path = path("a folder", metavar="DIR", default="here")
    out: Path | None = optional_path("a file", metavar="FILE")
    pr: int | None = optional_number("a number", metavar="N")
    colour: Colour = choice("its colour", default=Colour.RED)
    tags: tuple[str, ...] = many("tags", metavar="TAG")
    verbose: int = count("more", short="-v")
    dry: bool = flag("dry")
    shared: Shared = group(Shared)


def made(given: Mapping[str, object] | None = None, **environ: str) -> Options:
    arguments = {"file": "x.json", "shape": "blue", **(given or {})}
    return options_of(Options, arguments, Settings(environ))


def test_an_option_that_is_not_given_has_the_default_of_its_field():
    assert made() == Options(file=Path("x.json"), shape=Colour.BLUE)
    assert made().folder == Path("here")
    assert made().shared == Shared()


def test_a_variable_wins_over_the_default_and_an_option_over_the_variable():
    by_variable = made(RECONCILER_LIMIT="3", RECONCILER_COLOUR="blue", RECONCILER_OUT="a/b")
    by_option = made({"limit": "4"}, RECONCILER_LIMIT="3")

    assert (by_variable.shared.limit, by_variable.colour) == (3, Colour.BLUE)
    assert by_variable.out == Path("a/b")
    assert by_option.shared.limit == 4


def test_a_variable_that_is_set_to_nothing_is_not_set():
    assert made(RECONCILER_REF="", RECONCILER_DRY="").ref is None


def test_an_argument_has_no_variable():
    assert made(RECONCILER_EVENT="evt", RECONCILER_FILE="other").event is None


def test_texts_of_a_variable_are_parted_by_commas_or_blanks():
    assert made(RECONCILER_TAGS="a, b c").tags == ("a", "b", "c")
    assert made({"tags": ["a, b"]}).tags == ("a, b",)


@pytest.mark.parametrize(("word", "value"), [("1", True), ("Yes", True), ("false", False)])
def test_a_flag_can_be_a_variable(word: str, value: bool):
    assert made(RECONCILER_DRY=word).dry is value


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"limit": "0"}, "--limit: '0' is no whole number from 1 up"),
        ({"grace": "-1"}, "--grace: '-1' is no whole number from 0 up"),
        ({"pr": "1.5"}, "--pr: '1.5' is no whole number from 1 up"),
        ({"limit": "9999999999"}, "--limit: '9999999999' is too large; the most is 999999999"),
        ({"limit": "٣"}, "--limit: '٣' is no whole number from 1 up"),
        ({"name": ""}, "--name: the text is empty"),
        ({"tags": ["a", ""]}, "--tags: the text is empty"),
        ({"file": ""}, "FILE: the text is empty"),
        ({"colour": "green"}, "--colour: 'green' is none of red, blue"),
    ],
)
def test_a_wrong_value_is_refused_by_the_name_of_its_option(given: dict[str, object], message: str):
    with pytest.raises(UsageError) as refused:
        made(given)

    assert str(refused.value).startswith(message)


@pytest.mark.parametrize(
    ("environ", "message"),
    [
        ({"RECONCILER_DRY": "perhaps"}, "RECONCILER_DRY: 'perhaps' is neither true nor false"),
        ({"RECONCILER_COLOUR": "green"}, "RECONCILER_COLOUR: 'green' is none of red, blue"),
        ({"RECONCILER_VERBOSE": "much"}, "RECONCILER_VERBOSE: 'much' is no whole number"),
    ],
)
def test_a_wrong_variable_is_refused_by_its_name(environ: dict[str, str], message: str):
    with pytest.raises(UsageError) as refused:
        made(None, **environ)

    assert str(refused.value).startswith(message)


def test_the_help_shows_the_default_that_the_field_has():
    shown = {name: option.shown for name, option in options_in(Options)}

    assert shown["limit"] == "7"
    assert shown["grace"] == "0"
    assert shown["folder"] == str(made().folder)
    assert shown["colour"] == made().colour
    assert shown["ref"] == ""
