"""Schemas that were verified, kept whole by their fingerprint, and what the trail has of each."""

from dataclasses import replace

from reconciler.domain.manifest import Manages
from reconciler.domain.records import Status
from reconciler.domain.scim import Schema
from reconciler.domain.verified import Look
from tests.support.fakes import extension
from tests.support.fakes import tenant as tenant_of_manifest
from tests.support.store_world import (
    HR,
    HR_DOCUMENT,
    HR_URN,
    WHEN,
    Place,
    adopted,
    behind_its_back,
    created,
    event,
    intended,
    intent,
    opened,
    rows,
)

HR_EXTENSION = replace(extension(), schema=HR, resource_type="Device")
DIGEST = HR.fingerprint()


def test_a_schema_is_kept_once_and_as_written(place: Place) -> None:
    with opened(place) as store:
        store.keep_schemas([HR_EXTENSION, HR_EXTENSION])
        store.keep_schemas([HR_EXTENSION])
    with opened(place) as store:
        store.keep_schemas([HR_EXTENSION])
        [kept] = store.schemas_of("acme", HR_URN, DIGEST)
        assert list(store.misfits()) == []

    assert (dict(kept.schema.document), kept.manages, kept.resource_type) == (
        HR_DOCUMENT,
        Manages.SCHEMA,
        "Device",
    )
    assert rows(place, "SELECT count(*) FROM schemas") == [(1,)]


def test_what_a_write_has_sent_is_known_without_having_been_kept(place: Place) -> None:
    with opened(place) as store:
        number = store.intend(intent(tenant="old"), intended("old"))
        store.settle(number, created(tenant="old"), event(tenant="old"))
        store.carry_on([replace(tenant_of_manifest("new"), formerly=("old",))])

        [kept] = store.schemas_of("new", HR_URN, DIGEST)

        assert (kept.schema, kept.resource_type) == (HR, None)
        assert store.schemas_of("new", HR_URN, "sha256:other") == ()


def test_a_document_that_was_edited_is_none_and_a_misfit(place: Place) -> None:
    with opened(place) as store:
        store.keep_schemas([HR_EXTENSION])
    behind_its_back(place, 'UPDATE schemas SET document = \'{"id": "urn:evil"}\'')

    with opened(place) as store:
        assert store.schemas_of("acme", HR_URN, DIGEST) == ()
        assert list(store.misfits()) == [f"the schema that is kept as {DIGEST} is another one"]
    behind_its_back(place, "UPDATE schemas SET document = 'no JSON'")
    with opened(place) as store:
        assert store.schemas_of("acme", HR_URN, DIGEST) == ()


def test_looks_have_what_was_as_desired_and_what_was_not_of_all_names(place: Place) -> None:
    verified = replace(adopted("old"), after_digest=DIGEST, commit="c0ffee")
    with opened(place) as store:
        store.record_all([verified, created(Status.FAILED, "new"), adopted("other")])
        store.carry_on([replace(tenant_of_manifest("new"), formerly=("old",))])

        assert store.looks("new") == (
            Look(1, HR_URN, WHEN, DIGEST, "c0ffee"),
            Look(2, HR_URN, WHEN, None, None),
        )


def test_many_schemas_are_kept_in_one_transaction(place: Place) -> None:
    many = [
        replace(HR_EXTENSION, schema=Schema.from_json(HR_DOCUMENT | {"id": f"urn:x:{number}"}))
        for number in range(30)
    ]
    with opened(place) as store:
        store.keep_schemas(many)

    assert rows(place, "SELECT count(*) FROM schemas") == [(30,)]
