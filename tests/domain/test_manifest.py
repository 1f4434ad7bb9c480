from dataclasses import replace
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.domain.manifest import (
    Auth,
    Manifests,
    SchemaExtension,
    SecretRef,
    SecretSource,
    Selector,
    Tenant,
    TenantsFrom,
)
from reconciler.domain.problem import Place, Problem, Severity
from reconciler.domain.scim import Schema
from tests.support.domain_world import dialect


def tenant(name: str = "acme-prod", **members: Any) -> Tenant:
    known: dict[str, Any] = {
        "place": Place("t.yaml"),
        "dialect": dialect(),
        "base_url": "https://scim.example.com",
        "labels": {"env": "prod", "region": "eu"},
    }
    return Tenant(name=name, **(known | members))


def extension(name: str, schema_id: str, **members: Any) -> SchemaExtension:
    schema = Schema.from_json({"id": schema_id})
    return SchemaExtension(name=name, place=Place("e.yaml"), schema=schema, **members)


# Selectors


def test_an_empty_selector_selects_every_tenant() -> None:
    assert Selector().selects(tenant())
    assert Selector().selects(tenant("x", dialect=dialect(name="sap"), labels={}))


@pytest.mark.parametrize(
    ("labels", "selected"),
    [
        ({"env": "prod"}, True),
        ({"env": "prod", "region": "eu"}, True),
        ({"env": "test"}, False),
        ({"env": "prod", "region": "us"}, False),
        ({"tier": "gold"}, False),
        ({"env": "PROD"}, False),
        ({"env": "pro*"}, False),
        ({"env": ""}, False),
    ],
)
def test_a_selector_needs_every_label_as_written(labels: Any, selected: bool) -> None:
    assert Selector(match_labels=labels).selects(tenant()) is selected


@pytest.mark.parametrize(
    ("names", "selected"),
    [
        (("acme-prod",), True),
        (("acme-*",), True),
        (("*-prod",), True),
        (("acme-pro?",), True),
        (("[ab]cme-*",), True),
        (("beta", "acme-*"), True),
        (("acme",), False),
        (("cme-prod",), False),
        (("ACME-*",), False),
        (("acme-prod*x",), False),
        ((), False),
    ],
)
def test_a_selector_takes_any_of_its_name_globs(names: tuple[str, ...], selected: bool) -> None:
    assert Selector(names=names).selects(tenant()) is selected


@pytest.mark.parametrize(
    ("dialects", "selected"),
    [(("genesys",), True), (("sap", "genesys"), True), (("sap",), False), (("gen*",), False),
     ((), False)],
)  # fmt: skip
def test_a_selector_takes_any_of_its_dialects(dialects: tuple[str, ...], selected: bool) -> None:
    assert Selector(dialects=dialects).selects(tenant()) is selected


@given(st.booleans(), st.booleans(), st.booleans())
def test_every_part_of_a_selector_must_hold(labels: bool, names: bool, dialects: bool) -> None:
    selector = Selector(
        match_labels={"env": "prod" if labels else "test"},
        names=("acme-*" if names else "beta-*",),
        dialects=("genesys" if dialects else "sap",),
    )
    assert selector.selects(tenant()) is (labels and names and dialects)


def test_a_tenant_should_have_what_selects_it_in_the_order_of_the_urns() -> None:
    everywhere = extension("b", "urn:x:B")
    first = extension("z", "urn:x:a")
    elsewhere = extension("c", "urn:x:c", selector=Selector(names=("beta",)))
    manifests = Manifests(tenants=(tenant(),), extensions=(everywhere, elsewhere, first))
    assert manifests.desired_for(tenant()) == (first, everywhere)
    assert manifests.desired_for(tenant("beta")) == (first, everywhere, elsewhere)


# Problems


def test_a_problem_is_printed_with_place_severity_and_rule() -> None:
    problem = Problem(Place("a/b.yaml", 4, 9), Severity.ERROR, "attribute-name", "it is empty")
    assert str(problem) == "a/b.yaml:4:9: error[attribute-name]: it is empty"
    assert str(problem.place) == "a/b.yaml:4"
    assert str(Place("x.json")) == "x.json:1"


PROBLEMS = [
    Problem(Place("a.yaml", 2, 9), Severity.WARNING, "z", "m"),
    Problem(Place("a.yaml", 10, 1), Severity.ERROR, "a", "m"),
    Problem(Place("a.yaml", 10, 2), Severity.ERROR, "a", "m"),
    Problem(Place("a.yaml", 10, 2), Severity.ERROR, "b", "a"),
    Problem(Place("a.yaml", 10, 2), Severity.ERROR, "b", "b"),
    Problem(Place("a.yaml", 10, 2), Severity.WARNING, "a", "m"),
    Problem(Place("b.yaml", 1, 1), Severity.ERROR, "a", "m"),
]


@given(st.randoms(use_true_random=True))
def test_problems_are_sorted_by_file_then_line_as_a_number_then_column(random: Random) -> None:
    assert sorted(random.sample(PROBLEMS, len(PROBLEMS))) == PROBLEMS


@pytest.mark.parametrize("severity", Severity)
def test_every_severity_prints_as_its_word(severity: Severity) -> None:
    assert f": {severity.value}[" in str(Problem(Place("f"), severity, "rule", "words"))


# Tenants


@pytest.mark.parametrize(
    ("base_url", "name"),
    [
        ("embedded://local", "local"),
        ("https://scim.example.com/embedded://x", None),
        ("http://127.0.0.1:8080/v2", None),
        ("embedded:local", None),
        ("", None),
    ],
)
def test_only_an_embedded_address_names_a_built_in_tenant(base_url: str, name: str | None) -> None:
    assert tenant(base_url=base_url).embedded == name


def test_equality_of_manifests_ignores_places() -> None:
    assert tenant(place=Place("x", 9)) == tenant()
    assert extension("a", "urn:x") == SchemaExtension(
        name="a", place=Place("elsewhere", 7), schema=Schema.from_json({"id": "URN:X"})
    )
    assert SecretRef(SecretSource.ENV, "TOKEN", Place("x")) == (
        SecretRef(SecretSource.ENV, "TOKEN", Place("y", 2))
    )


def test_a_manifest_names_its_secrets_and_never_holds_one() -> None:
    auth = Auth(credentials={"token": SecretRef(SecretSource.ENV, "ACME_TOKEN", Place("x"))})
    assert [field for field in SecretRef.__slots__ if "value" in field] == []
    assert "ACME_TOKEN" in repr(auth)


def test_the_tenants_of_a_ref_are_compared_with_those_of_the_folder_by_name() -> None:
    there = [tenant("same"), tenant("moved"), tenant("gone-b"), tenant("gone-a")]
    here = [tenant("same"), tenant("moved", base_url="https://x.example.com"), tenant("new")]

    found = TenantsFrom(ref="main", commit="c", unread=("x.yaml",)).compared(there, here)

    assert found == TenantsFrom(
        ref="main",
        commit="c",
        changed=("moved",),
        added=("new",),
        removed=("gone-a", "gone-b"),
        unread=("x.yaml",),
    )


def test_a_note_silences_a_rule_at_its_place_and_where_nothing_is_written_at_the_list() -> None:
    attributes = ("spec", "schema", "attributes")
    noted = replace(
        extension("a", "urn:x"),
        schema=Schema.from_json({"id": "urn:x", "attributes": [{"name": "a"}]}),
        silenced=frozenset({("R1", (*attributes, 0, "name"), False), ("R2", attributes, True)}),
    )

    assert noted.silences("R1", (*attributes, 0, "name"), at_key=False)
    assert not noted.silences("R1", (*attributes, 0, "name"), at_key=True)
    assert noted.silences("R2", (*attributes, 3), at_key=False)
    assert not noted.silences("R1", (*attributes, 3), at_key=False)
    assert not extension("a", "urn:x").silences("R1", attributes, at_key=False)


def test_a_schema_has_to_be_bound_to_the_resource_type_that_its_manifest_writes() -> None:
    assert extension("a", "urn:x").binding_type is None
    assert extension("a", "urn:x", names_resource_type=True).binding_type == "User"
