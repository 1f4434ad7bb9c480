"""RunContext: what all use cases of a run share, as one value."""

import math
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from reconciler.domain.diff import Observed
from reconciler.domain.freeze import Frozen, frozen_at
from reconciler.domain.manifest import Tenant
from reconciler.domain.records import Entry, Event, Run, Status
from reconciler.errors import TenantError
from reconciler.occurrences import Observe, WaitBegun, unobserved
from reconciler.ports import Clock, Journal
from reconciler.progress import Progress

LAG_PAUSE = 2.0  # seconds between reads of a service that shows late what it has accepted


@dataclass(frozen=True, slots=True, kw_only=True)
class RunContext:
    """One run: its identity, durable journal and clock, what it has done, and who watches it.

    `during_freeze` are the tenants that it may write to in a freeze.
    """

    run: Run
    journal: Journal
    clock: Clock
    progress: Progress = field(default_factory=Progress)
    observe: Observe = unobserved
    during_freeze: frozenset[str] = frozenset()

    def frozen(self, tenant: Tenant) -> Frozen | None:
        """The freeze that keeps this run from writing to a tenant in this moment."""
        # docs/decisions.md, "A freeze is judged when a write is about to begin"
        if tenant.name in self.during_freeze:
            return None
        return frozen_at(tenant.freeze, self.clock.now())

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

        What a service has to show by a time of the monotonic clock, and is absent or cannot be
        read, is read until then, after pauses that grow. Raises as the clock's `check` does, and
        TenantError where it cannot be read in the end.
        """
        waited = 0.0
        while True:
            remaining = 0.0
            try:
                found = read()
            except TenantError:
                remaining = self._remaining(shown_by)
                if remaining <= 0:
                    raise
            else:
                if times > 0:
                    remaining = math.inf
                elif found.live is None:
                    remaining = self._remaining(shown_by)
                if not again(found) or remaining <= 0:
                    return replace(found, waited=waited)
            pause = LAG_PAUSE if times > 0 else max(LAG_PAUSE, waited / 4)
            pause = min(pause, remaining)
            self.observe(WaitBegun(pause, "the service may show late what it has accepted"))
            self.clock.sleep(pause)
            waited += pause
            times -= 1

    def _remaining(self, ends: float | None) -> float:
        """Seconds until a time of the monotonic clock; none where there is no such time."""
        return 0.0 if ends is None else ends - self.clock.monotonic()
