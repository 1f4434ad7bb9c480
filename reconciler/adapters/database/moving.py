"""The move of a store: all that one database holds, copied into another in one transaction."""

from collections.abc import Iterator

from reconciler.adapters.database import trail
from reconciler.adapters.database.connections import Connection, Row, Step
from reconciler.adapters.database.tables import COLUMNS, KEYS, SEQUENCES
from reconciler.domain.records import Entry
from reconciler.errors import StateError

_PAGE = 100  # rows in memory at once, of either store; a row may hold a whole schema
# Who holds a lock is no part of a store, and its format is the target's own.
MOVED = tuple(table for table in COLUMNS if table not in ("meta", "holders"))
_LAST = "SELECT event, detail FROM audit ORDER BY seq DESC LIMIT 1"
_MARK = "INSERT INTO meta (name, value) VALUES ('moved_to', ?)"


def copy(source: Step, target: Step, place: str, entry: Entry) -> dict[str, int]:
    """All rows, into tables that hold none, each read back; the number of rows by table.

    The trail of the target goes on with the entry, which says that it was moved. A target that
    holds all of that already, as after a move that was killed before it was marked in the source,
    is left as it is. Raises StateError for one that holds anything else.
    """
    there = any(target.rows(f"SELECT 1 FROM {table} LIMIT 1") for table in MOVED)
    counts = {}
    for table in MOVED:
        counts[table] = 0
        for rows in _pages(source, table):
            if not there:
                _insert(target, table, rows)
            if _kept(target, table, rows) != _by_key(table, rows):
                raise StateError(_differs(place, table, there=there))
            counts[table] += len(rows)
        [(found,)] = target.rows(f"SELECT count(*) FROM {table}")
        more = there and table == "audit" and target.rows(_LAST) == [(entry.event, entry.detail)]
        if found != counts[table] + more:
            raise StateError(_differs(place, table, there=there))
        if table in SEQUENCES:
            target.number_on(table)
    if not there:
        statement, values = trail.HEAD
        trail.append(target, target.rows(statement, *values), entry)
    return counts


def mark(source: Step, moved: str) -> None:
    """Write down where the store is now; from then on nothing is appended to it."""
    source.run(_MARK, moved)


def _differs(place: str, table: str, *, there: bool) -> str:
    if there:
        return (
            f"the store {place} is not empty: it holds other rows than this one; "
            "name a database or a file with --to that holds no store yet"
        )
    return (
        f"the store {place} does not give back what was written to it (table {table}); nothing "
        "was moved: `state check` says what is wrong with the one that is moved"
    )


def _insert(target: Connection, table: str, rows: list[Row]) -> None:
    row = f"({', '.join('?' * len(COLUMNS[table]))})"
    values = [value for each in rows for value in each]
    marks = ", ".join([row] * len(rows))
    target.run(f"INSERT INTO {table} ({_quoted(COLUMNS[table])}) VALUES {marks}", *values)


def _kept(target: Connection, table: str, rows: list[Row]) -> dict[Row, Row]:
    """The rows of the target that have the keys of these: its order of texts may be another."""
    keys = [*_by_key(table, rows)]
    marks = ", ".join([f"({', '.join('?' * len(KEYS[table]))})"] * len(keys))
    wanted = f"({_quoted(KEYS[table])}) IN (VALUES {marks})"
    values = [value for key in keys for value in key]
    select = f"SELECT {_quoted(COLUMNS[table])} FROM {table} WHERE {wanted}"
    return _by_key(table, target.rows(select, *values))


def _pages(source: Connection, table: str) -> Iterator[list[Row]]:
    """All rows in the order of their keys."""
    keys = _quoted(KEYS[table])
    select = f"SELECT {_quoted(COLUMNS[table])} FROM {table}"
    after: Row = ()
    while True:
        beyond = f"WHERE ({keys}) > ({', '.join('?' * len(after))})" if after else ""
        rows = source.rows(f"{select} {beyond} ORDER BY {keys} LIMIT {_PAGE}", *after)
        if not rows:
            return
        yield rows
        after = [*_by_key(table, rows)][-1]


def _by_key(table: str, rows: list[Row]) -> dict[Row, Row]:
    places = [COLUMNS[table].index(key) for key in KEYS[table]]
    return {tuple(row[place] for place in places): row for row in rows}


def _quoted(names: tuple[str, ...]) -> str:
    return ", ".join(f'"{name}"' for name in names)
