"""`comment`: the one comment of a pull request, posted, updated, and closed after the merge."""

import re

from reconciler.adapters.github import Posted, Posts
from reconciler.cli.exits import Exit
from reconciler.cli.files import read_report, read_text
from reconciler.cli.github import github
from reconciler.cli.main import Invocation
from reconciler.errors import UsageError
from reconciler.render.markdown_text import size
from reconciler.render.marked import (
    KEY,
    LONGEST,
    comment_marker,
    marked,
    nothing_changes,
    result_in,
    with_plan,
)
from reconciler.render.run_markdown import APPLIED, did_nothing, run_markdown

_PERMISSION = "pull-requests: write"


def run(invocation: Invocation) -> int:
    """Say it once, in one place; silent where nothing has changed."""
    arguments = invocation.arguments
    _require_one(invocation, "pr", "commit")
    _require_one(invocation, "body", "report")
    marker = comment_marker(_key(invocation))
    with github(invocation, permission=_PERMISSION) as posts:
        number = arguments.number("pr") or _merged(posts, arguments.text("commit") or "")
        if number is None:
            told = f"no merged pull request has commit {arguments.text('commit')}: nothing to say"
        elif arguments.text("body"):
            told = _show_plan(invocation, posts, number, marker)
        else:
            told = _show_report(invocation, posts, number, marker)
    invocation.console.say(told)
    return Exit.WELL


def _require_one(invocation: Invocation, one: str, other: str) -> None:
    given = [bool(invocation.arguments.values.get(key)) for key in (one, other)]
    if sum(given) != 1:
        raise UsageError(f"give either --{one} or --{other}")


def _key(invocation: Invocation) -> str:
    key = invocation.arguments.text("key") or ""
    if len(key) > 40 or not KEY.fullmatch(key):
        raise UsageError("--key has to be small letters, digits and single dashes, at most 40")
    return key


def _merged(posts: Posts, commit: str) -> int | None:
    if not re.fullmatch(r"[0-9a-f]{40}([0-9a-f]{24})?", commit):
        raise UsageError("--commit has to be a whole commit hash, as `git rev-parse HEAD` prints")
    return posts.merged_pull(commit)


def _show_plan(invocation: Invocation, posts: Posts, number: int, marker: str) -> str:
    plan = read_text(invocation.arguments.path("body"))
    if not plan.strip():
        raise UsageError("--body is an empty file; it has to hold what the comment is to say")
    body = marked(marker, plan)
    if size(body) > LONGEST:
        raise UsageError(
            f"--body makes a comment of {size(body)} bytes, and GitHub takes {LONGEST}; "
            "`reconciler plan --markdown` keeps below that"
        )
    if nothing_changes(plan) and posts.comment(number, marker) is None:
        return f"nothing changes, so pull request {number} gets no comment"
    return _told(posts.show(number, marker, body), number)


def _show_report(invocation: Invocation, posts: Posts, number: int, marker: str) -> str:
    report = read_report(invocation.arguments.path("report"))
    earlier = posts.comment(number, marker)
    if earlier is None and did_nothing(report) and not report["warnings"]:
        return f"nothing was applied, so pull request {number} gets no comment"
    if earlier is not None and did_nothing(report) and result_in(earlier) == APPLIED:
        return f"nothing was applied, so pull request {number} keeps its comment"
    return _told(
        posts.show(number, marker, with_plan(marker, run_markdown(report), earlier)), number
    )


def _told(written: Posted, number: int) -> str:
    return f"comment on pull request {number}: {written}"
