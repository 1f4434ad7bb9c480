"""What of a request and its answer may be shown: no secret, and nothing of a user."""

import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import assert_never
from urllib.parse import unquote_plus, urlsplit

from reconciler.domain.http_reply import Answer, NoAnswer, Reply
from reconciler.domain.redaction import REDACTED
from reconciler.occurrences import RequestEnded

# The headers whose values are shown, those of an answer where they have the form that they should
# have; what else comes or goes is named.
_REQUEST = frozenset((
    "accept", "accept-encoding", "content-type", "if-match", "user-agent", "webhook-id",
    "webhook-timestamp", "x-github-api-version",
))  # fmt: skip
_NUMBER = re.compile(r"[0-9]{1,9}")
_DATE = re.compile(r"[A-Z][a-z]{2}, [0-9]{2} [A-Z][a-z]{2} [0-9]{4} [0-9:]{8} GMT")
_SOON = re.compile(rf"[0-9]{{1,9}}(\.[0-9]{{1,3}})?|{_DATE.pattern}")
_TYPE = re.compile(r"[a-z]{1,20}/[a-z0-9.+-]{1,40}(; ?charset=\"?[A-Za-z0-9-]{1,12}\"?)?")
_WORDS = re.compile(r"[A-Za-z-]{1,24}(, ?[A-Za-z-]{1,24}){0,9}")
_CACHING = re.compile(r"[a-z-]{1,24}(=[0-9]{1,9})?(, ?[a-z-]{1,24}(=[0-9]{1,9})?){0,9}")
_ID = re.compile(r"[\w.:/=-]{1,100}", re.ASCII)
_RATE = re.compile(r"[0-9]{1,12}(\.[0-9]{1,6})?")
_ANSWER = {
    "age": _NUMBER,
    "allow": _WORDS,
    "cache-control": _CACHING,
    "connection": _WORDS,
    "content-encoding": _WORDS,
    "content-length": _NUMBER,
    "content-type": _TYPE,
    "date": _DATE,
    "last-modified": _DATE,
    "retry-after": _SOON,
    "transfer-encoding": _WORDS,
    "vary": _WORDS,
    **dict.fromkeys(
        (
            "correlation-id", "inin-correlation-id", "opc-request-id", "request-id",
            "x-correlation-id", "x-correlationid", "x-github-request-id", "x-request-id",
            "x-vcap-request-id",
        ),
        _ID,
    ),
}  # fmt: skip
_RATES = re.compile(r"(x-|inin-)?rate-?limit-[a-z-]+")
_NAMES = re.compile(r"[\w.:$-]+(,[\w.:$-]+)*", re.ASCII)
# Whether an attribute is there, and nothing of its value
_PRESENT = re.compile(r"\(*[\w.:$-]+ pr\)*( (and|or) (not )?\(*[\w.:$-]+ pr\)*)*", re.ASCII)
_PARAMETERS = {
    "startindex": _NUMBER,
    "count": _NUMBER,
    "attributes": _NAMES,
    "excludedattributes": _NAMES,
    "filter": _PRESENT,
    "per_page": _NUMBER,
    "page": _NUMBER,
}
_RESOURCE = re.compile(r"(?i)(/(?:users|groups)/)[^/]+")


def with_reply(ended: RequestEnded, reply: Reply, redact: Callable[[str], str]) -> RequestEnded:
    """The occurrence with what came; `redact` takes our credentials out of it."""
    match reply:
        case Answer(status, headers, body):
            answered = {
                redact(name): redact(value) if _is_known(name, value) else REDACTED
                for name, value in headers.items()
            }
            return replace(ended, status=status, received=len(body), answered=answered)
        case NoAnswer(reason=reason):
            return replace(ended, lost=reason)
        case _:
            assert_never(reply)


def shown_url(url: str, redact: Callable[[str], str]) -> str:
    """A URL without user name, ids of users, and values of parameters that are not known here."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return REDACTED
    path = _RESOURCE.sub(rf"\1{REDACTED}", redact(parts.path))
    query = "&".join(map(_parameter, parts.query.split("&"))) if parts.query else ""
    host = parts.netloc.rpartition("@")[2]
    return f"{parts.scheme}://{host}{path}{f'?{query}' if query else ''}"


def _parameter(text: str) -> str:
    name, _, value = text.partition("=")
    known = _PARAMETERS.get(name.lower())
    if known is None or not known.fullmatch(unquote_plus(value)):
        return f"{name if known else REDACTED}={REDACTED}"
    return text


def shown_headers(headers: Mapping[str, str]) -> dict[str, str]:
    """The headers of a request, by lower-case names."""
    return {
        name.lower(): value if name.lower() in _REQUEST else REDACTED
        for name, value in headers.items()
    }


def _is_known(name: str, value: str) -> bool:
    form = _RATE if _RATES.fullmatch(name) else _ANSWER.get(name)
    return form is not None and form.fullmatch(value) is not None
