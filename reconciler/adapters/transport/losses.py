"""The fate of a request that ended in an error: not sent, not trusted, or perhaps answered."""

import ssl
from enum import Enum, auto
from http.client import RemoteDisconnected

import requests
from urllib3.exceptions import (
    ConnectTimeoutError,
    NameResolutionError,
    NewConnectionError,
    ProxyError,
)

from reconciler.adapters.transport.descriptors import ADVICE, limit, shortage, shortage_in
from reconciler.domain.http_reply import Loss, NoAnswer


class Stage(Enum):
    """The point that a request certainly reached."""

    BEGUN = auto()  # nothing is known
    CONNECTING = auto()  # a new connection is being made, so nothing of the request is on it
    SENT = auto()  # its first bytes may have left


class AddressRefused(Exception):
    """The connection was made, and closed again: its other end is not permitted."""


class NoneFree(Exception):
    """All connections that there are descriptors for were in use, for as long as it had time."""


class NothingCame(RemoteDisconnected):
    """The connection ended before the first byte of an answer."""


class Stopped(Exception):
    """The run had come to an end before the request left; the message says by what."""


STORE_FAILED = "the state store had failed before it was sent, and nothing may go unrecorded"


def classify(error: Exception, stage: Stage) -> NoAnswer:
    """Decide whether a request that ended in an error was sent: its stage first, then its causes.

    requests has one ConnectionError for a refused connection and for one that was dropped after
    the request was sent, and an SSLError may come at any time; only what they wrap shows more.
    """
    if isinstance(error, Stopped):
        return NoAnswer(Loss.NOT_SENT, str(error))
    causes = _causes(error)
    # Whatever the error looks like: after the first byte it may have been done.
    if stage is Stage.SENT:
        return NoAnswer(Loss.LOST, _why_lost(causes))
    if (short := next(filter(None, map(_why_short, causes)), None)) is not None:
        return NoAnswer(Loss.NOT_SENT, short, ADVICE)
    # Only as the error itself; as a cause it comes of a name that is not known.
    unwritable = _UNWRITABLE if isinstance(error, UnicodeError) else None
    if untrusted := unwritable or next(filter(None, map(_why_untrusted, causes)), None):
        return NoAnswer(Loss.UNTRUSTED, untrusted)
    not_sent = next(filter(None, map(_why_not_sent, causes)), None)
    # An error that nobody knows, over a connection that may have been used: the careful answer.
    if not_sent is None and stage is not Stage.CONNECTING:
        return NoAnswer(Loss.LOST, _why_lost(causes))
    return NoAnswer(Loss.NOT_SENT, not_sent or "the connection was cut while it was being made")


_UNWRITABLE = "the URL or a header cannot be written as HTTP"


def nothing_came(error: Exception) -> bool:
    """Test whether the connection ended before the first byte of an answer."""
    return any(isinstance(cause, NothingCame) for cause in _causes(error))


def _causes(error: BaseException) -> list[BaseException]:
    """The error and all that it wraps: as an argument, as `reason`, or as its cause."""
    found: list[BaseException] = []
    waiting: list[object] = [error]
    while waiting:
        link = waiting.pop(0)
        if isinstance(link, BaseException) and link not in found:
            found.append(link)
            waiting += [*link.args, getattr(link, "reason", None), link.__cause__]
    return found


def _why_lost(causes: list[BaseException]) -> str:
    if any(isinstance(cause, TimeoutError) for cause in causes):
        return "the answer did not come in time"
    if any(isinstance(cause, ConnectionResetError | BrokenPipeError) for cause in causes):
        return "the connection was reset before the whole answer came"
    return "the connection ended before a whole answer came, or what came is not HTTP"


def _why_untrusted(cause: BaseException) -> str | None:
    match cause:
        case AddressRefused():
            return str(cause)
        case requests.exceptions.InvalidURL() | requests.exceptions.InvalidHeader():
            return _UNWRITABLE
        case ssl.SSLCertVerificationError():
            why = str(getattr(cause, "verify_message", "")).lower().rstrip(".")
            return f"its certificate is not accepted{': ' * bool(why)}{why}"
        case ssl.SSLEOFError() | ssl.SSLZeroReturnError() | ssl.SSLSyscallError():
            return None  # cut during the handshake, which says nothing about who it is
        case ssl.SSLError():
            return "no TLS 1.2 or later could be agreed on"
        case _:
            return None


def _why_short(cause: BaseException) -> str | None:
    """The message where it was this process that had no file descriptor for the connection."""
    match cause:
        case NoneFree():
            return (
                "no connection was free in time, and file descriptors are short: "
                f"this process may open {limit()} (ulimit -n)"
            )
        case NameResolutionError():
            return shortage()
        case _:
            return shortage_in(cause)


def _why_not_sent(cause: BaseException) -> str | None:
    match cause:
        case NameResolutionError():
            return "the host name is not known"
        case NewConnectionError():
            return "the connection was refused or the host cannot be reached"
        case ConnectTimeoutError() | requests.exceptions.ConnectTimeout():
            return "the host did not accept a connection in time"
        case ProxyError():  # before a tunnel through it stands
            return "the proxy could not be reached or would not connect"
        case OSError() if str(cause).startswith("Tunnel connection failed"):
            return "the proxy could not be reached or would not connect"
        case _:
            return None
