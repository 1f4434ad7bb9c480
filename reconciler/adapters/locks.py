"""One writer per tenant, by flock: the kernel frees the lock when its holder dies.

The text in a lock file only says who holds it; a file without a holder is no lock.
"""

import fcntl
import logging
import os
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from reconciler.domain.records import rfc3339
from reconciler.errors import StateError, TenantLocked
from reconciler.ports import Clock

_LONGEST_NOTE = 300  # bytes of a lock file that are shown
_LOOK_AGAIN = 0.1  # seconds; the kernel would tell at once, but no signal could end that wait

_log = logging.getLogger(__name__)


class FileLocks:
    """Locks of the tenants as files in one folder, on a local disk; a ports.Locks."""

    def __init__(self, folder: Path, *, holder: str, clock: Clock) -> None:
        """`holder` says who takes the locks, for those who find them taken."""
        self._folder = folder
        self._holder = holder
        self._clock = clock

    @contextmanager
    def hold(self, tenant: str, *, patience: float = 0.0) -> Iterator[None]:
        """Hold the tenant's lock; raises TenantLocked, naming the holder, or StateError.

        Waits up to `patience` seconds for it; a signal ends the wait with Interrupted.
        """
        path = self._folder / f"{tenant}.lock"
        with ExitStack() as undo:
            descriptor = _open(path)
            undo.callback(os.close, descriptor)
            if not (_lock(descriptor, path) or self._wait(descriptor, path, patience)):
                waited = f", still after {patience:.0f} seconds" if patience else ""
                raise TenantLocked(
                    f"tenant {tenant} is locked by {_note(descriptor)}{waited}: "
                    "wait for that run to end, or stop it; its lock ends with it"
                )
            # Closing would do, were there no child process between its fork and its exec.
            undo.callback(fcntl.flock, descriptor, fcntl.LOCK_UN)
            _write(descriptor, self._signature(), path)
            undo.callback(_erase, descriptor)
            yield

    def _wait(self, descriptor: int, path: Path, patience: float) -> bool:
        """Whether the lock came free in time."""
        ends = self._clock.monotonic() + patience
        if patience > 0:
            told = "%s is held by %s; waiting up to %.0f seconds for it"
            _log.warning(told, path, _note(descriptor), patience)
        while (left := ends - self._clock.monotonic()) > 0:
            self._clock.sleep(min(left, _LOOK_AGAIN))
            if _lock(descriptor, path):
                return True
        return False

    def _signature(self) -> str:
        who = f"{self._holder} (process {os.getpid()} on {socket.gethostname()})"
        return f"{who} since {rfc3339(self._clock.now())}\n"


def _open(path: Path) -> int:
    # The file is never removed: whoever had it open would hold a lock that nobody else sees.
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        return os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o644)
    except OSError as error:
        raise StateError(_failure(path, error)) from error


def _lock(descriptor: int, path: Path) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError as error:
        raise StateError(_failure(path, error)) from error
    return True


def _write(descriptor: int, text: str, path: Path) -> None:
    try:
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, text.encode(errors="replace"), 0)
    except OSError as error:
        raise StateError(_failure(path, error)) from error


def _erase(descriptor: int) -> None:
    # A note that stays on a failing disk is no lock, and the run has ended as it has ended.
    with suppress(OSError):
        os.ftruncate(descriptor, 0)


def _failure(path: Path, error: OSError) -> str:
    return (
        f"cannot lock {path}: {error.strerror}; "
        "make its folder writable, on a local disk, or name another with --state"
    )


def _note(descriptor: int) -> str:
    text = os.pread(descriptor, _LONGEST_NOTE, 0).decode(errors="replace")
    shown = "".join(c for c in text if c.isprintable())
    return shown or "another run, which has not said its name yet"
