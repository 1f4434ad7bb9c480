"""HttpCanaryUsers: a tenant's test user, found by userName, read, and changed by PATCH alone."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from urllib.parse import quote, urlencode

from reconciler.adapters.gateway.answers import unreadable
from reconciler.adapters.gateway.pages import NotScim, fresh_page
from reconciler.adapters.gateway.reader import (
    ACCEPT,
    ReadDeadline,
    Sender,
    TenantAccess,
    entity_tag,
)
from reconciler.adapters.gateway.users import HttpUserReader, bare_error
from reconciler.domain.dialect import Meaning, TrailingSlash
from reconciler.domain.http_reply import Answer, Applied, Next, Verdict, judge_write
from reconciler.domain.jsontext import Json, NotJson
from reconciler.errors import AnswerUnreadable, TenantError
from reconciler.ports import ResourcePage, WriteResult

_SHOWN = "one user"  # in the place of an id, which is a person's on a service that goes wrong
_WHATEVER_IT_SAYS = (401, 403, 404, 405, 412, 428, 501)  # refusals that no other body would end
_REFUSED = Verdict(Applied.NO, Next.STOP)


class HttpCanaryUsers(HttpUserReader):
    """ports.CanaryUsers over SCIM. `writes` is an Http that can send nothing but PATCH."""

    def __init__(self, access: TenantAccess, writes: Sender, *, deadline: ReadDeadline) -> None:
        super().__init__(access, deadline=deadline)
        self._writes = writes
        self._tags: dict[str, str | None] = {}

    def named(self, user_name: str) -> ResourcePage:
        """The users that `filter=userName eq "…"` finds, of one page."""
        text = json.dumps(user_name, ensure_ascii=False)
        page = self._page(self._address("User"), {"filter": f"userName eq {text}"})
        found = page.documents if page is not None else ()
        return ResourcePage(
            resources=found, total=page.total if page is not None else 0, next_start=None
        )

    def read(self, user_id: str, attributes: Sequence[str] = ()) -> Json:
        """GET one user; a list of it is taken as well."""
        url = self._address_of(user_id)
        query = f"?{urlencode({'attributes': ','.join(attributes)})}" if attributes else ""
        try:
            reply, request = self._access.get(url + query, self._deadline, optional=True)
        except TenantError as error:
            error.args = (str(error).replace(quote(user_id, safe=""), _SHOWN),)
            raise
        request = replace(request, path=self._shown_path)
        if isinstance(reply, Answer) and reply.has_content:
            try:
                found = fresh_page(reply.body).documents
            except (NotJson, NotScim):
                found = ()
            if len(found) == 1:
                if not attributes:
                    self._tags[user_id] = self._tag(reply, found[0])
                return found[0]
            raise unreadable(request, replace(reply, body=b""), "what came is no user")
        raise bare_error(request, reply)

    def patch(self, user_id: str, document: Mapping[str, Json]) -> WriteResult:
        """PATCH one user, RFC 7644 section 3.5.2, as it was read where it has an entity tag."""
        tag = self._tags.get(user_id)
        headers = {
            "Accept": ACCEPT,
            "Content-Type": self._access.dialect.content_type,
            **({"If-Match": tag} if tag else {}),
        }
        body = json.dumps(dict(document), allow_nan=False).encode()  # a URN may be no UTF-8
        try:
            reply = self._access.send(
                self._writes,
                "PATCH",
                self._address_of(user_id),
                headers=headers,
                body=body,
                ends=self._deadline.ends,
                optional=True,
            )
        except TenantError as error:
            message = f"PATCH of a user was not sent: {error}"
            return WriteResult(verdict=_REFUSED, message=message, means=Meaning.UNSUPPORTED)
        verdict = judge_write(reply)
        if verdict.applied is not Applied.NO:  # the tag is of what it was
            self._tags[user_id] = self._tag(reply, None) if isinstance(reply, Answer) else None
        if not isinstance(reply, Answer):
            message = f"PATCH of a user: {reply.reason}"
            return WriteResult(verdict=verdict, message=message)
        return WriteResult(
            verdict=verdict,
            message=f"PATCH of a user: HTTP {reply.status}",
            means=Meaning.UNSUPPORTED if reply.status in _WHATEVER_IT_SAYS else None,
        )

    def _tag(self, reply: Answer, user: Json) -> str | None:
        return entity_tag(self._access.dialect.etag, reply.headers.get("etag"), user)

    def _address_of(self, user_id: str) -> str:
        try:
            segment = quote(user_id, safe="")
        except UnicodeEncodeError:  # a lone surrogate
            segment = "."
        if segment in (".", ".."):  # which URLs take for a step in a path
            raise AnswerUnreadable("the service gives a user an id that no URL can carry")
        url = self._address("User")
        slash = "/" if self._access.dialect.trailing_slash is TrailingSlash.ALL else ""
        return type(url)(f"{url.rstrip('/')}/{segment}{slash}")

    @property
    def _shown_path(self) -> str:
        name = self._access.request_name("GET", self._address("User"))
        return f"{name.path.rstrip('/')}/{_SHOWN}"
