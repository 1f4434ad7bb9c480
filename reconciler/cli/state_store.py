"""The state store of a command, with the locks and the emergency export beside it."""

import logging
import os
import shlex
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from urllib.parse import quote

from reconciler.adapters.clock import StopSignal, wall_time
from reconciler.adapters.database import Store, file_of, files_beside, folder_of, open_store
from reconciler.adapters.database.address import begun_in
from reconciler.adapters.emergency import EmergencyExport
from reconciler.adapters.git import Git, path_in_repository
from reconciler.adapters.locks import FileLocks, held_in
from reconciler.cli.invocation import Invocation
from reconciler.cli.shared_options import PruningOptions
from reconciler.errors import GitRefused, StateError, TenantLocked, UsageError
from reconciler.ports import Clock, HeldLock, Locks
from reconciler.private_files import open_to_others
from reconciler.render.plain_text import visible

_PRUNINGS = 20  # of some hundred rows each
_MAX_AGE = 365_000  # days; longer ago than that is before the first day of the calendar
_MAX_DEADLINE = 2_000_000  # seconds; the databases take no more milliseconds than 2 ** 31

EPHEMERAL = (
    "warning: this is a CI job and no --state is given, so the state store is a file on its disk; "
    "with that disk the audit trail, the webhooks that wait and what a killed run left open are "
    "lost. Give --state postgresql+psycopg://…, or name the file where the disk is kept"
)

_log = logging.getLogger(__name__)


@contextmanager
def open_state(
    invocation: Invocation, stop: StopSignal, pruning: PruningOptions | None = None
) -> Iterator[Store]:
    """The store, made where it is missing; raises StateError before anything else is begun.

    A write of it that fails ends the run that `stop` is for. Some of what `pruning` calls over is
    pruned at the end.
    """
    if ephemeral(invocation):
        invocation.console.say(EPHEMERAL)
    with closing(_opened(invocation, invocation.common.state_url, create=True, stop=stop)) as store:
        yield store
        if pruning is not None:
            age = timedelta(days=min(pruning.keep_delivered, _MAX_AGE))
            _prune(store, wall_time() - age)


@contextmanager
def read_state(invocation: Invocation) -> Iterator[Store]:
    """A store that has to be there already, and may be one that nobody here may write to."""
    url = invocation.common.state_url
    with closing(_opened(invocation, url, create=False, only_read=True)) as store:
        if (moved := store.moved_to()) is not None:
            invocation.console.say(
                f"warning: this store was moved to {visible(moved)}, and is shown as it was then"
            )
        yield store


@contextmanager
def state_if_any(invocation: Invocation) -> Iterator[Store | None]:
    """The same; None where its file is not there, as before the first apply."""
    file = file_of(invocation.common.state_url)
    if file is not None and not file.exists():
        yield None
        return
    with read_state(invocation) as store:
        yield store


@contextmanager
def existing_state(invocation: Invocation, stop: StopSignal) -> Iterator[Store]:
    """A store that has to be there already, to be written to as in `open_state`."""
    url = invocation.common.state_url
    with closing(_opened(invocation, url, create=False, stop=stop)) as store:
        yield store


def url_of_target(invocation: Invocation, to: str) -> str:
    """The URL of the store that `--to` names, by its URL or by the path of its file.

    Raises UsageError for what is no store, or the one that is to be moved.
    """
    url = begun_in(invocation.common.folder, to if "://" in to else f"sqlite:///{quote(to)}")
    source = file_of(invocation.common.state_url)
    with _about_target():
        file = file_of(url)
        is_same = file is not None and source is not None and _is_one(file, source)
        if is_same or url == invocation.common.state_url:
            raise UsageError("it names the store that is to be moved: name another")
    return url


@contextmanager
def target_of_move(invocation: Invocation, url: str) -> Iterator[Store]:
    """The store of that URL, made where it is missing."""
    with ExitStack() as opened:
        with _about_target():
            store = opened.enter_context(closing(_opened(invocation, url, create=True)))
        yield store


@contextmanager
def _about_target() -> Iterator[None]:
    """Let an error say which option named the store that it is about."""
    try:
        yield
    except (UsageError, StateError) as error:
        said = str(error).replace("--state (RECONCILER_STATE)", "the URL")
        raise type(error)(f"--to: {said}") from error


def _is_one(file: Path, other: Path) -> bool:
    try:
        return file.samefile(other)
    except OSError:  # one of them is not there yet
        return False


def require_unlocked(invocation: Invocation, store: Store) -> None:
    """Raise TenantLocked where a run holds a lock."""
    for lock in _held(invocation, store):
        raise TenantLocked(
            f"tenant {lock.tenant} is held by {lock.holder} since {lock.since}: wait for that run "
            "to end, or stop it; `reconciler locks` shows all that are held"
        )


def _prune(store: Store, delivered_before: datetime) -> None:
    try:
        for _ in range(_PRUNINGS):  # the rest waits for the next run, so that none takes long
            if not store.prune(delivered_before):
                break
    except StateError as error:
        _log.warning("webhooks delivered long ago were not pruned: %s", error)


def _opened(
    invocation: Invocation,
    url: str,
    *,
    create: bool,
    only_read: bool = False,
    stop: StopSignal | None = None,
) -> Store:
    if (file := file_of(url)) is not None:
        _require_untracked(invocation, file)
        _warn_of_open_files(invocation, file)
    seconds = float(min(invocation.common.state_deadline, _MAX_DEADLINE))
    return open_store(
        url,
        create=create,
        only_read=only_read,
        busy_timeout=seconds,
        deadline=seconds,
        failed=(stop or StopSignal()).fail,
    )


def _require_untracked(invocation: Invocation, file: Path) -> None:
    """Raise StateError for a store that git tracks: whoever may push could fill it."""
    folder = Path(os.path.realpath(file.parent))
    if not folder.is_dir() or path_in_repository(folder) is None:
        return
    names = [each.name for each in files_beside(file)]
    git = Git.of(invocation.settings.environ)
    try:
        tracked = git(folder, "--literal-pathspecs", "ls-files", "-z", "--", *names)
    except GitRefused:  # no git, or a repository that it does not read: others say so
        return
    if tracked:
        named = shlex.join(os.fsdecode(tracked).split("\0")[:-1])
        raise StateError(
            f"git tracks the store {file}, so whoever may push could write into it: take it out "
            f"with `git rm --cached {visible(named)}` in {folder}, name it in .gitignore, and "
            "delete it where you did not make it yourself; or name another with --state"
        )


def _warn_of_open_files(invocation: Invocation, file: Path) -> None:
    """Warn of what is there and others may read or write; it is theirs to change who made it."""
    folder = () if file.parent.resolve() == Path.cwd() else (file.parent,)
    found = open_to_others((*folder, *files_beside(file), file.parent / "locks"))
    if found:
        listed = ", ".join(f"{path} ({mode:04o})" for path, mode in found)
        names = shlex.join(str(path) for path, _ in found)
        invocation.console.say(
            f"warning: others on this machine can open {visible(listed)}, and what a run keeps is "
            f"for its owner alone: `chmod go-rwx {visible(names)}`"
        )


@contextmanager
def exporting(invocation: Invocation, store: Store) -> Iterator[EmergencyExport]:
    """The store; what it fails to keep goes to a file beside its folder, else to the console."""
    # docs/decisions.md, "The emergency export wraps the journal"
    folder = folder_of(invocation.common.state_url)
    beside = invocation.common.folder.absolute() if folder is None else folder.absolute().parent
    export = EmergencyExport(store, beside)
    try:
        yield export
    finally:
        if export.path is not None:
            invocation.console.complain(
                f"what this run did and could not record for certain is in {export.path}: keep it "
                "with the trail; the next run needs nothing of it, it reads the tenants"
            )
        elif export.lines:
            invocation.console.complain(
                "what this run did and could not record for certain, nor write to a file, is this:"
            )
            for line in export.lines:
                invocation.console.complain(visible(line))


def locks_of(invocation: Invocation, store: Store, *, holder: str, clock: Clock) -> Locks:
    """The tenants' locks, where the store is: runs that share a store share its locks."""
    # In PostgreSQL, for its runs share no disk; else in files (docs/decisions.md, "Locks are bytes
    # of a few files beside the store").
    beside = folder_of(invocation.common.state_url) or Path()
    kept = store.locks(holder=holder, clock=clock)
    return kept or FileLocks(beside / "locks", holder=holder, clock=clock)


def held_locks(invocation: Invocation) -> list[HeldLock]:
    """The locks that runs hold now, where `locks_of` keeps them; none before the first apply."""
    with state_if_any(invocation) as store:
        return [] if store is None else _held(invocation, store)


def _held(invocation: Invocation, store: Store) -> list[HeldLock]:
    beside = folder_of(invocation.common.state_url) or Path()
    kept = store.held_locks()
    return held_in(beside / "locks") if kept is None else kept


def ephemeral(invocation: Invocation) -> bool:
    """Test whether the store goes with the disk of a CI job, and nobody has named it."""
    return invocation.settings.ci and invocation.common.state is None
