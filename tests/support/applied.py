"""A folder whose one extension was deployed and announced, and a look into its store."""

import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from tests.support.program import Folder

MANIFESTS = Path("desired-state")


@pytest.fixture
def applied(tmp_path: Path) -> Folder:
    """One tenant whose extension was deployed and announced."""
    folder = Folder(tmp_path)
    (tmp_path / MANIFESTS).mkdir()
    tenant = {"dialect": "genesys", "baseUrl": "embedded://dev"}
    schema = {
        "id": "urn:ietf:params:scim:schemas:extension:acme:2.0:User:One",
        "name": "One",
        "attributes": [{"name": "grade", "type": "string"}],
    }
    documents = [
        {"kind": "Tenant", "metadata": {"name": "dev"}, "spec": tenant},
        {"kind": "SchemaExtension", "metadata": {"name": "one"}, "spec": {"schema": schema}},
    ]
    text = "\n---\n".join(json.dumps({"apiVersion": "reconciler/v1", **d}) for d in documents)
    (tmp_path / MANIFESTS / "all.yaml").write_text(text + "\n")
    done = folder.run("apply", "--auto-approve")
    assert done.code == 0, done.everything
    return folder


def query(folder: Folder, statement: str) -> list[tuple[object, ...]]:
    with closing(sqlite3.connect(folder.path / ".reconciler/state.db")) as shell:
        found = shell.execute(statement).fetchall()
        shell.commit()
    return found
