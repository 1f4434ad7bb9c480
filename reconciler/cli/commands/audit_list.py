"""The newest records, as a table."""

from __future__ import annotations

from dataclasses import dataclass

from reconciler.cli.exits import Exit
from reconciler.cli.options import number

TYPE_CHECKING = False
if TYPE_CHECKING:
    from reconciler.cli.invocation import Invocation


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """The options of `audit list`."""

    last: int = number("how many records", metavar="N", default=20)


def run(invocation: Invocation, options: Options) -> int:
    """Print the newest records, the oldest of them first."""
    from reconciler.cli.state_store import read_state
    from reconciler.render.plain_text import visible

    with read_state(invocation) as store:
        newest = store.last_records(options.last)
    for record in newest:
        about = " ".join(visible(name) for name in (record["tenant"], record["schema_id"]) if name)
        columns = [
            f"{record['seq']:>6}",
            visible(record["timestamp"]),
            f"{visible(record['event']):<33}",
            f"{visible(record['status'] or '-'):<9}",
            about,
            visible(record["detail"] or ""),
        ]
        line = "  ".join(column for column in columns if column).rstrip()
        invocation.console.data(f"{line}\n")
    return Exit.WELL
