"""What was found about the new attributes of a change, one by one and together."""

import pytest

from reconciler.domain.scim import Schema
from reconciler.domain.searching import Found, Searchable, Searched, names_in, new_names

DESK = {"name": "desk", "type": "complex", "subAttributes": [{"name": "floor"}, {"name": "Room"}]}
TRUE, FALSE, UNKNOWN = Searchable


def schema(*attributes: object) -> Schema:
    return Schema.from_json({"id": "urn:example:hr", "attributes": list(attributes)})


def searched(**found: tuple[Searchable, str]) -> Searched:
    each = ((name, Found(searchable=what, reason=why)) for name, (what, why) in found.items())
    return Searched(found=tuple(each), ms=12)


def test_the_names_of_a_schema_are_those_of_its_attributes_and_of_their_parts() -> None:
    assert names_in(schema({"name": "badge"}, DESK)) == ("badge", "desk", "desk.floor", "desk.Room")


def test_new_is_what_was_not_there_in_any_case_of_letters_parts_too() -> None:
    before = schema({"name": "BADGE"}, {"name": "Desk", "subAttributes": [{"name": "Floor"}]})

    assert new_names(schema({"name": "badge"}, DESK), before) == ("desk.Room",)
    assert new_names(schema({"name": "badge"}), None) == ("badge",)


@pytest.mark.parametrize(
    ("found", "together"),
    [
        ((), TRUE),
        ((TRUE, TRUE), TRUE),
        ((TRUE, UNKNOWN), UNKNOWN),
        ((UNKNOWN, FALSE, TRUE), FALSE),
    ],
)
def test_the_worst_finding_is_that_of_all_together(
    found: tuple[Searchable, ...], together: Searchable
) -> None:
    assert Searchable.of_all(found) is together


def test_a_finding_is_true_false_or_a_word_in_json() -> None:
    assert [each.to_json() for each in Searchable] == [True, False, "unknown"]


def test_the_detail_names_what_decides_by_reason_and_of_many_the_first() -> None:
    assert searched(a=(TRUE, "")).detail is None
    assert searched(a=(TRUE, ""), b=(UNKNOWN, "no users")).detail == "b: no users"
    mixed = searched(a=(FALSE, "HTTP 400"), b=(UNKNOWN, "no users"), c=(FALSE, "HTTP 404"))
    assert mixed.detail == "a: HTTP 400; c: HTTP 404"
    many = searched(**{f"a{n}": (FALSE, "HTTP 400") for n in range(7)})
    assert many.detail == "a0, a1, a2, a3, a4 and 2 more: HTTP 400"
