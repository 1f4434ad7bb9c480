"""The contenders of `validate`: the program, with and without `fast`, and check-jsonschema.

All of them check the same files with the same JSON Schema.
"""

import json
import sys
from collections.abc import Mapping
from pathlib import Path

from reconciler.adapters.packaged import schema_text
from reconciler.adapters.yaml_writer import yaml_text
from tests.support.fleet.schemas import ATTRIBUTES, attribute

MANY, FEW = 1000, 100
ROWS = 10_000

TEMPLATE = {
    "dialect": "genesys",
    "baseUrl": "https://api.{region}.example.com/{name}/scim/v2",
    "auth": {
        "type": "oauth2-client-credentials",
        "tokenUrl": "https://login.{region}.example.com/token",
        "clientId": {"env": "{variables}_ID"},
        "clientSecret": {"file": "{name}/secret"},
    },
    "webhooks": [{"url": "https://hr.example.com/{name}", "secret": {"env": "{variables}_HR"}}],
}

RUN = "from reconciler.__main__ import main; sys.exit(main())"
WITHOUT_FAST = "import sys; sys.modules['jsonschema_rs'] = None; " + RUN  # as if not installed
WITH_FAST = "import sys, jsonschema_rs; " + RUN


def contenders(folder: Path) -> Mapping[str, list[str]]:
    """Commands by name; the manifests and the JSON Schema stand in the folder."""
    folder.mkdir()
    schema = folder / "manifest.json"
    schema.write_text(schema_text("manifest"))
    many, few = written(folder / "many", MANY), written(folder / "few", FEW)
    check = [sys.executable, "-m", "check_jsonschema", "--schemafile", str(schema)]

    def validate(how: str, where: Path) -> list[str]:
        return [sys.executable, "-c", how, "validate", "-q", "--desired-state", str(where)]

    return {
        f"check-jsonschema, {MANY} manifests": [*check, *map(str, sorted(many.iterdir()))],
        f"validate, {MANY} manifests": validate(WITHOUT_FAST, many),
        f"validate with fast, {MANY} manifests": validate(WITH_FAST, many),
        f"validate, {FEW} manifests": validate(WITHOUT_FAST, few),
        f"validate with fast, {FEW} manifests": validate(WITH_FAST, few),
    }


def written(folder: Path, number: int) -> Path:
    """That many extensions of thirty attributes with all their characteristics, and a tenant."""
    folder.mkdir()
    tenant = {"dialect": "rfc7644", "baseUrl": "embedded://local"}
    (folder / "tenant.yaml").write_text(manifest("Tenant", "local", tenant))
    for index in range(number):
        schema = {
            "id": f"urn:example:extension:{index}",
            "name": f"extension{index}",
            "description": f"What department {index} keeps of its people",
            "attributes": [attribute(each) for each in range(ATTRIBUTES)],
        }
        text = manifest("SchemaExtension", f"extension-{index}", {"schema": schema})
        (folder / f"extension-{index}.yaml").write_text(text)
    return folder


def tenants(folder: Path) -> Mapping[str, list[str]]:
    """Commands by name: tenants as rows, twice as many, and as JSON manifests."""
    folder.mkdir()
    places = {
        f"validate, {ROWS} rows": in_rows(folder / "rows", ROWS),
        f"validate, {2 * ROWS} rows": in_rows(folder / "more rows", 2 * ROWS),
        f"validate, {ROWS} tenants in JSON": in_json(folder / "json", ROWS),
    }
    words = [sys.executable, "-m", "reconciler", "validate", "-q", "--max-documents", "40000"]
    return {name: [*words, "--desired-state", str(place)] for name, place in places.items()}


def in_rows(folder: Path, number: int) -> Path:
    """That many tenants as a TenantSet."""
    folder.mkdir()
    spec = {"rows": "rows.csv", "labels": {"region": "{region}"}, "template": TEMPLATE}
    (folder / "set.yaml").write_text(manifest("TenantSet", "fleet", spec))
    lines = (",".join(row.values()) for row in map(tenant_row, range(number)))
    (folder / "rows.csv").write_text("\n".join(("name,region,variables", *lines)))
    return folder


def in_json(folder: Path, number: int) -> Path:
    """The same tenants, each in a manifest of its own."""
    folder.mkdir()
    template = json.dumps(
        {"metadata": {"name": "{name}", "labels": {"region": "{region}"}}, "spec": TEMPLATE}
    )
    for row in map(tenant_row, range(number)):
        text = template
        for column, value in row.items():
            text = text.replace(f"{{{column}}}", value)
        whole = {"apiVersion": "reconciler/v1", "kind": "Tenant", **json.loads(text)}
        (folder / f"{row['name']}.json").write_text(json.dumps(whole))
    return folder


def tenant_row(number: int) -> dict[str, str]:
    return {
        "name": f"acme-{number:05}",
        "region": f"eu-{number % 7}",
        "variables": f"ACME_{number}",
    }


def manifest(kind: str, name: str, spec: Mapping[str, object]) -> str:
    members = {"kind": kind, "metadata": {"name": name}, "spec": spec}
    return yaml_text({"apiVersion": "reconciler/v1", **members})
