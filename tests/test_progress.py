"""Progress: whatever ends a run, its summary has all that was recorded until then."""

import pickle
import threading

import pytest

from reconciler.domain.outcome import NotTried, Outcome, OutcomeKind, Recovered
from reconciler.domain.plan import Create, Plan, Subject, TenantPlan
from reconciler.domain.records import Event, Status
from reconciler.progress import Progress
from tests.support.fakes import URN, FakeClock, MemoryJournal, answered, extension, tenant
from tests.support.runs import RUN, context_of

EAST, WEST = (Create(Subject(tenant=name, extension=extension())) for name in ("east", "west"))
PLAN = Plan(
    tenants=tuple(
        TenantPlan(tenant=tenant(change.subject.tenant), changes=(change,))
        for change in (EAST, WEST)
    )
)


def planned() -> Progress:
    progress = Progress()
    progress.record_plan(PLAN)
    return progress


def test_progress_without_a_plan_summarizes_a_run_that_planned_nothing():
    summary = Progress().summary((), finished=False)

    assert (summary.planned, summary.finished, summary.outcomes) == (False, False, ())


def test_progress_gives_outcomes_in_the_order_of_the_plan():
    progress = planned()
    for change in (WEST, EAST):
        progress.end(Outcome(change=change, kind=OutcomeKind.APPLIED))

    assert [o.change for o in progress.summary((), finished=True).outcomes] == [EAST, WEST]


def test_progress_reports_a_change_that_was_begun_and_not_ended_as_unknown():
    progress = planned()
    progress.begin(EAST)

    [east, west] = progress.summary((), finished=False).outcomes

    assert (east.kind, west.kind) == (OutcomeKind.UNKNOWN, OutcomeKind.NOT_ATTEMPTED)
    assert progress.outcome_of(EAST) == east


@pytest.mark.parametrize("note", [Progress.hold_back, Progress.record_lock])
def test_progress_says_why_a_tenant_that_is_held_back_was_not_attempted(note):
    progress = planned()
    note(progress, "west", "run 7 holds it")

    [_, west] = progress.summary((), finished=True).outcomes

    assert progress.is_held_back("west")
    assert not progress.is_held_back("east")
    assert west.detail == "run 7 holds it"


def test_progress_reports_only_tenants_that_another_run_holds_as_locked():
    progress = planned()
    progress.hold_back("east", "an earlier run left it unknown")
    progress.record_lock("west", "run 7 holds it")

    assert progress.summary((), finished=True).locked == {"west": "run 7 holds it"}


def test_progress_loses_nothing_that_its_threads_record_at_once():
    progress, threads, each = Progress(), 8, 200

    def work(number: int) -> None:
        for index in range(each):
            schema_id = f"{URN}{index}"
            progress.record_recovered(
                Recovered(
                    tenant=f"t{number}",
                    schema_id=schema_id,
                    change=f"t{number}/hr",
                    kind=OutcomeKind.APPLIED,
                )
            )
            progress.record_attempt(answered(204))
            progress.record_not_tried(1, "given up")
            progress.warn(f"{number} {index}")
            progress.summary((), finished=False)

    workers = [threading.Thread(target=work, args=(number,)) for number in range(threads)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()

    summary = progress.summary((), finished=True)
    assert len(summary.recovered) == len(summary.warnings) == threads * each
    assert summary.deliveries.delivered == threads * each
    assert summary.deliveries.not_tried == (NotTried(webhooks=threads * each, reason="given up"),)


def test_a_summary_is_not_changed_by_what_is_recorded_after_it():
    progress = planned()
    before = progress.summary((), finished=False)
    progress.record_lock("east", "run 7 holds it")
    progress.warn("something else")

    assert (before.locked, before.warnings) == ({}, ())


def test_an_entry_of_a_run_names_its_plan_as_soon_as_there_is_one():
    context = context_of(MemoryJournal(), clock=FakeClock(seconds=60))
    early = context.entry(Event.RUN_STARTED)
    context.progress.record_plan(PLAN)
    late = context.entry(Event.RUN_COMPLETED, Status.SUCCESS)

    assert (early.plan_digest, late.plan_digest) == (None, PLAN.digest())
    assert (late.run_id, late.status, late.timestamp) == (
        RUN.id,
        Status.SUCCESS,
        "2026-03-01T12:01:00.000Z",
    )


def test_progress_takes_over_what_was_done_of_a_tenant_elsewhere():
    there, here = Progress("sha256:1"), planned()
    there.begin(EAST)
    there.end(Outcome(change=EAST, kind=OutcomeKind.APPLIED))
    there.record_recovered(
        Recovered(tenant="east", schema_id=URN, change="east/x", kind=OutcomeKind.APPLIED)
    )
    there.record_misconfigured("west", "no secret")
    there.record_not_tried(2, "locked")
    there.warn("look at it")
    here.record_not_tried(1, "locked")

    here.take_over(pickle.loads(pickle.dumps(there.of_tenant())))

    assert there.plan_digest == "sha256:1"
    summary = here.summary((), finished=True)
    assert [(each.kind, each.detail) for each in summary.outcomes] == [
        (OutcomeKind.APPLIED, ""),
        (OutcomeKind.NOT_ATTEMPTED, "no secret"),
    ]
    assert [each.change for each in summary.recovered] == ["east/x"]
    assert summary.misconfigured == {"west": "no secret"}
    assert summary.deliveries.not_tried == (NotTried(webhooks=3, reason="locked"),)
    assert summary.warnings == ("look at it",)
