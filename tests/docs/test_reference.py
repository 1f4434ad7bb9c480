"""docs/reference: each page has every member and word that the JSON Schemas and the code have."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from reconciler.domain.blocking import BlockReason
from reconciler.domain.drift import DriftKind
from reconciler.domain.jsontext import Json
from reconciler.domain.outcome import OutcomeKind
from reconciler.domain.plan import SkipReason
from reconciler.domain.records import Event, EventType, Status
from reconciler.embedded import Faults
from tests.support.program import ROOT

PAGES = ROOT / "docs/reference"
SCHEMAS = ROOT / "reconciler/schemas"


def text_of(page: str) -> str:
    return (PAGES / page).read_text()


def words_of(page: str) -> set[str]:
    """Everything in backticks, and the parts of a dotted name; no block of code."""
    found = re.findall(r"`([^`]+)`", re.sub(r"(?ms)^```.*?^```$", "", text_of(page)))
    return {*found, *(part for name in found for part in re.findall(r"\w+", name))}


def members(schema: Json) -> Iterator[str]:
    """Every member that a JSON Schema describes, wherever it stands."""
    if isinstance(schema, dict):
        yield from (name for name, of in schema.get("properties", {}).items() if of is not False)
        for value in schema.values():
            yield from members(value)
    if isinstance(schema, list):
        for value in schema:
            yield from members(value)


def schema_of(name: str) -> Json:
    return json.loads((SCHEMAS / f"{name}.json").read_text())


def first_column(page: str, heading: str) -> list[str]:
    """The cells of the table whose first heading is that one."""
    table = text_of(page).split(f"\n| {heading} |", 1)[1].split("\n\n")[0]
    return re.findall(r"^\| `([^`]+)`", table, re.M)


@pytest.mark.parametrize(
    ("page", "name"),
    [
        ("plan.md", "plan"),
        ("apply.md", "report"),
        ("audit-record.md", "audit"),
        ("webhook.md", "event"),
        ("gate.md", "gate"),
    ],
)
def test_a_reference_page_names_the_members_of_its_json_schema(page: str, name: str) -> None:
    schema = schema_of(name)
    top = set(schema["properties"])

    assert top <= words_of(page)


def test_the_plan_page_names_the_members_of_tenants_and_changes() -> None:
    definitions = schema_of("plan")["$defs"]
    wanted = {name for of in ("tenant", "change") for name in members(definitions[of])}

    assert wanted - words_of("plan.md") == set()


def test_the_manifests_page_names_the_members_of_both_kinds() -> None:
    definitions = schema_of("manifest")["$defs"]
    kinds = ("SchemaExtensionSpec", "TenantSpec", "Metadata", "Selector", "Limits", "Webhook",
             "Owners", "Retired", "Deprecated", "OAuth2Auth", "BearerAuth",
             "BasicAuth")  # fmt: skip
    reserved = {"$ref": "#/$defs/Reserved"}
    wanted = {
        name
        for kind in kinds
        for name, of in definitions[kind].get("properties", {}).items()
        if {"$ref": of.get("$ref")} != reserved
    }

    assert len(wanted) > 30
    assert wanted - words_of("manifests.md") == set()


@pytest.mark.parametrize(
    ("page", "heading", "wanted"),
    [
        ("plan.md", "action", {"create", "update", "skip", "blocked"}),
        ("plan.md", "reason", {*SkipReason, *BlockReason}),
        ("plan.md", "kind", set(DriftKind)),
        ("apply.md", "outcome", set(OutcomeKind)),
        ("audit-record.md", "event", set(Event)),
        ("audit-record.md", "status", set(Status)),
    ],
)
def test_a_table_of_the_reference_has_a_row_for_each_word(
    page: str, heading: str, wanted: set[str]
) -> None:
    found = first_column(page, heading)

    assert sorted(found) == sorted(wanted)


def test_the_webhook_page_names_both_events() -> None:
    assert set(EventType) <= words_of("webhook.md")


def test_the_index_of_the_reference_leads_to_each_of_its_pages() -> None:
    linked = set(re.findall(r"\]\(([\w-]+\.md)\)", text_of("README.md")))

    assert linked == {path.name for path in Path(PAGES).glob("*.md")} - {"README.md"}


def test_the_page_of_the_built_in_tenant_names_every_fault():
    page = (ROOT / "docs/dev-tenant.md").read_text().split("| fault |")[1].split("\n\n")[0]

    assert re.findall(r"^\| `(\w+)`", page, re.M) == list(Faults().to_json())
