"""A SQLite file that keeps its word: opened, checked and locked; its errors in our words.

What it alone knows: PRAGMAs, transactions, and what SQLite's codes mean.
"""

import os
import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from reconciler.adapters.database.connections import Question, Row, Value
from reconciler.adapters.database.tables import NAMES
from reconciler.errors import StateError
from reconciler.private_files import make_private_file, make_private_folder

_WORDS = {"id": "INTEGER", "bytes": "BLOB"}


@dataclass(frozen=True, slots=True)
class Opened:
    """A connection to a file; a database.connections.Step, where every statement is run at once."""

    raw: sqlite3.Connection
    answers: Sequence[list[Row]] = ()

    def rows(self, statement: str, *values: Value) -> list[Row]:
        """All rows that a statement gives."""
        return self.raw.execute(statement, values).fetchall()

    def run(self, statement: str, *values: Value) -> int:
        """Run a statement; how many rows it changed."""
        return self.raw.execute(statement, values).rowcount

    def defer(self, statement: str, *values: Value) -> None:
        """Run a statement."""
        self.raw.execute(statement, values)

    def names(self) -> frozenset[str]:
        """The tables and indexes that there are."""
        found = self.rows("SELECT name FROM sqlite_master WHERE type IN ('table', 'index')")
        return frozenset(name for (name,) in found)

    def foreign(self) -> list[str]:
        """The tables, views, triggers and indexes that tables.py has not."""
        found = self.rows("SELECT type, name FROM sqlite_master ORDER BY type, name")
        return [
            f"{kind} {name}"
            for kind, name in found
            # SQLite's own: indexes of constraints, and what ANALYZE has found out
            if not (kind in NAMES and str(name).startswith(("sqlite_autoindex_", "sqlite_stat")))
            and name not in NAMES.get(kind, ())
        ]

    def define(self, statement: str) -> None:
        """Run a statement of tables.py."""
        self.raw.execute(statement.format_map(_WORDS))

    def unnumbered(self) -> list[str]:
        """Nothing: SQLite looks for the highest number each time."""
        return []

    def number_on(self, table: str) -> None:
        """Nothing is to be done for that."""


class Database:
    """Connections to one file; one writer at a time, in this process and among all.

    Every method raises StateError where the database fails, and then nothing was written.
    """

    def __init__(self, path: Path, *, busy_timeout: float, writable: bool = True) -> None:
        """Nothing is opened yet; `busy_timeout` is how many seconds to wait for a writer.

        What is not writable can be read all the same.
        """
        self._place = str(path)
        self._path = path
        self._file: tuple[int, int] | None = None
        self._broken: str | None = None
        self._writer = threading.Lock()
        self._patience = busy_timeout
        self._writable = writable
        self._pool = threading.Lock()
        self._idle: list[sqlite3.Connection] = []

    @property
    def place(self) -> str:
        """The file, for messages."""
        return self._place

    def next_id(self, table: str) -> Question:
        """The question for the id that SQLite gives to the next row of a table."""
        return Question(f"SELECT coalesce(max(id), 0) + 1 FROM {table}")

    def ask(self, *questions: Question) -> list[list[Row]]:
        """The rows of each question, all of one consistent view."""
        with self.reading() as connection:
            return [connection.rows(statement, *values) for statement, values in questions]

    @contextmanager
    def reading(self) -> Iterator[Opened]:
        """One consistent view of the database, which keeps no writer waiting."""
        with explained(self._place), self._transaction("BEGIN") as connection:
            yield connection

    @contextmanager
    def writing(self, *questions: Question) -> Iterator[Opened]:
        """One transaction, durable when the block is left, undone where it raises.

        After the disk has failed once, every other one is refused: a sync that is tried again
        may succeed although what it should have kept is gone.
        """
        with self._writer, self._breaking():
            if self._broken is not None:
                raise StateError(self._broken)
            # A read that turns into a write could not wait for the lock, so it is taken at once.
            with explained(self._place), self._transaction("BEGIN IMMEDIATE") as connection:
                answers = [connection.rows(statement, *values) for statement, values in questions]
                yield Opened(connection.raw, answers)
            self._require_in_place()

    def stay(self) -> None:
        """Hold on to the file that is there now: another in its place is no longer the store."""
        self._file = _identity(self._path)

    def require_writable(self) -> None:
        """SQLite opens a file that may only be read as well, and says so at the first write."""
        if not os.access(self._path, os.W_OK):
            raise StateError(f"the store {self._place} {_REASONS[sqlite3.SQLITE_READONLY]}")

    def close(self) -> None:
        """Close the connections; the last one of all processes folds the log into the file."""
        with self._pool:
            idle, self._idle = self._idle, []
        for raw in idle:
            raw.close()

    @contextmanager
    def _transaction(self, begin: str) -> Iterator[Opened]:
        raw = self._taken()
        with ExitStack() as undo:
            undo.callback(self._given_back, raw)
            raw.execute(begin)
            yield Opened(raw)
            raw.execute("COMMIT")

    def _taken(self) -> sqlite3.Connection:
        with self._pool:
            if self._idle:
                return self._idle.pop()
        if not self._writable:
            return read_only(self._path, self._patience)
        # Absolute: `:memory:` and `file:…` are files too where a URL names them.
        raw = sqlite3.connect(self._path.absolute(), check_same_thread=False)
        prepare(raw, round(self._patience * 1000))
        return raw

    def _given_back(self, raw: sqlite3.Connection) -> None:
        """Undo what was begun and not committed; a connection that cannot is not used again."""
        with suppress(sqlite3.Error):
            if raw.in_transaction:
                raw.execute("ROLLBACK")
            with self._pool:
                self._idle.append(raw)
            return
        raw.close()

    @contextmanager
    def _breaking(self) -> Iterator[None]:
        try:
            yield
        except StateError as error:
            if isinstance(error, _Lost) or _primary(error.__cause__) in _DISK:
                self._broken = self._broken or str(error)
            raise

    def _require_in_place(self) -> None:
        """SQLite goes on in a file that somebody has removed, where nobody finds it again."""
        log = self._path.with_name(f"{self._path.name}-wal")
        if self._file is not None and (_identity(self._path) != self._file or not log.exists()):
            raise _Lost(
                f"the store {self._place} was removed or replaced while this run was using it: "
                "see who did, put it back from a backup if it held more than this run, "
                "and run again"
            )


class _Lost(StateError):
    """The file is not the one that was opened."""


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def read_only(path: Path, patience: float) -> sqlite3.Connection:
    """A connection that leaves the file and its folder as they are.

    Without a log nobody has the file open, and SQLite would else make one beside it and leave it.
    """
    alone = not path.with_name(f"{path.name}-wal").exists()
    uri = f"file:{quote(os.fsencode(path.absolute()))}?mode=ro{'&immutable=1' if alone else ''}"
    return sqlite3.connect(uri, uri=True, timeout=patience, check_same_thread=False)


def prepare(raw: sqlite3.Connection, busy_timeout: int) -> None:
    """Set each PRAGMA and read it back; raises StateError where SQLite did not take it.

    A PRAGMA whose row nobody fetches hides I/O errors. The driver's own transactions are off:
    it would begin them late, and not IMMEDIATE.
    """
    with ExitStack() as undo:
        undo.callback(raw.close)
        raw.isolation_level = None
        _pragma(raw, "busy_timeout", busy_timeout, busy_timeout)
        _write_ahead(raw)
        _pragma(raw, "synchronous", "FULL", 2)
        _pragma(raw, "foreign_keys", "ON", 1)
        undo.pop_all()


def _write_ahead(raw: sqlite3.Connection) -> None:
    """Two that make a store at once: the second waits as writers do, and finds it made.

    SQLite itself would not wait here: it holds a read lock already, and gives up at once.
    """
    try:
        _pragma(raw, "journal_mode", "WAL", "wal")
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY:
            raise
        raw.execute("BEGIN IMMEDIATE")
        raw.execute("ROLLBACK")
        _pragma(raw, "journal_mode", "WAL", "wal")


def _pragma(raw: sqlite3.Connection, name: str, value: str | int, expected: str | int) -> None:
    raw.execute(f"PRAGMA {name}={value}").fetchall()
    found = raw.execute(f"PRAGMA {name}").fetchone()
    if found != (expected,):
        raise StateError(
            f"SQLite does not take {name}={value} for the store (it stays {found}), so a crash "
            "could lose what was recorded: put the store on a local disk, see --state"
        )


@contextmanager
def explained(place: str) -> Iterator[None]:
    """Turn whatever SQLite raises into a StateError."""
    try:
        yield
    except sqlite3.Error as error:
        raise StateError(f"the store {place} {_reason(error)}") from error
    except OverflowError as error:  # after the highest number that a record can be given comes none
        raise StateError(
            f"the store {place} is damaged: no number is left for what is to be recorded; "
            "`audit verify` says where, restore it from a backup"
        ) from error


def _reason(error: sqlite3.Error) -> str:
    primary = _primary(error)
    if primary is None:
        return f"cannot be used: {error}"
    return _REASONS.get(primary, f"answers with an error: {error}")


def _primary(error: BaseException | None) -> int | None:
    """SQLite's code of an error; the rest of it tells more than anybody can act upon."""
    code: int | None = getattr(error, "sqlite_errorcode", None)
    return None if code is None else code & 0xFF


_DISK = frozenset(
    {
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_READONLY,
        sqlite3.SQLITE_CANTOPEN,
        sqlite3.SQLITE_CORRUPT,
        sqlite3.SQLITE_NOTADB,
    }
)

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
    """Make the folder and those above it, durably, for their owner; raises StateError."""
    try:
        made = make_private_folder(folder)
    except OSError as error:
        raise StateError(
            f"cannot make the folder {folder} for the store: {error.strerror}; "
            "make it yourself, or name another file with --state"
        ) from error
    for each in made:
        sync_folder(each.parent)


def make_file(path: Path) -> None:
    """Make an empty store for its owner, where there is none; SQLite would ask the umask.

    Its log and its journal get the mode of the file itself. An error is SQLite's to report.
    """
    with suppress(OSError):
        make_private_file(path)


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
