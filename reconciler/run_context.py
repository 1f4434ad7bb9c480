"""RunContext: what all use cases of a run share, as one value."""

from dataclasses import dataclass, field

from reconciler.domain.records import Entry, Event, Run, Status
from reconciler.ports import Clock, Journal
from reconciler.progress import Progress

LAG_PAUSE = 2.0  # seconds between reads of a service that shows late what it has accepted


@dataclass(frozen=True, slots=True, kw_only=True)
class RunContext:
    """One run: its identity, durable journal and clock, and the record of what it has done."""

    run: Run
    journal: Journal
    clock: Clock
    progress: Progress = field(default_factory=Progress)

    def entry(self, event: Event, status: Status | None = None) -> Entry:
        """An audit entry of this moment, about no tenant or change yet.

        It names the plan as soon as there is one; what is recorded earlier belongs to none.
        """
        now, digest = self.clock.now(), self.progress.plan_digest
        return self.run.entry(event, now, status, plan_digest=digest)

    def wait_for_lag(self) -> None:
        """Give a service time to show what it has accepted; raises as the clock's `check` does."""
        self.clock.sleep(LAG_PAUSE)
