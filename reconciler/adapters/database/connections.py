"""What the store needs of a database, whichever it is: one text of SQL for both, values apart."""

from contextlib import AbstractContextManager
from typing import Any, Protocol

Value = str | int | float | bytes | None
Row = tuple[Any, ...]


class Connection(Protocol):
    """Statements inside a transaction; `?` stands for a value, in their order."""

    def rows(self, statement: str, *values: Value) -> list[Row]:
        """All rows that a statement gives."""
        ...

    def run(self, statement: str, *values: Value) -> int:
        """Run a statement; how many rows it changed."""
        ...

    def names(self) -> frozenset[str]:
        """The tables and indexes that there are."""
        ...

    def define(self, statement: str) -> None:
        """Run a statement of tables.py, in the words that this database has for its types."""
        ...


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


class Session(Protocol):
    """A connection that commits each statement, and ends only with its process or its server."""

    def asking(self) -> AbstractContextManager[Connection]:
        """The connection; what goes wrong in the block is a StateError."""
        ...

    def key(self, *words: str) -> int:
        """The number of an advisory lock: the same for the same words in the same store."""
        ...


class Sessions(Connections, Protocol):
    """A database that can keep locks as well."""

    def session(self) -> AbstractContextManager[Session]:
        """A connection of its own, which lasts; raises StateError."""
        ...
