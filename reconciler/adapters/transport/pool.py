"""Pool: the connections of a command, shared along each route, and one thread that minds them."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from reconciler.adapters.transport.connections import CuttableConnection, Route, new_connection
from reconciler.adapters.transport.descriptors import RESERVED, limit
from reconciler.adapters.transport.exchange import Exchange
from reconciler.adapters.transport.losses import NoneFree

KEPT = 64  # idle connections in all, beyond which the oldest is closed
LONGEST_IDLE = 4.0  # seconds; many servers close after 5, and a request should not meet that
LONGEST_IDLE_FOR_WRITES = 1.0  # what meets it is lost, where a read is sent once more
_LOOK_AGAIN = 0.1  # seconds between two looks at what is to end
_EACH = 2  # descriptors: the socket, and the duplicate that cuts it
_FEWEST = 4  # connections, however few descriptors there are


class Pool:
    """Lends one connection to each request and takes it back; shared by all threads of a command.

    Never more are open than descriptors allow: a request for which there is none waits for one.
    `most`, and `kept` of those that are idle, are for all routes together; `at_once` is how many
    requests are expected at a time.
    """

    def __init__(self, *, most: int | None = None, kept: int = KEPT, at_once: int = 0) -> None:
        self._most = max(_FEWEST, (limit() - RESERVED) // _EACH) if most is None else most
        self._kept = max(kept, at_once)
        self._changed = threading.Condition()
        self._open = 0
        self._idle: dict[Route, list[CuttableConnection]] = {}
        self._by_age: dict[CuttableConnection, Route] = {}  # all that are idle, the oldest first
        self._exchanges: set[Exchange] = set()
        self._minder: threading.Thread | None = None
        self._closed = threading.Event()

    @contextmanager
    def minding(self, exchange: Exchange) -> Iterator[None]:
        """Cut the exchange when its time is up; once this is left, nothing more of it is cut."""
        with self._changed:
            self._exchanges.add(exchange)
            if self._minder is None:
                self._minder = threading.Thread(target=self._mind, daemon=True)
                self._minder.start()
        try:
            yield
        finally:
            with self._changed:
                self._exchanges.discard(exchange)

    def lend(self, route: Route, exchange: Exchange, *, longest_idle: float) -> CuttableConnection:
        """A connection for this exchange alone: one that is idle, or one that is still to be made.

        `longest_idle` is for how many seconds it may have been idle; with 0 none is. It comes back
        by `take_back`. Raises NoneFree where none may be opened in time.
        """
        if (idle := self._idle_one(route, exchange, longest_idle)) is not None:
            exchange.reused = True
            idle.lend(exchange)
            return idle
        connection = new_connection(route)
        self._make_room(exchange)
        connection.lend(exchange)
        return connection

    def take_back(self, route: Route, connection: CuttableConnection, *, usable: bool) -> None:
        """Keep a connection for others, or close it where its answer was not read whole.

        docs/decisions.md, "Connections and tokens belong to a command, not to a tenant".
        """
        if not usable or connection.sock is None or self._closed.is_set():
            self._discard(connection)
            return
        connection.idle_since = time.monotonic()
        self._keep(route, connection)

    def _keep(self, route: Route, connection: CuttableConnection) -> None:
        with self._changed:
            self._idle.setdefault(route, []).append(connection)
            self._by_age[connection] = route
            surplus = self._oldest() if len(self._by_age) > self._kept else None
            self._changed.notify()
        if surplus is not None:
            self._discard(surplus)

    def close(self) -> None:
        """Close all that is idle and end the thread; what is lent is closed when it comes back."""
        self._closed.set()
        if self._minder is not None:
            self._minder.join()
        self._discard_idle(since=float("inf"))

    def _idle_one(
        self, route: Route, exchange: Exchange, longest_idle: float
    ) -> CuttableConnection | None:
        """The idle one that was used last, and that the other end has not closed meanwhile.

        The last used is the least likely to be closed by a server in just this moment.
        """
        passed_over: list[CuttableConnection] = []
        found, since = None, time.monotonic() - longest_idle
        while found is None and (idle := self._pop(route, since)) is not None:
            # Routes go by name: of two receivers behind one, this request may reach only one.
            if not exchange.permits(idle.address):
                passed_over.append(idle)
            elif idle.is_connected:
                found = idle
            else:
                self._discard(idle)
        for connection in reversed(passed_over):
            self._keep(route, connection)
        return found

    def _pop(self, route: Route, since: float) -> CuttableConnection | None:
        """Take out the one that was used last, if that was after `since`."""
        with self._changed:
            idle = self._idle.get(route)
            if not idle or idle[-1].idle_since <= since:
                return None
            connection = idle.pop()
            self._forget(connection, idle)
            return connection

    def _oldest(self) -> CuttableConnection | None:
        """Take the oldest idle one out; the lock is held."""
        connection = next(iter(self._by_age), None)
        if connection is not None:
            idle = self._idle[self._by_age[connection]]
            idle.remove(connection)
            self._forget(connection, idle)
        return connection

    def _forget(self, connection: CuttableConnection, idle: list[CuttableConnection]) -> None:
        route = self._by_age.pop(connection)
        if not idle:
            del self._idle[route]

    def _make_room(self, exchange: Exchange) -> None:
        """Wait until one more may be opened; an idle one elsewhere is closed for it."""
        while True:
            with self._changed:
                if self._open < self._most:
                    self._open += 1
                    return
                oldest = self._oldest()
                if oldest is None:  # woken when one comes back, and by its own clock to be cut
                    self._changed.wait(_LOOK_AGAIN)
            if oldest is not None:
                self._discard(oldest)
            elif exchange.is_cut:
                raise NoneFree

    def _discard(self, connection: CuttableConnection) -> None:
        connection.discard()
        with self._changed:
            self._open -= 1
            self._changed.notify()

    def _discard_idle(self, *, since: float) -> None:
        """Close what has been idle since before that time."""
        while True:
            with self._changed:
                first = next(iter(self._by_age), None)
                oldest = self._oldest() if first and first.idle_since < since else None
            if oldest is None:
                return
            self._discard(oldest)

    def _mind(self) -> None:
        # One thread for all: a timer for each request would be a thread for each.
        while not self._closed.wait(_LOOK_AGAIN):
            with self._changed:
                due = [exchange for exchange in self._exchanges if exchange.remaining <= 0]
            for exchange in due:
                exchange.cut()
            self._discard_idle(since=time.monotonic() - LONGEST_IDLE)
