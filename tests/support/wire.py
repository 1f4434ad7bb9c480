"""A wire between the program and its database: it counts what is asked, and is cut where told.

It knows the frames of PostgreSQL's protocol (version 3, without TLS): what the program sends
until it has to wait for an answer is one message, however many pieces it comes in.
"""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from enum import StrEnum

COMMIT = b"COMMIT\0"
_ENOUGH = 1 << 16


class Reach(StrEnum):
    """What a cut takes with it."""

    ONE = "this connection"
    ALL = "every connection, as a restart of the server does"
    GOOD = "every connection, and those that are asked for later"


class Lost(StrEnum):
    """What does not arrive."""

    MESSAGE = "before the server got it"
    REST = "when the server had got half of it"
    ANSWER = "after the server has done it"
    EITHER = "when the server had just got it"


@dataclass(frozen=True)
class Cut:
    """At the n-th message of the program."""

    number: int
    lost: Lost
    reach: Reach

    def __str__(self) -> str:
        return f"message {self.number}, {self.lost}, {self.reach}"


@dataclass
class Wire:
    """A TCP proxy. `seen` are the messages so far; `at_cut` is called when it is cut, once.

    From the first message on that holds the words of `freeze_at` nothing is forwarded any more,
    and no connection ends: as when a server is stopped behind it.
    """

    upstream: int
    listener: socket.socket
    cut: Cut | None = None
    at_cut: Callable[[], object] = lambda: None
    seen: list[bytes] = field(default_factory=list)
    freeze_at: "tuple[bytes, Lost] | None" = None
    frozen: bool = False
    was_cut: bool = False
    severed: threading.Event = field(default_factory=threading.Event)
    dead: bool = False
    open: "list[tuple[socket.socket, socket.socket]]" = field(default_factory=list)
    threads: list[threading.Thread] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def port(self) -> int:
        return int(self.listener.getsockname()[1])

    def heal(self) -> None:
        """The server is back, once the cut is over: the program may have ended before that."""
        if self.was_cut:
            assert self.severed.wait(60)
        self.cut, self.dead = None, False

    def accept(self) -> None:
        """Serve until the listener is closed."""
        while True:
            try:
                ours, _ = self.listener.accept()
            except OSError:
                return
            try:
                theirs = self.connected()
            except ConnectionRefusedError:
                ours.close()
                continue
            for each in (ours, theirs):
                each.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.open.append((ours, theirs))
            pair = _Pair(self, ours, theirs)
            for work in (pair.ask, pair.answer):
                thread = threading.Thread(target=work)
                self.threads.append(thread)
                thread.start()

    def connected(self) -> socket.socket:
        """A connection to the server; raises ConnectionRefusedError where it is not there."""
        if self.dead:
            raise ConnectionRefusedError
        return socket.create_connection(("127.0.0.1", self.upstream))

    def reached(self, message: bytes) -> bool:
        """Whether this message is the one to be cut at."""
        with self.lock:
            self.seen.append(message)
            return self.cut is not None and len(self.seen) == self.cut.number

    def freezes(self, message: bytes) -> Lost | None:
        """What is lost of a message: nothing, the message, or its answer."""
        if self.frozen:
            return Lost.MESSAGE
        if self.freeze_at is None or self.freeze_at[0] not in message:
            return None
        self.frozen = True
        return self.freeze_at[1]

    def sever(self, *pair: socket.socket) -> None:
        """Cut as far as the cut reaches."""
        assert self.cut is not None
        self.was_cut = True
        self.dead = self.cut.reach is Reach.GOOD
        self.at_cut()
        ends = pair if self.cut.reach is Reach.ONE else [end for both in self.open for end in both]
        for end in ends:
            _shut(end)
        self.severed.set()


@dataclass
class _Pair:
    """One connection, as two threads see it."""

    wire: Wire
    ours: socket.socket
    theirs: socket.socket
    mute: bool = False

    def ask(self) -> None:
        """From the program to the server; what is asked in one message arrives in one piece."""
        for message in _messages(self.ours):
            if (lost := self.wire.freezes(message)) is not None:
                self.wire.seen.append(message)
                self._forward(message, lost)
                continue
            if self.wire.reached(message):
                if not self._passed(message):
                    break
                continue
            with suppress(OSError):
                self.theirs.sendall(message)
        _shut(self.theirs)

    def _passed(self, message: bytes) -> bool:
        """Whether the connection is still there after the message that it is cut at."""
        assert self.wire.cut is not None
        lost = self.wire.cut.lost
        self.mute = lost is Lost.ANSWER
        self._forward(message, lost)
        if not self.mute:
            self.wire.sever(self.ours, self.theirs)
        return self.mute

    def _forward(self, message: bytes, lost: Lost) -> None:
        match lost:
            case Lost.MESSAGE:
                return
            case Lost.REST:
                self.theirs.sendall(message[: len(message) // 2])
            case Lost.ANSWER | Lost.EITHER:
                self.theirs.sendall(message)

    def answer(self) -> None:
        """From the server to the program; a mute one has heard the answer, and keeps it."""
        while answer := _received(self.theirs):
            if self.mute:
                break
            if self.wire.frozen:
                continue
            with suppress(OSError):
                self.ours.sendall(answer)
        if self.mute:
            self.wire.sever(self.ours, self.theirs)
        _shut(self.ours)


def _messages(end: socket.socket) -> Iterator[bytes]:
    """What comes until each Sync, simple query, password or farewell; then what is left over."""
    message, rest, begun = b"", b"", False
    while piece := _received(end):
        rest += piece
        while (length := _first_frame(rest, begun=begun)) and len(rest) >= length:
            frame, rest = rest[:length], rest[length:]
            message += frame if frame != _FLUSH else b""  # every message flushes what it asks for
            if not begun:  # a request for TLS, or for a session
                begun, ends = frame[4:8] == _VERSION_3, True
            else:
                ends = frame[:1] in _ENDS
            if ends:
                yield message
                message = b""
    if message + rest:
        yield message + rest


_VERSION_3 = (196608).to_bytes(4, "big")
_FLUSH = b"H\0\0\0\4"
_ENDS = (b"S", b"Q", b"p", b"X")


def _first_frame(data: bytes, *, begun: bool) -> int | None:
    """The length of the first frame; None where too little of it has come."""
    kind = 1 if begun else 0
    if len(data) < kind + 4:
        return None
    return kind + int.from_bytes(data[kind : kind + 4], "big")


def _received(end: socket.socket) -> bytes:
    try:
        return end.recv(_ENOUGH)
    except OSError:
        return b""


def _shut(end: socket.socket) -> None:
    with suppress(OSError):
        end.shutdown(socket.SHUT_RDWR)


@contextmanager
def wire_to(upstream: int) -> Iterator[Wire]:
    """A wire to a port of this machine, until the block ends."""
    with socket.create_server(("127.0.0.1", 0), backlog=32) as listener:
        wire = Wire(upstream, listener)
        thread = threading.Thread(target=wire.accept)
        thread.start()
        try:
            yield wire
        finally:
            _shut(listener)
            thread.join()
            for pair in wire.open:
                for end in pair:
                    _shut(end)
            for each in wire.threads:
                each.join()
            for pair in wire.open:
                for end in pair:
                    end.close()
