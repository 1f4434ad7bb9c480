"""A loopback HTTP server made of raw sockets, that answers as badly as a test asks it to."""

import json
import socket
import ssl
import struct
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from enum import Enum, auto
from typing import Any


@dataclass(frozen=True, slots=True)
class Received:
    """One request as it came; header names are lower case, `client` is named by its certificate."""

    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes
    client: str | None = None

    @property
    def path(self) -> str:
        return self.target.partition("?")[0]


class Cut(Enum):
    """A part of a script that ends the connection."""

    RESET = auto()


@dataclass(frozen=True, slots=True)
class Pause:
    """A part of a script that waits, unless the server is closed meanwhile."""

    seconds: float


Script = tuple[bytes | Pause | Cut, ...]
"""What goes over the wire, part by part. It ends with the connection, but for a whole `reply`."""

Handler = Callable[[Received], Script]


def reply(status: int = 200, body: bytes = b"", headers: Mapping[str, str] | None = None) -> Script:
    """A whole and correct answer, after which the connection stays open."""
    lines = {"Content-Length": str(len(body)), **(headers or {})}
    head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
    return (f"HTTP/1.1 {status} Whatever\r\n{head}\r\n".encode("latin-1") + body, KEEP)


def json_reply(value: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Script:
    """A whole answer with a JSON body."""
    body = json.dumps(value).encode()
    return reply(status, body, {"Content-Type": "application/scim+json", **(headers or {})})


def drip(data: bytes, *, every: float) -> Script:
    """The data, byte by byte."""
    return tuple(part for byte in data for part in (bytes([byte]), Pause(every)))


def in_turn(*scripts: Script) -> Handler:
    """The scripts one after the other; the last one for ever."""
    remaining = list(scripts)
    lock = threading.Lock()

    def handle(_: Received) -> Script:
        with lock:
            return remaining.pop(0) if len(remaining) > 1 else remaining[0]

    return handle


KEEP = b""  # as the last part of a script: the connection stays open for the next request


@dataclass(slots=True)
class FaultServer:
    """Listens on a free loopback port; every request goes to the handler and is remembered."""

    handler: Handler
    tls: ssl.SSLContext | None = None
    requests: list[Received] = field(default_factory=list)
    connections: int = 0
    _listener: socket.socket = field(init=False)
    _open: set[socket.socket] = field(default_factory=set)
    _threads: list[threading.Thread] = field(default_factory=list)
    _closing: threading.Event = field(default_factory=threading.Event)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._start(self._accept)

    @property
    def port(self) -> int:
        port: int = self._listener.getsockname()[1]
        return port

    def url(self, path: str = "/", *, host: str = "127.0.0.1") -> str:
        scheme = "http" if self.tls is None else "https"
        return f"{scheme}://{host}:{self.port}{path}"

    def close(self) -> None:
        self._closing.set()
        _shut(self._listener)
        with self._lock:
            for connection in self._open:
                _shut(connection)
        for thread in self._threads:
            thread.join(5)
        self._listener.close()

    def _start(self, target: Callable[..., None], *arguments: object) -> None:
        thread = threading.Thread(target=target, args=arguments, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while not self._closing.is_set():
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            self._start(self._serve, connection)

    def _serve(self, connection: socket.socket) -> None:
        with self._lock:
            self._open.add(connection)
        try:
            self._converse(connection)
        except OSError:
            pass  # the client left, which is what some tests are about
        finally:
            with self._lock:
                self._open.discard(connection)
            connection.close()

    def _converse(self, connection: socket.socket) -> None:
        if self.tls is not None:
            with self.tls.wrap_socket(connection, server_side=True) as secured:
                with self._lock:
                    self._open.add(secured)
                try:
                    self._requests(secured)
                finally:
                    with self._lock:
                        self._open.discard(secured)
        else:
            self._requests(connection)

    def _requests(self, connection: socket.socket) -> None:
        with connection.makefile("rb") as stream:
            while (request := _read(stream)) is not None:
                request = replace(request, client=_client(connection))
                with self._lock:
                    self.requests.append(request)
                if not self._play(connection, self.handler(request)):
                    return

    def _play(self, connection: socket.socket, script: Script) -> bool:
        """Whether the connection is kept."""
        for part in script:
            match part:
                case Cut.RESET:
                    linger = struct.pack("ii", 1, 0)
                    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
                    return False
                case Pause(seconds=seconds):
                    if self._closing.wait(seconds):
                        return False
                case bytes():
                    connection.sendall(part)
        return bool(script) and script[-1] == KEEP


@contextmanager
def serving(handler: Handler, tls: ssl.SSLContext | None = None) -> Iterator[FaultServer]:
    """A server for the length of a test."""
    server = FaultServer(handler, tls)
    try:
        yield server
    finally:
        server.close()


def unused_port() -> int:
    """A loopback port on which nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
    return port


def _read(stream: Any) -> Received | None:
    line = stream.readline().decode("latin-1").strip()
    if line.count(" ") != 2:  # the end, or not HTTP
        return None
    method, target, _ = line.split(" ")
    headers: dict[str, str] = {}
    while header := stream.readline().decode("latin-1").strip():
        name, _, value = header.partition(":")
        headers[name.lower()] = value.strip()
    body = stream.read(int(headers.get("content-length", "0")))
    return Received(method, target, headers, body)


def _client(connection: socket.socket) -> str | None:
    """The common name of the client's certificate."""
    shown: Any = connection.getpeercert() if isinstance(connection, ssl.SSLSocket) else None
    names = (dict(part).get("commonName") for part in (shown or {}).get("subject", ()))
    return next(filter(None, names), None)


def _shut(sock: socket.socket) -> None:
    try:
        sock.shutdown(socket.SHUT_RDWR)
    except OSError:
        return
