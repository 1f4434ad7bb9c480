"""RunSummary → the text that ends an apply: what became of each change, and what still waits."""

from collections import Counter
from collections.abc import Iterator

from reconciler.domain.outcome import LeftOpen, Outcome, OutcomeKind, RunSummary
from reconciler.domain.plan import Blocked, Update
from reconciler.render.paint import Paint
from reconciler.render.plain_text import counted, visible

_COLOURS = {OutcomeKind.APPLIED: "green", OutcomeKind.ADOPTED: "green"}


def summary_text(summary: RunSummary, *, paint: Paint, ephemeral: bool = False) -> str:
    """One line per change that was to be made, then the counts and the webhooks.

    Those that wait are named where the store is `ephemeral`: nothing else may remember them.
    """
    lines = [
        *_recovered(summary),
        *(_outcome(outcome, paint) for outcome in summary.outcomes),
        *_left(summary, paint),
        *(paint("yellow", f"warning: {visible(words)}") for words in warnings_of(summary)),
        _counts(summary, paint),
        *_deliveries(summary, paint, ephemeral=ephemeral),
    ]
    return "\n".join(lines) + "\n"


def warnings_of(summary: RunSummary) -> tuple[str, ...]:
    """What the run came upon and a person should know."""
    return (*summary.warnings, *map(_elsewhere, summary.elsewhere))


def _recovered(summary: RunSummary) -> Iterator[str]:
    for recovered in summary.recovered:
        yield (
            f"{visible(recovered.tenant)}: {visible(recovered.schema_id)}: recovered as "
            f"{recovered.kind}: {visible(recovered.detail)}"
        )


def _outcome(outcome: Outcome, paint: Paint) -> str:
    subject = outcome.change.subject
    word = "blocked" if outcome.blocked else str(outcome.kind)
    took = f" in {outcome.latency_ms} ms" if outcome.kind is OutcomeKind.APPLIED else ""
    detail = f": {visible(outcome.detail)}" if outcome.detail else ""
    where = "" if outcome.kind.verified else f" [{visible(subject.extension.place)}]"
    colour = _COLOURS.get(outcome.kind, "red")
    verified = " and verified" if outcome.kind is OutcomeKind.APPLIED else ""
    return (
        f"{visible(subject.tenant)}: {visible(subject.schema_id)}: "
        f"{paint(colour, word + verified)}{took}{detail}{where}"
    )


def _left(summary: RunSummary, paint: Paint) -> Iterator[str]:
    """What the run could not even try, so that nobody reads silence as success."""
    told = {outcome.change.subject.tenant for outcome in summary.outcomes}
    yield from (paint("red", visible(why)) for t, why in summary.locked.items() if t not in told)
    for tenant in summary.plan.tenants:
        if tenant.error is not None:
            yield paint("red", f"{visible(tenant.name)}: not readable: {visible(tenant.error)}")
        for change in tenant.changes:
            if isinstance(change, Blocked):
                urn = visible(change.subject.schema_id)
                words = f"{urn}: blocked ({change.reason}): {visible(change.recipe)}"
                yield paint("red", f"{visible(tenant.name)}: {words}")


def _elsewhere(left: LeftOpen) -> str:
    """Another run may be at it in this moment, so it does not say that one has failed."""
    return f"{left.tenant}: no outcome is recorded of {counted(left.writes, 'write')}, and " + (
        "this run leaves the tenant out: unless another run is at it now, "
        "the next apply that takes it in settles that"
        if left.named
        else "no manifest here names the tenant: put its manifest back and run "
        f"`reconciler apply --recover-only --tenant {left.tenant}`"
    )


def _counts(summary: RunSummary, paint: Paint) -> str:
    if not summary.planned:
        return _recovery_counts(summary, paint)
    verified = [o for o in summary.outcomes if o.kind.verified]
    updated = sum(1 for o in verified if isinstance(o.change, Update))
    adopted = sum(1 for o in verified if o.kind is OutcomeKind.ADOPTED)
    left = Counter(str(o.kind) for o in summary.outcomes if not o.kind.verified)
    well = summary.complete
    head = _head("Apply", summary)
    counts = [f"{len(verified) - updated} added", f"{updated} changed", "0 destroyed"]
    counts += [f"{adopted} of them already there"] if adopted else []
    counts += [f"{number} {kind}" for kind, number in sorted(left.items())]
    return f"{paint('green' if well else 'red', head)} Extensions: {', '.join(counts)}."


def _recovery_counts(summary: RunSummary, paint: Paint) -> str:
    kinds = Counter(str(recovered.kind) for recovered in summary.recovered)
    counts = [f"{number} {kind}" for kind, number in sorted(kinds.items())]
    head = _head("Recovery", summary)
    blind = summary.elsewhere or summary.locked
    where = " in the tenants that this run could look at" if blind else ""
    told = ", ".join(counts) or f"nothing was left open{where}"
    return f"{paint('green' if summary.complete else 'red', head)} Extensions: {told}."


def _head(what: str, summary: RunSummary) -> str:
    if summary.refused:
        return f"{what} was refused."
    if not summary.finished:
        return f"{what} was cut short."
    return f"{what} complete!" if summary.complete else f"{what} ended partly."


def _deliveries(summary: RunSummary, paint: Paint, *, ephemeral: bool) -> Iterator[str]:
    deliveries = summary.deliveries
    for failure in deliveries.failures:
        yield paint("yellow", f"webhook not delivered: {visible(failure)}")
    for group in deliveries.not_tried:
        number = counted(group.webhooks, "webhook")
        yield paint("yellow", f"{number} not tried: {visible(group.reason)}")
    for left in (deliveries.waiting or ()) if ephemeral else ():
        words = f"{left.event_id} of {left.tenant}: {left.schema_id} to {left.url}"
        yield paint("yellow", f"webhook pending: {visible(words)}")
    counts = f"Webhooks: {deliveries.delivered} delivered, {deliveries.pending} pending"
    if deliveries.waiting is None:
        yield paint("red", f"Webhooks: {deliveries.delivered} delivered, {_UNKNOWN}")
    elif deliveries.pending:
        yield counts + (_LOST if ephemeral else _KEPT)
    else:
        yield f"{counts}."


_UNKNOWN = "and the store cannot be asked how many are pending."
_KEPT = "; the next apply or `reconciler webhooks deliver` tries again."
_LOST = "; they are lost with this disk: run `reconciler webhooks deliver --now` in this job."
