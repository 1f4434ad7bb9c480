"""How far a run has come: noted as it happens, so that a run that is cut short can be told too."""

from collections.abc import Iterable, Iterator

from reconciler.domain.outcome import (
    Attempt,
    DeliverySummary,
    LeftOpen,
    NotTried,
    Outcome,
    OutcomeKind,
    Recovered,
    RunSummary,
    Waiting,
)
from reconciler.domain.plan import Create, Plan, Update


class Progress:
    """The notes of one run; its threads share them, and each note is one step.

    `held_back` says of a tenant that may not be written in this run, why. `refused` is for a plan
    that is not the approved one, or exceeds a limit.
    """

    def __init__(self) -> None:
        self.plan: Plan | None = None
        self.refused = False
        self.recovered: list[Recovered] = []
        self.locked: dict[str, str] = {}
        self.held_back: dict[str, str] = {}
        self.attempts: list[Attempt] = []
        self.not_tried: list[NotTried] = []
        self.warnings: list[str] = []
        self._begun: set[str] = set()
        self._ended: dict[str, Outcome] = {}

    def begin(self, change: Create | Update) -> None:
        """Its intent is recorded: from now on the tenant may be changed."""
        self._begun.add(change.subject.id)

    def end(self, outcome: Outcome) -> None:
        """Its outcome is recorded."""
        self._ended[outcome.change.subject.id] = outcome

    def summary(
        self,
        waiting: Iterable[Waiting] | None,
        *,
        elsewhere: Iterable[LeftOpen] = (),
        finished: bool,
    ) -> RunSummary:
        """What became of each planned write, in the order of the plan, and all else."""
        return RunSummary(
            plan=self.plan or Plan(tenants=()),
            outcomes=tuple(self._outcomes()),
            recovered=tuple(sorted(self.recovered, key=lambda recovered: recovered.tenant)),
            locked=dict(self.locked),
            deliveries=DeliverySummary.of(self.attempts, waiting, self.not_tried),
            warnings=tuple(sorted(self.warnings)),
            elsewhere=tuple(elsewhere),
            planned=self.plan is not None,
            refused=self.refused,
            finished=finished,
        )

    def _outcomes(self) -> Iterator[Outcome]:
        for tenant in self.plan.tenants if self.plan else ():
            for change in tenant.changes:
                if isinstance(change, Create | Update):
                    yield self._ended.get(change.subject.id) or self._without_outcome(change)

    def _without_outcome(self, change: Create | Update) -> Outcome:
        if change.subject.id in self._begun:
            return Outcome(change=change, kind=OutcomeKind.UNKNOWN, detail=_OPEN)
        reason = self.held_back.get(change.subject.tenant, "the run ended before it")
        return Outcome(change=change, kind=OutcomeKind.NOT_ATTEMPTED, detail=reason)


_OPEN = "begun, and the run ended before its outcome was known; the next run settles it first"
