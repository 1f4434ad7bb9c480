"""A PostgreSQL server that keeps its word: connections, transactions, its errors in our words."""

import hashlib
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from sqlalchemy import URL, Connection, create_engine
from sqlalchemy.exc import DBAPIError, PendingRollbackError, SQLAlchemyError

from reconciler.adapters.database.address import shown
from reconciler.errors import StateError, UsageError

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
SELECT {_SCHEMA} AS schema, current_setting('server_encoding') AS server_encoding,
  current_setting('fsync') AS fsync, current_setting('synchronous_commit') AS synchronous_commit,
  set_config('lock_timeout', %s, true), {_THEIRS}
"""


class Server:
    """Connections to one database, and in it one schema; a database.connections.Connections.

    One writer at a time among all processes: an advisory lock that ends with its transaction
    gives the records of the trail their numbers without a gap.
    """

    def __init__(self, url: URL, *, busy_timeout: float) -> None:
        """Nothing is opened yet; `busy_timeout` is how many seconds to wait for a writer."""
        self._place = shown(url)
        self._wait = str(max(1, round(busy_timeout * 1000)))
        self._writer = threading.Lock()
        ours = {name: value for name, value in _OURS.items() if name not in url.query}
        try:
            self._engine = create_engine(
                url,
                hide_parameters=True,  # values have no place in an error message
                isolation_level="READ COMMITTED",  # who waited for the writer sees what it wrote
                pool_pre_ping=True,  # one that a firewall cut while it was idle is made anew
                connect_args={**ours, "prepare_threshold": None},
            )
        except ImportError as error:
            raise UsageError(
                "a state store on PostgreSQL needs psycopg, which is not installed; "
                "install scim-schema-reconciler[postgresql]"
            ) from error

    @property
    def place(self) -> str:
        """Host and database, for messages."""
        return self._place

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """One consistent view of the database, which keeps no writer waiting."""
        with explained(self._place), self._engine.begin() as connection:
            connection.exec_driver_sql("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
            yield connection

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """One transaction, durable when the block is left, undone where it raises."""
        with self._writer, explained(self._place), self._engine.begin() as connection:
            key = _key(self._greet(connection), "chain")
            connection.exec_driver_sql("SELECT pg_advisory_xact_lock(%s)", (key,))
            yield connection

    @contextmanager
    def session(self) -> Iterator["Session"]:
        """A connection of its own, which lasts; raises StateError."""
        with explained(self._place), self._engine.connect() as connection:
            connection.execution_options(isolation_level="AUTOCOMMIT")
            schema = self._greet(connection)
            connection.exec_driver_sql("SET idle_session_timeout = 0")
            connection.detach()  # it takes its locks with it when it is closed
            yield Session(connection, schema, self._place)

    def close(self) -> None:
        """Close the connections."""
        self._engine.dispose()

    def _greet(self, connection: Connection) -> str:
        """The schema that tables are in; raises StateError where a crash could lose a commit.

        A session that would not wait for the disk is told to; the server's own is not ours to set.
        """
        told = connection.exec_driver_sql(_GREETING, (self._wait,)).one()
        self._require("server_encoding", told.server_encoding, "UTF8")
        self._require("fsync", told.fsync, "on")
        if told.synchronous_commit not in ("on", "remote_apply"):
            connection.exec_driver_sql("SET LOCAL synchronous_commit = on")
        if told.schema is None:
            raise StateError(
                f"the store {self._place} has no schema to put tables into: "
                "create the one that search_path names, or name another with --state"
            )
        return str(told.schema)

    def _require(self, name: str, found: str, wanted: str) -> None:
        if found != wanted:
            raise StateError(
                f"the store {self._place} has {name}={found}, so what was recorded could be lost "
                f"or changed: use a server and a database with {name}={wanted}, see --state"
            )


@dataclass(frozen=True, slots=True)
class Session:
    """A connection that commits each statement, and ends only with its process or its server."""

    connection: Connection
    schema: str
    place: str

    @contextmanager
    def asking(self) -> Iterator[Connection]:
        """The connection; what goes wrong in the block is a StateError."""
        with explained(self.place):
            yield self.connection

    def key(self, *words: str) -> int:
        """The number of an advisory lock: the same for the same words in the same store."""
        return _key(self.schema, *words)


def _key(*words: str) -> int:
    named = "\0".join(("reconciler", *words)).encode()
    return int.from_bytes(hashlib.sha256(named).digest()[:8], "big", signed=True)


@contextmanager
def explained(place: str) -> Iterator[None]:
    """Turn whatever the database raises into a StateError, without its own words on how to connect.

    Those may repeat what the URL or the environment says.
    """
    try:
        yield
    except SQLAlchemyError as error:
        raise StateError(f"the store {place} {_reason(error)}") from error


def _reason(error: SQLAlchemyError) -> str:
    if isinstance(error, PendingRollbackError):  # asked once more after it was lost
        return _LOST
    if not isinstance(error, DBAPIError):
        return f"cannot be used: {type(error).__name__}"
    state: str | None = getattr(error.orig, "sqlstate", None)
    if state is None:  # the server has not said it
        return _LOST if error.connection_invalidated else _unreachable(str(error.orig))
    if (words := _REASONS.get(state) or _REASONS.get(state[:2])) is not None:
        return words
    diagnosis = getattr(error.orig, "diag", None)
    return f"answers with an error: {getattr(diagnosis, 'message_primary', None) or state}"


def _unreachable(text: str) -> str:
    found = (words for needle, words in _FAILURES if needle in text)
    return next(found, "cannot be reached: no connection to the server could be made or kept")


_FAILURES = (
    (
        "no password supplied",
        "asks for a password: give it with PGPASSFILE, PGPASSWORD or a service file",
    ),
    (
        "password authentication failed",
        "does not accept the user or the password: see PGPASSFILE, PGPASSWORD or the service file",
    ),
    (
        "no encryption",
        "does not let this user in from here without TLS: ask for it with sslmode in --state, "
        "or see the server's pg_hba.conf",
    ),
    ("pg_hba.conf", "does not let this user in from here: see the server's pg_hba.conf"),
    (
        "root certificate file",
        "shows a certificate that nobody here can judge: name the file of the authorities to "
        "believe with sslrootcert=FILE in --state, or sslrootcert=system for those of this machine",
    ),
    ("private key file", "cannot be asked: the file that sslkey names is not there or not private"),
    ("not permitted to log in", "does not let this user log in: grant it LOGIN"),
    ("not currently accepting", "takes no connections: see ALLOW_CONNECTIONS of the database"),
    ("does not exist", "has no such database or user: create it, or name another with --state"),
    ("too many clients", "has no connection left: end some, or raise its max_connections"),
    ("too many connections for", "has no connection left: end some, or raise its limit"),
    ("remaining connection slots", "has no connection left: end some, or raise max_connections"),
    (
        "does not support SSL",
        "speaks no TLS, and sslmode asks for it: set it up, or see sslmode in --state",
    ),
    ("certificate", "shows a certificate that is not accepted: see sslrootcert in --state"),
    ("definition of service", "is named by a service that no file defines: see PGSERVICEFILE"),
    ("failed to resolve host", "cannot be reached: no such host is known, look at --state"),
    ("could not translate host", "cannot be reached: no such host is known, look at --state"),
    (
        "Connection refused",
        "cannot be reached: nobody listens on that host and port; start the server, "
        "or name another with --state",
    ),
    (
        "No such file or directory",
        "cannot be reached: there is no such socket or file, look at --state",
    ),
    ("bad value", "is named by a URL that the driver cannot use: look at what follows the «?»"),
    ("timeout", "cannot be reached: it did not answer in time; run again, or see what is between"),
    ("starting up", "is starting: run again in a moment"),
    ("shutting down", "is shutting down: run again when it is back"),
    ("NUL", "cannot hold a text with a NUL character"),
    ("invalid", "is named by a URL that the driver cannot use: look at what follows the «?»"),
)
_LOST = (
    "was lost: the connection to its server ended; whether this step was recorded is not known. "
    "Run again when it is back: the next run looks"
)
_REASONS = {
    "08": _LOST,
    "57P01": _LOST,
    "57P02": _LOST,
    "57P03": "is starting or shutting down: run again in a moment",
    "57P05": _LOST,
    "55P03": (
        "is locked: another process is writing to it and did not end in time; "
        "wait for that process, or stop it"
    ),
    "25006": "is read-only: name the primary server with --state, not a replica",
    "42501": "does not allow this to its user: grant it the rights of the schema's owner",
    "53100": "cannot grow, the server's disk is full: free some space and run again",
    "53300": "has no connection left: end some, or raise its max_connections",
    "58": "cannot be read or written, the server's disk gives an error: check that disk",
    "XX": "is damaged, as its server says: restore it from a backup",
}
