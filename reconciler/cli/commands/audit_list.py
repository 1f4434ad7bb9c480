"""The newest records, as a table."""

from __future__ import annotations

from dataclasses import dataclass

from reconciler.cli.options import choice, many, number, optional_text
from reconciler.cli.shared_options import TextOrJson

TYPE_CHECKING = False
if TYPE_CHECKING:
    from reconciler.cli.invocation import Invocation


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """The options of `audit list`."""

    last: int = number("how many records", metavar="N", default=20)
    tenant: tuple[str, ...] = many("only those of these tenants; repeatable", metavar="GLOB")
    schema: tuple[str, ...] = many("only those of these extensions; repeatable", metavar="URN")
    event: tuple[str, ...] = many("only these events; repeatable", metavar="EVENT")
    status: tuple[str, ...] = many("only those that ended so; repeatable", metavar="STATUS")
    since: str | None = optional_text(
        "only those since then: a time, a date, or an age as 90m, 24h, 7d", metavar="TIME"
    )
    until: str | None = optional_text("only those before then", metavar="TIME")
    commit: str | None = optional_text("only those of this commit", metavar="COMMIT")
    run: str | None = optional_text("only those of this run", metavar="ID")
    actor: tuple[str, ...] = many("only those of whoever fits; repeatable", metavar="GLOB")
    format: TextOrJson = choice("text or JSON", default=TextOrJson.TEXT)


def run(invocation: Invocation, options: Options) -> int:
    """Print the newest records, the oldest of them first."""
    from reconciler.cli.audit_list import audit_list

    return audit_list(invocation, options)
