"""Occurrences: which tenant a thread works on, at which attempt, and how work ends."""

import pytest

from reconciler.errors import Interrupted
from reconciler.occurrences import (
    Occurrence,
    Phase,
    TenantBegun,
    TenantEnded,
    about,
    attempt_under_way,
    attempting,
    tenant_at_work,
    working_on,
)


def test_a_thread_works_on_the_innermost_tenant():
    with about("east"):
        with about("west"):
            inner = tenant_at_work()
        outer = tenant_at_work()

    assert (inner, outer, tenant_at_work()) == ("west", "east", None)


def test_an_attempt_within_another_has_a_number_of_its_own():
    with attempting(3):
        with attempting(1):
            inner = attempt_under_way()
        outer = attempt_under_way()

    assert (inner, outer, attempt_under_way()) == (1, 3, 1)


def test_work_that_raises_has_failed():
    seen: list[Occurrence] = []

    with pytest.raises(Interrupted), working_on("east", Phase.PLAN, seen.append):
        raise Interrupted(2)

    assert seen == [
        TenantBegun(Phase.PLAN, "east"),
        TenantEnded(Phase.PLAN, "east", "the run ended before it had"),
    ]
    assert tenant_at_work() is None
