"""Fixtures that several folders of tests share, and what `make test` leaves to `make check`."""

from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from tests.support.installing import built, tagged
from tests.support.postgres import own_postgres, postgres
from tests.support.program import dev_tenant, folder

__all__ = ["built", "dev_tenant", "folder", "own_postgres", "postgres", "tagged"]
HERE = Path(__file__).parent
FOLDERS = {
    "process": (HERE / "cli", HERE / "chaos"),
    "domain": (HERE / "domain", HERE / "examples"),
}

# How long an example takes tells of the machine: where it is busy, no test may fail of that.
settings.register_profile("busy", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("busy")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests that start the program again and again, and those of the domain, by where they are."""
    for item in items:
        for marker, folders in FOLDERS.items():
            if any(folder in item.path.parents for folder in folders):
                item.add_marker(marker)
