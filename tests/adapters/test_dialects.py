"""The dialects that ship, and their JSON Schema: each file, each entry, without a list of names."""

import json
from collections.abc import Iterator
from dataclasses import fields
from enum import StrEnum
from pathlib import Path
from typing import Any

import pytest

from reconciler.adapters.dialects import SHIPPED, load_dialects
from reconciler.adapters.jsonschemas import check
from reconciler.adapters.jsonschemas.wording import check as check_in_words
from reconciler.adapters.manifests import load
from reconciler.adapters.packaged import schema_text
from reconciler.domain.dialect import (
    Dialect,
    EtagMode,
    IdEncoding,
    ListShape,
    Meaning,
    NameCharacters,
    Paging,
    PatchPath,
    Transport,
    UpdateStrategy,
)
from reconciler.domain.scim import AttributeType, Mutability, Returned, Uniqueness
from tests.support.dialect_keys import (
    IDENTITY,
    MANIFEST,
    PAGE,
    capabilities,
    manifest_text,
    page_text,
)
from tests.support.pages import blocks
from tests.support.reading import LIMITS

FILES = sorted(SHIPPED.glob("*.json"))
SCHEMA = json.loads(schema_text("dialect"))
ENTRIES = [key for key in SCHEMA["properties"] if key not in ("$schema", "description")]
CAPABILITIES = [key for key in ENTRIES if key not in IDENTITY]
PLAIN: dict[str, Any] = {
    "name": "acme",
    "description": "A service for tests.",
    "targetSystem": "ACME",
    "creates": True,
    "updates": "put",
    "types": ["string"],
}


def names(path: Path) -> str:
    return path.stem


@pytest.mark.parametrize("path", FILES, ids=names)
def test_a_shipped_dialect_obeys_its_schema_and_has_the_name_of_its_file(path: Path) -> None:
    data = json.loads(path.read_text(encoding="utf-8"))

    assert check_in_words(data, "dialect") == ()
    assert load_dialects()[path.stem].name == data["name"] == path.stem


@pytest.mark.parametrize("path", FILES, ids=names)
def test_no_entry_of_a_shipped_dialect_is_lost_on_the_way(path: Path) -> None:
    data = json.loads(path.read_text(encoding="utf-8"))

    dialect = load_dialects()[path.stem]

    for entry in ENTRIES:
        given = data.get(entry, SCHEMA["properties"][entry].get("default"))
        alike = Dialect.from_json(PLAIN | {entry: given}) if given is not None else None
        expected = alike.to_json()[entry] if alike else None
        if entry in data:
            assert dialect.to_json()[entry] == expected, entry


def test_the_dialects_come_sorted_by_name_one_for_each_file() -> None:
    assert list(load_dialects()) == [path.stem for path in FILES]


def test_each_field_of_a_dialect_is_an_entry_of_its_schema() -> None:
    assert sorted(Dialect.from_json(PLAIN | {e: other(e) for e in ENTRIES}).to_json()) == sorted(
        ENTRIES
    )
    assert len([f for f in fields(Dialect) if f.init]) == len(ENTRIES)


@pytest.mark.parametrize("entry", ENTRIES)
def test_the_default_that_the_schema_shows_is_that_of_the_dialect(entry: str) -> None:
    schema = SCHEMA["properties"][entry]

    shown = Dialect.from_json(PLAIN).to_json().get(entry)

    if entry == "permissionHint":  # its default is the program's own hint
        assert "default" not in schema
    elif entry not in SCHEMA["required"]:
        assert schema["default"] == shown


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("updates", UpdateStrategy),
        ("patchPath", PatchPath),
        ("transport", Transport),
        ("fixed properties mutability", Mutability),
        ("fixed properties returned", Returned),
        ("fixed properties uniqueness", Uniqueness),
        ("accepts properties mutability items", Mutability),
        ("accepts properties returned items", Returned),
        ("accepts properties uniqueness items", Uniqueness),
        ("types items", AttributeType),
        ("Names else properties characters", NameCharacters),
        ("idEncoding", IdEncoding),
        ("listShape", ListShape),
        ("paging", Paging),
        ("etag", EtagMode),
        ("errors items properties means", Meaning),
    ],
)
def test_the_values_that_the_schema_lists_are_those_of_the_program(
    path: str, kind: type[StrEnum]
) -> None:
    schema = SCHEMA["properties"] | SCHEMA["$defs"]
    for step in path.split():
        schema = schema[step]

    assert schema["enum"] == [str(each) for each in kind]


# A value of each entry that is another than its default, made from the schema


def other(entry: str) -> Any:
    """A value that the entry may have and has not in PLAIN."""
    if entry == "baseUrlEnding":
        return {"pattern": "[/]x", "words": "https://HOST/x"}
    if entry in ("attributeNames", "urnEndings"):
        return {"characters": "letters", "maxLength": 9}
    return next(_others(SCHEMA["properties"][entry], PLAIN.get(entry)))


def _others(schema: Any, but: Any) -> Iterator[Any]:
    default = schema.get("default", but)
    match schema:
        case {"enum": [*values]}:
            yield from (value for value in values if value != default)
        case {"type": "boolean"}:
            yield not default
        case {"type": ["integer", "null"] | "integer"}:
            yield schema.get("minimum", 0) + 7
        case {"type": "object", "properties": properties}:
            yield {key: next(_others(each, None)) for key, each in properties.items()}
        case {"type": "array"}:
            yield _list(schema, but)
        case {"type": "string"}:
            yield "another"
        case _:
            raise AssertionError(f"make a value for {schema}")


def _list(schema: Any, but: Any) -> list[Any]:
    match schema:
        case {"maxItems": 0}:
            return []
        case {"minItems": 2, "items": {"enum": [*values]}}:
            return values[:2]
        case {"items": {"type": "object", "properties": properties}}:
            return [{key: next(_others(each, None)) for key, each in properties.items()}]
        case {"items": {"pattern": _}}:
            return ["urn:x:"]
        case _:
            return [next(_others(schema["items"], but[0] if but else None))]


@pytest.mark.parametrize("entry", CAPABILITIES)
def test_capabilities_have_the_effect_of_the_same_entries_in_a_dialect(
    entry: str, tmp_path: Path
) -> None:
    value = other(entry)
    in_dialect = Dialect.from_json(PLAIN | {entry: value})
    tenant = {
        "apiVersion": "reconciler/v1",
        "kind": "Tenant",
        "metadata": {"name": "acme"},
        "spec": {
            "dialect": "acme",
            "baseUrl": "https://scim.example.com",
            "capabilities": {entry: value},
        },
    }
    (tmp_path / "acme.json").write_text(json.dumps(tenant))

    loaded = load(tmp_path, dialects={"acme": Dialect.from_json(PLAIN)}, limits=LIMITS)

    assert check_in_words(PLAIN | {entry: value}, "dialect") == ()
    assert loaded.manifests is not None, loaded.problems
    (found,) = loaded.manifests.tenants
    assert found.dialect == in_dialect
    assert found.dialect.digest() == in_dialect.digest()
    assert in_dialect != Dialect.from_json(PLAIN)


@pytest.mark.parametrize("entry", ENTRIES)
def test_the_digest_covers_each_entry_but_the_hint_for_a_person(entry: str) -> None:
    changed = Dialect.from_json(PLAIN | {entry: other(entry)})

    same = changed.digest() == Dialect.from_json(PLAIN).digest()

    assert same is (entry == "permissionHint")


@pytest.mark.parametrize(
    "entry", [e for e in ENTRIES if SCHEMA["properties"][e].get("default", 0) is None]
)
def test_null_takes_a_limit_away(entry: str) -> None:
    limited = Dialect.from_json(PLAIN | {entry: other(entry)})

    assert check({**PLAIN, entry: None}, "dialect") == ()
    assert limited.overridden({entry: None}) == Dialect.from_json(PLAIN)


def test_capabilities_are_made_from_the_schema_of_a_dialect() -> None:
    assert set(capabilities()) == set(CAPABILITIES)
    assert MANIFEST.read_text() == manifest_text(), "run make docs"


def test_the_page_about_dialects_shows_the_keys_of_the_schema_and_a_dialect_that_is_valid() -> None:
    (shown,) = [
        json.loads(text) for language, text in blocks("docs/dialects.md") if language == "json"
    ]

    assert PAGE.read_text() == page_text(), "run make docs"
    assert check_in_words(shown, "dialect") == ()


def test_the_capabilities_that_the_page_shows_are_valid(tmp_path: Path) -> None:
    (shown,) = [text for language, text in blocks("docs/dialects.md") if language == "yaml"]
    head = "apiVersion: reconciler/v1\nkind: Tenant\nmetadata: {name: x}\nspec:\n"
    (tmp_path / "x.yaml").write_text(f"{head}  baseUrl: https://scim.example.com\n{shown}")

    loaded = load(tmp_path, dialects=load_dialects(), limits=LIMITS)

    assert loaded.manifests is not None, loaded.problems


# Dialects as they were when plans were approved. What a dialect says may change, and that makes
# plans stale; how it is put into a digest may not.
SAP: dict[str, Any] = {
    "name": "sap",
    "targetSystem": "SAP Cloud Identity Services",
    "creates": True,
    "updates": "none",
    "types": ["string", "boolean", "decimal", "integer", "dateTime", "reference", "complex"],
    "extensions": 20,
    "attributes": 20,
    "subAttributes": 20,
    "attributeNames": {
        "pattern": "[A-Za-z][A-Za-z0-9_]{1,29}",
        "words": "2 to 30 letters, digits and _, the first a letter",
    },
    "nameEndsUrn": True,
    "errors": [{"means": "limit-reached", "status": 400, "detail": "maximum count reached"}],
    "requestsPerMinute": 200,
    "throttledWait": 60,
    "protectedPrefixes": ["urn:ietf:params:scim:schemas:extension:sap:"],
}
ORACLE: dict[str, Any] = {
    "name": "oracle",
    "targetSystem": "Oracle identity domains",
    "creates": False,
    "updates": "patch",
    "patchPath": "attrPath",
    "types": ["string"],
    "attributeMembers": ["idcsDisplayName"],
    "serverMembers": [
        "idcsTargetAttributeName",
        "idcsTargetNormAttributeName",
        "idcsTargetUniqueConstraintName",
    ],
    "ignored": ["type", "multiValued", "required", "caseExact", "uniqueness", "idcsSearchable",
                "idcsSensitive"],
    "protectedPrefixes": ["urn:ietf:params:scim:schemas:oracle:"],
}  # fmt: skip
BY_LENGTH = {"characters": "letters-digits-underscore", "minLength": 2, "maxLength": 30}


@pytest.mark.parametrize(
    ("data", "digest"),
    [
        (SAP, "75c94e08ca67c9be05834f99bcd82e85a92668789d23efc8705148e9ca4a2274"),
        (
            SAP | {"attributeNames": BY_LENGTH},
            "75c94e08ca67c9be05834f99bcd82e85a92668789d23efc8705148e9ca4a2274",
        ),
        (ORACLE, "215507e595bda8bf448ad59a9534f466a441877b72a969dc2de7ffc231489031"),
    ],
    ids=["sap", "sap-by-length", "oracle"],
)
def test_a_dialect_keeps_the_digest_that_was_approved(data: dict[str, Any], digest: str) -> None:
    assert Dialect.from_json(data).digest() == f"sha256:{digest}"


def test_the_dialects_oracle_and_sap_have_their_known_limits() -> None:
    dialects = load_dialects()

    assert set(dialects["oracle"].ignored) == {
        "type", "multiValued", "required", "caseExact", "uniqueness", "idcsSearchable",
        "idcsSensitive",
    }  # fmt: skip
    assert dialects["sap"].requests_per_minute == 200
    assert dialects["sap"].throttled_wait == 60


@pytest.mark.parametrize(
    ("name", "urn"),
    [
        ("genesys", "urn:ietf:params:scim:schemas:extension:genesys:purecloud:2.0:User"),
        ("genesys", "URN:ietf:params:scim:schemas:extension:GENESYS:purecloud:2.0:User"),
        ("sap", "urn:ietf:params:scim:schemas:extension:sap:2.0:User"),
        ("oracle", "urn:ietf:params:scim:schemas:oracle:idcs:extension:userState:User"),
        ("rfc7644", "urn:ietf:params:scim:schemas:core:2.0:User"),
    ],
)
def test_vendor_urns_are_protected_by_their_dialect(name: str, urn: str) -> None:
    assert load_dialects()[name].protects(urn)


@pytest.mark.parametrize(
    ("name", "urn"),
    [
        ("genesys", "urn:ietf:params:scim:schemas:extension:genesys:2.0:User:HRExtension"),
        ("sap", "urn:sap:cloud:scim:schemas:extension:custom:2.0:HR"),
        ("oracle", "urn:ietf:params:scim:schemas:idcs:extension:custom:User"),
    ],
)
def test_urns_of_customers_are_not_protected(name: str, urn: str) -> None:
    assert not load_dialects()[name].protects(urn)
