"""The report of a run: whole whatever became of it, and as its JSON Schema says."""

from dataclasses import replace

import pytest

from reconciler.domain.documents import ReportDocument
from reconciler.domain.outcome import (
    DeliverySummary,
    LeftOpen,
    NotTried,
    Outcome,
    OutcomeKind,
    Recovered,
    RunSummary,
)
from reconciler.domain.plan import Create, Plan, Subject, TenantPlan
from reconciler.domain.records import Run
from reconciler.domain.scim import ABSENT
from reconciler.domain.searching import Found, Searchable, Searched
from reconciler.render.report_document import Ended, report_document
from tests.support.fakes import HOOK, URN, answered, extension, outbox_row, tenant
from tests.support.store_world import validator

SCHEMA = validator("report")
CREATE = Create(Subject(tenant="acme", extension=extension(), live_fingerprint=ABSENT))
PLAN = Plan(
    tenants=(
        TenantPlan(tenant=tenant("acme"), changes=(CREATE,)),
        TenantPlan(tenant=tenant("east"), error="GET → 503"),
    )
)
RUN = Run(id="run-1", actor="ci", commit="c0ffee")
ENDED = Ended(
    started_at="2026-03-01T12:00:00.000Z",
    ended_at="2026-03-01T12:00:09.000Z",
    code=3,
    meaning="ended partly",
    error=None,
    head=(12, "0" * 64),
)
AGAIN = replace(outbox_row(schema_id=URN, url=HOOK, attempts=1), due_at=ENDED.ended_at)
TRIED = replace(answered(503, latency_ms=4), row=AGAIN)


def valid(summary: RunSummary | None, run: Run = RUN, ended: Ended = ENDED) -> ReportDocument:
    document = report_document(run, ended, summary)
    assert [error.message for error in SCHEMA.iter_errors(document)] == []
    return document


def test_a_report_has_each_change_with_outcome_detail_and_latency():
    done = Outcome(change=CREATE, kind=OutcomeKind.APPLIED, latency_ms=42)

    document = valid(RunSummary(plan=PLAN, outcomes=(done,)))

    [acme, east] = document["tenants"]
    [change] = acme["changes"]
    assert change["id"] == CREATE.subject.id
    assert (change["action"], change["outcome"]) == ("create", "applied")
    assert change["latency_ms"] == 42
    assert east["unreadable"] == "GET → 503"
    assert document["run"]["plan_digest"] == PLAN.digest()
    assert document["summary"]["applied"] == 1


def test_a_report_has_locks_recoveries_and_webhooks():
    settled = Recovered(
        tenant="acme", schema_id=URN, change="acme/hr", kind=OutcomeKind.CONFLICT, detail="look"
    )
    summary = RunSummary(
        plan=PLAN,
        recovered=(settled,),
        locked={"west": "tenant west is locked by run 7"},
        deliveries=DeliverySummary(
            attempts=(TRIED,),
            waiting=(AGAIN,),
            not_tried=(NotTried(webhooks=2, reason="given up"),),
        ),
        warnings=("acme: not bound \x1b[31m",),
        left_open=(LeftOpen("north", 2),),
    )

    document = valid(summary)

    unbound, open_elsewhere = document["warnings"]
    assert unbound == "acme: not bound \x1b[31m"
    assert open_elsewhere.startswith("north: no outcome is recorded of 2 writes, and this run")
    tenants = {one["name"]: one for one in document["tenants"]}
    assert tenants["west"]["locked"] == "tenant west is locked by run 7"
    assert tenants["acme"]["recovered"][0]["outcome"] == "conflict"
    [pending] = document["deliveries"]["pending"] or []
    assert (pending["event_id"], pending["tenant"], pending["url"]) == ("evt_1", "acme", HOOK)
    assert document["deliveries"]["attempts"][0]["status"] == 503
    assert document["deliveries"]["not_tried"] == [{"webhooks": 2, "reason": "given up"}]
    assert document["audit_head"] == {"seq": 12, "hash": "0" * 64}


BADGE = Searched(found=(("badge", Found(searchable=Searchable.TRUE)),), ms=96)


def test_what_was_recovered_has_what_was_found_of_its_attributes_unless_it_was_written_again():
    kinds = (OutcomeKind.APPLIED, OutcomeKind.CONFLICT)
    recovered = tuple(
        Recovered(tenant="acme", schema_id=URN, change=CREATE.subject.id, kind=kind)
        for kind in kinds
    )
    found = {CREATE.subject.id: BADGE}
    again = Outcome(change=CREATE, kind=OutcomeKind.APPLIED, latency_ms=42)
    refused = Outcome(change=CREATE, kind=OutcomeKind.NOT_APPLIED)

    reports = [
        valid(RunSummary(plan=PLAN, outcomes=outcomes, recovered=recovered, searched=found))
        for outcomes in ((), (again,), (refused,))
    ]

    shown = [
        [each["searchable"] for each in (*acme["recovered"], *acme["changes"])]
        for acme, _ in (report["tenants"] for report in reports)
    ]
    assert shown == [[True, None, True], [None, None, True], [True, None, None]]
    assert reports[0]["tenants"][0]["recovered"][0]["searchable_ms"] == 96


@pytest.mark.parametrize(
    "summary",
    [None, RunSummary(plan=Plan(tenants=()), planned=False, finished=False)],
    ids=["before it began", "before its plan"],
)
def test_a_run_that_ended_early_has_a_report_too(summary: RunSummary | None):
    ended = Ended(
        started_at=ENDED.started_at, ended_at=ENDED.ended_at, code=1, meaning="error",
        error="3 problems", head=None,
    )  # fmt: skip

    document = valid(summary, Run(id="", actor="ci"), ended)

    assert document["run"]["id"] is None
    assert document["run"]["plan_digest"] is None
    assert document["finished"] is False
    assert document["exit"] == {"code": 1, "meaning": "error", "error": "3 problems"}
    assert document["audit_head"] is None
    assert (document["deliveries"]["pending"] is None) is (summary is None)
