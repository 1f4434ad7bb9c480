"""The keys of manifests, as their JSON Schema describes them."""

import json
from pathlib import Path

import pytest

from reconciler.domain.explaining import KINDS, Key, ManifestKeys

SCHEMA = json.loads(
    (Path(__file__).parents[2] / "reconciler/schemas/manifest.json").read_text(encoding="utf-8")
)
KEYS = ManifestKeys(SCHEMA)


def at(kind: str, path: str) -> Key:
    found = KEYS.at(kind, path.split("."))
    assert found is not None, path
    return found


def everything(keys: tuple[Key, ...]) -> list[Key]:
    found = []
    for key in keys:
        found.append(key)
        if len(key.path) < 8:
            found.extend(everything(KEYS.below(key)))
    return found


@pytest.mark.parametrize("kind", KINDS)
def test_every_key_has_a_description(kind: str) -> None:
    found = everything(KEYS.of(kind))

    assert len(found) >= 9
    assert [key.path for key in found if not key.description] == []


@pytest.mark.parametrize(
    ("kind", "path", "expected"),
    [
        ("Tenant", "spec.auth.clientAuth", ("string", '"post"', False)),
        ("Tenant", "spec.limits.maxCreates", ("integer", "10", False)),
        ("Tenant", "spec.baseUrl", ("string", None, True)),
        ("Tenant", "spec.webhooks", ("list of object", None, False)),
        ("Tenant", "spec.webhooks.secret", ("object or list of object", None, True)),
        ("SchemaExtension", "spec.schema.attributes.type", ("string", '"string"', False)),
        ("SchemaExtension", "spec.personal", ("list of string", None, False)),
    ],
)
def test_a_key_has_its_type_its_default_and_whether_it_is_required(
    kind: str, path: str, expected: tuple[str, str | None, bool]
) -> None:
    key = at(kind, path)

    assert (key.type, key.default, key.required) == expected


def test_a_key_of_some_credentials_says_of_which() -> None:
    assert at("Tenant", "spec.auth.scheme").only_for == ("header",)
    assert at("Tenant", "spec.auth.token").only_for == ("bearer", "header")
    assert at("Tenant", "spec.auth.type").only_for == ()


def test_the_values_that_a_key_may_have_are_listed_once() -> None:
    assert at("SchemaExtension", "spec.onDrift").choices == ("skip", "update")
    assert at("Tenant", "apiVersion").choices == ("reconciler/v1",)


def test_a_key_that_nobody_may_give_yet_is_none_and_one_of_another_kind_neither() -> None:
    assert KEYS.at("Tenant", ("spec", "owners")) is None
    assert KEYS.at("SchemaExtension", ("spec", "auth")) is None
    assert KEYS.at("Tenant", ("spec", "auth", "type", "deeper")) is None
    assert KEYS.at("Tenant", ()) is None


def test_what_has_no_type_may_be_any_value() -> None:
    keys = ManifestKeys({"properties": {"a": {"items": {}}, "b": {}}})

    assert [key.type for key in keys.of("Tenant")] == ["list of values", "any value"]


def test_what_is_inside_of_a_path_is_listed_and_none_is_told_from_nothing() -> None:
    assert KEYS.inside("Tenant", ()) == KEYS.of("Tenant")
    assert KEYS.inside("Tenant", ("spec",)) == KEYS.below(at("Tenant", "spec"))
    assert KEYS.inside("Tenant", ("metadata", "name")) == ()
    assert KEYS.inside("Tenant", ("nothing",)) is None


def test_keys_are_found_by_the_end_of_their_path_and_each_but_once() -> None:
    def found(kind: str, *path: str) -> list[str]:
        return [".".join(key.path) for key in KEYS.ending(kind, path)]

    assert found("Tenant", "CLIENTAUTH") == ["spec.auth.clientAuth"]
    assert found("Tenant", "webhooks", "url") == ["spec.webhooks.url"]
    assert found("Tenant", "onDrift") == []
    assert found("SchemaExtension", "returned") == [
        "spec.schema.attributes.returned",
        "spec.schema.attributes.subAttributes.returned",
    ]
