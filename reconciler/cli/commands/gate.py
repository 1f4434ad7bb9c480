"""Say whether HR may send attributes of a tenant now; 2 where it may not yet."""

from __future__ import annotations

from dataclasses import dataclass

from reconciler.cli.options import Heading, argument, flag, format_choice, group, many
from reconciler.cli.shared_options import DeadlineOptions, ReadingOptions, TextOrJson

TYPE_CHECKING = False
if TYPE_CHECKING:
    from reconciler.cli.invocation import Invocation


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """The options of `gate`."""

    tenant: str = argument("its name")
    urn: str = argument("the URN of the extension, or the name of its manifest")
    attribute: tuple[str, ...] = many(
        "only these attributes, NAME or NAME.PART; repeatable",
        metavar="NAME",
        heading=Heading.SELECTION,
    )
    not_searchable: bool = flag("do not ask whether they are searchable, nor ask for it")
    format: TextOrJson = format_choice("text or JSON", default=TextOrJson.TEXT)
    reading: ReadingOptions = group(ReadingOptions)
    deadlines: DeadlineOptions = group(DeadlineOptions)


def run(invocation: Invocation, options: Options) -> int:
    """Print the answer, and what is against it."""
    from reconciler.cli.gate import gate

    return gate(invocation, options)
