"""An HTTP reply, or why there is none, and as one table what it proves and what to do next.

A write whose answer was lost is unknown, never failed (RFC 9110 section 9.2.2).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


class Loss(StrEnum):
    """The ways in which a request ends without an answer."""

    NOT_SENT = "not-sent"  # DNS, connection refused, connect timeout, proxy not reached
    UNTRUSTED = "untrusted"  # the TLS peer could not be verified, or a proxy refuses the way
    TOO_LONG = "too-long"  # an answer came, and more of it than is read
    LOST = "lost"  # reset, timeout, deadline or a short body after the request was sent


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole HTTP answer; header names are lower case, the body is not decoded."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def has_content(self) -> bool:
        """True of a 200, and of a 203, which is one that a proxy has changed (RFC 9110 15.3.4)."""
        return self.status in (200, 203)


@dataclass(frozen=True, slots=True)
class NoAnswer:
    """No whole HTTP answer; `reason` is our own text and holds no URL query or body.

    `advice` is what would help, where it is known. `is_ours` is True where this process could not
    send, which tells nothing about anybody else.
    """

    loss: Loss
    reason: str
    advice: str | None = None
    is_ours: bool = False

    @property
    def message(self) -> str:
        """The reason, with what would help."""
        return f"{self.reason}; {self.advice}" if self.advice else self.reason


Reply = Answer | NoAnswer


class Applied(StrEnum):
    """The proof that a reply is of a write."""

    CLAIMED = "claimed"
    NO = "no"
    UNKNOWN = "unknown"


class Next(StrEnum):
    """The step after a reply."""

    VERIFY = "verify"  # read by id and compare; for a read: use the answer
    READ = "read"  # read by id to learn whether it was done, then decide
    RETRY = "retry"  # not done: wait, read by id, send again
    RENEW_TOKEN = "renew-token"  # noqa: S105 — a word of ours, no secret
    STOP = "stop"  # more requests would only make noise


@dataclass(frozen=True, slots=True)
class Verdict:
    """One row of the table."""

    applied: Applied
    next: Next


def judge_write(reply: Reply) -> Verdict:
    """Judge a reply to POST, PUT or PATCH; an unreadable 2xx body changes nothing here.

    Every 2xx is only a claim: what counts is what a GET by id finds afterwards.
    """
    if isinstance(reply, NoAnswer):
        return _NO_ANSWER[reply.loss]
    status = reply.status
    if 200 <= status < 300:
        return Verdict(Applied.CLAIMED, Next.VERIFY)
    if status in _WRITE_STATUS:
        return _WRITE_STATUS[status]
    if 400 <= status < 500:
        return Verdict(Applied.NO, Next.STOP)
    return Verdict(Applied.UNKNOWN, Next.READ)  # 3xx, 5xx and what HTTP does not know


def judge_read(reply: Reply) -> Next:
    """Judge a reply to GET, or to the request for a token: use it, ask again, renew, or stop."""
    if isinstance(reply, NoAnswer):
        return Next.STOP if reply.loss in (Loss.UNTRUSTED, Loss.TOO_LONG) else Next.RETRY
    if reply.status == 401:
        return Next.RENEW_TOKEN
    if reply.status in (408, 425, 429, 500, 502, 503, 504):
        return Next.RETRY
    return Next.VERIFY if reply.has_content else Next.STOP


_NO_ANSWER = {
    Loss.NOT_SENT: Verdict(Applied.NO, Next.RETRY),
    Loss.UNTRUSTED: Verdict(Applied.NO, Next.STOP),
    Loss.TOO_LONG: Verdict(Applied.UNKNOWN, Next.READ),
    Loss.LOST: Verdict(Applied.UNKNOWN, Next.READ),
}
_WRITE_STATUS = {
    401: Verdict(Applied.NO, Next.RENEW_TOKEN),
    408: Verdict(Applied.NO, Next.RETRY),
    409: Verdict(Applied.NO, Next.READ),  # somebody has it: equal is adopted, else a conflict
    425: Verdict(Applied.NO, Next.RETRY),
    429: Verdict(Applied.NO, Next.RETRY),
    501: Verdict(Applied.NO, Next.STOP),
}
