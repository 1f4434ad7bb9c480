"""The contenders of `validate`: the program, with and without `fast`, and check-jsonschema.

All of them check the same files with the same JSON Schema.
"""

import sys
from collections.abc import Mapping
from pathlib import Path

from reconciler.adapters.packaged import schema_text
from reconciler.adapters.yaml_writer import yaml_text
from tests.support.fleet.schemas import ATTRIBUTES, attribute

MANY, FEW = 1000, 100

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


def manifest(kind: str, name: str, spec: Mapping[str, object]) -> str:
    members = {"kind": kind, "metadata": {"name": name}, "spec": spec}
    return yaml_text({"apiVersion": "reconciler/v1", **members})
