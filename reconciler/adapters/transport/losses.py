"""The fate of a request that ended in an error: not sent, not trusted, or perhaps answered."""

import re
import ssl
from enum import Enum, auto
from http.client import BadStatusLine, RemoteDisconnected

import requests
from urllib3.exceptions import (
    ConnectTimeoutError,
    NameResolutionError,
    NewConnectionError,
)

from reconciler.adapters.transport.certificates import CertificateUnusable
from reconciler.adapters.transport.descriptors import ADVICE, limit, shortage, shortage_in
from reconciler.domain.http_reply import Loss, NoAnswer

TLS_ALERT = "\x15\x03"  # the type of the record and its version, RFC 8446 section 5.1


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


class TlsCame(RemoteDisconnected):
    """An alert of TLS came in answer to plain HTTP."""


class ProxyFailed(Exception):
    """No way by a proxy; the message is its name, the cause says why."""


class Stopped(Exception):
    """The run had come to an end before the request left; the message says by what."""


STORE_FAILED = "the state store had failed before it was sent, and nothing may go unrecorded"


def classify(  # noqa: PLR0911 — a table by its order
    error: Exception, stage: Stage, *, certificate_shown: bool = False
) -> NoAnswer:
    """Decide whether a request that ended in an error was sent: its stage first, then its causes.

    requests has one ConnectionError for a refused connection and for one that was dropped after
    the request was sent, and an SSLError may come at any time; only what they wrap shows more.
    """
    if isinstance(error, Stopped):
        return NoAnswer(Loss.NOT_SENT, str(error))
    causes = _causes(error)
    proxy = next((str(cause) for cause in causes if isinstance(cause, ProxyFailed)), None)
    # With TLS 1.3 it comes only after the first bytes have left; who sends it takes none of them.
    if proxy is None and _is_about_our_certificate(causes):
        why = _CERTIFICATE_REFUSED if certificate_shown else _CERTIFICATE_WANTED
        return NoAnswer(Loss.UNTRUSTED, *why)
    # Whatever the error looks like: after the first byte it may have been done.
    if stage is Stage.SENT:
        return NoAnswer(Loss.LOST, *_why_lost(causes))
    if (short := next(filter(None, map(_why_short, causes)), None)) is not None:
        return NoAnswer(Loss.NOT_SENT, short, ADVICE, is_ours=True)
    if proxy is not None:
        return _failed_proxy(proxy, causes)
    # Only as the error itself; as a cause it comes of a name that is not known.
    if isinstance(error, UnicodeError):
        return NoAnswer(Loss.UNTRUSTED, _UNWRITABLE)
    if untrusted := next(filter(None, map(_why_untrusted, causes)), None):
        return NoAnswer(Loss.UNTRUSTED, *untrusted)
    not_sent = next(filter(None, map(_why_not_sent, causes)), None)
    # An error that nobody knows, over a connection that may have been used: the careful answer.
    if not_sent is None and stage is not Stage.CONNECTING:
        return NoAnswer(Loss.LOST, *_why_lost(causes))
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


Explained = tuple[str, str | None]
"""A reason, and what would help, where it is known."""


def _why_lost(causes: list[BaseException]) -> Explained:
    if _speaks_tls(causes):
        return "what listens there speaks TLS", "write https:// in the URL"
    if any(isinstance(cause, TimeoutError) for cause in causes):
        return "the answer did not come in time", None
    if any(isinstance(cause, ConnectionResetError | BrokenPipeError) for cause in causes):
        return "the connection was reset before the whole answer came", None
    return "the connection ended before a whole answer came, or what came is not HTTP", None


def _speaks_tls(causes: list[BaseException]) -> bool:
    """Test whether the answer to plain HTTP was an alert of TLS."""
    return any(
        isinstance(cause, TlsCame)
        or (isinstance(cause, BadStatusLine) and str(cause.args[0]).startswith(TLS_ALERT))
        for cause in causes
    )


def _failed_proxy(name: str, causes: list[BaseException]) -> NoAnswer:
    """The reason why a proxy is no way to the host: itself, or what it answered to CONNECT."""
    proxy = f"the proxy {name}"
    for cause in causes:
        answered = re.match(_TUNNEL, str(cause)) if isinstance(cause, OSError) else None
        if answered is not None:
            status = int(answered[1])
            loss = Loss.UNTRUSTED if 300 <= status < 500 else Loss.NOT_SENT
            advice = _PROXY_STATUS.get(status) or _PROXY_STATUS[status // 100 * 100]
            return NoAnswer(loss, f"{proxy} answered {status}, and made no connection", advice)
    if _is_about_our_certificate(causes):
        return NoAnswer(Loss.UNTRUSTED, f"{proxy} demands a client certificate", _NONE_FOR_A_PROXY)
    if untrusted := next(filter(None, map(_why_untrusted, causes)), None):
        if untrusted[0] == _NO_TLS:
            return NoAnswer(
                Loss.UNTRUSTED, f"{proxy} does not speak TLS", "write http:// in --proxy"
            )
        reason, helps = untrusted
        return NoAnswer(Loss.UNTRUSTED, f"{proxy}: {reason}", helps)
    if _speaks_tls(causes):
        return NoAnswer(Loss.UNTRUSTED, f"{proxy} speaks TLS", "write https:// in --proxy")
    why = next(filter(None, map(_why_not_sent, causes)), None)
    why = why or "it ended the connection, or what it answered is not HTTP"
    return NoAnswer(Loss.NOT_SENT, f"{proxy}: {why}", PROXY_ADVICE)


_TUNNEL = "Tunnel connection failed: ([1-5][0-9]{2})"
_NONE_FOR_A_PROXY = "no proxy is shown one: ask those who run it for a way in without it"
PROXY_ADVICE = "check --proxy (RECONCILER_PROXY), and ask those who run the proxy"
_PROXY_STATUS = {
    **dict.fromkeys(
        (401, 407),  # tinyproxy says 401 of a wrong password
        "give --proxy the user name and the password that it wants: "
        "http://USER:PASSWORD@HOST:PORT, with signs such as @ percent-encoded (%40)",
    ),
    100: PROXY_ADVICE,
    200: PROXY_ADVICE,
    300: "name in --proxy what it leads to: it may want a person to log in first",
    400: "ask those who run it to let this host and port through, or leave --proxy out",
    500: "it did not reach the host: look at the host of the URL, and ask those who run the proxy",
}


def _why_untrusted(cause: BaseException) -> Explained | None:
    match cause:
        case AddressRefused() | CertificateUnusable():
            is_ours = isinstance(cause, CertificateUnusable)
            return str(cause), "check spec.auth.certificate" if is_ours else None
        case requests.exceptions.InvalidURL() | requests.exceptions.InvalidHeader():
            return _UNWRITABLE, None
        case ssl.SSLCertVerificationError():
            why = str(getattr(cause, "verify_message", "")).lower().rstrip(".")
            reason = f"its certificate is not accepted{': ' * bool(why)}{why}"
            return reason, _CERTIFICATES.get(getattr(cause, "verify_code", 0), _OTHER_CERTIFICATE)
        case ssl.SSLEOFError() | ssl.SSLZeroReturnError() | ssl.SSLSyscallError():
            return None  # cut during the handshake, which says nothing about who it is
        case ssl.SSLError():
            return _TLS.get(_tls_reason(cause), _NO_COMMON_TLS)
        case _:
            return None


def _tls_reason(cause: BaseException) -> str:
    """OpenSSL's name for what happened; empty for other errors."""
    return str(getattr(cause, "reason", "")) if isinstance(cause, ssl.SSLError) else ""


_ABOUT_OUR_CERTIFICATE = (
    "SSLV3_ALERT_BAD_CERTIFICATE",
    "SSLV3_ALERT_CERTIFICATE_EXPIRED",
    "SSLV3_ALERT_CERTIFICATE_REVOKED",
    "SSLV3_ALERT_CERTIFICATE_UNKNOWN",
    "SSLV3_ALERT_UNSUPPORTED_CERTIFICATE",
    "TLSV1_ALERT_UNKNOWN_CA",
    "TLSV13_ALERT_CERTIFICATE_REQUIRED",
)


def _is_about_our_certificate(causes: list[BaseException]) -> bool:
    return any(_tls_reason(cause) in _ABOUT_OUR_CERTIFICATE for cause in causes)


_ONE_FOR_TENANTS = "spec.auth.certificate names one, for a tenant and its token endpoint alone"
_CERTIFICATE_WANTED = ("the server demands a client certificate", _ONE_FOR_TENANTS)
_NO_TLS = "what listens there does not speak TLS"
_NO_COMMON_TLS = (
    "no TLS 1.2 or later could be agreed on",
    "the service has to offer TLS 1.2 or 1.3, with ciphers that are still safe",
)
_CERTIFICATE_REFUSED = (
    "the server does not accept our client certificate",
    "check spec.auth.certificate: it may have expired, be of another authority, or lack a "
    "certificate between the two",
)
_TLS = {
    "WRONG_VERSION_NUMBER": (_NO_TLS, "check host and port of the URL"),
    "HTTP_REQUEST": (_NO_TLS, "check host and port of the URL"),
    "RECORD_LAYER_FAILURE": (_NO_TLS, "check host and port of the URL"),
    "PACKET_LENGTH_TOO_LONG": (_NO_TLS, "check host and port of the URL"),
    "SSLV3_ALERT_HANDSHAKE_FAILURE": (
        "the server refuses the handshake",
        f"it may demand a client certificate ({_ONE_FOR_TENANTS}), or want TLS that is older "
        "than 1.2",
    ),
    "TLSV1_UNRECOGNIZED_NAME": ("the server knows no such host", "check the host of the URL"),
    "TLSV1_ALERT_ACCESS_DENIED": (
        "the server refuses us",
        "ask those who run it who may come, and with which client certificate "
        f"({_ONE_FOR_TENANTS})",
    ),
}
_RENEW = (
    "those who run it have to renew it, no option helps; compare the clock of this machine as well"
)
_NEW_AUTHORITY = (
    "name the certificate of its authority with --ca-bundle FILE, if you trust it (a proxy that "
    "opens TLS has its own authority), or have the server send all certificates between the two"
)
_ANOTHER_NAME = "check the host of the URL: it has to be a name that is in the certificate"
_OTHER_CERTIFICATE = "ask those who run it; --ca-bundle FILE says which authorities are trusted"
_CERTIFICATES = {  # by the codes of X509_verify_cert_error_string(3)
    9: "it begins later: compare the clock of this machine",
    10: _RENEW,
    18: "it is its own authority: name it with --ca-bundle FILE, if you trust it",
    **dict.fromkeys((2, 19, 20, 21), _NEW_AUTHORITY),
    **dict.fromkeys((62, 64), _ANOTHER_NAME),
}


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
        case _:
            return None
