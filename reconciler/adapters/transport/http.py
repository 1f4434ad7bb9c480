"""Http: one request, one deadline, one Reply.

Redirects, repeats, cookies, and the proxies and credentials of the environment do not exist here.
"""

import math
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import closing
from http.client import HTTPException
from typing import Self
from urllib.parse import urlsplit

import requests
from urllib3.exceptions import HTTPError

from reconciler import __version__
from reconciler.adapters.transport.line import (
    Adapter,
    ForbiddenRequest,
    HttpOptions,
    Line,
    Permit,
    is_loopback_name,
)
from reconciler.adapters.transport.losses import AddressRefused, Stage, Stopped, classify
from reconciler.domain.answer import Answer, Loss, NoAnswer, Reply

USER_AGENT = f"scim-schema-reconciler/{__version__}"
_CHUNK = 64 * 1024
_LOOK_AGAIN = 0.1  # seconds between two looks at whether the run is to end
_FAILURES = (
    requests.RequestException,
    HTTPError,
    HTTPException,
    OSError,
    UnicodeError,  # a header that http.client cannot encode
    AddressRefused,
    Stopped,
)


class Http:
    """Sends one request at a time; threads that share it wait for each other.

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
        self._options = options
        self._only = only
        self._blind = permit is not None and options.proxy is not None
        self._line = Line(permit, options)
        self._adapter = Adapter(options, methods, self._line)
        self._turn = threading.Lock()

    def send(
        self, method: str, url: str, *, headers: Mapping[str, str], body: bytes | None = None
    ) -> Reply:
        """Send once and give the whole answer, whatever its status, or say how it was lost.

        Never raises for what the network does; ForbiddenRequest is for what the caller does.
        """
        if self._only is not None and url != self._only:
            raise ForbiddenRequest("this Http is pinned to another URL")
        if reason := _refusal(url) or self._unseen(url):
            return NoAnswer(Loss.UNTRUSTED, reason)
        with self._turn:
            return self._send(method, url, headers, body)

    def close(self) -> None:
        """Close every connection that is kept open."""
        self._adapter.close()
        self._line.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _send(self, method: str, url: str, headers: Mapping[str, str], body: bytes | None) -> Reply:
        self._line.begin()
        watchdog = _Watchdog(self._options, self._line.cut)
        watchdog.start()
        try:
            reply = self._exchange(method, url, headers, body)
        except _FAILURES as error:
            reply = classify(error, self._line.stage)
        finally:
            watchdog.end()
            self._line.sweep()
        return self._late() if self._line.is_cut else reply

    def _exchange(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes | None
    ) -> Reply:
        request = requests.Request(method, url, headers=dict(headers), data=body).prepare()
        request.headers["Accept-Encoding"] = "identity"
        request.headers["User-Agent"] = USER_AGENT
        timeout = (
            self._options.connect_timeout,  # or less: the line knows what is left
            self._options.deadline + 1,  # the watchdog ends the request, and says so
        )
        with closing(self._adapter.send(request, stream=True, timeout=timeout)) as response:
            return self._read(response)

    def _read(self, response: requests.Response) -> Reply:
        headers = {name.lower(): value for name, value in response.headers.items()}
        encoding = headers.get("content-encoding", "identity").strip().lower()
        if encoding not in ("", "identity"):
            return NoAnswer(Loss.LOST, "the body came compressed, which was not asked for")
        body = bytearray()
        for chunk in response.raw.stream(_CHUNK, decode_content=False):
            body += chunk
            if len(body) > self._options.max_body:
                limit = f"{self._options.max_body} bytes"
                return NoAnswer(Loss.LOST, f"the body is longer than {limit}, the most we read")
        return Answer(response.status_code, headers, bytes(body))

    def _unseen(self, url: str) -> str | None:
        if self._blind and not is_loopback_name(urlsplit(url).hostname or ""):
            return "behind a proxy the address of the receiver cannot be checked"
        return None

    def _late(self) -> NoAnswer:
        sent = self._line.stage is Stage.SENT
        words = "no whole answer" if sent else "no connection"
        loss = Loss.LOST if sent else Loss.NOT_SENT
        if not math.isinf(self._options.left()):
            return NoAnswer(loss, f"{words} before the run was to end")
        return NoAnswer(loss, f"{words} within {self._options.deadline:g} seconds")


class _Watchdog(threading.Thread):
    """Cuts one request at its deadline, or when the run has no time left."""

    def __init__(self, options: HttpOptions, cut: Callable[[], None]) -> None:
        super().__init__(daemon=True)
        self._options = options
        self._cut = cut
        self._done = threading.Event()

    def run(self) -> None:
        ends = time.monotonic() + self._options.deadline
        while (left := min(ends - time.monotonic(), self._options.left())) > 0:
            if self._done.wait(min(left, _LOOK_AGAIN)):
                return
        self._cut()

    def end(self) -> None:
        """The request is over; waits until nothing more will be cut."""
        self._done.set()
        self.join()


def _refusal(url: str) -> str | None:
    """Why a URL is not asked at all: RFC 7644 section 7.1 wants TLS, and so do we."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return "that is no URL"
    if parts.username is not None or parts.password is not None:
        return "a URL with a user name in it is not asked"
    if not parts.hostname or parts.scheme not in ("http", "https"):
        return "only https URLs with a host are asked"
    if parts.scheme == "http" and not is_loopback_name(parts.hostname):
        return "plain http is for this machine's own loopback only; use https"
    return None
