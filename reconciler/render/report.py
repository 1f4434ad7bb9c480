"""A run → the JSON report of `--report`: what became of each change, and how the run ended."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict, dataclass

from reconciler import __version__
from reconciler.domain.jsontext import Json
from reconciler.domain.outcome import DeliverySummary, Outcome, OutcomeKind, RunSummary
from reconciler.domain.plan import Blocked, Change, Skip, Update
from reconciler.domain.records import Run
from reconciler.render.summary import warnings_of

FORMAT_VERSION = "1.0"


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """How a run ended. Times are RFC 3339; `head` is the last record of the trail, if any."""

    started_at: str
    ended_at: str
    code: int
    meaning: str
    error: str | None
    head: tuple[int, str] | None


def report_document(run: Run, ended: Ended, summary: RunSummary | None) -> dict[str, Json]:
    """The report as `reconciler schema report` describes it.

    A run without an id, or without a summary, ended before it began.
    """
    planned = summary is not None and summary.planned
    return {
        "format_version": FORMAT_VERSION,
        "tool_version": __version__,
        "run": {
            "id": run.id or None,
            "actor": run.actor,
            "commit": run.commit,
            "plan_digest": summary.plan.digest() if summary and planned else None,
            "started_at": ended.started_at,
            "ended_at": ended.ended_at,
        },
        "exit": {"code": ended.code, "meaning": ended.meaning, "error": ended.error},
        "finished": summary is not None and summary.finished,
        "summary": _counts(summary.outcomes if summary else ()),
        "tenants": _tenants(summary) if summary else [],
        "warnings": list(warnings_of(summary)) if summary else [],
        "deliveries": _deliveries(summary.deliveries if summary else _NOT_ASKED),
        "audit_head": {"seq": ended.head[0], "hash": ended.head[1]} if ended.head else None,
    }


def _counts(outcomes: Iterable[Outcome]) -> dict[str, Json]:
    kinds = Counter(outcome.kind for outcome in outcomes)
    return {kind.value: kinds[kind] for kind in OutcomeKind}


def _tenants(summary: RunSummary) -> list[Json]:
    plans = {plan.name: plan for plan in summary.plan.tenants}
    outcomes = {outcome.change.subject.id: outcome for outcome in summary.outcomes}
    names = {*plans, *summary.locked, *(recovered.tenant for recovered in summary.recovered)}
    return [
        {
            "name": name,
            "locked": summary.locked.get(name),
            "unreadable": plans[name].error if name in plans else None,
            "recovered": [
                {"schema_id": r.schema_id, "outcome": r.kind.value, "detail": r.detail}
                for r in summary.recovered
                if r.tenant == name
            ],
            "changes": [
                _change(change, outcomes.get(change.subject.id))
                for change in (plans[name].changes if name in plans else ())
            ],
        }
        for name in sorted(names)
    ]


def _change(change: Change, outcome: Outcome | None) -> Json:
    return {
        "id": change.subject.id,
        "schema_id": change.subject.schema_id,
        "action": _action(change),
        "reason": change.reason.value if isinstance(change, Skip | Blocked) else None,
        "outcome": outcome.kind.value if outcome else None,
        "detail": outcome.detail if outcome else None,
        "fields": list(outcome.fields) if outcome else [],
        "latency_ms": outcome.latency_ms if outcome else None,
    }


def _action(change: Change) -> str:
    match change:
        case Skip():
            return "skip"
        case Blocked():
            return "blocked"
        case Update():
            return "update"
        case _:
            return "create"


def _deliveries(deliveries: DeliverySummary) -> Json:
    left = deliveries.waiting
    return {
        "attempts": [asdict(attempt) for attempt in deliveries.attempts],
        "pending": None if left is None else [asdict(waiting) for waiting in left],
    }


_NOT_ASKED = DeliverySummary(waiting=None)
