"""The needs of the store of a database, whichever it is: one text of SQL for both, values apart."""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import Any, NamedTuple, Protocol

Value = str | int | float | bytes | None
Row = tuple[Any, ...]


class Question(NamedTuple):
    """A statement that gives rows, with the values for its marks."""

    statement: str
    values: tuple[Value, ...] = ()


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

    def foreign(self) -> list[str]:
        """The tables, views, triggers and whatever else acts on them that tables.py has not."""
        ...

    def define(self, statement: str) -> None:
        """Run a statement of tables.py, in the words that this database has for its types."""
        ...

    def unnumbered(self) -> list[str]:
        """The faults of the numbers that tables give next, with the statements that help."""
        ...

    def number_on(self, table: str) -> None:
        """Let the next number of a table come after the highest that it holds."""
        ...


class Step(Connection, Protocol):
    """A transaction of the only writer. On a server each side of it is one round trip."""

    @property
    def answers(self) -> Sequence[list[Row]]:
        """The rows of each question that the transaction began with; nobody else writes since."""
        ...

    def defer(self, statement: str, *values: Value) -> None:
        """Run a statement in its order, at the latest when the block is left.

        Its error may be raised only then, and nothing is written in that case.
        """
        ...


class Connections(Protocol):
    """Transactions. Every method raises StateError where the database fails.

    Nothing was written then; only a server that is lost in the middle of a commit may have kept
    what it could not confirm, and whoever reads the trail finds it there.
    """

    @property
    def place(self) -> str:
        """The place of the store, for messages."""
        ...

    def next_id(self, table: str) -> Question:
        """The question for the id that a table gives next, for its only writer."""
        ...

    def ask(self, *questions: Question) -> list[list[Row]]:
        """The rows of each question, all of one consistent view; on a server one round trip."""
        ...

    def reading(self) -> AbstractContextManager[Connection]:
        """One consistent view of the database, which keeps no writer waiting."""
        ...

    def writing(self, *questions: Question) -> AbstractContextManager[Step]:
        """One transaction of the only writer, durable when the block is left.

        `questions` are what it has to know first; they are sent with its beginning.
        """
        ...

    def close(self) -> None:
        """Close the connections."""
        ...


class Session(Protocol):
    """A connection in one open transaction, which ends only with its process or its server.

    Nothing of it is ever committed. After a statement that fails it answers no more.
    """

    def asking(self) -> AbstractContextManager[Connection]:
        """The connection; what goes wrong in the block is a StateError."""
        ...

    def key(self, *names: str) -> int:
        """The number of an advisory lock: the same for the same names in the same store."""
        ...

    def is_quiet(self) -> bool:
        """True where nothing has come from the server unasked: not its end, and no farewell."""
        ...


class Sessions(Connections, Protocol):
    """A database that can keep locks as well."""

    def note(self, statement: Question) -> None:
        """Run a statement that is a transaction of its own, and the same twice as once."""
        ...

    def session(self) -> AbstractContextManager[Session]:
        """A connection of its own, which lasts; raises StateError."""
        ...
