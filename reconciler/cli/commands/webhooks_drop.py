"""End on purpose what is open under the name of a tenant that is there no more."""

from __future__ import annotations

from dataclasses import dataclass

from reconciler.cli.options import Heading, flag, format_choice, group, optional_text
from reconciler.cli.shared_options import ReadingOptions, TextOrJson

TYPE_CHECKING = False
if TYPE_CHECKING:
    from reconciler.cli.invocation import Invocation


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """The options of `webhooks drop`."""

    tenant: str | None = optional_text(
        "the name, as `status` shows it", metavar="NAME", heading=Heading.SELECTION
    )
    auto_approve: bool = flag("do not ask")
    format: TextOrJson = format_choice("text or JSON", default=TextOrJson.TEXT)
    reading: ReadingOptions = group(ReadingOptions)


def run(invocation: Invocation, options: Options) -> int:
    """Show what would be ended, ask, end it; each webhook and write keeps its records."""
    from reconciler.cli.dropping import drop

    return drop(invocation, options)
