"""Texts that a later run finds again: a hidden first line, and what fits into a comment."""

import re

from reconciler.render.markdown_text import size

LONGEST = 65_536
"""What GitHub takes, in characters; we count bytes, which are never fewer."""

KEY = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
_FOLDED = "<!-- reconciler:plan -->"
_END = "</details>"
DRIFT = "<!-- reconciler:drift:"
_FOREIGN = re.compile(r"[|`~<]")  # begins what may hold text of others: table, fence, block


def comment_marker(key: str) -> str:
    """The first line of the comment with that key (KEY)."""
    return f"<!-- reconciler:comment:{key} -->"


def drift_marker(tenant: str) -> str:
    """The first line of the drift issue of a tenant."""
    return f"{DRIFT}{tenant} -->"


def tenant_of(body: str) -> str | None:
    """The tenant whose drift an issue of ours is about."""
    found = re.match(rf"{DRIFT}([a-z0-9-]+) -->", body)
    return found[1] if found else None


def marked(marker: str, text: str) -> str:
    """The text below its marker."""
    # Only the first line is ever looked at, so no text can forge another marker.
    return f"{marker}\n{text.strip()}\n"


def nothing_changes(plan: str) -> bool:
    """True where a plan in Markdown says, before its first table or fence, "No changes" alone."""
    unchanged = False
    for line in plan.splitlines():
        # A list there is what needs a look, or the tenants that the folder redirects.
        if line.startswith("- "):
            return False
        text = line.lstrip("#*_> ")
        if _FOREIGN.match(text):
            break
        unchanged = unchanged or text.startswith("No changes.")
    return unchanged


def result_in(comment: str) -> str | None:
    """The head of the result that a comment shows; None where it shows a plan alone."""
    found = re.match(r"<!-- [^\n]* -->\n+### ([^\n]+)", comment)
    return found[1] if found else None


def with_plan(marker: str, result: str, earlier: str | None) -> str:
    """The result of a plan, and below it, folded, the plan that the comment has shown so far.

    A second time it is the same; a plan that no longer fits is left to the comment's history.
    """
    text = earlier.partition("\n")[2] if earlier else ""
    _, folded, plan = text.partition(f"\n{_FOLDED}\n")  # by an earlier result
    plan = plan.strip().removesuffix(_END).strip() if folded else text.strip()
    if not plan:
        return marked(marker, result)
    folded = f"<details><summary>The plan</summary>\n{_FOLDED}\n\n{plan}\n\n{_END}"
    whole = marked(marker, f"{result.strip()}\n\n{folded}")
    if size(whole) <= LONGEST:
        return whole
    return marked(marker, f"{result.strip()}\n\nThe plan is in the history of this comment.")
