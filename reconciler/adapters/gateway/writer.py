"""HttpSchemaWriter: a reader that may also POST, PUT and PATCH, each once."""

import json
from collections.abc import Mapping
from dataclasses import replace

from reconciler.adapters.gateway.answers import (
    RequestName,
    code_and_detail,
    common_advice,
    described,
    is_scim_error,
)
from reconciler.adapters.gateway.reader import (
    ACCEPT,
    HttpSchemaReader,
    Sender,
    TenantAccess,
    entity_tag,
)
from reconciler.adapters.retrying import wait_message
from reconciler.domain.dialect import Dialect, EtagMode, Meaning
from reconciler.domain.http_reply import (
    Answer,
    Applied,
    Next,
    NoAnswer,
    Verdict,
    judge_write,
)
from reconciler.domain.jsontext import Json
from reconciler.domain.scim import Schema, fold
from reconciler.errors import TenantError
from reconciler.ports import WriteResult

_REFUSED = Verdict(Applied.NO, Next.STOP)
_THERE = Verdict(Applied.NO, Next.READ)


class HttpSchemaWriter(HttpSchemaReader):
    """ports.SchemaWriter. `writes` is an Http that can send nothing but POST, PUT and PATCH.

    A kind of write that the service turns out not to have is not sent to it again, and no create
    where the tenant turns out to be full.
    """

    def __init__(self, access: TenantAccess, writes: Sender) -> None:
        super().__init__(access)
        self._writes = writes
        # The tenant's and not the gateway's: whoever writes to it next in this run knows it too.
        self._futile = access.known.futile

    def create(self, document: Mapping[str, Json]) -> WriteResult:
        """POST a schema. Never raises TenantError: what happened is the result."""
        return self._write("POST", self._access.url(), document, if_match=None)

    def replace(self, live: Schema, document: Mapping[str, Json]) -> WriteResult:
        """PUT a schema over the live one that was read, with If-Match where it has an ETag."""
        url = self._access.url(live.id)
        return self._write("PUT", url, document, if_match=self._tag(live))

    def patch(self, live: Schema, document: Mapping[str, Json]) -> WriteResult:
        """PATCH the live schema that was read (RFC 7644 section 3.5.2), with If-Match alike."""
        url = self._access.url(live.id)
        return self._write("PATCH", url, document, if_match=self._tag(live))

    def _tag(self, live: Schema) -> str | None:
        return entity_tag(self._access.dialect.etag, self.etag(live), live.document)

    def _write(
        self, method: str, url: str, document: Mapping[str, Json], *, if_match: str | None
    ) -> WriteResult:
        if (known := self._futile.get(method)) is not None:
            return known
        result = self._send(method, url, document, if_match=if_match)
        full = method == "POST" and result.means is Meaning.LIMIT_REACHED
        if full or result.means is Meaning.UNSUPPORTED:
            self._futile[method] = result
        return result

    def _send(
        self, method: str, url: str, document: Mapping[str, Json], *, if_match: str | None
    ) -> WriteResult:
        headers = {
            "Accept": ACCEPT,
            "Content-Type": self._access.dialect.content_type,
            **({"If-Match": if_match} if if_match else {}),
        }
        body = json.dumps(dict(document), ensure_ascii=False, allow_nan=False).encode("utf-8")
        sent = sent_once(self._access, self._writes, method, url, headers=headers, body=body)
        if isinstance(sent, WriteResult):
            return sent
        request, verdict, reply = sent
        means = _meaning(self._access.dialect, request.method, reply)
        message = f"{request}: {described(request, reply)}"
        advice = (
            self._condition_advice(method, reply.status, if_match)
            if reply.status in (412, 428)
            else _advice(request, reply, means, sent=headers["Content-Type"])
        )
        return WriteResult(
            verdict=_VERDICTS[means] if means else verdict,
            message=f"{message}; {advice}" if advice else message,
            retry_after=self._access.wait(reply),
            means=means,
        )

    def _condition_advice(self, method: str, status: int, if_match: str | None) -> str | None:
        """The advice on 412 and 428, by whether the write was conditional."""
        if method == "POST":
            return _CREATE_ON_CONDITION if status == 428 else None
        if status == 412:
            weak = _WEAK if if_match and if_match.startswith("W/") else ""
            return f"somebody changed the schema since it was read; plan again{weak}"
        return None if if_match else f"it takes updates only with If-Match{self._no_tag}"

    @property
    def _no_tag(self) -> str:
        match self._access.dialect.etag:
            case EtagMode.NONE:
                return ": write etag: header into spec.capabilities"
            case EtagMode.VERSION:
                return ", and meta.version is no tag: write etag: header into spec.capabilities"
            case EtagMode.HEADER:
                return ", and gives no entity tag with a schema: ask those who run it"


def sent_once(
    access: TenantAccess,
    writes: Sender,
    method: str,
    url: str,
    *,
    headers: Mapping[str, str],
    body: bytes,
) -> tuple[RequestName, Verdict, Answer] | WriteResult:
    """Send a write once: its name, the verdict on it and the answer; a result where none came.

    Never raises TenantError.
    """
    try:
        reply = access.send(writes, method, url, headers=headers, body=body)
    except TenantError as error:  # no token, so nothing was sent or the 401 stands
        request = access.request_name(method, url)
        return WriteResult(verdict=_REFUSED, message=f"{request}: not sent; {error}")
    request = access.request_name(method, url)
    verdict = judge_write(reply)
    if isinstance(reply, NoAnswer):
        return WriteResult(verdict=verdict, message=f"{request}: {reply.message}")
    if verdict.next is Next.RENEW_TOKEN:  # that was done already
        verdict = replace(verdict, next=Next.STOP)
    return request, verdict, reply


_CREATE_ON_CONDITION = (
    "it takes a create on a condition alone, and none is sent: ask those who run it"
)
_WEAK = (
    ", and where that is of no use, write etag: none into spec.capabilities: not every service "
    "takes the weak tags (W/…) that it gives"
)
_VERDICTS = {
    Meaning.EXISTS: _THERE,
    Meaning.LIMIT_REACHED: _REFUSED,
    Meaning.UNSUPPORTED: _REFUSED,
}


def _meaning(dialect: Dialect, method: str, answer: Answer) -> Meaning | None:
    """The meaning of a refusal beyond its status: by the dialect, else by RFC 7644 section 3.12.

    A schema that is gone is answered with an Error resource; where there is no route, a PUT
    or PATCH meets whatever the service says to an address that it does not know.
    """
    if (known := dialect.meaning(answer.status, *code_and_detail(answer))) is not None:
        return known
    match answer.status:
        case 409:
            return Meaning.EXISTS
        case 405 | 501:
            return Meaning.UNSUPPORTED
        case 404 if method == "POST" or not is_scim_error(answer):
            return Meaning.UNSUPPORTED
        case _:
            return None


def _advice(
    request: RequestName, answer: Answer, means: Meaning | None, *, sent: str
) -> str | None:
    """The advice on an answer to a body of the media type `sent`."""
    if means is Meaning.UNSUPPORTED:
        done = "created" if request.method == "POST" else "changed"
        return (
            f"this service does not allow schemas to be {done}, and none is for the rest of this "
            "run; where that is so for good, write it into spec.capabilities or spec.dialect"
        )
    if means is Meaning.LIMIT_REACHED:
        return (
            "the tenant holds as many extensions as the service allows; retire one that is not "
            "used, or have the limit raised"
        )
    if request.method == "PATCH" and fold(code_and_detail(answer)[0]) in _NO_SUCH_PATH:
        return (
            "somebody took the attribute out since it was read, or the service takes another form "
            "of PATCH: doctor --probe-writes finds that out, for spec.capabilities"
        )
    if answer.status in (413, 429, 503) and (wait := wait_message(answer)) is not None:
        return wait
    if answer.status == 415:
        return _media_advice(answer, sent)
    return _STATUS_ADVICE.get(answer.status) or common_advice(request, answer)


def _media_advice(answer: Answer, sent: str) -> str:
    """The media type to send: another than this one, or that which the answer names."""
    (other,) = {"application/scim+json", "application/json"} - {sent}
    # RFC 9110 section 15.5.16, and RFC 5789 section 3.1 of PATCH
    fields = (answer.headers.get(name, "") for name in ("accept", "accept-patch", "accept-post"))
    taken = {each.partition(";")[0].strip().lower() for each in ",".join(fields).split(",")}
    if taken & {other, "*/*", "application/*"} or taken == {""}:
        return f"it takes another media type: write contentType: {other} into spec.capabilities"
    return f"it takes neither {sent} nor {other}: ask those who run it"


_INVALID = (
    "as a rule that is a type that the service does not have, a member that it asks for and that "
    "is missing, or a name that is there already"
)
_STATUS_ADVICE = {
    400: _INVALID,
    422: _INVALID,  # RFC 9110 section 15.5.21, for what RFC 7644 section 3.12 answers with 400
    404: "the schema is no longer there; plan again",
    406: "it does not answer in JSON, the only form that we read: ask those who run it",
    413: "the schema is larger than it takes: shorten descriptions, or make two of one",
    429: "the service asks us to slow down",
}
_NO_SUCH_PATH = ("notarget", "invalidpath", "invalidfilter")  # RFC 7644 section 3.12
