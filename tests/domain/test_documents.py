"""The types of documents: equal to the JSON Schemas, and followed by mypy to every reader."""

import json
import subprocess
import sys
import types
from collections.abc import Iterator
from pathlib import Path
from typing import (
    Any,
    Literal,
    NotRequired,
    Union,
    get_args,
    get_origin,
    get_type_hints,
    is_typeddict,
)

import pytest

from reconciler.domain import documents

ROOT = Path(__file__).parents[2]
SCHEMAS = ROOT / "reconciler/schemas"

DOCUMENTS = {
    "plan": documents.PlanDocument,
    "report": documents.ReportDocument,
    "audit": documents.AuditDocument,
    "event": documents.EventDocument,
    "output": documents.OutputDocument,
    "status": documents.StatusDocument,
    "gate": documents.GateDocument,
    "adoption": documents.AdoptionDocument,
}
SIMPLE = {str: "string", int: "integer", bool: "boolean", float: "number", type(None): "null"}


class Comparison:
    """One JSON Schema against one type, member by member.

    What narrows a string or a number further (patterns, bounds, conditions) no type can say.
    """

    def __init__(self, schema: Any) -> None:
        self._root = schema
        self._seen: set[tuple[str, str]] = set()

    def run(self, annotation: Any) -> list[str]:
        return list(self._differences(self._root, annotation, "$"))

    def _differences(self, schema: Any, annotation: Any, at: str) -> Iterator[str]:
        stated, typed = self._parts(schema), parts_of(annotation)
        plain, plain_typed = values_of(stated), values_of(typed)
        if plain != plain_typed:
            yield f"{at}: the schema has {sorted(plain)}, the type {sorted(plain_typed)}"
        for kind in ("object", "array"):
            one = [part for part in stated if part.get("type") == kind]
            other = [part for part in typed if isinstance(part, Shape) and part.kind == kind]
            if len(one) != len(other) or len(one) > 1:
                yield f"{at}: {kind} {len(one)} times in the schema, {len(other)} in the type"
            elif one and kind == "object":
                yield from self._members(one[0], other[0].annotation, at)
            elif one:
                yield from self._differences(one[0]["items"], other[0].annotation, f"{at}[]")

    def _members(self, schema: Any, annotation: Any, at: str) -> Iterator[str]:
        if not is_typeddict(annotation):  # a mapping, whose members are not known
            yield from [f"{at}: members in the schema alone"] if "properties" in schema else []
            return
        place = json.dumps(schema, sort_keys=True), annotation.__name__
        if place in self._seen:
            return
        self._seen.add(place)
        hints = get_type_hints(annotation, include_extras=True)
        properties = schema.get("properties", {})
        for name in sorted(hints.keys() ^ properties.keys()):
            yield f"{at}.{name}: in the {'type' if name in hints else 'schema'} alone"
        required, needed = set(schema.get("required", ())), annotation.__required_keys__
        for name in sorted(required ^ needed):
            yield f"{at}.{name}: required by the {'type' if name in needed else 'schema'} alone"
        for name in sorted(hints.keys() & properties.keys()):
            yield from self._differences(properties[name], hints[name], f"{at}.{name}")

    def _parts(self, schema: Any) -> list[Any]:
        """The alternatives that a value has; an object stands for anything."""
        if "$ref" in schema:
            name = schema["$ref"].removeprefix("#/$defs/")
            return self._parts(self._root["$defs"][name])
        if "anyOf" in schema:
            return [part for one in schema["anyOf"] for part in self._parts(one)]
        if "enum" in schema:
            return [{"const": value} for value in schema["enum"]]
        if isinstance(schema.get("type"), list):
            return [{**schema, "type": kind} for kind in schema["type"]]
        return [schema]


class Shape:
    def __init__(self, kind: str, annotation: Any) -> None:
        self.kind = kind
        self.annotation = annotation


def parts_of(annotation: Any) -> list[Any]:
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin in (NotRequired, Union, types.UnionType):
        return [part for one in arguments for part in parts_of(one)]
    if origin is Literal:
        return [{"const": value} for value in arguments]
    if annotation in (documents.Tenants, documents.Changes):  # one at a time; a list on the wire
        [item] = get_args(get_type_hints(annotation.__iter__)["return"])
        return [Shape("array", item)]
    if origin is list:
        return [Shape("array", arguments[0])]
    if is_typeddict(annotation) or origin is dict:
        return [Shape("object", annotation)]
    return [{} if annotation is object else {"type": SIMPLE[annotation]}]


def values_of(parts: list[Any]) -> set[str]:
    """The simple alternatives, as text; a word adds nothing to any string."""
    plain = [part for part in parts if isinstance(part, dict)]
    kinds = {part["type"] for part in plain if "type" in part} - {"object", "array"}
    texts = {json.dumps(part["const"]) for part in plain if "const" in part}
    if "null" in texts:
        texts, kinds = texts - {"null"}, kinds | {"null"}
    if {"true", "false"} <= texts:
        texts, kinds = texts - {"true", "false"}, kinds | {"boolean"}
    if "string" in kinds:
        texts = {word for word in texts if not word.startswith('"')}
    return kinds | texts | ({"anything"} if {} in plain else set())


def schema_named(name: str) -> Any:
    return json.loads((SCHEMAS / f"{name}.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("name", DOCUMENTS)
def test_a_document_type_has_every_member_of_its_json_schema_and_no_other(name: str) -> None:
    assert Comparison(schema_named(name)).run(DOCUMENTS[name]) == []


DATA = {
    "validate": documents.ValidateData,
    "import": documents.ImportData,
    "doctor": documents.DoctorData,
    "audit-list": documents.AuditListData,
    "audit-verify": documents.AuditVerifyData,
    "state-check": documents.StateCheckData,
    "webhooks-list": documents.WebhooksListData,
    "sent": documents.SentData,
    "dropped": documents.DroppedData,
    "locks": documents.LocksData,
    "fmt": documents.FmtData,
    "explain": documents.ExplainData,
}


def test_the_data_of_each_command_has_a_document_type() -> None:
    schema = schema_named("output")
    referred = {case["then"]["properties"]["data"]["anyOf"][0]["$ref"] for case in schema["allOf"]}

    assert {name.removeprefix("#/$defs/") for name in referred} == DATA.keys()
    for name, annotation in DATA.items():
        part = {**schema["$defs"][name], "$defs": schema["$defs"]}
        assert Comparison(part).run(annotation) == [], name


def test_every_json_schema_of_what_we_write_has_a_document_type() -> None:
    read = {"manifest", "dialect", "settings"}  # people write these; loaders make values
    assert {path.stem for path in SCHEMAS.glob("*.json")} - read == DOCUMENTS.keys()


@pytest.mark.parametrize(
    ("edit", "found"),
    [
        (lambda s: s["properties"].pop("digest"), "$.digest: in the type alone"),
        (lambda s: s["properties"].update(extra={}), "$.extra: in the schema alone"),
        (lambda s: s["required"].remove("git"), "$.git: required by the type alone"),
        (
            lambda s: s["$defs"]["change"]["properties"]["action"]["enum"].append("destroy"),
            "$.tenants[].changes[].action: the schema has",
        ),
        (
            lambda s: s["$defs"]["attribute"]["properties"]["required"].update(type="string"),
            "$.tenants[].changes[].after.attributes[].required: the schema has",
        ),
        (
            lambda s: s["properties"]["selection"]["properties"].pop("target"),
            "$.selection.target: in the type alone",
        ),
        (
            lambda s: s["$defs"]["tenant"]["properties"]["error"].update(type="string"),
            "$.tenants[].error: the schema has",
        ),
    ],
)  # fmt: skip
def test_a_json_schema_that_drifts_from_its_document_type_is_found(edit: Any, found: str) -> None:
    schema = schema_named("plan")
    edit(schema)

    assert any(line.startswith(found) for line in Comparison(schema).run(documents.PlanDocument))


MISSPELT = """
from reconciler.domain.documents import (
    AuditDocument, ChangeDocument, DoctorData, EventDocument, OutputDocument, PlanDocument,
    ReportDocument, TenantDocument, WebhookDocument,
)

def plan(document: PlanDocument, tenant: TenantDocument, change: ChangeDocument) -> None:
    print(document["tenats"])
    print(tenant["chnages"])
    print(change["actoin"])
    print(change["source"]["lien"])
    print(change["action"] == "creat")

def report(document: ReportDocument) -> None:
    print(document["exit"]["cod"])

def audit(record: AuditDocument) -> None:
    print(record["stauts"])

def event(document: EventDocument) -> None:
    print(document["event_typ"])

def doctor(document: DoctorData) -> None:
    print(document["tenants"][0]["findigs"])

def webhook(document: WebhookDocument) -> None:
    print(document["ulr"])

def output(document: OutputDocument) -> None:
    print(document["diagnostics"][0]["colunm"])
"""
READERS = {
    "reconciler/render/plan_text.py": ('tenant["warnings"]', 'tenant["warnigs"]'),
    "reconciler/render/plan_markdown.py": ('document["approvals"]', 'document["aprovals"]'),
    "reconciler/render/report_markdown.py": ('report["warnings"]', 'report["warnigs"]'),
    "reconciler/render/plan_document.py": ('"extensions_live":', '"extension_live":'),
    "reconciler/cli/audit_list.py": ('record["seq"]', 'record["sqe"]'),
    "reconciler/cli/drift_issues.py": ('tenant["error"]', 'tenant["eror"]'),
    "reconciler/cli/commands/webhooks_list.py": ('"last_status":', '"last_staus":'),
}


def mypy(*arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--no-incremental", "--follow-imports=silent", *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    return done.stdout + done.stderr


@pytest.mark.process
def test_mypy_objects_to_a_misspelt_key_of_every_document_type(tmp_path: Path) -> None:
    file = tmp_path / "misspelt.py"
    file.write_text(MISSPELT)

    found = mypy(str(file))

    wrong = [n for n, line in enumerate(MISSPELT.splitlines(), start=1) if "print(" in line]
    assert [n for n in wrong if f"misspelt.py:{n}: error:" not in found] == []
    assert f"Found {len(wrong)} errors" in found


@pytest.mark.process
def test_mypy_follows_a_document_into_every_module_that_makes_or_reads_it(tmp_path: Path) -> None:
    for number, (name, (right, wrong)) in enumerate(READERS.items()):
        text = (ROOT / name).read_text(encoding="utf-8")
        assert right in text, name
        (tmp_path / f"reader_{number}.py").write_text(text.replace(right, wrong))

    found = mypy(*map(str, sorted(tmp_path.iterdir())))

    assert [
        name for number, name in enumerate(READERS) if f"reader_{number}.py:" not in found
    ] == [], found
