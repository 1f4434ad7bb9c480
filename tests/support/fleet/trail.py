"""A long trail, written without the program: whole, and as long as wanted."""

import sqlite3
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from reconciler.domain.records import ENTRY_MEMBERS, GENESIS, Entry, Event, Run, Status, seal
from tests.support.fleet.schemas import ATTRIBUTES, extension_id

_RUN = Run(id="0" * 32, actor="user:fleet", commit="0" * 40)
_NAMES = ("seq", *ENTRY_MEMBERS, "prev_hash", "hash")


def write_trail(store: Path, records: int) -> None:
    """Put that many records in the place of those that a store has."""
    columns = ", ".join(f'"{name}"' for name in _NAMES)
    values = ", ".join("?" for _ in _NAMES)
    with closing(sqlite3.connect(store)) as raw, raw:
        raw.execute("DELETE FROM audit")
        last = GENESIS
        for seq in range(1, records + 1):
            record = seal(_skipped(seq), seq=seq, prev_hash=last).to_json()
            last = str(record["hash"])
            raw.execute(f"INSERT INTO audit ({columns}) VALUES ({values})", tuple(record.values()))


def _skipped(seq: int) -> Entry:
    at = datetime.fromtimestamp(seq, UTC)
    return replace(
        _RUN.entry(Event.SCHEMA_EXTENSION_SKIPPED, at, Status.SUCCESS),
        plan_digest=f"sha256:{'0' * 64}",
        tenant=f"acme-{seq % 1000:05}",
        schema_id=extension_id(seq % 5),
        attributes_count=ATTRIBUTES,
        change=f"{seq:016x}",
        before_digest=f"sha256:{seq:064x}",
        detail="in-sync",
    )
