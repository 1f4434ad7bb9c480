from typing import Any

import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st

from reconciler.domain.compatibility import changed_characteristics, obstacles
from reconciler.domain.diff import alterations, managed_view
from reconciler.domain.manifest import Manages
from reconciler.domain.scim import Schema
from tests.support.schema_pairs import pairs
from tests.support.strategies import (
    DEFAULTS,
    KEYWORDS,
    MEANT_FOR,
    TYPES,
    Document,
    disguise,
    lower,
    schema_documents,
)

Facts = dict[tuple[str, ...], Any]


def facts(document: Document) -> Facts:
    """All that a document says, one fact a path, by rules written down here and nowhere else."""
    name = document.get("name") or None
    stated: Facts = {("name",): name if name is None else lower(name)}
    todo: list[tuple[tuple[str, ...], Document]] = [((), a) for a in document["attributes"]]
    while todo:
        above, attribute = todo.pop()
        at = (*above, lower(attribute["name"]))
        stated[at] = "is there"
        kind = attribute.get("type", DEFAULTS["type"])
        for member, value in (DEFAULTS | attribute).items():
            if member in ("name", "description", "subAttributes"):
                continue
            if kind not in MEANT_FOR.get(member, TYPES):
                continue
            listed = isinstance(value, list)
            stated[(*at, "." + member)] = frozenset(value) if listed else value
        for texts in ("canonicalValues", "referenceTypes"):
            stated.setdefault((*at, "." + texts), frozenset())
        todo += [(at, sub) for sub in attribute.get("subAttributes") or []]
    return stated


LOOSER: dict[str, set[tuple[Any, Any]]] = {
    ".required": {(True, False)},
    ".uniqueness": {("global", "server"), ("global", "none"), ("server", "none")},
    ".mutability": {
        ("readOnly", "immutable"), ("readOnly", "readWrite"), ("immutable", "readWrite"),
    },
}  # fmt: skip


def kept(path: tuple[str, ...], before: Any, after: Any) -> bool:
    """Whether a fact stays true for everybody who relied on it, or is only demanded less."""
    if path[-1] == ".canonicalValues" and before and after is not None:
        return bool(before <= after)
    return before == after or (before, after) in LOOSER.get(path[-1], set())


def safe(live: Document, desired: Document) -> bool:
    """The oracle: nothing that was said is unsaid or narrowed, and nothing new is demanded."""
    before, after = facts(live), facts(desired)
    if not all(kept(path, value, after.get(path)) for path, value in before.items()):
        return False
    new = [path for path in after.keys() - before.keys() if after[path] == "is there"]
    roots = [path for path in new if path[:-1] not in new]
    return all(after[(*path, ".required")] is False for path in roots)


@settings(max_examples=250)
@given(pairs())
def test_nothing_unsafe_is_accepted_and_nothing_safe_is_refused(
    pair: tuple[Document, Document],
) -> None:
    require_what_the_oracle_says(*pair)


@pytest.mark.chaos
@pytest.mark.timeout(3600)  # one test of so many, on a machine that may be busy
@settings(max_examples=5_000, deadline=None)
@given(pairs())
def test_nothing_unsafe_is_accepted_in_five_thousand_pairs(
    pair: tuple[Document, Document],
) -> None:
    require_what_the_oracle_says(*pair)


def require_what_the_oracle_says(live: Document, desired: Document) -> None:
    expected = safe(live, desired)
    event(f"safe: {expected}")
    assert (
        obstacles(alterations(Schema.from_json(live), Schema.from_json(desired))) == ()
    ) is expected


@given(st.data(), pairs())
def test_another_spelling_of_live_has_the_same_obstacles(
    data: st.DataObject, pair: tuple[Document, Document]
) -> None:
    live, desired = Schema.from_json(pair[0]), Schema.from_json(pair[1])
    disguised = Schema.from_json(data.draw(disguise(pair[0], foreign=True)))
    view = managed_view(disguised, desired, Manages.SCHEMA)
    found = sorted(lower(texts) for texts in obstacles(alterations(view, desired)))
    assert found == sorted(lower(texts) for texts in obstacles(alterations(live, desired)))


@given(schema_documents(vendor=True))
def test_equal_schemas_have_no_obstacles(document: Document) -> None:
    assert obstacles(alterations(Schema.from_json(document), Schema.from_json(document))) == ()


def schema(*attributes: Any, **members: Any) -> Schema:
    return Schema.from_json({"id": "urn:x", "attributes": list(attributes), **members})


def complex_(*subs: Any, **members: Any) -> Document:
    return {"name": "grade", "type": "complex", "subAttributes": list(subs), **members}


@pytest.mark.parametrize(
    ("live", "desired"),
    [
        (schema(description="old"), schema(description="new")),
        (schema(description="old"), schema()),
        (schema({"name": "a", "description": "old"}), schema({"name": "a"})),
        (schema(), schema({"name": "a"})),
        (schema(), schema({"name": "a", "mutability": "immutable", "uniqueness": "server"})),
        (schema(complex_({"name": "a"})), schema(complex_({"name": "a"}, {"name": "b"}))),
        (
            schema(complex_({"name": "a", "description": "x"})),
            schema(complex_({"name": "a", "description": "y"}, description="z")),
        ),
        (schema(), schema(complex_({"name": "a", "required": True}))),
        (schema(name="HR"), schema(name="hr", description="new")),
    ],
)
def test_descriptions_and_new_optional_attributes_can_be_written(
    live: Schema, desired: Schema
) -> None:
    assert live != desired
    assert obstacles(alterations(live, desired)) == ()


@pytest.mark.parametrize(
    ("live", "desired", "texts"),
    [
        (schema(name="A"), schema(name="B"), "the schema's name would change"),
        (schema(name="A"), schema(), "the schema's name would change"),
        (schema(x=1), schema(x=2), "a vendor member of the schema would change"),
        (schema(), schema(x=2), "a vendor member of the schema would change"),
        (schema({"name": "payCode"}), schema(), "payCode exists only live"),
        (schema(), schema({"name": "a", "required": True}), "a is new and required"),
        (schema(complex_({"name": "b"})), schema(complex_()), "grade: b exists only live"),
        (
            schema(complex_({"name": "b"})),
            schema(complex_({"name": "b"}, {"name": "c", "required": True})),
            "grade: c is new and required",
        ),
        (
            schema(complex_({"name": "b"})),
            schema(complex_({"name": "b", "type": "integer"})),
            "grade: characteristics of b would change",
        ),
        (
            schema({"name": "a", "x": 1}),
            schema({"name": "a", "x": 2}),
            "characteristics of a would change",
        ),
        (
            schema({"name": "a", "canonicalValues": ["x", "y"]}),
            schema({"name": "a", "canonicalValues": ["x", "z"]}),
            "characteristics of a would change",
        ),
        (
            schema({"name": "a", "canonicalValues": ["x"]}),
            schema({"name": "a"}),
            "characteristics of a would change",
        ),
        (
            schema({"name": "a"}),
            schema({"name": "a", "canonicalValues": ["x"]}),
            "characteristics of a would change",
        ),
        (
            schema({"name": "a"}, {"name": "A"}),
            schema({"name": "a", "description": "new"}),
            "a is listed more than once",
        ),
        (
            schema(complex_({"name": "s"}, {"name": "s"})),
            schema(complex_({"name": "s"})),
            "grade: s is listed more than once",
        ),
    ],
)
def test_a_change_that_could_touch_a_value_is_an_obstacle_with_its_name(
    live: Schema, desired: Schema, texts: str
) -> None:
    assert [lower(found) for found in obstacles(alterations(live, desired))] == [lower(texts)]


@pytest.mark.parametrize("member", [*KEYWORDS, "multiValued", "required", "caseExact"])
def test_a_characteristic_may_change_only_where_that_loosens_it(member: str) -> None:
    values = KEYWORDS.get(member, (False, True))
    for before in values:
        for after in values:
            live, desired = (
                schema({"name": "a", member: before}),
                schema({"name": "a", member: after}),
            )
            fine = before == after or (before, after) in LOOSER.get("." + member, set())
            expected = () if fine else ("characteristics of a would change",)
            assert obstacles(alterations(live, desired)) == expected


@pytest.mark.parametrize(
    ("live", "desired"),
    [
        (schema({"name": "a", "required": True}), schema({"name": "a"})),
        (
            schema(complex_({"name": "a", "uniqueness": "global"})),
            schema(complex_({"name": "a", "uniqueness": "server"})),
        ),
        (schema({"name": "a", "mutability": "immutable"}), schema({"name": "a"})),
        (
            schema({"name": "a", "canonicalValues": ["x"]}),
            schema({"name": "a", "canonicalValues": ["y", "x"]}),
        ),
    ],
)
def test_a_change_that_only_loosens_has_no_obstacle(live: Schema, desired: Schema) -> None:
    assert live != desired
    assert obstacles(alterations(live, desired)) == ()


def test_an_update_may_not_return_what_was_hidden() -> None:
    live = schema({"name": "a", "returned": "never", "mutability": "writeOnly"})
    assert obstacles(
        alterations(live, schema({"name": "a", "returned": "default", "mutability": "writeOnly"}))
    )
    assert obstacles(
        alterations(live, schema({"name": "a", "returned": "never", "mutability": "readWrite"}))
    )


# Which characteristics differ


def test_each_changed_characteristic_is_named_with_its_attribute() -> None:
    live = schema({"name": "A", "idcsSearchable": True}, complex_({"name": "b"}), {"name": "gone"})
    desired = schema(
        {"name": "a", "type": "integer", "required": True, "idcsSearchable": False},
        complex_({"name": "b", "caseExact": True, "description": "x"}),
        {"name": "new", "required": True},
    )
    assert changed_characteristics(alterations(live, desired)) == (
        ("a", "idcsSearchable"), ("a", "required"), ("a", "type"),
        ("grade.b", "caseExact"), ("grade.b", "description"),
    )  # fmt: skip


@settings(max_examples=100)
@given(pairs())
def test_equal_schemas_have_no_alterations(
    pair: tuple[Document, Document],
) -> None:
    live, desired = Schema.from_json(pair[0]), Schema.from_json(pair[1])
    found = changed_characteristics(alterations(live, desired))
    both = {a.key for a in live.attributes} & {a.key for a in desired.attributes}
    same = all(live.attribute(key) == desired.attribute(key) for key in both)
    event(f"the same: {same}")
    assert {lower(name.split(".")[0]) for name, _ in found} <= both
    assert not (same and found)
    assert changed_characteristics(alterations(live, live)) == ()


def test_all_obstacles_are_named_together_and_sorted() -> None:
    live = schema({"name": "gone"}, {"name": "a"}, name="A")
    desired = schema({"name": "a", "type": "integer"}, {"name": "must", "required": True}, name="B")
    assert obstacles(alterations(live, desired)) == (
        "characteristics of a would change",
        "gone exists only live",
        "must is new and required",
        "the schema's name would change",
    )
