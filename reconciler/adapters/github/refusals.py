"""The meaning of GitHub's answers, and the advice for each; the text of one decides little."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

from reconciler.adapters.retrying import requested_wait, wait_message
from reconciler.domain.http_reply import Answer, Loss, NoAnswer, Reply
from reconciler.domain.jsontext import Json, NotJson, parse
from reconciler.domain.records import rfc3339
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
            return f"{status}, a rate limit of GitHub{_until(reply)}"
        if 300 <= status < 400:
            return (
                f"{status}, it has moved, and a token never follows; "
                "correct GITHUB_REPOSITORY or GITHUB_API_URL"
            )
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
        advice = next(
            (each for statuses, part, each in _SPECIAL if status in statuses and part in text),
            _ADVICE.get(status, "GitHub refuses this request for good"),
        )
        named = "the commit" if "/commits/" in self.path else ""
        if re.search("/issues/[0-9]+/comments", self.path):
            named = "the number"
        return advice.format(
            permission=self.permission,
            named=named and f"{named}, ",
            check=named and f"; check {named}",
            pull=", and the number has to be that of one" if named == "the number" else "",
        )


_SPECIAL = (
    ((403, 422), "locked", "the conversation is locked; unlock it, or close the pull request"),
    ((422,), "too long", "the text is longer than GitHub takes; make it shorter"),
    ((410,), "deleted", "it was deleted{check}"),
    ((403,), "archived", "it has to be unarchived before anything can be written there"),
    ((403,), "saml", "authorize the token for the organization, or take that of a job"),
    ((403,), "ip allow list", "have the organization allow the address of this machine"),
    ((403,), "personal access token", "give the token itself the permission {permission}"),
)
"""What GitHub says of a status, in small letters, where that decides what helps."""
_ADVICE = {
    401: "GITHUB_TOKEN is wrong or has expired; a job's token ends with its job",
    403: "the token may not do that; give the job `permissions: {permission}`. For a pull request "
    "from a fork the token can only read{pull}",
    404: "it is not there, or the token may not see it; check {named}GITHUB_REPOSITORY "
    "and the job's `permissions: {permission}`",
    410: "issues are switched off in this repository; switch them on in its settings",
    422: "GitHub does not take this request{check}",
}


def _until(answer: Answer) -> str:
    """The advice of a rate limit: the end of it, where it is known."""
    if (wait := wait_message(answer)) is not None:
        return f"; {wait}; run again then"
    reset = _reset(answer)
    if reset is None:
        return "; run again later, and less often"
    return f", which ends at {rfc3339(datetime.fromtimestamp(reset, UTC))}; run again then"


def _reset(answer: Answer) -> int | None:
    """The time at which a limit that is spent ends, in seconds since 1970."""
    reset = answer.headers.get("x-ratelimit-reset", "")
    spent = answer.headers.get("x-ratelimit-remaining") == "0"
    return int(reset) if spent and re.fullmatch(r"[0-9]{1,10}", reset) else None


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
    reset = _reset(answer)
    return _MINUTE if reset is None else max(1.0, reset - now.timestamp())


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
