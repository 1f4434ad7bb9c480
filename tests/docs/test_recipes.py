"""The recipes of CONTRIBUTING.md: each is followed on a copy of the tree, and works."""

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.support.program import HR_URN
from tests.support.recipes import MOST_STEPS, Copy, copy_of_the_tree, recipes, steps_of

pytestmark = [pytest.mark.process, pytest.mark.timeout(300)]


@pytest.fixture
def copy(tmp_path: Path) -> Copy:
    return copy_of_the_tree(tmp_path / "copy")


def well(done: subprocess.CompletedProcess[str]) -> str:
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def run_tests(copy: Copy, *arguments: str) -> str:
    options = ("-q", "-n", "0", "-p", "no:cacheprovider", "-m", "not chaos")
    return well(copy.run("pytest", *options, *arguments))


def test_a_recipe_has_few_steps_and_shows_what_it_writes() -> None:
    found = recipes()

    assert set(found) == {
        "A rule",
        "A dialect",
        "A service behind an API of its own",
        "An error of a service",
        "A command",
        "An output format",
        "A notification",
    }
    for title, steps in found.items():
        assert 0 < len(steps) <= MOST_STEPS, title
        assert any(step.block for step in steps), title


def test_the_recipe_of_a_rule_makes_one(copy: Copy) -> None:
    copy.follow(recipes()["A rule"])
    folder = copy.path / "tests/examples/invalid"
    (copy.path / "long").mkdir()
    shutil.copy(folder / "long-name.yaml", copy.path / "long")

    warned = copy.run("reconciler", "validate", "--desired-state", "long")
    assert "long/long-name.yaml:15:16: warning[SCIM-A30]: attribute " in warned.stdout
    run_tests(copy, "tests/examples")


def test_the_recipe_of_a_dialect_makes_one(copy: Copy) -> None:
    copy.follow(recipes()["A dialect"])
    tenant = copy.path / "desired-state/tenants/local.yaml"
    tenant.write_text(tenant.read_text().replace("genesys", "acme"))

    planned = well(copy.run("reconciler", "plan"))
    assert "Tenant local  (acme, embedded://local)  0 of 5 extensions in use" in planned
    run_tests(copy, "tests/adapters/test_dialects.py", "tests/domain/test_dialect.py")


def test_the_recipe_of_a_service_behind_an_api_tells_first_what_it_cannot(copy: Copy) -> None:
    copy.follow(recipes()["A service behind an API of its own"])
    folder = copy.path / "desired-state"
    tenant = folder / "tenants/local.yaml"
    tenant.write_text(
        "apiVersion: reconciler/v1\nkind: Tenant\nmetadata: {name: local}\nspec:\n"
        "  dialect: acme-listing\n  baseUrl: https://api.acme.example/environments/1\n"
        f"  projection: {{schemaId: '{HR_URN}', resource: users}}\n"
    )

    told = copy.run("reconciler", "validate").stdout
    tenant.write_text(tenant.read_text().replace("/environments/1", ""))
    refused = copy.run("reconciler", "validate").stdout

    assert "returned is default for every attribute of ACME Cloud (tenant local)" in told
    assert "has no type boolean, only string" in told
    assert "is written https://api.acme.example/environments/ID" in refused


def test_the_recipe_of_an_error_gives_a_refusal_its_meaning(copy: Copy) -> None:
    copy.follow(recipes()["An error of a service"])

    written = run_tests(copy, "tests/adapters/test_gateway_writing.py", "-k", "each_error and sap")
    assert " passed" in written
    run_tests(copy, "tests/adapters/test_dialects.py")


def test_the_recipe_of_a_notification_makes_one(copy: Copy) -> None:
    copy.follow(recipes()["A notification"])

    run_tests(copy, "tests/cli/test_apply.py", "-k", "announced")


def test_the_recipe_of_a_command_makes_one(copy: Copy) -> None:
    copy.follow(recipes()["A command"])

    assert "tenants" in well(copy.run("reconciler", "--help"))
    assert well(copy.run("reconciler", "tenants")) == "local\n"
    run_tests(
        copy, "tests/cli/test_tenants.py", "tests/test_docs.py", "-k", "tenants or every_command"
    )


def test_the_recipe_of_an_output_format_makes_one(copy: Copy) -> None:
    copy.follow(recipes()["An output format"])

    assert f'local,create,"{HR_URN}"\n' in well(copy.run("reconciler", "plan", "--format", "csv"))
    run_tests(copy, "tests/cli/test_plan.py", "-k", "csv")


@pytest.mark.timeout(600)
def test_all_recipes_together_keep_style_types_and_architecture(copy: Copy) -> None:
    for steps in recipes().values():
        copy.follow(steps)
    copy.know_types()

    well(copy.run("ruff", "format", "--check", "."))
    well(copy.run("ruff", "check", "."))
    well(copy.run("mypy"))
    run_tests(copy, "tests/test_architecture.py")


def test_the_block_of_a_recipe_step_is_found() -> None:
    text = "\n1. Write `a`:\n\n```text\nb\n```\n\n2. Done.\n"

    assert [(step.text, step.block) for step in steps_of(text)] == [
        ("Write `a`:", "b\n"),
        ("Done.", None),
    ]
