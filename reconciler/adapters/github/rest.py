"""Rest: GitHub's REST API over our own transport, with all pages of a list and with patience."""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Self

from reconciler.adapters.github.refusals import Wanted, document, unknown, wait_for
from reconciler.adapters.settings import GitHubAccess
from reconciler.adapters.transport import Http, HttpOptions
from reconciler.domain.http_reply import Answer, Loss, NoAnswer, Reply
from reconciler.domain.jsontext import Json
from reconciler.domain.redaction import Redaction
from reconciler.errors import GitHubError
from reconciler.ports import Clock, Retry

_METHODS = frozenset({"GET", "POST", "PATCH", "DELETE"})
_GONE = (404, 410)
_PAGE = 100  # the most that GitHub gives at once
_PAGES = 500
_MOST = 64 * 1024 * 1024  # bytes; a page of the longest comments
_TRIES = 3  # of a POST whose answers are lost
_SETTLES = 1.0  # seconds after which what a lost answer was about can be seen
_VERSION = "2022-11-28"


class Rest:
    """One repository's API. `permission` is what its job needs, for messages.

    Every method raises GitHubError. All but a POST is repeated, and that when it was not done.
    """

    def __init__(
        self,
        access: GitHubAccess,
        *,
        permission: str,
        options: HttpOptions,
        retry: Retry,
        clock: Clock,
    ) -> None:
        self._access = access
        self._permission = permission
        self._redaction = Redaction((access.token,))
        options = replace(options, max_body=_MOST, redact=self._redaction.text)
        self._http = Http(options, methods=_METHODS)
        self._retry = retry
        self._clock = clock

    def pages(self, path: str, *, most: int | None = None) -> Iterator[Mapping[str, Json]]:
        """The items of a list, of all its pages, or of the first so many."""
        joint = "&" if "?" in path else "?"
        for number in range(1, (most or _PAGES) + 1):
            page = f"{path}{joint}per_page={_PAGE}&page={number}"
            answer, items = self._done("GET", path, self._patiently("GET", page, None))
            if not isinstance(items, list):
                raise self._wanted("GET", path).refused(answer)
            yield from (item for item in items if isinstance(item, dict))
            if len(items) < _PAGE and 'rel="next"' not in answer.headers.get("link", ""):
                return
        if most is None:
            raise GitHubError(f"GitHub: GET {path}: more than {_PAGES} pages; that cannot be right")

    def patch(self, path: str, body: Mapping[str, Json]) -> bool:
        """Change what is there; False where it is not there any more.

        The same twice is the same once, so a lost answer is no matter.
        """
        reply = self._patiently("PATCH", path, body)
        if isinstance(reply, Answer) and reply.status in _GONE:
            return False
        self._done("PATCH", path, reply)
        return True

    def delete(self, path: str) -> None:
        """Take away what is there; well, too, where it is not there any more."""
        reply = self._patiently("DELETE", path, None)
        if not (isinstance(reply, Answer) and reply.status in _GONE):
            self._require_well("DELETE", path, reply)

    def create(self, path: str, body: Mapping[str, Json], *, seen: Callable[[], bool]) -> None:
        """POST. Where the answer is lost, `seen` looks for the result before it is sent again.

        docs/decisions.md, "A lost answer to a new comment is looked up".
        """
        for _ in range(_TRIES):
            reply = self._retry(lambda: self._send("POST", path, body), self._if_not_done)
            if not unknown(reply):
                self._require_well("POST", path, reply)
                return
            self._clock.sleep(_SETTLES)
            if seen():
                return
        raise self._wanted("POST", path).refused(reply)

    def viewer(self) -> int:
        """The id of the account that the token speaks for.

        GraphQL tells it for every kind of token; `GET /user` refuses those of apps, and so the
        token of a job.
        """
        wanted = self._request_name("POST", "/graphql")
        # The endpoint is beside the REST one; GitHub Enterprise has it at /api/graphql.
        url = f"{self._access.api_url.removesuffix('/v3')}/graphql"
        query = {"query": "query { viewer { databaseId } }"}
        reply = self._retry(lambda: self._exchange("POST", url, query), self._if_well)
        if isinstance(reply, Answer) and reply.status == 200:
            found = document(reply)
            for member in ("data", "viewer", "databaseId"):
                found = found.get(member) if isinstance(found, dict) else None
            if isinstance(found, int) and not isinstance(found, bool):
                return found
        raise wanted.refused(reply)

    def close(self) -> None:
        """Close the connection."""
        self._http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _patiently(self, method: str, path: str, body: Mapping[str, Json] | None) -> Reply:
        return self._retry(lambda: self._send(method, path, body), self._if_well)

    def _send(self, method: str, path: str, body: Mapping[str, Json] | None) -> Reply:
        url = f"{self._access.api_url}/repos/{self._access.repository}{path}"
        return self._exchange(method, url, body)

    def _exchange(self, method: str, url: str, body: Mapping[str, Json] | None) -> Reply:
        headers = {
            "Accept": "application/vnd.github+json",
            "Authorization": f"Bearer {self._access.token.reveal()}",
            "X-GitHub-Api-Version": _VERSION,
        }
        if body is None:
            return self._http.send(method, url, headers=headers)
        headers["Content-Type"] = "application/json"
        return self._http.send(method, url, headers=headers, body=json.dumps(body).encode())

    def _if_well(self, reply: Reply) -> float | None:
        """The seconds until a GET or PATCH is repeated; None where its reply is final."""
        if isinstance(reply, NoAnswer):
            return None if reply.loss is Loss.UNTRUSTED else 0.0
        return wait_for(reply, now=self._clock.now())

    def _if_not_done(self, reply: Reply) -> float | None:
        """The seconds until a POST is repeated, which must not be done twice; None for never."""
        if unknown(reply):
            return None
        if isinstance(reply, NoAnswer):
            return 0.0 if reply.loss is Loss.NOT_SENT else None
        return wait_for(reply, now=self._clock.now())

    def _done(self, method: str, path: str, reply: Reply) -> tuple[Answer, Json]:
        answer = self._require_well(method, path, reply)
        found = document(answer)
        if found is None:
            raise self._wanted(method, path).refused(answer)
        return answer, found

    def _require_well(self, method: str, path: str, reply: Reply) -> Answer:
        if isinstance(reply, Answer) and 200 <= reply.status < 300:
            return reply
        raise self._wanted(method, path).refused(reply)

    def _wanted(self, method: str, path: str) -> Wanted:
        return self._request_name(method, f"/repos/{self._access.repository}{path}")

    def _request_name(self, method: str, path: str) -> Wanted:
        return Wanted(
            method=method, path=path, permission=self._permission, redaction=self._redaction
        )
