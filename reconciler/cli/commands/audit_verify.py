"""Follow the hash chain from the first record to the last."""

from __future__ import annotations

import re
from dataclasses import dataclass

from reconciler.cli.exits import Exit
from reconciler.cli.options import optional_text
from reconciler.errors import StateError, UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from reconciler.cli.invocation import Invocation
    from reconciler.domain.documents import AuditDocument


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """The options of `audit verify`."""

    head: str | None = optional_text(
        "a hash noted earlier that must still be in the trail: finds truncation", metavar="HASH"
    )


def run(invocation: Invocation, options: Options) -> int:
    """Say that the trail is whole, or raise StateError for where it is broken.

    A trail that was cut off at its end is whole too: only a head that was noted elsewhere finds it.
    """
    from reconciler.cli.state_store import read_state
    from reconciler.domain.records import GENESIS, check_chain

    head = None if options.head is None else options.head.lower()
    if head is not None and not re.fullmatch("[0-9a-f]{64}", head):
        raise UsageError(
            f"--head: {options.head!r} is no hash of a record; it has 64 digits from 0 to f, as "
            '`audit verify` prints after "head"'
        )
    met = [head == GENESIS]
    with read_state(invocation) as store:
        result = check_chain(_watching(store.records(), head, met))
    if result.broken_at is not None:
        raise StateError(f"the trail is broken at record {result.broken_at}: {result.reason}")
    if head is not None and not any(met):
        raise StateError(
            f"the trail is whole to record {result.records}, and does not hold the head "
            f"{head}: records are missing at its end, or it is another trail"
        )
    anchored = "unanchored" if head is None else "anchored"
    invocation.console.data(f"whole, {anchored}: {result.records} records, head {result.head}\n")
    return Exit.WELL


def _watching(
    records: Iterable[AuditDocument], head: str | None, met: list[bool]
) -> Iterator[AuditDocument]:
    """Pass the records on and note where one has the wanted hash; a trail may be long."""
    for record in records:
        if record["hash"] == head:
            met.append(True)
        yield record
