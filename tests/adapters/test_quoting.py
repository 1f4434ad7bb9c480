"""A source line that could hold a secret is repeated in no report, however the file is laid out."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from reconciler.adapters.dialects import load_dialects
from reconciler.adapters.manifests import Loaded, load
from tests.support.reading import LIMITS

CANARY = "canary-93aa71"
LITERAL: dict[str, Any] = {
    "spec": {
        "auth": {"type": "bearer", "token": CANARY},
        "webhooks": [{"url": f"http://{CANARY}", "secret": CANARY}],
        "dialect": "genesis",
    },
    "apiVersion": "reconciler/v1",
    "kind": "Tenant",
    "metadata": {"name": "acme"},
}
LONG = {"k" * 1100: "a key so long that no parser of YAML looks for its colon"}
LAYOUTS = {
    "one line": json.dumps(LITERAL),
    "many lines": json.dumps(LITERAL, indent=1),
    "an escaped pair of surrogates": json.dumps({**LITERAL, "x": "\U0001f600"}),
    "JSON that YAML cannot read": json.dumps({**LITERAL, **LONG}),
    "nothing but a secret": json.dumps(CANARY),
    "cut off": json.dumps(LITERAL)[:-1],
}
YAML_LAYOUTS = {
    "block": yaml.safe_dump(LITERAL),
    "flow": yaml.safe_dump(LITERAL, default_flow_style=True, width=10_000),
    "a text on several lines": f'kind: Tenant\nspec:\n  auth: "a\n    {CANARY}"\n',
    "nothing but a secret": CANARY,
    "cut off": f'{{"kind": "Tenant", "key": "{CANARY}"',
    "cut off, with the line ends of Windows": f"kind: Tenant\r\nkey: {CANARY}: x\r\n",
}


def loaded(folder: Path, name: str, text: str) -> Loaded:
    (folder / name).write_bytes(text.encode())
    return load(folder, dialects=load_dialects(), limits=LIMITS)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        *(pytest.param("t.json", text, id=f"JSON, {layout}") for layout, text in LAYOUTS.items()),
        *(pytest.param("t.yaml", text, id=f"YAML, {la}") for la, text in YAML_LAYOUTS.items()),
    ],
)
def test_no_source_line_that_is_shown_holds_a_secret(tmp_path: Path, name: str, text: str) -> None:
    found = loaded(tmp_path, name, text)

    assert found.manifests is None
    shown = found.sources.lines_of(found.problems)
    assert [line for line in shown.values() if CANARY in line] == []


def test_a_source_line_that_can_hold_no_secret_is_shown(tmp_path: Path) -> None:
    found = loaded(tmp_path, "t.yaml", "kind: Tenant\nspec:\n  dialect: genesis\n")

    assert "  dialect: genesis" in found.sources.lines_of(found.problems).values()
