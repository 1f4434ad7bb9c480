"""What the store needs of a database, whichever it is."""

from contextlib import AbstractContextManager
from typing import Protocol

from sqlalchemy import Connection


class Connections(Protocol):
    """Transactions. Every method raises StateError where the database fails.

    Nothing was written then; only a server that is lost in the middle of a commit may have kept
    what it could not confirm, and whoever reads the trail finds it there.
    """

    @property
    def place(self) -> str:
        """Where the store is, for messages."""
        ...

    def reading(self) -> AbstractContextManager[Connection]:
        """One consistent view of the database, which keeps no writer waiting."""
        ...

    def writing(self) -> AbstractContextManager[Connection]:
        """One transaction of the only writer, durable when the block is left."""
        ...

    def close(self) -> None:
        """Close the connections."""
        ...
