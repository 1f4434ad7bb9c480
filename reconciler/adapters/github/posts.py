"""Posts: the comments and issues that are this program's own, by author and by a hidden first line.

Anybody may write our marker, and our account may write much else: only both together are ours.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum

from reconciler.adapters.github.rest import Rest
from reconciler.domain.jsontext import Json
from reconciler.errors import GitHubError

_TRIES = 3  # to have one comment, where others post and delete at the same time
_CLOSED = 10  # pages of closed issues


class Posted(StrEnum):
    """The deed of `Posts` by which a comment or an issue has its text."""

    CREATED = "created"
    UPDATED = "updated"
    UNCHANGED = "unchanged"


@dataclass(frozen=True, slots=True, kw_only=True)
class Issue:
    """An issue of ours; `number` is what people see."""

    number: int
    title: str
    body: str


@dataclass(frozen=True, slots=True)
class _Comment:
    id: int
    body: str


class Posts:
    """The comments and issues of this program in a repository. Every method raises GitHubError.

    docs/decisions.md, "Our comment and our issue are found by author and first line".
    """

    def __init__(self, rest: Rest) -> None:
        self._rest = rest
        self._me: int | None = None

    def comment(self, number: int, marker: str) -> str | None:
        """Our comment that begins with `marker`, in a pull request or issue; None without one."""
        found = self._comment(number, marker)
        return None if found is None else found.body

    def show(self, number: int, marker: str, body: str) -> Posted:
        """Give our one comment the text `body`, which begins with `marker`, if it has another.

        Where two jobs have posted at once, the oldest stays and gets the text; one that somebody
        deletes meanwhile is posted anew.
        """
        posted = None
        for _ in range(_TRIES):
            found = list(self._comments(number, marker))
            if not found:
                self._rest.create(
                    f"/issues/{number}/comments",
                    {"body": body},
                    seen=lambda: self._comment(number, marker) is not None,
                )
                posted = Posted.CREATED
                continue  # to see whether another job has done the same
            oldest, *newer = found
            for each in newer:
                self._rest.delete(f"/issues/comments/{each.id}")
            if oldest.body == _plain(body):
                return posted or Posted.UNCHANGED
            if self._rest.patch(f"/issues/comments/{oldest.id}", {"body": body}):
                return posted or Posted.UPDATED
        if posted is None:
            raise GitHubError(
                f"GitHub: the comment on {number} is deleted again and again; see who does that"
            )
        return posted

    def merged_pull(self, commit: str) -> int | None:
        """The pull request that was merged as this commit; None where none was."""
        merged = [
            pull
            for pull in self._rest.pages(f"/commits/{commit}/pulls")
            if pull.get("merged_at") and isinstance(pull.get("number"), int)
        ]
        # A commit is listed for each pull request that holds it, a release branch's as well.
        exact = [pull for pull in merged if pull.get("merge_commit_sha") == commit]
        newest = sorted(exact or merged, key=lambda pull: str(pull["merged_at"]))
        return newest[-1]["number"] if newest else None

    def issues(self, marker: str) -> Iterator[Issue]:
        """Our open issues whose first line begins with `marker`, oldest first."""
        return self._issues("/issues?state=open&sort=created&direction=asc", marker)

    def closed_issues(self, marker: str) -> Iterator[Issue]:
        """Those of our closed issues that changed last, of the 1,000 of the whole repository."""
        path = "/issues?state=closed&sort=updated&direction=desc"
        return self._issues(path, marker, most=_CLOSED)

    def _issues(self, path: str, marker: str, most: int | None = None) -> Iterator[Issue]:
        for issue in self._rest.pages(path, most=most):
            if "pull_request" in issue or not (self._ours(issue) and _id(issue, "number")):
                continue
            found = Issue(number=issue["number"], title=str(issue.get("title")), body=_body(issue))
            if found.body.startswith(marker):
                yield found

    def open_issue(self, title: str, body: str) -> None:
        """Open an issue; `body` begins with its marker."""
        marker = body.partition("\n")[0]
        self._rest.create(
            "/issues",
            {"title": title, "body": body},
            seen=lambda: any(_first(issue.body) == marker for issue in self.issues(marker)),
        )

    def update_issue(self, issue: Issue, title: str, body: str) -> Posted:
        """Give it this title and body, if it has others."""
        if (issue.title, issue.body) == (title, _plain(body)):
            return Posted.UNCHANGED
        self._rest.patch(f"/issues/{issue.number}", {"title": title, "body": body})
        return Posted.UPDATED

    def reopen_issue(self, issue: Issue, title: str, body: str) -> None:
        """Open it again, with this title and body."""
        again = {"title": title, "body": body, "state": "open"}
        self._rest.patch(f"/issues/{issue.number}", again)

    def close_issue(self, issue: Issue, body: str) -> None:
        """Close it, with its last text."""
        closed = {"body": body, "state": "closed", "state_reason": "completed"}
        self._rest.patch(f"/issues/{issue.number}", closed)

    def _comment(self, number: int, marker: str) -> _Comment | None:
        return next(self._comments(number, marker), None)

    def _comments(self, number: int, marker: str) -> Iterator[_Comment]:
        """Ours, the oldest first, as GitHub lists them: two jobs at once may both have written."""
        for comment in self._rest.pages(f"/issues/{number}/comments"):
            body = _body(comment)
            if _first(body) == marker and self._ours(comment) and _id(comment, "id"):
                yield _Comment(comment["id"], body)

    def _ours(self, post: Mapping[str, Json]) -> bool:
        if self._me is None:
            self._me = self._rest.viewer()
        author = post.get("user")
        return isinstance(author, dict) and author.get("id") == self._me


def _id(post: Mapping[str, Json], member: str) -> bool:
    return isinstance(post.get(member), int)


def _body(post: Mapping[str, Json]) -> str:
    return _plain(str(post.get("body") or ""))


def _plain(body: str) -> str:
    # As it is compared: GitHub's editor writes CR LF, and blanks at the ends go.
    return body.replace("\r\n", "\n").strip()


def _first(body: str) -> str:
    return body.partition("\n")[0]
