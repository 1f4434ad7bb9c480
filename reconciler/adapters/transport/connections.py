"""Connections: made along one route, verified, and ready to be cut from another thread."""

import re
import ssl
from base64 import b64encode
from dataclasses import dataclass, field
from functools import lru_cache, partial
from http import HTTPStatus
from http.client import HTTPException, HTTPResponse, RemoteDisconnected
from pathlib import Path
from socket import gaierror, socket
from typing import Any
from urllib.parse import unquote_to_bytes

from requests.adapters import DEFAULT_CA_BUNDLE_PATH
from urllib3 import ProxyManager
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import (
    ConnectTimeoutError,
    HTTPError,
    NameResolutionError,
    NewConnectionError,
)
from urllib3.util import Url, parse_url

from reconciler.adapters.transport.certificates import ClientCertificate, load_certificate
from reconciler.adapters.transport.exchange import Exchange
from reconciler.adapters.transport.losses import (
    TLS_ALERT,
    AddressRefused,
    NothingCame,
    ProxyFailed,
    Stage,
    TlsCame,
)
from reconciler.errors import UsageError


@dataclass(frozen=True, slots=True)
class Route:
    """The way of a connection: its other end, a proxy on the way, and who vouches for both ends.

    Requests share connections only where all of it is the same: who we are is settled when a
    connection is made (docs/decisions.md, "Connections and tokens belong to a command, not to a
    tenant").
    """

    scheme: str
    host: str
    port: int | None
    proxy: str | None = field(repr=False)  # its URL may hold a password
    ca_bundle: Path | None
    certificate: ClientCertificate | None


_CONTEXTS = 32  # each takes a megabyte, for it has all authorities


class _Stream:
    """The stream of an answer; to end within a line is an error, and so is more than the answer."""

    def __init__(self, stream: Any, connection: "CuttableConnection") -> None:
        self._stream = stream
        self._connection = connection
        self._is_first = True
        self._expects_status = True
        self.in_head = True

    def readline(self, limit: int = -1) -> bytes:
        """The next line; a field of the head in the only form in which http.client knows it.

        It would drop a line without a colon or with blanks before it, and all that follow.
        """
        line = self._line(limit)
        if not self.in_head:
            return line
        if self._expects_status:
            self._expects_status = False
            return line
        found = line
        while _NO_FIELD.match(line):
            line = self._line(limit)
        clean = _BARE_CR.sub(b" ", _BLANKS_BEFORE_COLON.sub(rb"\1:", line))
        if clean != found:
            self._connection.is_in_step = False  # others may read such a head in another way
        self._expects_status = clean in (b"\r\n", b"\n")
        return clean

    def _line(self, limit: int) -> bytes:
        try:
            line: bytes = self._stream.readline(limit)
        except ConnectionError as error:
            if self._is_first:
                raise NothingCame("reset before an answer came") from error
            raise
        if not line and self._is_first:
            raise NothingCame("closed before an answer came")
        if self._is_first and line.startswith(TLS_ALERT.encode()):
            raise TlsCame("an alert of TLS")
        self._is_first = False
        # http.client takes an end of file for the end of the headers: a cut answer would be whole.
        if not line.endswith(b"\n") and len(line) != limit:
            raise RemoteDisconnected("the headers are cut")
        return line

    def read(self, amount: int) -> bytes:
        if amount < 0:  # a chunk of such a length: to a stream it means all that ever comes
            raise HTTPException("a chunk has no length")
        data: bytes = self._stream.read(amount)
        return data

    def flush(self) -> None:
        self._stream.flush()

    def close(self) -> None:
        if (sock := self._connection.sock) is not None:
            # Bytes after the answer would be taken for the next one's. They may wait within TLS,
            # where select() does not see them, so they are read for.
            sock.settimeout(0)  # each request sets its own
            try:
                more = bool(self._stream.peek(1))
            except OSError:  # nothing, or the end
                more = False
            if more:
                self._connection.is_in_step = False
        self._stream.close()


_NO_FIELD = re.compile(rb"(?![ \t\r\n])[^:]*\n")
_BLANKS_BEFORE_COLON = re.compile(rb"^([!#$%&'*+.^_`|~0-9A-Za-z-]+)[ \t]+:")
_BARE_CR = re.compile(rb"\r(?!\n)")  # which http.client takes for the end of a line


class _Response(HTTPResponse):
    """The final answer, whose headers are whole."""

    def __init__(
        self,
        connection: "CuttableConnection",
        sock: socket,
        debuglevel: int = 0,
        method: str | None = None,
    ) -> None:
        super().__init__(sock, debuglevel, method)
        self._connection = connection

    def begin(self) -> None:
        if self.headers is None:
            self.fp = _Stream(self.fp, self._connection)
            super().begin()
            self.fp.in_head = False
            self._take_in_lengths()

    def _take_in_lengths(self) -> None:
        """Read Content-Length as RFC 9112 section 6.3 does: several that are equal are one."""
        fields = self.headers.get_all("content-length", ())
        lengths = {length.strip() for field in fields for length in field.split(",")}
        bodiless = self.status in (HTTPStatus.NO_CONTENT, HTTPStatus.NOT_MODIFIED)
        proper = len(lengths) < 2 and all(re.fullmatch("[0-9]{1,18}", length) for length in lengths)
        # How long such an answer is, is read in two ways by servers and proxies; what one of them
        # sends after it, another takes for the next answer.
        if (
            self.status < 200
            or not proper
            or (self.chunked and lengths)
            or (bodiless and (self.chunked or lengths - {"0"}))
        ):
            self._connection.is_in_step = False  # what follows belongs to this answer
        elif self.length is None and lengths and not self.chunked:
            self.length = int(lengths.pop())

    def _read_status(self) -> tuple[str, int, str]:
        """The status line; RFC 9110 section 15.2: an answer of 1xx only announces the final one."""
        version, status, reason = super()._read_status()  # type: ignore[misc]  # http.client's own
        if 100 < status < 200 and status != HTTPStatus.SWITCHING_PROTOCOLS:
            status = int(HTTPStatus.CONTINUE)  # the one that http.client passes over
        elif self._connection.exchange.stage is Stage.SENT:  # and not a proxy's, to CONNECT
            self._connection.exchange.status = status
        return version, status, reason


class CuttableConnection(HTTPConnection):
    """A connection that shows its socket to the exchange, and tells it when sending begins.

    It keeps a duplicate of its socket, for TLS takes the first one over before its handshake: to
    shut down the duplicate ends the connection, and whoever waits on it reads an end of file.
    """

    response_class: Any = property(lambda connection: partial(_Response, connection))
    exchange: Exchange  # the one that it is made for, or lent to
    is_in_step = True  # what comes next can only be the answer to what is sent next
    address = ""  # of its other end, or of the proxy
    idle_since = 0.0
    _duplicate: socket | None = None
    _method: str  # http.client sets it in putrequest

    def lend(self, exchange: Exchange) -> None:
        """Carry this exchange's request next."""
        self.exchange = exchange
        if self._duplicate is not None:
            exchange.use(self._duplicate)

    def discard(self) -> None:
        """Close it for good, whatever is on it."""
        self.close()
        if self._duplicate is not None:
            self._duplicate.close()

    def _new_conn(self) -> socket:
        sock = self._connected()
        # Where the name leads is decided by what was connected to, not by a look-up before it: a
        # name can have another address a moment later.
        try:
            self.address = str(sock.getpeername()[0])
            plain = not isinstance(self, HTTPSConnection)
            self.exchange.require_permitted(self.address, plain=plain)
            self._duplicate = sock.dup()
        except (AddressRefused, OSError):
            sock.close()
            raise
        self.exchange.use(self._duplicate)
        return sock

    def _connected(self) -> socket:
        """A socket to the first address that takes it."""
        name = self._dns_host  # which stays as it is, for TLS and Host
        try:
            addresses = self.exchange.addresses(name, self.port or 0)
        except gaierror as error:
            raise NameResolutionError(name, self, error) from error
        failed: HTTPError = ConnectTimeoutError(self, "the time was up")
        for address in addresses:
            if self.exchange.is_cut:  # each address has a timeout of its own, and there may be many
                break
            self._dns_host = address
            self.timeout = self.exchange.connect_timeout
            try:
                return super()._new_conn()
            except (NewConnectionError, ConnectTimeoutError) as error:
                failed = error
            finally:
                self._dns_host = name
        raise failed

    def endheaders(self, message_body: Any = None, *, encode_chunked: bool = False) -> None:
        assert self.sock is not None, "http.client would connect after we said that we are sending"
        self.exchange.depart(self._method)
        super().endheaders(message_body, encode_chunked=encode_chunked)


class _TlsConnection(CuttableConnection, HTTPSConnection):
    """The same over TLS, perhaps through a proxy."""

    def _tunnel(self) -> None:
        try:
            super()._tunnel()
        except (HTTPException, OSError) as error:
            assert self.proxy is not None
            raise ProxyFailed(proxy_name(self.proxy)) from error


def proxy_name(proxy: Url) -> str:
    """Host and port of a proxy, for messages: its URL may hold a password."""
    return f"{proxy.host}:{proxy.port}"


def new_connection(route: Route) -> CuttableConnection:
    """A connection that is still to be made. Raises UsageError as `require_usable` does."""
    if route.scheme == "http":
        return CuttableConnection(route.host, route.port)
    context = _tls_context(route.ca_bundle, route.certificate)
    if route.proxy is None:
        return _TlsConnection(route.host, route.port, ssl_context=context)
    proxies = _proxies(route.proxy, route.ca_bundle)
    proxy = proxies.proxy
    assert proxy is not None
    assert proxy.host is not None
    connection = _TlsConnection(
        proxy.host,
        proxy.port,
        ssl_context=context,
        proxy=proxy,
        proxy_config=proxies.proxy_config,
    )
    scheme = proxy.scheme or "http"
    connection.set_tunnel(route.host, route.port or 443, proxies.proxy_headers, scheme)
    return connection


def require_usable(proxy: str | None, ca_bundle: Path | None) -> None:
    """Raise UsageError where the CA bundle or the proxy's URL cannot be used."""
    _tls_context(ca_bundle)
    if proxy:
        _proxies(proxy, ca_bundle)


@lru_cache(_CONTEXTS)
def _tls_context(
    ca_bundle: Path | None, certificate: ClientCertificate | None = None
) -> ssl.SSLContext:
    """TLS 1.2 or later, host and chain verified."""
    # Built bare: create_default_context() writes the keys of all connections to $SSLKEYLOGFILE.
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    # Python does so from 3.13 on: whoever is named is believed, also one that another vouches for.
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    try:
        context.load_verify_locations(ca_bundle or DEFAULT_CA_BUNDLE_PATH)
    except OSError as error:
        if ca_bundle is None:  # a package lacks it, or there was no descriptor to read it with
            raise
        raise UsageError(
            f"the CA bundle {ca_bundle} cannot be used: {error.strerror}; "
            "--ca-bundle wants a file of PEM certificates"
        ) from error
    if certificate is not None:
        load_certificate(context, certificate)
    return context


@lru_cache
def _proxies(proxy: str, ca_bundle: Path | None) -> ProxyManager:
    """The way to speak to a proxy, as urllib3 puts it together; its pools are not used."""
    try:
        url = parse_url(proxy)
    except HTTPError as error:
        raise UsageError(_NO_PROXY) from error
    if url.scheme not in ("http", "https") or not url.host:
        raise UsageError(_NO_PROXY)
    user, _, password = (url.auth or "").partition(":")
    if "%3a" in user.lower():
        raise UsageError(
            "the user name in --proxy holds a colon, which no proxy can take apart from what "
            "follows it (RFC 7617): use another one"
        )
    # urllib3 sends them as they stand in the URL, with their percent signs.
    basic = b64encode(unquote_to_bytes(user) + b":" + unquote_to_bytes(password)).decode()
    return ProxyManager(
        proxy,
        proxy_headers={"proxy-authorization": f"Basic {basic}"} if url.auth else None,
        proxy_ssl_context=_tls_context(ca_bundle),
    )


_NO_PROXY = (
    "--proxy is not a URL of a proxy; write http://HOST:PORT or https://HOST:PORT, or "
    "http://USER:PASSWORD@HOST:PORT with signs such as @, / and # percent-encoded (%40, %2F, %23)"
)
