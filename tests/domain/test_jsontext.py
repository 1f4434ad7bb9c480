import json
import math
import secrets
from collections.abc import Iterator, Mapping
from datetime import date
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.domain.jsontext import (
    MAX_DEPTH,
    NotJson,
    canonical,
    check,
    digest,
    parse,
    parse_in_parts,
)
from reconciler.domain.jsontext import _canonical as by_library
from reconciler.domain.jsontext import _is_plain as is_plain
from tests.support.strategies import json_values


def nested(levels: int, core: str = "") -> bytes:
    return ("[" * levels + core + "]" * levels).encode()


@pytest.mark.parametrize(
    ("text", "value"),
    [
        (b"null", None),
        (b' {"a": [1, 2.5, true, "\xc3\xa4"]} ', {"a": [1, 2.5, True, "ä"]}),
        (b'"\\ud83d\\ude00"', "😀"),
        (b"-0", 0),
        (b'{"a": 1, "A": 2}', {"a": 1, "A": 2}),
    ],
)
def test_json_is_parsed_to_its_values(text: bytes, value: Any) -> None:
    assert parse(text) == value


_WIDE = ("utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-le", "utf-32-be")
_NOT_UTF_8 = "written in UTF-16 or UTF-32, and JSON is UTF-8 (RFC 8259 section 8.1)"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (b"", "there is nothing in it"),
        (b" \r\n", "there is nothing in it"),
        *(('{"a": 1}'.encode(wide), _NOT_UTF_8) for wide in _WIDE),
        (b'"\\udc80"', "a lone surrogate, or bytes that are no UTF-8, in a string"),
        (b'{"a":\n nope}', "expecting value at line 2 column 2"),
        (b"<html>", "expecting value at line 1 column 1"),
        (b"[1, 2", "expecting ',' delimiter at line 1 column 6"),
        (b"[1] 2", "extra data at line 1 column 5"),
        (b'"\xff"', "not UTF-8 at byte 1"),
        (b'{"a": 1, "a": 1}', "key 'a' twice in one object"),
        (b'[{"b": {"a": 1, "\\u0061": 2}}]', "key 'a' twice in one object"),
        (b"NaN", "NaN is not JSON"),
        (b'{"x": [-Infinity]}', "-Infinity is not JSON"),
        (b"[1e400]", "a number out of range"),
        (b"-1e999", "a number out of range"),
        (b'"\\ud800"', "a lone surrogate in a string"),
        (b'{"\\udfff": 1}', "a lone surrogate in a string"),
        (b"1" * 5000, "a number with too many digits"),
        (nested(100_000), "nested deeper than 64 levels"),
    ],
)
def test_json_that_two_readers_read_differently_is_refused(text: bytes, message: str) -> None:
    with pytest.raises(NotJson) as refused:
        parse(text)
    assert str(refused.value) == message


def test_a_long_key_is_not_echoed_in_full() -> None:
    text = json.dumps({"k" * 500: 1})[:-1] + f', "{"k" * 500}": 2}}'
    with pytest.raises(NotJson) as refused:
        parse(text.encode())
    assert len(str(refused.value)) < 100


@pytest.mark.parametrize("core", ["", "1", '"x"'])
def test_nesting_ends_at_64_levels_whatever_stands_innermost(core: str) -> None:
    assert parse(nested(MAX_DEPTH, core)) is not None
    with pytest.raises(NotJson, match="nested deeper than 64"):
        parse(nested(MAX_DEPTH + 1, core))


def test_objects_count_as_levels_too() -> None:
    at_the_limit = b'{"a":' * MAX_DEPTH + b"1" + b"}" * MAX_DEPTH
    beyond = b'{"a":' * (MAX_DEPTH + 1) + b"1" + b"}" * (MAX_DEPTH + 1)
    assert parse(at_the_limit)["a"] is not None
    with pytest.raises(NotJson, match="nested deeper than 64"):
        parse(beyond)


@given(st.binary(max_size=40) | st.text(max_size=40).map(str.encode))
def test_bytes_are_read_or_refused_and_nothing_else(data: bytes) -> None:
    try:
        value = parse(data)
    except NotJson:
        return
    assert canonical(parse(canonical(value))) == canonical(value)


@given(json_values())
def test_parse_accepts_what_check_accepts_and_canonical_encodes(value: Any) -> None:
    text = json.dumps(value).encode()
    try:
        read = parse(text)
    except NotJson:
        with pytest.raises(NotJson):
            check(value)
        with pytest.raises(NotJson):
            canonical(value)
    else:
        check(value)
        assert canonical(read) == canonical(value)


@given(json_values(surrogates=False), st.randoms(use_true_random=True))
def test_the_canonical_spelling_does_not_depend_on_the_order_of_keys(
    value: Any, random: Any
) -> None:
    def shuffled(item: Any) -> Any:
        if isinstance(item, dict):
            pairs = [(key, shuffled(member)) for key, member in item.items()]
            return dict(random.sample(pairs, len(pairs)))
        return [shuffled(member) for member in item] if isinstance(item, list) else item

    try:
        spelt = canonical(value)
    except NotJson:
        return  # NaN and infinity: the law is about JSON
    assert canonical(shuffled(value)) == spelt


@pytest.mark.parametrize(
    ("value", "spelling"),
    [
        ({"b": 1, "a": [True, None]}, b'{"a":[true,null],"b":1}'),
        ({"\U0001f600": 1, "\ufb33": 2}, '{"\U0001f600":1,"\ufb33":2}'.encode()),  # UTF-16 order
        (("a", ()), b'["a",[]]'),
        (1.0, b"1"),
        (-0.0, b"0"),
        (1e21, b"1e+21"),
        (0.000001, b"0.000001"),
        (2**53 - 1, b"9007199254740991"),
        (2**53, b'"9007199254740992"'),
        (-(2**53), b'"-9007199254740992"'),
        (10**25, b'"10000000000000000000000000"'),
        ("\x00\n\u2028", '"\\u0000\\n\u2028"'.encode()),
    ],
)
def test_the_canonical_spelling_is_that_of_rfc_8785(value: Any, spelling: bytes) -> None:
    assert canonical(value) == spelling


def test_integers_beyond_2_53_keep_their_canonical_digits() -> None:
    assert canonical(2**53) != canonical(2**53 + 1)
    assert canonical({"n": 10**30}) != canonical({"n": 10**30 + 1})


def test_canonical_json_tells_true_from_1_and_null_from_absent() -> None:
    values: list[Any] = [True, 1, "1", "true", None, [], {}, [None]]
    assert len({canonical(value) for value in values}) == len(values)


class OnlyAMapping(Mapping[str, Any]):
    def __getitem__(self, key: str) -> Any:
        return {"a": 1}[key]

    def __iter__(self) -> Iterator[str]:
        return iter(["a"])

    def __len__(self) -> int:
        return 1


def test_any_mapping_is_encoded_as_an_object() -> None:
    assert canonical(OnlyAMapping()) == b'{"a":1}'


@pytest.mark.parametrize(
    "value",
    [math.nan, math.inf, {"a": [-math.inf]}, "\ud800", {"\udc00": 1}, {1: 2}, {None: 1},
     10**5000, date(2024, 2, 29), b"x", {1, 2}, object()],
    ids=lambda value: type(value).__name__,
)  # fmt: skip
def test_a_value_that_is_no_json_is_refused_with_our_own_message(value: Any) -> None:
    with pytest.raises(NotJson):
        canonical(value)
    with pytest.raises(NotJson):
        check(value)


def test_a_nest_too_deep_for_canonical_json_is_refused() -> None:
    value: Any = 1
    for _ in range(5000):
        value = [value]
    with pytest.raises(NotJson, match="nested deeper than"):
        canonical(value)


def test_a_digest_names_its_algorithm_and_is_the_known_one() -> None:
    assert digest({}) == "sha256:" + (
        "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"
    )


@given(json_values(surrogates=False), json_values(surrogates=False))
def test_digests_are_equal_exactly_when_the_spellings_are(one: Any, other: Any) -> None:
    try:
        same = canonical(one) == canonical(other)
    except NotJson:
        return
    assert (digest(one) == digest(other)) is same


_LETTERS = 'aZ09 _-$"\\/\n\t\x00\x1f\x7fé\u2028\ud7ff\ue000\ufffd😀\U0010ffff'
_NUMBERS = (0, -1, 2**53 - 1, 2**53, -(2**53), 10**30, 0.0, -0.0, 1.5, 1e21, 1e-7, 5e-324)


def document(random: Random, depth: int = 4) -> Any:
    """A JSON value of every kind, with the letters and numbers that spellings differ about."""

    def text() -> str:
        letters = _LETTERS if random.random() < 0.3 else _LETTERS[:20]
        return "".join(random.choices(letters, k=random.randrange(8)))

    kind = random.randrange(8 if depth else 5)
    match kind:
        case 0 | 1 | 2:
            return text()
        case 3:
            return random.choice((None, True, False))
        case 4:
            return random.choice(_NUMBERS) if random.random() < 0.3 else random.randrange(10**6)
        case 5:
            return [document(random, depth - 1) for _ in range(random.randrange(5))]
        case 6:
            return tuple(document(random, depth - 1) for _ in range(random.randrange(3)))
        case _:
            return {text(): document(random, depth - 1) for _ in range(random.randrange(6))}


@pytest.mark.thorough
def test_the_fast_spelling_is_that_of_the_library_for_a_hundred_thousand_documents() -> None:
    seed = secrets.randbits(64)
    random = Random(seed)
    fast = 0
    for number in range(100_000):
        value = document(random)
        fast += is_plain(value, 2 * MAX_DEPTH)
        assert canonical(value) == by_library(value), f"seed {seed}, document {number}"
    assert 20_000 < fast < 99_000, f"seed {seed}: both ways have to be taken, {fast} were fast"


# Parts of a whole


@pytest.mark.parametrize(
    "text", [b"[1, 2.5]", b'{"a": "b"}', "\ufeff[]".encode(), '["\u00e9"]'.encode()]
)
def test_parts_of_a_text_that_all_read_alike_are_not_suspect(text: bytes) -> None:
    assert parse_in_parts(text) == (json.loads(text.decode("utf-8-sig")), False)


@pytest.mark.parametrize(
    "odd",
    [
        b'{"a": 1, "a": 2}',
        b'"\\ud83d"',
        b'"caf\xe9"',
        b"NaN",
        b"-Infinity",
        b"1e999",
        b"1" * 5000,
        b"-" + b"1" * 5000,
        b"[" * 70 + b"]" * 70,
    ],
)
def test_a_suspect_part_does_not_cost_the_other_parts(odd: bytes) -> None:
    (part, other), suspect = parse_in_parts(b'[%s, {"a": 1}]' % odd)

    assert suspect
    check(other)
    with pytest.raises(NotJson):
        check(part)


def test_a_control_character_that_is_not_escaped_is_taken_as_it_is_in_parts() -> None:
    assert parse_in_parts(b'["a\tb\nc"]') == (["a\tb\nc"], False)
    with pytest.raises(NotJson, match="control character"):
        parse(b'["a\tb"]')


@pytest.mark.parametrize("text", [b"", b"[", b"[1", b"[" * 100_000])
def test_a_text_that_is_no_json_has_no_parts(text: bytes) -> None:
    with pytest.raises(NotJson):
        parse_in_parts(text)


def test_a_byte_order_mark_before_json_is_ignored() -> None:
    """RFC 8259 section 8.1 forbids it to who writes, and allows who reads to pass over it."""
    assert parse(b'\xef\xbb\xbf{"a": 1}') == {"a": 1}
