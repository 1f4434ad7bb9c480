from dataclasses import fields
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.domain.dialect import (
    BindingList,
    Dialect,
    ErrorShape,
    EtagMode,
    IdEncoding,
    ListShape,
    Meaning,
    Names,
    Paging,
    PatchPath,
    TrailingSlash,
    Transport,
    UpdateStrategy,
    contradictions,
)
from reconciler.domain.scim import Schema
from tests.support.domain_world import dialect
from tests.support.strategies import TYPES, lower, schema_documents

PREFIX = "urn:ietf:params:scim:schemas:extension:genesys:purecloud:"
RFC = (
    "urn:ietf:params:scim:schemas:core:2.0:User",
    "urn:ietf:params:scim:schemas:core:2.0:Schema",
    "urn:ietf:params:scim:api:messages:2.0:ListResponse",
    "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User",
)


@pytest.mark.parametrize("schema_id", RFC)
def test_the_schemas_of_the_rfcs_are_protected_in_every_dialect(schema_id: str) -> None:
    assert dialect(protected_prefixes=()).protects(schema_id)
    assert dialect(protected_prefixes=()).protects(schema_id.upper())


@pytest.mark.parametrize(
    ("schema_id", "protected"),
    [
        (PREFIX + "2.0:User", True),
        (PREFIX.upper() + "x", True),
        (PREFIX, True),
        (PREFIX[:-1], False),
        (PREFIX[:-1] + "2:User", False),
        ("urn:ietf:params:scim:schemas:extension:genesys:2.0:User:HRExtension", False),
        ("x" + PREFIX, False),
        ("", False),
        ("urn:ietf:params:scim:schemas:corex:2.0:User", False),
        ("urn:ietf:params:scim:schemas:extension:enterprise2:User", False),
    ],
)
def test_only_what_begins_with_a_protected_prefix_is_protected(
    schema_id: str, protected: bool
) -> None:
    assert dialect(protected_prefixes=("urn:other:", PREFIX)).protects(schema_id) is protected


@given(st.text(), st.sampled_from([PREFIX, "urn:Acme:"]))
def test_protection_ignores_the_case_of_ascii_letters_and_of_no_other(
    rest: str, prefix: str
) -> None:
    service = dialect(protected_prefixes=(prefix,))
    assert service.protects(prefix + rest)
    assert service.protects(lower(prefix) + rest)
    assert not service.protects(prefix.replace("m", "\u217f", 1) + rest) or "m" not in prefix


def test_a_letter_that_only_looks_like_the_prefix_is_not_protected() -> None:
    service = dialect(protected_prefixes=("urn:kelvin:",))
    assert service.protects("urn:KELVIN:x")
    assert not service.protects("urn:\u212aELVIN:x")


# As data

texts = st.lists(st.sampled_from(["type", "required", "idcsX", "caseExact"]), unique=True)
numbers = st.integers(1, 500)
error_shapes = st.builds(
    ErrorShape,
    means=st.sampled_from(Meaning),
    status=st.integers(400, 499),
    code=st.none() | st.text(min_size=1),
    detail=st.none() | st.text(min_size=1),
)
FIXED = (("caseExact", True), ("referenceTypes", ("uri",)), ("returned", "default"))
ACCEPTED = (("mutability", ("readWrite", "readOnly")),)
dialects = st.builds(
    Dialect,
    name=st.sampled_from(["genesys", "sap"]),
    target_system=st.text(),
    creates=st.booleans(),
    updates=st.sampled_from(UpdateStrategy),
    types=st.frozensets(st.sampled_from(TYPES), min_size=1),
    transport=st.sampled_from(Transport),
    patch_path=st.sampled_from(PatchPath),
    extensions=st.none() | numbers,
    attributes=st.none() | numbers,
    sub_attributes=st.none() | numbers,
    base_urls=st.none() | st.builds(Names, pattern=st.just("[/]x"), text=st.text()),
    names=st.none() | st.builds(Names, pattern=st.just("[a-z]+"), text=st.text()),
    urn_endings=st.none() | st.builds(Names, pattern=st.just("[a-z]+"), text=st.text()),
    name_ends_urn=st.booleans(),
    members=texts.map(tuple),
    server_members=texts.map(tuple),
    immutable=texts.map(tuple),
    ignored=texts.map(tuple),
    fixed=st.sampled_from([(), FIXED]),
    accepts=st.sampled_from([(), ACCEPTED]),
    protected_prefixes=st.just(("urn:x:",)) | st.just(()),
    id_encoding=st.sampled_from(IdEncoding),
    content_type=st.sampled_from(["application/json", "application/scim+json"]),
    list_shape=st.sampled_from(ListShape),
    paging=st.sampled_from(Paging),
    page_size=numbers,
    trailing_slash=st.sampled_from(TrailingSlash),
    etag=st.sampled_from(EtagMode),
    errors=st.lists(error_shapes, max_size=2).map(tuple),
    requests_per_minute=st.none() | numbers,
    throttled_wait=st.none() | numbers,
    lag_reads=st.integers(0, 9),
    permission_hint=st.text(),
)


@given(dialects)
def test_a_dialect_reads_back_from_its_json(service: Dialect) -> None:
    assert Dialect.from_json(service.to_json()) == service


@given(dialects, dialects, st.data())
def test_an_override_changes_its_entries_and_no_other(
    service: Dialect, other: Dialect, data: st.DataObject
) -> None:
    theirs = other.to_json()
    entries = data.draw(st.sets(st.sampled_from(sorted(theirs))))

    changed = service.overridden({entry: theirs[entry] for entry in entries})

    assert changed.to_json() == {**service.to_json(), **{e: theirs[e] for e in entries}}
    assert service.overridden({}) == service


@given(dialects, dialects)
def test_two_dialects_have_one_digest_only_where_their_hints_differ(
    one: Dialect, other: Dialect
) -> None:
    same = {**one.to_json(), "permissionHint": ""} == {**other.to_json(), "permissionHint": ""}
    assert (one.digest() == other.digest()) is same
    assert one.digest() == one.overridden({"permissionHint": "ask Bob"}).digest()


@pytest.mark.parametrize("field", [f.name for f in fields(Dialect) if f.init])
def test_every_entry_but_the_hint_is_in_the_digest(field: str) -> None:
    other: dict[str, Any] = {
        "name": "x", "target_system": "x", "creates": False, "updates": UpdateStrategy.NONE,
        "types": frozenset({"string"}), "patch_path": PatchPath.ATTRIBUTE,
        "extensions": 3, "attributes": 3, "sub_attributes": 3,
        "base_urls": Names("a", "b"),
        "names": Names("a", "b"), "urn_endings": Names("a", "b"), "name_ends_urn": True,
        "members": ("x",),
        "server_members": ("x",), "immutable": ("x",), "ignored": ("x",),
        "transport": Transport.KEYCLOAK, "fixed": FIXED, "accepts": ACCEPTED,
        "protected_prefixes": ("urn:x:",), "id_encoding": IdEncoding.PERCENT,
        "content_type": "application/json", "list_shape": ListShape.MAP, "paging": Paging.CURSOR,
        "page_size": 9, "etag": EtagMode.NONE, "requests_per_minute": 30, "throttled_wait": 5,
        "lag_reads": 7, "bindings": BindingList.UNLISTED, "trailing_slash": TrailingSlash.ALL,
        "permission_hint": "x", "errors": (ErrorShape(means=Meaning.EXISTS, status=400),),
    }  # fmt: skip
    changed = dialect(**{field: other[field]}).digest() != dialect().digest()
    assert changed is (field != "permission_hint")


TAKEN = ErrorShape(means=Meaning.EXISTS, status=400, code="entityExists")
FULL = ErrorShape(means=Meaning.LIMIT_REACHED, status=400, detail="maximum count")
ANY = ErrorShape(means=Meaning.UNSUPPORTED, status=422)


@pytest.mark.parametrize(
    ("answer", "means"),
    [
        ((400, "entityExists", ""), Meaning.EXISTS),
        ((400, "ENTITYEXISTS", "whatever"), Meaning.EXISTS),
        ((400, "entityExist", ""), None),
        ((409, "entityExists", ""), None),
        ((400, "", "Custom schema Maximum Count reached!"), Meaning.LIMIT_REACHED),
        ((400, "entityExists", "maximum count"), Meaning.EXISTS),
        ((400, "maximum count", ""), None),
        ((422, "", ""), Meaning.UNSUPPORTED),
        ((400, "", ""), None),
    ],
)
def test_a_refusal_means_what_the_first_shape_that_fits_says(
    answer: tuple[int, str, str], means: Meaning | None
) -> None:
    assert dialect(errors=(TAKEN, FULL, ANY)).meaning(*answer) is means
    assert dialect().meaning(*answer) is None


def test_a_settable_schema_has_no_member_that_the_service_sets() -> None:
    service = dialect(server_members=("idcsTarget", "stamp"))
    sub = {"name": "b", "IDCSTARGET": 2, "idcsDisplayName": "B"}
    written = {
        "id": "urn:x",
        "stamp": 1,
        "attributes": [
            {"name": "a", "idcsTarget": "a", "type": "complex", "subAttributes": [sub]},
        ],
    }
    kept = {"name": "b", "idcsDisplayName": "B"}
    assert service.settable(Schema.from_json(written)).document == {
        "id": "urn:x",
        "attributes": [{"name": "a", "type": "complex", "subAttributes": [kept]}],
    }


@given(schema_documents(vendor=True))
def test_a_schema_is_settable_as_it_is_where_the_service_sets_nothing(document: Any) -> None:
    desired = Schema.from_json(document)
    assert dialect().settable(desired) is desired
    assert dialect(server_members=("other",)).settable(desired) == desired


# Names of attributes


@pytest.mark.parametrize(
    ("data", "text", "taken", "refused"),
    [
        (
            {"characters": "letters-digits-underscore", "minLength": 2, "maxLength": 30},
            "2 to 30 letters, digits and _, the first a letter",
            ("ab", "A_", "a1" * 15),
            ("a", "1a", "_a", "a-b", "a" * 31, "ä1", "ab\n"),
        ),
        (
            {"characters": "letters", "minLength": 3},
            "at least 3 letters, the first a letter",
            ("abc", "A" * 256),
            ("ab", "ab1", "a" * 257),
        ),
        (
            {"characters": "letters-digits", "minLength": 4, "maxLength": 4.0},
            "4 letters and digits, the first a letter",
            ("a123",),
            ("a12", "a1234"),
        ),
        (
            {"characters": "letters-digits-underscore-hyphen"},
            "letters, digits, _ and -, the first a letter",
            ("a", "a-b_c"),
            ("", "-a", "a$"),
        ),
        (
            {"characters": "rfc7643", "maxLength": 3},
            "1 to 3 letters, digits, $, - and _, the first a letter",
            ("a", "a$-"),
            ("a$-_", "$a"),
        ),
        (
            {"characters": "letters", "except": ["email", "userName"]},
            "letters, the first a letter",
            ("emails", "mail"),
            ("e_mail",),
        ),
        (
            {"pattern": "[a-z]+", "words": "small letters", "except": ["id"]},
            "small letters",
            ("ids",),
            ("IDS",),
        ),
        (
            {"pattern": "custom_[a-z]+", "words": "custom_ and small letters"},
            "custom_ and small letters",
            ("custom_a",),
            ("custom_", "xcustom_a", "custom_" + "a" * 256),
        ),
    ],
)
def test_a_name_is_taken_by_its_length_and_characters_or_by_a_pattern(
    data: dict[str, Any], text: str, taken: tuple[str, ...], refused: tuple[str, ...]
) -> None:
    names = Names.from_json(data)

    assert names.text == text
    assert [name for name in taken if not names.takes(name)] == []
    assert [name for name in refused if names.takes(name)] == []
    assert Names.from_json(names.to_json()) == names


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        ({}, []),
        ({"attributeNames": None}, []),
        ({"attributeNames": {"characters": "letters", "maxLength": 2}}, []),
        ({"attributeNames": {"characters": "letters", "minLength": 2, "maxLength": 2}}, []),
        (
            {"attributeNames": {"characters": "letters", "minLength": 3, "maxLength": 2}},
            ["maxLength must be 3 or more, which is minLength"],
        ),
        (
            {"urnEndings": {"characters": "letters", "minLength": 3, "maxLength": 2}},
            ["maxLength must be 3 or more, which is minLength"],
        ),
        ({"attributeNames": {"pattern": "[a-z]", "words": "x"}}, []),
        (
            {"attributeNames": {"pattern": "[z-a]", "words": "x"}},
            ["the pattern is not sound: bad character range z-a at position 1"],
        ),
        (
            {"fixed": {"mutability": "readOnly"}, "accepts": {"mutability": ["readOnly"]}},
            ["mutability has one value, by fixed; leave it out of one of them"],
        ),
    ],
)
def test_contradictions_are_what_no_json_schema_can_find(
    data: dict[str, Any], expected: list[str]
) -> None:
    assert [message for _, message in contradictions(data)] == expected


def test_dialects_of_one_name_that_differ_have_hashes_of_their_own() -> None:
    """Thousands of tenants may each give another number to one dialect."""
    found = {hash(dialect(page_size=number)) for number in range(1, 100)}

    assert len(found) > 90
    assert hash(dialect(page_size=7)) == hash(dialect().overridden({"pageSize": 7}))


def test_an_error_shape_reads_back_from_its_json() -> None:
    for shape in (TAKEN, FULL, ANY):
        assert ErrorShape.from_json(shape.to_json()) == shape


def test_a_dialect_that_gives_everything_reads_back_from_its_json() -> None:
    service = dialect(
        names=Names("[a-z]+", "small letters"), errors=(TAKEN, FULL), throttled_wait=5
    )

    assert Dialect.from_json(service.to_json()) == service
