"""`schema`: each JSON Schema is printed whole."""

import json

import pytest

from reconciler.cli.commands.schema import SchemaName
from tests.support.program import Folder


@pytest.mark.parametrize("name", SchemaName)
def test_schema_prints_each_json_schema(folder: Folder, name):
    done = folder.run("schema", name)

    assert done.code == 0
    assert json.loads(done.out)["$schema"] == "https://json-schema.org/draft/2020-12/schema"
