"""The dialects are data: what each says is checked here, once, and not at run time."""

import json
from importlib.resources import files

import pytest
from jsonschema import Draft202012Validator
from referencing import Registry

from reconciler.adapters.dialects import load_dialects
from reconciler.adapters.packaged import schema_text
from reconciler.domain.dialect import Dialect, UpdateStrategy
from reconciler.domain.scim import AttributeType

TEXTS = {
    file.name: file.read_text(encoding="utf-8")
    for file in files("reconciler").joinpath("dialects").iterdir()
    if file.name.endswith(".json")
}
ALL = frozenset(AttributeType)
ALL_BUT_BINARY = ALL - {AttributeType.BINARY}


@pytest.mark.parametrize("name", sorted(TEXTS))
def test_a_dialect_file_obeys_its_schema_and_bears_its_name(name: str) -> None:
    data = json.loads(TEXTS[name])

    validator = Draft202012Validator(json.loads(schema_text("dialect")), registry=Registry())

    assert [error.message for error in validator.iter_errors(data)] == []
    assert name == f"{data['name']}.json"


def test_the_dialects_are_those_that_manifests_may_name() -> None:
    manifest = json.loads(schema_text("manifest"))["$defs"]

    named = manifest["TenantSpec"]["properties"]["dialect"]["enum"]
    selected = manifest["Selector"]["properties"]["dialects"]["items"]["enum"]

    assert list(load_dialects()) == named == selected == sorted(named)


@pytest.mark.parametrize(
    ("name", "creates", "updates", "types", "extensions", "attributes", "target"),
    [
        ("genesys", True, "put", ALL_BUT_BINARY, 10, None, "Genesys Cloud"),
        ("sap", True, "none", ALL_BUT_BINARY, 20, 20, "SAP Cloud Identity Services"),
        ("oracle", False, "patch", frozenset({"string"}), None, None, "Oracle identity domains"),
        ("rfc7644", True, "put", ALL, None, None, "SCIM 2.0"),
        ("read-only", False, "none", ALL, None, None, "SCIM 2.0, read only"),
    ],
)
def test_a_dialect_says_what_its_service_can_do(
    name: str,
    creates: bool,
    updates: str,
    types: frozenset[str],
    extensions: int | None,
    attributes: int | None,
    target: str,
) -> None:
    dialect = load_dialects()[name]

    assert dialect.name == name
    assert dialect.target_system == target
    assert (dialect.creates, dialect.updates) == (creates, UpdateStrategy(updates))
    assert dialect.types == types
    assert (dialect.extensions, dialect.attributes) == (extensions, attributes)


def test_what_a_tenant_may_override_is_every_entry_but_names_words_and_patterns() -> None:
    dialect = json.loads(schema_text("dialect"))["properties"]
    capabilities = json.loads(schema_text("manifest"))["$defs"]["Capabilities"]["properties"]

    theirs = {"$schema", "name", "description", "targetSystem", "attributeNames"}

    assert capabilities == {e: dialect[e] for e in dialect if e not in theirs}


@pytest.mark.parametrize("name", sorted(TEXTS))
def test_no_entry_of_a_dialect_file_is_lost_on_the_way(name: str) -> None:
    data = json.loads(TEXTS[name])

    written = Dialect.from_json(data).to_json()

    for entry in data.keys() - {"$schema", "description"}:
        assert written[entry] == (sorted(data[entry]) if entry == "types" else data[entry]), entry


def test_what_the_research_says_of_oracle_and_sap_stands_in_their_data() -> None:
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
def test_what_belongs_to_the_vendor_is_protected(name: str, urn: str) -> None:
    assert load_dialects()[name].protects(urn)


@pytest.mark.parametrize(
    ("name", "urn"),
    [
        ("genesys", "urn:ietf:params:scim:schemas:extension:genesys:2.0:User:HRExtension"),
        ("sap", "urn:sap:cloud:scim:schemas:extension:custom:2.0:HR"),
        ("oracle", "urn:ietf:params:scim:schemas:idcs:extension:custom:User"),
    ],
)
def test_what_customers_may_write_is_not(name: str, urn: str) -> None:
    assert not load_dialects()[name].protects(urn)
