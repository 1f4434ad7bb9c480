"""A PostgreSQL server that keeps its word: connections, transactions, its errors in our words."""

import hashlib
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from functools import lru_cache

import psycopg
from psycopg.conninfo import make_conninfo
from psycopg.rows import tuple_row

from reconciler.adapters.database.address import Address, shown
from reconciler.adapters.database.connections import Connection, Row, Value
from reconciler.adapters.database.deadline import Deadline, Wire
from reconciler.adapters.database.server_errors import reason, unreachable
from reconciler.errors import StateError

# A peer that is gone without a word is noticed within half a minute, by us and by the server.
_OURS = {
    "application_name": "reconciler",
    "client_encoding": "UTF8",  # PGCLIENTENCODING or the user's settings may say another
    "connect_timeout": "10",
    "keepalives_idle": "10",
    "keepalives_interval": "5",
    "keepalives_count": "3",
    "tcp_user_timeout": "30000",
}
_THEIRS = (
    "set_config('tcp_keepalives_idle', '10', false), "
    "set_config('tcp_keepalives_interval', '5', false), "
    "set_config('tcp_keepalives_count', '3', false), "
    "set_config('tcp_user_timeout', '30000', false)"  # keepalives rest while an answer is due
)
# Where the tables are: whoever finds them by another search_path has to find the same locks.
_SCHEMA = """coalesce(
    (SELECT n.nspname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
      WHERE c.oid = to_regclass('meta')),
    current_schema())"""
_GREETING = f"""
SELECT {_SCHEMA}, current_setting('server_encoding'), current_setting('fsync'),
  current_setting('synchronous_commit'), {_THEIRS}
"""
_NAMES = """
SELECT c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
 WHERE c.relkind IN ('r', 'p', 'i') AND pg_table_is_visible(c.oid) AND n.nspname <> 'pg_catalog'
"""
_WORDS = {"id": "SERIAL", "bytes": "BYTEA"}
_READ = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"
# The number of the writer's lock, as `_key` has it; who lets the server work it out asks once less.
_WRITER = f"""('x' || encode(substr(sha256(decode('{b"reconciler".hex()}00', 'hex') ||
    convert_to({_SCHEMA}::text, 'UTF8') || decode('00{b"chain".hex()}', 'hex')), 1, 8), 'hex')
    )::bit(64)::bigint"""
# All in one message. Who waited for the writer sees what it wrote: each statement looks anew.
_WRITE = f"""
BEGIN ISOLATION LEVEL READ COMMITTED; {_GREETING};
SET LOCAL lock_timeout = {{milliseconds}}; SELECT pg_advisory_xact_lock({_WRITER})
"""


class Link:
    """One connection to the server, each answer of it due in time; a connections.Connection.

    Every method raises StateError.
    """

    def __init__(self, raw: "psycopg.Connection[Row]", deadline: Deadline, place: str) -> None:
        """Each statement is committed where no BEGIN came before it."""
        self._raw = raw
        self._deadline = deadline
        self._place = place
        self._wire = Wire(raw.fileno())

    def rows(self, statement: str, *values: Value) -> list[Row]:
        """All rows that a statement gives."""
        return self._asked(statement, values, _NOT_RECORDED).fetchall()

    def run(self, statement: str, *values: Value) -> int:
        """Run a statement; how many rows it changed."""
        return self._asked(statement, values, _NOT_RECORDED).rowcount

    def open(self, statements: str) -> list[Row]:
        """Run several statements in one message; the rows that the second one gives, if any."""
        cursor = self._asked(statements, (), _NOT_RECORDED)
        return cursor.fetchall() if cursor.nextset() else []

    def names(self) -> frozenset[str]:
        """The tables and indexes that there are."""
        return frozenset(name for (name,) in self.rows(_NAMES))

    def define(self, statement: str) -> None:
        """Run a statement of tables.py."""
        self.run(statement.format_map(_WORDS))

    def commit(self) -> None:
        """End the transaction; where the answer is lost, nobody here knows how."""
        self._asked("COMMIT", (), _NOT_KNOWN)

    @property
    def lost(self) -> bool:
        """Whether nothing can be asked any more."""
        return self._raw.closed

    def undo(self) -> None:
        """Leave a transaction that was not committed."""
        with suppress(StateError):
            if self._raw.info.transaction_status != psycopg.pq.TransactionStatus.IDLE:
                self.run("ROLLBACK")

    def close(self) -> None:
        """End the connection, and what it has begun."""
        self._raw.close()
        self._wire.close()

    def _asked(
        self, statement: str, values: tuple[Value, ...], silence: str
    ) -> "psycopg.Cursor[Row]":
        require_answers(self._deadline, self._place)
        try:
            with self._deadline.on(self._wire):
                return self._raw.execute(_for_psycopg(statement), values or None)
        except psycopg.Error as error:
            if self._wire.silent:
                raise StateError(_silent(self._place, self._deadline) + silence) from error
            text = error.diag.message_primary or error.sqlstate or str(error)
            why = reason(error.sqlstate, text, lost=self.lost)
            raise StateError(f"the store {self._place} {why}") from error


def require_answers(deadline: Deadline, place: str) -> None:
    """Raise StateError where the server was silent before: another wait would be as long."""
    if deadline.passed:
        raise StateError(_silent(place, deadline) + "; it is not asked again in this run")


def _silent(place: str, deadline: Deadline) -> str:
    return (
        f"the store {place} did not answer within {deadline.seconds:g} seconds (--state-deadline)"
    )


_NOT_RECORDED = "; nothing of this step was recorded. See what holds its server up, and run again"
_NOT_KNOWN = (
    "; whether this step was recorded is not known. Run again when it is back: the next run looks"
)


@lru_cache
def _for_psycopg(statement: str) -> bytes:
    """Its marks for values are others; none of our statements has either sign in another sense."""
    return statement.replace("?", "%s").encode()


class Server:
    """Connections to one database, and in it one schema; a database.connections.Sessions.

    One writer at a time among all processes: an advisory lock that ends with its transaction
    gives the records of the trail their numbers without a gap.
    """

    def __init__(self, address: Address, *, busy_timeout: float, deadline: float) -> None:
        """Nothing is opened yet. Seconds: to wait for a writer, and for any answer."""
        self._place = shown(address)
        patience = max(1, round(min(busy_timeout, 0.9 * deadline) * 1000))
        self._write = _WRITE.format(milliseconds=patience)
        self._deadline = Deadline(deadline)
        self._writer = threading.Lock()
        self._pool = threading.Lock()
        self._idle: list[Link] = []
        self._refusal: str | None = None
        connect = str(max(2, min(10, round(deadline))))  # libpq takes 1 for 2
        self._parameters = {**_OURS, "connect_timeout": connect, **address.parameters()}

    @property
    def place(self) -> str:
        """Host and database, for messages."""
        return self._place

    @contextmanager
    def reading(self) -> Iterator[Link]:
        """One consistent view of the database, which keeps no writer waiting."""
        with self._transaction(_READ) as (link, _):
            yield link

    @contextmanager
    def writing(self) -> Iterator[Link]:
        """One transaction, durable when the block is left, undone where it raises.

        After a commit whose end nobody here knows every other one is refused: what comes next
        may rest on it.
        """
        with self._writer:
            if self._refusal is not None:
                raise StateError(self._refusal)
            with self._transaction(self._write) as (link, greeting):
                self._heard(link, greeting)
                yield link
                self._commit(link)

    @contextmanager
    def session(self) -> Iterator["Locking"]:
        """A connection of its own, which lasts; raises StateError."""
        link = self._connected()
        with ExitStack() as ending:
            ending.callback(link.close)  # it takes its locks with it
            schema = self._heard(link, link.rows(_GREETING))
            link.run("SET idle_session_timeout = 0")
            yield Locking(link, schema)

    def close(self) -> None:
        """Close the connections."""
        with self._pool:
            idle, self._idle = self._idle, []
        for link in idle:
            link.close()
        self._deadline.close()

    @contextmanager
    def _transaction(self, opening: str) -> Iterator[tuple[Link, list[Row]]]:
        """What the block does not commit is undone; with what the opening was answered."""
        link, answer = self._begun(opening)
        with ExitStack() as ending:
            ending.callback(self._given_back, link)
            yield link, answer

    def _begun(self, opening: str) -> tuple[Link, list[Row]]:
        """One that was lost while it was idle shows it here, and another is taken."""
        while (link := self._taken()) is not None:
            try:
                return link, link.open(opening)
            except StateError:
                self._given_back(link)
                if self._deadline.passed or not link.lost:
                    raise
        with ExitStack() as undo:
            link = self._connected()
            undo.callback(link.close)
            answer = link.open(opening)
            undo.pop_all()
        return link, answer

    def _taken(self) -> Link | None:
        with self._pool:
            return self._idle.pop() if self._idle else None

    def _given_back(self, link: Link) -> None:
        link.undo()
        if link.lost:
            link.close()
            return
        with self._pool:
            self._idle.append(link)

    def _connected(self) -> Link:
        require_answers(self._deadline, self._place)
        try:
            raw = psycopg.connect(
                make_conninfo("", **self._parameters),
                autocommit=True,
                prepare_threshold=None,
                row_factory=tuple_row,
            )
        except psycopg.Error as error:
            raise StateError(f"the store {self._place} {unreachable(str(error))}") from error
        return Link(raw, self._deadline, self._place)

    def _commit(self, link: Link) -> None:
        try:
            link.commit()
        except StateError as error:
            if link.lost:
                self._refusal = str(error)
            raise

    def _heard(self, link: Link, greeting: list[Row]) -> str:
        """The schema that tables are in; raises StateError where a crash could lose a commit.

        A session that would not wait for the disk is told to; the server's own is not ours to set.
        """
        [(schema, encoding, fsync, synchronous_commit, *_)] = greeting
        self._require("server_encoding", encoding, "UTF8")
        self._require("fsync", fsync, "on")
        if synchronous_commit not in ("on", "remote_apply"):
            link.run("SET LOCAL synchronous_commit = on")
        if schema is None:
            raise StateError(
                f"the store {self._place} has no schema to put tables into: "
                "create the one that search_path names, or name another with --state"
            )
        return str(schema)

    def _require(self, name: str, found: str, wanted: str) -> None:
        if found != wanted:
            raise StateError(
                f"the store {self._place} has {name}={found}, so what was recorded could be lost "
                f"or changed: use a server and a database with {name}={wanted}, see --state"
            )


@dataclass(frozen=True, slots=True)
class Locking:
    """A connection that commits each statement; a database.connections.Session."""

    link: Link
    schema: str

    @contextmanager
    def asking(self) -> Iterator[Connection]:
        """The connection; what goes wrong in the block is a StateError."""
        yield self.link

    def key(self, *words: str) -> int:
        """The number of an advisory lock: the same for the same words in the same store."""
        return _key(self.schema, *words)


def _key(*words: str) -> int:
    named = "\0".join(("reconciler", *words)).encode()
    return int.from_bytes(hashlib.sha256(named).digest()[:8], "big", signed=True)
