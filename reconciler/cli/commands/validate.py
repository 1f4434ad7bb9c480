"""Check the manifests, offline."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from reconciler.cli.options import Heading, choice, flag, format_choice, group, optional_text
from reconciler.cli.shared_options import ReadingOptions

TYPE_CHECKING = False
if TYPE_CHECKING:
    from reconciler.cli.invocation import Invocation


class ValidateFormat(StrEnum):
    """The forms of the problems on standard output."""

    TEXT = "text"
    JSON = "json"
    GITHUB = "github"
    SARIF = "sarif"


class FailOn(StrEnum):
    """The least severity that makes `validate` exit with another code than 0."""

    ERROR = "error"
    WARNING = "warning"


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """The options of `validate`."""

    reading: ReadingOptions = group(ReadingOptions)
    against: str | None = optional_text(
        "also find what breaks those who use what the manifests of a git ref declare",
        metavar="REF",
    )
    allow_breaking: bool = flag("breaking changes are meant: show them, and do not count them")
    fail_on: FailOn = choice(
        "exit 6 for warnings too", default=FailOn.ERROR, heading=Heading.OUTPUT
    )
    format: ValidateFormat = format_choice(
        "what standard output gets; github: workflow commands for annotations",
        default=ValidateFormat.TEXT,
    )


def run(invocation: Invocation, options: Options) -> int:
    """Print every problem; 1 for errors, 6 where breaking changes or --fail-on refuse."""
    from reconciler.cli.validate import validate

    return validate(invocation, options)
