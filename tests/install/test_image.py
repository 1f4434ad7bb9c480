"""The image: its Dockerfile read, built without a container, and run where nothing can be written.

What builds containers is not on every machine, so the scripts of the first stage are run in folders
of a test, and the program that they make on a file system that is read-only but for a volume.
"""

import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support.installing import new_computer
from tests.support.pages import blocks
from tests.support.program import ROOT

DOCKERFILE = ROOT / "Dockerfile"
READ_ONLY = """
mount --make-rprivate / && mount -t tmpfs none "$1/.reconciler" || exit 99
mount -o remount,bind,ro / && cd "$1" || exit 99
 if touch probe 2> /dev/null; then exit 99; fi
exec "$2" apply --auto-approve
"""


@dataclass(frozen=True)
class Instruction:
    """One instruction of a Dockerfile, with its lines joined."""

    name: str
    text: str


def stages(text: str) -> list[list[Instruction]]:
    """What stands before the first FROM, and each stage."""
    joined = re.sub(r"\\\n\s*", "", "".join(re.findall(r"(?m)^(?!#).*\n", text)))
    found: list[list[Instruction]] = [[]]
    for line in filter(None, joined.splitlines()):
        name, _, rest = line.partition(" ")
        if name == "FROM":
            found.append([])
        found[-1].append(Instruction(name, rest))
    return found


def named(name: str, stage: list[Instruction]) -> list[str]:
    return [each.text for each in stage if each.name == name]


def shipped() -> Iterator[str]:
    """What .dockerignore lets into the image."""
    first, *others = (ROOT / ".dockerignore").read_text().splitlines()
    assert first == "*"
    return (line[1:] for line in others if line.startswith("!"))


def test_the_base_of_both_stages_is_an_argument_without_digest_or_registry():
    before, build, final = stages(DOCKERFILE.read_text())

    assert [each.text for each in before] == ["PYTHON_IMAGE=python:3.13-slim"]
    assert named("FROM", build) == ["${PYTHON_IMAGE} AS build"]
    assert named("FROM", final) == ["${PYTHON_IMAGE}"]


def test_the_image_has_what_was_built_no_tool_of_the_build_and_no_root():
    _, build, final = stages(DOCKERFILE.read_text())

    assert named("COPY", final) == ["--from=build /opt/reconciler /opt/reconciler"]
    assert named("USER", final) == ["10001:10001"]
    assert final[-2:] == [
        Instruction("ENTRYPOINT", '["reconciler"]'),
        Instruction("CMD", '["--help"]'),
    ]
    assert {each.name for each in build + final} <= {
        "FROM", "WORKDIR", "COPY", "RUN", "ENV", "USER", "ENTRYPOINT", "CMD",
    }  # fmt: skip


def test_every_library_of_the_image_is_locked_and_comes_as_a_wheel():
    _, build, _ = stages(DOCKERFILE.read_text())
    commands = [line for run in named("RUN", build) for line in run.split(" && ")]
    installs = [line for line in commands if re.search(r" (install|wheel) ", line)]

    for line in installs:
        assert "--no-deps" in line
        assert (
            "--require-hashes --no-deps --only-binary :all: -r requirements" in line
            or "--no-index" in line
            or "--no-build-isolation" in line
        )
    assert len(installs) == 4


@pytest.mark.process
@pytest.mark.timeout(600)
def test_the_image_applies_where_only_its_volume_can_be_written(tmp_path: Path):
    _, build, _ = stages(DOCKERFILE.read_text())
    places = {f"/{name}": tmp_path / name for name in ("source", "build", "wheels", "opt")}
    places["/source"].mkdir()
    for name in shipped():
        path, copy = ROOT / name, places["/source"] / name
        ignored = shutil.ignore_patterns("__pycache__", ".reconciler")
        copy.parent.mkdir(exist_ok=True)
        if path.is_dir():
            shutil.copytree(path, copy, ignore=ignored)
        else:
            shutil.copy(path, copy)
    computer = new_computer(tmp_path / "home", tmp_path / "packages")
    for script in named("RUN", build):
        here = re.sub(
            rf"(?<!\S)({'|'.join(places)})\b", lambda found: str(places[found[1]]), f" {script}"
        )
        computer.run(f"cd {places['/source']} && {here}")
    shutil.copytree(ROOT / "desired-state", tmp_path / "work/desired-state")
    (tmp_path / "work/.reconciler").mkdir()

    program = tmp_path / "opt/reconciler/bin/reconciler"
    done = subprocess.run(
        ["unshare", "--mount", "sh", "-c", READ_ONLY, "sh", tmp_path / "work", program],
        capture_output=True, text=True, check=False, timeout=120,
        env={"PATH": "/usr/bin:/bin", "HOME": "/tmp", "PYTHONDONTWRITEBYTECODE": "1"},
    )  # fmt: skip

    if done.returncode == 99 or "Operation not permitted" in done.stderr:
        pytest.skip("NOT TESTED: no mounts of our own here")
    assert done.returncode == 0, done.stderr
    assert "Apply complete! Extensions: 2 added" in done.stdout


def test_the_page_shows_how_the_image_is_built_and_run_read_only():
    *_, shown = (text for _, text in blocks("docs/install.md"))
    build, *runs = shown.splitlines()

    before, *_ = stages(DOCKERFILE.read_text())
    assert f"--build-arg {before[0].text}" in build
    assert all("--read-only --cap-drop ALL" in line for line in runs)
