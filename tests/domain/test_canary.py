"""Values for a test user: made by type, judged as they came back, known again later."""

import random
from typing import Any

import pytest

from reconciler.domain.canary import (
    MARK,
    CanaryResult,
    Trial,
    extension_in,
    is_ours,
    patch_of,
    schemas_in,
    triable,
)
from reconciler.domain.scim import AttributeType, Schema
from reconciler.domain.values import is_of_type

URN = "urn:acme:2.0:User:HR"
SIMPLE = tuple(kind for kind in AttributeType if kind is not AttributeType.COMPLEX)
KEPT, LOST = CanaryResult.PERSISTED, CanaryResult.DROPPED
OTHER, NONE = CanaryResult.COERCED, CanaryResult.NOT_TRIED


def trial_of(*attributes: dict[str, Any], names: tuple[str, ...] | None = None) -> Trial:
    schema = Schema.from_json({"id": URN, "attributes": list(attributes)})
    every = tuple(
        name
        for each in attributes
        for name in (
            each["name"],
            *(f"{each['name']}.{part['name']}" for part in each.get("subAttributes", ())),
        )
    )
    return Trial(schema=schema, names=every if names is None else names)


def results(trial: Trial, held: dict[str, Any]) -> dict[str, CanaryResult]:
    return dict(trial.results(trial.values(), extension_in({URN: held}, URN), {}).results)


@pytest.mark.parametrize("kind", SIMPLE)
@pytest.mark.parametrize("multi_valued", [False, True])
def test_a_value_is_of_its_type_and_persists_where_it_comes_back(
    kind: AttributeType, multi_valued: bool
) -> None:
    trial = trial_of({"name": "a", "type": kind, "multiValued": multi_valued})

    value = trial.values()["a"]

    assert isinstance(value, list) == multi_valued
    assert is_of_type(value[0] if isinstance(value, list) else value, kind)
    assert results(trial, {"A": value}) == {"a": KEPT}
    assert results(trial, {}) == results(trial, {"a": None}) == {"a": LOST}
    assert results(trial, {"a": "else"}) == {"a": OTHER}
    assert is_ours(value, trial.schema.at("a"))
    assert triable(trial.schema) == ("a",)


def test_a_value_is_the_same_each_time_and_of_nobody() -> None:
    trial = trial_of(*({"name": kind, "type": kind} for kind in SIMPLE))

    assert trial.values() == trial.values()
    assert trial.values()["string"] == MARK


@pytest.mark.parametrize(
    ("kind", "canonical", "value"),
    [
        ("string", ["gold", "silver"], "gold"),
        ("integer", ["x", "7"], 7),
        ("decimal", ["2.5"], 2.5),
        ("boolean", ["false"], False),
        ("integer", ["x"], 727272),
    ],
)
def test_canonical_values_are_respected(kind: str, canonical: list[str], value: Any) -> None:
    trial = trial_of({"name": "a", "type": kind, "canonicalValues": canonical})

    assert trial.values() == {"a": value}
    assert is_ours(value, trial.schema.at("a"))


@pytest.mark.parametrize(
    ("member", "reason"),
    [
        ({"mutability": "readOnly"}, "it is readOnly"),
        ({"mutability": "writeOnly"}, "it is writeOnly"),
        ({"mutability": "immutable"}, "it is immutable"),
        ({"uniqueness": "server"}, "its values are unique"),
        ({"uniqueness": "global"}, "its values are unique"),
        ({"returned": "never"}, "it is never returned"),
        ({"type": "vendors"}, "it has a part, or is of a type, that no value can be made for"),
        ({"type": "complex"}, "it has a part, or is of a type, that no value can be made for"),
        (
            {"type": "complex", "subAttributes": [{"name": "b", "mutability": "readOnly"}]},
            "it has a part, or is of a type, that no value can be made for",
        ),
        (
            {
                "type": "complex",
                "subAttributes": [
                    {"name": "b"},
                    {"name": "c", "required": True, "uniqueness": "server"},
                ],
            },
            "it has a part, or is of a type, that no value can be made for",
        ),
    ],
)
def test_what_may_not_be_tried_is_not(member: dict[str, Any], reason: str) -> None:
    trial = trial_of({"name": "a", **member})

    assert trial.values() == {}
    assert triable(trial.schema) == ()
    tried = trial.results({}, {}, {})
    assert tried.found == {NONE}
    assert dict(tried.reasons)["a"] == reason
    assert reason in tried.detail


DESK = {
    "name": "desk",
    "type": "complex",
    "subAttributes": [
        {"name": "floor", "required": True},
        {"name": "seats", "type": "integer"},
        {"name": "code", "uniqueness": "server"},
    ],
}


@pytest.mark.parametrize(
    ("held", "desk", "floor", "seats"),
    [
        ({"floor": MARK, "seats": 727272}, KEPT, KEPT, KEPT),
        ({"FLOOR": MARK, "seats": 727272.0, "primary": False}, KEPT, KEPT, KEPT),
        ({"floor": MARK}, OTHER, KEPT, LOST),
        ({"floor": MARK, "seats": "727272"}, OTHER, KEPT, OTHER),
        ({"primary": False}, LOST, LOST, LOST),
        ("text", LOST, LOST, LOST),
        ([{"floor": MARK, "seats": 727272}], OTHER, KEPT, KEPT),
        (None, LOST, LOST, LOST),
    ],
)
def test_a_complex_value_is_judged_part_by_part(
    held: Any, desk: CanaryResult, floor: CanaryResult, seats: CanaryResult
) -> None:
    trial = trial_of(DESK)

    assert trial.values() == {"desk": {"floor": MARK, "seats": 727272}}
    assert results(trial, {"desk": held}) == {
        "desk": desk,
        "desk.floor": floor,
        "desk.seats": seats,
        "desk.code": NONE,
    }


def test_of_many_values_one_is_written_and_one_has_to_come_back() -> None:
    trial = trial_of({**DESK, "multiValued": True})
    [item] = trial.values()["desk"]

    assert results(trial, {"desk": [item]})["desk"] is KEPT
    assert results(trial, {"desk": item})["desk"] is OTHER
    assert results(trial, {"desk": [item, item]})["desk"] is OTHER


def test_a_part_that_is_new_is_tried_with_its_attribute() -> None:
    trial = trial_of(DESK, names=("desk.seats",))

    assert set(trial.values()) == {"desk"}
    assert results(trial, {"desk": {"floor": MARK, "seats": 727272}}) == {"desk.seats": KEPT}


@pytest.mark.parametrize(
    ("kind", "held", "same"),
    [
        ("dateTime", "2001-02-03T04:05:06.000Z", True),
        ("dateTime", "2001-02-03T05:05:06+01:00", True),
        ("dateTime", "2001-02-03", False),
        ("dateTime", "2001-02-03T04:05:06", False),
        ("dateTime", "soon", False),
        ("binary", "cmVjb25jaWxlci1jYW5hcnk", True),
        ("binary", "x", False),
        ("boolean", 1, False),
        ("boolean", "true", False),
        ("integer", True, False),
        ("decimal", 7272.25, True),
        ("decimal", 7272, False),
        ("string", MARK.upper(), False),
        ("string", MARK[:9], False),
    ],
)
def test_a_value_may_be_spelled_in_another_way_but_be_no_other(
    kind: str, held: Any, same: bool
) -> None:
    assert results(trial_of({"name": "a", "type": kind}), {"a": held}) == {
        "a": KEPT if same else OTHER
    }


def test_what_was_not_written_has_its_reason() -> None:
    trial = trial_of({"name": "a"}, {"name": "b"}, names=("a", "b", "gone"))

    tried = trial.results({"a": MARK, "b": MARK}, {"a": MARK}, {"b": "HTTP 403"})

    assert tried.results == (("a", KEPT), ("b", NONE), ("gone", NONE))
    assert tried.reasons == (("b", "HTTP 403"), ("gone", "the schema does not have it"))
    assert tried.detail == (
        "a: persisted; b: not-tried (HTTP 403); gone: not-tried (the schema does not have it)"
    )
    assert trial.untried("late").found == {NONE}
    assert MARK not in repr(tried)


@pytest.mark.parametrize(
    ("held", "ours"),
    [
        (MARK, True),
        (MARK.upper(), True),
        (f" {MARK} ", True),
        (MARK[:6], True),
        (MARK[:5], False),
        ([{"x": MARK, "y": "else"}], True),
        ("727272", True),
        (727272.0, True),
        ("2001-02-03", True),
        (True, True),
        ("true", True),
        ([True, "b7"], False),
        (False, False),
        ("b7", False),
        ({}, False),
        (None, False),
    ],
)
def test_what_was_ours_is_known_again_whatever_a_service_made_of_it(held: Any, ours: bool) -> None:
    assert is_ours(held, None) is ours


def test_a_canonical_value_is_ours_where_the_attribute_is_known() -> None:
    attribute = trial_of({"name": "a", "canonicalValues": ["Gold"]}).schema.at("a")

    assert is_ours("gold", attribute)
    assert not is_ours("gold", None)
    assert not is_ours("silver", attribute)


@pytest.mark.parametrize("user", [None, [], "x", {}, {URN: "x"}, {URN: None}, {"schemas": "x"}])
def test_a_user_that_holds_nothing_holds_nothing(user: Any) -> None:
    assert extension_in(user, URN) == {}
    assert schemas_in(user) == ()


def test_what_a_user_holds_is_found_by_folded_names() -> None:
    user = {"Schemas": [URN, 1], URN.upper(): {"Badge": "b", "empty": []}}

    assert extension_in(user, URN) == {"badge": "b"}
    assert schemas_in(user) == (URN,)
    assert patch_of([{"op": "remove"}])["Operations"] == [{"op": "remove"}]


@pytest.mark.parametrize("seed", range(40))
def test_any_schema_persists_where_all_comes_back_and_drops_where_nothing_does(seed: int) -> None:
    dice = random.Random(seed)
    trial = trial_of(*(_attribute(dice, f"a{n}", deep=True) for n in range(dice.randrange(1, 9))))
    values = trial.values()

    back = dict(trial.results(values, extension_in({URN: values}, URN), {}).results)
    gone = dict(trial.results(values, {}, {}).results)

    tried = {name for name, result in back.items() if result is not NONE}
    assert {back[name] for name in tried} <= {KEPT}
    assert {name for name, result in gone.items() if result is LOST} == tried
    assert tried == set(triable(trial.schema))
    assert all(is_ours(value, trial.schema.at(name)) for name, value in values.items())


def _attribute(dice: random.Random, name: str, *, deep: bool) -> dict[str, Any]:
    kind = dice.choice([*SIMPLE, "vendors", *(["complex"] * 3 if deep else [])])
    made: dict[str, Any] = {
        "name": name,
        "type": str(kind),
        "multiValued": dice.random() < 0.3,
        "required": dice.random() < 0.3,
        "mutability": dice.choice(["readWrite"] * 5 + ["readOnly", "writeOnly", "immutable"]),
        "uniqueness": dice.choice(["none"] * 4 + ["server"]),
        "returned": dice.choice(["default", "always", "request", "never"]),
    }
    if kind == "complex":
        parts = range(dice.randrange(4))
        made["subAttributes"] = [_attribute(dice, f"p{n}", deep=False) for n in parts]
    return made
