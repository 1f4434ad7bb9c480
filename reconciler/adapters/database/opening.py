"""Opening a store: which database a URL leads to, and whether what is there is a store of ours."""

import os
from collections.abc import Callable
from contextlib import ExitStack
from importlib import import_module
from pathlib import Path

from reconciler.adapters.database.address import Address, address_of
from reconciler.adapters.database.connections import Connection, Connections, Sessions
from reconciler.adapters.database.engine import (
    Database,
    make_file,
    make_folder,
    sync_folder,
)
from reconciler.adapters.database.migrations import is_older, migrate
from reconciler.adapters.database.store import Store
from reconciler.adapters.database.tables import ALL, FORMAT_VERSION
from reconciler.adapters.database.trail import MOVED_TO, moved_to, require_here
from reconciler.errors import StateError, UsageError

DEADLINE = 30.0  # seconds


def open_store(
    url: str,
    *,
    create: bool = True,
    only_read: bool = False,
    busy_timeout: float = DEADLINE,
    deadline: float = DEADLINE,
    failed: Callable[[StateError], None] = lambda _: None,
) -> Store:
    """Open the store that a URL names, `sqlite:///PATH` or `postgresql+psycopg://…`.

    `create` makes what is missing; without it a store that is not there is an error. `only_read`
    makes nothing either, brings nothing forward, and takes a file that may only be read.
    `busy_timeout` is how many seconds a step waits for other processes that write, `deadline`
    how many a server has for each answer. `failed` is called with the error of each write that
    fails, before it is raised.
    Raises UsageError for the URL, StateError for what is there.
    """
    address = address_of(url)
    create = create and not only_read
    with ExitStack() as undo:
        if isinstance(address, Path):
            places = (address, address.parent) if only_read and address.exists() else ()
            writable = all(os.access(each, os.W_OK) for each in places)
            database = Database(address, busy_timeout=busy_timeout, writable=writable)
            undo.callback(database.close)
            brought = _prepare(
                address, database, create=create, writable=writable, only_read=only_read
            )
            store = Store(database, brought_forward=brought, failed=failed)
            if not only_read:  # a webhook that is sent can be recorded as sent
                database.require_writable()
        else:
            server = server_at(address, busy_timeout=busy_timeout, deadline=deadline)
            undo.callback(server.close)
            brought = _check(server, create=create, only_read=only_read)
            store = Store(server, server=server, brought_forward=brought, failed=failed)
        undo.pop_all()
    return store


def server_at(address: Address, *, busy_timeout: float, deadline: float) -> Sessions:
    """The server of an address; its driver is loaded only where there is one."""
    try:
        module = import_module("reconciler.adapters.database.postgresql")
    except ImportError as error:
        from reconciler.installation import Extra, way_to

        raise UsageError(
            f"a state store on PostgreSQL needs the extra {Extra.POSTGRESQL}; "
            f"{way_to(Extra.POSTGRESQL)}"
        ) from error
    server: Sessions = module.Server(address, busy_timeout=busy_timeout, deadline=deadline)
    return server


def _prepare(
    path: Path, database: Database, *, create: bool, writable: bool, only_read: bool
) -> bool:
    if create:
        make_folder(path.parent)
        make_file(path)
    else:
        _require(path)
    brought_forward = _check(database, create=create, only_read=only_read)
    if writable:
        sync_folder(path.parent)
    database.stay()
    return brought_forward


def _require(path: Path) -> None:
    try:
        path.stat()
    except FileNotFoundError as error:
        raise StateError(
            f"there is no store {path} yet: the first apply makes it; "
            "if there should be one, see --state"
        ) from error
    except OSError as error:
        raise StateError(f"the store {path} cannot be opened: {error.strerror}") from error


def _check(database: Connections, *, create: bool, only_read: bool) -> bool:
    """Make sure that the tables are ours and of our version; make or migrate them if need be.

    True where they were migrated, by this process.
    """
    brought_forward = False
    with database.reading() as connection:
        names = connection.names()
        version = _version(connection) if "meta" in names else None
    if not names and create:
        version = _create(database)
    if version is None:
        raise StateError(_missing(database.place, empty=not names))
    if is_older(version):
        if only_read:
            raise StateError(
                f"the store {database.place} has format {version}, of an older release, and a "
                "command that reads changes nothing: `webhooks deliver` or the next apply brings "
                "it forward"
            )
        version, brought_forward = _migrate(database)
    if version != str(FORMAT_VERSION):
        raise StateError(
            f"the store {database.place} has format {version}, and this program knows "
            f"{FORMAT_VERSION}: a newer release has written it; upgrade this one, "
            "or name another with --state"
        )
    if not only_read:
        [moved] = database.ask(MOVED_TO)
        require_here(moved_to(moved))
    return brought_forward


def _missing(place: str, *, empty: bool) -> str:
    if empty:
        return (
            f"{place} is a database without tables, so no store of this program yet: "
            "the first apply makes them; if there should be one, see --state"
        )
    return f"{place} is a database, but no store of this program: name another with --state"


def _create(database: Connections) -> str | None:
    with database.writing() as connection:
        if "meta" not in connection.names():  # another process may have been first
            for statement in ALL:
                connection.define(statement)
            made = "INSERT INTO meta (name, value) VALUES ('format_version', ?)"
            connection.run(made, str(FORMAT_VERSION))
        return _version(connection)


def _migrate(database: Connections) -> tuple[str | None, bool]:
    """All steps in one transaction, so that a crash leaves the old store or the new one."""
    with database.writing() as connection:
        version = _version(connection)
        ours_to_do = version is not None and is_older(version)  # or another process was first
        if version is not None and ours_to_do:
            migrate(connection, version)
            ours = "UPDATE meta SET value = ? WHERE name = 'format_version'"
            connection.run(ours, str(FORMAT_VERSION))
        return _version(connection), ours_to_do


def _version(connection: Connection) -> str | None:
    found = connection.rows("SELECT value FROM meta WHERE name = 'format_version'")
    return next((version for (version,) in found), None)
