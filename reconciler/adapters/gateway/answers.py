"""What a service's answer means for a person: its own words, the error it is, and what to do."""

import re
from dataclasses import dataclass

from reconciler.adapters.retrying import asked_words
from reconciler.domain.http_reply import Answer, Loss, NoAnswer, Reply
from reconciler.domain.jsontext import Json, NotJson, parse
from reconciler.domain.redaction import Redaction
from reconciler.domain.scim import fold
from reconciler.errors import (
    AnswerUnreadable,
    CredentialsRefused,
    PermissionRefused,
    TenantError,
    TenantRefused,
    TenantUnavailable,
    TenantUntrusted,
)

LONGEST_DETAIL = 200
_MOST_DETAIL = 64 * 1024  # characters that are looked at
_PERMISSION_HINT = "ask the service's administrator to let the client read and write SCIM schemas"


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """One request as messages name it: no query, no header, no body.

    `redaction` is of who asked, for some services echo what they were sent. `lists`
    is True where its list of schemas has answered: then the base URL is right.
    """

    method: str
    path: str
    permission_hint: str
    redaction: Redaction
    renewable: bool  # whether a 401 has met a new token too
    lists: bool = False

    def __str__(self) -> str:
        return f"{self.method} {self.path}"


def read_error(asked: Asked, reply: Reply, *, collection: bool) -> TenantError:
    """The error that a reply to GET ends in; `collection` is a 404 or 200 of all of /Schemas."""
    if isinstance(reply, NoAnswer):
        return _lost(asked, reply)
    said = f"{asked}: {what_came(asked, reply)}"
    if (advice := common_advice(asked, reply.status)) is not None:
        return _KIND.get(reply.status, TenantUntrusted)(f"{said}; {advice}")
    if reply.status in (408, 425, 429) or (reply.status >= 500 and reply.status != 501):
        return TenantUnavailable(f"{said}; {_when(reply)}")
    if reply.status < 300:
        return unreadable(asked, reply, "what came is no SCIM answer")
    if collection and reply.status == 404:
        return TenantRefused(f"{said}; spec.baseUrl is probably wrong")
    advice = "" if asked.lists else "; check that spec.baseUrl and spec.dialect fit the service"
    return TenantRefused(f"{said}{advice}")


def common_advice(asked: Asked, status: int) -> str | None:
    """What to do about an answer that means the same for reads and writes; None for others."""
    if 300 <= status < 400:
        advice = "" if asked.lists else "; write the final address as spec.baseUrl"
        return f"redirects are not followed{advice}"
    if status == 401:
        if asked.renewable:
            return "the token is not accepted, a new one neither; check spec.auth"
        return "what spec.auth names is not accepted; check that it is right and not expired"
    if status == 403:
        return asked.permission_hint or _PERMISSION_HINT
    return None


def what_came(asked: Asked, answer: Answer) -> str:
    """The status, `scimType` and the service's own words, on one line: `409 uniqueness: «…»`."""
    code, detail = own_words(answer)
    if not re.fullmatch(r"[\w.-]{1,40}", code, re.ASCII):
        code = ""
    if not detail and _is_html(answer):
        return f"{answer.status} with {_html(asked, answer)}"
    if asked.redaction.message(code) != code:
        code = ""
    shown = _masked(detail, asked.redaction)
    return f"{answer.status}{f' {code}' if code else ''}{f': «{shown}»' if shown else ''}"


def own_words(answer: Answer) -> tuple[str, str]:
    """A short code and a sentence, from the bodies of SCIM, OAuth, Genesys, SAP, WSO2 and others.

    Of errors only: a success carries a schema, whose description is no word about the request.
    """
    if answer.status < 400:
        return "", ""
    document = _document(answer)
    nested = document.get("error")
    if isinstance(nested, dict):
        document = nested
    code = _first(document, "scimType", "error", "code", "errorCode")
    detail = _first(
        document, "detail", "description", "error_description", "errorSummary", "message"
    )
    return code, detail


def unreadable(asked: Asked, answer: Answer, reason: str) -> AnswerUnreadable:
    """An answer came that holds no schema where one should be; `reason` says what is wrong."""
    found = f"{_html(asked, answer)} came instead of JSON" if _is_html(answer) else reason
    advice = "" if asked.lists else "; check that spec.baseUrl is the SCIM base URL"
    return AnswerUnreadable(f"{asked}: {answer.status}, but {found}{advice}")


def _when(answer: Answer) -> str:
    """What the service asked for; a wait that is too long is not waited for in this run."""
    if (asked := asked_words(answer)) is not None:
        return f"{asked}; run again after that"
    return "also after several tries; run again later"


def is_scim_error(answer: Answer) -> bool:
    """Whether the body is an Error resource, RFC 7644 section 3.12."""
    document = _document(answer)
    schemas = document.get("schemas")
    return isinstance(schemas, list) and any(
        isinstance(urn, str) and fold(urn).endswith(":messages:2.0:error") for urn in schemas
    )


_KIND: dict[int, type[TenantError]] = {401: CredentialsRefused, 403: PermissionRefused}


def _lost(asked: Asked, reply: NoAnswer) -> TenantError:
    if reply.loss is Loss.UNTRUSTED:
        return TenantUntrusted(f"{asked}: {reply.reason}; check spec.baseUrl and --ca-bundle")
    advice = reply.advice or "check spec.baseUrl and the network, then run again"
    return TenantUnavailable(f"{asked}: {reply.reason}; {advice}")


def _document(answer: Answer) -> dict[str, Json]:
    try:
        document = parse(answer.body)
    except NotJson:
        return {}
    return document if isinstance(document, dict) else {}


def _first(document: dict[str, Json], *members: str) -> str:
    words = (document.get(member) for member in members)
    return next((word for word in words if isinstance(word, str) and word), "")


def _masked(text: str, redaction: Redaction) -> str:
    """One line without control characters or credentials, and not longer than it need be."""
    if len(text) > _MOST_DETAIL:  # half a secret that stands at the cut is not known as one
        text = redaction.message(text[:_MOST_DETAIL])[: -_MOST_DETAIL // 8]
    else:
        text = redaction.message(text)
    text = re.sub(r"(?i)\b(bearer|basic)\s+[\w.~+/=-]{8,}", r"\1 …", text)
    line = "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)
    return line if len(line) <= LONGEST_DETAIL else line[: LONGEST_DETAIL - 1] + "…"


def _is_html(answer: Answer) -> bool:
    kind = answer.headers.get("content-type", "").lower()
    return "html" in kind or answer.body.lstrip()[:1] == b"<"


def _html(asked: Asked, answer: Answer) -> str:
    text = answer.body[:4096].decode("utf-8", "replace")
    title = re.search(r"<title[^>]*>([^<]{1,80})", text, re.IGNORECASE)
    return (
        f"an HTML page «{_masked(title[1].strip(), asked.redaction)}»" if title else "an HTML page"
    )
