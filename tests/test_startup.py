"""What a command imports before it is done: start-up is paid at every call, so it is counted.

Modules and not seconds, for a busy machine changes those. What is pinned is named by what it is
for; the bounds have room for a few modules of another Python, and none for another library.
"""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.program import Folder
from tests.support.workflows.repository import Repository

REPORT = """
import sys
from reconciler.__main__ import main
try:
    code = main()
except SystemExit as end:
    code = end.code
sys.stderr.write("\\n" + " ".join(sorted(sys.modules)) + f"\\n{code}")
"""


ELSEWHERE = """
apiVersion: reconciler/v1
kind: Tenant
metadata: {name: elsewhere}
spec:
  dialect: genesys
  baseUrl: http://127.0.0.1:9/scim/v2
  auth: {type: bearer, token: {env: NOT_SET}}
"""


def imported(folder: Path, *arguments: str, ended: str = "0") -> frozenset[str]:
    """The modules that a command leaves imported, beyond those of a bare interpreter."""
    bare = _said(folder, "import sys; sys.stderr.write(' '.join(sys.modules) + '\\n0')")
    return _said(folder, REPORT, *arguments, ended=ended) - bare


def _said(folder: Path, code: str, *arguments: str, ended: str = "0") -> frozenset[str]:
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    *_, modules, code = done.stderr.splitlines()
    assert code == ended, done.stderr
    return frozenset(modules.split())


def within(modules: frozenset[str], *packages: str) -> list[str]:
    """Those of the modules that belong to one of the packages."""
    return sorted(m for m in modules if any(f"{m}.".startswith(f"{p}.") for p in packages))


@pytest.mark.parametrize(
    ("arguments", "bound"),
    [
        (("--version",), 12),
        (("--help",), 70),
        (("plan", "--help"), 70),
        (("import", "--help"), 70),
        (("dev-tenant", "--help"), 70),
    ],
)
def test_version_and_help_import_nothing_else(
    tmp_path: Path, arguments: tuple[str, ...], bound: int
) -> None:
    found = imported(tmp_path, *arguments)

    heavy = ("typing", "logging", "pathlib", "importlib.resources", "json", "rich")
    assert within(found, "reconciler.domain", "reconciler.adapters", *heavy) == []
    assert len(found) <= bound, sorted(found)


def test_the_version_needs_no_parser_of_arguments(tmp_path: Path) -> None:
    found = imported(tmp_path, "--version")

    unneeded = ("argparse", "dataclasses", "re", "enum", "signal", "reconciler.cli.commands")
    assert within(found, *unneeded) == []


def test_validate_needs_no_network_and_no_store(folder: Folder) -> None:
    found = imported(folder.path, "validate")

    away = ("requests", "urllib3", "ssl", "http", "sqlalchemy", "sqlite3", "tenacity")
    assert within(found, *away, "deepdiff", *VALIDATORS, "importlib.resources") == []
    assert len(found) <= 210, sorted(found)


def test_validate_against_a_ref_compares_flat_attributes_without_a_library(folder: Folder) -> None:
    repository = Repository(folder.path)
    repository.git("init", "--quiet", "--initial-branch", "main")
    repository.commit("as it was")
    (changed,) = folder.path.glob("desired-state/extensions/hr*.yaml")
    changed.write_text(changed.read_text().replace("type: boolean", "type: string"))

    found = imported(folder.path, "validate", "--against", "HEAD", ended="6")

    assert within(found, "deepdiff", *VALIDATORS) == []


VALIDATORS = ("jsonschema", "jsonschema_rs", "referencing")
WATCHING = ("rich", "opentelemetry", "reconciler.facts", "reconciler.adapters.transport.shown")
UNUSED = (
    "sqlalchemy",
    "deepdiff",
    "ruamel",
    *VALIDATORS,
    "uuid",
    "html",
    "tenacity",
    "asyncio",
    *WATCHING,
)


def test_a_plan_without_a_store_needs_none_and_no_built_in_tenant(folder: Folder) -> None:
    folder.write("desired-state/tenants/local.yaml", ELSEWHERE)
    found = imported(folder.path, "plan", "--target", "hr-extension", ended="1")

    ours = ("embedded", "adapters.webhooks", "adapters.database.store", "adapters.database.engine")
    assert within(found, "sqlite3", *UNUSED, *(f"reconciler.{name}" for name in ours)) == []
    assert within(found, "reconciler.render.plan_markdown", "reconciler.fleet") == []
    of_changes = ("ports", "domain.documents", "domain.impact", "domain.waves")
    assert within(found, *(f"reconciler.{name}" for name in of_changes)) == []
    assert len(found) <= 460, sorted(found)


@pytest.mark.parametrize("texts", [("audit", "list"), ("webhooks", "list")])
def test_commands_that_read_the_store_import_no_network_and_no_manifests(
    folder: Folder, texts: tuple[str, ...]
) -> None:
    assert folder.run("apply", "--auto-approve").code == 0

    found = imported(folder.path, *texts)

    away = ("requests", "urllib3", "http", "ssl", "yaml", "reconciler.adapters.transport")
    assert within(found, *away, *UNUSED, "reconciler.embedded") == []
    assert len(found) <= 197, sorted(found)


def test_a_hundred_documents_are_worth_the_import_of_a_fast_validator(folder: Folder) -> None:
    for number in range(101):
        tenant = ELSEWHERE.replace("elsewhere", f"t{number}")
        folder.write(f"desired-state/tenants/t{number}.yaml", tenant)

    found = imported(folder.path, "validate")

    assert "jsonschema_rs" in found
    assert within(found, "jsonschema") == []
