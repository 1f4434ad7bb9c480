"""The way out: one adapter that limits methods, verifies TLS, and whose sockets can be cut."""

import math
import ssl
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from http.client import HTTPResponse, RemoteDisconnected
from ipaddress import ip_address
from pathlib import Path
from socket import SHUT_RDWR, gaierror, socket
from typing import Any
from urllib.parse import urlsplit

import requests
from requests.adapters import DEFAULT_CA_BUNDLE_PATH, HTTPAdapter
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool, PoolManager, ProxyManager
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import (
    ConnectTimeoutError,
    HTTPError,
    NameResolutionError,
    NewConnectionError,
)
from urllib3.util import make_headers, parse_url

from reconciler.adapters.transport.losses import AddressRefused, Stage, Stopped
from reconciler.adapters.transport.names import Lookup, Resolve, addresses_of, is_address
from reconciler.errors import UsageError

Permit = Callable[[str], bool]
"""Asked with the IP address that was really connected to, before a byte is sent."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpOptions:
    """How to reach the network; times in seconds, sizes in bytes.

    `deadline` bounds a whole request, `connect_timeout` each address that is tried. The proxy is
    for https only; `ca_bundle` stands in for the public authorities. `left` says how many seconds
    the run has left; from when it is finite nothing but GET leaves, and at 0 all is cut. `resolve`
    says where a host is; the deadline holds for it too.
    """

    proxy: str | None = field(default=None, repr=False)  # its URL may hold a password
    ca_bundle: Path | None = None
    deadline: float = 30.0
    connect_timeout: float = 10.0
    max_body: int = 5 * 1024 * 1024
    left: Callable[[], float] = lambda: math.inf
    resolve: Resolve = addresses_of


_MARGIN = 0.5  # seconds after a deadline, so that the watchdog ends what it can, and says so


class ForbiddenRequest(AssertionError):
    """A mistake in this program: a request that its Http was built to be unable to send."""


class Line:
    """The sockets of one Http: how far its request got, and the means to cut it short.

    A duplicate of each socket is kept, for TLS takes the first one over before its handshake; to
    shut down the duplicate ends the connection, and whoever waits on it reads an end of file.
    """

    def __init__(self, permit: Permit | None, options: HttpOptions) -> None:
        self.stage = Stage.BEGUN
        self.is_cut = False
        self._left = options.left
        self._deadline = options.deadline
        self._ends = math.inf
        self._resolve = options.resolve
        self._permit = permit
        self._lookup: Lookup | None = None
        self._lock = threading.Lock()
        self._sockets: list[tuple[HTTPConnection, socket]] = []

    def begin(self) -> None:
        self.stage = Stage.BEGUN
        self.is_cut = False
        self._ends = time.monotonic() + self._deadline

    def patience(self) -> float:
        """Seconds that a connection may still take to be made; to connect cannot be cut."""
        return _MARGIN + max(0.0, min(self._ends - time.monotonic(), self._left()))

    def cut(self) -> None:
        """End the request that is under way; called by the watchdog's thread."""
        with self._lock:
            self.is_cut = True
            if self._lookup is not None:
                self._lookup.done.set()
            for _, duplicate in self._sockets:
                _shut(duplicate)

    def addresses(self, host: str, port: int) -> list[str]:
        """Where a host is. Raises OSError where it is not known, and when the request is cut.

        Nothing can interrupt the system's resolver, so it is asked in a thread that is left behind.
        """
        if is_address(host):
            return [host]
        lookup = Lookup(self._resolve, host, port)
        with self._lock:
            self._lookup = lookup
            if self.is_cut:
                lookup.done.set()
        lookup.start()
        lookup.done.wait()
        return lookup.result()

    def depart(self, method: str) -> None:
        """The request is about to leave. Raises Stopped where the run is not to begin it."""
        if method != "GET" and not math.isinf(self._left()):
            raise Stopped
        self.stage = Stage.SENT

    def watch(self, connection: HTTPConnection, sock: socket, *, plain: bool) -> None:
        """Take a new socket in. Raises AddressRefused before anything is sent on it."""
        address = str(sock.getpeername()[0])
        if plain and not _is_loopback(address):
            raise AddressRefused("plain http would leave this machine")
        if self._permit is not None and not self._permit(address.partition("%")[0]):
            raise AddressRefused("the host has an address that is not allowed here")
        self.sweep()  # a connection that was dropped and is made again had another socket
        with self._lock:
            self._sockets.append((connection, sock.dup()))
            if self.is_cut:
                _shut(sock)

    def sweep(self) -> None:
        """Let go of what belongs to connections that are closed by now."""
        with self._lock:
            closed = [pair for pair in self._sockets if pair[0].sock is None]
            self._sockets = [pair for pair in self._sockets if pair[0].sock is not None]
        for _, duplicate in closed:
            duplicate.close()

    def close(self) -> None:
        """Close every connection; a pool that is dropped does so only when it is collected."""
        for connection, _ in self._sockets:
            connection.close()
        self.sweep()


def _shut(sock: socket) -> None:
    try:
        sock.shutdown(SHUT_RDWR)
    except OSError:
        return  # the other side was faster


class _WholeLines:
    """The stream of an answer while its headers are read: to end before they do is an error.

    http.client takes an end of file for the end of the headers, and so a cut answer for a whole.
    """

    def __init__(self, stream: Any) -> None:
        self._stream = stream

    def readline(self, limit: int = -1) -> bytes:
        line: bytes = self._stream.readline(limit)
        if not line.endswith(b"\n") and len(line) != limit:
            raise RemoteDisconnected("the headers are cut")
        return line

    def flush(self) -> None:
        self._stream.flush()

    def close(self) -> None:
        self._stream.close()


class _Response(HTTPResponse):
    """An answer whose headers are whole."""

    def begin(self) -> None:
        stream = self.fp
        self.fp = _WholeLines(stream)  # type: ignore[assignment]  # all that reading headers needs
        super().begin()
        self.fp = stream


class _Connection(HTTPConnection):
    """A connection that shows its socket to the line, and tells it when sending begins."""

    response_class = _Response
    line: Line
    _method: str  # http.client sets it in putrequest

    def _new_conn(self) -> socket:
        self.line.stage = Stage.CONNECTING
        sock = self._connected()
        try:
            self.line.watch(self, sock, plain=not isinstance(self, HTTPSConnection))
        except (AddressRefused, OSError):
            sock.close()
            raise
        return sock

    def _connected(self) -> socket:
        """A socket to the first address that takes it; the name stays as it is for TLS and Host."""
        name = self._dns_host
        try:
            addresses = self.line.addresses(name, self.port or 0)
        except gaierror as error:
            raise NameResolutionError(name, self, error) from error
        failed: HTTPError = ConnectTimeoutError(self, "the time was up")
        allowed = self.timeout
        assert isinstance(allowed, int | float)  # Http always gives one
        for address in addresses:
            if self.line.is_cut:
                break
            self._dns_host = address
            self.timeout = min(allowed, self.line.patience())
            try:
                return super()._new_conn()
            except (NewConnectionError, ConnectTimeoutError) as error:
                failed = error
            finally:
                self._dns_host = name
        raise failed

    def endheaders(self, message_body: Any = None, *, encode_chunked: bool = False) -> None:
        if self.sock is None:  # else http.client would connect after we said that we are sending
            self.connect()
        self.line.depart(self._method)
        super().endheaders(message_body, encode_chunked=encode_chunked)


class _TlsConnection(_Connection, HTTPSConnection):
    """The same over TLS."""


class _Pool(HTTPConnectionPool):
    """Makes connections that know their line."""

    ConnectionCls = _Connection
    line: Line

    def _new_conn(self) -> _Connection:
        connection = super()._new_conn()
        assert isinstance(connection, _Connection)
        connection.line = self.line
        return connection


class _TlsPool(_Pool, HTTPSConnectionPool):
    """The same over TLS."""

    ConnectionCls = _TlsConnection

    def _new_conn(self) -> _TlsConnection:
        connection = super()._new_conn()
        assert isinstance(connection, _TlsConnection)
        return connection


class Adapter(HTTPAdapter):
    """The one way out: it refuses methods, verifies always and knows one proxy or none.

    It is used without a requests Session, so there is nothing that would follow a redirect, keep
    a cookie or look into the environment for proxies, authorities or a netrc file.
    """

    def __init__(self, options: HttpOptions, methods: frozenset[str], line: Line) -> None:
        self._methods = methods
        self._line = line
        context = _tls_context(options.ca_bundle)
        self._direct = PoolManager(maxsize=1, ssl_context=context)
        self._tunnel = _proxy_manager(options.proxy, context) if options.proxy else self._direct
        for manager in (self._direct, self._tunnel):
            manager.pool_classes_by_scheme = {"http": _Pool, "https": _TlsPool}
        super().__init__(max_retries=0)

    def send(
        self,
        request: requests.PreparedRequest,
        stream: bool = False,
        timeout: float | tuple[float, float] | tuple[float, None] | None = None,
        verify: bool | str = True,
        cert: bytes | str | tuple[bytes | str, bytes | str] | None = None,
        proxies: Mapping[str, str] | None = None,
    ) -> requests.Response:
        """Send, if the method is one of ours. Raises ForbiddenRequest before a socket is opened."""
        if request.method not in self._methods:
            allowed = ", ".join(sorted(self._methods))
            raise ForbiddenRequest(f"{request.method} from an Http that can only send {allowed}")
        return super().send(request, stream, timeout, verify, cert, proxies)

    def get_connection_with_tls_context(
        self,
        request: requests.PreparedRequest,
        verify: bool | str | None,
        proxies: Mapping[str, str] | None = None,
        cert: tuple[str, str] | str | None = None,
    ) -> HTTPConnectionPool:
        """The pool for the request's origin; loopback is never looked for beyond a proxy."""
        del verify, proxies, cert  # what is trusted, and the proxy, are not the caller's to say
        url = urlsplit(str(request.url))
        near = is_loopback_name(url.hostname or "")
        manager = self._direct if near else self._tunnel
        pool = manager.connection_from_host(url.hostname, url.port, url.scheme)
        assert isinstance(pool, _Pool)
        pool.line = self._line
        return pool

    def cert_verify(self, conn: object, url: object, verify: object, cert: object) -> None:
        """Nothing: the context of the pools says it all."""

    def close(self) -> None:
        self._direct.clear()
        self._tunnel.clear()
        super().close()


@lru_cache
def _tls_context(ca_bundle: Path | None) -> ssl.SSLContext:
    """TLS 1.2 or later, host and chain verified; built bare, for others heed SSLKEYLOGFILE."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        context.load_verify_locations(ca_bundle or DEFAULT_CA_BUNDLE_PATH)
    except OSError as error:
        raise UsageError(
            f"the CA bundle {ca_bundle} cannot be used: {error.strerror}; "
            "--ca-bundle wants a file of PEM certificates"
        ) from error
    return context


def _proxy_manager(proxy: str, context: ssl.SSLContext) -> ProxyManager:
    try:
        url = parse_url(proxy)
    except HTTPError as error:
        raise UsageError(_PROXY_WANTED) from error
    if url.scheme not in ("http", "https") or not url.host:
        raise UsageError(_PROXY_WANTED)
    return ProxyManager(
        proxy,
        maxsize=1,
        proxy_headers=make_headers(proxy_basic_auth=url.auth) if url.auth else None,
        proxy_ssl_context=context,
        ssl_context=context,
    )


_PROXY_WANTED = "--proxy is not a URL of a proxy; write http://HOST:PORT or https://HOST:PORT"


def is_loopback_name(host: str) -> bool:
    """Whether the host of a URL is this machine's own loopback; a name is not looked up."""
    return host == "localhost" or _is_loopback(host)


def _is_loopback(address: str) -> bool:
    try:
        return ip_address(address.partition("%")[0]).is_loopback
    except ValueError:
        return False
