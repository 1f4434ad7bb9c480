"""The newest records, as a table."""

from __future__ import annotations

from dataclasses import dataclass

from reconciler.cli.options import Heading, format_choice, many, number, optional_text
from reconciler.cli.shared_options import TextOrJson

TYPE_CHECKING = False
if TYPE_CHECKING:
    from reconciler.cli.invocation import Invocation


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """The options of `audit list`."""

    last: int = number("how many records", metavar="N", default=20)
    tenant: tuple[str, ...] = many(
        "only those of these tenants; repeatable", metavar="GLOB", heading=Heading.SELECTION
    )
    schema: tuple[str, ...] = many(
        "only those of these extensions, by manifest name, tenant/name or URN; repeatable",
        metavar="GLOB",
        heading=Heading.SELECTION,
    )
    event: tuple[str, ...] = many(
        "only these events; repeatable", metavar="EVENT", heading=Heading.SELECTION
    )
    status: tuple[str, ...] = many(
        "only those that ended so; repeatable", metavar="STATUS", heading=Heading.SELECTION
    )
    since: str | None = optional_text(
        "only those since then: a time, a date, or an age as 90m, 24h, 7d",
        metavar="TIME",
        heading=Heading.SELECTION,
    )
    until: str | None = optional_text(
        "only those before then", metavar="TIME", heading=Heading.SELECTION
    )
    commit: str | None = optional_text(
        "only those of the commit whose hash begins so",
        metavar="COMMIT",
        heading=Heading.SELECTION,
    )
    run: str | None = optional_text(
        "only those of this run", metavar="ID", heading=Heading.SELECTION
    )
    actor: tuple[str, ...] = many(
        "only those of whoever fits; repeatable", metavar="GLOB", heading=Heading.SELECTION
    )
    format: TextOrJson = format_choice("text or JSON", default=TextOrJson.TEXT)


def run(invocation: Invocation, options: Options) -> int:
    """Print the newest records, the oldest of them first."""
    from reconciler.cli.audit_list import audit_list

    return audit_list(invocation, options)
