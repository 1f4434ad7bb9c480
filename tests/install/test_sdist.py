"""The source distribution: all of the tree, from which a contributor can work without git."""

import re
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

from reconciler import __version__
from reconciler.installation import ADDRESS
from tests.support.program import ROOT
from tests.support.workflows.repository import Repository

PAGE = ROOT / "docs/install.md"
pytestmark = [pytest.mark.process, pytest.mark.timeout(600)]


@pytest.fixture
def unpacked(built: Path, tmp_path: Path) -> Path:
    [archive] = built.glob("*.tar.gz")
    with tarfile.open(archive) as tar:
        tar.extractall(tmp_path, filter="data")
    [folder] = tmp_path.iterdir()
    return folder


def test_the_source_distribution_is_the_whole_tree(unpacked: Path, tagged: Repository):
    held = {str(path.relative_to(unpacked)) for path in unpacked.rglob("*") if path.is_file()}

    assert held - {"PKG-INFO"} == set(tagged.git("ls-files").splitlines())


def test_make_plan_works_from_the_source_distribution(unpacked: Path):
    done = subprocess.run(
        ["make", "plan"], cwd=unpacked, capture_output=True, text=True, check=False, timeout=500
    )

    assert done.returncode == 0, done.stderr
    assert "Plan: 2 to add" in done.stdout
    size = sum(path.lstat().st_size for path in (unpacked / ".venv").rglob("*"))
    stated = re.search(
        r"with what a plan needs, from a hash-pinned lock: (\d+) MB", PAGE.read_text()
    )
    assert stated is not None
    assert 0.85 < size / 1e6 / int(stated[1]) < 1.15


@pytest.mark.parametrize("tests", ["tests/workflows/test_policy.py", "tests/test_docs.py"])
def test_tests_of_the_tree_pass_from_the_source_distribution(unpacked: Path, tests: str):
    command = [sys.executable, "-m", "pytest", "-q", tests, "-m", "not process"]

    done = subprocess.run(
        command, cwd=unpacked, capture_output=True, text=True, check=False, timeout=500
    )

    assert done.returncode == 0, done.stdout


def test_the_readme_of_the_wheel_has_links_that_work_anywhere(built: Path):
    [wheel] = built.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        [name] = (name for name in archive.namelist() if name.endswith("/METADATA"))
        metadata = archive.read(name).decode()

    head, _, readme = metadata.partition("\n\n")
    links = re.findall(r"\]\(([^)]+)\)", readme)
    assert f"Project-URL: Source, {ADDRESS}" in head
    assert "Operating System :: POSIX" in head
    assert f"{ADDRESS}/blob/v{__version__}/docs/install.md#extras" in links
    assert [link for link in links if not link.startswith(("https://", "#"))] == []
    assert readme.rstrip().endswith("the project has no public address yet.")
