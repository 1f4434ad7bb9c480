"""Plain text: a job's runner finds no command in it, and its meaning is kept."""

import contextlib
import io
import json
import os
import sys
import unicodedata
from collections.abc import Iterator
from random import Random

import pytest

from reconciler.cli.console import Console, show_crash
from reconciler.domain.problem import Place, Problem, Severity
from reconciler.render.json_text import json_line, json_text
from reconciler.render.paint import Paint
from reconciler.render.plain_text import is_seen, visible, without_commands
from reconciler.render.problems_github import problems_github
from tests.support.runner_rule import command_of, commands_in

PIECES = (
    "::", ":", "#", "##", "##[", "[", "]", " ", "\t", "\n", "\r", "\v", "\x85", "\u2028", "\u3000",
    "\u200b", "\u00ad", "\ufeff", "\u0301", "\x1b[1m", "\x1b", "\0", "%0A", "%", ",", "=", "\\",
    '"', "error", "add-mask", "stop-commands", "file=x", "x", "é", "::error::", "##[group]",
)  # fmt: skip


def hostile_texts(number: int) -> Iterator[str]:
    """Made of what commands are made of, and of any character; the seed is printed."""
    seed = int.from_bytes(os.urandom(4))
    sys.stdout.write(f"seed {seed}\n")
    random = Random(seed)
    for _ in range(number):
        pieces = random.choices(PIECES, k=random.randrange(12))
        if random.random() < 0.3:
            pieces.append(chr(random.choice((random.randrange(0xD800), random.randrange(0x250)))))
        random.shuffle(pieces)
        yield "".join(pieces)


@pytest.mark.parametrize(
    "line",
    ["::error::x", "  ::add-mask::x", "\t::stop-commands::x", "\u3000::debug::x", "x ##[error]y",
     "##[group]", "::error file=a,line=1::x", "\u200b::error::x", "#\u200b#\u00ad[group]",
     ":\u200b:error::x", "\x1b[1m::error::x"],
)  # fmt: skip
def test_a_runner_finds_no_command_in_text_without_commands(line: str):
    assert command_of(line) is not None

    assert commands_in(without_commands(f"before\n{line}\nafter\r{line}")) == []


@pytest.mark.parametrize(
    "text",
    ["", "a::b", "# head", "## head", "#[x]", "urn:ietf:params:scim", "x: y\n- z\n", "a [::1] b",
     "error::x", "###", '{"a": "::error::x"}'],
)  # fmt: skip
def test_text_that_holds_no_command_is_unchanged(text: str):
    assert commands_in(text) == []
    assert without_commands(text) == text


def test_the_sign_of_a_command_becomes_an_escape():
    assert without_commands(" ::error::x ##[group]") == r" \u003a:error::x \u0023#[group]"


def test_5000_hostile_texts_hold_no_command_and_a_second_pass_changes_nothing():
    obeyed = 0
    for text in hostile_texts(5_000):
        reported = without_commands(text)

        assert commands_in(reported) == [], ascii(text)
        assert without_commands(reported) == reported, ascii(text)
        obeyed += bool(commands_in(text))
    assert obeyed > 500  # else they would not be hostile


@pytest.mark.parametrize("ascii_only", [False, True])
def test_json_without_commands_has_the_same_value(ascii_only: bool):
    for text in hostile_texts(5_000):
        value = {text: [text, {"a": text}]}
        reported = without_commands(json.dumps(value, indent=2, ensure_ascii=ascii_only))

        assert json.loads(reported) == value
        assert commands_in(reported) == [], ascii(text)


def test_annotations_are_one_command_each_with_our_name_and_the_text_as_data():
    for text in hostile_texts(5_000):
        place = Place(path=text, line=3, column=5)
        problem = Problem(place=place, severity=Severity.ERROR, rule=text, message=text)

        found = commands_in(problems_github([problem, problem]))

        assert [name for name, _ in found] == ["error", "error"], ascii(text)
        assert all("\n" not in data and "\r" not in data for _, data in found)


def test_both_streams_of_a_console_are_watched_and_commands_are_meant():
    out, err = io.StringIO(), io.StringIO()
    console = Console(out=out, err=err, paint=Paint(), quiet=False)

    console.data("::error::x\n")
    console.say("::error::x")
    console.complain("##[error]x")
    assert commands_in(out.getvalue() + err.getvalue()) == []

    with contextlib.redirect_stderr(err):
        show_crash(ValueError, ValueError("\n::error::x"), None)
    assert "ValueError" in err.getvalue()
    assert commands_in(err.getvalue()) == []

    console.commands("::error::x\n")
    assert commands_in(out.getvalue()) == [("error", "x")]


# Default_Ignorable_Code_Point of Unicode 16, DerivedCoreProperties.txt
IGNORABLE = (
    (0xAD, 0xAD), (0x34F, 0x34F), (0x61C, 0x61C), (0x115F, 0x1160), (0x17B4, 0x17B5),
    (0x180B, 0x180F), (0x200B, 0x200F), (0x202A, 0x202E), (0x2060, 0x206F), (0x3164, 0x3164),
    (0xFE00, 0xFE0F), (0xFEFF, 0xFEFF), (0xFFA0, 0xFFA0), (0xFFF0, 0xFFF8), (0x1BCA0, 0x1BCA3),
    (0x1D173, 0x1D17A), (0xE0000, 0xE0FFF),
)  # fmt: skip
OTHER_BLANKS = (0x2800, 0x2D7F, 0xFFFC, 0x13440, 0x13441, 0x13442, 0x1D159)


def unseen() -> Iterator[str]:
    """Every character that is drawn as nothing, as a blank other than the space, or not at all."""
    for first, last in IGNORABLE:
        yield from map(chr, range(first, last + 1))
    yield from map(chr, OTHER_BLANKS)
    for character in map(chr, range(sys.maxunicode + 1)):
        if unicodedata.category(character)[0] in "CZ" and character != " ":
            yield character


def test_every_character_that_nobody_sees_is_an_escape_in_text_and_in_json():
    characters = list(unseen())
    assert [ascii(character) for character in characters if is_seen(character)] == []

    text = " ".join(characters[:: len(characters) // 9000] + characters[:9000])
    assert visible(text).isascii()
    whole = "".join(each for each in text if unicodedata.category(each) != "Cs")
    for written in (json_line({whole: whole}), json_text({whole: whole})):
        assert written.isascii()
        assert json.loads(written) == {whole: whole}


def test_half_of_a_surrogate_pair_is_an_escape_in_text_and_in_no_json_that_a_file_could_hold():
    assert visible("d\udcff") == r"d\udcff"
    with pytest.raises(UnicodeEncodeError):
        json_line("d\udcff").encode()


# Invisible_Stacker and Number_Joiner of Unicode 16, IndicSyllabicCategory.txt
STACKERS = (
    "\u1039\u17d2\u1a60\uaaf6\U00010a3f\U0001107f\U00011133\U000113d0\U0001193e\U00011a47\U00011a99"
    "\U00011d45\U00011d97\U00011f42"
)


@pytest.mark.parametrize("stacker", STACKERS, ids=lambda each: f"{ord(each):x}")
def test_a_sign_that_only_joins_letters_of_its_script_is_an_escape_elsewhere(stacker: str):
    escape = stacker.encode("unicode_escape").decode()
    for before, after in (("grade", ""), ("", "grade"), ("gra", "de"), ("é", "д"), ("क", "क")):
        assert visible(f"{before}{stacker}{after}") == f"{before}{escape}{after}"
        written = json_text(f"{before}{stacker}{after}")
        assert stacker not in written
        assert json.loads(written) == f"{before}{stacker}{after}"


@pytest.mark.parametrize(
    "text", ["ភាសាខ្មែរ", "မန္တလေး", "အင်္ဂလိပ်", "ꯃꯤꯇꯩ"], ids=["Khmer", "Burmese", "Kinzi", "Meetei"]
)
def test_a_sign_that_joins_letters_of_its_script_is_drawn_as_they_are(text: str):
    assert visible(text) == text
    assert json_line(text) == f'"{text}"'


@pytest.mark.parametrize("text", ["ខ្", "្ខ", "ខ្្ខ"])
def test_a_sign_that_has_nothing_to_join_is_an_escape(text: str):
    assert visible(text).count("\\u17d2") == text.count("្")


@pytest.mark.parametrize("text", ["Grüße", "部門コード", "отдел", "ß", "👍", "नमस्ते", "a b", "−1 €"])
def test_what_is_drawn_is_unchanged_in_text_and_in_json(text: str):
    assert visible(text) == text
    assert json_line(text) == f'"{text}"'
