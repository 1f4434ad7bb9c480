"""HttpSchemaWriter: a reader that may also POST, PUT and PATCH, each once."""

import json
import re
from collections.abc import Mapping
from dataclasses import replace

from reconciler.adapters.gateway.answers import (
    RequestName,
    code_and_detail,
    common_advice,
    described,
    is_scim_error,
)
from reconciler.adapters.gateway.reader import ACCEPT, HttpSchemaReader, Sender, TenantAccess
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
        match self._access.dialect.etag:
            case EtagMode.NONE:
                return None
            case EtagMode.VERSION:
                tag = _version_tag(live)
            case EtagMode.HEADER:
                tag = self.etag(live) or _version_tag(live)
        return _plain(tag) if tag else None

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
        try:
            reply = self._access.send(self._writes, method, url, headers=headers, body=body)
        except TenantError as error:  # no token, so nothing was sent or the 401 stands
            request = self._access.request_name(method, url)
            return WriteResult(verdict=_REFUSED, message=f"{request}: not sent; {error}")
        request = self._access.request_name(method, url)
        verdict = judge_write(reply)
        if isinstance(reply, NoAnswer):
            return WriteResult(verdict=verdict, message=f"{request}: {reply.message}")
        if verdict.next is Next.RENEW_TOKEN:  # that was done already
            verdict = replace(verdict, next=Next.STOP)
        means = _meaning(self._access.dialect, request.method, reply)
        message = f"{request}: {described(request, reply)}"
        advice = _advice(request, reply, means)
        return WriteResult(
            verdict=_VERDICTS[means] if means else verdict,
            message=f"{message}; {advice}" if advice else message,
            retry_after=self._access.wait(reply),
            means=means,
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


def _advice(request: RequestName, answer: Answer, means: Meaning | None) -> str | None:
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
    if answer.status in (429, 503) and (wait := wait_message(answer)) is not None:
        return wait
    return _STATUS_ADVICE.get(answer.status) or common_advice(request, answer)


_INVALID = (
    "as a rule that is a type that the service does not have, a member that it asks for and that "
    "is missing, or a name that is there already"
)
_STATUS_ADVICE = {
    400: _INVALID,
    422: _INVALID,  # RFC 9110 section 15.5.21, for what RFC 7644 section 3.12 answers with 400
    404: "the schema is no longer there; plan again",
    412: "somebody changed the schema since it was read; plan again",
    415: "it takes another media type: write contentType into spec.capabilities",
    428: "it takes an update only with If-Match: see etag in spec.capabilities, and doctor",
    429: "the service asks us to slow down",
}
_NO_SUCH_PATH = ("notarget", "invalidpath", "invalidfilter")  # RFC 7644 section 3.12
_ENTITY_TAG = re.compile(r'(?:W/)?"[\x21\x23-\x7e]*"')


def _version_tag(live: Schema) -> str | None:
    """The entity tag in `meta.version`, RFC 7644 section 3.14; some services leave off quotes."""
    meta = live.document.get("meta")
    version = meta.get("version") if isinstance(meta, dict) else None
    if not isinstance(version, str):
        return None
    return version if _ENTITY_TAG.fullmatch(version) else f'"{version}"'


def _plain(tag: str) -> str | None:
    """The tag as the service knows it: a compressing proxy adds `-gzip`; W/ stays as given."""
    stripped = re.sub(r'-gzip"$', '"', tag)
    return stripped if _ENTITY_TAG.fullmatch(stripped) else None
