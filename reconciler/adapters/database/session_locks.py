"""One writer per tenant, by advisory locks: the server frees them when their session ends.

The session is one open transaction, so that a connection pooler lends it to nobody else. The row in
`holders` says who holds a lock; a row without a session is no lock.
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

        `held` is whether the server still has it, for us. In an open transaction nothing comes
        unasked but the end of the session, which may be a moment before its locks are free.
        """
        with self._using:
            if held and self._lasting().is_quiet():
                return
        raise StateError(
            f"the lock of tenant {tenant} was lost, because the server of the store "
            f"{self._server.place} ended the session that held it; nothing more is "
            "written, run again. Where this comes back, something ends sessions that wait, or "
            "takes them away from a run: see the timeouts of the server, of a firewall and of a "
            "connection pooler in between, or connect to the server itself"
        )

    def close(self) -> None:
        """End the session, and every lock with it."""
        with self._using:
            self._open.close()
            self._session = None

    def _take(self, name: str) -> bool:
        """Try to take the lock and sign it; true where it is ours now.

        In one session the server would give it twice.
        """
        since = rfc3339(self._clock.now())
        row = (self._holder, os.getpid(), socket.gethostname(), since)
        with self._using:
            if name in self._held:
                return False
            key = self._lasting().key("tenant", name)
            with self._asking() as connection:
                [(taken,)] = connection.rows("SELECT pg_try_advisory_lock(?)", key)
            if taken:
                self._held[name] = _Signed(key, row)
        with ExitStack() as undo:
            if taken:
                undo.callback(self._give_back, name)
                self._server.note(Question(_SIGN, (name, name, *row)))
            undo.pop_all()
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
        [found] = self._server.ask(Question(_SIGNED, (tenant,)))
        for *row, since in found:
            return f"{_holder(*row)} since {since}"
        return "another run, which has not said its name yet"

    def _give_back(self, tenant: str) -> None:
        """After a lost session there is nothing to give back: the lock went with it.

        Whoever gets it next signs it, so our signature goes first.
        """
        try:
            self._server.note(Question(_UNSIGN, (tenant,)))
        except StateError as error:
            _log.debug("the lock of tenant %s stays signed: %s", tenant, error)
        with self._using:
            signed = self._held.pop(tenant)
            try:
                with self._asking() as connection:
                    connection.rows("SELECT pg_advisory_unlock(?)", signed.key)
            except StateError as error:
                _log.debug("the lock of tenant %s ended before: %s", tenant, error)

    def _asking(self) -> AbstractContextManager[Connection]:
        return self._lasting().asking()

    def _lasting(self) -> Session:
        """The one session, opened where it is not yet; one that has ended is not replaced."""
        if self._session is None:
            self._session = self._open.enter_context(self._server.session())
        return self._session


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


# Who holds a lock is gone with the server, as the lock is: nobody waits for the disk.
_QUICK = "WITH quick AS MATERIALIZED (SELECT set_config('synchronous_commit', 'off', true))"
_UNSIGN = f"{_QUICK} DELETE FROM holders USING quick WHERE tenant = ?"
_SIGN = f"""
{_QUICK}, unsigned AS (DELETE FROM holders WHERE tenant = ? RETURNING 1)
INSERT INTO holders (tenant, holder, process, host, since)
  SELECT ?::text, ?::text, ?::integer, ?::text, ?::text
  FROM quick, (SELECT count(*) FROM unsigned) AS done
"""  # whoever died without a word has left a row
# Nobody else gets what is still held, and whoever got it since has signed for it. This needs no
# message to the session itself, as docs/decisions.md has it in "PostgreSQL in two round trips".
_STILL_HELD = """
SELECT NOT pg_try_advisory_xact_lock(?) AND EXISTS (
  SELECT 1 FROM holders WHERE tenant = ? AND holder = ? AND process = ? AND host = ? AND since = ?)
"""
_ALL_SIGNED = "SELECT tenant, holder, process, host, since FROM holders ORDER BY tenant"
# The two halves of each number, which the server shows as if they had no sign.
_TAKEN = """
SELECT classid::bigint, objid::bigint FROM pg_locks
WHERE locktype = 'advisory' AND objsubid = 1 AND granted
  AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
"""
_SIGNED = "SELECT holder, process, host, since FROM holders WHERE tenant = ?"
