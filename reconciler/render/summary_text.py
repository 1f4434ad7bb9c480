"""RunSummary → the text that ends an apply: the end of each change, and the webhooks that wait."""

from collections import Counter
from collections.abc import Iterator
from typing import assert_never

from reconciler.domain.canary import CanaryResult, Tried
from reconciler.domain.drift import Drift, DriftKind
from reconciler.domain.outcome import LeftOpen, Outcome, OutcomeKind, Recovered, RunSummary
from reconciler.domain.plan import Blocked, Skip, TenantPlan, Update
from reconciler.domain.searching import Searchable, Searched
from reconciler.render.paint import Paint
from reconciler.render.phrases import drift_text, withheld_text
from reconciler.render.plain_text import counted, visible
from reconciler.render.plan_document import drift_document
from reconciler.render.unclaimed import unclaimed_lines

_SHOWN = 20  # webhooks that are held: a service may bind nothing in a whole fleet
_UNKNOWN = "and the store cannot be asked how many are pending."
_KEPT = "; the next apply or `reconciler webhooks deliver` tries again."
_LOST = "; they are lost with this disk: run `reconciler webhooks deliver --now` in this job."


def summary_text(summary: RunSummary, *, paint: Paint, ephemeral: bool = False) -> str:
    """One line per change that was to be made, then the counts and the webhooks.

    Webhooks that wait are named where the store is `ephemeral`: nothing else may remember them.
    """
    recovered = (
        f"{visible(r.change)}: {r.ending}: {visible(r.detail)}"
        + (f"; {found}" if (found := _found(summary, r)) else "")
        for r in summary.recovered
    )
    head = paint("green" if summary.complete else "red", _head(summary))
    lines = [
        *recovered,
        *(_outcome(outcome, _found(summary, outcome), paint) for outcome in summary.outcomes),
        *_not_tried(summary, paint),
        *_left_as_it_is(summary, paint),
        *(paint("yellow", f"warning: {visible(text)}") for text in warnings_of(summary)),
        f"{head} Extensions: {_counts(summary)}.",
        *_webhooks(summary, paint, ephemeral=ephemeral),
    ]
    return "\n".join(lines) + "\n"


def warnings_of(summary: RunSummary) -> tuple[str, ...]:
    """The warnings of a run, and what is open in tenants that it left out or has no manifest of."""
    return (
        *summary.warnings,
        *map(_left_open, summary.left_open),
        *unclaimed_lines(summary.unclaimed),
    )


def _found(summary: RunSummary, ended: Outcome | Recovered) -> str:
    """What was found of the new attributes of a change; empty for nothing."""
    change = summary.found_of(ended)
    searched = summary.searched.get(change) if change else None
    tried = summary.tried.get(change) if change else None
    texts = [_searched(searched)] if searched is not None else []
    texts += [f"canary: {_canary(tried)}"] if tried is not None else []
    return ", ".join(texts)


def _outcome(outcome: Outcome, found: str, paint: Paint) -> str:
    subject = outcome.change.subject
    end = "blocked" if outcome.blocked else str(outcome.kind)
    took = ""
    if outcome.kind is OutcomeKind.APPLIED:
        end, took = f"{end} and verified", f" in {outcome.latency_ms} ms"
    took += f", {found}" if found else ""
    detail = f": {visible(outcome.detail)}" if outcome.detail else ""
    where = "" if outcome.kind.verified else f" [{visible(subject.extension.place)}]"
    shown = paint("green" if outcome.kind.verified else "red", end)
    return f"{visible(subject.id)}: {shown}{took}{detail}{where}"


def _searched(searched: Searched) -> str:
    match searched.searchable:
        case Searchable.TRUE:
            return f"searchable after {searched.ms} ms"
        case Searchable.FALSE:
            return "not searchable"
        case Searchable.UNKNOWN:
            return f"not known to be searchable ({visible(searched.detail or '')})"
        case _:
            assert_never(searched.searchable)


def _canary(tried: Tried) -> str:
    ends = Counter(result for _, result in tried.results)
    return ", ".join(f"{ends[result]} {result}" for result in CanaryResult if ends[result])


def _not_tried(summary: RunSummary, paint: Paint) -> Iterator[str]:
    """The tenants and changes that the run could not even try: silence would read as success."""
    tried = {outcome.change.subject.tenant for outcome in summary.outcomes}
    yield from (paint("red", visible(why)) for t, why in summary.locked.items() if t not in tried)
    for unapproved in summary.unapproved:
        if unapproved.difference or unapproved.tenant not in tried:
            yield paint("red", f"{visible(unapproved.tenant)}: not-attempted: {unapproved.reason}")
        yield from (f"  {visible(line)}" for line in unapproved.difference)
    for tenant in summary.plan.tenants:
        if tenant.error is not None:
            yield paint("red", f"{visible(tenant.name)}: not readable: {visible(tenant.error)}")
        for change in tenant.changes:
            if isinstance(change, Blocked):
                blocked = f"blocked ({change.reason}): {visible(change.recipe)}"
                yield paint("red", f"{visible(change.subject.id)}: {blocked}")


def _left_as_it_is(summary: RunSummary, paint: Paint) -> Iterator[str]:
    """What has drifted and was not written: an apply that has nothing to do has not done it."""
    for tenant in summary.plan.tenants:
        for skip, _, why in withheld_in(tenant):
            yield paint("yellow", f"{visible(skip.subject.id)}: left as it is: {why}")


def withheld_in(tenant: TenantPlan) -> Iterator[tuple[Skip, Drift | None, str]]:
    """Each skip that withholds a change, its drift, and why it does, in a sentence."""
    drifts = {drift.schema_id: drift for drift in tenant.drift}
    for change in tenant.changes:
        if not isinstance(change, Skip) or change.withheld is None:
            continue
        extension, drift = change.subject.extension, drifts.get(change.subject.schema_id)
        written, withheld = extension.on_drift_place, change.withheld
        text = withheld_text(
            visible(written) if written else None,
            default_of=visible(extension.place),
            blocked=withheld.blocked,
            paths=withheld.paths,
            more=withheld.more,
        )
        if drift is not None and drift.since is not None:
            text = f"{drift_text(drift_document(drift))}; {text}"
        yield change, drift, text


def _left_open(open_: LeftOpen) -> str:
    # Another run may be at it in this moment, so it does not say that one has failed.
    return (
        f"{open_.tenant}: no outcome is recorded of {counted(open_.writes, 'write')}, and this run "
        "leaves the tenant out: unless another run is at it now, the next apply that takes it in "
        "settles that"
    )


def _head(summary: RunSummary) -> str:
    name = "Apply" if summary.planned else "Recovery"
    if summary.refused:
        return f"{name} was refused."
    if not summary.finished:
        return f"{name} was cut short."
    return f"{name} complete!" if summary.complete else f"{name} ended partly."


def _counts(summary: RunSummary) -> str:
    if not summary.planned:  # a recovery: it had no changes of its own to make
        kinds = Counter(str(recovered.kind) for recovered in summary.recovered)
        ends = ", ".join(f"{number} {kind}" for kind, number in sorted(kinds.items()))
        # A tenant that was not looked at may still have something open.
        unlooked = any(each.open_writes for each in summary.unclaimed)
        blind = summary.left_open or summary.locked or unlooked
        where = " in the tenants that this run could look at" if blind else ""
        return ends or f"nothing was left open{where}"
    verified = [o for o in summary.outcomes if o.kind.verified]
    updated = sum(1 for o in verified if isinstance(o.change, Update))
    adopted = sum(1 for o in verified if o.kind is OutcomeKind.ADOPTED)
    others = Counter(str(o.kind) for o in summary.outcomes if not o.kind.verified)
    counts = [f"{len(verified) - updated} added", f"{updated} changed", "0 destroyed"]
    counts += [f"{adopted} of them already there"] if adopted else []
    counts += [f"{number} {kind}" for kind, number in sorted(others.items())]
    if summary.unapproved:
        counts.append(f"{counted(len(summary.unapproved), 'tenant')} not as approved")
    drifted = Counter(
        "outdated" if drift is not None and drift.kind is DriftKind.OUTDATED else "drifted"
        for tenant in summary.plan.tenants
        for _, drift, _ in withheld_in(tenant)
    )
    counts += [f"{number} {kind} and left as is" for kind, number in sorted(drifted.items())]
    return ", ".join(counts)


def _webhooks(summary: RunSummary, paint: Paint, *, ephemeral: bool) -> Iterator[str]:
    deliveries = summary.deliveries
    for failure in deliveries.failures:
        yield paint("yellow", f"webhook not delivered: {visible(failure)}")
    for group in deliveries.not_tried:
        number = counted(group.webhooks, "webhook")
        yield paint("yellow", f"{number} not tried: {visible(group.reason)}")
    if ephemeral:
        for pending in deliveries.waiting or ():
            text = f"{pending.event_id} of {pending.about} to {pending.url}"
            yield paint("yellow", f"webhook pending: {visible(text)}")
    for held in deliveries.held[:_SHOWN]:
        text = f"{held.about} to {held.url}: it waits for {held.waits_for}"
        yield paint("yellow", f"webhook held: {visible(text)}; the next apply looks again")
    if (more := len(deliveries.held) - _SHOWN) > 0:
        yield paint("yellow", f"and {more} more are held: see `reconciler webhooks list`")
    delivered = f"Webhooks: {deliveries.delivered} delivered,"
    held_back = f", {len(deliveries.held)} held" if deliveries.held else ""
    if deliveries.waiting is None:
        yield paint("red", f"{delivered} {_UNKNOWN}")
    elif deliveries.pending:
        tail = _LOST if ephemeral else _KEPT
        yield f"{delivered} {deliveries.pending} pending{held_back}{tail}"
    else:
        yield f"{delivered} {deliveries.pending} pending{held_back}."
