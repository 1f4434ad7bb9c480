"""Follow the hash chain, and hold outbox and intents against it."""

from __future__ import annotations

import re
from dataclasses import dataclass

from reconciler.cli.exits import Exit
from reconciler.cli.options import format_choice, optional_text
from reconciler.cli.shared_options import TextOrJson
from reconciler.errors import UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from reconciler.cli.invocation import Invocation
    from reconciler.domain.documents import AuditVerifyData


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """The options of `audit verify`."""

    head: str | None = optional_text(
        "a hash noted earlier that must still be in the trail: finds truncation", metavar="HASH"
    )
    format: TextOrJson = format_choice("text or JSON", default=TextOrJson.TEXT)


def run(invocation: Invocation, options: Options) -> int:
    """Say that the trail and the store are whole, or raise StateError for what is not.

    A trail that was cut off at its end is whole too: only a head that was noted elsewhere finds it.
    """
    from reconciler.cli.output import output_of
    from reconciler.cli.state_store import read_state
    from reconciler.cli.whole_store import require_whole

    head = None if options.head is None else options.head.lower()
    anchored = head is not None
    with output_of(invocation, wanted=options.format is TextOrJson.JSON) as output:
        if head is not None and not re.fullmatch("[0-9a-f]{64}", head):
            raise UsageError(
                f"--head: {options.head!r} is no hash of a record; it has 64 digits from 0 to f, "
                'as `audit verify` prints after "head"'
            )
        with read_state(invocation) as store:
            result = require_whole(store, invocation.console, head)
        number = result.records
        if output.wanted:
            data: AuditVerifyData = {"records": number, "head": result.head, "anchored": anchored}
            output.show(data)
            return Exit.WELL
    whole = "whole, anchored" if anchored else "whole, unanchored"
    invocation.console.text(f"{whole}: {number} records, head {result.head}\n")
    return Exit.WELL
