"""When the trail last has each schema as desired: read, and nothing of the store is touched."""

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from urllib.parse import quote

from sqlalchemy import Connection, NullPool, and_, create_engine, func, inspect, or_, select

from reconciler.adapters.database.address import address_of
from reconciler.adapters.database.engine import explained
from reconciler.adapters.database.postgresql import Server
from reconciler.adapters.database.tables import audit
from reconciler.domain.drift import Sighting, Sightings
from reconciler.domain.plan import SkipReason
from reconciler.domain.records import Event, Status
from reconciler.domain.scim import fold
from reconciler.errors import StateError

_PATIENCE = 5.0  # seconds for a store that only adds to what a plan tells


def sightings(url: str) -> Sightings:
    """By tenant and folded id, from the store that a URL names; empty where there is none.

    Nothing is made, brought forward or locked, and a role that may only SELECT is enough.
    Raises UsageError for the URL, StateError for what is there.
    """
    address = address_of(url)
    if isinstance(address, Path):
        return _of_file(address) if _is_there(address) else {}
    with closing(Server(address, busy_timeout=_PATIENCE)) as server, server.reading() as connection:
        connection.exec_driver_sql(f"SET LOCAL statement_timeout = {round(_PATIENCE * 1000)}")
        return _read(connection)


def _is_there(path: Path) -> bool:
    try:
        path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError as error:
        raise StateError(f"the store {path} cannot be opened: {error.strerror}") from error
    return True


def _of_file(path: Path) -> Sightings:
    with explained(str(path)), _opened(path) as connection:
        return _read(connection)


@contextmanager
def _opened(path: Path) -> Iterator[Connection]:
    # Without a log nobody has the file open, and SQLite would else make one beside it and leave it.
    log = path.with_name(f"{path.name}-wal")
    uri = f"file:{quote(os.fsencode(path.absolute()))}?mode=ro" + (
        "" if log.exists() else "&immutable=1"
    )
    engine = create_engine(
        "sqlite://",
        creator=lambda: sqlite3.connect(uri, uri=True, timeout=_PATIENCE),
        poolclass=NullPool,
        hide_parameters=True,
    )
    with engine.connect() as connection:
        yield connection


def _read(connection: Connection) -> Sightings:
    if not inspect(connection).has_table(audit.name):
        return {}
    verified = (
        Event.SCHEMA_EXTENSION_CREATED,
        Event.SCHEMA_EXTENSION_UPDATED,
        Event.SCHEMA_EXTENSION_ADOPTED,
    )
    # A skip says its reason, and what was there; the others what they left.
    as_desired = or_(
        and_(audit.c.event.in_(verified), audit.c.status.in_((Status.SUCCESS, Status.RECOVERED))),
        and_(audit.c.event == Event.SCHEMA_EXTENSION_SKIPPED, audit.c.detail == SkipReason.IN_SYNC),
    )
    last = (
        select(func.max(audit.c.seq))
        .where(as_desired)
        .group_by(audit.c.tenant, audit.c.schema_id)
        .scalar_subquery()
    )
    fingerprint = func.coalesce(audit.c.after_digest, audit.c.before_digest)
    query = (
        select(audit.c.tenant, audit.c.schema_id, audit.c.timestamp, fingerprint)
        .where(audit.c.seq.in_(last))
        .order_by(audit.c.seq)
    )
    return {
        (tenant, fold(schema_id)): Sighting(at=at, fingerprint=seen)
        for tenant, schema_id, at, seen in connection.execute(query)
        if tenant and schema_id and seen
    }
