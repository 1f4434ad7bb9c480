"""The report of a run → Markdown, for its pull request and for the summary of its job."""

from collections import Counter
from collections.abc import Iterator

from reconciler.domain.documents import ReportDocument, ReportTenant
from reconciler.render.markdown_text import WORDS, code
from reconciler.render.plain_text import counted

_MOST = 40_000  # bytes of lines about changes and webhooks; the report file has all of them
_HEADS = {
    1: "Failed",
    3: "Partly applied",
    4: "Refused: the plan is not the one that was approved",
    5: "Refused: another run holds the lock",
    6: "Refused: a safety limit",
}
APPLIED = "Applied"
"""The head of a run that did all that there was to do."""
_VERIFIED = ("applied", "adopted")


def run_markdown(report: ReportDocument) -> str:
    """What became of each change, what waits, and the head of the audit trail; 50,000 bytes."""
    lines = [
        f"### {_head(report)}",
        "",
        _counts(report),
        *([f"The run ended with: {code(error, WORDS)}", ""] if (error := _error(report)) else []),
        *_bounded([*_warnings(report), *_tenants(report), *_pending(report)]),
        *_anchors(report),
    ]
    return "\n".join(lines) + "\n"


def did_nothing(report: ReportDocument) -> bool:
    """Whether a run ended well, and there was nothing for it to do."""
    changes = [change for tenant in report["tenants"] for change in tenant["changes"]]
    recovered = any(tenant["recovered"] for tenant in report["tenants"])
    done = recovered or any(change["outcome"] for change in changes)
    return report["exit"]["code"] == 0 and not done


def _head(report: ReportDocument) -> str:
    number = report["exit"]["code"]
    if number == 0:
        return "Nothing to apply" if did_nothing(report) else APPLIED
    if number > 128:
        return "Interrupted; the next run goes on"
    return _HEADS.get(number, "Failed")


def _error(report: ReportDocument) -> str | None:
    error = report["exit"]["error"]
    return error.partition("\n")[0] if error else None


def _counts(report: ReportDocument) -> str:
    kinds = Counter(
        (change["action"], change["outcome"] in _VERIFIED)
        for tenant in report["tenants"]
        for change in tenant["changes"]
    )
    others = [f"{n} {kind}" for kind, n in report["summary"].items() if n and kind not in _VERIFIED]
    own = [f"{kinds['create', True]} added", f"{kinds['update', True]} changed", "0 destroyed"]
    return f"**Extensions: {', '.join(own + others)}.** Exit code {report['exit']['code']}.\n"


def _warnings(report: ReportDocument) -> Iterator[str]:
    for words in report["warnings"]:
        yield f"- **warning**: {code(words, WORDS)}"


def _tenants(report: ReportDocument) -> Iterator[str]:
    for tenant in report["tenants"]:
        lines = list(_tenant(tenant))
        if lines:
            yield f"- {code(tenant['name'])}"
            yield from (f"  - {line}" for line in lines)


def _tenant(tenant: ReportTenant) -> Iterator[str]:
    if tenant["locked"]:
        yield f"**locked**, not attempted: {code(tenant['locked'], WORDS)}"
    if tenant["unreadable"]:
        yield f"**not readable**: {code(tenant['unreadable'], WORDS)}"
    for recovered in tenant["recovered"]:
        told = f"recovered as **{recovered['outcome']}**: {code(recovered['schema_id'])}"
        yield _with_detail(told, recovered["detail"])
    for change in tenant["changes"]:
        if change["outcome"]:
            told = f"**{change['outcome']}** ({change['action']}): {code(change['schema_id'])}"
            yield _with_detail(told, change["detail"])
        elif change["action"] == "blocked":
            yield f"**blocked** ({change['reason']}): {code(change['schema_id'])}"
        elif change["reason"] == "drifted":
            yield f"**drifted**, left as it is: {code(change['schema_id'])}"


def _with_detail(told: str, detail: str | None) -> str:
    return f"{told}: {code(detail, WORDS)}" if detail else told


def _pending(report: ReportDocument) -> Iterator[str]:
    deliveries = report["deliveries"]
    delivered = sum(1 for attempt in deliveries["attempts"] if attempt["delivered"])
    left = deliveries["pending"]  # None where the store was not asked, or could not answer
    told = f"{len(left)} pending" if left is not None else "and how many are pending is not known"
    yield f"- Webhooks: {delivered} delivered, {told}"
    for waiting in left or ():
        tries = counted(waiting["attempts"], "attempt")
        told = f"pending after {tries}: {code(waiting['event_id'])} to {code(waiting['url'])}"
        yield f"  - {told}, due {code(waiting['due_at'])}"


def _bounded(lines: list[str]) -> Iterator[str]:
    left = _MOST
    for number, line in enumerate(lines):
        left -= len(line.encode())
        if left < 0:
            yield f"- and {counted(len(lines) - number, 'line')} more, in the report of the run"
            break
        yield line
    yield ""


def _anchors(report: ReportDocument) -> Iterator[str]:
    head, run = report["audit_head"], report["run"]
    if head is not None:
        yield f"Audit trail: {counted(head['seq'], 'record')}, head `{head['hash']}`  "
    if run["plan_digest"]:
        yield f"Digest: `{run['plan_digest']}`  "
    about = [("commit", run["commit"]), ("run", run["id"]), ("by", run["actor"])]
    yield ", ".join(f"{what} {code(value)}" for what, value in about if value)
