"""The files that `init` and `demo` begin with: manifests of the program, and their JSON Schema."""

import re
from collections.abc import Iterator

from reconciler.adapters.dialects import sound_dialects
from reconciler.adapters.packaged import repository_text, schema_with, template_text
from reconciler.cli.invocation import Invocation
from reconciler.render.json_text import json_text

_SCHEMA = "manifest.schema.json"
_IS_EXAMPLE = re.compile("# An example: files whose names begin with _ .*\\n(#\\n)?")


def manifest_text(name: str) -> str:
    """A manifest that comes with the program, as one that counts; it names the schema beside it."""
    text = _IS_EXAMPLE.sub("", repository_text(f"desired-state/{name}"))
    return text.replace("../../reconciler/schemas/manifest.json", f"../../{_SCHEMA}")


def common_files(invocation: Invocation) -> Iterator[tuple[str, str]]:
    """The files beside the manifests of every folder, by their paths there."""
    dialects = tuple(sound_dialects(invocation.common.dialects))
    yield _SCHEMA, json_text(schema_with("manifest", dialects))
    yield ".gitignore", template_text("init/gitignore")
