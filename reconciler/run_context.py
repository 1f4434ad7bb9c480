"""RunContext: what all use cases of a run share, as one value."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace

from reconciler.domain.diff import Observed
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

    def read_patiently(
        self,
        read: Callable[[], Observed],
        *,
        again: Callable[[Observed], bool],
        times: int,
        shown_by: float | None = None,
    ) -> Observed:
        """Read, and a few `times` more while `again` is true of what was found.

        What a service has to show by a time of the monotonic clock, and is absent, is read until
        then, after pauses that grow. Raises as the clock's `check` does.
        """
        waited = 0.0
        found = read()
        while again(found):
            pause = LAG_PAUSE
            if times <= 0:
                remaining = (shown_by or 0.0) - self.clock.monotonic()
                if found.live is not None or remaining <= 0:
                    break
                pause = min(max(LAG_PAUSE, waited / 4), remaining)
            self.clock.sleep(pause)
            waited += pause
            times -= 1
            found = read()
        return replace(found, waited=waited)
