"""One writer per tenant, by advisory locks: the server frees them when their session ends.

The row in `holders` only says who holds a lock; a row without a session is no lock.
"""

import logging
import os
import socket
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager

from reconciler.adapters.database.connections import Connection, Session, Sessions
from reconciler.domain.records import rfc3339
from reconciler.errors import StateError, TenantLocked
from reconciler.ports import Clock

_LOOK_AGAIN = 0.25  # seconds; a wait inside the server could be ended by no signal

_log = logging.getLogger(__name__)


class SessionLocks:
    """Locks of the tenants in one session of the store's server; a ports.Locks."""

    def __init__(self, server: Sessions, *, holder: str, clock: Clock) -> None:
        """`holder` says who takes the locks, for those who find them taken."""
        self._server = server
        self._holder = holder
        self._clock = clock
        self._using = threading.RLock()
        self._open = ExitStack()
        self._session: Session | None = None
        self._held: dict[str, int] = {}

    def hold(self, tenant: str, *, patience: float = 0.0) -> AbstractContextManager[None]:
        """Hold the tenant's lock; raises TenantLocked, naming the holder, or StateError.

        Waits up to `patience` seconds for it; a signal ends the wait with Interrupted.
        """
        return self._hold(tenant, f"tenant {tenant} is locked", patience)

    def hold_queue(
        self, tenant: str, url: str, *, patience: float = 0.0
    ) -> AbstractContextManager[None]:
        """Hold what the tenant has to tell that URL; waits and raises as `hold` does."""
        name = f"{tenant} to {url}"
        return self._hold(name, f"what tenant {tenant} tells {url} is being sent", patience)

    @contextmanager
    def _hold(self, name: str, locked: str, patience: float) -> Iterator[None]:
        """A lock by its name, which is that of a tenant or, with a blank in it, of no tenant."""
        if not (self._take(name) or self._wait(name, patience)):
            waited = f", still after {patience:.0f} seconds" if patience else ""
            raise TenantLocked(
                f"{locked} by {self._note(name)}{waited}: "
                "wait for that run to end, or stop it; its lock ends with it"
            )
        with ExitStack() as undo:
            undo.callback(self._give_back, name)
            self._sign(name)
            yield

    def require(self, tenant: str) -> None:
        """Raise StateError where the lock of a tenant that we hold was lost with its session."""
        with self._using:
            if tenant in self._held and not self._still_held(self._held[tenant]):
                raise StateError(
                    f"the lock of tenant {tenant} was lost, because the server of the store "
                    f"{self._server.place} ended the session that held it; nothing more is "
                    "written, run again. Where this comes back, a connection pooler is in between: "
                    "connect to the server itself"
                )

    def close(self) -> None:
        """End the session, and every lock with it."""
        with self._using:
            self._open.close()
            self._session = None

    def _take(self, tenant: str) -> bool:
        """Whether the lock is ours now; raises StateError.

        In one session the server would give it twice: to us, and to who shares a session with us.
        """
        with self._using:
            if tenant in self._held:
                return False
            with self._asking() as connection:
                key = self._lasting().key("tenant", tenant)
                [(taken,)] = connection.rows(_TAKE, key, key)
            if taken is None:
                raise StateError(
                    f"the store {self._server.place} is behind a connection pooler that hands one "
                    "session to several clients, and a lock in it keeps nobody out: connect to "
                    "the server itself, or have the pooler keep a session for each client"
                )
            if taken:
                self._held[tenant] = key
            return bool(taken)

    def _wait(self, tenant: str, patience: float) -> bool:
        """Whether the lock came free in time."""
        ends = self._clock.monotonic() + patience
        if patience > 0:
            told = "tenant %s is held by %s; waiting up to %.0f seconds for it"
            _log.warning(told, tenant, self._note(tenant), patience)
        while (left := ends - self._clock.monotonic()) > 0:
            self._clock.sleep(min(left, _LOOK_AGAIN))
            if self._take(tenant):
                return True
        return False

    def _sign(self, tenant: str) -> None:
        """Whoever died without a word may have left a row; the lock is ours, so the row is too."""
        since = rfc3339(self._clock.now())
        row = (tenant, self._holder, os.getpid(), socket.gethostname(), since)
        with self._using, self._asking() as connection:
            connection.run(_UNSIGN, tenant)
            connection.run(_SIGN, *row)

    def _note(self, tenant: str) -> str:
        with self._using, self._asking() as connection:
            found = connection.rows(_SIGNED, tenant)
        for holder, process, host, since in found:
            who = f"{holder} (process {process} on {host}) since {since}"
            return "".join(c for c in who if c.isprintable())
        return "another run, which has not said its name yet"

    def _give_back(self, tenant: str) -> None:
        """After a lost session there is nothing to give back: the lock went with it."""
        with self._using:
            key = self._held.pop(tenant)
            try:
                with self._asking() as connection:
                    connection.run(_UNSIGN, tenant)
                    connection.rows(_GIVE_BACK, key)
            except StateError as error:
                _log.debug("the lock of tenant %s ended before: %s", tenant, error)

    def _still_held(self, key: int) -> bool:
        try:
            with self._asking() as connection:
                [(held,)] = connection.rows(_HELD, key)
                return bool(held)
        except StateError as error:
            _log.debug("the session that holds the locks has ended: %s", error)
            return False

    def _asking(self) -> AbstractContextManager[Connection]:
        return self._lasting().asking()

    def _lasting(self) -> Session:
        """The one session, opened where it is not yet; one that has ended is not replaced."""
        if self._session is None:
            self._session = self._open.enter_context(self._server.session())
        return self._session


_OURS = (
    "FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid()"
    " AND granted AND objsubid = 1"
    " AND ((classid::bigint << 32) | objid::bigint) = ?"
)
_TAKE = f"SELECT CASE WHEN EXISTS (SELECT {_OURS}) THEN NULL ELSE pg_try_advisory_lock(?) END"
_GIVE_BACK = "SELECT pg_advisory_unlock(?)"
_HELD = f"SELECT count(*) {_OURS}"
_SIGN = "INSERT INTO holders (tenant, holder, process, host, since) VALUES (?, ?, ?, ?, ?)"
_SIGNED = "SELECT holder, process, host, since FROM holders WHERE tenant = ?"
_UNSIGN = "DELETE FROM holders WHERE tenant = ?"
