from copy import deepcopy
from typing import Any

import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st

from reconciler.domain.compatibility import obstacles
from reconciler.domain.diff import managed_view
from reconciler.domain.manifest import Manages
from reconciler.domain.scim import Schema
from tests.strategies import (
    DEFAULTS,
    KEYWORDS,
    Document,
    attribute_documents,
    disguise,
    edits,
    lower,
    schema_documents,
)

Facts = dict[tuple[str, ...], Any]


def facts(document: Document) -> Facts:
    """All that a document says, one fact a path, by rules written down here and nowhere else."""
    name = document.get("name")
    said: Facts = {("name",): name if name is None else lower(name)}
    todo: list[tuple[tuple[str, ...], Document]] = [((), a) for a in document["attributes"]]
    while todo:
        above, attribute = todo.pop()
        at = (*above, lower(attribute["name"]))
        said[at] = "is there"
        for member, value in (DEFAULTS | attribute).items():
            if member in ("name", "description", "subAttributes"):
                continue
            listed = isinstance(value, list)
            said[(*at, "." + member)] = frozenset(value) if listed else value
        for words in ("canonicalValues", "referenceTypes"):
            said.setdefault((*at, "." + words), frozenset())
        todo += [(at, sub) for sub in attribute.get("subAttributes") or []]
    return said


def safe(live: Document, desired: Document) -> bool:
    """The oracle: nothing that was said is unsaid or changed, and nothing new is demanded."""
    before, after = facts(live), facts(desired)
    if any(after.get(path) != value for path, value in before.items()):
        return False
    new = [path for path in after.keys() - before.keys() if after[path] == "is there"]
    roots = [path for path in new if path[:-1] not in new]
    return all(after[(*path, ".required")] is False for path in roots)


@st.composite
def pairs(draw: st.DrawFn) -> tuple[Document, Document]:
    """A live document and what became of it after up to three changes of any kind."""
    live = draw(schema_documents(most=3))
    desired = deepcopy(live)
    for _ in range(draw(st.integers(0, 3))):
        kind = draw(st.sampled_from(["edit", "describe", "add", "add", "remove", "add sub"]))
        attributes = desired["attributes"]
        chosen = draw(st.sampled_from(attributes)) if attributes else None
        match kind:
            case "edit":
                desired = draw(edits(desired)).document
            case "describe":
                (chosen or desired)["description"] = draw(st.none() | st.text(max_size=5))
            case "add":
                _add(attributes, draw(attribute_documents()))
            case "remove" if chosen:
                attributes.remove(chosen)
            case "add sub" if chosen and chosen.get("subAttributes"):
                _add(chosen["subAttributes"], draw(attribute_documents(nested=False)))
    return live, desired


def _add(attributes: list[Document], new: Document) -> None:
    if lower(new["name"]) not in {lower(a["name"]) for a in attributes}:
        attributes.append(new)


@settings(max_examples=250)
@given(pairs())
def test_nothing_unsafe_is_accepted_and_nothing_safe_is_refused(
    pair: tuple[Document, Document],
) -> None:
    live, desired = pair
    expected = safe(live, desired)
    event(f"safe: {expected}")
    assert (obstacles(Schema.from_json(live), Schema.from_json(desired)) == ()) is expected


@given(st.data(), pairs())
def test_a_disguise_of_live_has_the_same_obstacles(
    data: st.DataObject, pair: tuple[Document, Document]
) -> None:
    live, desired = Schema.from_json(pair[0]), Schema.from_json(pair[1])
    disguised = Schema.from_json(data.draw(disguise(pair[0], foreign=True)))
    view = managed_view(disguised, desired, Manages.SCHEMA)
    found = sorted(lower(words) for words in obstacles(view, desired))
    assert found == sorted(lower(words) for words in obstacles(live, desired))


@given(schema_documents(vendor=True))
def test_what_is_equal_has_no_obstacles(document: Document) -> None:
    assert obstacles(Schema.from_json(document), Schema.from_json(document)) == ()


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
    assert obstacles(live, desired) == ()


@pytest.mark.parametrize(
    ("live", "desired", "words"),
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
            schema({"name": "a", "canonicalValues": ["x"]}),
            schema({"name": "a", "canonicalValues": ["x", "y"]}),
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
def test_what_could_touch_a_value_is_refused_with_its_name(
    live: Schema, desired: Schema, words: str
) -> None:
    assert [lower(found) for found in obstacles(live, desired)] == [lower(words)]


@pytest.mark.parametrize("member", [*KEYWORDS, "multiValued", "required", "caseExact"])
def test_each_characteristic_may_not_change_in_either_direction(member: str) -> None:
    values = KEYWORDS.get(member, (False, True))
    for before in values:
        for after in values:
            live, desired = (
                schema({"name": "a", member: before}),
                schema({"name": "a", member: after}),
            )
            expected = () if before == after else ("characteristics of a would change",)
            assert obstacles(live, desired) == expected


def test_all_obstacles_are_named_together_and_sorted() -> None:
    live = schema({"name": "gone"}, {"name": "a"}, name="A")
    desired = schema({"name": "a", "type": "integer"}, {"name": "must", "required": True}, name="B")
    assert obstacles(live, desired) == (
        "characteristics of a would change",
        "gone exists only live",
        "must is new and required",
        "the schema's name would change",
    )
