"""The reader gives JSON values with positions, or Problems; it never crashes and never guesses."""

import json
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.adapters.yaml_reader import (
    MAX_BYTES,
    MAX_FAULTS,
    Reading,
    plain_value,
    read,
    why_ambiguous,
)
from reconciler.domain.problem import Place

BOTH = pytest.mark.parametrize("c_parser", [True, False], ids=["libyaml", "python"])

AMBIGUOUS = (
    "y", "Y", "n", "N", "yes", "Yes", "YES", "no", "No", "NO", "on", "On", "ON", "off", "Off",
    "OFF", "True", "TRUE", "tRUE", "False", "FALSE", "Null", "NULL", "nULL", "010", "00", "-07",
    "0x1f", "0X1F", "0o17", "0b101", "-0x1", "1_000", "1_0.5", "12:30", "12:30:45", "1:30.5",
    "+1:30", "2024-01-01", "2024-1-1", "2024-01-01T10:00:00Z", ".5", "-.5", "1.", "+1", "+1.5",
    ".nan", ".NaN", ".inf", "-.inf", "+.INF", "1.10", "1.0e3", "1e5", "1E5", "1e400", "-0", "=",
    "<<",
)  # fmt: skip
TEXTS = (
    "yesterday", "nope", "onwards", "a:b", "urn:a:b", "1.2.3", "1.2.3.4", "v1.10", "10%", "0xg",
    "24:99", "2024-01", "2024-01-01x", "12:3x", "truely", "nullable", "-dash", "a-b", "1-2",
    "1,5", "~tilde", "$ref", ".hidden", "1st", "+a",
)  # fmt: skip
VALUES: list[tuple[str, Any]] = [
    ("", None),
    ("~", None),
    ("null", None),
    ("true", True),
    ("false", False),
    ("0", 0),
    ("-1", -1),
    ("42", 42),
    ("9007199254740993", 9007199254740993),
    ("1.5", 1.5),
    ("-0.25", -0.25),
    ("1e-07", 1e-7),
    ("2.0", 2.0),
]


def texts_of(reading: Reading) -> list[str]:
    return [
        f"{problem.place.line}:{problem.place.column} {problem.message}"
        for problem in reading.problems
    ]


def value_of(text: str, *, c_parser: bool = True, path: str = "f.yaml") -> Any:
    reading = read(text.encode(), path, c_parser=c_parser)
    assert reading.problems == ()
    return [document.value for document in reading.documents]


@pytest.mark.parametrize("text", AMBIGUOUS)
def test_an_ambiguous_plain_scalar_is_refused_and_quoting_cures_it(text: str) -> None:
    plain = read(f"- {text}\n".encode(), "f.yaml")
    quoted = value_of(f"- '{text}'\n- \"{text}\"\n- |-\n  {text}\n")

    assert [problem.place for problem in plain.problems] == [Place("f.yaml", 1, 3)]
    assert "quote it" in plain.problems[0].message
    assert quoted == [[text, text, text]]


@pytest.mark.parametrize("text", AMBIGUOUS)
def test_an_ambiguous_plain_key_is_refused(text: str) -> None:
    reading = read(f"{text}: 1\n".encode(), "f.yaml")

    assert len(reading.problems) == 1
    assert reading.problems[0].place == Place("f.yaml", 1, 1)


@pytest.mark.parametrize("text", TEXTS)
def test_a_scalar_that_every_yaml_reader_takes_for_text_is_text(text: str) -> None:
    assert value_of(f"- {text}\n") == [[text]]


@pytest.mark.parametrize(("text", "value"), VALUES)
def test_plain_scalars_mean_what_json_means(text: str, value: object) -> None:
    (read_back,) = value_of(f"a: {text}\n")

    assert read_back == {"a": value}
    assert type(read_back["a"]) is type(value)


@given(st.text(st.characters(codec="ascii", exclude_categories=["C"]), max_size=8).map(str.strip))
def test_a_scalar_is_refused_or_is_what_json_makes_of_it_or_is_text(text: str) -> None:
    try:
        meant = json.loads(text)
    except ValueError:
        meant = None if text in ("", "~") else text
    if isinstance(meant, str | list | dict) or text in ("NaN", "Infinity", "-Infinity"):
        meant = text

    if why_ambiguous(text) is None:
        assert plain_value(text) == meant
        assert type(plain_value(text)) is type(meant)


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(codec="utf-8", exclude_categories=["C", "Z"]), max_size=8),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.text(st.characters(codec="utf-8", exclude_categories=["C", "Z"]), max_size=8),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
).filter(lambda value: isinstance(value, dict | list))


@given(json_values)
def test_a_json_file_is_read_as_json_reads_it_with_a_position_for_each_value(value: Any) -> None:
    text = json.dumps(value, indent=2, ensure_ascii=False)

    reading = read(text.encode(), "f.json")

    assert reading.problems == ()
    assert [document.value for document in reading.documents] == [value]
    assert len(list(reading.documents[0].marks())) == text_count(value)


def text_count(value: Any) -> int:
    """How many values and keys there are."""
    items = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    keys = len(value) if isinstance(value, dict) else 0
    return 1 + keys + sum(text_count(item) for item in items)


@given(json_values)
def test_both_parsers_agree_on_values_and_positions(value: Any) -> None:
    text = json.dumps(value, indent=2, ensure_ascii=False).encode()

    fast, slow = (read(text, "f.yaml", c_parser=c_parser) for c_parser in (True, False))

    assert fast == slow
    assert [list(d.marks()) for d in fast.documents] == [list(d.marks()) for d in slow.documents]


@given(st.binary(max_size=60) | st.text("[]{}:,-&*!|>'\"%@`#?~<\\\n\t 0a", max_size=60))
def test_nothing_crashes_the_reader(data: bytes | str) -> None:
    raw = data if isinstance(data, bytes) else data.encode()

    for path in ("f.yaml", "f.json"):
        for c_parser in (True, False):
            reading = read(raw, path, c_parser=c_parser)
            assert all(p.place.line >= 1 and p.place.column >= 1 for p in reading.problems)
            assert all(p.message.isprintable() for p in reading.problems)


@BOTH
def test_every_value_and_key_has_its_place(c_parser: bool) -> None:
    text = "# first\na: 1\nb:\n  - x\n  - {c: ü, d: end}\n"

    (document,) = read(text.encode(), "f.yaml", c_parser=c_parser).documents

    assert dict(document.marks()) == {
        (): (2, 1),
        ("a",): (2, 4),
        ("b",): (4, 3),
        ("b", 0): (4, 5),
        ("b", 1): (5, 5),
        ("b", 1, "c"): (5, 9),
        ("b", 1, "d"): (5, 15),
    }
    assert document.place(("b", 1, "d"), at_key=True) == Place("f.yaml", 5, 12)
    assert document.place(("b",), at_key=True) == Place("f.yaml", 3, 1)


def test_a_missing_value_is_placed_at_its_container() -> None:
    (document,) = read(b"a: 1\nb:\n  c: 2\n", "f.yaml").documents

    assert document.place(("b", "missing", 3, "deeper")) == Place("f.yaml", 2, 1)
    assert document.place(("missing",)) == Place("f.yaml", 1, 1)


@BOTH
def test_several_documents_have_positions_of_their_own(c_parser: bool) -> None:
    reading = read(b"---\na: 1\n---\n# nothing\n---\na: 2\n...\n", "f.yaml", c_parser=c_parser)

    assert reading.problems == ()
    assert [document.value for document in reading.documents] == [{"a": 1}, {"a": 2}]
    assert [document.place(("a",)).line for document in reading.documents] == [2, 6]


@pytest.mark.parametrize("text", ["", "\n\n", "# only a comment\n", "---\n", "\ufeff# mark\n"])
def test_a_file_without_content_has_no_documents(text: str) -> None:
    assert read(text.encode(), "f.yaml") == Reading((), ())


def test_a_byte_order_mark_and_windows_line_ends_change_nothing() -> None:
    assert value_of("\ufeffa: 1\r\nb: |\r\n  x\r\n  y\r\n") == [{"a": 1, "b": "x\ny\n"}]
    assert value_of('\ufeff{"a":\r\n1}', path="f.json") == [{"a": 1}]


@BOTH
@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a: &x 1\n", "1:4 an anchor"),
        ("a: &x [1]\n", "1:4 an anchor"),
        ("a: &x {b: 1}\n", "1:4 an anchor"),
        ("a: !!str 1\n", "1:4 a tag"),
        ("a: !secret {b: 1}\n", "1:4 a tag"),
        ("a: !!set {b: 1}\n", "1:4 a tag"),
        ("a: ! x\n", "1:4 a tag"),
        ("<<: {a: 1}\n", "1:1 a merge key"),
        ("a: 1\nb: 2\na: 3\n", "3:1 duplicate key 'a'; the first is on line 1"),
        ("1: x\n", "1:1 a key that is no text"),
        ("null: x\n", "1:1 a key that is no text"),
        ("true: x\n", "1:1 a key that is no text"),
        ("? [a]\n: x\n", "1:3 a key that is no text"),
        ("? {a: b}\n: x\n", "1:3 a key that is no text"),
    ],
)
def test_yaml_features_beyond_json_are_refused(text: str, expected: str, c_parser: bool) -> None:
    problems = texts_of(read(text.encode(), "f.yaml", c_parser=c_parser))

    assert len(problems) == 1
    assert problems[0].startswith(expected)


@BOTH
@pytest.mark.parametrize(
    ("text", "column"),
    [
        ("a: {name: grade, text: Pay grade, e.g. A1}\n", 35),
        ("a: {text: a, b , c: 1}\n", 14),
        ("a: {text: a,\n  b\n  }\n", 3),
        ('a: {"text": "a", "b"}\n', 18),
        ("a: [{b}]\n", 6),
        ("a: {text: \u00e9\u00fc\U0001f600, b}\n", 16),
    ],
)
def test_a_key_without_a_colon_is_refused_for_a_comma_may_have_cut_a_text(
    text: str, column: int, c_parser: bool
) -> None:
    [problem] = read(text.encode(), "f.yaml", c_parser=c_parser).problems

    assert problem.place.column == column
    assert "quote a text that has a comma" in problem.message


@BOTH
@pytest.mark.parametrize(
    "text", ["a: {b: , c: }\n", "a: {b:\n  }\n", '{"b":, "c": null}', "a: {}\n", "a: {b: '', }\n"]
)
def test_a_key_with_a_colon_may_have_no_value(text: str, c_parser: bool) -> None:
    assert read(text.encode(), "f.yaml", c_parser=c_parser).problems == ()


@BOTH
@pytest.mark.parametrize(
    "text", ['a: {"b": 1, // one\n  "c": 2}\n', 'a: {/* b */ "b": 1}\n', "a: // b\n", "// b: 1\n"]
)
def test_a_comment_of_javascript_is_refused_for_yaml_takes_it_for_text(
    text: str, c_parser: bool
) -> None:
    problems = texts_of(read(text.encode(), "f.yaml", c_parser=c_parser))

    assert any("YAML takes // and /* for text" in problem for problem in problems)


@BOTH
@pytest.mark.parametrize("indent", ["", "  "])
def test_json_that_is_not_indented_below_its_key_is_told_what_helps(
    indent: str, c_parser: bool
) -> None:
    text = 'spec:\n  schema:\n{\n"id": "x",\n"b": 1\n}\n'.replace("\n{", f"\n{indent}{{")
    [problem] = read(text.encode(), "f.yaml", c_parser=c_parser).problems

    assert "indent what begins on line 3 by more than its key" in problem.message


@BOTH
def test_an_alias_is_refused_wherever_it_stands(c_parser: bool) -> None:
    for text in ("a: *x\n", "*x : 1\n", "&a [*a]\n", "*x\n"):
        problems = texts_of(read(text.encode(), "f.yaml", c_parser=c_parser))
        assert any("an alias" in problem for problem in problems), text


@BOTH
def test_all_faults_of_a_file_are_reported_together(c_parser: bool) -> None:
    text = "a: no\nb: &x 010\na: 2\nc: {d: 1.10}\n"

    problems = texts_of(read(text.encode(), "f.yaml", c_parser=c_parser))

    assert [problem.split()[0] for problem in problems] == ["1:4", "2:4", "2:4", "3:1", "4:8"]


def test_a_value_that_was_refused_stands_as_text_so_that_the_rest_can_be_checked() -> None:
    (document,) = read(b"a: no\nb: {c: 1}\n", "f.yaml").documents

    assert document.value == {"a": "no", "b": {"c": 1}}


@BOTH
@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a: {b: 1\n", "2:1 "),
        ("a: b: c\n", "1:5 "),
        ("a: 'x\n", "2:1 "),
        ("\ta: 1\n", "1:1 "),
        ("a: 1\n  b: 2\n", "2:4 "),
        ("a: @x\n", "1:4 "),
        ("%YAML 9.9\n---\na: 1\n", "1:1 "),
    ],
)
def test_a_fault_of_syntax_is_reported_where_it_is(
    text: str, expected: str, c_parser: bool
) -> None:
    reading = read(text.encode(), "f.yaml", c_parser=c_parser)

    assert reading.documents == ()
    assert [problem.startswith(expected) for problem in texts_of(reading)] == [True]


@BOTH
@pytest.mark.parametrize(
    ("text", "reported"),
    [
        ('a: 1\nb: "x\nc: 2\n', "that begins on line 2"),
        ("- a\n- {b: 1\n- c\n", "that begins on line 2"),
        ("a: 1\nb:c\nd: 2\n", "that begins on line 2"),
        ("a: codes: x\n", "quote a text with a colon in it"),
        ("a: @x\n", "quote a text that begins with it"),
        ("a:\n\tb: 1\n", "write spaces for the tab"),
        ("- a: 1\n\u00a0 b: 2\n- c: 3\n", "line 2 has a no-break space"),
    ],
)
def test_a_fault_of_syntax_names_where_the_mistake_may_be_and_the_cure(
    text: str, reported: str, c_parser: bool
) -> None:
    (problem,) = texts_of(read(text.encode(), "f.yaml", c_parser=c_parser))

    assert reported in problem


@pytest.mark.parametrize(
    ("text", "word"), [("Yes", "true"), ("on", "true"), ("n", "false"), ("NULL", "null")]
)
def test_a_yaml_boolean_word_is_reported_with_true_or_false(text: str, word: str) -> None:
    (problem,) = texts_of(read(f"- {text}\n".encode(), "f.yaml"))

    assert problem.endswith(f"quote it, or write {word}")


def test_a_glob_that_begins_with_an_asterisk_is_reported_to_be_quoted() -> None:
    (problem, *_) = texts_of(read(b"names: [*-prod]\n", "f.yaml"))

    assert problem.endswith("quote a text that begins with *")


def test_documents_before_a_fault_of_syntax_are_kept() -> None:
    reading = read(b"a: 1\n---\nb: [\n", "f.yaml")

    assert [document.value for document in reading.documents] == [{"a": 1}]
    assert len(reading.problems) == 1


CHARACTERS = {
    "null": "\0",
    "escape": "\x1b",
    "delete": "\x7f",
    "next line": "\x85",
    "right-to-left override": "\u202e",
    "isolate": "\u2066",
    "arabic letter mark": "\u061c",
    "line separator": "\u2028",
    "byte order mark inside": "\ufeff",
    "no character": "\uffff",
    "language tag": "\U000e0041",
}


@BOTH
@pytest.mark.parametrize("character", CHARACTERS.values(), ids=CHARACTERS)
def test_a_character_that_cannot_be_seen_is_refused_even_in_a_comment(
    character: str, c_parser: bool
) -> None:
    for text in (f"a: 1\nb: x{character}y\n", f"a: 1\n#  x{character}y\n"):
        reading = read(text.encode(), "f.yaml", c_parser=c_parser)
        what = "a control, direction or other invisible character; remove it"
        assert texts_of(reading) == [f"2:5 U+{ord(character):04X}, {what}"]


@BOTH
@pytest.mark.parametrize("escape", [r"\0", r"\e", r"\u202e", r"\u2028", r"\x7f", r"\N"])
def test_an_invisible_character_as_a_yaml_escape_is_refused(escape: str, c_parser: bool) -> None:
    reading = read(f'a: "x{escape}"\nb: 1\n'.encode(), "f.yaml", c_parser=c_parser)

    assert [problem.place for problem in reading.problems] == [Place("f.yaml", 1, 4)]


def test_an_invisible_character_as_a_json_escape_is_refused() -> None:
    reading = read(b'{"a": 1,\n "b": ["\\u202e"], "\\u0007": 2}', "f.json")

    assert [str(problem.place) for problem in reading.problems] == ["f.json:2", "f.json:2"]


@BOTH
@pytest.mark.parametrize("escape", [r"\ud800", r"\U00110000", r"\UFFFFFFFF", r"\q"])
def test_an_escape_of_no_character_is_a_problem(escape: str, c_parser: bool) -> None:
    reading = read(f'"{escape}"'.encode(), "f.yaml", c_parser=c_parser)

    assert len(reading.problems) == 1


def test_letters_of_all_scripts_tabs_and_line_ends_are_accepted() -> None:
    text = "größe 名前 שם اسم \U0001f469\u200d\U0001f4bb"

    assert value_of(f'a: {text}\nb: "tab\\tand\\nline"\n') == [{"a": text, "b": "tab\tand\nline"}]


@BOTH
@pytest.mark.parametrize(
    ("text", "expected"), [("- {nam", "1:7 "), ("a: 1\nb: [", "2:5 "), ("a: {b: 1\n", "2:1 ")]
)
def test_a_text_that_ends_too_soon_is_reported_at_its_end(
    text: str, expected: str, c_parser: bool
) -> None:
    (problem,) = texts_of(read(text.encode(), "f.yaml", c_parser=c_parser))

    assert problem.startswith(expected)


@pytest.mark.parametrize("path", ["f.yaml", "f.json"])
def test_a_lone_carriage_return_is_refused_as_readers_count_its_lines_differently(
    path: str,
) -> None:
    texts = "a carriage return that ends no line; save the file with usual line ends"

    assert texts_of(read(b'{"a": 1,\n "b":\r 2}', path)) == [f"2:6 {texts}"]
    assert texts_of(read(b'{"a": 1}\r', path)) == [f"1:9 {texts}"]
    (document,) = read(b'{"a": 1,\r\n "b": "\\r"}\r\n', path).documents
    assert document.value == {"a": 1, "b": "\r"}
    assert document.place(("b",)).line == 2


def test_a_file_that_is_not_utf_8_says_so_on_its_line() -> None:
    assert texts_of(read(b"a: 1\nb: \xff\n", "f.yaml")) == ["2:1 not UTF-8; save the file as UTF-8"]
    assert len(read("a: 1\n".encode("utf-16"), "f.yaml").problems) == 1


def test_a_file_may_be_as_large_as_the_limit_and_not_larger() -> None:
    comment = b"#" * (MAX_BYTES - 5)

    assert read(b"a: 1\n" + comment, "f.yaml").problems == ()
    assert texts_of(read(b"a: 1\n" + comment + b"#", "f.yaml")) == [
        "1:1 larger than 256 KiB; split the file, or raise --max-file-kib"
    ]


@BOTH
@pytest.mark.parametrize(
    ("data", "texts"),
    [
        (b"[" * 100_000, "nest"),  # libyaml has a limit of its own from PyYAML 6.0.4 on
        (b'{"a":' * 40_000, "nested deeper than 64 levels"),
        (b"- " * 100_000, "nested deeper than 64 levels"),
        (b"? " * 100_000, "a key that is no text"),
        (b"[" + b"a," * 60_000 + b"]", "more than 50000 values"),
        (b"a: " + b"9" * 5_000, "too many digits"),
        (b"a: -" + b"1" * 5_000 + b".5", "too many digits"),
        (b"a: &a [x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a]\nc: [*b,*b,*b,*b]\n", "an alias"),
        (b"a: &a {k: v}\nb: {<<: [*a, *a, *a]}\n", "a merge key"),
        (b"&a [*a]", "an alias"),
    ],
    ids=lambda value: "" if isinstance(value, bytes) else value,
)
def test_a_yaml_bomb_is_a_problem_at_once(data: bytes, texts: str, c_parser: bool) -> None:
    begun = time.process_time()  # a busy machine takes no part in the verdict

    reading = read(data, "f.yaml", c_parser=c_parser)

    assert any(texts in problem for problem in texts_of(reading))
    assert time.process_time() - begun < 20


@pytest.mark.parametrize("data", [b"[" * 100_000, b"9" * 5_000, b'{"a":' * 40_000])
def test_a_json_bomb_is_a_problem_too(data: bytes) -> None:
    assert len(read(data, "f.json").problems) == 1


def test_sixty_four_levels_are_not_too_deep() -> None:
    text = "[" * 64 + "]" * 64

    assert read(text.encode(), "f.yaml").problems == ()
    assert read(f"[{text}]".encode(), "f.yaml").problems != ()


def test_faults_without_end_are_cut_off() -> None:
    reading = read(b"- no\n" * 1000, "f.yaml")

    assert len(reading.problems) == MAX_FAULTS + 1
    assert reading.problems[-1].message == "too many faults; the rest of the file is not read"


def test_no_message_repeats_a_scalar_that_may_be_a_secret() -> None:
    secrets = ("01234567", "1.2340", "0xdeadbeef", "2024-11-05T01", "1_2_3_4", "12:34:56")

    for secret in secrets:
        reading = read(f"clientSecret: {secret}\n".encode(), "f.yaml")
        assert reading.problems
        assert not any(secret in problem for problem in texts_of(reading))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('{"a": 1,\n "a": 2}', "2:2 key 'a' twice"),
        ('{"c": 1.10,\n "b": "\\ud83d\\ude00", "a": 1, "a": 2}', "2:31 key 'a' twice"),
        ('{"a":\n' + "[" * 64 + "]" * 64 + "}", "2:64 nested deeper than 64 levels"),
        ('{"a":\n ' + "9" * 5000 + "}", "2:2 a number with too many digits"),
        ('{"a": NaN}', "1:1 NaN is not JSON"),
        ('{"a": 1,\n "b": }', "2:7 expecting value"),
        ("a: 1\n", "1:1 expecting value"),
        ('{"a": 1} // x', "1:10 extra data"),
        ("", "1:1 there is nothing in it"),
        ('"\\ud800"', "1:1 a lone surrogate"),
        ('{"a": 1e999}', "1:1 a number out of range"),
    ],
)
def test_a_json_file_is_strict_json(text: str, expected: str) -> None:
    problems = texts_of(read(text.encode(), "f.json"))

    assert len(problems) == 1
    assert problems[0].startswith(expected)


def test_escaped_pairs_of_surrogates_cost_no_position() -> None:
    reading = read(b'{\n "a": "\\ud83d\\ude00", "b": 1}', "f.json")

    assert reading.problems == ()
    assert reading.documents[0].value == {"a": "\U0001f600", "b": 1}
    assert reading.documents[0].place(("b",)) == Place("f.json", 2, 28)


def test_json_that_yaml_cannot_read_is_read_without_positions() -> None:
    key = "k" * 1100  # no parser looks further for the colon
    reading = read(f'{{\n "{key}": 1\n}}'.encode(), "f.json")

    assert reading.problems == ()
    assert reading.documents[0].value == {key: 1}
    assert reading.documents[0].place((key,)) == Place("f.json", 1, 1)


PASTED: dict[str, tuple[str, object]] = {
    "a pair": (r'{"a": "x\ud83d\ude00y", "b": 1}', {"a": "x\U0001f600y", "b": 1}),
    "two pairs": (r'{"a": "\uD83D\uDE00\ud83c\udff4"}', {"a": "\U0001f600\U0001f3f4"}),
    "a pair in a key": (r'{"\ud83d\ude00": 1}', {"\U0001f600": 1}),
    "an escaped backslash": (r'{"a": "\\ud83d"}', {"a": r"\ud83d"}),
    "beside private characters": (r'{"a": "\ud83d\ude00\ue000"}', {"a": "\U0001f600\ue000"}),
    "other escapes": (r'{"a": "\/\n\r\t\"\\\u00e9"}', {"a": '/\n\r\t"\\\u00e9'}),
    "numbers": ('{"a": [1e5, 1.50, -0, {"b": 1E2}]}', {"a": [100000.0, 1.5, 0, {"b": 100.0}]}),
    "without blanks": ('{"a":-1,"b":[true,null]}', {"a": -1, "b": [True, None]}),
}


@BOTH
@pytest.mark.parametrize("text", PASTED)
def test_json_can_be_pasted_into_yaml(text: str, c_parser: bool) -> None:
    written, value = PASTED[text]

    reading = read(f"top:\n  {written}\nafter: yes\n".encode(), "f.yaml", c_parser=c_parser)

    assert [document.value["top"] for document in reading.documents] == [value]
    assert [problem.place for problem in reading.problems] == [Place("f.yaml", 3, 8)]


@BOTH
def test_surrogate_escapes_outside_of_double_quotes_are_text(c_parser: bool) -> None:
    text = "a: '\\ud83d'\nb: \\ud83d\\ude00 # \\ud83d\nc: |\n  \\ud83d\nd: \"\\ud83d\\ude00\"\n"

    [document] = read(text.encode(), "f.yaml", c_parser=c_parser).documents

    assert document.value == {
        "a": "\\ud83d", "b": "\\ud83d\\ude00", "c": "\\ud83d\n", "d": "\U0001f600",
    }  # fmt: skip


@BOTH
@pytest.mark.parametrize("half", [r"\ud83d x", r"\ude00", r"\ude00\ud83d", r"\ud83d\ud83d\ude00"])
def test_half_of_a_pair_of_surrogates_is_refused_at_its_place(half: str, c_parser: bool) -> None:
    reading = read(f'a: 1\nb: "{half}"\n'.encode(), "f.yaml", c_parser=c_parser)

    assert [problem.place for problem in reading.problems] == [Place("f.yaml", 2, 4)]
    assert "half of a pair of surrogates" in reading.problems[0].message


CUT = [
    "a: Cost center #42",
    "a: #42",
    "- x #y",
    "- 1 #2",
    "{a: b #c\n}",
    "a: x   #y",
    "a: x #!",
    "a: null #x",
]


@BOTH
@pytest.mark.parametrize("text", CUT)
def test_a_plain_value_that_a_comment_without_a_blank_cuts_is_refused(
    text: str, c_parser: bool
) -> None:
    reading = read(f"{text}\n".encode(), "f.yaml", c_parser=c_parser)

    assert ["quote it" in problem.message for problem in reading.problems] == [True]


@BOTH
@pytest.mark.parametrize(
    "text",
    [
        "a: x # y",
        'a: "x" #y',
        "a: 'x' #y",
        "a: | #y\n  x",
        "a: x #",
        "#x\na: x",
        "a: x#y",
        "a: x ##",
    ],
)
def test_a_comment_that_cuts_nothing_is_a_comment(text: str, c_parser: bool) -> None:
    assert read(f"{text}\n".encode(), "f.yaml", c_parser=c_parser).problems == ()


@BOTH
def test_surrogate_escapes_are_text_still_where_no_private_character_is_unused(
    c_parser: bool,
) -> None:
    private = "".join(map(chr, range(0xE000, 0xF900)))

    [document] = read(
        f"a: '\\ud83d'\nb: {private}\n".encode(), "f.yaml", c_parser=c_parser
    ).documents

    assert document.value == {"a": "\\ud83d", "b": private}
