"""Fixtures of the tests that pull the plug."""

import pytest

from tests.support.crash import require_strace
from tests.support.keycloak import keycloak
from tests.support.peers import guarded, scimono
from tests.support.warm import Warm, warm_interpreter

__all__ = ["guarded", "keycloak", "scimono"]


@pytest.fixture(scope="session")
def warm() -> Warm:
    """The interpreter that forks the runs of these tests, where strace can trace them."""
    require_strace()
    return warm_interpreter()
