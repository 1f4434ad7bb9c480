"""The audit trail in its table: appended under the writer's lock, read as it is stored."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import cache
from typing import cast

from reconciler.adapters.database.connections import Question, Row, Step, Value
from reconciler.domain.documents import AuditDocument
from reconciler.domain.jsontext import Json, canonical, parse
from reconciler.domain.records import (
    ENTRY_MEMBERS,
    GENESIS,
    OPTIONAL_MEMBERS,
    AuditRecord,
    Entry,
    seal,
)
from reconciler.errors import StateError

COLUMNS = ("seq", *ENTRY_MEMBERS, *OPTIONAL_MEMBERS, "prev_hash", "hash")
# SQLite takes a name in quotes that is no column for a text, so only the one that is a word of SQL.
_NAMES = ", ".join(COLUMNS).replace("commit", '"commit"')
# Where a store was moved to, and since when; of the store that is used there is none.
_MOVED_TO = "SELECT value FROM meta WHERE name = 'moved_to'"
MOVED_TO = Question(_MOVED_TO)
# Number and hash of the last record, which the next one is sealed after; nothing is appended to a
# store that was moved.
HEAD = Question(
    f"SELECT seq, hash, ({_MOVED_TO}) FROM audit WHERE seq = (SELECT max(seq) FROM audit)"
)
_LAST = f"SELECT {_NAMES} FROM audit ORDER BY seq DESC LIMIT ?"
_BEFORE = f"SELECT {_NAMES} FROM audit WHERE seq < ? ORDER BY seq DESC LIMIT ?"
_FIRST = f"SELECT {_NAMES} FROM audit WHERE seq >= {-(2**63)} ORDER BY seq LIMIT ?"
_NEXT = f"SELECT {_NAMES} FROM audit WHERE seq > ? ORDER BY seq LIMIT ?"


def last(record: AuditRecord) -> list[Row]:
    """A record as the answer to HEAD, once it is the last one."""
    return [(record.seq, record.hash, None)]


def append(step: Step, last: Sequence[Row], entry: Entry) -> AuditRecord:
    """Seal the entry after the last record, which is the answer to HEAD in that step."""
    [record] = append_all(step, last, [entry])
    return record


def append_all(step: Step, last: Sequence[Row], entries: Iterable[Entry]) -> list[AuditRecord]:
    """Seal the entries after the last record, each after the one before it; as append does."""
    for *_, moved in last:
        require_here(moved)
    seq, digest = head_of(last)
    records = []
    for entry in entries:
        seq += 1
        record = _sealed(_storable(entry), seq, digest)
        members = record.to_json()
        step.defer(_append(tuple(members)), *map(_stored, members.values()))
        digest = record.hash
        records.append(record)
    return records


@cache
def _append(members: tuple[str, ...]) -> str:
    """Only the columns of those members: a migration appends before the later ones are there."""
    names = ", ".join(members).replace("commit", '"commit"')
    return f"INSERT INTO audit ({names}) VALUES ({', '.join('?' * len(members))})"


def _stored(value: Json) -> Value:
    """A member as it is kept: what no column can hold is the canonical text of its JSON."""
    if isinstance(value, bool | dict):
        return canonical(value).decode()
    return cast(Value, value)


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


def head_of(last: Sequence[Row]) -> tuple[int, str]:
    """The answer to HEAD; 0 and the hash before the first where there is no record."""
    for seq, digest, _ in last:
        return seq, digest
    return 0, GENESIS


def is_record(seq: int, digest: str) -> Question:
    """The question whether the trail has that record."""
    return Question("SELECT 1 FROM audit WHERE seq = ? AND hash = ?", (seq, digest))


def moved_to(answer: Sequence[Row]) -> str | None:
    """The place and the time, by the answer to MOVED_TO."""
    return next((str(value) for (value,) in answer), None)


def require_here(moved: str | None) -> None:
    """Raise StateError where the store was moved: what is written to it nobody would see."""
    if moved is not None:
        raise StateError(
            f"the store was moved to {moved}: name that one with --state; this one is kept as it "
            "was then, for `audit verify` and `audit export`"
        )


def after(seq: int | None, *, limit: int) -> Question:
    """The question for the next records in the order of storage, the first ones after None.

    There is no number before all: who edits the trail may give a record the lowest there is.
    """
    return Question(_FIRST, (limit,)) if seq is None else Question(_NEXT, (seq, limit))


def newest(seq: int | None, *, limit: int) -> Question:
    """The question for the records before one, the newest first; the last ones before None."""
    return Question(_LAST, (limit,)) if seq is None else Question(_BEFORE, (seq, limit))


def record_of(row: Row) -> AuditDocument:
    """The record that a row of those questions holds.

    SQLite keeps any kind of value in any column; what is no JSON shows, and fits no hash.
    """
    if not _EXPECTED.issuperset(map(type, row)):
        row = tuple(map(_as_json, row))
    record = dict(zip(COLUMNS, row, strict=True))
    for name in OPTIONAL_MEMBERS:
        if record[name] is None:
            del record[name]
        else:
            record[name] = _restored(record[name])
    return cast(AuditDocument, record)


def _restored(value: Json) -> Json:
    """An optional member as it was written; a text that none is stored as stays one."""
    if not isinstance(value, str):
        return value
    try:
        found = parse(value.encode())
    except ValueError:  # no JSON, or a text with a lone surrogate
        return value
    is_ours = isinstance(found, bool | dict) and canonical(found) == value.encode()
    return found if is_ours else value


_EXPECTED = frozenset({str, int, type(None)})


def _as_json(value: Json) -> Json:
    if isinstance(value, bytes):
        return f"x'{value.hex()}'"
    if isinstance(value, float) and not math.isfinite(value):
        return f"real {value}"
    return value
