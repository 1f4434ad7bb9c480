"""A saved plan is only trusted to have the shape of one: whatever has it is printed."""

from collections.abc import Iterable, Iterator
from copy import deepcopy
from typing import Any

from reconciler.adapters.jsonschemas import check
from reconciler.domain.jsontext import Json
from reconciler.render.paint import Paint
from reconciler.render.plan_markdown import plan_markdown
from reconciler.render.plan_text import plan_text
from tests.support.markdown_world import rich

OTHERS: tuple[Any, ...] = (None, {}, [], "x", 0, [None], {"a": {}}, [{}])


def places(value: Json, at: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    yield at
    inner: Iterable[tuple[Any, Json]] = ()
    if isinstance(value, dict):
        inner = value.items()
    elif isinstance(value, list):
        inner = enumerate(value)
    for step, one in inner:
        yield from places(one, (*at, step))


def edited(document: Json, at: tuple[Any, ...], value: Any) -> Json:
    if not at:
        return value
    changed = deepcopy(document)
    holder = changed
    for step in at[:-1]:
        holder = holder[step]
    holder[at[-1]] = value
    return changed


def without(document: Json, at: tuple[Any, ...]) -> Json:
    changed = deepcopy(document)
    holder = changed
    for step in at[:-1]:
        holder = holder[step]
    del holder[at[-1]]
    return changed


def small() -> Json:
    """One tenant of each kind that says something of its own."""
    document = rich()
    kept = ("drifted", "incompatible", "risky", "unreadable")
    document["tenants"] = [t for t in document["tenants"] if t["name"] in kept]
    return document


def kinds_of_places() -> list[tuple[Any, ...]]:
    """Each place once, however many tenants, changes and attributes have it."""
    seen: dict[tuple[Any, ...], tuple[Any, ...]] = {}
    for at in places(small()):
        seen.setdefault(tuple("*" if isinstance(step, int) else step for step in at), at)
    return list(seen.values())


def test_a_file_with_the_shape_of_a_plan_is_printed_in_every_format():
    document, printed = small(), 0

    for at in kinds_of_places():
        candidates = [edited(document, at, other) for other in OTHERS]
        candidates += [without(document, at)] if at else []
        for candidate in candidates:
            if not check(candidate, "plan", most=1):
                assert "".join(plan_text(candidate, paint=Paint())), at
                assert plan_markdown(candidate), at
                printed += 1

    assert printed > 50


def test_a_create_without_a_desired_schema_is_printed_without_attributes():
    document = small()
    [change] = [
        change
        for tenant in document["tenants"]
        for change in tenant["changes"]
        if change["action"] == "create"
    ]
    change["after"] = None

    assert check(document, "plan") == ()
    name, urn = change["manifest"], change["schema_id"]
    assert f"+ create: {name}  {urn}" in "".join(plan_text(document, paint=Paint()))
    assert f"`+` **create**: `{name}`, `{urn}`" in plan_markdown(document)
