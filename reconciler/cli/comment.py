"""`comment`: the one comment of a pull request, posted, updated, and closed after the merge.

docs/decisions.md, "When no comment is posted".
"""

import re
from pathlib import Path

from reconciler.adapters.github import Posts
from reconciler.cli.commands.comment import Options
from reconciler.cli.exits import Exit
from reconciler.cli.files import read_report, read_text
from reconciler.cli.github_posts import github_posts
from reconciler.cli.invocation import Invocation
from reconciler.errors import UsageError
from reconciler.render.markdown_text import size
from reconciler.render.markers import (
    KEY,
    LONGEST,
    comment_marker,
    marked,
    nothing_changes,
    result_in,
    with_plan,
)
from reconciler.render.report_markdown import APPLIED, did_nothing, report_markdown

_PERMISSION = "pull-requests: write"
_WHOLE_HASH = re.compile(r"[0-9a-f]{40}([0-9a-f]{24})?")


def comment(invocation: Invocation, options: Options) -> int:
    """Show a plan or a report in the one comment; touch nothing where it says that already."""
    if (options.pr is None) is (options.commit is None):
        raise UsageError("give either --pr or --commit")
    if (options.body is None) is (options.report is None):
        raise UsageError("give either --body or --report")
    if len(options.key) > 40 or not KEY.fullmatch(options.key):
        raise UsageError("--key has to be small letters, digits and single dashes, at most 40")
    # GitHub takes a branch or a short hash too, and either may name another commit by now.
    if options.commit is not None and not _WHOLE_HASH.fullmatch(options.commit):
        raise UsageError("--commit has to be a whole commit hash, as `git rev-parse HEAD` prints")
    marker = comment_marker(options.key)
    with github_posts(invocation, permission=_PERMISSION) as posts:
        number = options.pr or posts.merged_pull(options.commit or "")
        if number is None:
            message = f"no merged pull request has commit {options.commit}: nothing to say"
        elif options.body is not None:
            message = _show_plan(options.body, posts, number, marker)
        else:
            message = _show_report(options.report, posts, number, marker)
    invocation.console.say(message)
    return Exit.WELL


def _show_plan(file: Path, posts: Posts, number: int, marker: str) -> str:
    plan = read_text(file)
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
    return f"comment on pull request {number}: {posts.show(number, marker, body)}"


def _show_report(file: Path | None, posts: Posts, number: int, marker: str) -> str:
    report = read_report(file)
    earlier = posts.comment(number, marker)
    if earlier is None and did_nothing(report) and not report["warnings"]:
        return f"nothing was applied, so pull request {number} gets no comment"
    if earlier is not None and did_nothing(report) and result_in(earlier) == APPLIED:
        return f"nothing was applied, so pull request {number} keeps its comment"
    body = with_plan(marker, report_markdown(report), earlier)
    return f"comment on pull request {number}: {posts.show(number, marker, body)}"
