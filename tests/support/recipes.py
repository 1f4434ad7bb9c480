"""The recipes of CONTRIBUTING.md as data, and a copy of the tree in which they are followed.

A recipe is a section `### …` of at most five numbered steps. What a step writes stands in the block
below it: to "Write `PATH`", to "Append to `PATH`", or to add "In `PATH`, below `LINE`" or, in a
table, "below ``ROW``"; what is added is indented as that line, and goes below a table's rule. One
without a block may "replace `OLD` by `NEW`" in such a file.
"""

import os
import re
import shutil
import subprocess
import sysconfig
import venv
from dataclasses import dataclass
from pathlib import Path
from textwrap import indent

from tests.support.program import ROOT

PAGE = ROOT / "CONTRIBUTING.md"
MOST_STEPS = 5
_FENCED = re.compile(r"^```\w+\n.*?^```$", re.M | re.S)  # a page in it has headings of its own
_STEP = re.compile(r"^(\d)\. (.*?)(?:\n\n```\w+\n(.*?)^```$)?(?=\n\n|\n\d\. |\Z)", re.M | re.S)


@dataclass(frozen=True)
class Step:
    """One line of a recipe, and the block below it; None where it has none."""

    text: str
    block: str | None


def recipes() -> dict[str, list[Step]]:
    """The steps of each recipe, by its title."""
    page = _FENCED.sub(lambda found: found[0].replace("\n#", "\n\0#"), PAGE.read_text())
    _, _, section = page.partition("\n## Recipes\n")
    parts = section.split("\n## ")[0].split("\n### ")[1:]
    titled = (part.replace("\0", "").partition("\n") for part in parts)
    return {title: steps_of(steps) for title, _, steps in titled}


def steps_of(text: str) -> list[Step]:
    """The numbered steps of a section, in order."""
    found = _STEP.findall(text)
    assert [int(number) for number, _, _ in found] == list(range(1, len(found) + 1)), text
    return [Step(" ".join(line.split()), block or None) for _, line, block in found]


@dataclass(frozen=True)
class Copy:
    """The tree as a contributor has it, where nothing harms the real one."""

    path: Path

    def follow(self, steps: list[Step]) -> None:
        """Do what the steps say; one whose block goes nowhere is an error."""
        for step in steps:
            if step.block is not None:
                self._write(step.text, step.block)
            elif found := re.match(r"In `([^`]+)`, replace `(.+?)` by `(.+?)`\.", step.text):
                file = self.path / found[1]
                assert file.read_text().count(found[2]) == 1, step.text
                file.write_text(file.read_text().replace(found[2], found[3]))

    def know_types(self) -> None:
        """Take over what mypy has found in the tree, as it would find there only what is new."""
        if (found := ROOT / ".mypy_cache").is_dir():
            shutil.copytree(found, self.path / found.name)

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run a module of Python in the copy: `reconciler`, `pytest`, `ruff`, `mypy`."""
        return subprocess.run(
            [self.path / ".venv/bin/python", "-m", *arguments],
            cwd=self.path,
            env={name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=280,
        )

    def _write(self, text: str, block: str) -> None:
        if path := _named(r"Write `([^`]+)`", text):
            (self.path / path).parent.mkdir(parents=True, exist_ok=True)
            (self.path / path).write_text(block)
        elif path := _named(r"Append to `([^`]+)`", text):
            file = self.path / path
            file.write_text(f"{file.read_text().rstrip()}\n\n\n{block}")
        else:
            found = re.match(r"In `([^`]+)`, below (`{1,2})(.+?)\2(?=[,:])", text)
            assert found, text
            self._insert(self.path / found[1], found[3], block)

    def _insert(self, file: Path, anchor: str, block: str) -> None:
        lines = file.read_text().splitlines(keepends=True)
        [at] = [number for number, line in enumerate(lines) if line.strip() == anchor]
        if lines[at].startswith("|"):
            at += 1  # the rule between the heading of a table and its rows
        margin = lines[at][: len(lines[at]) - len(lines[at].lstrip())]
        file.write_text("".join([*lines[: at + 1], indent(block, margin), *lines[at + 1 :]]))


def copy_of_the_tree(target: Path) -> Copy:
    """What git knows of this repository, and what it would, in another folder."""
    names = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split("\0")
    for name in filter(None, names):
        if os.path.lexists(ROOT / name):
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, target / name, follow_symlinks=False)
    _make_environment(target)
    return Copy(target)


def _make_environment(target: Path) -> None:
    """A .venv in which `reconciler` is the copy's, and every library the one that is installed."""
    venv.create(target / ".venv", symlinks=True)
    [packages] = (target / ".venv").glob("lib/python*/site-packages")
    libraries = sysconfig.get_path("purelib")
    (packages / "copy.pth").write_text(f"{target}\n{libraries}\n")
    ruff = Path(sysconfig.get_path("scripts"), "ruff")  # of which Python only knows the way
    (target / ".venv/bin/ruff").symlink_to(ruff)


def _named(pattern: str, text: str) -> str | None:
    found = re.match(pattern, text)
    return found[1] if found else None
