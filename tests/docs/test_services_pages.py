"""The pages about services: one for each dialect, and what they show works."""

import json
import re
from pathlib import Path

import pytest

from reconciler.adapters.dialects import load_dialects
from reconciler.adapters.manifests import load
from tests.support.pages import FENCE, blocks, page_with
from tests.support.program import ROOT, Folder
from tests.support.reading import LIMITS
from tests.support.services_pages import FOLDER, INDEX, pages

KEYCLOAK = "docs/services/keycloak.md"
PARTS = ("What it can", "What it cannot", "Known behaviour")


def test_the_tables_of_the_services_are_what_make_docs_would_write() -> None:
    for path, text in pages().items():
        assert path.read_text() == text, path.name


def test_each_dialect_has_a_page_and_each_page_a_dialect() -> None:
    named = {path.stem for path in FOLDER.glob("*.md") if path != INDEX}

    assert named == set(load_dialects())


@pytest.mark.parametrize("name", sorted(load_dialects()))
def test_a_page_says_what_its_service_can_and_cannot_and_which_rights_it_takes(name: str) -> None:
    text = (FOLDER / f"{name}.md").read_text()

    headings = re.findall(r"^## (.*)$", text, re.M)

    assert [part for part in PARTS if part not in headings] == []
    assert "(../../desired-state/tenants/_example-" in text or "kind: Tenant" in text
    assert "| source |" in text or "| seen on |" in text or "compatibility.md" in text


def test_the_tenant_of_the_page_about_read_only_is_valid(tmp_path: Path) -> None:
    (tmp_path / "tenant.yaml").write_text(page_with("docs/services/read-only.md", "yaml"))

    loaded = load(tmp_path, dialects=load_dialects(), limits=LIMITS)

    assert loaded.manifests is not None, loaded.problems


@pytest.mark.process
def test_a_realm_is_set_up_as_the_page_about_keycloak_says(folder: Folder) -> None:
    [commands] = [t for language, t in blocks(KEYCLOAK) if language == "bash" and "init" in t]
    [noted] = [text for language, text in blocks(KEYCLOAK) if language == "yaml"]

    for line in commands.splitlines():
        if line.startswith("reconciler init"):
            done = folder.run(*line.split()[1:])
            assert done.code == 0, done.everything
    made = Folder(folder.path / "try-keycloak")
    name = "desired-state/extensions/hr-keycloak.yaml"
    text = (made.path / name).read_text()
    made.write(name, text + "".join(f"      {line}\n" for line in noted.splitlines()))
    noticed = made.run("validate", "--fail-on", "warning")
    made.write(name, text + f"      {noted.splitlines()[1]}\n")
    bare = made.run("validate", "--fail-on", "warning")

    assert noticed.code == 0, noticed.everything
    assert bare.code == 6
    assert "uniqueness is none for every attribute of Keycloak" in bare.out


def test_the_page_about_keycloak_edits_what_init_writes() -> None:
    example = (ROOT / "desired-state/tenants/_example-keycloak.yaml").read_text()
    edited = re.findall(r"s\|([^|]+)\|", page_edits())

    assert len(edited) == 2
    assert [text for text in edited if text not in example] == []
    assert json.dumps(example).endswith('CLIENT_SECRET}\\n"')  # what is appended is of its spec


def page_edits() -> str:
    return "".join(text for language, text in FENCE.findall((ROOT / KEYCLOAK).read_text()))
