"""Schemas that were verified: what was found of a tenant's and when, and the documents kept."""

import json
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from reconciler.adapters.database.connections import Question, Row, Step
from reconciler.adapters.database.tables import AS_DESIRED, NOT_AS_DESIRED
from reconciler.domain.jsontext import NotJson, parse
from reconciler.domain.manifest import Manages, SchemaExtension
from reconciler.domain.scim import MalformedSchema, Schema
from reconciler.domain.verified import Look

_AS_DESIRED = (
    'SELECT seq, schema_id, timestamp, coalesce(after_digest, before_digest), "commit" '
    f"FROM audit WHERE {AS_DESIRED} AND tenant = ? AND schema_id > ''"
)
_OTHERS = (
    'SELECT seq, schema_id, timestamp, NULL, "commit" '
    f"FROM audit WHERE {NOT_AS_DESIRED} AND tenant = ? AND schema_id > ''"
)
_IS_KEPT = "SELECT 1 FROM schemas WHERE digest = ? AND manages = ? AND resource_type = ?"
_KEEP = "INSERT INTO schemas (digest, manages, resource_type, document) VALUES (?, ?, ?, ?)"
_KEPT = (
    "SELECT document, manages, resource_type FROM schemas WHERE digest = ? "
    "ORDER BY manages, resource_type"
)
_WRITTEN = (
    "SELECT desired, manages, NULL FROM intents WHERE tenant = ? AND schema_id = ? ORDER BY id DESC"
)


class KeptSchema(NamedTuple):
    """A schema as it was verified; `resource_type` is None where the store does not know it."""

    schema: Schema
    manages: Manages
    resource_type: str | None


def looks_of(names: Iterable[str]) -> list[Question]:
    """The questions for all records of a tenant's schemas, by its names."""
    return [Question(text, (name,)) for name in names for text in (_AS_DESIRED, _OTHERS)]


def looks_in(answers: Iterable[Sequence[Row]]) -> tuple[Look, ...]:
    """The answers to `looks_of`, in the order of the trail."""
    return tuple(sorted(Look(*row) for rows in answers for row in rows))


def key_of(extension: SchemaExtension) -> tuple[str, str, str]:
    """The key that a document is kept under."""
    manages, kind = extension.manages.value, extension.resource_type
    return extension.schema.fingerprint(), manages, kind


def is_kept(key: tuple[str, str, str]) -> Question:
    """The question whether a document is kept."""
    return Question(_IS_KEPT, key)


def keep(step: Step, extension: SchemaExtension) -> None:
    """Keep the document of an extension, as written, which is not kept so far."""
    schema = extension.schema
    text = json.dumps(schema.document or schema.to_json(), ensure_ascii=False, allow_nan=False)
    step.defer(_KEEP, *key_of(extension), text)


def documents_of(names: Iterable[str], schema_id: str, digest: str) -> list[Question]:
    """The questions for what may be the document of a digest, the likeliest first."""
    written = (Question(_WRITTEN, (name, schema_id)) for name in names)
    return [Question(_KEPT, (digest,)), *written]


def schemas_in(answers: Iterable[Sequence[Row]], digest: str) -> tuple[KeptSchema, ...]:
    """The answers to `documents_of` that are of that digest: a document proves itself by it."""
    found = []
    for text, manages, resource_type in (row for rows in answers for row in rows):
        try:
            schema = Schema.from_json(parse(text.encode()))
        except (NotJson, MalformedSchema):  # damaged: `audit verify` says so
            continue
        if schema.fingerprint() == digest:
            found.append(KeptSchema(schema, Manages(manages), resource_type))
    return tuple(found)
