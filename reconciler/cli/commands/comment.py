"""The one comment of a pull request on GitHub: posted, updated, closed after the merge."""

from __future__ import annotations

from dataclasses import dataclass

from reconciler.cli.options import optional_number, optional_path, optional_text, text

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pathlib import Path

    from reconciler.cli.invocation import Invocation


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """The options of `comment`."""

    pr: int | None = optional_number("the pull request", metavar="N")
    commit: str | None = optional_text("the pull request that was merged as this", metavar="SHA")
    body: Path | None = optional_path("what it says: a plan in Markdown", metavar="FILE")
    report: Path | None = optional_path(
        "what became of the plan: what apply --report wrote", metavar="FILE"
    )
    key: str = text(
        "which comment, where a pull request has several", metavar="NAME", default="plan"
    )


def run(invocation: Invocation, options: Options) -> int:
    """Show it in one comment; do nothing where nothing has changed."""
    from reconciler.cli.comment import comment

    return comment(invocation, options)
