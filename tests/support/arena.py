"""A dev-tenant process that many runs meet: a front that sees, delays and stalls their requests."""

import http.client
import json
import os
import random
import re
import shutil
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit

from reconciler.adapters.database import open_store
from reconciler.domain.jsontext import Json
from reconciler.domain.records import check_chain
from tests.support.program import ROOT, DevTenant, Folder, started_dev_tenant

URN = "urn:ietf:params:scim:schemas:extension:genesys:2.0:User:Chaos"
CHANGES = 6


def seeded() -> random.Random:
    """Chance of its own; a failing test shows the seed, CHAOS_SEED repeats it."""
    seed = int(os.environ.get("CHAOS_SEED") or random.SystemRandom().randrange(2**32))
    sys.stdout.write(f"CHAOS_SEED={seed}\n")
    return random.Random(seed)


@dataclass(frozen=True)
class Seen:
    """One request as it arrived; `at` is monotonic."""

    at: float
    method: str
    path: str

    @property
    def writes(self) -> bool:
        """Whether it would change the tenant or tell HR; asking for a token does neither."""
        return self.method != "GET" and "/oauth/" not in self.path


Answer = tuple[int, dict[str, str]]


@dataclass
class Front:
    """What stands before the tenant. `stalls` keeps a request waiting, `instead` answers it."""

    upstream: str
    port: int = 0
    delay: float = 0.0
    seen: list[Seen] = field(default_factory=list)
    stalls: Callable[[Seen], bool] = lambda seen: False
    instead: Callable[[Seen], Answer | None] = lambda seen: None
    released: threading.Event = field(default_factory=threading.Event)
    arrived: threading.Event = field(default_factory=threading.Event)

    @property
    def root(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def calm(self) -> None:
        """Let everything pass again, and forget what was seen."""
        self.released.set()
        self.released = threading.Event()
        self.arrived = threading.Event()
        self.stalls, self.instead = (lambda seen: False), (lambda seen: None)
        self.seen = []

    def writes_after(self, moment: float) -> list[Seen]:
        return [seen for seen in self.seen if seen.writes and seen.at > moment]


class _Server(ThreadingHTTPServer):
    daemon_threads = False
    request_queue_size = 128
    front: Front

    def handle_error(self, request: object, client_address: object) -> None:
        """A run that is killed leaves its connections as they are."""


class _Handler(BaseHTTPRequestHandler):
    """HTTP/1.0: one request, one connection."""

    server: _Server

    def do_GET(self) -> None:
        self._answer()

    def do_POST(self) -> None:
        self._answer()

    def do_PUT(self) -> None:
        self._answer()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 — its parent's name
        """Say nothing."""

    def _answer(self) -> None:
        front = self.server.front
        released = front.released
        seen = Seen(time.monotonic(), self.command, self.path)
        body = self.rfile.read(int(self.headers.get("content-length") or 0))
        front.seen.append(seen)
        if front.stalls(seen):
            front.arrived.set()
            released.wait(60)
            return
        released.wait(front.delay)
        if (answer := front.instead(seen)) is not None:
            front.arrived.set()
            self._reply(answer[0], answer[1], b"")
        else:
            self._reply(*self._forwarded(front, body))

    def _forwarded(self, front: Front, body: bytes) -> tuple[int, dict[str, str], bytes]:
        where = urlsplit(front.upstream).netloc
        with closing(http.client.HTTPConnection(where, timeout=20)) as upstream:
            headers = {k: v for k, v in self.headers.items() if k.lower() != "connection"}
            upstream.request(self.command, self.path, body or None, headers)
            reply = upstream.getresponse()
            return reply.status, dict(reply.getheaders()), reply.read()

    def _reply(self, status: int, headers: dict[str, str], body: bytes) -> None:
        kept = ("content-type", "etag", "location", "retry-after", "date")
        self.send_response_only(status)
        for name, value in headers.items():
            if name.lower() in kept:
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


@contextmanager
def front_of(upstream: str) -> Iterator[Front]:
    """A proxy on a free port, until the block ends."""
    front = Front(upstream)
    with _Server(("127.0.0.1", 0), _Handler) as server:
        server.front = front
        front.port = server.server_port
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        try:
            yield front
        finally:
            front.released.set()
            server.shutdown()
            thread.join()


@dataclass
class Arena:
    """One tenant process, its front, and folders in which runs are started against it."""

    tenant: DevTenant
    front: Front
    base: Path
    made: int = 0

    def fresh(self, changes: int = CHANGES) -> Folder:
        """An empty tenant, and a new folder with so many extensions and a state of its own."""
        self.front.calm()
        self.front.delay = 0.0
        self.tenant.set_faults()
        self.forget()
        return self.folder(changes)

    def folder(self, changes: int = CHANGES) -> Folder:
        """Another folder that wants the same."""
        self.made += 1
        folder = Folder(self.base / f"run-{self.made}")
        manifest = self.tenant.manifest.replace(self.tenant.root, self.front.root)
        folder.write("desired-state/tenant.yaml", manifest)
        for number in range(changes):
            folder.write(f"desired-state/chaos-{number}.yaml", _extension(number))
        folder.environ["RECONCILER_SECRETS_DIR"] = str(self.tenant.secrets)
        return folder

    def forget(self) -> None:
        """What no service allows over HTTP: every schema and every webhook is gone."""
        path = self.tenant.folder.path / ".reconciler/embedded/dev.db"
        with closing(sqlite3.connect(path, timeout=20, isolation_level=None)) as shell:
            shell.execute("DELETE FROM schemas")
            shell.execute("DELETE FROM inbox")

    def live(self) -> list[str]:
        """Ids of the schemas that the tenant holds, in order of name."""
        return sorted(schema["id"] for schema in self.tenant.schemas())

    def inbox(self) -> dict[str, set[str]]:
        """The ids of the events that HR got, by extension."""
        got: dict[str, set[str]] = {}
        for event in self.tenant.inbox():
            body = json.loads(event["body"])
            got.setdefault(body["extension_id"], set()).add(event["id"])
        return got

    def events(self) -> list[Json]:
        return list(self.tenant.inbox())


def urns(changes: int = CHANGES) -> list[str]:
    return [f"{URN}{number}" for number in range(changes)]


def _extension(number: int) -> str:
    return f"""\
apiVersion: reconciler/v1
kind: SchemaExtension
metadata: {{name: chaos-{number}}}
spec:
  schema:
    id: {URN}{number}
    name: Chaos{number}
    description: One of several
    attributes:
      - {{name: grade, type: string}}
      - {{name: level, type: integer}}
"""


@contextmanager
def arena_in(base: Path) -> Iterator[Arena]:
    """A dev-tenant process and its front, until the block ends."""
    home = Folder(base / "tenant")
    home.path.mkdir(parents=True)
    with started_dev_tenant(home) as tenant, front_of(tenant.root) as front:
        yield Arena(tenant, front, base)
    shutil.rmtree(base, ignore_errors=True)


def records(folder: Folder) -> list[dict[str, Json]]:
    """The trail, which is whole; empty where the run ended before it had a store."""
    path = folder.path / ".reconciler/state.db"
    url = folder.environ.get("RECONCILER_STATE")
    if url is None and not path.exists():
        return []
    with closing(open_store(url or f"sqlite:///{path}")) as store:
        found = [dict(record) for record in store.records()]
    result = check_chain(found)
    assert result.broken_at is None, result.reason
    return found


def outcomes(folder: Folder) -> list[tuple[str, str]]:
    """Extension and status of each record that says how a write ended."""
    ended = ("SCHEMA_EXTENSION_CREATED", "SCHEMA_EXTENSION_ADOPTED")
    return [(r["schema_id"], r["status"]) for r in records(folder) if r["event"] in ended]


@dataclass(frozen=True)
class Ended:
    code: int
    out: str
    err: str
    seconds: float


def not_begun(err: str) -> bool:
    """Whether SIGINT came before the first line of ours had run: until then Python answers it."""
    own = str(ROOT / "reconciler")
    frames = [file for file in re.findall(r'File "(.+?)", line \d+', err) if file.startswith(own)]
    first = {f"{own}/__init__.py", f"{own}/__main__.py"}
    return err.rstrip().endswith("KeyboardInterrupt") and first.issuperset(frames)


def ended(process: subprocess.Popen[str], since: float, *, within: float = 60.0) -> Ended:
    """How a process ended, and how long after `since`; no traceback, ever."""
    out, err = process.communicate(timeout=within)
    assert "Traceback" not in err or not_begun(err), err
    return Ended(process.returncode, out, err, time.monotonic() - since)
