"""The state store: audit trail, journal of intents and outbox, in one database."""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from reconciler.adapters.database.address import file_of, files_beside, folder_of
    from reconciler.adapters.database.courses import courses_at
    from reconciler.adapters.database.last_seen import seen_and_kept
    from reconciler.adapters.database.opening import DEADLINE, open_store
    from reconciler.adapters.database.outbox import Backlog
    from reconciler.adapters.database.readings import readings_at
    from reconciler.adapters.database.store import Store

__all__ = [
    "DEADLINE",
    "Backlog",
    "Store",
    "courses_at",
    "file_of",
    "files_beside",
    "folder_of",
    "open_store",
    "readings_at",
    "seen_and_kept",
]

_HOMES = {
    "DEADLINE": "opening",
    "Backlog": "outbox",
    "Store": "store",
    "courses_at": "courses",
    "file_of": "address",
    "files_beside": "address",
    "folder_of": "address",
    "open_store": "opening",
    "readings_at": "readings",
    "seen_and_kept": "last_seen",
}


def __getattr__(name: str) -> object:
    """Import what is asked for when it is (PEP 562): a plan without a store does without it."""
    if name not in _HOMES:
        raise AttributeError(f"{__name__} has no {name}")
    found: object = getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    globals()[name] = found
    return found
