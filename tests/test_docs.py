"""What README and docs show is what the program does: each command is run, each output compared."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from reconciler.cli.commands import COMMANDS
from reconciler.cli.common_options import CommonOptions
from reconciler.cli.exits import Exit
from reconciler.cli.options import flag_of, options_in
from tests.bench.__main__ import parser as bench_options
from tests.support.git import git
from tests.support.pages import PROGRESS
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


def steady(text: str) -> str:
    """Without what differs from run to run: times, hashes, who and commit, event ids."""
    text = re.sub(r"\d+ ms", "N ms", text)
    text = re.sub(r"\d{4}-\d\d-\d\dT[0-9:.]+Z", "TIME", text)
    text = re.sub(r"\buser:\S+ +[0-9a-f]{12}\b", "user COMMIT", text)
    text = re.sub(r"(content|body) sha256:[0-9a-f]{64}", r"\1 HASH", text)  # of the commit, too
    return re.sub(r"head [0-9a-f]{64}|evt_[0-9a-f]{32}", "HASH", text).strip()


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """The repository as a newcomer has it, with the virtual environment made already."""
    target = tmp_path / "clone"
    shutil.copytree(ROOT, target, ignore=shutil.ignore_patterns(*LEFT_OUT))
    environment = Path(sys.prefix)  # `.ci/versions` makes one of another name
    if not (environment / ".ready").exists():
        pytest.fail("run the tests with `make test`: it makes .venv")
    (target / ".venv").symlink_to(environment)
    for name in ("requirements-dev.txt", "requirements-plan.txt", "pyproject.toml"):
        os.utime(target / name, (0, 0))
    git(target, "init", "--quiet")
    git(target, "add", "desired-state")
    git(target, "commit", "--quiet", "--message", "as it was cloned")
    return target


@pytest.mark.process
def test_the_quick_start_prints_what_the_readme_shows(clone: Path):
    environ = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    compared = 0

    for block in blocks("README.md", "console"):
        for command, expected in re.findall(r"^\$ (.*)\n((?:(?!\$ ).*\n)*)", block, re.M):
            done = subprocess.run(
                command,
                shell=True,
                cwd=clone,
                env=environ,
                capture_output=True,
                text=True,
                check=False,
            )
            assert done.returncode == 0, done.stdout + done.stderr
            assert steady(PROGRESS.sub("", done.stdout + done.stderr)) == steady(expected), command
            compared += 1

    assert compared >= 6


def test_the_manifests_in_the_readme_are_valid(folder: Folder):
    shown = blocks("README.md", "yaml")
    assert [yaml.safe_load(text)["kind"] for text in shown] == ["SchemaExtension", "Tenant"]
    folder.write("shown/manifests.yaml", "---\n".join(shown))

    done = folder.run("validate", "--desired-state", "shown", "--fail-on", "warning")

    assert done.code == 0, done.everything


def test_every_command_is_in_the_readme():
    text = (ROOT / "README.md").read_text()

    for command in COMMANDS:
        assert f"`{command.name}" in text, command.name


@pytest.mark.parametrize("page", PAGES)
def test_every_option_that_a_page_names_exists(page: str):
    declared = (CommonOptions, *(command.load().Options for command in COMMANDS))
    known = {flag_of(name) for options in declared for name, _ in options_in(options)}
    known.add("--version")
    known |= set(re.findall(r"--[a-z-]+", bench_options().format_help()))
    text = re.sub(r"(?ms)^```(console|sh|text)$.*?^```$", "", (ROOT / page).read_text())  # run

    named = set(re.findall(r"(?<![\w-])--[a-z][a-z-]+", text))

    assert named <= known


@pytest.mark.parametrize("page", PAGES)
def test_every_link_to_a_file_leads_somewhere(page: str):
    for target in re.findall(r"\]\((?!https?://)([^)#]+)\)", (ROOT / page).read_text()):
        assert (ROOT / page).parent.joinpath(target).exists(), target


def test_the_exit_codes_of_the_readme_are_those_of_the_program():

    table = (ROOT / "README.md").read_text().split("## Exit codes")[1].split("##")[0]

    assert {int(code) for code in re.findall(r"^\| (\d) ", table, re.M)} == {*map(int, Exit)}


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
