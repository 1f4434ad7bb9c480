"""RunContext: what all use cases of a run share, as one value."""

from collections.abc import Callable
from dataclasses import dataclass, field

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
        then, after pauses that grow with what has passed. Raises as the clock's `check` does.
        """
        began = self.clock.monotonic()
        found = read()
        for _ in range(times):
            if not again(found):
                return found
            self.clock.sleep(LAG_PAUSE)
            found = read()
        while shown_by is not None and found.live is None:
            now = self.clock.monotonic()
            if now >= shown_by:
                break
            self.clock.sleep(min(max(LAG_PAUSE, (now - began) / 4), shown_by - now))
            found = read()
        return found
