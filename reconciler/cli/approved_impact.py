"""The risk that was approved with a saved plan, held against live users before a write."""

from collections.abc import Collection, Iterator, Mapping

from reconciler.domain.documents import MeasureDocument, PlanFacts
from reconciler.domain.measures import Risk
from reconciler.domain.outcome import Unapproved
from reconciler.domain.plan import TenantPlan
from reconciler.measuring import Concerned, Impacts, Measuring, hurting
from reconciler.render.phrases import measure_line
from reconciler.render.plain_text import counted
from reconciler.render.plan_document import measure_document

Accepted = Mapping[str, Mapping[tuple[str, str], MeasureDocument]]
"""What was approved of each change, by its id: the measures by path and kind."""


def accepted_by(document: PlanFacts) -> Accepted | None:
    """The measures of a saved plan; None where it was planned without --impact."""
    measured = [
        (change["id"], change["impact"])
        for tenant in document["tenants"]
        for change in tenant["changes"]
        if "impact" in change
    ]
    if not measured:
        return None
    return {id_: {(m["path"], m["kind"]): m for m in impact} for id_, impact in measured if impact}


class ApprovedImpact:
    """The measures of the tenants that are to be written, and what was approved of them.

    Without `accepted` any risk is fine.
    """

    def __init__(self, measuring: Measuring, accepted: Accepted | None) -> None:
        self._measuring = measuring
        self._accepted = accepted
        self._hurting: dict[str, tuple[Concerned, ...]] = {}

    def note(self, plan: TenantPlan) -> None:
        """Keep what to count of a tenant; its live schemas have to be there."""
        if plan.has_writes and (found := hurting(plan)):
            self._hurting[plan.name] = found

    def notice(self, unapproved: Collection[str]) -> str | None:
        """A line for a person where users would be hurt and nothing of that was approved."""
        number = len(self._hurting.keys() - unapproved)
        if self._accepted is not None or not number:
            return None
        return (
            f"note: this approval carries no risk class, so no user of {counted(number, 'tenant')} "
            "is counted before the write; approve the FILE of `reconciler plan --impact --out FILE`"
        )

    def lapsed(self, plan: TenantPlan) -> Unapproved | None:
        """Count again; why the approval of a tenant does not hold any more, None where it does."""
        if self._accepted is None or plan.name not in self._hurting:
            return None
        # All changes count, not only those that are written: docs/decisions.md, "An approval lapses
        # by tenant".
        found = self._measuring.count(plan.tenant, self._hurting[plan.name])
        difference = tuple(_risen(self._accepted, found))
        if not difference:
            return None
        difference += tuple(f"  {warning}" for warning in found.warnings)
        reason = "more users may be hurt than was approved (- approved, + now)"
        return Unapproved(tenant=plan.name, reason=reason, difference=difference)


def _risen(accepted: Accepted, found: Impacts) -> Iterator[str]:
    """The measures of a higher class than was approved, both sides of each."""
    for change, measured in found.measured.items():
        shown = accepted.get(change, {})
        for now in map(measure_document, measured):
            then = shown.get((now["path"], now["kind"]))
            if Risk(now["risk"]).exceeds(Risk(then["risk"]) if then else Risk.NONE):
                yield f"  {change}"
                if then is not None:
                    yield f"-   {measure_line(then)}"
                yield f"+   {measure_line(now)}"
