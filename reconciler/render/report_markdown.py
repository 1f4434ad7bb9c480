"""The report of a run → Markdown, for its pull request and for the summary of its job."""

from collections import Counter
from collections.abc import Iterable, Iterator

from reconciler.domain.documents import DeliveriesDocument, ReportDocument, ReportTenant
from reconciler.domain.outcome import LATE
from reconciler.render.markdown_text import WORDS, code
from reconciler.render.plain_text import counted

APPLIED = "Applied"
"""The head of a run that did all that there was to do."""

_NOTHING = "Nothing to apply"
_MOST = 40_000  # bytes of lines about changes and webhooks; the report file has all of them
_HEADS = {
    1: "Failed",
    3: "Partly applied",
    4: "Refused: the plan is not the one that was approved",
    5: "Refused: another run holds the lock",
    6: "Refused: a safety limit",
}
_VERIFIED = ("applied", "adopted")


def report_markdown(report: ReportDocument) -> str:
    """The end of each change, the webhooks, and the head of the audit trail, in 50,000 bytes."""
    kinds = Counter(
        (change["action"], change["outcome"] in _VERIFIED)
        for tenant in report["tenants"]
        for change in tenant["changes"]
    )
    counts = [f"{kinds['create', True]} added", f"{kinds['update', True]} changed", "0 destroyed"]
    counts += [
        f"{n} {kind}" for kind, n in report["summary"].items() if n and kind not in _VERIFIED
    ]
    lines = [
        f"### {_head(report)}",
        "",
        f"**Extensions: {', '.join(counts)}.** Exit code {report['exit']['code']}.\n",
    ]
    if error := report["exit"]["error"]:
        lines += [f"The run ended with: {code(error.partition(chr(10))[0], WORDS)}", ""]
    details = [f"- **warning**: {code(warning, WORDS)}" for warning in report["warnings"]]
    named: set[str] = set()
    for tenant in report["tenants"]:
        if about := [f"  - {line}" for line in _tenant_lines(tenant, named)]:
            details += [f"- {code(tenant['name'])}", *about]
    details += _webhook_lines(report["deliveries"])
    lines += [*_bounded(details), "", *_anchors(report)]
    return "\n".join(lines) + "\n"


def did_nothing(report: ReportDocument) -> bool:
    """True where a run ended well, and there was nothing for it to do."""
    return report["exit"]["code"] == 0 and not _tried(report)


def _tried(report: ReportDocument) -> bool:
    """True where anything was begun, by this run or, with an end in this one, by an earlier."""
    changes = [change for tenant in report["tenants"] for change in tenant["changes"]]
    recovered = any(tenant["recovered"] for tenant in report["tenants"])
    return recovered or any(c["outcome"] not in (None, "not-attempted") for c in changes)


def _head(report: ReportDocument) -> str:
    number = report["exit"]["code"]
    if number == 0:
        if not did_nothing(report):
            return APPLIED
        changes = (change for tenant in report["tenants"] for change in tenant["changes"])
        drifted = any(change["reason"] == "drifted" for change in changes)
        return "Nothing applied: what has drifted is left as it is" if drifted else _NOTHING
    if number > 128:  # 128 and the number of a signal
        return f"Interrupted; {'the next run goes on' if _tried(report) else 'nothing was written'}"
    return _HEADS.get(number, "Failed")


def _tenant_lines(tenant: ReportTenant, named: set[str]) -> Iterator[str]:
    """What there is to say of a tenant; `named` are the URNs that stand above it already."""
    if tenant["locked"]:
        yield f"**locked**, not attempted: {code(tenant['locked'], WORDS)}"
    if tenant["unreadable"]:
        yield f"**not readable**: {code(tenant['unreadable'], WORDS)}"
    if unapproved := tenant.get("unapproved"):
        yield f"**not approved**, not attempted: {code(unapproved['reason'], WORDS)}"
        yield from (code(line, WORDS) for line in unapproved["difference"])
    for recovered in tenant["recovered"]:
        outcome = recovered["outcome"]
        end = f"**{LATE}**" if outcome == "adopted" else f"recovered as **{outcome}**"
        yield _with_detail(f"{end}: {code(recovered['schema_id'])}", recovered["detail"])
    for change in tenant["changes"]:
        name, urn = code(change["id"].partition("/")[2]), change["schema_id"]
        if change["reason"] != "in-sync" and urn not in named:
            named.add(urn)
            name += f", {code(urn)}"
        if change["outcome"]:
            end = f"**{change['outcome']}** ({change['action']}): {name}"
            yield _with_detail(end, change["detail"])
        elif change["action"] == "blocked":
            yield f"**blocked** ({change['reason']}): {name}"
        elif change["reason"] == "drifted":
            line = f"**drifted**, left as it is: {name}"
            yield _with_detail(line, change["detail"])


def _with_detail(line: str, detail: str | None) -> str:
    return f"{line}: {code(detail, WORDS)}" if detail else line


def _webhook_lines(deliveries: DeliveriesDocument) -> Iterator[str]:
    delivered = sum(1 for attempt in deliveries["attempts"] if attempt["delivered"])
    pending = deliveries["pending"]  # None where the store was not asked, or could not answer
    number = (
        "and how many are pending is not known" if pending is None else f"{len(pending)} pending"
    )
    yield f"- Webhooks: {delivered} delivered, {number}"
    for group in deliveries["not_tried"]:
        number = counted(group["webhooks"], "webhook")
        yield f"  - {number} not tried: {code(group['reason'], WORDS)}"
    for webhook in pending or ():
        tries = counted(webhook["attempts"], "attempt")
        event = f"{code(webhook['event_id'])} to {code(webhook['url'])}"
        yield f"  - pending after {tries}: {event}, due {code(webhook['due_at'])}"
    for held in deliveries["held"]:
        event = f"{code(held['schema_id'])} to {code(held['url'])}"
        yield f"  - held: {event} waits for {code(held['waits_for'], WORDS)}"


def _bounded(lines: list[str]) -> Iterator[str]:
    """As many lines as there is room for, and the number of those that are left out."""
    room = _MOST
    for number, line in enumerate(lines):
        room -= len(line.encode())
        if room < 0:
            yield f"- and {counted(len(lines) - number, 'line')} more, in the report of the run"
            return
        yield line


def _anchors(report: ReportDocument) -> Iterable[str]:
    """The last lines: what a later check of the trail and of the plan wants to know."""
    head, run = report["audit_head"], report["run"]
    lines = []
    if head is not None:
        # A head noted here is the one thing by which `audit verify` finds a trail cut off.
        lines.append(f"Audit trail: {counted(head['seq'], 'record')}, head `{head['hash']}`  ")
    if run["plan_digest"]:
        lines.append(f"Digest: `{run['plan_digest']}`  ")
    about = [("commit", run["commit"]), ("run", run["id"]), ("by", run["actor"])]
    return (*lines, ", ".join(f"{name} {code(value)}" for name, value in about if value))
