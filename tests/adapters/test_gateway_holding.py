"""A tenant with much to hold is read as one with little, and packed schemas are as served."""

from typing import Any

import pytest

from reconciler.adapters.gateway.holding import PLAIN
from reconciler.domain.scim import Schema
from tests.support.gateway_world import honest, schema, service, urn, world

MANY = 12
LONG = "d" * (PLAIN // 8)  # so that some of the schemas are held plain and most of them packed


def large(number: int, **members: Any) -> dict[str, Any]:
    return {**schema(number, description=LONG, meta={"version": f"{number}"}), **members}


SERVED = [large(number) for number in range(MANY)]
BY_ID = {each["id"].lower(): each for each in SERVED}


@pytest.mark.parametrize("most", [1, 3, MANY])
def test_schemas_of_a_long_list_are_as_served(most: int) -> None:
    with world(service(honest(SERVED, most=most))) as w:
        found = w.reader.read_all([], everything=True).schemas

    assert list(found) == list(BY_ID)
    assert dict(found) == {key: Schema.from_json(each) for key, each in BY_ID.items()}
    assert [each.document for each in found.values()] == SERVED


def test_schemas_that_a_list_lacks_are_as_served_by_id() -> None:
    with world(service(honest([]), BY_ID)) as w:
        live = w.reader.read_all(BY_ID)

    assert [each.document for each in live.schemas.values()] == SERVED
    assert set(live.ids) == set(BY_ID)


def test_a_list_that_goes_on_after_its_own_count_adds_what_it_lacked() -> None:
    def page(start: int, count: int) -> Any:
        some = SERVED[start - 1 : start + 3]
        return {"totalResults": len(some), "Resources": some}

    with world(service(page, BY_ID)) as w:
        found = w.reader.read_all(BY_ID).schemas

    assert {key: each.document for key, each in found.items()} == BY_ID
    assert len(w.requests) == 5


@pytest.mark.parametrize("description", [LONG, "else"])
def test_a_schema_at_the_end_of_a_long_list_may_be_there_twice(description: str) -> None:
    second = {**SERVED[-1], "description": description}
    with world(service(honest([*SERVED, second]), BY_ID)) as w:
        live = w.reader.read_all([urn(MANY - 1)])

    assert any("twice" in warning for warning in live.warnings) is (description == "else")
    assert live.schemas[urn(MANY - 1).lower()].document == SERVED[-1]


def test_a_malformed_schema_of_a_long_list_is_read_by_id() -> None:
    broken = large(99, attributes="none")
    with world(service(honest([*SERVED, broken]), {urn(99).lower(): schema(99)})) as w:
        live = w.reader.read_all([urn(0), urn(99)])

    assert "the attributes of" in live.warnings[0]
    assert live.schemas[urn(99).lower()].document == schema(99)
