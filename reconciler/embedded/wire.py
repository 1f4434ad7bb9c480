"""Request and Reply: what the rooms of the built-in tenant hand to each other, as plain values."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from reconciler.domain.jsontext import Json, NotJson, parse

SCIM_JSON = "application/scim+json"
_JSON = "application/json"
_WHOLE = re.compile(r"-?[0-9]{1,100}", re.ASCII)
LIST_URN = "urn:ietf:params:scim:api:messages:2.0:ListResponse"
_ERROR_URN = "urn:ietf:params:scim:api:messages:2.0:Error"


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One HTTP request; `path` is decoded, `target` as it was sent, with the query.

    `root` is the server's own address: `http://127.0.0.1:4711`; header names are lower case.
    """

    method: str
    root: str
    path: str
    target: str = ""
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """One HTTP answer."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""


class Refused(Exception):
    """A request that is answered with a SCIM error, RFC 7644 section 3.12."""

    def __init__(
        self,
        status: int,
        detail: str,
        *,
        scim_type: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.scim_type = scim_type
        self.headers = dict(headers or {})

    def reply(self) -> Reply:
        """The error as it goes out: `status` is a string there."""
        document = {"schemas": [_ERROR_URN], "status": str(self.status), "detail": self.detail}
        if self.scim_type:
            document["scimType"] = self.scim_type
        return scim(self.status, document, self.headers)


def scim(status: int, document: Json, headers: Mapping[str, str] | None = None) -> Reply:
    """An answer that carries a SCIM document."""
    return as_json(status, document, {"Content-Type": SCIM_JSON, **(headers or {})})


def as_json(status: int, document: Json, headers: Mapping[str, str] | None = None) -> Reply:
    """An answer that carries JSON, members in the order that they have."""
    body = json.dumps(document, ensure_ascii=False).encode()
    return Reply(status=status, headers={"Content-Type": _JSON, **(headers or {})}, body=body)


def read_json(body: bytes) -> Json:
    """The JSON of a body; Refused with 400 `invalidSyntax` where it is none."""
    try:
        return parse(body)
    except NotJson as error:
        raise Refused(400, f"the body is not JSON: {error}", scim_type="invalidSyntax") from error


def whole_number(query: Mapping[str, str], name: str) -> int | None:
    """The number that a query gives, if it does; Refused with 400 where it is none."""
    if (given := query.get(name)) is None:
        return None
    if not _WHOLE.fullmatch(given):
        raise Refused(400, f"{name}: a whole number is needed", scim_type="invalidValue")
    return int(given)


def check_media_type(given: str | None, wanted: str) -> None:
    """Refuse with 415 a body that is no JSON, or not of the one type that a service takes.

    RFC 7644 section 3.8: JSON is the default; who takes `application/scim+json` takes all of it.
    """
    media_type = (given or "").partition(";")[0].strip().lower()
    if not media_type or media_type == _JSON:
        return
    takes_all = wanted == SCIM_JSON
    if not (takes_all and media_type.startswith("application/") and media_type.endswith("+json")):
        raise Refused(415, f"the body has to be {wanted}")


def not_allowed(request: Request, *allowed: str) -> Refused:
    """405, naming what the address does allow (RFC 9110 section 15.5.6)."""
    return Refused(
        405,
        f"{request.method} is not supported here, only {', '.join(allowed)}",
        headers={"Allow": ", ".join(allowed)},
    )
