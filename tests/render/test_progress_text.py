"""Progress as lines: who is done, who is slow, and what became of each change."""

import pytest

from reconciler.domain.outcome import Outcome, OutcomeKind
from reconciler.domain.plan import Create, Subject, Update
from reconciler.occurrences import Phase, RetryBegun, TenantEnded
from reconciler.render.progress_text import ChangeUnderWay, Tally, wait_line
from tests.support.fakes import extension

CHANGE = Create(Subject(tenant="east", extension=extension()))
NAME = CHANGE.subject.id


def tally(phase: Phase = Phase.PLAN, total: int = 40) -> Tally:
    return Tally(phase, total, 100.0)


def test_a_phase_is_summed_up_in_a_line():
    found = tally()
    found.tenants |= {"quick": 128.0, "slow": 119.0}
    found.done, found.failed = 12, 1

    assert found.line(131.0) == (
        "plan: 12 of 40 tenants, 1 failed, 0.4/s, 31 s; slowest: slow, 12 s"
    )


def test_a_phase_in_which_nothing_is_done_has_no_rate():
    assert tally(total=1).line(100.0) == "plan: 0 of 1 tenant, 0 s"


def test_files_are_counted_as_files():
    found = tally(Phase.MANIFESTS, 4000)
    found.done = 1000

    assert found.line(110.0) == "manifests: 1000 of 4000 files, 100.0/s, 10 s"


@pytest.mark.parametrize(
    ("phase", "end"),
    [
        (Phase.PLAN, "could not be read, 3.0 s"),
        (Phase.APPLY, "was not applied in full, 3.0 s"),
        (Phase.ADOPTION, "could not be counted, 3.0 s"),
        (Phase.DOCTOR, "cannot be worked with, 3.0 s"),
    ],
)
def test_a_tenant_that_failed_is_counted_and_named(phase: Phase, end: str):
    found = tally(phase)
    found.tenants["east"] = 100.0
    found.done = 2

    line = found.end(TenantEnded(phase, "east", "503"), 103.0)

    assert line == f"{phase}: east {end} (3 of 40, 1 failed)"


def test_a_tenant_that_is_done_is_worked_on_no_more():
    found = tally()
    found.tenants["east"] = 100.0

    assert found.end(TenantEnded(Phase.PLAN, "east", None), 100.4) == (
        "plan: east done in 0.4 s (1 of 40)"
    )
    assert found.tenants == {}


@pytest.mark.parametrize(
    ("change", "kind", "end"),
    [
        (CHANGE, OutcomeKind.APPLIED, "created"),
        (Update(CHANGE.subject), OutcomeKind.APPLIED, "updated"),
        (CHANGE, OutcomeKind.ADOPTED, "there already"),
        (CHANGE, OutcomeKind.NOT_APPLIED, "not-applied"),
        (CHANGE, OutcomeKind.UNKNOWN, "unknown"),
    ],
)
def test_a_change_that_ends_is_named_with_its_outcome(change, kind, end):
    found = tally(Phase.APPLY)
    found.changes[NAME] = ChangeUnderWay(change, 100.0)

    assert found.end_change(Outcome(change=change, kind=kind), 101.2) == f"{NAME}: {end} in 1.2 s"


def test_a_change_that_was_not_begun_took_no_time():
    outcome = Outcome(change=CHANGE, kind=OutcomeKind.NOT_ATTEMPTED)

    assert tally(Phase.APPLY).end_change(outcome, 101.0) == f"{NAME}: not-attempted"


def test_a_change_that_takes_long_has_a_line_every_ten_seconds():
    found = tally(Phase.APPLY)
    found.changes[NAME] = ChangeUnderWay(CHANGE, 100.0)

    shown = [list(found.still(now)) for now in (109.9, 110.0, 110.5, 119.0, 120.1)]

    assert shown == [
        [],
        [f"{NAME}: Still creating… 10 s"],
        [],
        [],
        [f"{NAME}: Still creating… 20 s"],
    ]


def test_a_wait_that_a_service_asks_for_is_a_line_with_who_asks_and_for_how_long():
    begun = RetryBegun(2, 30.4, "it answered 429, and asks to wait 30 s", 30.0)

    assert wait_line(begun, "acme-prod") == (
        "acme-prod: it answered 429, and asks to wait 30 s; trying again in 30 s"
    )
    assert wait_line(begun, None).startswith("it answered 429")
