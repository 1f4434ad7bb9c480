"""What a service fixes: one value in equality, digest and proof, and never an eternal diff."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given

from reconciler.domain.blocking import BlockReason
from reconciler.domain.body import create_body
from reconciler.domain.deciding import plan_tenant
from reconciler.domain.dialect import Dialect, Transport, UpdateStrategy
from reconciler.domain.fixed import as_kept, as_served, defaults_of
from reconciler.domain.jsontext import Json
from reconciler.domain.manifest import Manages, OnDrift, Projection, SchemaExtension, Tenant
from reconciler.domain.plan import Blocked, Change, Create, Skip, SkipReason, Update
from reconciler.domain.problem import Place
from reconciler.domain.scim import Schema
from reconciler.domain.selection import Selection
from tests.support.domain_world import dialect, live, tenant_of
from tests.support.strategies import schema_documents

URN = "urn:example:hr"
# A service that nobody sells: it has more words than some and fewer than others
NARROW: Dialect = dialect(
    name="directory",
    target_system="Directory",
    fixed=(
        ("canonicalValues", ()),
        ("caseExact", True),
        ("multiValued", False),
        ("referenceTypes", ("external",)),
        ("required", False),
        ("returned", "always"),
    ),
    accepts=(("mutability", ("readWrite", "readOnly")), ("uniqueness", ("none", "server"))),
)
REALM: Dialect = dialect(
    transport=Transport.KEYCLOAK,
    creates=False,
    updates=UpdateStrategy.PATCH,
    types=frozenset({"string", "integer"}),
    fixed=(("caseExact", True),),
)


def document(*attributes: Json) -> dict[str, Json]:
    return {"id": URN, "name": "hr", "attributes": list(attributes)}


def extension(*attributes: Json, **members: Any) -> SchemaExtension:
    return SchemaExtension(
        name="hr", place=Place("hr.yaml"), schema=Schema.from_json(document(*attributes)), **members
    )


def served(*attributes: Json, service: Dialect = NARROW) -> Schema:
    """The schema as a service shows it that keeps what it fixes and nothing else."""
    return Schema.from_json(as_kept(document(*attributes), service))


def test_what_the_gateway_knows_to_be_unsayable_is_blocked_and_nothing_else() -> None:
    wanted = extension({"name": "badge", "caseExact": True})

    def change(there: Schema, objection: str | None) -> Change:
        (made,) = plan_tenant(
            tenant_of(service=NARROW),
            extensions=[wanted.fitted_to(NARROW)],
            live=replace(live(there.document), objection=lambda _: objection),
            selection=Selection(),
        ).changes
        return made

    blocked = change(served(), "it has no such group")

    assert isinstance(blocked, Blocked)
    assert (blocked.reason, blocked.recipe) == (BlockReason.UNSUPPORTED, "it has no such group")
    assert not isinstance(change(served(), None), Blocked)


def decided(
    wanted: SchemaExtension, there: Schema | None, service: Dialect = NARROW, **members: Any
) -> Change:
    tenant: Tenant = replace(tenant_of(service=service), **members)
    (change,) = plan_tenant(
        tenant,
        extensions=[wanted.fitted_to(service)],
        live=live() if there is None else live(there.document),
        selection=Selection(),
    ).changes
    return change


PART = {"name": "whole", "type": "complex", "subAttributes": [{"name": "part"}]}
PLAIN: list[Json] = [
    {"name": "badge"},
    {"name": "badge", "caseExact": True, "returned": "ALWAYS", "uniqueness": "None"},
    {"name": "badge", "uniqueness": "server", "mutability": "read_only"},
    {"name": "grade", "type": "integer", "caseExact": False},
    {"name": "start", "type": "dateTime", "canonicalValues": [], "uniqueness": None},
    {"name": "photo", "type": "reference"},
    {"name": "photo", "type": "Reference", "referenceTypes": ["External"]},
    PART,
]


@pytest.mark.parametrize("attribute", PLAIN, ids=str)
@pytest.mark.parametrize("drift", OnDrift)
def test_what_is_left_out_or_written_as_it_is_fixed_is_in_sync(
    attribute: Json, drift: OnDrift
) -> None:
    change = decided(extension(attribute, on_drift=drift), served(attribute))

    assert isinstance(change, Skip)
    assert change.reason is SkipReason.IN_SYNC


MISFITS: list[tuple[Json, str]] = [
    ({"name": "badge", "caseExact": False}, "caseExact is true for every attribute"),
    ({"name": "badge", "returned": "default"}, "returned is always for every attribute"),
    ({"name": "badge", "multiValued": True}, "multiValued is false for every attribute"),
    ({"name": "badge", "required": True}, "required is false for every attribute"),
    ({"name": "badge", "canonicalValues": ["a"]}, "canonicalValues is empty for every attribute"),
    (
        {"name": "photo", "type": "reference", "referenceTypes": ["uri"]},
        "referenceTypes is external for every attribute",
    ),
    ({"name": "badge", "mutability": "immutable"}, "no mutability immutable, only readWrite or"),
    ({"name": "badge", "mutability": "writeOnly"}, "no mutability writeOnly, only readWrite or"),
    ({"name": "badge", "uniqueness": "Global"}, "no uniqueness Global, only none or server"),
    ({"name": "badge", "returned": "perhaps"}, "returned is always for every attribute"),
    (
        {**PART, "subAttributes": [{"name": "part", "required": True}]},
        "attribute 'part': required is false for every attribute",
    ),
]


@pytest.mark.parametrize(("attribute", "message"), MISFITS, ids=str)
@pytest.mark.parametrize("drift", OnDrift)
def test_what_the_service_cannot_say_is_blocked_with_its_reason(
    attribute: Json, message: str, drift: OnDrift
) -> None:
    wanted = extension(attribute, on_drift=drift)

    for there in (None, served(attribute)):
        change = decided(wanted, there)
        assert isinstance(change, Blocked)
        assert change.reason is BlockReason.UNSUPPORTED
        assert message in change.recipe
        assert "(REC-FIXED)" in change.recipe


@pytest.mark.parametrize("attribute", [each for each, _ in MISFITS if "subAttributes" not in each])
def test_a_note_lets_the_value_of_the_service_count(attribute: Any) -> None:
    (member,) = set(attribute) - {"name", "type"}
    at = ("spec", "schema", "attributes", 0, member)
    noted = extension(attribute, yields=frozenset({(at, False)}))

    created, there = decided(noted, None), decided(noted, served(attribute))

    assert isinstance(created, Create)
    assert isinstance(there, Skip)
    assert there.reason is SkipReason.IN_SYNC


def test_a_note_reaches_a_sub_attribute() -> None:
    attribute = {**PART, "subAttributes": [{"name": "part", "required": True}]}
    at = ("spec", "schema", "attributes", 0, "subAttributes", 0, "required")
    noted = extension(attribute, yields=frozenset({(at, False)}))

    change = decided(noted, served(attribute))

    assert isinstance(change, Skip)


def test_a_default_that_the_service_cannot_say_is_found_where_it_is_left_out() -> None:
    service = dialect(accepts=(("mutability", ("readOnly", "immutable")),))

    change = decided(extension({"name": "badge"}), None, service)

    assert isinstance(change, Blocked)
    assert "no mutability readWrite, only readOnly or immutable" in change.recipe


def test_what_is_fixed_counts_where_words_are_accepted_too() -> None:
    service = dialect(
        fixed=(("mutability", "readOnly"),), accepts=(("mutability", ("readWrite", "readOnly")),)
    )

    change = decided(extension({"name": "badge", "mutability": "readWrite"}), None, service)

    assert isinstance(change, Blocked)


def test_what_is_fixed_is_in_the_body_and_in_the_digest() -> None:
    plain, said = extension({"name": "badge"}), extension({"name": "badge", "caseExact": True})

    (sent,) = create_body(plain.fitted_to(NARROW).schema)["attributes"]

    assert (sent["caseExact"], sent["returned"], sent["uniqueness"]) == (True, "always", "none")
    assert plain.fitted_to(NARROW).schema == said.fitted_to(NARROW).schema
    assert plain.schema != said.schema


def test_what_a_capability_says_of_it_counts() -> None:
    there = Schema.from_json(document({"name": "badge", "caseExact": False}))
    lifted = NARROW.overridden({"fixed": {}, "accepts": {}})

    assert isinstance(decided(extension({"name": "badge"}), there, lifted), Skip)
    assert isinstance(
        decided(extension({"name": "x", "uniqueness": "global"}), None, lifted), Create
    )


@given(schema_documents(vendor=True))
def test_a_service_that_fixes_nothing_takes_a_schema_as_it_is(written: Any) -> None:
    wanted = SchemaExtension(name="x", place=Place("x"), schema=Schema.from_json(written))

    assert wanted.fitted_to(dialect()) is wanted
    assert as_served(written, dialect()) is written


@given(schema_documents(vendor=True))
def test_a_schema_fits_once_it_was_fitted(written: Any) -> None:
    wanted = SchemaExtension(name="x", place=Place("x"), schema=Schema.from_json(written))

    fitted = wanted.fitted_to(NARROW)

    assert fitted.fitted_to(NARROW).schema == fitted.schema
    assert as_kept(as_kept(written, NARROW), NARROW) == as_kept(written, NARROW)


@pytest.mark.parametrize(
    ("document", "attributes"),
    [
        ({"ATTRIBUTES": [{"NAME": "a", "CASEEXACT": None}]}, [{"NAME": "a", "CASEEXACT": True}]),
        ({"attributes": [{"name": "a", "caseExact": False}]}, [{"name": "a", "caseExact": False}]),
        ({"attributes": [{"name": "a", "type": "integer"}]}, [{"name": "a", "type": "integer"}]),
        ({"attributes": ["?"]}, ["?"]),
    ],
)
def test_a_live_schema_has_what_is_fixed_where_it_does_not_show_it(
    document: Any, attributes: Any
) -> None:
    shown = as_served(document, dialect(fixed=(("caseExact", True),)))

    assert list(shown.values()) == [attributes]
    assert as_served(["no", "schema"], NARROW) == ["no", "schema"]


def test_the_defaults_of_an_attribute_are_those_of_its_type() -> None:
    assert defaults_of({"name": "a"}, NARROW)["caseExact"] is True
    assert defaults_of({"name": "a", "type": "integer"}, NARROW)["caseExact"] is False
    # A reference always says to what, or a rule asks for it
    assert "referenceTypes" not in defaults_of({"name": "a", "type": "reference"}, NARROW)


# Services without /Schemas

PROJECTED: dict[str, Any] = {"projection": Projection(URN)}


@pytest.mark.parametrize("drift", OnDrift)
def test_each_limit_blocks_where_the_schema_is_there_from_the_start(drift: OnDrift) -> None:
    wanted = extension(
        {"name": "start", "type": "dateTime"}, manages=Manages.ATTRIBUTES, on_drift=drift
    )

    change = decided(wanted, served(service=REALM), REALM, **PROJECTED)

    assert isinstance(change, Blocked)
    assert "has no type dateTime" in change.recipe


def test_an_attribute_comes_to_the_schema_of_a_projection() -> None:
    wanted = extension({"name": "badge"}, manages=Manages.ATTRIBUTES, on_drift=OnDrift.UPDATE)
    theirs = served({"name": "theirs"}, service=REALM)

    change = decided(wanted, theirs, REALM, **PROJECTED)

    assert isinstance(change, Update)


@pytest.mark.parametrize(
    ("members", "recipe"),
    [
        ({}, "write manages: attributes"),
        ({"manages": Manages.ATTRIBUTES, "resource_type": "Group"}, "are those of User"),
    ],
)
def test_what_is_not_for_the_schema_of_a_projection_is_blocked_in_sync_or_not(
    members: Any, recipe: str
) -> None:
    for there in (served({"name": "badge"}, service=REALM), served(service=REALM)):
        change = decided(extension({"name": "badge"}, **members), there, REALM, **PROJECTED)
        assert isinstance(change, Blocked)
        assert recipe in change.recipe


def test_another_schema_than_that_of_the_projection_is_blocked() -> None:
    wanted = extension({"name": "badge"}, manages=Manages.ATTRIBUTES)

    change = decided(wanted, None, REALM, projection=Projection("urn:example:it"))

    assert isinstance(change, Blocked)
    assert "are shown as urn:example:it" in change.recipe


def test_a_name_of_the_service_is_blocked_whatever_a_note_says() -> None:
    service = REALM.overridden({"attributeNames": {"characters": "letters", "except": ["email"]}})
    silenced = frozenset({("REC-OWN-NAME", ("spec", "schema", "attributes", 0, "name"), False)})
    wanted = extension({"name": "EMAIL"}, manages=Manages.ATTRIBUTES, silenced=silenced)

    change = decided(wanted, served(service=service), service, **PROJECTED)

    assert isinstance(change, Blocked)
    assert "has that name for itself" in change.recipe
