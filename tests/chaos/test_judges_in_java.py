"""What clients and suites that others wrote in Java find of the built-in tenant."""

import pytest

from tests.support.judges import AS_WANTED, assert_differs_as_listed, judge, meant_to_differ
from tests.support.peers import COMPLIANCE, UNBOUNDID
from tests.support.program import DevTenant, Folder, started_dev_tenant

pytestmark = pytest.mark.chaos

SUITE = (
    "E2ECustomAttributesComplianceTest",
    "E2EGroupComplianceTest",
    "E2EPatchOperationComplianceTest",
    "E2ESchemaComplianceTest",
    "E2EUserComplianceTest",
    "FilterEntitiesComplianceTest",
    "GroupOperationsHttpResponseCodeTest",
    "InputValidationAttributeTypeTest",
    "PatchResourceWithInvalidResourceAttributeTest",
    "PatchResourceWithWrongPatchSchemaTest",
    "SchemaOperationsHttpResponseCodeTest",
    "UserOperationsHttpResponseCodeTest",
)
ENDLESS = (
    "testGroupMemberDisplayNameUpdateWithPUTRequest",
    "testGroupMemberDisplayNameUpdateWithPATCHRequest",
)
AS_LISTED = dict.fromkeys(meant_to_differ(UNBOUNDID), "otherwise")


def test_the_client_of_unboundid_works_with_the_built_in_tenant(dev_tenant: DevTenant):
    assert_differs_as_listed(UNBOUNDID, judge(UNBOUNDID, dev_tenant))


@pytest.mark.parametrize("name", SUITE)
def test_the_suite_of_scimono_differs_where_it_is_meant_to(folder: Folder, name: str):
    """Each class has a tenant of its own, which makes no rules that are not in RFC 7644."""
    with started_dev_tenant(folder, "--dialect", "rfc7644") as tenant:
        outcomes = judge(COMPLIANCE, tenant, name, *ENDLESS)

    assert outcomes
    assert_differs_as_listed(COMPLIANCE, outcomes, within=name)


def test_the_list_for_the_suite_of_scimono_names_its_classes_alone():
    assert {name.partition("/")[0] for name in meant_to_differ(COMPLIANCE)} <= {*SUITE}


def test_a_check_that_differs_and_is_not_listed_fails():
    outcomes = {**AS_LISTED, "User deleted": "it is still there"}

    with pytest.raises(AssertionError, match="User deleted: it is still there"):
        assert_differs_as_listed(UNBOUNDID, outcomes)


def test_a_listed_check_that_no_longer_differs_fails():
    outcomes = {**AS_LISTED, "Me": AS_WANTED}

    with pytest.raises(AssertionError, match="and do not differ"):
        assert_differs_as_listed(UNBOUNDID, outcomes)
