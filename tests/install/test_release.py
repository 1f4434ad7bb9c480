"""What a release is made of: `make dist`, and what `.ci/release` refuses."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from reconciler import __version__
from reconciler.installation import ADDRESS, PACKAGE
from tests.support.program import ROOT
from tests.support.warm import Done
from tests.support.workflows.repository import Repository

TAG = f"v{__version__}"
HELD = ("reconciler/__init__.py", "reconciler/installation.py", ".ci/release")


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """What `.ci/release` looks at, with changes of this version."""
    for name in HELD:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        shutil.copy(ROOT / name, tmp_path / name)
    changes = (
        f"# Changelog\n\n## [Unreleased]\n\n- later\n\n## [{__version__}] - 2026-12-01\n\n- new\n"
    )
    (tmp_path / "CHANGELOG.md").write_text(f"{changes}\n## [0.0.1]\n\n- old\n")
    return tmp_path


def release(tree: Path, *arguments: str) -> Done:
    done = subprocess.run(
        [sys.executable, tree / ".ci/release", *arguments],
        capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert "Traceback" not in done.stderr
    return Done(done.returncode, done.stdout, done.stderr)


def test_a_release_prints_the_changes_of_its_version(tree: Path):
    assert release(tree, TAG, ADDRESS) == Done(0, "- new\n", "")


def test_a_release_under_another_tag_or_address_or_without_changes_is_refused(tree: Path):
    (tree / "CHANGELOG.md").write_text("# Changelog\n\n## [Unreleased]\n\n- new\n")

    refused = release(tree, "v9.9.9", "https://example.com/us/reconciler")

    assert refused.code == 1
    assert refused.out == ""
    assert refused.err.splitlines() == [
        f"error: the tag is v9.9.9, and reconciler/__init__.py has the version {__version__}",
        "error: this repository is https://example.com/us/reconciler, and "
        f"reconciler/installation.py has {ADDRESS}",
        f"error: CHANGELOG.md has nothing below ## [{__version__}]",
    ]


@pytest.mark.parametrize("arguments", [(), (TAG,), (TAG, ADDRESS, "more")])
def test_a_release_wants_a_tag_and_an_address(tree: Path, arguments: tuple[str, ...]):
    assert release(tree, *arguments).code == 2


@pytest.mark.process
@pytest.mark.timeout(600)
def test_make_dist_builds_both_packages_and_a_bill_of_what_is_locked(tagged: Repository):
    done = subprocess.run(
        ["make", "dist"], cwd=tagged.path, capture_output=True, text=True, check=False, timeout=500
    )

    assert done.returncode == 0, done.stderr
    made = {str(path.relative_to(tagged.path)) for path in tagged.path.glob("dist/**/*.*")}
    name = PACKAGE.replace("-", "_")
    assert made == {
        "dist/reconciler.cdx.json",
        f"dist/packages/{name}-{__version__}.tar.gz",
        f"dist/packages/{name}-{__version__}-py3-none-any.whl",
    }
    bill = json.loads((tagged.path / "dist/reconciler.cdx.json").read_text())
    root = bill["metadata"]["component"]
    assert (root["name"], root["version"]) == (PACKAGE, __version__)
    locked = re.findall(r"(?m)^([a-z0-9-]+)==(\S+)", (ROOT / "requirements.txt").read_text())
    assert {(each["name"], each["version"]) for each in bill["components"]} == set(locked)
