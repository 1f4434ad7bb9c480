"""Where runs are counted: folders beside one service, and what a tenant adds to a count."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support.fleet.manifests import ENVIRON, Fleet
from tests.support.fleet.service import Running, running
from tests.support.program import ROOT

APPLY = ("apply", "--auto-approve", "--max-tenants", "1000", "--searchable-timeout", "0")


@dataclass(frozen=True)
class Place:
    """A working directory beside a service, for one fleet after the other."""

    path: Path
    service: Running

    def count(self, what: str, fleet: Fleet, *texts: str) -> object:
        """What a run counts in a folder that is new; see tests.support.fleet.counting."""
        folder = self.folder_of(fleet)
        return self.count_in(folder, what, *texts)

    def folder_of(self, fleet: Fleet) -> Path:
        self.service.set(reset=True, hr=204)
        folder = self.path / f"{len([*self.path.iterdir()])}"
        fleet.write(folder / "desired-state")
        return folder

    def count_in(self, folder: Path, what: str, *texts: str) -> object:
        result = folder / "count.json"
        command = [sys.executable, "-m", "tests.support.fleet.counting", what, str(result), *texts]
        done = subprocess.run(
            command,
            cwd=folder,
            env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), **ENVIRON},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=100,
        )
        assert done.returncode == 0, done.stdout[-1000:] + done.stderr[-2000:]
        return json.loads(result.read_text())


@pytest.fixture(scope="module")
def service() -> Iterator[Running]:
    with running() as service:
        yield service


@pytest.fixture
def place(tmp_path: Path, service: Running) -> Place:
    return Place(tmp_path, service)


def fleet(service: Running, tenants: int, *, missing: int = 0) -> Fleet:
    return Fleet(
        origin=service.origin, tenants=tenants, extensions=3, live=3 - missing, webhooks=True
    )


def shares(one: object, some: object, twice: object, number: int) -> tuple[float, float]:
    """A tenant's share in `number`, and in twice as many, without what the first one costs."""
    assert isinstance(one, int)
    assert isinstance(some, int)
    assert isinstance(twice, int)
    return (some - one) / (number - 1), (twice - some) / number
