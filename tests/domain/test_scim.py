import json
import tracemalloc
from dataclasses import FrozenInstanceError
from typing import Any

import pytest
from hypothesis import example, given, reject
from hypothesis import strategies as st

from reconciler.domain.diff import managed_view
from reconciler.domain.jsontext import MAX_DEPTH
from reconciler.domain.manifest import Manages
from reconciler.domain.scim import (
    ABSENT,
    Attribute,
    AttributeType,
    MalformedSchema,
    Mutability,
    Returned,
    Schema,
    Uniqueness,
    attributes_in,
    fold,
)
from tests.support.strategies import (
    DEFAULTS,
    KEYWORDS,
    attribute_documents,
    disguise,
    edits,
    json_values,
    lower,
    odd_documents,
    schema_documents,
)


def attribute(**members: Any) -> Attribute:
    return Attribute.from_json({"name": "grade", **members})


def schema(*attributes: Any, **members: Any) -> Schema:
    return Schema.from_json({"id": "urn:example:HR", "attributes": list(attributes), **members})


# Laws


@given(st.data(), schema_documents())
def test_another_spelling_of_a_schema_is_equal(data: st.DataObject, document: Any) -> None:
    plain = Schema.from_json(document)
    disguised = Schema.from_json(data.draw(disguise(document)))
    assert disguised == plain
    assert disguised.fingerprint() == plain.fingerprint()
    assert hash(disguised) == hash(plain)


@given(st.data(), schema_documents(vendor=True))
def test_unmanaged_vendor_members_change_no_equality(data: st.DataObject, document: Any) -> None:
    desired = Schema.from_json(document)
    live = Schema.from_json(data.draw(disguise(document, foreign=True)))
    view = managed_view(live, desired, Manages.SCHEMA)
    assert view == desired
    assert view.fingerprint() == desired.fingerprint()


@given(st.data(), schema_documents(vendor=True))
def test_any_single_change_makes_another_schema(data: st.DataObject, document: Any) -> None:
    edit = data.draw(edits(document))
    before, after = Schema.from_json(document), Schema.from_json(edit.document)
    assert before != after
    assert before.fingerprint() != after.fingerprint()


@given(schema_documents(), schema_documents())
def test_schemas_are_equal_exactly_when_their_fingerprints_are(one: Any, other: Any) -> None:
    other["id"] = one["id"]
    a, b = Schema.from_json(one), Schema.from_json(other)
    assert (a == b) is (a.fingerprint() == b.fingerprint())


@given(schema_documents())
def test_a_schema_is_read_back_from_its_own_json(document: Any) -> None:
    plain = Schema.from_json(document)
    again = Schema.from_json(json.loads(json.dumps(plain.to_json())))
    assert again == plain
    assert again.to_json() == plain.to_json()


@given(json_values() | odd_documents())
@example({"id": "urn:x", "attributes": [{"name": "a", "x": float("nan")}]})
@example({"id": "\ud800", "attributes": []})
@example({"id": "urn:x", "attributes": [{"name": "\udfff"}]})
@example({"id": "urn:x", "attributes": [{"name": "a", "\ud800": 1}]})
@example({"id": "urn:x", "x": 2**53})
def test_any_json_is_read_or_refused_as_malformed(document: Any) -> None:
    for read in (Schema.from_json, Attribute.from_json):
        try:
            value: Any = read(document)
        except MalformedSchema:
            continue
        assert read(document) == value
        assert read(dict(reversed(document.items()))) == value
        assert read(value.to_json()).to_json() == value.to_json()


@given(odd_documents())
def test_every_readable_schema_has_a_fingerprint(document: Any) -> None:
    try:
        read = Schema.from_json(document)
    except MalformedSchema:
        reject()
    assert read.fingerprint().startswith("sha256:")


@given(st.data(), schema_documents())
def test_the_raw_document_is_kept_as_it_came(data: st.DataObject, document: Any) -> None:
    served = data.draw(disguise(document, foreign=True))
    text = json.dumps(served)
    kept = Schema.from_json(served).document
    assert json.dumps(kept) == text


# Names, ids and keywords


@given(st.text())
def test_folding_takes_the_case_of_ascii_letters_only(text: str) -> None:
    folded = fold(text)
    assert folded == lower(text)
    assert fold(folded) == folded
    assert len(folded) == len(text)


@pytest.mark.parametrize("letter", ["\u212a", "\u0130", "\u0131", "ſ", "ß", "Ä", "Σ", "ς"])
def test_folding_keeps_letters_that_only_look_like_ascii(letter: str) -> None:
    assert fold(letter) == letter
    assert attribute(name=f"x{letter}") != attribute(name="xk")


def test_folding_keeps_the_kelvin_sign_and_the_dotless_i() -> None:
    assert attribute(name="ran\u212a").key != "rank"
    assert attribute(name="\u0131d").key != attribute(name="ID").key
    assert attribute(type="b\u0131nary").type not in set(AttributeType)


@pytest.mark.parametrize(
    ("member", "spelt", "word"),
    [
        ("type", "String", AttributeType.STRING),
        ("type", "DATETIME", AttributeType.DATE_TIME),
        ("type", "date_time", AttributeType.DATE_TIME),
        ("type", "Complex", AttributeType.COMPLEX),
        ("mutability", "READ_WRITE", Mutability.READ_WRITE),
        ("mutability", "ReadOnly", Mutability.READ_ONLY),
        ("mutability", "writeonly", Mutability.WRITE_ONLY),
        ("mutability", "Immutable", Mutability.IMMUTABLE),
        ("returned", "Always", Returned.ALWAYS),
        ("returned", "REQUEST", Returned.REQUEST),
        ("uniqueness", "None", Uniqueness.NONE),
        ("uniqueness", "Server", Uniqueness.SERVER),
    ],
)
def test_keywords_are_read_in_any_spelling(member: str, spelt: str, word: str) -> None:
    assert getattr(attribute(**{member: spelt}), member) is word


@pytest.mark.parametrize("member", KEYWORDS)
@pytest.mark.parametrize("value", ["date", "read-write", "stringy", 5, True, {"a": 1}, ["x"]])
def test_a_keyword_that_the_rfc_does_not_know_equals_none_that_it_knows(
    member: str, value: Any
) -> None:
    odd = attribute(**{member: value})
    assert all(odd != attribute(**{member: word}) for word in KEYWORDS[member])
    assert odd != attribute()


def test_an_unknown_keyword_is_kept_as_it_came() -> None:
    assert attribute(type="Date_X").type == "Date_X"
    assert attribute(type={"b": 1, "a": 2}).type == '{"a":2,"b":1}'


def test_the_spelling_of_names_and_ids_is_kept_for_people() -> None:
    read = Schema.from_json({"id": "URN:X:Hr", "attributes": [{"name": "hrCode"}]})
    assert (read.id, read.key) == ("URN:X:Hr", "urn:x:hr")
    assert [a.name for a in read.attributes] == ["hrCode"]
    assert read.attribute("HRCODE") is read.attributes[0]
    assert read.attribute("other") is None


def test_the_name_of_a_schema_ignores_case_and_its_description_does_not() -> None:
    assert schema(name="HRExtension") == schema(name="hrextension")
    assert schema(name="HRExtension").name == "HRExtension"
    assert schema(name="HRExtension") != schema(name="HR Extension")
    assert schema(description="About HR") != schema(description="about HR")


# Defaults (RFC 7643 section 2.2)


def test_an_attribute_without_characteristics_has_the_defaults_of_the_rfc() -> None:
    assert attribute().to_json() == {"name": "grade", **DEFAULTS}
    assert attribute(**DEFAULTS) == attribute()


@pytest.mark.parametrize("member", [*DEFAULTS, "description", "canonicalValues", "subAttributes"])
@pytest.mark.parametrize("nothing", [None, [], ""])
def test_null_and_the_empty_list_and_text_equal_an_absent_member(member: str, nothing: Any) -> None:
    assert attribute(**{member: nothing}) == attribute()


@pytest.mark.parametrize("member", ["name", "description"])
@pytest.mark.parametrize("nothing", [None, []])
def test_a_schema_may_leave_out_its_name_and_description(member: str, nothing: Any) -> None:
    assert schema(**{member: nothing}) == schema()


@pytest.mark.parametrize("nothing", ["", " ", "\n", "\r\n\t", "\u00a0\u3000\u2028", "\ufeff"])
def test_a_label_that_says_nothing_is_an_absent_one(nothing: str) -> None:
    part = {"name": "p", "description": nothing}
    assert attribute(description=nothing) == attribute()
    assert attribute(subAttributes=[part]) == attribute(subAttributes=[{"name": "p"}])
    assert schema(description=nothing, name=nothing) == schema()
    assert schema(description=nothing).fingerprint() == schema().fingerprint()


@pytest.mark.parametrize("blank", [" ", "\n", "\r\n", "\t", "\u00a0", "\u2029", "\x00", "\ufeff"])
def test_blanks_at_the_ends_of_a_label_are_no_difference(blank: str) -> None:
    around = f"{blank}two words{blank}{blank}"
    assert attribute(description=around) == attribute(description="two words")
    assert schema(name=around, description=around) == schema(
        name="two words", description="two words"
    )
    assert schema(name=around).name == "two words"
    assert attribute(description=f"two{blank}words") != attribute(description="twowords")


def test_blanks_of_values_and_vendor_members_count() -> None:
    assert attribute(canonicalValues=["a "]) != attribute(canonicalValues=["a"])
    assert schema(separator=" ") != schema()


WITHOUT_MEANING = [
    *((kind, "caseExact", True) for kind in AttributeType if kind != AttributeType.STRING),
    *((kind, "uniqueness", "server") for kind in ("boolean", "dateTime", "binary", "complex")),
    *((kind, "referenceTypes", ["User"]) for kind in AttributeType if kind != "reference"),
]


@pytest.mark.parametrize(("kind", "member", "value"), WITHOUT_MEANING)
def test_a_characteristic_without_meaning_for_the_type_is_no_difference(
    kind: str, member: str, value: Any
) -> None:
    """RFC 7643 sections 2.3.1 to 2.3.8 and 7."""
    assert attribute(type=kind, **{member: value}) == attribute(type=kind)
    part = {"name": "p", "type": kind}
    assert attribute(subAttributes=[{**part, member: value}]) == attribute(subAttributes=[part])


@pytest.mark.parametrize(
    ("kind", "member", "value"),
    [
        ("string", "caseExact", True),
        ("string", "uniqueness", "global"),
        ("integer", "uniqueness", "server"),
        ("decimal", "uniqueness", "server"),
        ("reference", "uniqueness", "server"),
        ("reference", "referenceTypes", ["User"]),
        ("date", "caseExact", True),
        ("date", "uniqueness", "server"),
        ("date", "referenceTypes", ["User"]),
    ],
)
def test_a_characteristic_with_meaning_for_the_type_is_a_difference(
    kind: str, member: str, value: Any
) -> None:
    assert attribute(type=kind, **{member: value}) != attribute(type=kind)


@pytest.mark.parametrize("attributes", [None, []])
def test_a_schema_without_attributes_is_a_schema(attributes: Any) -> None:
    bare = Schema.from_json({"id": "urn:x"})
    assert Schema.from_json({"id": "urn:x", "attributes": attributes}) == bare
    assert bare.attributes == ()


@pytest.mark.parametrize(
    ("written", "read"),
    [(True, True), (False, False), ("true", True), ("TRUE", True), ("True", True),
     ("false", False), ("FALSE", False), (None, False), ([], False), ("", False)],
)  # fmt: skip
def test_a_boolean_is_true_or_the_text_true(written: Any, read: bool) -> None:
    odd = attribute(multiValued=written, required=written, caseExact=written)
    assert (odd.multi_valued, odd.required, odd.case_exact) == (read, read, read)


@pytest.mark.parametrize("written", ["yes", "1", 1, 0, 1.0, {}, [True], "true "])
@pytest.mark.parametrize("member", ["multiValued", "required", "caseExact"])
def test_a_characteristic_that_is_neither_true_nor_false_makes_a_schema_malformed(
    member: str, written: Any
) -> None:
    part = {"name": "level", member: written}
    with pytest.raises(MalformedSchema, match=rf"grade\.level\.{member} is neither true nor false"):
        schema(attributes=[{"name": "grade", "subAttributes": [part]}])


def test_the_example_of_rfc_7643_section_8_7_1_is_read_whole() -> None:
    emails = Attribute.from_json(
        {
            "name": "emails",
            "type": "complex",
            "multiValued": True,
            "description": "Email addresses for the user.",
            "required": False,
            "subAttributes": [
                {"name": "value", "type": "string", "multiValued": False, "caseExact": False},
                {"name": "type", "canonicalValues": ["work", "home", "other"]},
                {"name": "$ref", "type": "reference", "referenceTypes": ["User", "external"]},
            ],
            "mutability": "readWrite",
            "returned": "default",
            "uniqueness": "none",
        }
    )
    assert (emails.type, emails.multi_valued) == ("complex", True)
    assert [sub.name for sub in emails.sub_attributes] == ["$ref", "type", "value"]
    assert emails.sub_attributes[1].canonical_values == ("home", "other", "work")
    assert emails.sub_attributes[0].reference_types == ("User", "external")


# Odd live documents


@pytest.mark.parametrize(
    ("document", "message"),
    [
        (None, "a schema that is no object"),
        ([], "a schema that is no object"),
        ("urn:x", "a schema that is no object"),
        ({}, "a schema without an id"),
        ({"id": None}, "a schema without an id"),
        ({"id": ""}, "a schema without an id"),
        ({"id": 7}, "a schema without an id"),
        ({"id": "urn:x", "attributes": {"a": {}}}, "the attributes of urn:x are no list"),
        ({"id": "urn:x", "attributes": "a"}, "the attributes of urn:x are no list"),
        ({"id": "urn:x", "attributes": [3]}, "an attribute that is no object"),
        ({"id": "urn:x", "attributes": [None]}, "an attribute that is no object"),
        ({"id": "urn:x", "attributes": [{"name": ""}]}, "an attribute without a name"),
        ({"id": "urn:x", "attributes": [{"name": ["a"]}]}, "an attribute without a name"),
        (
            {"id": "urn:x", "attributes": [{"name": "a", "subAttributes": {"name": "b"}}]},
            "the attributes of a are no list",
        ),
        ({"id": "urn:x", "y": float("inf")}, "a number out of range"),
        ({"id": "urn:x", "y": "\ud800"}, "a lone surrogate in a string"),
    ],
)
def test_a_malformed_schema_is_refused_with_the_part_that_is_wrong(
    document: Any, message: str
) -> None:
    with pytest.raises(MalformedSchema) as refused:
        Schema.from_json(document)
    assert str(refused.value) == message


def test_a_nest_deeper_than_json_may_be_is_malformed_and_one_level_less_is_not() -> None:
    deep: Any = {"name": "a"}
    for _ in range(MAX_DEPTH // 2 - 2):
        deep = {"name": "a", "subAttributes": [deep]}
    deepest = {"name": "a", "subAttributes": [deep]}
    assert schema(deep).fingerprint()
    with pytest.raises(MalformedSchema, match="nested deeper than 64"):
        schema(deepest)


def test_vendor_members_at_the_bottom_of_the_deepest_nest_have_a_fingerprint() -> None:
    deep: Any = {"name": "a", "x": 1}
    for _ in range(MAX_DEPTH // 2 - 2):
        deep = {"name": "a", "x": 1, "subAttributes": [deep]}
    assert schema(deep, y=1).fingerprint() != schema(deep, y=2).fingerprint()


@pytest.mark.parametrize(
    "members",
    [
        [("type", "string"), ("Type", "integer")],
        [("TYPE", "integer"), ("type", "string")],
        [("Type", "integer"), ("TYPE", "string")],
        [("TYPE", "string"), ("Type", None)],
    ],
)
def test_a_member_written_twice_in_two_cases_is_read_the_same_in_any_order(members: Any) -> None:
    one = Attribute.from_json({"name": "grade", **dict(members)})
    other = Attribute.from_json({**dict(reversed(members)), "name": "grade"})
    assert one == other
    assert one.type == "string"


def test_the_spelling_of_the_rfc_wins_over_a_twin_that_says_something_else() -> None:
    read = Schema.from_json({"ID": "urn:other", "id": "urn:x", "Name": "N", "name": "n"})
    assert (read.id, read.name) == ("urn:x", "n")


def test_canonical_values_are_a_set_of_texts_whose_case_counts() -> None:
    assert attribute(canonicalValues=["b", "a", "a"]) == attribute(canonicalValues=["a", "b"])
    assert attribute(canonicalValues=["A"]) != attribute(canonicalValues=["a"])
    assert attribute(canonicalValues="work").canonical_values == ("work",)


@pytest.mark.parametrize("member", ["canonicalValues", "referenceTypes"])
def test_a_value_that_says_nothing_is_none(member: str) -> None:
    assert attribute(type="reference", **{member: ["", None]}) == attribute(type="reference")
    assert attribute(type="reference", **{member: ["a", ""]}) == attribute(
        type="reference", **{member: ["a"]}
    )


@pytest.mark.parametrize(("spelt", "word"), [("External", "external"), ("URI", "uri")])
def test_reference_types_of_the_rfc_are_words_whose_case_does_not_count(
    spelt: str, word: str
) -> None:
    written = attribute(type="reference", referenceTypes=[spelt, "User"])

    assert written == attribute(type="reference", referenceTypes=["User", word])
    assert written != attribute(type="reference", referenceTypes=[spelt, "user"])


def test_canonical_values_that_are_no_strings_are_read_as_their_json_text() -> None:
    odd = attribute(canonicalValues=[2, None, True, {"value": "x", "a": 1}, 1.5])
    assert odd.canonical_values == ("1.5", "2", "true", '{"a":1,"value":"x"}')


def test_one_name_listed_twice_is_two_attributes_in_an_order_that_is_always_the_same() -> None:
    twins = [{"name": "a", "type": "integer"}, {"name": "A", "type": "string"}]
    assert schema(*twins) == schema(*reversed(twins))
    assert len(schema(*twins).attributes) == 2
    assert schema(*twins) != schema(twins[0])
    assert schema(*twins) != schema(twins[0], twins[0])


def test_order_is_taken_out_of_sub_attributes_too() -> None:
    subs = [{"name": "b"}, {"name": "A"}]
    one, other = attribute(subAttributes=subs), attribute(subAttributes=subs[::-1])
    assert one == other
    assert schema(one.to_json()).fingerprint() == schema(other.to_json()).fingerprint()


def test_the_names_of_sub_attributes_ignore_case_in_the_fingerprint() -> None:
    lower_case = {"name": "grade", "type": "complex", "subAttributes": [{"name": "level"}]}
    upper_case = {"name": "GRADE", "type": "complex", "subAttributes": [{"name": "LEVEL"}]}
    assert schema(lower_case) == schema(upper_case)
    assert schema(lower_case).fingerprint() == schema(upper_case).fingerprint()


# Vendor members


def test_vendor_members_are_kept_by_name_with_their_json_text() -> None:
    read = schema({"name": "a", "x-size": 3, "idcs": {"b": 1, "a": None}}, patchable=True)
    assert read.vendor == (("patchable", "true"),)
    assert read.attributes[0].vendor == (("idcs", '{"a":null,"b":1}'), ("x-size", "3"))


@pytest.mark.parametrize(
    ("one", "other"),
    [(1, True), (0, False), (1, "1"), (None, 0), ([1, 2], [2, 1]), ({"a": 1}, {"a": True}),
     (2**53, 2**53 + 1), (1.5, "1.5"), ("", " "), ({}, None), ("a", "A"), ([None], None)],
)  # fmt: skip
def test_vendor_values_that_json_distinguishes_are_different(one: Any, other: Any) -> None:
    assert schema(x=one) != schema(x=other)
    assert schema({"name": "a", "x": one}) != schema({"name": "a", "x": other})
    assert schema(x=one).fingerprint() != schema(x=other).fingerprint()


@pytest.mark.parametrize(
    ("one", "other"), [(1, 1.0), (0.0, -0.0), (None, []), ("", None), (10, 1e1)]
)
def test_vendor_values_that_json_does_not_distinguish_are_equal(one: Any, other: Any) -> None:
    assert schema(x=one) == schema(x=other)


@given(st.integers(), st.floats(allow_nan=False, allow_infinity=False))
def test_a_vendor_member_may_hold_any_number(whole: int, real: float) -> None:
    assert schema(x=whole, y=real).fingerprint() == schema(y=real, x=whole).fingerprint()


def test_meta_and_schemas_in_any_spelling_are_not_compared() -> None:
    assert schema(meta={"version": "1"}, Schemas=["urn:x"], META={}) == schema()


def test_a_word_of_the_rfc_in_a_foreign_place_is_a_vendor_member() -> None:
    assert schema(required=True).vendor == (("required", "true"),)
    assert attribute(id="7").vendor == (("id", '"7"'),)


# Values


def test_a_schema_cannot_be_changed_in_place() -> None:
    with pytest.raises(FrozenInstanceError):
        schema().name = "other"  # type: ignore[misc]  # that it cannot is the point


def test_no_schema_has_the_fingerprint_absent() -> None:
    assert not schema().fingerprint().startswith(ABSENT)


def test_to_json_leaves_out_what_is_not_there_and_what_is_not_of_the_rfc() -> None:
    read = schema({"name": "a", "x": 1}, name="HR", meta={}, y=2)
    assert read.to_json() == {
        "id": "urn:example:HR",
        "name": "HR",
        "attributes": [{"name": "a", **DEFAULTS}],
    }


@given(attribute_documents())
def test_to_json_spells_the_members_as_the_rfc_orders_them(document: Any) -> None:
    order = (
        "name", "type", "multiValued", "description", "required", "canonicalValues", "caseExact",
        "mutability", "returned", "uniqueness", "referenceTypes", "subAttributes",
    )  # fmt: skip
    written = list(Attribute.from_json(document).to_json())
    assert written == [member for member in order if member in written]


def test_reading_a_big_schema_is_cheap_in_memory() -> None:
    document = {"id": "urn:x", "attributes": [{"name": f"a{i}"} for i in range(800)]}
    tracemalloc.start()
    Schema.from_json(document)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 8_000_000


def test_a_sub_attribute_is_found_by_its_path_in_any_case() -> None:
    part = {"name": "Floor", "type": "integer"}
    desk = {"name": "Desk", "type": "complex", "subAttributes": [part]}
    schema = Schema.from_json({"id": "urn:x", "attributes": [desk, {"name": "badge"}]})

    assert schema.at("desk") == schema.attribute("DESK") == Attribute.from_json(desk)
    assert schema.at("desk.FLOOR") == Attribute.from_json(part)
    assert schema.at("desk.room") is None
    assert schema.at("badge.floor") is None
    assert schema.at("nothing.floor") is None


def test_a_schema_that_another_tenant_serves_is_the_same_but_for_its_document() -> None:
    stated = {"id": "urn:example:x", "attributes": [{"name": "a", "vendor": 1}]}
    here, there = ({**stated, "meta": {"version": version}} for version in "12")
    schema = Schema.from_json(here)

    served = schema.served_as(there)

    assert served == schema == Schema.from_json(there)
    assert (schema.document, served.document) == (here, there)
    assert served.fingerprint() == schema.fingerprint() == Schema.from_json(there).fingerprint()
    assert served.has_vendor_members
    assert not Schema.from_json({"id": "urn:example:x"}).has_vendor_members


def test_a_schema_as_a_whole_has_its_vendor_members_at_any_depth() -> None:
    part = {"name": "b", **DEFAULTS, "x-part": {"deep": [1, None]}}
    grade = {"name": "a", **DEFAULTS, "type": "complex", "x-a": "y", "subAttributes": [part]}
    document = {"id": "urn:x", "name": "X", "x-s": False, "attributes": [grade]}
    read = Schema.from_json({"schemas": ["x"], "meta": {}, **document})
    assert read.whole() == document
    assert Schema.from_json(read.whole()) == read


def test_the_text_of_a_schema_holds_its_description() -> None:
    live = Schema.from_json({"id": "urn:x:y", "description": "a token", "attributes": []})

    assert live.text().split("\0") == ["urn:x:y", "", "a token"]


@pytest.mark.parametrize(
    ("document", "number"),
    [
        ({}, 0),
        ([], 0),
        ({"attributes": "no list"}, 0),
        ({"attributes": [1, {"name": "a"}, {"SUBattributes": [{}, {"subAttributes": [{}]}]}]}, 6),
        ({"others": [{}], "Attributes": [{}]}, 1),
    ],
)
def test_attributes_are_counted_at_any_depth(document: object, number: int) -> None:
    assert attributes_in(document) == number
