"""Fixtures of the tests that pull the plug."""

from collections.abc import Iterator

import pytest

from tests.chaos.crash import require_strace
from tests.chaos.warm import Warm, warm_interpreter


@pytest.fixture(scope="session")
def warm() -> Iterator[Warm]:
    """An interpreter that forks the runs of all tests of this session."""
    require_strace()
    with warm_interpreter() as made:
        yield made
