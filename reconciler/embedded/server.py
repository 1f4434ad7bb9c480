"""The built-in tenant on a loopback port: threads, sockets, WSGI, start and stop."""

import importlib.util
import json
import re
import socketserver
import sqlite3
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache, partial
from http import HTTPStatus
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer

from reconciler.domain.dialect import Dialect
from reconciler.domain.jsontext import Json
from reconciler.domain.scim import Schema
from reconciler.domain.secret import Secret
from reconciler.embedded.faults import FaultBox, Faults, faults_file, first_faults
from reconciler.embedded.hr import HrReceiver
from reconciler.embedded.oauth import OAuth
from reconciler.embedded.schemas_endpoint import PLAIN, SchemasEndpoint
from reconciler.embedded.store import EmbeddedStore, open_embedded_store
from reconciler.embedded.tenant import BASE_PATH, TOKEN_PATH, WEBHOOK_PATH, Dropped, EmbeddedTenant
from reconciler.embedded.throttle import Throttle
from reconciler.embedded.wire import Refused, Request
from reconciler.errors import UsageError
from reconciler.installation import Extra, way_to

if TYPE_CHECKING:
    from _typeshed.wsgi import InputStream, StartResponse, WSGIApplication, WSGIEnvironment

    from reconciler.embedded.users import UsersEndpoint

_HOST = "127.0.0.1"
_POLL_SECONDS = 0.02  # how long a stop may take
_SILENCE_SECONDS = 3  # how long a client may say nothing; a stop waits for it
_MAX_BODY = 2**20
_LONGEST_LINE = 1024  # of a chunk's size with its extensions, and of a trailer
_TARGET = "reconciler.target"

Clock = Callable[[], datetime]

_utc_now: Clock = partial(datetime.now, UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class DevTenantAccess:
    """The addresses of a running built-in tenant, and the secrets that open it."""

    base_url: str
    token_url: str
    client_id: Secret
    client_secret: Secret
    webhook_url: str
    webhook_secret: Secret


@dataclass(frozen=True, slots=True, kw_only=True)
class DevTenantSetup:
    """The service that a built-in tenant is: whose limits and refusals it has, and its users.

    It serves schemas with every characteristic, or `raw`: as they were posted. Of its made-up
    users the first `users` are there.
    """

    dialect: Dialect = PLAIN
    raw: bool = False
    users: int = 0


_PLAIN = DevTenantSetup()


@contextmanager
def serve(
    name: str,
    folder: Path,
    *,
    port: int = 0,
    faults: Faults | None = None,
    clock: Clock = _utc_now,
    setup: DevTenantSetup = _PLAIN,
) -> Iterator[DevTenantAccess]:
    """Run the built-in tenant of that name on a loopback port (0: a free one) until the block ends.

    What it remembers is in `folder/NAME.db`; without `faults` it begins with those of the file
    beside it. Raises UsageError for a bad name, a port that is taken and a missing extra,
    StateError where the file cannot be used.
    """
    require_libraries()
    faults = first_faults(faults_file(folder, name)) if faults is None else faults
    with open_embedded_store(folder, name) as store, _bind(port) as server:
        credentials = store.credentials()
        if setup.users:
            # On demand too: it takes the models.
            from reconciler.embedded.seeding import seed_users

            seed_users(store, clock, setup.users)
        server.set_app(_application(_tenant(store, FaultBox(faults), clock, setup), server.root))
        thread = threading.Thread(
            target=server.serve_forever, args=(_POLL_SECONDS,), name=f"tenant {name}", daemon=True
        )
        thread.start()
        try:
            yield DevTenantAccess(
                base_url=server.root + BASE_PATH,
                token_url=server.root + TOKEN_PATH,
                client_id=credentials.client_id,
                client_secret=credentials.client_secret,
                webhook_url=server.root + WEBHOOK_PATH,
                webhook_secret=credentials.webhook_secret,
            )
        finally:
            server.shutdown()
            thread.join()


def require_libraries() -> None:
    """Raise UsageError where the extra that brings the built-in tenant is not installed."""
    if any(importlib.util.find_spec(name) is None for name in ("scim2_server", "scim2_models")):
        needed = f"the built-in tenant needs the extra {Extra.DEMO}"
        raise UsageError(f"{needed}; {way_to(Extra.DEMO)}")


def _bind(port: int) -> "_Server":
    try:
        return _Server((_HOST, port), _Conversation)
    except (OSError, OverflowError) as error:
        reason = error.strerror if isinstance(error, OSError) else "there are 65535 ports"
        raise UsageError(
            f"the built-in tenant cannot listen on {_HOST}:{port}: {reason}; choose another --port"
        ) from error


def _tenant(
    store: EmbeddedStore, faults: FaultBox, clock: Clock, setup: DevTenantSetup
) -> EmbeddedTenant:
    # The schemas of RFC 7643 section 8.7, without the models that cost most of the start.
    core = json.loads((files("scim2_server") / "resources" / "default-schemas.json").read_bytes())
    users = _users_on_demand(store, clock, core, setup.dialect)
    credentials = store.credentials()
    return EmbeddedTenant(
        faults=faults,
        oauth=OAuth(store, credentials, faults, clock),
        hr=HrReceiver(store, credentials.webhook_secret, faults, clock),
        schemas=SchemasEndpoint(
            store,
            faults,
            core=tuple(core),
            check_buildable=_check_buildable,
            clock=clock,
            dialect=setup.dialect,
            raw=setup.raw,
        ),
        users=lambda request, base_url, path: users().answer(request, base_url, path),
        throttle=Throttle(setup.dialect, clock),
        dialect=setup.dialect,
    )


def _users_on_demand(
    store: EmbeddedStore, clock: Clock, core: list[Json], dialect: Dialect
) -> Callable[[], "UsersEndpoint"]:
    @cache
    def users() -> "UsersEndpoint":
        # It imports pydantic and scim2-models: 0.7 s that reading schemas does not need.
        from reconciler.embedded.users import UsersEndpoint

        return UsersEndpoint(store, clock, map(Schema.from_json, core), dialect)

    return users


def load_models() -> None:
    """Import the models now, which else the first write waits for."""
    importlib.import_module("reconciler.embedded.users")


def _check_buildable(schema: Schema) -> None:
    # On demand too: whoever only reads schemas does without the models.
    from reconciler.embedded.users import check_buildable

    check_buildable(schema)


class _Server(socketserver.ThreadingMixIn, WSGIServer):
    """A thread for each connection; closing it waits for them."""

    daemon_threads = False  # a write that was begun is ended, also where the program ends
    request_queue_size = 128
    allow_reuse_port = False  # two tenants on one port would answer in turns

    @property
    def root(self) -> str:
        return f"http://{_HOST}:{self.server_port}"

    def server_bind(self) -> None:
        socketserver.TCPServer.server_bind(self)
        self.server_name = _HOST  # HTTPServer asks DNS for it, which may take seconds
        self.server_port = self.server_address[1]
        self.setup_environ()

    def handle_error(self, request: Any, client_address: Any) -> None:
        if not isinstance(sys.exception(), OSError):  # a client that went away is no error of ours
            super().handle_error(request, client_address)


class _Conversation(WSGIRequestHandler):
    timeout = _SILENCE_SECONDS

    def get_environ(self) -> "WSGIEnvironment":
        # WSGI itself keeps no path as it was sent, in which %3A is another than a colon; and where
        # no type was sent, wsgiref says text/plain.
        sent = {_TARGET: self.path, "CONTENT_TYPE": self.headers.get("content-type", "")}
        return {**super().get_environ(), **sent}

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 — the overridden name
        pass


def _application(tenant: EmbeddedTenant, root: str) -> "WSGIApplication":
    def application(environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        try:
            reply = tenant.answer(_request(environ, root))
        except Refused as refused:
            reply = refused.reply()
        except sqlite3.Error as error:
            reply = Refused(500, f"the store of the built-in tenant failed: {error}").reply()
        except Dropped as error:
            raise ConnectionAbortedError from error  # wsgiref then closes without a word
        headers = {**reply.headers, "Content-Length": str(len(reply.body))}
        start_response(f"{reply.status} {HTTPStatus(reply.status).phrase}", [*headers.items()])
        return [reply.body]

    return application


def _request(environ: "WSGIEnvironment", root: str) -> Request:
    headers = {
        name.removeprefix("HTTP_").replace("_", "-").lower(): value
        for name, value in environ.items()
        if name.startswith("HTTP_") or name == "CONTENT_TYPE"
    }
    return Request(
        method=environ["REQUEST_METHOD"],
        root=root,
        # WSGI hands over bytes as latin-1 (PEP 3333).
        target=environ[_TARGET],
        path=environ["PATH_INFO"].encode("latin-1").decode("utf-8", "replace"),
        query=dict(parse_qsl(environ["QUERY_STRING"], keep_blank_values=True)),
        headers=headers,
        body=_body(environ),
    )


def _body(environ: "WSGIEnvironment") -> bytes:
    coding = environ.get("HTTP_TRANSFER_ENCODING", "").strip().lower()
    if coding == "chunked":
        return _chunked(environ["wsgi.input"])
    if coding:
        raise Refused(501, "of the transfer codings only chunked is understood")
    length = environ["CONTENT_LENGTH"] or "0"
    if not length.isascii() or not length.isdigit():
        raise Refused(400, "Content-Length is no number")
    if int(length) > _MAX_BODY:
        raise Refused(413, f"a body may have {_MAX_BODY} bytes")
    try:
        body: bytes = environ["wsgi.input"].read(int(length))
    except TimeoutError as error:  # it said how much comes, and then nothing
        raise Dropped from error
    if len(body) < int(length):
        raise Dropped
    return body


def _chunked(stream: "InputStream") -> bytes:
    """A body in chunks, RFC 9112 section 7.1; trailers are passed over."""
    body = bytearray()
    try:
        while size := _size_of_chunk(stream.readline(_LONGEST_LINE)):
            if len(body) + size > _MAX_BODY:
                raise Refused(413, f"a body may have {_MAX_BODY} bytes")
            body += (chunk := stream.read(size))
            if len(chunk) < size:
                raise Dropped
            if stream.readline(_LONGEST_LINE).strip():
                raise Refused(400, "a chunk is longer than its size")
        while stream.readline(_LONGEST_LINE).strip():
            pass
    except TimeoutError as error:
        raise Dropped from error
    return bytes(body)


def _size_of_chunk(line: bytes) -> int:
    size = line.partition(b";")[0].strip()
    if not line.endswith(b"\n") or not re.fullmatch(rb"[0-9a-fA-F]{1,8}", size):
        raise Refused(400, "the size of a chunk is no number") if line else Dropped
    return int(size, 16)
