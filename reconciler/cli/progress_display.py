"""Progress on standard error as a run goes: a line for each end, and for what takes long."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Protocol

from reconciler.domain.memo import Memo
from reconciler.occurrences import (
    ChangeBegun,
    ChangeEnded,
    DeliveryEnded,
    FileChecked,
    LockTaken,
    Occurrence,
    PhaseBegun,
    PhaseEnded,
    RetryBegun,
    TenantBegun,
    TenantEnded,
    WaveBegun,
    tenant_at_work,
)
from reconciler.render.plain_text import counted
from reconciler.render.progress_text import EVERY, ChangeUnderWay, Tally, wait_line

_FEW = 50  # tenants, each of which has a line of its own
_LOOK = 0.25  # seconds
_NOTICED = 1.0  # seconds that a service asks to wait
_SHORT = 0.5  # seconds, in which a phase is over before anybody looks


class Line(Protocol):
    """A line that is drawn again and again; a LiveLine."""

    def draw(self, text: str) -> None:
        """Show it in place of what stands there."""
        ...

    def clear(self) -> None:
        """Take it away."""
        ...


class ProgressDisplay:
    """What a run has done, as lines for `say`; None where they stand in a log already.

    Each tenant has one as it ends, and each change. Of more than a few tenants, and while nothing
    ends, there is one line in ten seconds. Where there is a `live` line, it is drawn all the time,
    and tenants that end have no line of their own.
    """

    def __init__(
        self,
        say: Callable[[str], None] | None,
        live: Callable[[], Line] | None = None,
        *,
        monotonic: Callable[[], float] = time.monotonic,
        look: float = _LOOK,
    ) -> None:
        """`look` is how many seconds it waits before it looks again at what takes long."""
        self._say = say or (lambda _: None)
        self._make_live = live
        self._now = monotonic
        self._look = look
        self._lock = threading.RLock()
        self._tally: Tally | None = None
        self._shown_at = 0.0
        self._over = threading.Event()
        self._live: Memo[Line] = Memo()
        self._is_drawn = False

    def __call__(self, occurrence: Occurrence) -> None:
        """Take note of it, and show what is to be shown of it."""
        with self._lock:
            now, tally = self._now(), self._tally
            match occurrence:
                case PhaseBegun(phase, total) if total:
                    self._begin(Tally(phase, total, now))
                case RetryBegun(requested=requested) if requested >= _NOTICED:
                    self._show(tally, wait_line(occurrence, tenant_at_work()))
                case _ if tally is not None:
                    self._note(occurrence, tally, now)
                case _:
                    pass

    def _note(self, occurrence: Occurrence, tally: Tally, now: float) -> None:
        """Take note of what happens in a phase."""
        match occurrence:
            case PhaseEnded():
                self._end(tally, now)
            case FileChecked() | LockTaken():
                tally.done += 1
            case DeliveryEnded(result):
                tally.done += 1
                tally.failed += not result.delivered
            case TenantBegun(tenant=tenant):
                tally.tenants[tenant] = now
            case TenantEnded():
                line = tally.end(occurrence, now)
                if self._make_live is None and line is not None:
                    self._show(tally, line)
            case WaveBegun(number, tenants):
                self._shown_at = now
                self._say(f"apply: wave {number} begins, {counted(tenants, 'tenant')}")
            case ChangeBegun(change):
                tally.changes[change.subject.id] = ChangeUnderWay(change, now)
            case ChangeEnded(outcome):
                self._show(tally, tally.end_change(outcome, now))
            case _:
                pass

    @contextmanager
    def aside(self) -> Iterator[None]:
        """Keep the line out of the way while something else is written."""
        with self._lock:
            self._clear()
            yield

    def _begin(self, tally: Tally) -> None:
        self._tally, self._shown_at = tally, tally.begun_at
        self._over = threading.Event()
        threading.Thread(target=self._look_on, args=(self._over,), daemon=True).start()

    def _end(self, tally: Tally, now: float) -> None:
        self._over.set()
        self._tally = None
        self._clear()
        if self._make_live is None and tally.total > _FEW and now - tally.begun_at >= EVERY:
            self._say(tally.line(now))

    def _show(self, tally: Tally | None, line: str) -> None:
        if self._make_live is not None or tally is None or tally.total <= _FEW:
            self._shown_at = self._now()
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
                if self._make_live is not None:
                    if now - tally.begun_at >= _SHORT:
                        self._live.get(self._make_live).draw(tally.line(now))
                        self._is_drawn = True
                elif now - self._shown_at >= EVERY:
                    self._shown_at = now
                    self._say(tally.line(now))

    def _clear(self) -> None:
        if self._is_drawn and self._make_live is not None:
            self._is_drawn = False
            self._live.get(self._make_live).clear()
