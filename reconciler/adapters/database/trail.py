"""The audit trail in its table: appended under the writer's lock, read as it is stored."""

import math
from collections.abc import Iterable
from dataclasses import replace
from typing import cast

from reconciler.adapters.database.connections import Connection, Row, Value
from reconciler.domain.documents import AuditDocument
from reconciler.domain.jsontext import Json
from reconciler.domain.records import ENTRY_MEMBERS, GENESIS, AuditRecord, Entry, seal
from reconciler.errors import StateError

COLUMNS = ("seq", *ENTRY_MEMBERS, "prev_hash", "hash")
# SQLite takes a name in quotes that is no column for a text, so only the one that is a word of SQL.
_NAMES = ", ".join(COLUMNS).replace("commit", '"commit"')
_APPEND = f"INSERT INTO audit ({_NAMES}) VALUES ({', '.join('?' * len(COLUMNS))})"
_HEAD = "SELECT seq, hash FROM audit WHERE seq = (SELECT max(seq) FROM audit)"
_LAST = f"SELECT {_NAMES} FROM audit ORDER BY seq DESC LIMIT ?"
_FIRST = f"SELECT {_NAMES} FROM audit WHERE seq >= {-(2**63)} ORDER BY seq LIMIT ?"
_NEXT = f"SELECT {_NAMES} FROM audit WHERE seq > ? ORDER BY seq LIMIT ?"


def append(connection: Connection, entry: Entry) -> AuditRecord:
    """Seal the entry after the last record. The transaction has to be the only writer's."""
    [record] = append_all(connection, [entry])
    return record


def append_all(connection: Connection, entries: Iterable[Entry]) -> list[AuditRecord]:
    """Seal the entries after the last record, each after the one before it; as append does."""
    seq, head = read_head(connection)
    records = []
    for entry in entries:
        seq += 1
        record = _sealed(_storable(entry), seq, head)
        connection.run(_APPEND, *cast(Iterable[Value], record.to_json().values()))
        head = record.hash
        records.append(record)
    return records


def _sealed(entry: Entry, seq: int, head: str) -> AuditRecord:
    try:
        return seal(entry, seq=seq, prev_hash=head)
    except ValueError as error:  # a lone surrogate: an actor or a path that is no UTF-8
        raise StateError(
            f"the audit record {entry.event} cannot be written, it holds what is no text: "
            "look for a user name, a path or a commit that is not UTF-8"
        ) from error


def _storable(entry: Entry) -> Entry:
    """A service's words may hold NUL, which PostgreSQL cannot keep in a text."""
    if entry.detail is None or "\0" not in entry.detail:
        return entry
    return replace(entry, detail=entry.detail.replace("\0", "\ufffd"))


def read_head(connection: Connection) -> tuple[int, str]:
    """Number and hash of the last record; 0 and the hash before the first where there is none."""
    for seq, digest in connection.rows(_HEAD):
        return seq, digest
    return 0, GENESIS


def read_after(connection: Connection, seq: int | None, *, limit: int) -> list[AuditDocument]:
    """The next records in the order of storage, the first ones after None.

    There is no number before all: who edits the trail may give a record the lowest there is.
    """
    first = seq is None
    rows = connection.rows(_FIRST, limit) if first else connection.rows(_NEXT, seq, limit)
    return [_record(row) for row in rows]


def read_last(connection: Connection, number: int) -> list[AuditDocument]:
    """The last records, in the order of storage."""
    return [_record(row) for row in reversed(connection.rows(_LAST, number))]


def _record(row: Row) -> AuditDocument:
    """SQLite keeps any kind of value in any column; what is no JSON shows, and fits no hash."""
    if not _EXPECTED.issuperset(map(type, row)):
        row = tuple(map(_as_json, row))
    return cast(AuditDocument, dict(zip(COLUMNS, row, strict=True)))


_EXPECTED = frozenset({str, int, type(None)})


def _as_json(value: Json) -> Json:
    if isinstance(value, bytes):
        return f"x'{value.hex()}'"
    if isinstance(value, float) and not math.isfinite(value):
        return f"real {value}"
    return value
