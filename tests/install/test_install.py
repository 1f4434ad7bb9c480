"""The ways of install that README and docs/install.md show, each on an empty computer."""

import re
import shlex
from pathlib import Path

import pytest

from reconciler import __version__
from reconciler.installation import ADDRESS, PACKAGE, Extra
from tests.support.installing import Computer, new_computer
from tests.support.pages import blocks
from tests.support.workflows.repository import Repository

# Libraries come from a package index.
pytestmark = [pytest.mark.process, pytest.mark.timeout(600)]

[FROM_GIT] = (text for language, text in blocks("README.md") if language == "sh")
FROM_WHEEL, WITH_THE_LOCK, _ = (text for _, text in blocks("docs/install.md"))
WHEEL = re.compile(r"/home/me/\S+\.whl")
INSTALLERS = ("uv tool install", "pipx install", "pip install")


@pytest.fixture
def computer(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Computer:
    return new_computer(tmp_path / "home", tmp_path_factory.getbasetemp() / "packages")


def reconciler(computer: Computer) -> str:
    """The program where the installer has put it."""
    return shlex.quote(str(computer.bin / "reconciler"))


def prepared(computer: Computer, command: str) -> str:
    """The command; pip's environment has its program behind a link already, the others make one."""
    if not command.startswith("pip install"):
        (computer.bin / "reconciler").unlink()
    return command


def test_the_first_block_of_the_readme_installs_the_version_of_the_tree():
    lines = FROM_GIT.splitlines()

    what = f"'{PACKAGE}[{Extra.DEMO}] @ git+{ADDRESS}@v{__version__}'"
    assert lines == [f"{way} {what}" for way in INSTALLERS]
    assert blocks("README.md")[0] == ("sh", FROM_GIT)


@pytest.mark.parametrize("line", FROM_GIT.splitlines(), ids=INSTALLERS)
def test_an_install_from_git_at_a_tag_plans(line: str, computer: Computer, tagged: Repository):
    # with a host, as every real address has one: pip of Python 3.11 takes none without
    here = f"file://localhost{tagged.path}"
    computer.run(prepared(computer, line.replace(ADDRESS, here)))

    assert computer.run("reconciler --version").out == f"reconciler {__version__}\n"
    assert "Plan: 2 to add" in computer.run("reconciler plan").out


@pytest.mark.parametrize("line", FROM_WHEEL.splitlines(), ids=INSTALLERS)
def test_a_wheel_without_an_extra_says_how_to_add_it(line: str, computer: Computer, built: Path):
    [wheel] = built.glob("*.whl")
    line = WHEEL.sub(str(wheel), line)
    assert f"[{Extra.DEMO}]" in line
    computer.run(prepared(computer, line.replace(f"[{Extra.DEMO}]", "")))

    refused = computer.run("reconciler plan", well=False)
    hint = refused.err.partition("the built-in tenant needs the extra demo; add it by: ")[2]
    computer.run(hint)

    assert refused.code == 1
    assert "Plan: 2 to add" in computer.run("reconciler plan").out


def test_the_lock_and_a_wheel_are_all_that_a_plan_needs(
    computer: Computer, tagged: Repository, built: Path
):
    [wheel] = built.glob("*.whl")
    lines = WHEEL.sub(str(wheel), WITH_THE_LOCK).replace("-r ", f"-r {tagged.path}/")

    computer.run(f"set -e\n{lines}")

    assert "Plan: 2 to add" in computer.run("tool/bin/reconciler plan").out
    assert "README.md there goes on" in computer.run("tool/bin/reconciler demo").out
    assert "1 drifted, 1 blocked" in computer.run("tool/bin/reconciler -C reconciler-demo plan").out
