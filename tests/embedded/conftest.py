"""A running built-in tenant for each test that asks for one."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.embedded_client import Client, TestClock, running


@pytest.fixture
def clock() -> TestClock:
    return TestClock()


@pytest.fixture
def client(tmp_path: Path, clock: TestClock) -> Iterator[Client]:
    with running(tmp_path, clock) as client:
        yield client
