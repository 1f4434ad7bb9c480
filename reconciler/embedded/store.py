"""The SQLite file of one built-in tenant: raw schemas, users, tokens and HR's inbox."""

import fcntl
import json
import os
import re
import secrets
import sqlite3
import threading
from base64 import b64encode
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from reconciler.domain.jsontext import Json
from reconciler.domain.secret import Secret
from reconciler.errors import StateError, UsageError
from reconciler.private_files import make_private_file, make_private_folder

_FORMAT = 1  # PRAGMA user_version of the files that this module writes
_BUSY_SECONDS = 10.0
_TABLES = (
    "CREATE TABLE IF NOT EXISTS identity (name TEXT PRIMARY KEY, value TEXT NOT NULL)",
    """CREATE TABLE IF NOT EXISTS schemas (
        key TEXT PRIMARY KEY, document TEXT NOT NULL,
        created TEXT NOT NULL, modified TEXT NOT NULL, version INTEGER NOT NULL)""",
    """CREATE TABLE IF NOT EXISTS resources (
        type TEXT, id TEXT, document TEXT NOT NULL, PRIMARY KEY (type, id))""",
    """CREATE TABLE IF NOT EXISTS unique_values (
        urn TEXT, value TEXT, type TEXT NOT NULL, id TEXT NOT NULL, PRIMARY KEY (urn, value))""",
    "CREATE INDEX IF NOT EXISTS unique_values_of ON unique_values (type, id)",
    "CREATE TABLE IF NOT EXISTS tokens (digest TEXT PRIMARY KEY, expires REAL NOT NULL)",
    """CREATE TABLE IF NOT EXISTS inbox (
        id TEXT, body BLOB, timestamp INTEGER NOT NULL, copies INTEGER NOT NULL,
        PRIMARY KEY (id, body))""",
)
_NAME = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")


@dataclass(frozen=True, slots=True, kw_only=True)
class DevCredentials:
    """The credentials of one tenant, made once."""

    client_id: Secret
    client_secret: Secret
    webhook_secret: Secret


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredSchema:
    """A custom schema as it was posted, without `meta`; times are RFC 3339."""

    key: str
    document: dict[str, Json]
    created: str
    modified: str
    version: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Received:
    """A webhook that HR accepted, and how often it came."""

    id: str
    timestamp: int
    body: bytes
    copies: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Membership:
    """A user or group as a direct member of a group, by their ids."""

    member: str
    group: str
    display: str | None


class ValueTaken(Exception):
    """Another resource holds the value of a unique attribute."""


@contextmanager
def open_embedded_store(folder: Path, name: str) -> Iterator["EmbeddedStore"]:
    """Open `folder/NAME.db`, made with mode 0600 if it is not there; closed at the end.

    Raises UsageError for a name that is no DNS label, StateError where the file cannot be used.
    """
    if not _NAME.fullmatch(name):
        raise UsageError(
            f"built-in tenant {name!r}: a name has lower-case letters, digits and inner hyphens,"
            " 63 at most"
        )
    path = folder / f"{name}.db"
    try:
        connection = _open(path)
    except (OSError, sqlite3.Error) as error:
        raise StateError(
            f"the store of the built-in tenant, {path}, cannot be opened: {error};"
            " it needs a folder that can be written, and a file that this tool made"
        ) from error
    with closing(connection):
        yield EmbeddedStore(connection)


class EmbeddedStore:
    """The memory of one built-in tenant; safe for threads, and for a second process."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._lock = threading.RLock()

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """One atomic step, alone among threads and processes; one inside another joins it."""
        with self._lock:
            if self._connection.in_transaction:
                yield self._connection
                return
            self._connection.execute("BEGIN IMMEDIATE")
            with self._connection:
                yield self._connection

    def credentials(self) -> DevCredentials:
        with self.transaction() as db:
            rows = dict(db.execute("SELECT name, value FROM identity").fetchall())
        return DevCredentials(**{name: Secret(value) for name, value in rows.items()})

    # -- schemas ------------------------------------------------------------------------------

    def schemas(self) -> tuple[StoredSchema, ...]:
        """All custom schemas, oldest first."""
        with self.transaction() as db:
            rows = db.execute(
                "SELECT key, document, created, modified, version FROM schemas ORDER BY rowid"
            ).fetchall()
        return tuple(
            StoredSchema(
                key=key,
                document=json.loads(document),
                created=created,
                modified=modified,
                version=version,
            )
            for key, document, created, modified, version in rows
        )

    def save_schema(self, schema: StoredSchema) -> None:
        """Add a schema, or put it in the place of the one of its key."""
        with self.transaction() as db:
            db.execute(
                """INSERT INTO schemas (key, document, created, modified, version)
                VALUES (?, ?, ?, ?, ?)
                ON CONFLICT (key) DO UPDATE SET document = excluded.document,
                modified = excluded.modified, version = excluded.version""",
                (
                    schema.key,
                    json.dumps(schema.document),
                    schema.created,
                    schema.modified,
                    schema.version,
                ),
            )

    def delete_schema(self, key: str) -> None:
        with self.transaction() as db:
            db.execute("DELETE FROM schemas WHERE key = ?", (key,))

    # -- resources ----------------------------------------------------------------------------

    def resource(self, kind: str, identifier: str) -> dict[str, Json] | None:
        """The document of one user or group."""
        with self.transaction() as db:
            row = db.execute(
                "SELECT document FROM resources WHERE type = ? AND id = ?", (kind, identifier)
            ).fetchone()
        return json.loads(row[0]) if row else None

    def resources(self, kind: str, *, offset: int = 0, count: int = -1) -> list[dict[str, Json]]:
        """Documents in the order of their ids, `count` of them (-1: all) from `offset` on."""
        with self.transaction() as db:
            rows = db.execute(
                "SELECT document FROM resources WHERE type = ? ORDER BY id LIMIT ? OFFSET ?",
                (kind, count, offset),
            ).fetchall()
        return [json.loads(document) for (document,) in rows]

    def memberships(self) -> list[Membership]:
        """All direct memberships, in the order of the groups' ids."""
        with self.transaction() as db:
            rows = db.execute(
                """SELECT json_extract(member.value, '$.value'), resources.id,
                json_extract(document, '$.displayName')
                FROM resources, json_each(document, '$.members') AS member
                WHERE resources.type = 'group' ORDER BY resources.id"""
            ).fetchall()
        return [Membership(member=row[0], group=row[1], display=row[2]) for row in rows]

    def unknown_ids(self, identifiers: Iterable[str]) -> set[str]:
        """Those of the ids that no user and no group has."""
        with self.transaction() as db:
            rows = db.execute(
                """SELECT value FROM json_each(?) WHERE value NOT IN
                (SELECT id FROM resources WHERE type IN ('user', 'group'))""",
                (json.dumps(list(identifiers)),),
            ).fetchall()
        return {identifier for (identifier,) in rows}

    def count_resources(self, kind: str) -> int:
        with self.transaction() as db:
            row = db.execute("SELECT count(*) FROM resources WHERE type = ?", (kind,)).fetchone()
        return int(row[0])

    def save_resource(
        self, kind: str, document: dict[str, Json], unique: Iterable[tuple[str, str]]
    ) -> None:
        """Add or replace a document with its (URN, value) pairs; ValueTaken by another's pair."""
        identifier = document["id"]
        with self.transaction() as db:
            self._forget(db, kind, identifier)
            db.execute(
                "INSERT INTO resources VALUES (?, ?, ?)", (kind, identifier, json.dumps(document))
            )
            for urn, value in unique:
                try:
                    db.execute(
                        "INSERT INTO unique_values VALUES (?, ?, ?, ?)",
                        (urn, value, kind, identifier),
                    )
                except sqlite3.IntegrityError as error:
                    raise ValueTaken(urn) from error

    def delete_resource(self, kind: str, identifier: str) -> None:
        with self.transaction() as db:
            self._forget(db, kind, identifier)

    @staticmethod
    def _forget(db: sqlite3.Connection, kind: str, identifier: str) -> None:
        db.execute("DELETE FROM unique_values WHERE type = ? AND id = ?", (kind, identifier))
        db.execute("DELETE FROM resources WHERE type = ? AND id = ?", (kind, identifier))

    # -- tokens -------------------------------------------------------------------------------

    def add_token(self, digest: str, *, expires: float, now: float) -> None:
        """Keep a token's digest until it expires (seconds since 1970), and drop those that have."""
        with self.transaction() as db:
            db.execute("DELETE FROM tokens WHERE expires <= ?", (now,))
            db.execute("INSERT INTO tokens VALUES (?, ?)", (digest, expires))

    def knows_token(self, digest: str, *, now: float) -> bool:
        with self.transaction() as db:
            row = db.execute(
                "SELECT 1 FROM tokens WHERE digest = ? AND expires > ?", (digest, now)
            ).fetchone()
        return row is not None

    # -- HR's inbox ---------------------------------------------------------------------------

    def receive(self, identifier: str, timestamp: int, body: bytes) -> None:
        """Keep a webhook, or count another copy of it."""
        with self.transaction() as db:
            db.execute(
                """INSERT INTO inbox VALUES (?, ?, ?, 1)
                ON CONFLICT (id, body) DO UPDATE SET copies = copies + 1""",
                (identifier, body, timestamp),
            )

    def inbox(self) -> tuple[Received, ...]:
        """All webhooks that HR accepted, in the order of their first arrival."""
        with self.transaction() as db:
            rows = db.execute(
                "SELECT id, timestamp, body, copies FROM inbox ORDER BY rowid"
            ).fetchall()
        return tuple(
            Received(id=identifier, timestamp=timestamp, body=body, copies=copies)
            for identifier, timestamp, body, copies in rows
        )


def _open(path: Path) -> sqlite3.Connection:
    make_private_folder(path.parent)
    with _alone(path.parent):
        make_private_file(path)  # SQLite would make it as the umask says
        connection = sqlite3.connect(
            path, timeout=_BUSY_SECONDS, isolation_level=None, check_same_thread=False
        )
        try:
            _prepare(connection)
        except sqlite3.Error:
            connection.close()
            raise
    return connection


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Let one process at a time prepare a file: SQLite's switch to WAL does not wait its turn."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _prepare(connection: sqlite3.Connection) -> None:
    (found,) = connection.execute("PRAGMA user_version").fetchone()
    if found not in (0, _FORMAT):
        raise sqlite3.DatabaseError(f"it has format {found}, this version knows {_FORMAT}")
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = NORMAL")  # whole after SIGKILL, which is the promise
    connection.execute("BEGIN IMMEDIATE")
    with connection:
        for statement in _TABLES:
            connection.execute(statement)
        # Another process may have made the file meanwhile: the first credentials stay.
        connection.executemany(
            "INSERT OR IGNORE INTO identity VALUES (?, ?)",
            [
                ("client_id", f"dev-{secrets.token_hex(8)}"),
                ("client_secret", secrets.token_urlsafe(32)),
                ("webhook_secret", "whsec_" + b64encode(secrets.token_bytes(32)).decode()),
            ],
        )
        connection.execute(f"PRAGMA user_version = {_FORMAT}")
