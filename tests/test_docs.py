"""What README and docs show is what the program does: each command is run, each output compared."""

import re
from pathlib import Path

import pytest
import yaml

from reconciler.cli.commands import COMMANDS
from reconciler.cli.common_options import CommonOptions
from reconciler.cli.options import flag_of, options_in
from tests.bench.__main__ import parser as bench_options
from tests.support.program import Folder
from tests.support.workflows.repository import files_of_this

ROOT = Path(__file__).parents[1]
PAGES = [
    "README.md",
    "desired-state/README.md",
    *(str(p.relative_to(ROOT)) for p in ROOT.glob("docs/**/*.md")),
]
LOCKS = ("requirements.txt", "requirements-dev.txt", "requirements-plan.txt",
         "requirements-release.txt")  # fmt: skip
LEFT_OUT = (".venv", ".git", ".reconciler", ".mypy_cache", ".ruff_cache", ".pytest_cache",
            ".hypothesis", "tests")  # fmt: skip


def blocks(page: str, language: str) -> list[str]:
    """The fenced blocks of that language, in order."""
    return re.findall(rf"^```{language}\n(.*?)^```", (ROOT / page).read_text(), re.M | re.S)


def test_the_manifests_of_the_overview_are_valid(folder: Folder):
    shown = blocks("docs/overview.md", "yaml")
    assert [yaml.safe_load(text)["kind"] for text in shown] == ["SchemaExtension", "Tenant"]
    folder.write("shown/manifests.yaml", "---\n".join(shown))

    done = folder.run("validate", "--desired-state", "shown", "--fail-on", "warning")

    assert done.code == 0, done.everything


def test_every_command_is_in_the_overview():
    text = (ROOT / "docs/overview.md").read_text()

    for command in COMMANDS:
        assert f"`{command.name}" in text, command.name


@pytest.mark.parametrize("page", PAGES)
def test_every_option_that_a_page_names_exists(page: str):
    declared = (CommonOptions, *(command.load().Options for command in COMMANDS))
    known = {flag_of(name) for options in declared for name, _ in options_in(options)}
    known.add("--version")
    known |= set(re.findall(r"--[a-z-]+", bench_options().format_help()))
    text = re.sub(r"(?ms)^```(console|sh|bash|text)$.*?^```$", "", (ROOT / page).read_text())  # run

    named = set(re.findall(r"(?<![\w-])--[a-z][a-z-]+", text))

    assert named <= known


@pytest.mark.parametrize("page", PAGES)
def test_every_link_to_a_file_leads_somewhere(page: str):
    for target in re.findall(r"\]\((?!https?://)([^)#]+)\)", (ROOT / page).read_text()):
        assert (ROOT / page).parent.joinpath(target).exists(), target


def test_the_readme_is_short_and_its_pictures_are_there():
    text = (ROOT / "README.md").read_text()

    assert text.count("\n") <= 150
    pictures = re.findall(r'(?:src|srcset)="([^"]+)"', text)
    assert len(pictures) == 4
    assert all((ROOT / picture).is_file() for picture in pictures)


def test_nothing_names_a_registry_host():
    hosts = ("pypi" + ".org", "pythonhosted" + ".org", "registry" + ".npmjs", "docker" + ".io",
             "ghcr" + ".io", "quay" + ".io")  # fmt: skip

    for name in files_of_this():
        text = (ROOT / name).read_text(errors="replace")
        assert not [host for host in hosts if host in text], name


def test_lock_files_are_pinned_by_hash_and_name_no_index():
    for name in LOCKS:
        lines = (ROOT / name).read_text().splitlines()
        pins = [line for line in lines if re.match(r"[a-z0-9]", line)]
        assert pins
        assert all("==" in line for line in pins)
        assert not [line for line in lines if line.startswith(("-", "http:", "https:"))]
        assert sum("--hash=sha256:" in line for line in lines) >= len(pins)


def test_every_lock_is_a_part_of_the_whole_one():
    """So that `make test` after `make plan` adds libraries, and changes none."""
    pins = {name: set(re.findall(r"^[a-z0-9-]+==[^ ]+", (ROOT / name).read_text(), re.M))
            for name in LOCKS}  # fmt: skip

    parts = pins["requirements.txt"] | pins["requirements-plan.txt"]
    assert parts < pins["requirements-dev.txt"]
    assert "chardet" not in str(parts)  # requests would use it, for our users and for no test
