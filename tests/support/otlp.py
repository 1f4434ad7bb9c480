"""A receiver of traces on loopback, as OTLP over HTTP has it: it decodes what comes."""

import gzip
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.trace.v1.trace_pb2 import Span


@dataclass
class Receiver:
    """What came; `resource` has the attributes of the program, `bodies` the bytes as they were."""

    url: str
    spans: list[Span] = field(default_factory=list)
    resource: dict[str, object] = field(default_factory=dict)
    bodies: list[bytes] = field(default_factory=list)

    def named(self, start: str) -> list[Span]:
        return [span for span in self.spans if span.name.startswith(start)]


def attributes(span: Span) -> dict[str, object]:
    return {each.key: _value(each.value) for each in span.attributes}


def _value(value) -> object:
    return getattr(value, value.WhichOneof("value"))


@contextmanager
def receiving(*, status: int = 200) -> Iterator[Receiver]:
    """A receiver that answers with that status."""

    class Conversation(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if self.headers.get("Content-Encoding") == "gzip":
                body = gzip.decompress(body)
            assert self.headers["Content-Type"] == "application/x-protobuf"
            found.bodies.append(body)
            for part in ExportTraceServiceRequest.FromString(body).resource_spans:
                found.resource |= {a.key: _value(a.value) for a in part.resource.attributes}
                found.spans += [span for scope in part.scope_spans for span in scope.spans]
            answer = ExportTraceServiceResponse().SerializeToString()
            self.send_response(status)
            self.send_header("Content-Type", "application/x-protobuf")
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *arguments: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Conversation) as server:
        found = Receiver(f"http://127.0.0.1:{server.server_port}")
        thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        try:
            yield found
        finally:
            server.shutdown()
            thread.join()
