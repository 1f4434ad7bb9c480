"""Fixtures that several folders of tests share, and what `make test` leaves to `make check`."""

from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from tests.support.installing import built, tagged
from tests.support.postgres import own_postgres, postgres
from tests.support.program import dev_tenant, folder

__all__ = ["built", "dev_tenant", "folder", "own_postgres", "postgres", "tagged"]
HERE = Path(__file__).parent
FOLDERS = (HERE / "cli", HERE / "chaos")

# How long an example takes tells of the machine: where it is busy, no test may fail of that.
settings.register_profile("busy", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("busy")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests that start the program again and again are marked by where they are."""
    for item in items:
        if any(folder in item.path.parents for folder in FOLDERS):
            item.add_marker("process")
