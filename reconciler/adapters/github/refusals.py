"""The meaning of GitHub's answers, and the advice for each; the text of one decides little."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from reconciler.adapters.retrying import requested_wait
from reconciler.domain.http_reply import Answer, Loss, NoAnswer, Reply
from reconciler.domain.jsontext import Json, NotJson, parse
from reconciler.domain.redaction import Redaction
from reconciler.errors import GitHubError

_SICK = (408, 425, 500, 502, 503, 504)
_REASONS = 3  # of an answer that a message repeats
_MINUTE = 60.0  # to be waited where a rate limit does not say how long


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """A request as messages name it, the permission of a job that it needs, and its token."""

    method: str
    path: str
    permission: str
    redaction: Redaction

    def refused(self, reply: Reply) -> GitHubError:
        """The error that says why there is no result, and what would help."""
        return GitHubError(f"GitHub: {self.method} {self.path}: {self._reason(reply)}")

    def _reason(self, reply: Reply) -> str:
        if isinstance(reply, NoAnswer):
            untrusted = reply.loss is Loss.UNTRUSTED
            advice = f"check GITHUB_API_URL{'' if untrusted else ' and the network'}"
            return f"{reply.reason}; {reply.advice or advice}"
        status = reply.status
        if rate_limited(reply):
            return f"{status}, a rate limit of GitHub; run again later, and less often"
        if 300 <= status < 400:
            return f"{status}, it has moved, and a token never follows; correct GITHUB_REPOSITORY"
        if status >= 500 or status in _SICK:
            return f"{status}; run again later"
        if 200 <= status < 300:
            return f"{status}, but not the JSON that GitHub sends; check GITHUB_API_URL"
        # As much of GitHub's own text as is short and plain.
        texts = map(self.redaction.text, _messages(reply))
        plain = [t for t in texts if re.fullmatch(r"[\w ,.:;'()/…-]{1,200}", t)]
        quoted = f' "{": ".join(plain[:_REASONS])}"' if plain else ""
        return f"{status}{quoted}; {self._advice(status, _text(reply))}"

    def _advice(self, status: int, text: str) -> str:
        if status in (403, 422) and "locked" in text:
            return "the conversation is locked; unlock it, or close the pull request"
        if status == 422 and "too long" in text:
            return "the text is longer than GitHub takes; make it shorter"
        advice = _ADVICE.get(status, "GitHub refuses this request for good")
        return advice.replace("PERMISSION", f"`permissions: {self.permission}`")


_ADVICE = {
    401: "GITHUB_TOKEN is wrong or has expired; a job's token ends with its job",
    403: "the token may not do that; give the job PERMISSION. "
    "For a pull request from a fork the token can only read",
    404: "it is not there, or the token may not see it; check the number, GITHUB_REPOSITORY "
    "and the job's PERMISSION",
    410: "issues are switched off in this repository; switch them on in its settings",
    422: "GitHub does not take this request; check the number or the commit",
}


def rate_limited(answer: Answer) -> bool:
    """True where an answer says "not now": GitHub uses 403 for that as well as 429, GraphQL 200."""
    spent = answer.headers.get("x-ratelimit-remaining") == "0"
    if answer.status == 200 and spent:  # the last that was allowed, or one more
        body = document(answer)
        return isinstance(body, dict) and "errors" in body
    if answer.status == 403:
        limited = "rate limit" in _text(answer)
        return spent or limited or "retry-after" in answer.headers
    return answer.status == 429


def wait_for(answer: Answer, *, now: datetime) -> float | None:
    """Seconds until an answer that asks to come back may be another; None where it is final."""
    wait = requested_wait(answer, now=now)
    if not rate_limited(answer):
        return wait or 0.0 if answer.status in _SICK else None
    if wait is not None:
        return wait
    # Without Retry-After it is the time of the reset that counts, and without that a minute.
    reset = answer.headers.get("x-ratelimit-reset", "")
    spent = answer.headers.get("x-ratelimit-remaining") == "0"
    if spent and re.fullmatch(r"[0-9]{1,12}", reset):
        return max(1.0, float(reset) - now.timestamp())
    return _MINUTE


def unknown(reply: Reply) -> bool:
    """True where a POST may have been done or not: the answer was lost, or the server fell over."""
    if isinstance(reply, NoAnswer):
        return reply.loss in (Loss.LOST, Loss.TOO_LONG)
    return reply.status in _SICK or reply.status >= 500


def document(answer: Answer) -> Json:
    """The body as JSON; None where it is not."""
    try:
        return parse(answer.body)
    except NotJson:
        return None


def _text(answer: Answer) -> str:
    """All that GitHub says of an error, in small letters: to look for a word, not to show."""
    return " ".join(_messages(answer)).lower()


def _messages(answer: Answer) -> Iterator[str]:
    """The message, which may be no more than `Validation Failed`, and the reasons one by one."""
    body = document(answer)
    if not isinstance(body, dict):
        return
    errors = body.get("errors")
    reasons = errors if isinstance(errors, list) else []
    for part in (body, *reasons):
        text = part.get("message") if isinstance(part, dict) else None
        if isinstance(text, str):
            yield text
