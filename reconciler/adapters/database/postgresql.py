"""A PostgreSQL server that keeps its word: connections, transactions, its errors in our words."""

import hashlib
import re
import threading
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from functools import lru_cache
from typing import NamedTuple

import psycopg
from psycopg.conninfo import make_conninfo
from psycopg.rows import tuple_row

from reconciler.adapters.database.address import Address, shown
from reconciler.adapters.database.connections import Connection, Question, Row, Value
from reconciler.adapters.database.deadline import Deadline, Wire
from reconciler.adapters.database.server_errors import ServerError, reason, unreachable
from reconciler.adapters.database.tables import NAMES, SEQUENCES
from reconciler.domain.redaction import Redaction
from reconciler.domain.secret import Secret
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
# A setting is a transaction's: a connection pooler would lend it to others with the session.
_THEIRS = (
    "set_config('tcp_keepalives_idle', '10', true), "
    "set_config('tcp_keepalives_interval', '5', true), "
    "set_config('tcp_keepalives_count', '3', true), "
    "set_config('tcp_user_timeout', '30000', true)"  # keepalives rest while an answer is due
)
# Where the tables are: whoever finds them by another search_path has to find the same locks.
_SCHEMA = """coalesce(
    (SELECT n.nspname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
      WHERE c.oid = to_regclass('meta')),
    current_schema())"""
_GREETING = Question(f"""
SELECT {_SCHEMA}, current_setting('server_encoding'), current_setting('fsync'),
  current_setting('synchronous_commit'), {_THEIRS}, set_config('lock_timeout', ?, true)
""")
_NAMES = """
SELECT c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
 WHERE c.relkind IN ('r', 'p', 'i') AND pg_table_is_visible(c.oid) AND n.nspname <> 'pg_catalog'
"""
_OURS_BY_NAME = ", ".join(f"'{name}'" for name in sorted(NAMES["table"] | NAMES["index"]))
# In the schema of our tables. What an extension has made, and the index of a constraint, is no
# object of its own; who shares a database has a schema of their own.
_FOREIGN = f"""
WITH here AS (
  SELECT c.oid, c.relname, c.relkind FROM pg_class c
   WHERE c.relnamespace = (SELECT relnamespace FROM pg_class WHERE oid = to_regclass('meta'))
     AND NOT EXISTS (SELECT 1 FROM pg_depend d
          WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e'))
SELECT CASE relkind WHEN 'r' THEN 'table' WHEN 'i' THEN 'index' WHEN 'v' THEN 'view'
    WHEN 'm' THEN 'materialized view' WHEN 'f' THEN 'foreign table' ELSE 'partitioned table' END
    || ' ' || relname FROM here
 WHERE relkind IN ('r', 'p', 'v', 'm', 'f', 'i', 'I')
   AND NOT (relkind IN ('r', 'i') AND relname IN ({_OURS_BY_NAME}))
   AND NOT EXISTS (SELECT 1 FROM pg_constraint WHERE conindid = here.oid)
UNION ALL SELECT 'trigger ' || tgname FROM pg_trigger
 WHERE NOT tgisinternal AND tgrelid IN (SELECT oid FROM here)
UNION ALL SELECT 'rule ' || rulename FROM pg_rewrite
 WHERE rulename <> '_RETURN' AND ev_class IN (SELECT oid FROM here)
UNION ALL SELECT 'policy ' || polname FROM pg_policy WHERE polrelid IN (SELECT oid FROM here)
UNION ALL SELECT 'a table that inherits from ' || inhparent::regclass::text FROM pg_inherits
 WHERE inhparent IN (SELECT oid FROM here)
 ORDER BY 1
"""
_NUMBERING = """
SELECT pg_get_serial_sequence(?, 'id'), (SELECT atthasdef FROM pg_attribute
    WHERE attrelid = to_regclass(?) AND attname = 'id'), coalesce(max(id), 0) FROM"""
_WORDS = {"id": "SERIAL", "bytes": "BYTEA"}
_READ = Question("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
# Who waited for the writer sees what it wrote: each statement looks anew.
_WRITE = Question("BEGIN ISOLATION LEVEL READ COMMITTED")
# The number of the writer's lock, as `lock_key` has it. To know the schema first would be a round
# trip more.
_LOCK = Question(f"""
SELECT pg_advisory_xact_lock(('x' || encode(substr(sha256(
    decode('{b"reconciler".hex()}00', 'hex') || convert_to({_SCHEMA}::text, 'UTF8') ||
    decode('00{b"chain".hex()}', 'hex')), 1, 8), 'hex'))::bit(64)::bigint)
""")
_SYNC = Question("SET LOCAL synchronous_commit = on")
# A transaction that is open as long as a run may be longer than the server lets others be; one of
# the three is of PostgreSQL 17. Without a snapshot or a number it keeps no vacuum from its work.
_LASTING = Question(f"""
SELECT {_THEIRS}, set_config(name, '0', true) FROM pg_settings
 WHERE name IN ('idle_in_transaction_session_timeout', 'transaction_timeout', 'lock_timeout')
""")
_COMMIT = Question("COMMIT")
_ROLLBACK = Question("ROLLBACK")


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
        self._redaction = Redaction((Secret(raw.info.password),))  # from wherever libpq took it

    def rows(self, statement: str, *values: Value) -> list[Row]:
        """All rows that a statement gives."""
        with self._answering(_NOT_RECORDED):
            return self._executed(Question(statement, values)).fetchall()

    def run(self, statement: str, *values: Value) -> int:
        """Run a statement; how many rows it changed."""
        with self._answering(_NOT_RECORDED):
            return self._executed(Question(statement, values)).rowcount

    def together(self, *questions: Question, silence: str = "") -> list[list[Row]]:
        """The rows of each statement, all in one round trip; after one that fails none is run.

        `silence` says what is not known where no answer comes, if it is not that nothing was
        recorded.
        """
        with self._answering(silence or _NOT_RECORDED):
            cursors = self._pipelined(questions)
            return [cursor.fetchall() if cursor.description else [] for cursor in cursors]

    def names(self) -> frozenset[str]:
        """The tables and indexes that there are."""
        return frozenset(name for (name,) in self.rows(_NAMES))

    def foreign(self) -> list[str]:
        """The tables, views, triggers, rules, policies and indexes that tables.py has not."""
        return [name for (name,) in self.rows(_FOREIGN)]

    def define(self, statement: str) -> None:
        """Run a statement of tables.py."""
        self.run(statement.format_map(_WORDS))

    def unnumbered(self) -> list[str]:
        """The faults of the numbers that tables give next, with the statements that help."""
        found = []
        for table, sequence in SEQUENCES.items():
            statement = f"{_NUMBERING} {table}"
            [(name, has_default, highest)] = self.rows(statement, table, table)
            helps = []
            if name is None:
                helps.append(f"CREATE SEQUENCE {sequence} OWNED BY {table}.id")
            if not (name and has_default):
                helps.append(f"ALTER TABLE {table} ALTER id SET DEFAULT nextval('{sequence}')")
            last = [] if name is None else self.rows("SELECT pg_sequence_last_value(?)", name)
            if helps or (last[0][0] or 0) < highest:
                if highest:
                    helps.append(f"SELECT setval('{name or sequence}', {highest})")
                found.append(
                    f"table {table} holds the number {highest}, and its sequence {sequence} does "
                    "not come after it, as in a copy whose sequences were not set; run as the "
                    f"owner: {'; '.join(helps)};"
                )
        return found

    def number_on(self, table: str) -> None:
        """Let the next number of a table come after the highest that it holds."""
        self.run(
            "SELECT setval(pg_get_serial_sequence(?, 'id'), max(id)) "
            f"FROM {table} HAVING max(id) IS NOT NULL",
            table,
        )

    @property
    def lost(self) -> bool:
        """True where no more can be sent."""
        return self._raw.closed

    @property
    def is_idle(self) -> bool:
        """True where no transaction is open, and the next one may begin."""
        return self._raw.info.transaction_status == psycopg.pq.TransactionStatus.IDLE

    def is_quiet(self) -> bool:
        """True where nothing has come unasked."""
        return not self.lost and self._wire.is_quiet()

    def undo(self) -> None:
        """Leave a transaction that was not committed."""
        with suppress(StateError):
            if not self.is_idle:
                self.run(_ROLLBACK.statement)

    def close(self) -> None:
        """End the connection, and what it has begun."""
        self._raw.close()
        self._wire.close()

    def _executed(self, question: Question) -> "psycopg.Cursor[Row]":
        return self._raw.execute(_for_psycopg(question.statement), question.values or None)

    def _pipelined(self, questions: Sequence[Question]) -> "list[psycopg.Cursor[Row]]":
        """All of them before the first answer is waited for. Of several errors the first is raised.

        The others only say that they come after it, and psycopg would log what leaves its block.
        One goes alone: in a pipeline libpq forgets what a pooler says before it hangs up.
        """
        if len(questions) == 1:
            return [self._executed(questions[0])]
        errors: list[psycopg.Error] = []
        cursors: list[psycopg.Cursor[Row]] = []
        try:
            with self._raw.pipeline():
                try:
                    cursors += [self._executed(question) for question in questions]
                except psycopg.Error as error:
                    errors.append(error)
        except psycopg.Error as error:
            errors.append(error)
        if errors:
            raise errors[0]
        return cursors

    @contextmanager
    def _answering(self, silence: str) -> Iterator[None]:
        require_answers(self._deadline, self._place)
        try:
            with self._deadline.on(self._wire):
                yield
        except psycopg.Error as error:
            if self._wire.silent:
                raise StateError(_silent(self._place, self._deadline) + silence) from error
            said = ServerError(
                code=error.sqlstate,
                text=self._redaction.text(
                    error.diag.message_primary or error.sqlstate or str(error)
                ),
                constraint=error.diag.constraint_name,
                column=error.diag.column_name,
            )
            raise StateError(f"the store {self._place} {reason(said, lost=self.lost)}") from error


@dataclass(frozen=True, slots=True)
class Writing:
    """A transaction of the only writer; a database.connections.Step.

    What is deferred goes with the end of it: an error keeps the server from the COMMIT after it.
    """

    link: Link
    answers: Sequence[list[Row]]
    deferred: list[Question] = field(default_factory=list)

    def defer(self, statement: str, *values: Value) -> None:
        """Run a statement later, in its order."""
        self.deferred.append(Question(statement, values))

    def rows(self, statement: str, *values: Value) -> list[Row]:
        """All rows that a statement gives."""
        self._catch_up()
        return self.link.rows(statement, *values)

    def run(self, statement: str, *values: Value) -> int:
        """Run a statement; how many rows it changed."""
        self._catch_up()
        return self.link.run(statement, *values)

    def names(self) -> frozenset[str]:
        """The tables and indexes that there are."""
        self._catch_up()
        return self.link.names()

    def foreign(self) -> list[str]:
        """The tables, views, triggers, rules, policies and indexes that tables.py has not."""
        self._catch_up()
        return self.link.foreign()

    def define(self, statement: str) -> None:
        """Run a statement of tables.py."""
        self.defer(statement.format_map(_WORDS))

    def unnumbered(self) -> list[str]:
        """The faults of the numbers that tables give next, with the statements that help."""
        self._catch_up()
        return self.link.unnumbered()

    def number_on(self, table: str) -> None:
        """Let the next number of a table come after the highest that it holds."""
        self._catch_up()
        self.link.number_on(table)

    def commit(self) -> None:
        """Run what was deferred and end the transaction.

        Where the connection is lost meanwhile, nobody here knows how it ended.
        """
        self.link.together(*self.deferred, _COMMIT, silence=_NOT_KNOWN)

    def _catch_up(self) -> None:
        if self.deferred:
            self.link.together(*self.deferred)
            self.deferred.clear()


def require_answers(deadline: Deadline, place: str) -> None:
    """Raise StateError where the server was silent before: another wait would be as long."""
    if deadline.passed:
        raise StateError(_silent(place, deadline) + "; it is not asked again in this run")


def _silent(place: str, deadline: Deadline) -> str:
    return (
        f"the store {place} did not answer within {deadline.seconds:g} seconds (--state-deadline)"
    )


_NOT_RECORDED = (
    "; nothing of this step was recorded. See what holds its server up (a connection pooler with "
    "less than two connections a run does), and run again"
)
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
        self._greeting = Question(_GREETING.statement, (str(patience),))
        self._deadline = Deadline(deadline)
        # While one of ours commits, the next one waits at the server: its beginning is on the way.
        # More would wait there for each other, and that wait has an end.
        self._writers = threading.Semaphore(2)
        self._pool = threading.Lock()
        self._idle: list[Link] = []
        self._refusal: str | None = None
        connect = str(max(2, min(10, round(deadline))))  # libpq takes 1 for 2
        self._parameters = {**_OURS, "connect_timeout": connect, **address.parameters()}

    @property
    def place(self) -> str:
        """Host and database, for messages."""
        return self._place

    def next_id(self, table: str) -> Question:
        """The question for the number that a table's sequence gives next."""
        return Question("SELECT nextval(pg_get_serial_sequence(?, 'id'))", (table,))

    def ask(self, *questions: Question) -> list[list[Row]]:
        """The rows of each question, all of one consistent view, in one round trip."""
        with self._transaction(_READ, *questions, _ROLLBACK) as (_, answers):
            return answers[1:-1]

    @contextmanager
    def reading(self) -> Iterator[Link]:
        """One consistent view of the database, which keeps no writer waiting."""
        with self._transaction(_READ) as (link, _):
            yield link

    @contextmanager
    def writing(self, *questions: Question) -> Iterator[Writing]:
        """One transaction, durable when the block is left, undone where it raises.

        After a commit whose end nobody here knows every other one is refused: what comes next
        may rest on it.
        """
        with self._writers:
            self._require_known()
            opening = (_WRITE, self._greeting, _LOCK, *questions)
            with self._transaction(*opening) as (link, (_, greeting, _, *answers)):
                step = Writing(link, answers)
                if not self._heard(greeting).is_synchronous:
                    step.deferred.append(_SYNC)
                yield step
                self._require_known()  # the one that was before this may have ended so meanwhile
                self._commit(step)

    def note(self, statement: Question) -> None:
        """Run a statement that is a transaction of its own, and the same twice as once."""
        with self._transaction(statement):
            pass

    @contextmanager
    def session(self) -> Iterator["Locking"]:
        """A connection of its own, in a transaction that lasts; raises StateError."""
        link = self._connected()
        with ExitStack() as ending:
            ending.callback(link.close)  # it takes its locks with it
            _, greeting, *_ = link.together(_READ, self._greeting, _ROLLBACK, _WRITE, _LASTING)
            yield Locking(link, self._heard(greeting).schema)

    def close(self) -> None:
        """Close the connections."""
        with self._pool:
            idle, self._idle = self._idle, []
        for link in idle:
            link.close()
        self._deadline.close()

    @contextmanager
    def _transaction(self, *opening: Question) -> Iterator[tuple[Link, list[list[Row]]]]:
        """Undo what the block does not commit; gives the link, and the answers to the opening."""
        link, answers = self._begun(opening)
        with ExitStack() as ending:
            ending.callback(self._given_back, link)
            yield link, answers

    def _begun(self, opening: tuple[Question, ...]) -> tuple[Link, list[list[Row]]]:
        """One that was lost while it was idle shows it here, and another is taken.

        An opening changes nothing, so it may be sent twice.
        """
        while (link := self._taken()) is not None:
            try:
                return link, link.together(*opening)
            except StateError:
                self._given_back(link)
                if self._deadline.passed or not link.lost:
                    raise
        with ExitStack() as undo:
            link = self._connected()
            undo.callback(link.close)
            answers = link.together(*opening)
            undo.pop_all()
        return link, answers

    def _taken(self) -> Link | None:
        with self._pool:
            return self._idle.pop() if self._idle else None

    def _given_back(self, link: Link) -> None:
        link.undo()
        if not link.is_idle:
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
        link = Link(raw, self._deadline, self._place)
        with ExitStack() as undo:
            undo.callback(link.close)
            _require_search_path(link, _search_path_of(raw.info.options), self._place)
            undo.pop_all()
        return link

    def _require_known(self) -> None:
        if self._refusal is not None:
            raise StateError(self._refusal)

    def _commit(self, step: Writing) -> None:
        try:
            step.commit()
        except StateError as error:
            if step.link.lost:
                self._refusal = str(error)
            raise

    def _heard(self, greeting: list[Row]) -> "_Heard":
        """Raises StateError where a crash could lose a commit, whatever we ask for."""
        [(schema, encoding, fsync, synchronous_commit, *_)] = greeting
        self._require("server_encoding", encoding, "UTF8")
        self._require("fsync", fsync, "on")
        if schema is None:
            raise StateError(
                f"the store {self._place} has no schema to put tables into: "
                "create the one that search_path names, or name another with --state"
            )
        return _Heard(str(schema), synchronous_commit in ("on", "remote_apply"))

    def _require(self, name: str, found: str, wanted: str) -> None:
        if found != wanted:
            raise StateError(
                f"the store {self._place} has {name}={found}, so what was recorded could be lost "
                f"or changed: use a server and a database with {name}={wanted}, see --state"
            )


def _search_path_of(options: str) -> str | None:
    """The search path in `options`, from wherever libpq took them."""
    found = re.findall(r"(?:-c\s*|--)search[_-]path=((?:\\.|[^\s\\])*)", options)
    return re.sub(r"\\(.)", r"\1", found[-1]) if found else None


def _require_search_path(link: Link, wanted: str | None, place: str) -> None:
    """Raise StateError where the server was not told: the tables would be those of another store.

    A connection pooler may be set up to drop what it does not know.
    """
    if wanted is None:
        return
    [(found,)] = link.rows("SELECT current_setting('search_path')")
    if "".join(found.split()) != "".join(wanted.split()):
        raise StateError(
            f"the store {place} does not get the search_path of `options`, so its tables would be "
            "those of another: a connection pooler in between drops it. Leave `options` out of "
            "--state, and let the database set it (ALTER ROLE … SET search_path = …), or connect "
            "to the server itself"
        )


class _Heard(NamedTuple):
    """The answer to a greeting: the schema that tables are in, and a setting of the user's.

    A session that would not wait for the disk is told to; the server's own is not ours to set.
    """

    schema: str
    is_synchronous: bool


@dataclass(frozen=True, slots=True)
class Locking:
    """A connection in an open transaction; a database.connections.Session."""

    link: Link
    schema: str

    @contextmanager
    def asking(self) -> Iterator[Connection]:
        """The connection; what goes wrong in the block is a StateError."""
        yield self.link

    def is_quiet(self) -> bool:
        """True where nothing has come from the server unasked."""
        return self.link.is_quiet()

    def key(self, *names: str) -> int:
        """The number of an advisory lock: the same for the same names in the same store."""
        return lock_key(self.schema, *names)


def lock_key(*names: str) -> int:
    """The number of an advisory lock by its names, of which the first is a schema."""
    named = "\0".join(("reconciler", *names)).encode()
    return int.from_bytes(hashlib.sha256(named).digest()[:8], "big", signed=True)
