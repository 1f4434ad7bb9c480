"""A limit on how long a server is waited for: past it, the socket to it is shut on our side.

Keepalives find a machine that is gone; only this finds a server that is there and says nothing,
stopped or behind a proxy that forwards no more. One thread watches all connections.
"""

import os
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from itertools import count


class Wire:
    """The socket of a connection, which can be shut by others than who waits for it."""

    def __init__(self, descriptor: int) -> None:
        """The descriptor stays the driver's: what is shut here is a copy of it."""
        self._copy = socket.socket(fileno=os.dup(descriptor))
        self.silent = False

    def shut(self) -> None:
        """Let whoever waits for an answer see the end of the connection."""
        self.silent = True
        with suppress(OSError):  # it has ended by itself
            self._copy.shutdown(socket.SHUT_RDWR)

    def is_quiet(self) -> bool:
        """True where nothing has arrived that nobody has read yet, nor the end."""
        try:
            self._copy.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT)
        except BlockingIOError:
            return True
        except OSError:
            return False
        return False

    def close(self) -> None:
        """Give the copy back."""
        self._copy.close()


class Deadline:
    """So many seconds for each answer of a server."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self.passed = False  # once; a server that was silent is not asked again
        self._changed = threading.Condition()
        self._numbers = count()
        self._waits: dict[int, tuple[float, Wire]] = {}
        self._watched = False
        self._idle = False

    @contextmanager
    def on(self, wire: Wire) -> Iterator[None]:
        """Shut the wire where the block has not ended in time; it is silent then."""
        number = next(self._numbers)
        with self._changed:
            self._waits[number] = (time.monotonic() + self.seconds, wire)
            self._watch()
        with ExitStack() as over:
            over.callback(self._forget, number)
            yield

    def close(self) -> None:
        """End the thread."""
        with self._changed:
            self._watched = False
            self._changed.notify()

    def _forget(self, number: int) -> None:
        with self._changed:
            del self._waits[number]

    def _watch(self) -> None:
        """All waits are equally long: who sleeps until the first ends sees the others in time."""
        if not self._watched:
            self._watched = True
            threading.Thread(target=self._run, name="state-deadline", daemon=True).start()
        elif self._idle:
            self._changed.notify()

    def _run(self) -> None:
        with self._changed:
            while self._watched:
                now = time.monotonic()
                for ends, wire in self._waits.values():
                    if ends <= now and not wire.silent:
                        self.passed = True
                        wire.shut()
                coming = [ends - now for ends, wire in self._waits.values() if not wire.silent]
                self._idle = not coming
                self._changed.wait(min(coming, default=None))
