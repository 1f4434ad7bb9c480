"""Texts that a later run finds again: a hidden first line, and what fits into a comment."""

import re

from reconciler.render.markdown_text import size

LONGEST = 65_536
"""What GitHub takes, in characters; we count bytes, which are never fewer."""

KEY = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
_FOLDED = "<!-- reconciler:plan -->"
_END = "</details>"
_BEFORE = re.compile(r"[|`~<]")  # what ends the lines that are surely ours


def comment_marker(key: str) -> str:
    """The first line of the comment with that key (KEY)."""
    return f"<!-- reconciler:comment:{key} -->"


def drift_marker(tenant: str) -> str:
    """The first line of the drift issue of a tenant."""
    return f"{DRIFT}{tenant} -->"


DRIFT = "<!-- reconciler:drift:"


def tenant_of(body: str) -> str | None:
    """Whose drift an issue of ours is about."""
    found = re.match(rf"{DRIFT}([a-z0-9-]+) -->", body)
    return found[1] if found else None


def marked(marker: str, text: str) -> str:
    """The text below its marker. Only the first line is ever looked at, so text cannot forge it."""
    return f"{marker}\n{text.strip()}\n"


def nothing_changes(plan: str) -> bool:
    """Whether a plan in Markdown says, before its first table or fence, that there is no change.

    And nothing else: a list there tells what needs a look, or which tenants the folder redirects.
    """
    said_so = False
    for line in plan.splitlines():
        if line.startswith("- "):
            return False
        said = line.lstrip("#*_> ")
        if _BEFORE.match(said):
            break
        said_so = said_so or said.startswith("No changes.")
    return said_so


def result_in(comment: str) -> str | None:
    """The head of the result that a comment shows; None where it shows a plan alone."""
    found = re.match(r"<!-- [^\n]* -->\n+### ([^\n]+)", comment)
    return found[1] if found else None


def with_plan(marker: str, result: str, earlier: str | None) -> str:
    """What became of a plan, and below it, folded, the plan as the comment has shown it so far.

    Said twice it is the same; a plan that no longer fits is left to the comment's history.
    """
    plan = _plan_in(earlier.partition("\n")[2]) if earlier else ""
    if not plan:
        return marked(marker, result)
    folded = f"<details><summary>The plan</summary>\n{_FOLDED}\n\n{plan}\n\n{_END}"
    whole = marked(marker, f"{result.strip()}\n\n{folded}")
    if size(whole) <= LONGEST:
        return whole
    return marked(marker, f"{result.strip()}\n\nThe plan is in the history of this comment.")


def _plan_in(text: str) -> str:
    """All of it, or what an earlier result has folded away."""
    _, found, plan = text.partition(f"\n{_FOLDED}\n")
    return plan.strip().removesuffix(_END).strip() if found else text.strip()
