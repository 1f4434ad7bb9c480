"""SystemClock: the machine's time, and a sleep that wakes when the run has to end."""

import math
import os
import select
import signal
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from types import FrameType

from reconciler.errors import Interrupted, StateError

SIGNALS = (signal.SIGINT, signal.SIGTERM)
GRACE = 3.0  # seconds after a signal in which the request that is under way may still end
LAST = 4.5  # seconds after a signal at which the process ends, whatever it still waits for


class StopSignal:
    """The end of a run before its time, by a signal or a failed store; its threads share it.

    The gate is a bare lock, shut until then: a handler may run in the middle of a wait
    of its own thread, and an Event would then wait for a lock that this very thread holds.
    """

    def __init__(self) -> None:
        self._gate = threading.Lock()
        self._gate.acquire()
        self._number: int | None = None
        self._asked_at = math.inf
        self._failure: str | None = None
        self._wrote = False

    @property
    def wrote(self) -> bool:
        """True once a request has been let go that changes or announces something."""
        return self._wrote

    @property
    def number(self) -> int | None:
        """The first signal that came; None while there was none."""
        return self._number

    @property
    def store_failed(self) -> bool:
        """True once a write of the store has failed: nothing more may leave this process."""
        return self._failure is not None

    def ask(self, number: int) -> None:
        """Ask everybody to stop; the first signal is the one that is remembered."""
        if self._number is None:
            self._asked_at = time.monotonic()
            self._number = number
            self._open()

    def fail(self, failure: StateError) -> None:
        """End the run because a write of its store failed; the first failure is remembered."""
        if self._failure is None:
            self._failure = str(failure)
            self._open()

    def admit(self) -> bool:
        """Test whether a request may still leave this process."""
        return not self.store_failed

    def admit_write(self) -> bool:
        """Test it of a request that changes or announces something, and note that one leaves."""
        self._wrote = self._wrote or self.admit()
        return self.admit()

    def check(self) -> None:
        """Raise StateError after a failure of the store, Interrupted after a signal."""
        # Both at once: docs/decisions.md, "A failed store outranks a signal".
        if self._failure is not None:
            raise StateError(self._failure)
        if self._number is not None:
            raise Interrupted(self._number)

    def remaining(self) -> float:
        """Seconds that requests still have: without end, until somebody has asked to stop."""
        return max(0.0, self._asked_at + GRACE - time.monotonic())

    def wait(self, seconds: float) -> bool:
        """Wait so long, or until the run has to end; False where it has not."""
        if not self._gate.acquire(timeout=min(max(0.0, seconds), threading.TIMEOUT_MAX)):
            return False
        self._open()
        return True

    def _open(self) -> None:
        with suppress(RuntimeError):  # a signal and a failure at once: it is open already
            self._gate.release()


def wall_time() -> datetime:
    """The machine's wall clock, aware, UTC."""
    return datetime.now(UTC)


class SystemClock:
    """ports.Clock over the machine's clocks."""

    def __init__(self, stop: StopSignal) -> None:
        self._stop = stop

    def now(self) -> datetime:
        return wall_time()

    def monotonic(self) -> float:
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        """Wait; raises as `check` does, as soon as there is a reason to."""
        self._stop.wait(seconds)
        self.check()

    def check(self) -> None:
        """Raise Interrupted after a signal, StateError after a failure of the store."""
        self._stop.check()


def install(stop: StopSignal, last_words: Callable[[int], None] = lambda _: None) -> None:
    """Let SIGINT and SIGTERM ask to stop, and a second one end the process at once.

    The second exits with 128 and its number and runs nothing more: it is for somebody who will
    not wait for the request that is under way. `LAST` seconds after the first the process ends in
    the same way. Before either end `last_words` are called with the signal: nothing else will say
    what is not known. docs/decisions.md,
    "A signal gives the request that is under way three seconds".

    A thread of its own obeys, woken through a pipe by the C part of the handler: the Python part
    runs in the main thread only, and there not before a sync of a slow disk has returned.
    Only the main thread may call this.
    """
    read_end, write_end = os.pipe()
    os.set_blocking(write_end, False)
    threading.Thread(target=_obey, args=(stop, read_end, last_words), daemon=True).start()
    signal.set_wakeup_fd(write_end, warn_on_full_buffer=False)
    for number in SIGNALS:
        signal.signal(number, _noted)


def _noted(number: int, frame: FrameType | None) -> None:
    """Nothing: without a handler there would be no byte in the pipe."""


def _obey(stop: StopSignal, read_end: int, last_words: Callable[[int], None]) -> None:
    first = os.read(read_end, 1)[0]
    stop.ask(first)
    again, _, _ = select.select([read_end], [], [], LAST)
    number = os.read(read_end, 1)[0] if again else first
    last_words(number)
    os._exit(128 + number)
