"""Progress on standard error as a run goes: a line for each end, and for what takes long."""

import threading
import time
from collections.abc import Callable

from reconciler.occurrences import (
    ChangeBegun,
    ChangeEnded,
    FileChecked,
    Occurrence,
    PhaseBegun,
    PhaseEnded,
    TenantBegun,
    TenantEnded,
)
from reconciler.render.progress_text import EVERY, ChangeUnderWay, Tally

_FEW = 50  # tenants, each of which has a line of its own
_LOOK = 0.5  # seconds


class ProgressDisplay:
    """What a run has done, as lines for `say`.

    Each tenant has one as it ends, and each change. Of more than a few tenants, and while nothing
    ends, there is one line in ten seconds.
    """

    def __init__(
        self,
        say: Callable[[str], None],
        *,
        monotonic: Callable[[], float] = time.monotonic,
        look: float = _LOOK,
    ) -> None:
        """`look` is how many seconds it waits before it looks again at what takes long."""
        self._say = say
        self._now = monotonic
        self._look = look
        self._lock = threading.RLock()
        self._tally: Tally | None = None
        self._said_at = 0.0
        self._over = threading.Event()

    def __call__(self, occurrence: Occurrence) -> None:
        """Take note of it, and show what is to be shown of it."""
        with self._lock:
            now, tally = self._now(), self._tally
            match occurrence:
                case PhaseBegun(phase, total) if total:
                    self._begin(Tally(phase, total, now))
                case PhaseEnded() if tally is not None:
                    self._over.set()
                    self._tally = None
                    if tally.total > _FEW and now - tally.begun_at >= EVERY:
                        self._say(tally.line(now))
                case FileChecked() if tally is not None:
                    tally.done += 1
                case TenantBegun(tenant=tenant) if tally is not None:
                    tally.tenants[tenant] = now
                case TenantEnded() if tally is not None:
                    self._show(tally, tally.end(occurrence, now))
                case ChangeBegun(change) if tally is not None:
                    tally.changes[change.subject.id] = ChangeUnderWay(change, now)
                case ChangeEnded(outcome) if tally is not None:
                    self._show(tally, tally.end_change(outcome, now))
                case _:
                    pass

    def _begin(self, tally: Tally) -> None:
        self._tally, self._said_at = tally, tally.begun_at
        self._over = threading.Event()
        threading.Thread(target=self._look_on, args=(self._over,), daemon=True).start()

    def _show(self, tally: Tally, line: str) -> None:
        if tally.total <= _FEW:
            self._said_at = self._now()
            self._say(line)

    def _look_on(self, over: threading.Event) -> None:
        """Show what takes long, until the phase is over."""
        while not over.wait(self._look):
            with self._lock:
                now, tally = self._now(), self._tally
                if over.is_set() or tally is None:
                    return
                for line in tally.still(now):
                    self._show(tally, line)
                if now - self._said_at >= EVERY:
                    self._said_at = now
                    self._say(tally.line(now))
