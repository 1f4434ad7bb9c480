"""Locks of tenants and of the queues of their webhooks: the kernel frees them with their holder.

Only this module knows the bytes and files that stand for a lock. The text in a lock's file only
names its holder; a file without a holder is no lock.
"""

import errno
import fcntl
import hashlib
import logging
import os
import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from functools import lru_cache
from pathlib import Path

from reconciler.domain.records import rfc3339
from reconciler.errors import StateError, TenantLocked
from reconciler.ports import Clock, HeldLock
from reconciler.private_files import make_private_folder

_NOTE = 300  # bytes of a lock's file; each note fills them, for to cut a file short costs a flush
_LOOK_AGAIN = 0.1  # seconds; the kernel could wake us at once, but no signal could end that wait

_log = logging.getLogger(__name__)


class FileLocks:
    """Locks as files in one folder, on a local disk; a ports.Locks.

    Where the kernel has locks of ranges that belong to an open file (Linux), all locks of a run
    are bytes of a few files. Elsewhere (macOS) each keeps its own file open. Either is given back
    by name: closing would do, were there no child process between its fork and its exec.
    """

    def __init__(
        self, folder: Path, *, holder: str, clock: Clock, ranges: bool | None = None
    ) -> None:
        """`holder` names who takes the locks, for those who find them taken.

        `ranges` is for tests: by default they are used where the kernel has locks of ranges.
        """
        self._folder = folder
        self._holder = holder
        self._clock = clock
        usable = _has_ranges() if ranges is None else ranges
        self._ranges = _Ranges(folder) if usable else None

    def hold(self, tenant: str, *, patience: float = 0.0) -> AbstractContextManager[None]:
        """Hold the tenant's lock; raises TenantLocked, naming the holder, or StateError.

        Waits up to `patience` seconds for it; a signal ends the wait with Interrupted.
        """
        return self._hold(f"{tenant}.lock", f"tenant {tenant} is locked", patience)

    def hold_queue(
        self, tenant: str, url: str, *, patience: float = 0.0
    ) -> AbstractContextManager[None]:
        """Hold the tenant's queue for that URL; waits and raises as `hold` does."""
        name = f"{tenant}.{hashlib.sha256(url.encode()).hexdigest()[:16]}.queue"
        return self._hold(name, f"the queue of tenant {tenant} to {url} is locked", patience)

    @contextmanager
    def _hold(self, name: str, locked: str, patience: float) -> Iterator[None]:
        path = self._folder / name
        with ExitStack() as undo:
            if not (self._take(path, undo) or self._wait(path, undo, patience)):
                waited = f", still after {patience:.0f} seconds" if patience else ""
                raise TenantLocked(
                    f"{locked} by {_note(path)}{waited}: "
                    "wait for that run to end, or stop it; its lock ends with it"
                )
            yield

    def _take(self, path: Path, undo: ExitStack) -> bool:
        """Take and sign the lock, which `undo` gives back; False where somebody else holds it."""
        # The file is locked by all, for as long as it is written at least: a run of an earlier
        # release holds nothing else. It is never removed: whoever had it open would hold a lock
        # that nobody else sees.
        with ExitStack() as ours, _explained(path):
            make_private_folder(self._folder)
            if self._ranges is not None and not self._ranges.take(path.name, ours):
                return False
            file = ours.enter_context(ExitStack())
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
            file.callback(os.close, descriptor)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return False
            file.callback(fcntl.flock, descriptor, fcntl.LOCK_UN)
            os.pwrite(descriptor, self._signature(), 0)
            os.ftruncate(descriptor, _NOTE)
            if self._ranges is not None:
                file.close()
            ours.callback(_erase, path)
            undo.push(ours.pop_all())
        return True

    def _wait(self, path: Path, undo: ExitStack, patience: float) -> bool:
        """Take the lock as soon as it is free; False where it was not in time."""
        ends = self._clock.monotonic() + patience
        if patience > 0:
            message = "%s is held by %s; waiting up to %.0f seconds for it"
            _log.warning(message, path, _note(path), patience)
        while (remaining := ends - self._clock.monotonic()) > 0:
            self._clock.sleep(min(remaining, _LOOK_AGAIN))
            if self._take(path, undo):
                return True
        return False

    def _signature(self) -> bytes:
        who = f"{self._holder} (process {os.getpid()} on {socket.gethostname()})"
        text = f"{who} since {rfc3339(self._clock.now())}"
        return text.encode(errors="replace")[: _NOTE - 1].ljust(_NOTE - 1) + b"\n"


def held_in(folder: Path, *, ranges: bool | None = None) -> list[HeldLock]:
    """The locks in a folder that runs hold now, by tenant; takes none, so nobody is refused one.

    Where the kernel has no locks of ranges, a run that was killed is among them until the next.
    `ranges` is for tests, as FileLocks has it.
    """
    usable = _has_ranges() if ranges is None else ranges
    paths = (path for path in sorted(folder.glob("*")) if path.suffix in (".lock", ".queue"))
    with ExitStack() as undo:
        looking = _Looking(folder, undo) if usable else None
        return [
            _held(path)
            for path in paths
            if (_written(path) if looking is None else looking.is_held(path.name))
        ]


def _held(path: Path) -> HeldLock:
    is_queue = path.suffix == ".queue"
    tenant = path.stem.rpartition(".")[0] if is_queue else path.stem
    holder, _, since = _note(path).rpartition(" since ")
    return HeldLock(tenant, is_queue, holder or since, since if holder else None)


def _erase(path: Path) -> None:
    # A note that stays on a failing disk is no lock, and the run has ended as it has ended.
    with suppress(OSError), ExitStack() as undo:
        descriptor = os.open(path, os.O_WRONLY | os.O_NOFOLLOW)
        undo.callback(os.close, descriptor)
        os.pwrite(descriptor, b"\n".rjust(_NOTE), 0)


def _note(path: Path) -> str:
    return _written(path) or "another run, which has not said its name yet"


def _written(path: Path) -> str:
    text = b""
    with suppress(OSError), ExitStack() as undo:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW)
        undo.callback(os.close, descriptor)
        text = os.pread(descriptor, _NOTE, 0)
    shown = "".join(c for c in text.decode(errors="replace") if c.isprintable())
    return shown.strip()


@contextmanager
def _explained(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise StateError(
            f"cannot lock {path}: {error.strerror}; "
            "make its folder writable, on a local disk, or name another with --state"
        ) from error


# -------------------------------------------------------------------------------- ranges

_SET: int = getattr(fcntl, "F_OFD_SETLK", -1)  # macOS has none
_GET: int = getattr(fcntl, "F_OFD_GETLK", -1)
_FLOCK = struct.Struct("@hhqqi0q")  # struct flock of Linux: type, whence, start, length, process
_TAKEN = (errno.EAGAIN, errno.EACCES)

# The kernel looks through all ranges of a file for each new one: in one file 10,000 took 0.8 s of
# processor time, and twice as many six times that.
_FILES = 32


class _Ranges:
    """One byte for each lock, in a few files that are open while something in them is held."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._turn = threading.Lock()
        self._open: dict[int, int] = {}  # descriptors
        self._held: dict[int, set[int]] = {number: set() for number in range(_FILES)}

    def take(self, name: str, undo: ExitStack) -> bool:
        """Take the lock of that name until `undo`; False where it is taken; raises OSError."""
        number, start = _place_of(name)
        with self._turn:
            # One open file would be given the same byte twice, so what we hold is remembered here.
            taken = start not in self._held[number] and self._lock(number, start)
            if taken:
                self._held[number].add(start)
                undo.callback(self._give_back, number, start)
            else:
                self._close_unused(number)
        return taken

    def _give_back(self, number: int, start: int) -> None:
        with self._turn:
            self._held[number].remove(start)
            _set(self._open[number], fcntl.F_UNLCK, start)
            self._close_unused(number)

    def _lock(self, number: int, start: int) -> bool:
        if number not in self._open:
            path = self._folder / f"ranges-{number}"
            self._open[number] = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
        try:
            _set(self._open[number], fcntl.F_WRLCK, start)
        except OSError as error:
            if error.errno in _TAKEN:
                return False
            raise
        return True

    def _close_unused(self, number: int) -> None:
        if not self._held[number] and number in self._open:
            os.close(self._open.pop(number))


class _Looking:
    """A look at the ranges of a folder, which takes none; its files are closed by `undo`."""

    def __init__(self, folder: Path, undo: ExitStack) -> None:
        self._folder = folder
        self._undo = undo
        self._open: dict[int, int | None] = {}  # descriptors; None where nothing was ever locked

    def is_held(self, name: str) -> bool:
        """Test whether anybody holds the lock of that name."""
        number, start = _place_of(name)
        if number not in self._open:
            self._open[number] = self._opened(self._folder / f"ranges-{number}")
        descriptor = self._open[number]
        if descriptor is None:
            return False
        asked = _FLOCK.pack(fcntl.F_WRLCK, os.SEEK_SET, start, 1, 0)
        kind, *_ = _FLOCK.unpack(fcntl.fcntl(descriptor, _GET, asked))
        return bool(kind != fcntl.F_UNLCK)

    def _opened(self, path: Path) -> int | None:
        with suppress(FileNotFoundError), _explained(path):
            descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
            self._undo.callback(os.close, descriptor)
            return descriptor
        return None


def _place_of(name: str) -> tuple[int, int]:
    """The file and the byte of a lock: two names meet by a chance of 1 in 2 ** 66."""
    digest = hashlib.sha256(name.encode()).digest()
    return digest[-1] % _FILES, int.from_bytes(digest[:8], "big") >> 2


def _set(descriptor: int, kind: int, start: int) -> None:
    fcntl.fcntl(descriptor, _SET, _FLOCK.pack(kind, os.SEEK_SET, start, 1, 0))


@lru_cache
def _has_ranges() -> bool:
    """Test whether the kernel has such locks: gVisor and WSL 1 pass for Linux and have none."""
    with ExitStack() as undo:
        descriptor = os.open(os.devnull, os.O_RDWR)
        undo.callback(os.close, descriptor)
        try:
            fcntl.fcntl(descriptor, _GET, _FLOCK.pack(fcntl.F_WRLCK, os.SEEK_SET, 0, 1, 0))
        except OSError:
            return False
    return True
