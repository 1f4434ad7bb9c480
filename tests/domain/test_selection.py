"""Selection: the part of the fleet that a run is about."""

import pytest

from reconciler.domain.selection import Selection

URN = "urn:example:2.0:User:HR"


@pytest.mark.parametrize(
    ("selection", "taken"),
    [
        (Selection(), True),
        (Selection(tenants=("acme",)), True),
        (Selection(targets=("hr",)), False),
        (Selection(targets=("hr", "URN:example:*")), True),
        (Selection(excludes=("hr",)), True),
        (Selection(excludes=("*:hr",)), False),
        (Selection(targets=("*",), excludes=("urn:*",)), False),
    ],
)
def test_a_schema_that_no_manifest_names_is_taken_by_its_urn(
    selection: Selection, taken: bool
) -> None:
    assert selection.takes_unmanaged(URN) is taken
