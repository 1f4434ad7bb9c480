"""The way through requests: its adapter, without the session that would add what nobody asked for.

Nothing here follows a redirect, keeps a cookie or looks into the environment for proxies,
authorities or a netrc file.
"""

import re
import ssl
from collections.abc import Mapping
from http.client import HTTPException
from urllib.parse import urlsplit

import requests
from requests.adapters import HTTPAdapter
from requests.structures import CaseInsensitiveDict
from requests.utils import check_header_validity
from urllib3 import BaseHTTPResponse, HTTPConnectionPool
from urllib3.exceptions import HTTPError

from reconciler import __version__
from reconciler.adapters.transport.connections import CuttableConnection, Route, proxy_name
from reconciler.adapters.transport.exchange import Exchange
from reconciler.adapters.transport.losses import ProxyFailed, Stage
from reconciler.adapters.transport.options import ForbiddenRequest, HttpOptions
from reconciler.adapters.transport.pool import LONGEST_IDLE, LONGEST_IDLE_FOR_WRITES, Pool
from reconciler.domain.loopback import is_loopback_host

USER_AGENT = f"scim-schema-reconciler/{__version__}"


class Passage:
    """One attempt at a request: it borrows a connection for it and gives it back.

    To requests it is a pool of urllib3's, of which it uses nothing but `urlopen`.
    """

    def __init__(self, pool: Pool, exchange: Exchange, *, fresh: bool) -> None:
        self._pool = pool
        self._exchange = exchange
        self._fresh = fresh
        self._connection: CuttableConnection | None = None
        self._spoilt = False
        self.route: Route | None = None

    def urlopen(  # noqa: PLR0913 — urllib3's own, of which only the request itself is heeded
        self,
        method: str,
        url: str,
        *,
        body: bytes | None,
        headers: Mapping[str, str],
        redirect: bool,
        assert_same_host: bool,
        preload_content: bool,
        decode_content: bool,
        retries: object,
        timeout: object,
        chunked: bool,
    ) -> BaseHTTPResponse:
        """Send, and give the answer with its body still to be read."""
        del redirect, assert_same_host, preload_content, decode_content, retries, timeout, chunked
        assert self.route is not None
        # A write that meets a connection just closed is lost, where a read is sent once more
        # (docs/decisions.md, "A read may be sent twice by itself, a write never").
        longest_idle = LONGEST_IDLE if method == "GET" else LONGEST_IDLE_FOR_WRITES
        connection = self._pool.lend(
            self.route, self._exchange, longest_idle=0.0 if self._fresh else longest_idle
        )
        self._connection = connection
        if connection.sock is None:
            self._exchange.stage = Stage.CONNECTING
            self._exchange.proxy = proxy_name(connection.proxy) if connection.proxy else None
            try:
                connection.connect()
            except (HTTPError, HTTPException, OSError) as error:
                # To the proxy or beyond it: a person has to know which of the two to look at.
                if connection.proxy and not connection.has_connected_to_proxy:
                    raise ProxyFailed(proxy_name(connection.proxy)) from error
                raise
        # The pool's thread ends what is late, and says so; urllib3's timeout is for each read.
        connection.timeout = self._exchange.patience + 1
        try:
            connection.request(
                method, url, body, headers, preload_content=False, decode_content=False
            )
        except (BrokenPipeError, ConnectionResetError, ssl.SSLEOFError):
            # A server that has seen enough answers before it has read all (413, 401, a certificate
            # that it does not accept) and closes its side: the answer is there to be read, and the
            # connection serves nobody else.
            self._spoilt = True
        return connection.getresponse()

    def end(self, *, whole: bool) -> None:
        """Give the connection back; it serves others only where the answer was read whole."""
        if self._connection is not None:
            assert self.route is not None
            usable = whole and not self._spoilt and self._connection.is_in_step
            self._pool.take_back(self.route, self._connection, usable=usable)
            self._connection = None


class RoutedRequest(requests.PreparedRequest):
    """A request that knows its passage."""

    passage: Passage


class Adapter(HTTPAdapter):
    """The one way out: it refuses methods, verifies always and knows one proxy or none."""

    def __init__(self, methods: frozenset[str], options: HttpOptions) -> None:
        self._methods = methods
        self._options = options
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
        """The request's passage, once it knows where to; loopback is never beyond a proxy."""
        del verify, proxies, cert  # what is trusted, and the proxy, are not the caller's to say
        assert isinstance(request, RoutedRequest)
        url = urlsplit(str(request.url))
        host = url.hostname or ""
        # To a proxy, loopback is the proxy's own machine.
        proxy = None if is_loopback_host(host) else self._options.proxy
        request.passage.route = Route(
            url.scheme, host, url.port, proxy, self._options.ca_bundle, self._options.certificate
        )
        return request.passage  # type: ignore[return-value]  # all that is used of it is there

    def cert_verify(self, conn: object, url: object, verify: object, cert: object) -> None:
        """Do nothing: the TLS context of the connections decides."""

    def request_url(
        self, request: requests.PreparedRequest, proxies: Mapping[str, str] | None
    ) -> str:
        """Path and query: what goes through a proxy goes through a tunnel."""
        del proxies
        return request.path_url

    def build_response(
        self, req: requests.PreparedRequest, resp: BaseHTTPResponse
    ) -> requests.Response:
        """The answer without what nobody here reads: cookies, an encoding, a reason."""
        response = requests.Response()
        response.status_code = resp.status
        response.headers = CaseInsensitiveDict(resp.headers)
        response.raw = resp
        response.url = str(req.url)
        response.request = req
        return response

    def init_poolmanager(
        self, connections: int, maxsize: int, block: bool = False, **_: object
    ) -> None:
        """Do nothing: connections come from the passage."""


def prepared(
    method: str, url: str, headers: Mapping[str, str], body: bytes | None, passage: Passage
) -> RoutedRequest:
    """The request as it goes out. Raises requests' errors for what HTTP cannot carry."""
    request = RoutedRequest()
    # requests takes each URL apart and puts it together again; a fleet has thousands that it would
    # leave as they are.
    if _PLAIN_URL.fullmatch(url):
        for header in headers.items():
            check_header_validity(header)
        request.method = method
        request.url = url
        request.headers = CaseInsensitiveDict(headers)
        request.body = body
        if body is not None or method != "GET":
            request.headers["Content-Length"] = str(len(body or b""))
    else:
        request.prepare(method=method, url=url, headers=dict(headers), data=body)
    # A body is measured as it comes: what is compressed may grow a thousandfold when it is read.
    request.headers["Accept-Encoding"] = "identity"
    request.headers["User-Agent"] = USER_AGENT
    request.passage = passage
    return request


# A URL that requests would leave as it is: no fragment, no segment of dots, nothing to be quoted,
# and nothing quoted that need not be.
_QUOTED = r"%(?:2[0-9A-CF]|3[A-F]|40|5[B-E]|60|7[BCDF]|[0189A-F][0-9A-F])"
_PLAIN_URL = re.compile(
    r"https?://[a-z0-9][a-z0-9.-]*(?::[1-9][0-9]{0,3}|:[1-5][0-9]{4})?"
    rf"(?:/(?!\.)(?:[A-Za-z0-9._~!$&'()*+,;=:@-]|{_QUOTED})*)+"
    rf"(?:\?(?:[A-Za-z0-9._~!$&'()*+,;=:@/-]|{_QUOTED})+)?"
)
