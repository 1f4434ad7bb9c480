"""The audit trail in its table: appended under the writer's lock, read as it is stored."""

import math
from dataclasses import replace

from sqlalchemy import Connection, insert, select

from reconciler.adapters.database.tables import audit
from reconciler.domain.jsontext import Json
from reconciler.domain.records import GENESIS, AuditRecord, Entry, seal
from reconciler.errors import StateError


def append(connection: Connection, entry: Entry) -> AuditRecord:
    """Seal the entry after the last record. The transaction has to be the only writer's."""
    seq, head = read_head(connection)
    try:
        record = seal(_storable(entry), seq=seq + 1, prev_hash=head)
    except ValueError as error:  # a lone surrogate: an actor or a path that is no UTF-8
        raise StateError(
            f"the audit record {entry.event} cannot be written, it holds what is no text: "
            "look for a user name, a path or a commit that is not UTF-8"
        ) from error
    connection.execute(insert(audit).values(record.to_json()))
    return record


def _storable(entry: Entry) -> Entry:
    """A service's words may hold NUL, which PostgreSQL cannot keep in a text."""
    detail = entry.detail
    return entry if detail is None else replace(entry, detail=detail.replace("\0", "\ufffd"))


def read_head(connection: Connection) -> tuple[int, str]:
    """Number and hash of the last record; 0 and the hash before the first where there is none."""
    last = select(audit.c.seq, audit.c.hash).order_by(audit.c.seq.desc()).limit(1)
    row = connection.execute(last).one_or_none()
    return (0, GENESIS) if row is None else (row.seq, row.hash)


def read_after(connection: Connection, seq: int | None, *, limit: int) -> list[dict[str, Json]]:
    """The next records in the order of storage; None starts, below zero if need be."""
    query = select(audit).order_by(audit.c.seq).limit(limit)
    if seq is not None:
        query = query.where(audit.c.seq > seq)
    rows = connection.execute(query).mappings()
    return [{name: _as_json(value) for name, value in row.items()} for row in rows]


def _as_json(value: Json) -> Json:
    """SQLite keeps any kind of value in any column; what is no JSON shows, and fits no hash."""
    if isinstance(value, bytes):
        return f"x'{value.hex()}'"
    if isinstance(value, float) and not math.isfinite(value):
        return f"real {value}"
    return value
