"""`audit list, verify, export`: the trail, for people, for a check, for other systems."""

import json
import re
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path

from reconciler.cli.exits import Exit
from reconciler.cli.files import write_file
from reconciler.cli.main import Invocation
from reconciler.cli.state import read_state
from reconciler.domain.documents import AuditDocument
from reconciler.domain.records import GENESIS, check_chain
from reconciler.errors import StateError, UsageError
from reconciler.render.plain_text import visible

_AT_ONCE = 200  # lines that are written together
_HASH = re.compile("[0-9a-f]{64}")


def run(invocation: Invocation) -> int:
    """Dispatch on the second word."""
    match invocation.words:
        case (_, "list"):
            return _list(invocation)
        case (_, "verify"):
            return _verify(invocation)
        case _:
            return _export(invocation)


def _list(invocation: Invocation) -> int:
    with read_state(invocation) as store:
        newest = store.last_records(invocation.arguments.number("last"))
    for record in newest:
        invocation.console.data(_line(record) + "\n")
    return Exit.WELL


def _line(record: AuditDocument) -> str:
    about = " ".join(visible(name) for name in (record["tenant"], record["schema_id"]) if name)
    words = [
        f"{record['seq']:>6}",
        visible(record["timestamp"]),
        f"{visible(record['event']):<33}",
        f"{visible(record['status'] or '-'):<9}",
        about,
        visible(record["detail"] or ""),
    ]
    return "  ".join(word for word in words if word).rstrip()


def _verify(invocation: Invocation) -> int:
    """Whole or broken; only a head that was noted elsewhere finds a trail cut off at its end."""
    head = invocation.arguments.text("head")
    wanted = None if head is None else head.lower()
    if wanted is not None and not _HASH.fullmatch(wanted):
        raise UsageError(
            f"--head: {head!r} is no hash of a record; it has 64 digits from 0 to f, as "
            "`audit verify` prints after «head»"
        )
    met = [wanted == GENESIS]
    with read_state(invocation) as store:
        result = check_chain(_watching(store.records(), wanted, met))
    if result.broken_at is not None:
        raise StateError(f"the trail is broken at record {result.broken_at}: {result.reason}")
    if wanted is not None and not any(met):
        raise StateError(
            f"the trail is whole to record {result.records}, and does not hold the head "
            f"{wanted}: records are missing at its end, or it is another trail"
        )
    anchored = "unanchored" if wanted is None else "anchored"
    invocation.console.data(f"whole, {anchored}: {result.records} records, head {result.head}\n")
    return Exit.WELL


def _watching(
    records: Iterable[AuditDocument], wanted: str | None, met: list[bool]
) -> Iterator[AuditDocument]:
    """Pass the records on and note where one has the wanted hash; a trail may be long."""
    for record in records:
        if record["hash"] == wanted:
            met.append(True)
        yield record


def _export(invocation: Invocation) -> int:
    out = invocation.arguments.text("out")
    with read_state(invocation) as store:
        lines = (json.dumps(record, ensure_ascii=False) + "\n" for record in store.records())
        if out:
            write_file(Path(out), lines)
        else:
            while some := "".join(islice(lines, _AT_ONCE)):
                invocation.console.data(some)
    return Exit.WELL
