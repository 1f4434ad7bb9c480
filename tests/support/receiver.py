"""HR as another process would be: a loopback server that checks signatures and keeps events."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from standardwebhooks import Webhook, WebhookVerificationError


@dataclass(frozen=True)
class Got:
    id: str
    body: bytes


@dataclass
class ReceivingEnd:
    port: int
    got: list[Got] = field(default_factory=list)
    refused: int = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/api/scim/sync"


@contextmanager
def receiving(secret: str, *, port: int = 0) -> Iterator[ReceivingEnd]:
    """Listen until the block ends; the oracle for signatures is the reference library."""
    webhook = Webhook(secret)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            try:
                webhook.verify(body, dict(self.headers.items()))
            except WebhookVerificationError:
                end.refused += 1
                self.send_response(401)
            else:
                end.got.append(Got(self.headers["webhook-id"], body))
                self.send_response(204)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 — its parent's name
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
    end = ReceivingEnd(server.server_port)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield end
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
