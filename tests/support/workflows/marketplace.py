"""The public actions that our workflows use, as far as they use them; any other one is an error.

What they do was read from their own sources: which refs a checkout fetches, that an upload leaves
hidden files out and drops the folders that all its patterns share.
"""

import json
import os
import shutil
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jsonschema import Draft7Validator

from tests.support.workflows.repository import Repository

_MAGIC = "*?["
SARIF = Path(__file__).parents[2] / "data/sarif-schema-2.1.0.json"


class StepFailed(Exception):
    """A step that ends its job, with the words that its log would show."""


@dataclass(frozen=True)
class Place:
    """Where a job works, and what it sees of the run."""

    origin: Path
    workspace: Path
    temp: Path
    tools: Path
    artifacts: Path
    ref: str
    sha: str
    uploaded: list[Any]
    published: list[dict[str, bytes]]


def checkout(given: Mapping[str, str], place: Place) -> dict[str, str]:
    """A new clone without a credential; of the event's commit unless `ref` names a branch."""
    assert given.get("persist-credentials") == "false"
    work = place.workspace / given.get("path", ".")
    work.mkdir(parents=True, exist_ok=True)
    repository = Repository(work)
    repository.git("init", "--quiet", "--initial-branch", "unborn")
    repository.git("remote", "add", "origin", f"file://{place.origin}")
    wanted, remote = _refs(given.get("ref"), place)
    depth = ["--depth=1"]
    if given.get("fetch-depth") == "0":
        repository.git("fetch", "--quiet", "origin", "+refs/heads/*:refs/remotes/origin/*")
        depth = []
    repository.git("fetch", "--quiet", "--no-tags", *depth, "origin", f"+{wanted}:{remote}")
    repository.git("checkout", "--quiet", "--detach", remote)
    return {}


def _refs(branch: str | None, place: Place) -> tuple[str, str]:
    """What is fetched, and the name that it gets in the clone."""
    if branch:
        return f"refs/heads/{branch}", f"refs/remotes/origin/{branch}"
    if place.ref.startswith("refs/heads/"):
        return place.sha, place.ref.replace("refs/heads/", "refs/remotes/origin/")
    return place.sha, place.ref.replace("refs/", "refs/remotes/")


def setup_python(given: Mapping[str, str], place: Place) -> dict[str, str]:
    """A `python` in front of the PATH: the interpreter that runs these tests."""
    assert "python-version" in given
    python = place.tools / "python"
    if not python.exists():
        base = Path(getattr(sys, "_base_executable", sys.executable))
        python.write_text(f'#!/bin/sh\nexec "{base}" "$@"\n')
        python.chmod(0o755)
    return {"PATH": str(place.tools)}


def upload_artifact(given: Mapping[str, str], place: Place) -> dict[str, str]:
    hidden = given.get("include-hidden-files") == "true"
    patterns = [line.strip() for line in given["path"].splitlines() if line.strip()]
    roots = [_root(place.workspace / pattern) for pattern in patterns]
    found = sorted(
        path
        for pattern in patterns
        for path in Path("/").glob(str((place.workspace / pattern).relative_to("/")))
        if path.is_file() and (hidden or not _hidden(path, place))
    )
    if not found:
        if given.get("if-no-files-found", "warn") == "error":
            raise StepFailed("no files were found")
        return {}
    root = roots[0] if len(roots) == 1 else Path(os.path.commonpath(roots))
    root = root.parent if root in found else root
    target = place.artifacts / given["name"]
    if target.exists():
        if given.get("overwrite") != "true":
            raise StepFailed(f"an artifact named {given['name']} is there already")
        shutil.rmtree(target)
    for path in found:
        (target / path.relative_to(root)).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, target / path.relative_to(root))
    return {}


def _root(pattern: Path) -> Path:
    """The folder that a search begins in: the pattern up to its first wildcard."""
    parts = pattern.parts
    fixed = [i for i, part in enumerate(parts) if any(sign in part for sign in _MAGIC)]
    return Path(*parts[: fixed[0]]) if fixed else pattern


def _hidden(path: Path, place: Place) -> bool:
    for root in (place.workspace, place.temp):
        if path.is_relative_to(root):
            return any(part.startswith(".") for part in path.relative_to(root).parts)
    return False


def download_artifact(given: Mapping[str, str], place: Place) -> dict[str, str]:
    source = place.artifacts / given["name"]
    if not source.is_dir():
        raise StepFailed(f"artifact not found for name: {given['name']}")
    shutil.copytree(source, place.workspace / given.get("path", "."), dirs_exist_ok=True)
    return {}


def upload_sarif(given: Mapping[str, str], place: Place) -> dict[str, str]:
    """Code scanning takes what its schema allows."""
    document = json.loads((place.workspace / given["sarif_file"]).read_text())
    Draft7Validator(json.loads(SARIF.read_text())).validate(document)
    place.uploaded.append(document)
    return {}


def upload_pages_artifact(given: Mapping[str, str], place: Place) -> dict[str, str]:
    """A folder as a site that is not published yet, under the name that the next action takes."""
    shutil.copytree(place.workspace / given["path"], place.artifacts / "github-pages")
    return {}


def deploy_pages(given: Mapping[str, str], place: Place) -> dict[str, str]:
    """The site is there for all who may open it, in the place of the one before."""
    assert given == {}
    site = place.artifacts / "github-pages"
    if not site.is_dir():
        raise StepFailed("no artifact named github-pages was found")
    files = (path for path in site.rglob("*") if path.is_file())
    place.published.append({str(path.relative_to(site)): path.read_bytes() for path in files})
    return {}


ACTIONS = {
    "actions/checkout": checkout,
    "actions/setup-python": setup_python,
    "actions/upload-artifact": upload_artifact,
    "actions/download-artifact": download_artifact,
    "actions/upload-pages-artifact": upload_pages_artifact,
    "actions/deploy-pages": deploy_pages,
    "github/codeql-action/upload-sarif": upload_sarif,
}
