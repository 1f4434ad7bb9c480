"""The values of an attribute in a resource, and what each type of RFC 7643 section 2.3 takes."""

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
    assert held(folded(RESOURCE), path.split(".")) == expected


@pytest.mark.parametrize("extension", [None, "text", 7, ["list"], {}])
def test_an_extension_that_is_none_holds_no_value(extension: Any) -> None:
    assert held(folded(extension), ["badge"]) == [[]]


@pytest.mark.parametrize("value", [0, False, 0.0, [0], {"a": [False]}])
def test_zero_and_false_are_values(value: Any) -> None:
    assert values_of(value)


@pytest.mark.parametrize(("value", "types"), SAMPLES, ids=[repr(value) for value, _ in SAMPLES])
def test_a_value_is_of_the_types_that_the_rfc_lets_it_be(value: Any, types: set[str]) -> None:
    assert {str(kind) for kind in AttributeType if is_of_type(value, kind)} == types


@pytest.mark.parametrize(("value", "text"), [("a", "a"), (1.0, "1"), (True, "true"), ([1], "[1]")])
def test_a_value_that_is_no_text_is_told_by_its_canonical_json(value: Any, text: str) -> None:
    assert text_of(value) == text
