"""The RFC's own schemas (RFC 7643 section 8.7) break no rule but that they are the RFC's."""

from typing import Any

import pytest

from reconciler.domain.problem import Severity
from reconciler.domain.rules import check_schema
from tests.support.rule_world import Document, locate, schema


def spelt(name: str, kind: str = "string", **members: Any) -> Document:
    """An attribute as RFC 7643 section 8.7 spells it, defaults written out."""
    compared = {} if kind in ("complex", "boolean") else {"caseExact": False, "uniqueness": "none"}
    plain = {"multiValued": False, "required": False, "mutability": "readWrite"}
    return {"name": name, "type": kind, **plain, "returned": "default", **compared, **members}


def several(name: str, *parts: Document, **members: Any) -> Document:
    return spelt(name, "complex", multiValued=True, subAttributes=list(parts), **members)


def shown(name: str, kind: str = "string", **members: Any) -> Document:
    return spelt(name, kind, **{"mutability": "readOnly", **members})


EXTERNAL: Document = {"referenceTypes": ["external"]}
LABELS = (spelt("display"), spelt("type", canonicalValues=["work"]), spelt("primary", "boolean"))
CHARACTERISTICS = (
    shown("name", required=True, caseExact=True), shown("type", required=True),
    shown("multiValued", "boolean", required=True), shown("description", caseExact=True),
    shown("required", "boolean"), shown("canonicalValues", multiValued=True, caseExact=True),
    shown("caseExact", "boolean"), shown("mutability", caseExact=True),
    shown("returned", caseExact=True), shown("uniqueness", caseExact=True),
    shown("referenceTypes", multiValued=True, caseExact=True),
)  # fmt: skip
OF_THE_RFC: dict[str, list[Document]] = {
    "core:2.0:User": [
        spelt("userName", required=True, uniqueness="server"),
        spelt("name", "complex", subAttributes=[spelt("formatted"), spelt("familyName")]),
        spelt("displayName"),
        spelt("profileUrl", "reference", **EXTERNAL),
        spelt("active", "boolean"),
        spelt("password", mutability="writeOnly", returned="never"),
        several("emails", spelt("value"), *LABELS),
        several("photos", spelt("value", "reference", **EXTERNAL), *LABELS),
        several("addresses", spelt("formatted"), spelt("country"), *LABELS),
        several(
            "groups",
            shown("value"),
            shown("$ref", "reference", referenceTypes=["User", "Group"]),
            shown("display"),
            shown("type", canonicalValues=["direct", "indirect"]),
            mutability="readOnly",
        ),
        several("x509Certificates", spelt("value", "binary"), *LABELS),
    ],
    "core:2.0:Group": [
        spelt("displayName"),
        several(
            "members",
            spelt("value", mutability="immutable"),
            spelt(
                "$ref", "reference", mutability="immutable", referenceTypes=["User", "Group"]
            ),
            spelt("type", mutability="immutable", canonicalValues=["User", "Group"]),
        ),
    ],
    "extension:enterprise:2.0:User": [
        *map(spelt, ("employeeNumber", "costCenter", "organization", "division", "department")),
        spelt(
            "manager",
            "complex",
            subAttributes=[
                spelt("value"),
                spelt("$ref", "reference", referenceTypes=["User"]),
                shown("displayName"),
            ],
        ),
    ],
    "core:2.0:ResourceType": [
        shown("id"),
        shown("name", required=True, caseExact=True, uniqueness="server"),
        shown("description"),
        shown("endpoint", "reference", referenceTypes=["uri"], required=True),
        several(
            "schemaExtensions",
            shown("schema", "reference", referenceTypes=["uri"], required=True, caseExact=True),
            shown("required", "boolean", required=True),
            mutability="readOnly",
        ),
    ],
    "core:2.0:Schema": [
        shown("id", required=True),
        shown("name", required=True, caseExact=True),
        shown("description"),
        several(
            "attributes",
            *CHARACTERISTICS,
            several("subAttributes", *CHARACTERISTICS, mutability="readOnly"),
            mutability="readOnly",
            required=True,
        ),
    ],
}  # fmt: skip


@pytest.mark.parametrize("name", OF_THE_RFC)
def test_the_schemas_of_the_rfc_break_no_rule_but_that_they_are_the_rfcs(name: str) -> None:
    document = schema(*OF_THE_RFC[name], id=f"urn:ietf:params:scim:schemas:{name}")

    found = check_schema(document, locate)

    errors = {problem.rule for problem in found if problem.severity is Severity.ERROR}
    assert errors == ({"SCIM-S02"} if name.startswith("core:") else set())
