"""The way forward: how the tables of one version become those of the next."""

from collections.abc import Callable, Mapping

from reconciler.adapters.database.connections import Connection
from reconciler.adapters.database.tables import (
    FORMAT_VERSION,
    HOLDERS,
    INDEXES_OF_4,
    INDEXES_OF_5,
)


def _add_holders(connection: Connection) -> None:
    connection.define(HOLDERS)


def _add_where_and_what_was_live(connection: Connection) -> None:
    """Both stay empty in the intents that are there: nobody knows it of them any more."""
    for column in ("base_url", "live_before"):
        connection.define(f"ALTER TABLE intents ADD COLUMN {column} TEXT")


def _add_indexes_and_when_it_was_delivered(connection: Connection) -> None:
    """When nobody has noted, the moment of the release stands in: it is the earlier one."""
    connection.define("ALTER TABLE outbox ADD COLUMN delivered_at TEXT")
    connection.define(
        "UPDATE outbox SET delivered_at = (SELECT timestamp FROM audit WHERE seq = released_by) "
        "WHERE state = 'delivered'"
    )
    connection.define("DROP INDEX intents_of_tenant")
    for statement in INDEXES_OF_4:
        if not statement.startswith(_THERE):
            connection.define(statement)


_THERE = ("CREATE INDEX outbox_by_state", "CREATE INDEX outbox_sequence")


def _add_what_hr_has_heard_of(connection: Connection) -> None:
    """The record of a release has the digest; what was held waited for its outcome alone."""
    for column in ("schema_digest", "waits_for"):
        connection.define(f"ALTER TABLE outbox ADD COLUMN {column} TEXT")
    connection.define(
        "UPDATE outbox SET schema_digest = "
        "(SELECT after_digest FROM audit WHERE seq = released_by) WHERE event_id IS NOT NULL"
    )
    for statement in INDEXES_OF_5:
        connection.define(statement)


def _add_confirmations(connection: Connection) -> None:
    """In `live_before` the names of older intents stay as they are; newer ones say all."""
    for column in ("confirmed_at", "confirmed_until"):
        connection.define(f"ALTER TABLE intents ADD COLUMN {column} TEXT")


# By the version that a step starts from. A step may use tables.py only for tables that no later
# version changes; what changes later is written out.
STEPS: Mapping[int, Callable[[Connection], None]] = {
    1: _add_holders,
    2: _add_where_and_what_was_live,
    3: _add_indexes_and_when_it_was_delivered,
    4: _add_what_hr_has_heard_of,
    5: _add_confirmations,
}


def is_older(version: str) -> bool:
    """True where the tables are of a version that can be brought forward."""
    return version in map(str, STEPS)


def migrate(connection: Connection, version: str) -> None:
    """Take every step from an older version to this one, in the transaction of the connection."""
    for step in range(int(version), FORMAT_VERSION):
        STEPS[step](connection)
