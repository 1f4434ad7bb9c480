"""A run → the JSON report of `--report`: the end of each change, and of the run."""

from collections import Counter, defaultdict
from dataclasses import dataclass

from reconciler import __version__
from reconciler.domain.documents import (
    AttemptDocument,
    FoundDocument,
    PendingDocument,
    RecoveredDocument,
    ReportChange,
    ReportDocument,
    ReportRun,
    ReportTenant,
    UnapprovedDocument,
)
from reconciler.domain.outbox import DeliveryResult, OutboxRow
from reconciler.domain.outcome import DeliverySummary, Outcome, OutcomeKind, RunSummary
from reconciler.domain.plan import Change
from reconciler.domain.records import Run
from reconciler.render.plan_document import action_of, reason_of
from reconciler.render.summary_text import warnings_of, withheld_in

_NOT_ASKED = DeliverySummary(waiting=None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """The end of a run. Times are RFC 3339; `head` is the last record of the trail, if any.

    `shard` is the one that the run was about, as `--shard` names it.
    """

    started_at: str
    ended_at: str
    code: int
    meaning: str
    error: str | None
    head: tuple[int, str] | None
    shard: str | None = None


def report_document(run: Run, ended: Ended, summary: RunSummary | None) -> ReportDocument:
    """The report as `reconciler schema report` describes it.

    A run without an id, or without a summary, ended before it began.
    """
    planned = summary is not None and summary.planned
    ends = Counter(outcome.kind for outcome in (summary.outcomes if summary else ()))
    deliveries = summary.deliveries if summary else _NOT_ASKED
    about: ReportRun = {
        "id": run.id or None,
        "actor": run.actor,
        "commit": run.commit,
        "plan_digest": summary.plan.digest() if summary and planned else None,
        "started_at": ended.started_at,
        "ended_at": ended.ended_at,
    }
    if ended.shard is not None:
        about["shard"] = ended.shard
    return {
        "format_version": "1.0",
        "tool_version": __version__,
        "run": about,
        "exit": {"code": ended.code, "meaning": ended.meaning, "error": ended.error},
        "finished": summary is not None and summary.finished,
        "summary": {
            "applied": ends[OutcomeKind.APPLIED],
            "adopted": ends[OutcomeKind.ADOPTED],
            "not-applied": ends[OutcomeKind.NOT_APPLIED],
            "conflict": ends[OutcomeKind.CONFLICT],
            "ignored-by-server": ends[OutcomeKind.IGNORED_BY_SERVER],
            "unknown": ends[OutcomeKind.UNKNOWN],
            "not-attempted": ends[OutcomeKind.NOT_ATTEMPTED],
        },
        "tenants": _tenants(summary) if summary else [],
        "warnings": list(warnings_of(summary)) if summary else [],
        "deliveries": {
            "attempts": [_attempt(attempt) for attempt in deliveries.attempts],
            "not_tried": [
                {"webhooks": group.webhooks, "reason": group.reason}
                for group in deliveries.not_tried
            ],
            "pending": None
            if deliveries.waiting is None
            else [_pending(row) for row in deliveries.waiting],
            "held": [
                {
                    "tenant": row.tenant,
                    "schema_id": row.schema_id,
                    "url": row.url,
                    "waits_for": row.waits_for,
                }
                for row in deliveries.held
            ],
        },
        "audit_head": {"seq": ended.head[0], "hash": ended.head[1]} if ended.head else None,
    }


def _tenants(summary: RunSummary) -> list[ReportTenant]:
    plans = {plan.name: plan for plan in summary.plan.tenants}
    outcomes = {outcome.change.subject.id: outcome for outcome in summary.outcomes}
    withheld = {
        skip.subject.id: why for plan in summary.plan.tenants for skip, _, why in withheld_in(plan)
    }
    recovered: dict[str, list[RecoveredDocument]] = defaultdict(list)
    for end in summary.recovered:
        recovered[end.tenant].append(
            {
                "schema_id": end.schema_id,
                "outcome": end.kind.value,
                "detail": end.detail,
                **_found(summary, summary.found_of(end)),
            }
        )
    unapproved: dict[str, UnapprovedDocument] = {
        each.tenant: {"reason": each.reason, "difference": list(each.difference)}
        for each in summary.unapproved
    }
    wave_of = {name: wave.number for wave in summary.plan.waves() for name in wave.tenants}
    tenants: list[ReportTenant] = [
        {
            "name": name,
            "digest": plans[name].digest() if name in plans else None,
            "locked": summary.locked.get(name),
            "unreadable": plans[name].error if name in plans else None,
            "unapproved": unapproved.get(name),
            "recovered": recovered.get(name, []),
            "changes": [
                _change(
                    change,
                    outcomes.get(change.subject.id),
                    withheld.get(change.subject.id),
                    summary,
                )
                for change in (plans[name].changes if name in plans else ())
            ],
        }
        for name in sorted({*plans, *summary.locked, *unapproved, *recovered})
    ]
    for tenant in tenants:
        if (wave := wave_of.get(tenant["name"])) is not None:
            tenant["wave"] = wave
    return tenants


def _change(
    change: Change,
    outcome: Outcome | None,
    withheld: str | None,
    summary: RunSummary,
) -> ReportChange:
    # What is in sync has no outcome, and may be tried all the same.
    found = change.subject.id if outcome is None else summary.found_of(outcome)
    return {
        "id": change.subject.id,
        "schema_id": change.subject.schema_id,
        "action": action_of(change),
        "reason": reason_of(change),
        "outcome": outcome.kind.value if outcome else None,
        "detail": outcome.detail if outcome else withheld,
        "fields": list(outcome.fields) if outcome else [],
        "latency_ms": outcome.latency_ms if outcome else None,
        **_found(summary, found),
    }


def _found(summary: RunSummary, change: str | None) -> FoundDocument:
    searched = summary.searched.get(change) if change else None
    tried = summary.tried.get(change) if change else None
    return {
        "searchable": searched.searchable.to_json() if searched else None,
        "searchable_ms": searched.ms if searched else None,
        "canary": {name: result.value for name, result in tried.results} if tried else None,
    }


def _attempt(result: DeliveryResult) -> AttemptDocument:
    return {
        "event_id": result.row.event_id,
        "tenant": result.row.tenant,
        "schema_id": result.row.schema_id,
        "url": result.row.url,
        "delivered": result.delivered,
        "status": result.status,
        "latency_ms": result.latency_ms,
        "detail": result.detail,
    }


def _pending(row: OutboxRow) -> PendingDocument:
    assert row.due_at is not None  # each row that waits has a time
    return {
        "event_id": row.event_id,
        "tenant": row.tenant,
        "schema_id": row.schema_id,
        "url": row.url,
        "attempts": row.attempts,
        "due_at": row.due_at,
    }
