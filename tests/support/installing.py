"""An empty computer of a user: Python, uv and pipx are there, and nothing of this environment."""

import os
import shutil
import subprocess
import sys
import sysconfig
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support.git import WHO
from tests.support.program import ROOT
from tests.support.warm import Done
from tests.support.workflows.repository import Repository, this_repository

TOOLS = ("uv", "pipx")
_INDEXES = ("PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL", "UV_INDEX_URL", "UV_DEFAULT_INDEX",
            "PIP_CERT", "SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "HTTP_PROXY", "HTTPS_PROXY",
            "http_proxy", "https_proxy", "NO_PROXY", "no_proxy")  # fmt: skip


@dataclass(frozen=True)
class Computer:
    """A home folder, and a PATH with python, uv, pipx and the system's programs alone."""

    home: Path
    packages: Path  # what has been downloaded, by this test or another

    @property
    def bin(self) -> Path:
        return self.home / ".local/bin"

    def run(self, command: str, *, well: bool = True, **environ: str) -> Done:
        """Run a line as a person types it; it has to succeed, unless `well` is False."""
        done = subprocess.run(
            ["bash", "-c", command],
            cwd=self.home,
            env={**self._environment(), **environ},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=280,
        )
        ended = Done(done.returncode, done.stdout, done.stderr)
        assert not well or ended.code == 0, (command, ended.everything)
        return ended

    def _environment(self) -> dict[str, str]:
        path = f"{self.bin}:/usr/local/bin:/usr/bin:/bin"
        kept = {name: os.environ[name] for name in _INDEXES if name in os.environ}
        found = {"PATH": path, "HOME": str(self.home), "LANG": "C.UTF-8"}
        caches = {
            "PIP_CACHE_DIR": str(self.packages / "pip"),
            "UV_CACHE_DIR": str(self.packages / "uv"),
        }
        return {**kept, **found, **WHO, **caches, "UV_PYTHON": _base_python()}


def new_computer(home: Path, packages: Path) -> Computer:
    """One with a virtual environment in which `pip` and `python` are, as `.local/bin` has them."""
    made = Computer(home, packages)
    subprocess.run([_base_python(), "-m", "venv", home / "own"], check=True)
    made.bin.mkdir(parents=True)
    for name in ("python", "pip", "reconciler"):
        (made.bin / name).symlink_to(home / "own/bin" / name)
    for name in TOOLS:
        (made.bin / name).symlink_to(Path(sysconfig.get_path("scripts")) / name)
    shutil.copytree(ROOT / "desired-state", home / "desired-state")
    return made


def _base_python() -> str:
    return getattr(sys, "_base_executable", sys.executable)


@pytest.fixture(scope="session")
def tagged(tmp_path_factory: pytest.TempPathFactory) -> Repository:
    """This repository at its tag, in the place of its public address."""
    from reconciler import __version__

    made = this_repository(tmp_path_factory.mktemp("public") / "reconciler")
    made.git("tag", f"v{__version__}")
    return made


@pytest.fixture(scope="session")
def built(tagged: Repository) -> Path:
    """The folder with its wheel and its source distribution."""
    command = [sys.executable, "-m", "build", "--no-isolation", "--outdir", "dist"]
    subprocess.run(command, cwd=tagged.path, check=True, capture_output=True, timeout=120)
    return tagged.path / "dist"
