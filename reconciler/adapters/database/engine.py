"""A SQLite file that keeps its word: opened, checked and locked; its errors in our words.

What it alone knows: URLs of the store, PRAGMAs, transactions, and what SQLite's codes mean.
"""

import os
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, SQLAlchemyError

from reconciler.errors import StateError, UsageError

SUPPORTED = "what is supported is sqlite:///PATH"


def path_of(url: str) -> Path:
    """The file that a store URL names, relative to the working directory.

    Raises UsageError for any other URL, without repeating it: it may hold a password.
    """
    try:
        parts = make_url(url)
    except (ArgumentError, ValueError) as error:  # the latter for a port that is no number
        raise UsageError(f"--state (RECONCILER_STATE) is no database URL: {SUPPORTED}") from error
    if parts.password is not None or "password" in parts.query:
        raise UsageError(
            "--state (RECONCILER_STATE) holds a password: take it out of the URL; "
            "PGPASSFILE, PGPASSWORD or a service file can carry it"
        )
    if parts.drivername != "sqlite":
        raise UsageError(f"--state (RECONCILER_STATE) cannot be {parts.drivername}: {SUPPORTED}")
    path = parts.database or ""
    bare = not (parts.username or parts.host or parts.port or parts.query)
    if not bare or path in ("", ":memory:") or "\0" in path:
        raise UsageError(
            "--state (RECONCILER_STATE) has to name a file, with nothing else in the URL: "
            "sqlite:///.reconciler/state.db, or sqlite:////var/lib/reconciler/state.db"
        )
    return Path(path)


class Database:
    """Connections to one file; one writer at a time, in this process and among all.

    Every method raises StateError where the database fails, and then nothing was written.
    """

    def __init__(self, path: Path, *, busy_timeout: float) -> None:
        """Nothing is opened yet; `busy_timeout` is how many seconds to wait for a writer."""
        self._place = str(path)
        self._writer = threading.Lock()
        self._engine = create_engine(
            URL.create("sqlite", database=str(path)),
            hide_parameters=True,  # values have no place in an error message
        )
        milliseconds = round(busy_timeout * 1000)
        event.listen(self._engine, "connect", lambda raw, _: prepare(raw, milliseconds))
        event.listen(self._engine, "begin", _begin)

    @property
    def place(self) -> str:
        """The file, for messages."""
        return self._place

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """One consistent view of the database, which keeps no writer waiting."""
        with explained(self._place), self._engine.connect() as connection:
            yield connection.execution_options(reading=True)

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """One transaction, durable when the block is left, undone where it raises."""
        with self._writer, explained(self._place), self._engine.begin() as connection:
            yield connection

    def close(self) -> None:
        """Close the connections; the last one of all processes folds the log into the file."""
        self._engine.dispose()


def prepare(raw: Any, busy_timeout: int) -> None:  # Any: a driver's connection has no type
    """Set each PRAGMA and read it back; raises StateError where SQLite did not take it.

    A PRAGMA whose row nobody fetches hides I/O errors. The driver's own transactions are off:
    it would begin them late, and not IMMEDIATE.
    """
    with ExitStack() as undo:
        undo.callback(raw.close)
        raw.isolation_level = None
        _pragma(raw, "busy_timeout", busy_timeout, busy_timeout)
        _pragma(raw, "journal_mode", "WAL", "wal")
        _pragma(raw, "synchronous", "FULL", 2)
        _pragma(raw, "foreign_keys", "ON", 1)
        undo.pop_all()


def _pragma(raw: Any, name: str, value: str | int, expected: str | int) -> None:
    raw.execute(f"PRAGMA {name}={value}").fetchall()
    found = raw.execute(f"PRAGMA {name}").fetchone()
    if found != (expected,):
        raise StateError(
            f"SQLite does not take {name}={value} for the store (it stays {found}), so a crash "
            "could lose what was recorded: put the store on a local disk, see --state"
        )


def _begin(connection: Connection) -> None:
    """A writer takes its lock at once: a read that turns into a write could not wait for one."""
    reading = connection.get_execution_options().get("reading", False)
    connection.exec_driver_sql("BEGIN" if reading else "BEGIN IMMEDIATE")


@contextmanager
def explained(place: str) -> Iterator[None]:
    """Turn whatever the database raises into a StateError."""
    try:
        yield
    except SQLAlchemyError as error:
        raise StateError(f"the store {place} {_reason(error)}") from error


def _reason(error: SQLAlchemyError) -> str:
    if not isinstance(error, DBAPIError):
        return f"cannot be used: {error}"
    code = getattr(error.orig, "sqlite_errorcode", None)
    if code is None:
        return f"cannot be used: {error.orig}"
    primary = code & 0xFF  # the rest tells more than anybody can act upon
    return _REASONS.get(primary, f"answers with an error: {error.orig}")


_REASONS = {
    sqlite3.SQLITE_BUSY: (
        "is locked: another process is writing to it and did not end in time; "
        "wait for that process, or stop it"
    ),
    sqlite3.SQLITE_READONLY: (
        "is read-only: make the file and its folder writable to the user who runs this, "
        "or name another file with --state"
    ),
    sqlite3.SQLITE_PERM: "may not be opened: its permissions do not allow it to this user",
    sqlite3.SQLITE_IOERR: (
        "cannot be read or written, the disk gives an error: check the disk and its free space; "
        "nothing of this step was recorded"
    ),
    sqlite3.SQLITE_FULL: "cannot grow, the disk is full: free some space and run again",
    sqlite3.SQLITE_CANTOPEN: (
        "cannot be opened: it has to be a file, in a folder that this user may write to; "
        "name another with --state"
    ),
    sqlite3.SQLITE_CORRUPT: "is damaged: restore it from a backup, or name another with --state",
    sqlite3.SQLITE_NOTADB: "is not a SQLite database: name another file with --state",
}


def make_folder(folder: Path) -> None:
    """Make the folder and those above it, durably; raises StateError."""
    try:
        missing = _make(folder)
    except OSError as error:
        raise StateError(
            f"cannot make the folder {folder} for the store: {error.strerror}; "
            "make it yourself, or name another file with --state"
        ) from error
    for each in missing:
        sync_folder(each.parent)


def _make(folder: Path) -> list[Path]:
    missing = [each for each in (folder, *folder.parents) if not each.exists()]
    folder.mkdir(parents=True, exist_ok=True)
    return missing


def sync_folder(folder: Path) -> None:
    """Make the names in a folder durable; raises StateError.

    SQLite ignores a failure of this; without it a new file may be gone after a power cut.
    """
    try:
        _fsync(folder)
    except OSError as error:
        raise StateError(
            f"cannot make the folder {folder} durable: {error.strerror}; "
            "put the store on a local disk, see --state"
        ) from error


def _fsync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    with ExitStack() as undo:
        undo.callback(os.close, descriptor)
        os.fsync(descriptor)
