"""What may be shown of a live schema: the words of RFC 7643 and of the manifest, no credential."""

from reconciler.domain.redaction import Redaction
from reconciler.domain.scim import Schema
from reconciler.domain.secret import Secret
from reconciler.domain.shown import shown_schema


def redaction(*secrets: str) -> Redaction:
    return Redaction(map(Secret, secrets))


def test_a_schema_that_shows_no_credential_is_shown_as_it_is() -> None:
    live = Schema.from_json({"id": "urn:x", "description": "100 % of it", "attributes": []})

    assert shown_schema(live, redaction("hunter2-hunter2")) is live  # at the first look
    assert shown_schema(live, redaction("%41")) is live  # and after a closer one


def test_a_credential_is_hidden_wherever_a_service_shows_it() -> None:
    part = {"name": "s3cret", "x-s3cret": ["s3cret", 7]}
    held = {
        "name": "a s3cret",
        "type": "s3cret",
        "description": "s3cret",
        "canonicalValues": ["s3cret", "a s3cret"],
        "subAttributes": [part],
        "x": 7,
    }
    document = {"id": "urn:s3cret", "name": "s3cret", "x-s3cret": {"s3cret": 1}, "meta": "s3cret"}
    live = Schema.from_json({**document, "attributes": [held]})

    shown = shown_schema(live, redaction("s3cret"))
    assert "s3cret" not in repr(shown)
    assert "s3cret" not in str(shown.document)
    assert shown.attributes[0].sub_attributes[0].vendor == (("x-…", '["…",7]'),)
    assert shown.attributes[0].canonical_values == ("a …", "…")


def test_the_words_of_the_rfc_stay_at_their_own_places_and_nowhere_else() -> None:
    held = {"name": "type", "type": "string", "description": "a string", "subAttributes": []}
    live = Schema.from_json({"id": "urn:x", "attributes": [held]})

    (shown,) = shown_schema(live, redaction("string", "type")).attributes
    assert (shown.name, shown.type, shown.description) == ("…", "string", "a …")


def test_what_the_manifest_says_stays_and_a_name_is_spelled_as_it_spells_it() -> None:
    desired = Schema.from_json(
        {
            "id": "urn:acme:HR",
            "name": "Grade",
            "description": "the grade",
            "attributes": [{"name": "grade", "subAttributes": [{"name": "level"}]}],
        }
    )
    live = Schema.from_json(
        {
            "id": "urn:ACME:hr",
            "name": "GRADE",
            "description": "the grade, as GRADE",
            "attributes": [{"name": "GRADE", "subAttributes": [{"name": "LEVEL"}]}, {"name": "b"}],
        }
    )

    shown = shown_schema(live, redaction("GRADE", "grade", "ACME", "LEVEL"), desired)
    assert (shown.id, shown.name, shown.description) == ("urn:acme:HR", "Grade", "the grade, as …")
    assert [attribute.name for attribute in shown.attributes] == ["b", "grade"]
    assert shown.attributes[1].sub_attributes[0].name == "level"


def test_what_is_hidden_never_equals_what_is_desired() -> None:
    desired = Schema.from_json({"id": "urn:x", "description": "by …", "attributes": []})
    live = Schema.from_json({"id": "urn:x", "description": "by s3cret", "attributes": []})

    assert shown_schema(live, redaction("s3cret"), desired).description == "by ……"
