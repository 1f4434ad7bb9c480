"""Write all records, one JSON object a line."""

from __future__ import annotations

from dataclasses import dataclass

from reconciler.cli.exits import Exit
from reconciler.cli.options import Heading, optional_path

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pathlib import Path

    from reconciler.cli.invocation import Invocation

_AT_ONCE = 200  # lines that are written together


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """The options of `audit export`."""

    out: Path | None = optional_path(
        "write a file, whole or not at all", metavar="FILE", heading=Heading.OUTPUT
    )


def run(invocation: Invocation, options: Options) -> int:
    """Print the records, or write them to a file."""
    from itertools import islice

    from reconciler.cli.files import write_file
    from reconciler.cli.state_store import read_state
    from reconciler.render.json_text import json_line

    with read_state(invocation) as store:
        lines = (json_line(record) + "\n" for record in store.records())
        if options.out is not None:
            write_file(options.out, lines)
        else:
            while some := "".join(islice(lines, _AT_ONCE)):
                invocation.console.data(some)
    return Exit.WELL
