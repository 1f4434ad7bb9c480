"""One request under way: how far it got, how long it may take, and the means to cut it short."""

import math
import threading
import time
from socket import SHUT_RDWR, socket

from reconciler.adapters.transport.losses import (
    PROXY_ADVICE,
    STORE_FAILED,
    AddressRefused,
    Stage,
    Stopped,
)
from reconciler.adapters.transport.names import Lookup, is_address
from reconciler.adapters.transport.options import HttpOptions, Permit
from reconciler.domain.http_reply import Loss, NoAnswer
from reconciler.domain.loopback import is_loopback_address

_MARGIN = 0.5  # seconds after a deadline, so that the pool's thread ends what it can, and says so


class Exchange:
    """One request and its answer, shared by the thread that sends it and the pool's own.

    `patience` is the most seconds that it may take; a run that has no more time ends it as well.
    """

    def __init__(self, options: HttpOptions, permit: Permit | None, patience: float) -> None:
        self.stage = Stage.BEGUN
        self.proxy: str | None = None  # by way of which a connection is being made
        self.is_cut = False
        self.reused = False  # it goes over a connection that had been idle
        self.is_again = False
        self.status: int | None = None  # of the final answer, once its first line has come
        self.options = options
        self.patience = patience
        self._permit = permit
        self._ends = time.monotonic() + patience
        self._lock = threading.Lock()
        self._is_over = False
        self._lookup: Lookup | None = None
        self._socket: socket | None = None

    @property
    def remaining(self) -> float:
        """Seconds until it is cut; 0 or less when it is time."""
        return min(self._ends - time.monotonic(), self.options.remaining())

    @property
    def connect_timeout(self) -> float:
        """Seconds that a connection may still take to be made."""
        # A connect() that waits for an answer is woken by no shutdown(), so it ends by itself.
        return min(self.options.connect_timeout, _MARGIN + max(0.0, self.remaining))

    def hurry(self, seconds: float) -> None:
        """Cut it after so many seconds, if not before."""
        self._ends = min(self._ends, time.monotonic() + seconds)

    def cut(self) -> None:
        """End it, whatever it waits for; called by the pool's thread."""
        with self._lock:
            if self._is_over:
                return
            self.is_cut = True
            if self._lookup is not None:
                self._lookup.done.set()
            if self._socket is not None:
                _shut(self._socket)

    def end(self) -> None:
        """Mark it as over: nothing of it is cut any more, for its connection may be another's."""
        with self._lock:
            self._is_over = True
            self._socket = None

    def addresses(self, host: str, port: int) -> list[str]:
        """The addresses of a host. Raises OSError where none is known, and when the request is cut.

        Nothing can interrupt the system's resolver, so a thread asks it, and is abandoned with it.
        """
        if is_address(host):
            return [host]
        lookup = Lookup(self.options.resolve, host, port)
        with self._lock:
            self._lookup = lookup
            if self.is_cut:
                lookup.done.set()
        lookup.start()
        lookup.done.wait()
        return lookup.result()

    def permits(self, address: str) -> bool:
        """Test whether the request may go to an IP address that somebody is connected to."""
        # Without the zone of a link-local address, which is this machine's name for an interface.
        return self._permit is None or self._permit(address.partition("%")[0])

    def require_permitted(self, address: str, *, plain: bool) -> None:
        """Raise AddressRefused, before anything is sent, where it may not go to that address."""
        if plain and not is_loopback_address(address):
            raise AddressRefused("plain http would leave this machine")
        if not self.permits(address):
            raise AddressRefused("the host has an address that is not allowed here")

    def use(self, sock: socket) -> None:
        """Go over this socket, which ends when it is cut."""
        with self._lock:
            self._socket = sock
            if self.is_cut:
                _shut(sock)

    def depart(self, method: str) -> None:
        """Mark it as sent, just before it leaves. Raises Stopped where the run is not to begin it.

        docs/decisions.md, "After a write of the store has failed no request leaves".
        """
        if not self.options.may_send():
            raise Stopped(STORE_FAILED)
        # After a signal nothing but GET leaves: a write that was answered is still verified
        # (docs/decisions.md, "A signal gives the request that is under way three seconds").
        if method != "GET" and not math.isinf(self.options.remaining()):
            raise Stopped("the run was asked to stop before it was sent")
        self.stage = Stage.SENT

    def late(self) -> NoAnswer:
        """The reply of an exchange that was cut."""
        sent = self.stage is Stage.SENT
        loss, missing = (Loss.LOST, "no whole answer") if sent else (Loss.NOT_SENT, "no connection")
        if not math.isinf(self.options.remaining()):
            return NoAnswer(loss, f"{missing} before the run was to end")
        reason = f"{missing} within {self.patience:g} seconds"
        if self.proxy is not None and not sent:
            return NoAnswer(loss, f"{reason} by way of the proxy {self.proxy}", PROXY_ADVICE)
        return NoAnswer(loss, reason)

    def start_again(self) -> None:
        """Begin once more within the same time, for nothing of it was answered."""
        self.stage = Stage.BEGUN
        self.reused = False
        self.is_again = True
        self._is_over = False


def _shut(sock: socket) -> None:
    try:
        sock.shutdown(SHUT_RDWR)
    except OSError:
        return  # the other side was faster
