"""What clients and suites that others wrote in Java find of the built-in tenant."""

import pytest

from tests.support.judges import AS_WANTED, assert_differs_as_listed, judge, meant_to_differ
from tests.support.peers import UNBOUNDID
from tests.support.program import DevTenant

pytestmark = pytest.mark.chaos

AS_LISTED = dict.fromkeys(meant_to_differ(UNBOUNDID), "otherwise")


def test_the_client_of_unboundid_works_with_the_built_in_tenant(dev_tenant: DevTenant):
    assert_differs_as_listed(UNBOUNDID, judge(UNBOUNDID, dev_tenant))


def test_a_check_that_differs_and_is_not_listed_fails():
    outcomes = {**AS_LISTED, "User deleted": "it is still there"}

    with pytest.raises(AssertionError, match="User deleted: it is still there"):
        assert_differs_as_listed(UNBOUNDID, outcomes)


def test_a_listed_check_that_no_longer_differs_fails():
    outcomes = {**AS_LISTED, "Me": AS_WANTED}

    with pytest.raises(AssertionError, match="and do not differ"):
        assert_differs_as_listed(UNBOUNDID, outcomes)
