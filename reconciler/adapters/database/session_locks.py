"""One writer per tenant, by advisory locks: the server frees them when their session ends.

The row in `holders` says who holds a lock; a row without a session is no lock.
"""

import logging
import os
import socket
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from typing import NamedTuple

from reconciler.adapters.database.connections import Connection, Question, Row, Session, Sessions
from reconciler.domain.records import rfc3339
from reconciler.errors import StateError, TenantLocked
from reconciler.ports import Clock, HeldLock

_LOOK_AGAIN = 0.25  # seconds; a wait inside the server could be ended by no signal

_log = logging.getLogger(__name__)


class SessionLocks:
    """Locks of the tenants in one session of the store's server; a ports.Locks."""

    def __init__(
        self,
        server: Sessions,
        *,
        holder: str,
        clock: Clock,
        failed: Callable[[StateError], None] = lambda _: None,
    ) -> None:
        """`holder` says who takes the locks, for those who find them taken.

        `failed` is called where the server fails to give a lock, before the error is raised.
        """
        self._failed = failed
        self._server = server
        self._holder = holder
        self._clock = clock
        self._using = threading.RLock()
        self._open = ExitStack()
        self._session: Session | None = None
        self._held: dict[str, _Signed] = {}
        self._mark = f"{holder} ({socket.gethostname()}, {os.getpid()}, {id(self)})"

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
        return self._hold(name, f"the queue of tenant {tenant} to {url} is locked", patience)

    @contextmanager
    def _hold(self, name: str, locked: str, patience: float) -> Iterator[None]:
        """A lock by its name, which is that of a tenant or, with a blank in it, of no tenant."""
        try:
            taken = self._take(name) or self._wait(name, patience)
        except StateError as error:
            self._failed(error)
            raise
        if not taken:
            waited = f", still after {patience:.0f} seconds" if patience else ""
            raise TenantLocked(
                f"{locked} by {self._note(name)}{waited}: "
                "wait for that run to end, or stop it; its lock ends with it"
            )
        with ExitStack() as undo:
            undo.callback(self._give_back, name)
            yield

    def proof(self, tenant: str) -> "Proof | None":
        """The way to show in a step that a tenant's lock is still ours; None where we hold none."""
        with self._using:
            signed = self._held.get(tenant)
        if signed is None:
            return None
        return Proof(self, tenant, Question(_STILL_HELD, (signed.key, tenant, *signed.row)))

    def require(self, tenant: str, *, held: bool) -> None:
        """Raise StateError where the lock of a tenant was lost with its session.

        `held` is whether the server still has it, for us. A session from which something came
        unasked may have just ended, so it is asked itself.
        """
        with self._using:
            if held and (self._lasting().is_quiet() or self._is_ours()):
                return
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

    def _take(self, name: str) -> bool:
        """Try to take the lock and sign it, all in one statement; true where it is ours now.

        In one session the server would give it twice: to us, and to who shares a session with us.
        """
        since = rfc3339(self._clock.now())
        row = (self._holder, os.getpid(), socket.gethostname(), since)
        with self._using:
            if name in self._held:
                return False
            with self._asking() as connection:
                key = self._lasting().key("tenant", name)
                [(taken,)] = connection.rows(_TAKE, self._mark, key, name, name, *row)
            if taken is None:
                raise StateError(self._shared())
            if taken:
                self._held[name] = _Signed(key, row)
            return bool(taken)

    def _wait(self, tenant: str, patience: float) -> bool:
        """Wait for a lock; true where it came free in time."""
        ends = self._clock.monotonic() + patience
        if patience > 0:
            message = "tenant %s is held by %s; waiting up to %.0f seconds for it"
            _log.warning(message, tenant, self._note(tenant), patience)
        while (remaining := ends - self._clock.monotonic()) > 0:
            self._clock.sleep(min(remaining, _LOOK_AGAIN))
            if self._take(tenant):
                return True
        return False

    def _note(self, tenant: str) -> str:
        with self._using, self._asking() as connection:
            found = connection.rows(_SIGNED, tenant)
        for *row, since in found:
            return f"{_holder(*row)} since {since}"
        return "another run, which has not said its name yet"

    def _give_back(self, tenant: str) -> None:
        """After a lost session there is nothing to give back: the lock went with it."""
        with self._using:
            signed = self._held.pop(tenant)
            try:
                with self._asking() as connection:
                    connection.rows(_GIVE_BACK, tenant, signed.key)
            except StateError as error:
                _log.debug("the lock of tenant %s ended before: %s", tenant, error)

    def _is_ours(self) -> bool:
        """Ask the session whether it is still the one that took our locks."""
        try:
            with self._asking() as connection:
                [(ours,)] = connection.rows(_OURS, self._mark)
                return bool(ours)
        except StateError as error:
            _log.debug("the session that holds the locks has ended: %s", error)
            return False

    def _asking(self) -> AbstractContextManager[Connection]:
        return self._lasting().asking()

    def _lasting(self) -> Session:
        """The one session, opened where it is not yet; one that has ended is not replaced."""
        if self._session is None:
            session = self._open.enter_context(self._server.session())
            with session.asking() as connection:
                [(marked,)] = connection.rows(_MARK, self._mark)
            if marked != self._mark:
                raise StateError(self._shared())
            with session.asking() as connection:
                connection.run(_AT_ONCE)
            self._session = session
        return self._session

    def _shared(self) -> str:
        return (
            f"the store {self._server.place} is behind a connection pooler that hands one "
            "session to several clients, and a lock in it keeps nobody out: connect to "
            "the server itself, or have the pooler keep a session for each client"
        )


def held_on(server: Sessions) -> list[HeldLock]:
    """The locks that runs hold now, by tenant; takes none, so nobody is refused one."""
    with server.session() as session, session.asking() as connection:
        signed = connection.rows(_ALL_SIGNED)
        taken = {(high << 32) + low for high, low in connection.rows(_TAKEN)}
        found = []
        for name, *row, since in signed:
            if session.key("tenant", name) % (1 << 64) in taken:
                tenant, _, url = name.partition(" to ")
                found.append(HeldLock(tenant, bool(url), _holder(*row), since))
        return found


def _holder(holder: str, process: int, host: str) -> str:
    who = f"{holder} (process {process} on {host})"
    return "".join(c for c in who if c.isprintable())


class _Signed(NamedTuple):
    """A lock that is ours: its number, and holder, process, host and since as it was signed."""

    key: int
    row: tuple[str, int, str, str]


@dataclass(frozen=True, slots=True)
class Proof:
    """A question to ask in a step, and what its answer has to be."""

    locks: SessionLocks
    tenant: str
    question: Question

    def require(self, answer: Sequence[Row]) -> None:
        """Raise StateError where the lock was lost."""
        [(held,)] = answer
        self.locks.require(self.tenant, held=bool(held))


# A setting of our own marks the session: whoever shares it finds it marked. To look for the locks
# in pg_locks would read those of all tenants for each of them.
_MARK = """
SELECT CASE WHEN coalesce(current_setting('reconciler.locks', true), '') = ''
  THEN set_config('reconciler.locks', ?, false) END
"""
_AT_ONCE = "SET synchronous_commit = off"  # who holds a lock is gone with the server, as it is
_OURS = "SELECT coalesce(current_setting('reconciler.locks', true), '') = ?"
_TAKE = f"""
WITH lock AS MATERIALIZED (
  SELECT CASE WHEN ({_OURS}) THEN pg_try_advisory_lock(?) END AS taken
), unsigned AS (
  DELETE FROM holders WHERE tenant = ? AND (SELECT taken FROM lock) RETURNING 1
), signed AS (
  INSERT INTO holders (tenant, holder, process, host, since)
  SELECT ?::text, ?::text, ?::integer, ?::text, ?::text
  FROM lock, (SELECT count(*) FROM unsigned) AS done WHERE taken
)
SELECT taken FROM lock
"""  # whoever died without a word has left a row
# Nobody else gets what is still held, and whoever got it since has signed for it. This needs no
# message to the session itself, as docs/decisions.md has it in "PostgreSQL in two round trips".
_STILL_HELD = """
SELECT NOT pg_try_advisory_xact_lock(?) AND EXISTS (
  SELECT 1 FROM holders WHERE tenant = ? AND holder = ? AND process = ? AND host = ? AND since = ?)
"""
_GIVE_BACK = """
WITH unsigned AS (DELETE FROM holders WHERE tenant = ? RETURNING 1)
SELECT pg_advisory_unlock(?) FROM (SELECT count(*) FROM unsigned) AS done
"""
_ALL_SIGNED = "SELECT tenant, holder, process, host, since FROM holders ORDER BY tenant"
# The two halves of each number, which the server shows as if they had no sign.
_TAKEN = """
SELECT classid::bigint, objid::bigint FROM pg_locks
WHERE locktype = 'advisory' AND objsubid = 1 AND granted
  AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
"""
_SIGNED = "SELECT holder, process, host, since FROM holders WHERE tenant = ?"
