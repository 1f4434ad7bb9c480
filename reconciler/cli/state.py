"""Opening the state store, and where what belongs beside it lies."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from reconciler.adapters.database import Store, open_store
from reconciler.cli.main import Invocation


@contextmanager
def open_state(invocation: Invocation) -> Iterator[Store]:
    """The store, made where it is missing; raises StateError before anything else is begun."""
    with closing(open_store(_url(invocation))) as store:
        yield store


@contextmanager
def read_state(invocation: Invocation) -> Iterator[Store]:
    """A store that has to be there already."""
    with closing(open_store(_url(invocation), create=False)) as store:
        yield store


def lock_folder(invocation: Invocation) -> Path:
    """Beside the store, so that runs that share a store share its locks."""
    return Path(_url(invocation).removeprefix("sqlite:///")).parent / "locks"


def _url(invocation: Invocation) -> str:
    return invocation.arguments.text("state") or ""
