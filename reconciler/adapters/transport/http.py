"""Http: one request, one deadline, one Reply.

Redirects, repeats of what was answered, cookies, and the proxies and credentials of the
environment do not exist here.
"""

import math
import time
from collections.abc import Mapping
from contextlib import closing, suppress
from http.client import HTTPException
from typing import Self
from urllib.parse import urlsplit

import requests
from urllib3.exceptions import HTTPError

from reconciler.adapters.transport.adapter import Adapter, Passage, prepared
from reconciler.adapters.transport.certificates import CertificateUnusable
from reconciler.adapters.transport.connections import require_usable
from reconciler.adapters.transport.exchange import Exchange
from reconciler.adapters.transport.losses import (
    STORE_FAILED,
    AddressRefused,
    NoneFree,
    ProxyFailed,
    Stopped,
    classify,
    nothing_came,
)
from reconciler.adapters.transport.options import (
    ForbiddenRequest,
    HttpOptions,
    Permit,
)
from reconciler.adapters.transport.pool import Pool
from reconciler.domain.http_reply import Answer, Loss, NoAnswer, Reply
from reconciler.domain.loopback import is_loopback_host
from reconciler.occurrences import RequestEnded, attempt_under_way

_CHUNK = 64 * 1024
_REST = 0.5  # seconds for a body that nobody needs but the connection
_FAILURES = (
    requests.RequestException,
    HTTPError,
    HTTPException,
    OSError,
    UnicodeError,  # a header that http.client cannot encode
    AddressRefused,
    CertificateUnusable,
    NoneFree,
    ProxyFailed,
    Stopped,
)


class Http:
    """Sends requests, each over a connection that it borrows for that time; threads may share it.

    `methods` are all that it can send, enforced where the request would leave. `only` pins it to
    one exact URL. Raises UsageError where the CA bundle or the proxy's URL cannot be used.
    """

    def __init__(
        self,
        options: HttpOptions,
        *,
        methods: frozenset[str],
        permit: Permit | None = None,
        only: str | None = None,
    ) -> None:
        if options.proxy or options.ca_bundle:
            require_usable(options.proxy, options.ca_bundle)
        self._options = options
        self._only = only
        self._permit = permit
        # A proxy resolves names itself, so nobody here sees which address a webhook reaches.
        self._blind = permit is not None and options.proxy is not None
        self._pool = options.pool or Pool()
        self._owns_pool = options.pool is None
        self._adapter = Adapter(methods, options)

    def send(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str],
        body: bytes | None = None,
        within: float = math.inf,
    ) -> Reply:
        """Send once and give the whole answer, whatever its status, or say how it was lost.

        `within` is how many seconds the caller has, where that is less than the deadline of all.
        A GET that met a connection which ended without a byte is sent once more, on a new one.
        Never raises for what the network does; ForbiddenRequest is for what the caller does.
        """
        if self._only is not None and url != self._only:
            raise ForbiddenRequest("this Http is pinned to another URL")
        observe, redact = self._options.observe, self._options.redact
        if observe is None:
            return self._exchange(method, url, headers, body, within)[0]
        from reconciler.adapters.transport.shown import shown_headers, shown_url, with_reply

        began = time.monotonic()
        reply, resent = self._exchange(method, url, headers, body, within)
        ended = RequestEnded(
            method=method,
            url=shown_url(url, redact),
            seconds=time.monotonic() - began,
            attempt=attempt_under_way(),
            sent=len(body or b""),
            resent=resent,
            headers=shown_headers(headers),
        )
        observe(with_reply(ended, reply, redact))
        return reply

    def close(self) -> None:
        """Close every connection that is kept open, unless it is shared with others."""
        if self._owns_pool:
            self._pool.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _exchange(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str],
        body: bytes | None,
        within: float,
    ) -> tuple[Reply, bool]:
        """The reply, and whether the request was sent twice for it."""
        if reason := _refusal(url, blind=self._blind):
            return NoAnswer(Loss.UNTRUSTED, reason), False
        # Before a connection is made for it, and once more in the moment in which it leaves
        if not self._options.may_send():
            return NoAnswer(Loss.NOT_SENT, STORE_FAILED), False
        patience = max(0.0, min(self._options.deadline, within))
        exchange = Exchange(self._options, self._permit, patience)
        with self._pool.minding(exchange):
            reply = self._send(exchange, method, url, headers, body)
            if reply is None:
                exchange.start_again()
                reply = self._send(exchange, method, url, headers, body)
            assert reply is not None
        # What is cut ends in whatever error the socket had just then; only a shortage of this
        # process is told as such.
        known = reply.is_ours if isinstance(reply, NoAnswer) else self._options.status_alone
        late = exchange.is_cut and not known
        return exchange.late() if late else reply, exchange.is_again

    def _send(
        self,
        exchange: Exchange,
        method: str,
        url: str,
        headers: Mapping[str, str],
        body: bytes | None,
    ) -> Reply | None:
        """One attempt; None where it may be made again."""
        passage = Passage(self._pool, exchange, fresh=exchange.is_again)
        whole = False
        try:
            request = prepared(method, url, headers, body, passage)
            with closing(self._adapter.send(request, stream=True)) as response:
                if self._options.status_alone:
                    exchange.hurry(_REST)
                    reply: Reply | None = _status_of(response)
                else:
                    reply = self._read(response)
                whole = response.raw.closed
        except _FAILURES as error:
            # docs/decisions.md, "A read may be sent twice by itself, a write never"
            again = method == "GET" and exchange.reused and nothing_came(error)
            shown = self._options.certificate is not None
            reply = classify(error, exchange.stage, certificate_shown=shown)
            if self._options.status_alone and exchange.status is not None:
                reply = Answer(exchange.status, {}, b"")
            elif again and not exchange.is_cut:
                reply = None
        finally:
            exchange.end()  # first, for after it the connection may be another's
            passage.end(whole=whole and not exchange.is_cut)
        return reply

    def _read(self, response: requests.Response) -> Reply:
        headers = _headers_of(response)
        body = bytearray()
        for chunk in response.raw.stream(_CHUNK, decode_content=False):
            body += chunk
            if len(body) > self._options.max_body:
                return self._too_long()
        transfer = headers.get("transfer-encoding", "chunked").lower()
        if body and ("content-encoding" in headers or transfer != "chunked"):
            return self._plain(response.status_code, headers, bytes(body))
        return Answer(response.status_code, headers, bytes(body))

    def _plain(self, status: int, headers: Mapping[str, str], body: bytes) -> Reply:
        # No request accepts it, and hardly any service sends it
        from reconciler.adapters.transport.codings import (
            PlainTooLong,
            Undecodable,
            codings_of,
            plain,
        )

        try:
            return Answer(status, headers, plain(body, codings_of(headers), self._options.max_body))
        except Undecodable as error:
            return NoAnswer(Loss.LOST, str(error), _COMPRESSED)
        except PlainTooLong:
            return self._too_long()

    def _too_long(self) -> NoAnswer:
        reason = f"the body is longer than {self._options.max_body} bytes, the most we read"
        if self._options.lifted_by:
            reason += f"; allow more with {self._options.lifted_by}"
        return NoAnswer(Loss.TOO_LONG, reason)


_COMPRESSED = "ask those who run the service, or a proxy before it, to send bodies as they are"


def _headers_of(response: requests.Response) -> dict[str, str]:
    return {name.lower(): value for name, value in response.headers.items()}


def _status_of(response: requests.Response) -> Answer:
    """The answer without its body, of which as much is read as a connection is worth."""
    with suppress(*_FAILURES):
        response.raw.read(_CHUNK, decode_content=False)
        response.raw.read(1, decode_content=False)  # the end of one that came in chunks
    return Answer(response.status_code, _headers_of(response), b"")


def _refusal(url: str, *, blind: bool) -> str | None:
    """The reason not to send to a URL at all: RFC 7644 section 7.1 wants TLS, and so do we."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return "that is no URL"
    if parts.username is not None or parts.password is not None:
        return "nothing is sent to a URL with a user name in it"
    if not parts.hostname or parts.scheme not in ("http", "https"):
        return "only https URLs with a host are taken"
    if parts.scheme == "http" and not is_loopback_host(parts.hostname):
        return "plain http is for this machine's own loopback only; use https"
    if blind and not is_loopback_host(parts.hostname):
        return "behind a proxy the address of the receiver cannot be checked"
    return None
