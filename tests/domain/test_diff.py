from collections.abc import Iterable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.domain.compatibility import changed_characteristics, obstacles
from reconciler.domain.diff import (
    Alteration,
    Difference,
    Standing,
    alterations,
    differences,
    harms,
    managed_view,
    standing,
)
from reconciler.domain.manifest import Manages
from reconciler.domain.scim import ABSENT, DEFAULTS, MalformedSchema, Schema
from tests.support.calls import counted_calls
from tests.support.strategies import (
    attribute_documents,
    disguise,
    edits,
    lower,
    names,
    odd_documents,
    schema_documents,
)


def schema(*attributes: Any, **members: Any) -> Schema:
    return Schema.from_json({"id": "urn:x", "attributes": list(attributes), **members})


def reported(live: Schema, desired: Schema) -> dict[str, tuple[Any, Any]]:
    return {d.path: (d.live, d.desired) for d in differences(live, desired)}


# Laws


@given(st.data(), schema_documents(vendor=True))
def test_another_spelling_of_a_schema_has_no_difference(data: st.DataObject, document: Any) -> None:
    desired = Schema.from_json(document)
    live = Schema.from_json(data.draw(disguise(document, foreign=True)))
    assert differences(managed_view(live, desired, Manages.SCHEMA), desired) == ()


@given(st.data(), schema_documents(vendor=True))
def test_each_single_change_is_named_by_its_path_with_both_values(
    data: st.DataObject, document: Any
) -> None:
    edit = data.draw(edits(document))
    live, desired = Schema.from_json(document), Schema.from_json(edit.document)
    assert differences(live, desired) == (Difference(edit.path, edit.before, edit.after),)
    assert differences(desired, live) == (Difference(edit.path, edit.after, edit.before),)


@given(schema_documents(vendor=True), schema_documents(vendor=True), st.sampled_from(Manages))
def test_differences_are_empty_exactly_when_the_managed_view_is_as_desired(
    one: Any, other: Any, manages: Manages
) -> None:
    desired = Schema.from_json(other)
    view = managed_view(Schema.from_json(one | {"id": other["id"]}), desired, manages)
    assert bool(differences(view, desired)) is (view != desired)


@given(
    st.lists(attribute_documents(vendor=True), max_size=4),
    st.lists(attribute_documents(vendor=True), max_size=4),
    st.booleans(),
)
def test_differences_and_changed_characteristics_are_views_of_the_same_alterations(
    one: Any, other: Any, twins: bool
) -> None:
    for attribute in (*one, *other) if twins else ():
        attribute["name"] = attribute["name"][:1]
    live, desired = schema(*one), schema(*other)
    found, back = alterations(live, desired), alterations(desired, live)
    assert bool(found) is (live != desired)
    assert [d.path for d in differences(live, desired)] == sorted_paths(found)
    assert changed_characteristics(found) == tuple(
        sorted((each.name, each.member) for each in found if each.member)
    )
    assert [(lower(each.name), each.member, each.after, each.before) for each in back] == [
        (lower(each.name), each.member, each.before, each.after) for each in found
    ]


def sorted_paths(found: Iterable[Alteration]) -> list[str]:
    """The paths of differences, made anew: each name below `attributes` or `subAttributes`."""
    paths = []
    for each in found:
        first, *rest = each.path
        steps = ["attributes", first]
        for name in rest:
            steps += ["subAttributes", name]
        paths.append([*steps, each.member] if each.member else steps)
    return [".".join(steps) for steps in sorted(paths, key=lambda steps: [*map(lower, steps)])]


def test_an_alteration_has_both_attributes_and_the_member_that_differs() -> None:
    live = schema({"name": "A", "type": "complex", "subAttributes": [{"name": "b"}]}, {"name": "c"})
    desired = schema(
        {"name": "a", "type": "complex", "subAttributes": [{"name": "B", "required": True}]},
        {"name": "d"},
        description="x",
    )
    (a, c), (new, d) = live.attributes, desired.attributes
    assert alterations(live, desired) == (
        Alteration(path=(), member="description"),
        Alteration(
            path=("a", "B"),
            member="required",
            before=a.sub_attributes[0],
            after=new.sub_attributes[0],
        ),
        Alteration(path=("c",), before=c),
        Alteration(path=("d",), after=d),
    )


@pytest.mark.parametrize("desired", [schema({"name": "a"}), schema({"name": "a"}, {"name": "b"})])
def test_a_name_that_live_lists_twice_is_an_obstacle(desired: Schema) -> None:
    live = schema({"name": "A"}, {"name": "a", "type": "integer"})
    assert "a is listed more than once" in obstacles(alterations(live, desired))


@given(odd_documents(), odd_documents())
def test_differences_never_raise_whatever_a_service_serves(one: Any, other: Any) -> None:
    try:
        live, desired = Schema.from_json(one), Schema.from_json(other)
    except MalformedSchema:
        return
    found = differences(live, desired)
    assert bool(found) is (live != desired)
    assert [d.path for d in differences(desired, live)] == [d.path for d in found]


@given(
    st.lists(attribute_documents(vendor=True), max_size=3),
    st.lists(attribute_documents(vendor=True), max_size=3),
)
def test_lists_with_twins_are_equal_exactly_when_there_are_no_differences(
    one: Any, other: Any
) -> None:
    for attribute in (*one, *other):
        attribute["name"] = attribute["name"][:1]  # so that twins are likely
    live, desired = schema(*one), schema(*other)
    assert bool(differences(live, desired)) is (live != desired)


@given(
    st.data(),
    schema_documents(vendor=True),
    schema_documents(vendor=True),
    st.sampled_from(Manages),
)
def test_the_managed_view_does_not_depend_on_spelling(
    data: st.DataObject, one: Any, other: Any, manages: Manages
) -> None:
    desired = Schema.from_json(other)
    disguised = data.draw(disguise(one, foreign=True))
    view = managed_view(Schema.from_json(one), desired, manages)
    again = managed_view(Schema.from_json(disguised), desired, manages)
    assert again == view
    assert again.fingerprint() == view.fingerprint()
    before, after = differences(view, desired), differences(again, desired)
    assert [lower(d.path) for d in after] == [lower(d.path) for d in before]


@given(schema_documents(vendor=True), schema_documents(vendor=True), st.sampled_from(Manages))
def test_the_managed_view_of_a_managed_view_is_itself(
    one: Any, other: Any, manages: Manages
) -> None:
    desired = Schema.from_json(other)
    view = managed_view(Schema.from_json(one), desired, manages)
    assert managed_view(view, desired, manages) == view


@given(schema_documents(), names, names)
def test_a_removed_and_an_added_attribute_are_two_differences_and_no_rename(
    document: Any, gone: str, new: str
) -> None:
    others = [
        a for a in document["attributes"] if lower(a["name"]) not in (lower(gone), lower(new))
    ]
    live = Schema.from_json(document | {"attributes": [*others, {"name": gone, "type": "integer"}]})
    desired = Schema.from_json(document | {"attributes": [{"name": new}, *others]})

    found = reported(live, desired)

    if lower(gone) == lower(new):
        assert found == {f"attributes.{new}.type": ("integer", "string")}
    else:
        assert set(found) == {f"attributes.{gone}", f"attributes.{new}"}
        assert found[f"attributes.{gone}"][0]["type"] == "integer"
        assert found[f"attributes.{gone}"][1] is None
        assert found[f"attributes.{new}"][0] is None


# Cases


def test_an_attribute_on_one_side_only_is_one_difference_with_what_it_says() -> None:
    live = schema({"name": "a"})
    desired = schema({"name": "a"}, {"name": "payCode", "required": True, "canonicalValues": ["x"]})
    assert differences(live, desired) == (
        Difference(
            "attributes.payCode",
            None,
            {
                "name": "payCode",
                "type": "string",
                "multiValued": False,
                "required": True,
                "canonicalValues": ["x"],
                "caseExact": False,
                "mutability": "readWrite",
                "returned": "default",
                "uniqueness": "none",
            },
        ),
    )


def test_an_attribute_that_one_side_lacks_is_shown_with_all_that_it_says() -> None:
    part = {"name": "Part", "returned": "always", "canonicalValues": ["x"], "x-part": {"b": [1]}}
    big = {"name": "Big", "type": "complex", "subAttributes": [part], "x-big": True}
    (found,) = differences(schema(), schema(big))
    assert found.desired == {**DEFAULTS, **big, "subAttributes": [{**DEFAULTS, **part}]}
    assert differences(schema(big), schema())[0].live == found.desired


def test_a_sub_attribute_that_is_new_is_named_by_its_own_path() -> None:
    live = schema({"name": "grade", "type": "complex", "subAttributes": [{"name": "a"}]})
    desired = schema(
        {"name": "grade", "type": "complex", "subAttributes": [{"name": "a"}, {"name": "Level"}]}
    )
    assert list(reported(live, desired)) == ["attributes.grade.subAttributes.Level"]
    assert reported(desired, live)["attributes.grade.subAttributes.Level"][1] is None


def test_paths_are_spelt_as_the_manifest_spells_them_level_by_level() -> None:
    live = schema(
        {"name": "GRADE", "type": "complex", "subAttributes": [{"name": "LEVEL"}]},
        {"name": "Level", "type": "integer"},
        {"name": "ONLYLIVE"},
    )
    desired = schema(
        {"name": "grade", "type": "complex", "subAttributes": [{"name": "level", "type": "x"}]},
        {"name": "lEVEL"},
    )
    assert list(reported(live, desired)) == [
        "attributes.grade.subAttributes.level.type",
        "attributes.lEVEL.type",
        "attributes.ONLYLIVE",
    ]


def test_twins_of_one_name_are_both_shown() -> None:
    live = schema({"name": "a"}, {"name": "A", "type": "integer"})
    desired = schema({"name": "a"})
    found = reported(live, desired)
    assert any(path.startswith("attributes.a#2") for path in found)
    assert found  # a service that lists a name twice is never in sync


def test_three_of_one_name_are_three() -> None:
    kinds = ("boolean", "decimal", "integer")
    live = schema(*({"name": "a", "type": kind} for kind in kinds))
    assert list(reported(live, schema())) == ["attributes.a", "attributes.a#2", "attributes.a#3"]


def test_a_name_that_looks_like_the_mark_of_a_twin_hides_nothing() -> None:
    live = schema({"name": "a"}, {"name": "a"}, {"name": "a#2", "type": "integer"})
    for fewer in (schema({"name": "a"}, {"name": "a"}), schema({"name": "a"})):
        assert differences(live, fewer)
        assert differences(fewer, live)


def test_twins_keep_their_order_when_unmanaged_members_change() -> None:
    desired = schema({"name": "a", "type": "complex"})
    twins = [
        {"name": "a", "type": kind, "subAttributes": [{"name": "s", "x": vendor}]}
        for kind, vendor in (("string", 1), ("integer", 2))
    ]
    swapped = [
        {**twin, "subAttributes": [{"name": "s", "x": 9 - i}]} for i, twin in enumerate(twins)
    ]
    one, other = (managed_view(schema(*live), desired, Manages.SCHEMA) for live in (twins, swapped))
    assert one == other
    assert one.fingerprint() == other.fingerprint()


@pytest.mark.parametrize("name", ["a.b", "a.type", "__private", "__init__", "it's", 'a"b', "a[0]",
                                  "attributes", "#", "x#2", "", "root", "urn:a:2.0:b"])  # fmt: skip
def test_odd_names_are_differences_like_others(name: str) -> None:
    name = name or "0"
    live, desired = schema({"name": name, "type": "integer"}), schema({"name": name})
    assert differences(live, desired) == (
        Difference(f"attributes.{name}.type", "integer", "string"),
    )
    assert [d.path for d in differences(live, schema())] == [f"attributes.{name}"]


@pytest.mark.parametrize("member", ["x.y", "__secret", "it's", "size", "id.x", "subAttributes.x"])
def test_vendor_members_with_odd_names_are_differences_like_others(member: str) -> None:
    live = schema({"name": "a", member: 1})
    desired = schema({"name": "a", member: True})
    assert reported(live, desired) == {f"attributes.a.{member}": (1, True)}
    assert reported(schema(**{member: "x"}), schema()) == {member: ("x", None)}


def test_the_values_1_and_true_are_a_difference() -> None:
    assert reported(schema(x=1), schema(x=True)) == {"x": (1, True)}
    assert reported(schema(x=1), schema(x=1.0)) == {}
    assert reported(schema(x=0), schema(x=False)) == {"x": (0, False)}


def test_changed_canonical_values_are_one_difference_with_both_lists() -> None:
    live = schema({"name": "a", "canonicalValues": ["b", "a", "c"]})
    desired = schema({"name": "a", "canonicalValues": ["a", "d"]})
    assert reported(live, desired) == {
        "attributes.a.canonicalValues": (["a", "b", "c"], ["a", "d"])
    }
    assert reported(schema({"name": "a"}), desired) == {
        "attributes.a.canonicalValues": (None, ["a", "d"])
    }


def test_many_changes_come_sorted_by_path() -> None:
    live = schema({"name": "b", "type": "integer"}, {"name": "a"}, name="N", description="old")
    desired = schema({"name": "b", "required": True}, {"name": "c"}, name="M", description="new")
    paths = [d.path for d in differences(live, desired)]
    assert paths == [
        "attributes.a", "attributes.b.required", "attributes.b.type", "attributes.c",
        "description", "name",
    ]  # fmt: skip


def test_another_id_is_a_difference_too() -> None:
    assert reported(schema(), schema(id="urn:y")) == {"id": ("urn:x", "urn:y")}


# What a manifest manages


def test_an_attribute_that_only_live_has_counts_unless_only_the_listed_are_managed() -> None:
    live, desired = schema({"name": "a"}, {"name": "extra"}), schema({"name": "A"})
    assert managed_view(live, desired, Manages.SCHEMA) != desired
    assert managed_view(live, desired, Manages.ATTRIBUTES) == desired


def test_managed_attributes_compare_name_and_description_only_when_set() -> None:
    live = schema({"name": "a"}, name="Live", description="about")
    assert managed_view(live, schema({"name": "a"}), Manages.ATTRIBUTES) == schema({"name": "a"})
    for member in ("name", "description"):
        desired = schema({"name": "a"}, **{member: "other"})
        view = managed_view(live, desired, Manages.ATTRIBUTES)
        assert [d.path for d in differences(view, desired)] == [member]


def test_a_description_that_only_live_has_is_drift_of_a_managed_schema() -> None:
    live, desired = schema(description="about"), schema()
    view = managed_view(live, desired, Manages.SCHEMA)
    assert reported(view, desired) == {"description": ("about", None)}


@pytest.mark.parametrize("manages", Manages)
def test_a_listed_attribute_is_managed_whole_with_its_sub_attributes(manages: Manages) -> None:
    live = schema({"name": "a", "description": "d", "subAttributes": [{"name": "s"}]})
    desired = schema({"name": "a"})
    view = managed_view(live, desired, manages)
    assert set(reported(view, desired)) == {
        "attributes.a.description",
        "attributes.a.subAttributes.s",
    }


@pytest.mark.parametrize("manages", Manages)
def test_vendor_members_count_only_where_the_manifest_sets_them(manages: Manages) -> None:
    sub = {"name": "s", "x": 1, "y": 1}
    live = schema({"name": "a", "x": 1, "y": 1, "subAttributes": [sub]}, x=1, y=1)
    desired = schema({"name": "a", "x": 2, "subAttributes": [{"name": "s", "x": 2}]}, x=2, z=3)
    view = managed_view(live, desired, manages)
    assert reported(view, desired) == {
        "x": (1, 2),
        "z": (None, 3),
        "attributes.a.x": (1, 2),
        "attributes.a.subAttributes.s.x": (1, 2),
    }


def test_a_vendor_member_set_to_nothing_is_not_managed() -> None:
    desired = schema({"name": "a", "x": None}, y=[])
    live = schema({"name": "a", "x": 1}, y=[1])
    assert managed_view(live, desired, Manages.SCHEMA) == desired


# Standing


def test_an_absent_schema_stands_as_before_where_it_was_absent_before() -> None:
    desired = schema({"name": "a"})
    assert _standing(None, desired, before=ABSENT) is Standing.AS_BEFORE
    assert _standing(None, desired, before=desired.fingerprint()) is Standing.OTHER


def test_live_as_desired_stands_as_desired_even_where_it_was_so_before() -> None:
    desired = schema({"name": "a"})
    for before in (ABSENT, desired.fingerprint(), schema().fingerprint()):
        assert _standing(schema({"name": "A", "x": 1}), desired, before=before) is (
            Standing.AS_DESIRED
        )


def test_an_unmanaged_change_leaves_live_standing_as_before() -> None:
    desired = schema({"name": "a"}, description="new")
    before = managed_view(schema({"name": "a"}), desired, Manages.SCHEMA).fingerprint()
    assert _standing(schema({"name": "a", "x": 9}), desired, before=before) is Standing.AS_BEFORE
    assert _standing(schema({"name": "b"}), desired, before=before) is Standing.OTHER


def _standing(live: Schema | None, desired: Schema, *, before: str) -> Standing:
    return standing(live, desired=desired, manages=Manages.SCHEMA, before=before)


def test_differences_are_found_among_many_attributes() -> None:
    def big(changed: int) -> Schema:
        subs = [{"name": f"s{i}", "canonicalValues": ["a", "b"]} for i in range(5)]
        return schema(
            *(
                {
                    "name": f"attr{i}",
                    "type": "complex",
                    "description": "new" if i < changed else "a description of usual length",
                    "subAttributes": subs,
                }
                for i in range(800)
            )
        )

    assert len(differences(big(0), big(20))) == 20


# Harms


def harmed(
    before: Schema,
    after: Schema,
    *managed: str,
    manages: Manages = Manages.ATTRIBUTES,
    server_members: tuple[str, ...] = (),
) -> list[tuple[str, str]]:
    """Paths and kinds of what a write to those attributes was not about, and altered."""
    desired = Schema.from_json({"id": "urn:x", "attributes": [{"name": n} for n in managed]})
    found = harms(before, after, desired=desired, manages=manages, server_members=server_members)
    return [(harm.path, str(harm.kind)) for harm in found]


FIRST = ("type", "required")
IBAN: dict[str, Any] = {"name": "iban", "canonicalValues": ["a", "b"]}
BIC = {"name": "bic"}
THEIRS = {
    "name": "theirs",
    "type": "complex",
    "multiValued": True,
    "returned": "never",
    "description": "Theirs",
    "xSync": {"a": [1, 2]},
    "subAttributes": [IBAN, BIC],
}


def theirs(**members: Any) -> Schema:
    return schema({"name": "ours"}, {**THEIRS, **members})


@pytest.mark.parametrize(
    ("after", "paths"),
    [
        (theirs(returned="always"), {"attributes.theirs.returned"}),
        (theirs(type="string", required=True), {f"attributes.theirs.{m}" for m in FIRST}),
        (theirs(description=None), {"attributes.theirs.description"}),
        (theirs(xSync={"a": [2, 1]}), {"attributes.theirs.xSync"}),
        (theirs(xSync=None), {"attributes.theirs.xSync"}),
        (theirs(xMore=1), {"attributes.theirs.xMore"}),
        (theirs(canonicalValues=["a"]), {"attributes.theirs.canonicalValues"}),
        (theirs(subAttributes=[BIC]), {"attributes.theirs.subAttributes.iban"}),
        (
            theirs(subAttributes=[{"name": "iban", "canonicalValues": ["a"]}, BIC]),
            {"attributes.theirs.subAttributes.iban.canonicalValues"},
        ),
        (schema({"name": "ours"}), {"attributes.theirs"}),
        (schema({"name": "ours"}, THEIRS, THEIRS), {"attributes.theirs#2"}),
    ],
)  # fmt: skip
def test_a_write_harms_what_it_alters_of_an_attribute_that_is_not_managed(
    after: Schema, paths: set[str]
) -> None:
    """Whatever a service drops, resets, adds or lists twice."""
    assert {path for path, _ in harmed(theirs(), after, "ours")} == paths


def test_a_part_that_came_or_went_within_an_attribute_of_others_is_a_harm() -> None:
    assert harmed(theirs(), theirs(subAttributes=[IBAN, {"name": "new"}]), "ours") == [
        ("attributes.theirs.subAttributes.bic", "gone"),
        ("attributes.theirs.subAttributes.new", "came"),
    ]


@pytest.mark.parametrize(
    "after",
    [
        theirs(name="THEIRS"),
        theirs(subAttributes=[BIC, IBAN]),
        theirs(required=False, caseExact=False, mutability="readWrite", uniqueness="none"),
        theirs(RETURNED="never", returned=None),
        schema({"name": "ours", "description": "ours, and altered"}, THEIRS, {"name": "more"}),
        schema({"name": "ours", "subAttributes": [{"name": "part"}]}, THEIRS, stamp=1),
        schema({"name": "ours", "xId": 7}, THEIRS),
    ],
)
def test_what_is_spelled_in_another_way_or_comes_beside_the_rest_is_no_harm(after: Schema) -> None:
    assert harmed(theirs(), after, "ours") == []


@pytest.mark.parametrize("manages", Manages)
def test_vendor_members_that_no_manifest_sets_are_no_business_of_a_write(manages: Manages) -> None:
    part = {"name": "part", "xPart": 1}
    before = schema({"name": "ours", "xOurs": 1, "subAttributes": [part]}, xAll=1, xStamp=1)
    after = schema({"name": "ours", "xOurs": 2, "subAttributes": [{"name": "part"}]}, xStamp=2)

    assert harmed(before, after, "ours", manages=manages, server_members=("XSTAMP",)) == [
        ("attributes.ours.subAttributes.part.xPart", "changed"),
        ("attributes.ours.xOurs", "changed"),
        ("xAll", "changed"),
    ]


def test_members_that_the_service_sets_on_its_own_are_no_harm_at_any_depth() -> None:
    after = theirs(stamp=8, subAttributes=[IBAN | {"stamp": 9}, BIC])

    assert harmed(theirs(stamp=7), after, "ours", server_members=("stamp",)) == []


def test_a_harm_has_both_values_and_says_whether_the_member_is_a_vendor_s() -> None:
    desired = schema({"name": "ours"})
    found = harms(
        theirs(), theirs(returned="always", xSync=None), desired=desired, manages=Manages.ATTRIBUTES
    )
    assert [(each.before, each.after, each.vendor) for each in found] == [
        ("never", "always", False),
        ({"a": [1, 2]}, None, True),
    ]


@pytest.mark.parametrize(("manages", "named"), [(Manages.ATTRIBUTES, 2), (Manages.SCHEMA, 0)])
def test_name_and_description_of_others_are_theirs(manages: Manages, named: int) -> None:
    before = schema({"name": "ours"}, name="Theirs", description="theirs")
    after = schema({"name": "ours"}, name="Other")

    assert len(harmed(before, after, "ours", manages=manages)) == named


@pytest.mark.parametrize("manages", Manages)
def test_a_managed_attribute_that_is_gone_is_a_harm_too(manages: Manages) -> None:
    before = schema({"name": "a"}, {"name": "B"})

    assert harmed(before, schema({"name": "b"}), "a", "b", manages=manages) == [
        ("attributes.a", "gone")
    ]


def test_harms_among_many_attributes_cost_in_proportion_to_their_number() -> None:
    def many(number: int, description: str) -> Schema:
        names = [f"attr{i}" for i in range(number)]
        return schema(*({"name": name, "description": description} for name in names))

    def calls(number: int) -> int:
        before, after = many(number, f"{number} was"), many(number, f"{number} is")
        return counted_calls(lambda: harmed(before, after, "ours")).total()

    assert calls(800) <= 2.1 * calls(400)


def test_a_name_that_is_listed_thousands_of_times_is_numbered_in_one_pass() -> None:
    """At 200,000 of one name it took minutes, when each began to count from two."""
    many = [{"name": "grade", "description": str(number)} for number in range(20_000)]
    live = Schema.from_json({"id": "urn:x:y", "attributes": many})
    desired = Schema.from_json({"id": "urn:x:y", "attributes": many[:1]})

    paths = {difference.path for difference in differences(live, desired)}

    assert len(paths) == 19_999
    assert "attributes.grade#20000" in paths
