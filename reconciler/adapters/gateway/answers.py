"""The meaning of a service's answer for a person: its own text, the error it is, and what to do."""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass

from reconciler.adapters.retrying import wait_message
from reconciler.adapters.statuses import status_advice
from reconciler.domain.dialect import TrailingSlash
from reconciler.domain.foreign import Foreign
from reconciler.domain.http_reply import Answer, Loss, NoAnswer, Reply
from reconciler.domain.jsontext import Json, NotJson, parse_in_parts
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
_QUERY_DOUBT = "or it takes no startIndex and count, or fewer at once: doctor finds that out"
_NOT_THE_SERVICE = (
    "a page is as a rule the answer of a firewall or proxy before the service: ask who runs it"
)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class RequestName:
    """One request as messages name it: no query, no header, no body.

    `redaction` knows the credentials that it was sent with, for some services echo them. A 401 has
    met a new token too where it is `renewable`; the base URL is right where the list of schemas has
    answered, `lists`. `not_granted` are requested scopes that our token has not.
    """

    method: str
    base_url: str
    path: str
    permission_hint: str
    redaction: Redaction
    renewable: bool
    lists: bool = False
    has_query: bool = False
    not_granted: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"{self.method} {self.path}"


def read_error(request: RequestName, reply: Reply, *, collection: bool) -> TenantError:
    """The error that a reply to GET ends in; `collection` is a 404 or 200 of all of /Schemas."""
    if isinstance(reply, NoAnswer):
        return _lost(request, reply)
    message = f"{request}: {described(request, reply)}"
    doubt = "" if request.lists or not request.has_query else f"; {_QUERY_DOUBT}"
    if (advice := common_advice(request, reply)) is not None:
        doubt = doubt if reply.status == 403 else ""
        refused = TenantUntrusted if reply.status < 400 else TenantRefused
        return _KIND.get(reply.status, refused)(f"{message}; {advice}{doubt}")
    # 501 is an answer about the request, not about the service's health.
    if reply.status in (408, 425, 429) or (reply.status >= 500 and reply.status != 501):
        wait = wait_message(reply)
        when = f"{wait}; run again after that" if wait else "run again later"
        return TenantUnavailable(f"{message}; {when}")
    if reply.status < 300:
        came = "what came is no SCIM answer" if reply.body else "nothing came"
        return unreadable(request, reply, came)
    if collection and reply.status == 404:
        return TenantRefused(f"{message}; spec.baseUrl is probably wrong{doubt}")
    proven = request.lists or reply.status in _TOO_MUCH
    fits = "" if proven else "; check that spec.baseUrl and spec.dialect fit the service"
    return TenantRefused(f"{message}{fits}{doubt}")


def _lost(request: RequestName, reply: NoAnswer) -> TenantError:
    if reply.loss is Loss.UNTRUSTED:
        advice = reply.advice or "check spec.baseUrl"
        return TenantUntrusted(f"{request}: {reply.reason}; {advice}")
    if reply.loss is Loss.TOO_LONG:
        return AnswerUnreadable(f"{request}: {reply.reason}")
    place = "the network" if request.lists else "spec.baseUrl and the network"
    advice = reply.advice or f"check {place}, then run again"
    return TenantUnavailable(f"{request}: {reply.reason}; {advice}")


def common_advice(request: RequestName, answer: Answer) -> str | None:
    """The advice on an answer that means the same for reads and writes; None for others."""
    if 300 <= answer.status < 400:
        return f"redirects are not followed; {_redirect_advice(request, answer)}"
    if answer.status == 414 and "/Schemas/" in request.path:
        return "its address is longer than the service takes, as a rule for a long URN"
    if answer.status not in (401, 403):
        return status_advice(answer)
    if answer.status == 403 and _markup(answer) == _HTML:
        advice = _NOT_THE_SERVICE
    elif answer.status == 403:
        advice = request.permission_hint or _PERMISSION_HINT
    elif request.renewable:
        advice = "the token is not accepted, a new one neither; check spec.auth"
    else:
        advice = "what spec.auth names is not accepted; check that it is right and not expired"
    if request.not_granted:
        scopes = ", ".join(request.not_granted)
        return f"the token endpoint did not grant {scopes}, which spec.auth.scopes names; {advice}"
    return advice


def _redirect_advice(request: RequestName, answer: Answer) -> str:
    from reconciler.adapters.gateway.redirects import Redirect  # most runs meet none

    found = Redirect.of(answer, request.base_url, request.path)
    if found is None:
        return "this one names no address to go to"
    capability = f"write trailingSlash: {slash_of(request)} into spec.capabilities"
    if found.same_origin and found.same_path:
        slash = f"it differs by the slash at its end alone: {capability}"
        return slash if found.other_slash else "this one leads to the same address again"
    leads = f"it leads to {_masked(found.address, request.redaction, request.base_url)}"
    if found.by_slash or not found.safe:
        slash = f"as a rule for the slash at its end alone, from behind a proxy: {capability}"
        plain = "without TLS: ask for the https address of the service"
        return f"{leads}, {slash if found.by_slash else plain}"
    if request.lists:
        return leads
    if found.base_url is None:
        other = "which is no such address, as a rule a page to log in at"
        return f"{leads}, {other}: check spec.auth and spec.baseUrl"
    advice = f"write {_masked(found.base_url, request.redaction, request.base_url)} as spec.baseUrl"
    advice += f", and {capability}" if found.other_slash else ""
    other = ", another origin, where no credential is sent: if that is the service, "
    return advice if found.same_origin else leads + other + advice


def slash_of(request: RequestName) -> TrailingSlash:
    """The addresses that end with a slash where that of this request is to, or is not to."""
    is_list = request.path.rstrip("/").endswith("/Schemas")
    if request.path.endswith("/"):
        return TrailingSlash.NONE if is_list else TrailingSlash.LISTS
    return TrailingSlash.LISTS if is_list else TrailingSlash.ALL


def described(request: RequestName, answer: Answer) -> str:
    """The status, `scimType` and the service's own text, on one line: `409 uniqueness: "…"`."""
    code, detail = code_and_detail(answer)
    if not re.fullmatch(_CODE, code) or code == str(answer.status):
        code = ""
    if not detail and (kind := _markup(answer)):
        return f"{answer.status} with {_titled(kind, request, answer)}"
    if request.redaction.message(code) != code:
        code = ""
    shown = _masked(detail, request.redaction)
    quoted = f': "{shown}"' if shown else ""
    return f"{answer.status}{f' {code}' if code else ''}{quoted}"


def code_and_detail(answer: Answer) -> tuple[str, str]:
    """A short code and a sentence, from the bodies of SCIM, OAuth, Genesys, SAP, WSO2 and others.

    Of errors only: a success carries a schema, whose description is not about the request. The
    members are known here and in no dialect (docs/decisions.md, "The meaning of an error is data,
    the shape of its body is not").
    """
    if answer.status < 400 and not is_scim_error(answer):
        return "", ""
    found = [*_error_parts(_value(answer)), _challenge(answer)]
    details = dict.fromkeys(filter(None, (_first((part,), _DETAILS) for part in found)))
    code = _first(found, _CODES)
    if not details and not re.fullmatch(_CODE, code):
        details[code] = None
    return code, ": ".join(list(details)[:_MOST_SHOWN])


def _challenge(answer: Answer) -> Mapping[str, Json]:
    """What a 401 or 403 says in its header, often with no body at all (RFC 6750 section 3)."""
    found = {
        fold(name): re.sub(r"\\(.)", r"\1", quoted) or plain
        for name, quoted, plain in re.findall(
            _PARAMETER, answer.headers.get("www-authenticate", "")[:_LONGEST]
        )
    }
    reason, scope = found.get("error_description", ""), found.get("scope", "")
    if scope and found.get("error") == "insufficient_scope":
        reason = f"{reason}{', ' * bool(reason)}scope {scope}"
    return {"error": found.get("error", ""), "error_description": reason}


_LONGEST = 4096  # characters of a header that are looked at
_CODE = r"(?a)[\w.-]{1,40}"
_PARAMETER = r"""(?<![\w-])([\w-]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,"]+))"""
_CODES = ("scimtype", "error", "code", "errorcode")
_DETAILS = (
    "detail", "description", "error_description", "errordescription", "errorsummary",
    "errormessage", "message", "defaultmessage", "msg", "faultstring", "reason", "details", "title",
)  # fmt: skip
_NESTED = (
    "error", "errors", "errorcauses", "detail", "details", "errordetails", "message", "messages",
    "fault", "violations", "invalid-params",
)  # fmt: skip
_MOST_PARTS = 20  # of one error that are looked at
_MOST_SHOWN = 3


def _error_parts(value: Json) -> Iterator[Mapping[str, Json]]:
    """The objects that speak of an error, by folded names: the outer one first, then what it holds.

    One may be an array (scimono), hold others, or say more in the member of a vendor's schema.
    """
    waiting = [value]
    for _ in range(_MOST_PARTS):
        if not waiting:
            return
        part = waiting.pop(0)
        if isinstance(part, list):
            waiting[:0] = part[:_MOST_PARTS]
        elif isinstance(part, dict):
            folded = {fold(name): each for name, each in part.items()}
            yield folded
            nested = (folded[name] for name in _NESTED if name in folded)
            waiting += [each for each in nested if not isinstance(each, str)]
            waiting += _by_field(folded.get("errors"))
            waiting += [each for name, each in folded.items() if name.startswith("urn:")]
        elif isinstance(part, str):
            yield {"detail": part}


def _by_field(errors: Json) -> Iterator[str]:
    """The texts of errors that are listed by the field which they are about."""
    for field, texts in errors.items() if isinstance(errors, dict) else ():
        if isinstance(texts, list) and all(isinstance(text, str) for text in texts):
            yield f"{field}: {', '.join(texts)}"


def unreadable(
    request: RequestName, answer: Answer, *reason: str, own: str = ""
) -> AnswerUnreadable:
    """The error for an answer without a schema where one should be; `reason` is a Sentence.

    What stands in `own` is ours, whoever says it.
    """
    advice = "" if request.lists else "; check that spec.baseUrl is the SCIM base URL"
    if not request.lists and re.match(_BROKEN_JSON, answer.body) and reason[:1] == (NOT_JSON,):
        advice = "; ask those who run the service"
    if is_scim_error(answer):
        came = f"{described(request, answer)}, which is an error and no schema"
        return AnswerUnreadable(f"{request}: {came}{advice}")
    found = "".join(
        _masked(part, request.redaction, own) if isinstance(part, Foreign) else part
        for part in reason
    )
    if kind := _markup(answer):
        found = f"{_titled(kind, request, answer)} came instead of JSON"
    return AnswerUnreadable(f"{request}: {answer.status}, but {found}{advice}")


NOT_JSON = "the body is not JSON: "
_BROKEN_JSON = rb"[\xef\xbb\xbf\xfe\xff\0 \t\r\n]*[\[{]"


def is_scim_error(answer: Answer) -> bool:
    """Test whether the body is an Error resource, RFC 7644 section 3.12."""
    return any(
        isinstance(urn, str) and fold(urn).endswith(":messages:2.0:error")
        for part in _error_parts(_value(answer))
        if isinstance(schemas := part.get("schemas"), list)
        for urn in schemas
    )


_CHARSET = r'(?i)charset="?(utf-16(?:le|be)?|utf-32|iso-8859-1|iso-8859-15|windows-1252)\b'
_KIND: dict[int, type[TenantError]] = {
    401: CredentialsRefused,
    403: PermissionRefused,
    511: TenantUnavailable,
}
_TOO_MUCH = (413, 414)  # neither says that the address is another service's


def _value(answer: Answer) -> Json:
    text = _text(answer)
    try:  # of what JSON leaves to the reader, nothing keeps a text from being shown
        return parse_in_parts(text.encode())[0]
    except NotJson:
        is_text = answer.headers.get("content-type", "").lower().startswith("text/plain")
        return text[:_MOST_DETAIL].strip() if is_text else None


def _text(answer: Answer) -> str:
    """The body as it was meant, for credentials are known in it only then.

    RFC 8259 section 8.1 wants UTF-8 of JSON, which not every server before a service heeds.
    """
    declared = re.findall(_CHARSET, answer.headers.get("content-type", ""))[:1]
    for encoding in (json.detect_encoding(answer.body), *declared, "cp1252"):
        with suppress(UnicodeDecodeError):
            return answer.body.decode(encoding)
    return answer.body.decode("utf-8", "replace")


def _first(parts: Iterable[Mapping[str, Json]], members: Iterable[str]) -> str:
    """The first text that a part has in one of the members, the outer part first."""
    values = (part.get(member) for part in parts for member in members)
    return next((value for value in values if isinstance(value, str) and value), "")


def _masked(text: str, redaction: Redaction, own: str = "") -> str:
    """One line without control characters or credentials, and not longer than it need be."""
    if len(text) > _MOST_DETAIL:  # half a secret at the cut is not known as one, so more is cut
        text = redaction.message(text[:_MOST_DETAIL], own=own)[: -_MOST_DETAIL // 8]
    else:
        text = redaction.message(text, own=own)
    # Whatever looks like a credential, too: it may be one of a proxy or of another client.
    text = re.sub(r"(?i)\b(bearer|basic)\s+[\w.~+/=-]{8,}", r"\1 …", text)
    line = "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)
    return line if len(line) <= LONGEST_DETAIL else line[: LONGEST_DETAIL - 1] + "…"


def _markup(answer: Answer) -> str | None:
    """The kind of a body that is neither JSON nor text; None for others."""
    kind = answer.headers.get("content-type", "").lower()
    start = answer.body[:_MOST_OF_A_PAGE].lstrip().lower()
    if not start.startswith(b"<"):
        return _HTML if "html" in kind else None
    is_xml = "xml" in kind or start.startswith(b"<?xml")
    return _XML if is_xml and "html" not in kind and b"<html" not in start else _HTML


_HTML, _XML = "an HTML page", "an XML document"
_MOST_OF_A_PAGE = 4096


def _titled(kind: str, request: RequestName, answer: Answer) -> str:
    text = answer.body[:_MOST_OF_A_PAGE].decode("utf-8", "replace")
    title = re.search(r"<title[^>]*>([^<]*)<", text, re.IGNORECASE)  # one that is cut may hold half
    shown = _masked(" ".join(title[1].split()), request.redaction) if title else ""
    return f'{kind} "{shown}"' if shown else kind
