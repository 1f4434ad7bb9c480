"""Holders: who has a value, as RFC 7644 section 3.4.2.2 means `pr`."""

import pytest

from reconciler.domain.adoption import Holders
from reconciler.domain.jsontext import Json

URN = "urn:example:2.0:User:HR"
NAMES = ("badge", "badge.id", "badge.kind", "grade", "tags", "phones", "phones.value")


def held(extension: Json) -> frozenset[str]:
    return Holders(schema_id=URN, names=NAMES).held({"id": "1", "userName": "kim", URN: extension})


@pytest.mark.parametrize(
    ("extension", "expected"),
    [
        ({}, set()),
        (None, set()),
        ("no object", set()),
        ({"grade": None}, set()),
        ({"grade": ""}, set()),
        ({"grade": []}, set()),
        ({"grade": {}}, set()),
        ({"grade": [None, ""]}, set()),
        ({"grade": 0}, {"grade"}),
        ({"grade": False}, {"grade"}),
        ({"GRADE": "a"}, {"grade"}),
        ({"badge": {"id": None, "kind": ""}}, set()),
        ({"badge": {"ID": "7", "kind": ""}}, {"badge", "badge.id"}),
        ({"badge": {"other": "7"}}, {"badge"}),
        ({"tags": ["", "a"]}, {"tags"}),
        ({"phones": [{"value": ""}, {}]}, set()),
        ({"phones": [{"type": "work"}, {"value": "1"}]}, {"phones", "phones.value"}),
        ({"phones": [{"type": "work"}]}, {"phones"}),
        ({"nobody": "knows"}, set()),
    ],
)
def test_an_attribute_is_held_where_it_has_a_value(extension: Json, expected: set[str]) -> None:
    assert held(extension) == expected


def test_the_urn_of_the_extension_is_known_in_any_case() -> None:
    holders = Holders(schema_id=URN, names=["grade"])

    assert holders.held({URN.upper(): {"grade": 1}, "urn:example:other": {"grade": 1}}) == {"grade"}


@pytest.mark.parametrize("resource", [None, [], "text", 7, {}])
def test_what_is_no_resource_holds_nothing(resource: Json) -> None:
    holders = Holders(schema_id=URN, names=["grade"])
    holders.add([resource])

    assert (holders.resources, holders.tallies) == (1, {"grade": 0})


def test_the_attributes_of_a_resources_own_schema_stand_in_the_resource() -> None:
    holders = Holders(schema_id=URN, names=["model", "maker.name"], own=True)
    holders.add([{"id": "1", "model": "x", "maker": {"name": "y"}}, {"id": "2", "model": ""}])

    assert holders.tallies == {"model": 1, "maker.name": 1}
    assert (holders.resources, repr(holders).count("model")) == (2, 0)
