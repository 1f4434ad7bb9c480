"""How many users a change hurts: derived from the change, and counted as a person would count."""

from collections import deque
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reconciler.domain.impact import assess
from reconciler.domain.manifest import Deprecated, Retired, SchemaExtension
from reconciler.domain.measures import (
    Counts,
    Measured,
    Risk,
    deprecated_of,
    measures_of,
    unmeasured,
)
from reconciler.domain.problem import Place
from reconciler.domain.rules.changes import CHANGE_RULES
from reconciler.domain.scim import Schema
from tests.support.calls import counted_calls
from tests.support.populations import SAMPLES, TEXTS, URN, Document, expected, populations
from tests.support.schema_pairs import pairs

PART: Document = {"name": "desk", "type": "complex"}


def wanted(*attributes: Document, retired: Iterable[str] = ()) -> SchemaExtension:
    stones = tuple(Retired(name=name, type="string") for name in retired)
    return SchemaExtension(
        name="hr", place=Place("hr.yaml"), schema=schema(*attributes), retired=stones
    )


def schema(*attributes: Document) -> Schema:
    return Schema.from_json({"id": URN, "name": "HR", "attributes": list(attributes)})


def counted(
    before: list[Document], after: SchemaExtension, users: Iterable[Any], *, many: float = 5
) -> list[Measured]:
    measures = measures_of(schema(*before), after)
    counts = Counts(measures)
    for user in users:
        counts.add(user)
    return [counts.measured(each, many=many) for each in measures]


def one(
    before: Document, after: Document | None, users: Iterable[Any], *, retired: Iterable[str] = ()
) -> Measured:
    """The only measure of a change of one attribute."""
    (found,) = counted([before], wanted(*([after] if after else []), retired=retired), users)
    return found


def users_with(held: Iterable[Any]) -> list[Document]:
    return [{"id": str(number), URN.upper(): {"BADGE": value}} for number, value in enumerate(held)]


def badge(**members: Any) -> Document:
    return {"name": "badge", **members}


# What is derived from the change


CHANGES: list[tuple[str, Document, Document | None]] = [
    ("required", {}, {"required": True}),
    ("uniqueness", {}, {"uniqueness": "server"}),
    ("uniqueness", {"uniqueness": "server"}, {"uniqueness": "global"}),
    ("canonicalValues", {"canonicalValues": ["a", "b"]}, {"canonicalValues": ["a"]}),
    ("canonicalValues", {}, {"canonicalValues": ["a"]}),
    ("type", {"type": "string"}, {"type": "integer"}),
    ("type", {"type": "integer"}, {"type": "decimal"}),
    ("pattern", {}, {"pattern": "[A-Z]+"}),
    ("pattern", {"regEx": ".*"}, {"regEx": "[A-Z]+"}),
    ("multiValued", {"multiValued": True}, {}),
    ("caseExact", {}, {"caseExact": True}),
    ("caseExact", {"caseExact": True}, {}),
    ("removed", {}, None),
]
UNCOUNTED: list[tuple[Document, Document]] = [
    ({"required": True}, {}),
    ({"uniqueness": "global"}, {"uniqueness": "server"}),
    ({"canonicalValues": ["a"]}, {"canonicalValues": ["a", "b"]}),
    ({"canonicalValues": ["a"]}, {}),
    ({"multiValued": False}, {"multiValued": True}),
    ({"mutability": "readWrite"}, {"mutability": "readOnly"}),
    ({"returned": "always"}, {"returned": "request"}),
    ({"description": "old"}, {"description": "new"}),
    ({"pattern": "a"}, {}),
]


@pytest.mark.parametrize(("kind", "before", "after"), CHANGES)
def test_each_change_that_hurts_users_is_one_measure(
    kind: str, before: Document, after: Document | None
) -> None:
    attributes = [badge(**after)] if after is not None else []

    (found,) = measures_of(schema(badge(**before)), wanted(*attributes))

    assert (found.name, found.kind, found.obstacle) == ("badge", kind, None)


@pytest.mark.parametrize(("before", "after"), UNCOUNTED)
def test_what_takes_nothing_from_users_is_not_counted(before: Document, after: Document) -> None:
    assert measures_of(schema(badge(**before)), wanted(badge(**after))) == ()


def test_where_the_schema_is_absent_nobody_is_counted() -> None:
    assert measures_of(None, wanted(badge(required=True))) == ()


def test_what_is_removed_with_a_tombstone_is_retired() -> None:
    (found,) = measures_of(schema(badge()), wanted(retired=["BADGE"]))

    assert found.kind == "retired"


def test_a_new_and_required_attribute_is_counted_by_who_has_none() -> None:
    found = counted([], wanted(badge(required=True)), users_with(["a", None]))

    assert found == [Measured(path="badge", kind=found[0].kind, users=1, of=2, risk=Risk.MANY)]
    assert found[0].kind == "required"


def test_measures_of_one_change_stand_by_path_and_kind() -> None:
    before = [badge(), {"name": "area"}]
    after = wanted(
        badge(required=True, caseExact=True, uniqueness="server"),
        {"name": "area", "required": True},
    )

    found = [(each.name, str(each.kind)) for each in measures_of(schema(*before), after)]

    assert found == [
        ("area", "required"), ("badge", "caseExact"), ("badge", "required"),
        ("badge", "uniqueness"),
    ]  # fmt: skip


@pytest.mark.parametrize("hidden", [{"returned": "never"}, {"mutability": "writeOnly"}])
def test_values_that_no_answer_holds_are_unknown(hidden: Document) -> None:
    part = {"name": "room", **hidden}
    before = [badge(**hidden), {**PART, "subAttributes": [part]}]
    after = wanted(
        badge(**hidden, required=True), {**PART, "subAttributes": [{**part, "required": True}]}
    )

    found = counted(before, after, users_with(["a"]))

    assert [(each.users, each.of, each.risk) for each in found] == 2 * [(None, None, "unknown")]
    assert all(each.obstacle for each in measures_of(schema(*before), after))


def test_parts_of_what_no_answer_holds_are_unknown() -> None:
    hidden = {**PART, "returned": "never"}
    before = {**hidden, "subAttributes": [{"name": "room"}]}
    after = {**hidden, "subAttributes": [{"name": "room", "required": True}]}

    assert one(before, after, []).risk == "unknown"


def test_a_type_that_is_none_of_the_rfc_is_unknown() -> None:
    assert one(badge(), badge(type="money"), users_with(["a"])).risk == "unknown"


def test_a_pattern_with_choices_is_unknown() -> None:
    assert one(badge(), badge(pattern="(a+)+"), users_with(["a"])).risk == "unknown"


def test_a_value_too_long_for_a_pattern_makes_that_unknown() -> None:
    found = one(badge(), badge(pattern="a*"), users_with(["b", "a" * 1000, "b"]))

    assert found == unmeasured(measures_of(schema(badge()), wanted(badge(pattern="a*")))[0])


def test_an_attribute_that_a_service_lists_twice_is_counted_by_its_name() -> None:
    before = [badge(type="integer"), badge(type="string")]

    found = counted(before, wanted(badge(type="integer")), users_with([1, None]))

    assert [(each.path, each.users) for each in found] == [("badge#2", 1)]


@given(pairs())
def test_a_measure_stands_where_a_rule_about_changes_finds_something_to_count(
    pair: tuple[Document, Document],
) -> None:
    before, after = map(Schema.from_json, pair)
    extension = replace(wanted(), schema=replace(after, id=before.id))

    measured = {each.kind for each in measures_of(before, extension)}
    rules = {impact.rule for impact in assess(before, extension, None).impacts}

    counting = {rule.id: rule.counts for rule in CHANGE_RULES if rule.counts}
    found = {counting[id_] for id_ in rules if id_ in counting}
    several = {kind for kind in found if kind == "multiValued"}
    assert found - several <= measured <= found


# What is counted


def test_an_attribute_is_found_whatever_the_case_of_its_names() -> None:
    users = [{URN: {"badge": "a"}}, {URN.title(): {"Badge": "b"}}, {"other": {"badge": "c"}}, 7]

    assert one(badge(), None, users).users == 2


@pytest.mark.parametrize("several", [False, True])
@pytest.mark.parametrize(
    ("kind", "before", "after"),
    [
        ("required", {}, {"required": True}),
        ("uniqueness", {}, {"uniqueness": "server"}),
        ("uniqueness", {"caseExact": True}, {"caseExact": True, "uniqueness": "global"}),
        ("canonicalValues", {"canonicalValues": ["North", "b"]}, {"canonicalValues": ["North"]}),
        (
            "canonicalValues",
            {"caseExact": True},
            {"caseExact": True, "canonicalValues": ["North", "a"]},
        ),
        ("caseExact", {}, {"caseExact": True}),
        ("caseExact", {"caseExact": True}, {}),
        ("removed", {}, None),
        ("retired", {}, None),
    ],
)
@given(data=st.data())
def test_texts_are_counted_as_a_person_would(
    kind: str, before: Document, after: Document | None, several: bool, data: st.DataObject
) -> None:
    held = data.draw(populations(st.sampled_from(TEXTS), several=several))
    shape = {"multiValued": several}
    stones = ["badge"] if kind == "retired" else []
    wanted_badge = None if after is None else badge(**shape, **after)

    found = one(badge(**shape, **before), wanted_badge, users_with(held), retired=stones)

    assert (found.kind, found.of) == (kind, len(held))
    assert found.users == expected(kind, held, after=after or {})


@given(held=populations(st.sampled_from(TEXTS), several=True))
def test_single_instead_of_several_counts_who_holds_more_than_one(held: list[Any]) -> None:
    found = one(badge(multiValued=True), badge(), users_with(held))

    assert found.users == expected("multiValued", held, after={})


TYPES = [
    "string", "boolean", "decimal", "integer", "dateTime", "binary", "reference", "complex"
]  # fmt: skip


@pytest.mark.parametrize("was", TYPES)
@pytest.mark.parametrize("now", TYPES)
@given(data=st.data())
@settings(max_examples=10)
def test_every_pair_of_types_counts_the_values_that_do_not_parse(
    was: str, now: str, data: st.DataObject
) -> None:
    if was == now:
        return
    several = data.draw(st.booleans())
    samples = [value for value, _ in SAMPLES if not isinstance(value, list)]
    held = data.draw(populations(st.sampled_from(samples), several=several))
    shape = {"multiValued": several}

    found = one(badge(**shape, type=was), badge(**shape, type=now), users_with(held))

    assert (found.kind, found.users) == ("type", expected("type", held, after={"type": now}))


def desks(*rooms: Any) -> Document:
    return {URN: {"desk": [{"room": room, "floor": 1} for room in rooms]}}


@pytest.mark.parametrize(
    ("kind", "before", "after", "hurt"),
    [
        ("required", {}, {"required": True}, 2),
        ("uniqueness", {}, {"uniqueness": "server"}, 3),
        ("uniqueness", {"caseExact": True}, {"caseExact": True, "uniqueness": "server"}, 2),
        ("canonicalValues", {"canonicalValues": ["a", "b"]}, {"canonicalValues": ["a"]}, 2),
        ("type", {}, {"type": "boolean"}, 4),
        ("pattern", {}, {"pattern": "[ab]"}, 2),
        ("multiValued", {"multiValued": True}, {}, 1),
        ("caseExact", {}, {"caseExact": True}, 3),
        ("removed", {}, None, 4),
    ],
)
def test_parts_of_several_values_are_counted_in_each_of_them(
    kind: str, before: Document, after: Document | None, hurt: int
) -> None:
    users = [desks("a", "a"), desks("A"), desks("b", None), desks(None), desks(["a", "c"]), {}]
    shape = {**PART, "multiValued": True}
    floor = {"name": "floor"}
    rooms = [] if after is None else [{"name": "room", **after}]

    found = one(
        {**shape, "subAttributes": [{"name": "room", **before}, floor]},
        {**shape, "subAttributes": [*rooms, floor]},
        users,
    )

    assert (found.path, found.kind, found.users, found.of) == ("desk.room", kind, hurt, 6)


def test_references_are_told_apart_by_case_when_they_become_unique() -> None:
    held = ["https://example.com/A", "https://example.com/a"]
    reference = badge(type="reference")

    assert one(reference, {**reference, "uniqueness": "server"}, users_with(held)).users == 0


def test_numbers_are_told_apart_by_what_they_are_worth() -> None:
    number = badge(type="decimal")

    assert one(number, {**number, "uniqueness": "server"}, users_with([1, 1.0, 2.5])).users == 2


def test_one_user_who_holds_a_value_twice_shares_it_with_nobody() -> None:
    several = badge(multiValued=True)

    assert one(several, {**several, "uniqueness": "server"}, users_with([["a", "a"]])).users == 0


def test_attributes_of_several_schemas_are_counted_in_one_pass() -> None:
    other = replace(
        wanted(badge(required=True)),
        schema=Schema.from_json({"id": "urn:example:other", "attributes": [badge(required=True)]}),
    )
    there = Schema.from_json({"id": "urn:example:other", "attributes": [badge()]})
    measures = [
        *measures_of(schema(badge()), wanted(badge(required=True))),
        *measures_of(there, other),
    ]
    counts = Counts(measures)
    counts.add({URN: {"badge": "a"}})

    assert [counts.measured(each, many=5).users for each in measures] == [0, 1]


def test_attributes_of_the_own_schema_stand_in_the_resource_itself() -> None:
    (measure,) = measures_of(schema(badge()), wanted(badge(required=True)))
    counts = Counts([measure], own=URN.upper())
    for user in ({"Badge": "a"}, {URN: {"badge": "b"}}, {}):
        counts.add(user)

    assert counts.measured(measure, many=5).users == 2


@pytest.mark.parametrize("attributes", [5, 10])
def test_a_count_takes_as_many_steps_a_user_and_attribute_whatever_their_numbers(
    attributes: int,
) -> None:
    names = [f"a{number}" for number in range(attributes)]
    measures = measures_of(
        schema(*({"name": name} for name in names)),
        wanted(*({"name": name, "required": True, "uniqueness": "server"} for name in names)),
    )

    def steps(users: int) -> int:
        counts = Counts(measures)
        people = [{URN: {name: f"{name}-{user}" for name in names}} for user in range(users)]
        return sum(counted_calls(lambda: deque(map(counts.add, people), maxlen=0)).values())

    once, twice = steps(100), steps(200)
    assert twice <= 2 * once
    assert once <= 100 * (attributes * 30 + 30)


def test_counts_know_whether_anybody_has_held_a_value() -> None:
    (measure,) = measures_of(schema(badge()), wanted(badge(required=True)))
    counts = Counts([measure])

    counts.add({URN: {"badge": ""}})
    assert not counts.has_seen(measure)
    counts.add({URN: {"badge": "a"}})
    assert counts.has_seen(measure)


@pytest.mark.parametrize(
    ("part", "requested"),
    [({}, ("desk",)), ({"returned": "request"}, ("desk", "desk.room"))],
)
def test_a_part_is_requested_with_what_it_is_a_part_of(
    part: Document, requested: tuple[str, ...]
) -> None:
    before = {**PART, "subAttributes": [{"name": "room", **part}]}
    after = {**PART, "subAttributes": [{"name": "room", **part, "required": True}]}

    (measure,) = measures_of(schema(before), wanted(after))

    assert measure.requested == requested


def test_an_attribute_is_requested_by_its_name() -> None:
    (measure,) = measures_of(schema(badge(returned="request")), wanted())

    assert measure.requested == ("badge",)


# Risk


@pytest.mark.parametrize(
    ("users", "total", "many", "risk"),
    [
        (0, 0, 5, "none"),
        (0, 100, 5, "none"),
        (1, 100, 5, "some"),
        (4, 100, 5, "some"),
        (5, 100, 5, "many"),
        (1, 1, 100, "many"),
        (1, 1000, 0.1, "many"),
        (1, 1001, 0.1, "some"),
    ],
)
def test_risk_is_a_class_of_the_share(users: int, total: int, many: float, risk: str) -> None:
    assert Risk.of(users, total, many) == risk


ORDER = ["none", "some", "many", "unknown"]


@pytest.mark.parametrize("now", ORDER)
@pytest.mark.parametrize("accepted", ORDER)
def test_a_risk_exceeds_a_smaller_one_and_whatever_was_known(now: str, accepted: str) -> None:
    risen = accepted != "unknown" and ORDER.index(now) > ORDER.index(accepted)

    assert Risk(now).exceeds(Risk(accepted)) == risen


# What is deprecated


def deprecated(*names: str) -> SchemaExtension:
    notices = tuple(Deprecated(name=name, since="2026-12-01") for name in names)
    return replace(wanted(*DESK), deprecated=notices)


DESK: tuple[Document, ...] = (
    {"name": "badge"},
    {"name": "pin", "returned": "never", "subAttributes": [{"name": "digits"}]},
    {"name": "desk", "type": "complex", "multiValued": True, "subAttributes": [{"name": "floor"}]},
)


def still_held(live: Schema | None, extension: SchemaExtension, held: Iterable[Any]) -> Any:
    found = deprecated_of(live, extension)
    counts = Counts(attribute for _, attribute in found)
    for each in held:
        counts.add({URN.upper(): each})
    return {notice.name: counts.users(attribute) for notice, attribute in found}


def test_of_what_is_deprecated_those_are_counted_who_hold_a_value() -> None:
    held = [{"badge": "1"}, {"BADGE": "2", "desk": [{}, {"floor": 0}]}, {"badge": ""}, {"desk": []}]

    found = still_held(schema(*DESK), deprecated("Badge", "desk.floor", "desk"), held)

    assert found == {"Badge": 2, "desk.floor": 1, "desk": 1}


@pytest.mark.parametrize("several", [False, True])
@given(data=st.data())
def test_whoever_holds_what_is_deprecated_is_counted_as_a_person_would(
    several: bool, data: st.DataObject
) -> None:
    samples = [value for value, _ in SAMPLES if not isinstance(value, list)]
    held = data.draw(populations(st.sampled_from(samples), several=several))

    found = still_held(schema(*DESK), deprecated("badge"), [{"badge": value} for value in held])

    assert found == {"badge": expected("removed", held, after={})}


def test_what_is_deprecated_and_hidden_is_not_known() -> None:
    found = still_held(schema(*DESK), deprecated("pin", "pin.digits"), [{"pin": {"digits": "1"}}])

    assert found == {"pin": None, "pin.digits": None}


def test_what_is_deprecated_and_not_live_is_not_counted() -> None:
    assert deprecated_of(None, deprecated("badge")) == ()
    assert deprecated_of(schema(*DESK[1:]), deprecated("badge")) == ()


# ------------------------------------------------ values that were there before their attribute


@pytest.mark.parametrize(
    ("new", "kinds"),
    [
        ({}, set()),
        ({"type": "integer"}, {"type"}),
        ({"canonicalValues": ["a"]}, {"canonicalValues"}),
        ({"type": "integer", "canonicalValues": ["1"]}, {"type", "canonicalValues"}),
        ({"required": True}, {"required"}),
    ],
)
def test_a_service_that_keeps_values_holds_them_against_what_is_new(
    new: Document, kinds: set[str]
) -> None:
    there, after = schema(badge()), wanted(badge(), {"name": "old", **new})

    found = measures_of(there, after, keeps_values=True)

    assert {str(each.kind) for each in found} == kinds
    assert {str(e.kind) for e in measures_of(there, after)} == kinds & {"required"}


def test_holders_of_a_value_that_a_new_attribute_refuses_are_counted() -> None:
    measures = measures_of(
        schema(badge()), wanted(badge(), {"name": "old", "canonicalValues": ["a"]}),
        keeps_values=True,
    )  # fmt: skip
    counts = Counts(measures)
    for value in ("a", "b", "c", None):
        counts.add({URN: {"old": value}})

    assert [counts.users(each) for each in measures] == [2]


def test_what_is_live_is_not_new_to_a_service_that_keeps_values() -> None:
    there, after = schema(badge(canonicalValues=["a"])), wanted(badge(canonicalValues=["a", "b"]))

    assert measures_of(there, after, keeps_values=True) == ()
