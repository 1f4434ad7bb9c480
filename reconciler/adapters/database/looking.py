"""A look into a store: nothing of it is made, brought forward or locked."""

from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from reconciler.adapters.database.address import address_of
from reconciler.errors import StateError

if TYPE_CHECKING:  # where there is no store, nothing that opens one is imported
    from reconciler.adapters.database.connections import Connection

T = TypeVar("T")

_PATIENCE = 5.0  # seconds for a store that only adds to what a command tells


def look(url: str, read: "Callable[[Connection], T]") -> T | None:
    """What `read` finds in the store that a URL names; None where there is none.

    A role that may only SELECT is enough. Raises UsageError for the URL, StateError for what is
    there.
    """
    address = address_of(url)
    if isinstance(address, Path):
        return _look_into(address, read) if _is_there(address) else None
    from reconciler.adapters.database.opening import server_at

    server = server_at(address, busy_timeout=_PATIENCE, deadline=_PATIENCE)
    with closing(server), server.reading() as connection:
        return read(connection)


def _is_there(path: Path) -> bool:
    try:
        path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError as error:
        raise StateError(f"the store {path} cannot be opened: {error.strerror}") from error
    return True


def _look_into(path: Path, read: "Callable[[Connection], T]") -> T:
    from reconciler.adapters.database.engine import Opened, explained, read_only

    with explained(str(path)), closing(read_only(path, _PATIENCE)) as raw:
        return read(Opened(raw))
