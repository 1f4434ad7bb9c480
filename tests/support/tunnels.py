"""A proxy that makes tunnels, and records the requests for them."""

import select
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field


@dataclass
class Tunnels:
    port: int
    heads: list[str] = field(default_factory=list)
    certificates: list[object] = field(default_factory=list)


@contextmanager
def tunnelling(target: int, tls: ssl.SSLContext | None = None) -> Iterator[Tunnels]:
    """A proxy that takes whoever is named for a port of this machine."""
    with socket.create_server(("127.0.0.1", 0)) as listener, ExitStack() as closing:
        tunnels = Tunnels(listener.getsockname()[1])

        def serve() -> None:
            while True:
                try:
                    client, _ = listener.accept()
                except OSError:
                    return
                wrapped = tls.wrap_socket(client, server_side=True) if tls else client
                closing.callback(wrapped.close)
                head = b""
                while not head.endswith(b"\r\n\r\n"):
                    head += wrapped.recv(1)
                if isinstance(wrapped, ssl.SSLSocket):
                    tunnels.certificates.append(wrapped.getpeercert())
                tunnels.heads.append(head.decode().partition(" HTTP/")[0])
                wrapped.sendall(b"HTTP/1.1 200 Yes\r\n\r\n")
                upstream = closing.enter_context(socket.create_connection(("127.0.0.1", target)))
                threading.Thread(target=pump, args=(wrapped, upstream), daemon=True).start()

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield tunnels
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            thread.join(5)


def pump(client: socket.socket, upstream: socket.socket) -> None:
    """Both ways in one thread, for two may not use one TLS connection."""
    try:
        while True:
            for source in select.select([client, upstream], [], [])[0]:
                data = source.recv(65536)
                (upstream if source is client else client).sendall(data)
                if not data:
                    return
    except (OSError, ValueError):
        return
    finally:
        client.close()
        upstream.close()
