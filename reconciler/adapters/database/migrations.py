"""The way forward: how the tables of one version become those of the next."""

from collections.abc import Callable, Mapping

from sqlalchemy import Connection

from reconciler.adapters.database.tables import FORMAT_VERSION, holders


def _add_holders(connection: Connection) -> None:
    holders.create(connection)


# By the version that a step starts from. A step may use tables.py only for tables that no later
# version changes; what changes later is written out.
STEPS: Mapping[int, Callable[[Connection], None]] = {1: _add_holders}


def is_older(version: str) -> bool:
    """Whether the tables are of a version that can be brought forward."""
    return version in map(str, STEPS)


def migrate(connection: Connection, version: str) -> None:
    """Take every step from an older version to this one, in the transaction of the connection."""
    for step in range(int(version), FORMAT_VERSION):
        STEPS[step](connection)
