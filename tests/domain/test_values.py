"""The values of an attribute in a resource, and what each type of RFC 7643 section 2.3 takes."""

import math
import time
from typing import Any

import pytest

from reconciler.domain.scim import AttributeType
from reconciler.domain.values import folded, held, is_of_type, text_of, values_of
from tests.support.populations import SAMPLES

RESOURCE: dict[str, Any] = {
    "Badge": "A-1",
    "none": None,
    "empty": [],
    "nothing": {"a": None, "b": [""], "c": {}},
    "desks": [{"Room": "1", "floor": 0}, {"room": ""}, None, {"room": ["2", "3"]}],
    "wing": {"room": "4"},
}


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("badge", [["A-1"]]),
        ("none", [[]]),
        ("empty", [[]]),
        ("nothing", [[]]),
        ("absent", [[]]),
        ("desks.room", [["1"], ["2", "3"]]),
        ("desks.floor", [[0], []]),
        ("wing.room", [["4"]]),
        ("wing.floor", [[]]),
        ("absent.part", []),
        ("badge.part", [[]]),
    ],
)
def test_values_stand_in_each_holder_of_an_attribute_whatever_the_case_of_names(
    path: str, expected: list[list[Any]]
) -> None:
    assert held(folded(RESOURCE, 2), path.split(".")) == expected


@pytest.mark.parametrize("extension", [None, "text", 7, ["list"], {}])
def test_an_extension_that_is_none_holds_no_value(extension: Any) -> None:
    assert held(folded(extension, 1), ["badge"]) == [[]]


@pytest.mark.parametrize("value", [0, False, 0.0, [0], {"a": [False]}])
def test_zero_and_false_are_values(value: Any) -> None:
    assert values_of(value)


@pytest.mark.parametrize(("value", "types"), SAMPLES, ids=[repr(value) for value, _ in SAMPLES])
def test_a_value_is_of_the_types_that_the_rfc_lets_it_be(value: Any, types: set[str]) -> None:
    assert {str(kind) for kind in AttributeType if is_of_type(value, kind)} == types


@pytest.mark.parametrize(("value", "text"), [("a", "a"), (1.0, "1"), (True, "true"), ([1], "[1]")])
def test_a_value_that_is_no_text_is_told_by_its_canonical_json(value: Any, text: str) -> None:
    assert text_of(value) == text


ODD = [math.nan, math.inf, -math.inf, "\ud800", {"a": math.nan}, [[math.inf]], 10**400]


@pytest.mark.parametrize("value", ODD, ids=repr)
def test_a_value_that_is_no_json_is_judged_all_the_same(value: Any) -> None:
    assert isinstance(text_of(value), str)
    assert [is_of_type(value, kind) for kind in AttributeType]
    assert values_of(value)


def test_a_number_without_an_end_is_no_number() -> None:
    assert not is_of_type(math.inf, AttributeType.INTEGER)
    assert not is_of_type(math.nan, AttributeType.DECIMAL)


def test_a_value_may_be_nested_deeper_than_functions_call_each_other() -> None:
    value: Any = "a"
    for _ in range(100_000):
        value = [{"a": value}]

    assert held(folded({"Desk": value}, 2), ["desk"]) == [value]
    assert text_of(value) == ""


@pytest.mark.parametrize("text", ["a", "//", "1", "[", "a:", "%41", "//a@[::1]", "\u00e9"])
def test_a_long_text_is_judged_in_time_that_is_in_proportion(text: str) -> None:
    value = text * (200_000 // len(text)) + " "

    began = time.process_time()
    assert not any(is_of_type(value, kind) for kind in AttributeType if kind != "string")

    assert time.process_time() - began < 2
