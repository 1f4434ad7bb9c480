"""The workers of a Dask cluster, reached by TLS or on this machine; what fails, in our words.

Whoever reaches a scheduler runs what they like on its workers, with all that those may do.
"""

import logging
import re
import ssl
import sys
import threading
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import CancelledError
from contextlib import ExitStack, contextmanager
from importlib.metadata import version
from itertools import count
from queue import Empty, Queue
from typing import TYPE_CHECKING, Any, TypeVar

from reconciler import __version__
from reconciler.domain.loopback import is_loopback_host
from reconciler.errors import ClusterError, UsageError

if TYPE_CHECKING:
    from distributed import Client, Future

T = TypeVar("T")
R = TypeVar("R")
PATIENCE = 30.0  # seconds for the scheduler to answer, and to have a worker
_LOOK_AGAIN = 0.2  # seconds, after which whoever waits for a task may want to wait no longer
_COUNT_AGAIN = 5.0  # seconds, after which the workers are counted anew
_ADDRESS = re.compile(r"(tls|tcp)://(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+):([0-9]{1,5})/?")
_TLS = (
    "Dask takes the certificates of a tls:// address from its own settings: "
    "DASK_DISTRIBUTED__COMM__TLS__CA_FILE, …__CLIENT__CERT and …__CLIENT__KEY, here as for its "
    "scheduler and its workers"
)
Versions = tuple[str, str, str]


def require_closed(address: str) -> None:
    """Raise UsageError for an address that is neither encrypted nor on this machine."""
    found = _ADDRESS.fullmatch(address)
    if found is None:
        raise UsageError(
            "--dask takes the address of a scheduler as tls://HOST:PORT, or on this machine as "
            "tcp://127.0.0.1:PORT"
        )
    if found[1] == "tcp" and not is_loopback_host(found[2].strip("[]")):
        raise UsageError(
            f"--dask {address}: without TLS nobody knows who answers, and a scheduler runs what it "
            "is sent, with the secrets of its workers: give tls://HOST:PORT, or tcp:// with an "
            "address of this machine alone, 127.0.0.1 or [::1]"
        )


def versions() -> Versions:
    """The versions that a caller and its workers have to have in common, of this process."""
    python = f"{sys.version_info.major}.{sys.version_info.minor}"
    return __version__, python, version("distributed")


class Cluster:
    """A connection to the scheduler; several threads may use it."""

    def __init__(self, client: "Client", address: str) -> None:
        self._client = client
        self._address = address
        self._numbers = count()
        self._counting = threading.Lock()
        self._seen_at = self._counted_at = time.monotonic()

    @property
    def at_once(self) -> int:
        """The number of tasks that its workers do at once, which is that of their threads."""
        return max(1, sum(self._threads().values()))

    def call(
        self, function: Callable[[T], R], task: T, *, named: str, waiting: Callable[[], None]
    ) -> R:
        """Have a task done by a function on any worker; raises ClusterError.

        It is begun anew where its worker ends. `waiting` is called while it is waited for, and
        whatever it raises gives it up.
        """
        from distributed import KilledWorker

        ended = threading.Event()
        with ExitStack() as undo:
            try:
                future: Future[R] = self._client.submit(
                    function, task, key=f"reconciler-{named}-{next(self._numbers)}", pure=False
                )
                undo.callback(future.release)
                future.add_done_callback(lambda _: ended.set())
                while not ended.wait(_LOOK_AGAIN):
                    waiting()
                    self._require_workers()
                error = future.exception()
                if error is None:
                    return future.result()
            except CancelledError as lost:
                raise _lost(self._address) from lost
            if isinstance(error, KilledWorker):
                raise ClusterError(
                    f"{error.allowed_failures + 1} workers ended one after the other while they "
                    "did it, and it is not given to another: see the logs of the workers and their "
                    "memory; distributed.scheduler.allowed-failures of Dask is how many may end",
                    lost=True,
                ) from error
            raise ClusterError(
                f"a worker could not do it ({type(error).__name__}): see its log, and whether "
                f"it runs reconciler {__version__}",
                lost=True,
            ) from error

    def tell(self, function: Callable[..., None], *arguments: object) -> None:
        """Call a function on each worker at once, beside the tasks; those that fail stay as is."""
        try:
            self._answer(lambda: self._client.run(function, *arguments, on_error="ignore"))
        except ClusterError as error:
            logging.getLogger(__name__).debug("the workers were not told: %s", error)

    def require_alike(self) -> None:
        """Raise ClusterError where a worker runs another version of us, of Python or of Dask."""
        ours = versions()
        found = self._answer(lambda: self._client.run(versions, on_error="return"))
        others = [
            f"{worker} {_other(theirs)}" for worker, theirs in found.items() if theirs != ours
        ]
        if others:
            more = f" and {len(others) - 3} more" if len(others) > 3 else ""
            raise ClusterError(
                f"the workers of {self._address} have to run what runs here, {_named(ours)}: "
                f"{'; '.join(others[:3])}{more}"
            )

    def _threads(self) -> dict[str, int]:
        """The number of threads of each worker."""
        found: dict[str, int] = self._answer(self._client.nthreads)
        return found

    def _answer(self, question: Callable[[], Any]) -> Any:
        """The answer to a question, in time; raises ClusterError."""

        async def ask() -> Any:
            return await question()  # in the thread of its loop the client waits for nothing

        try:
            return self._client.sync(ask, callback_timeout=PATIENCE)
        except (OSError, CancelledError) as error:
            raise _lost(self._address) from error

    def _require_workers(self) -> None:
        """Raise ClusterError once there has been no worker for long, or nobody answers."""
        with self._counting:
            now = time.monotonic()
            if now - self._counted_at < _COUNT_AGAIN:
                return
            there = bool(self._threads())
            self._counted_at = time.monotonic()
            if there:
                self._seen_at = self._counted_at
            elif now - self._seen_at > PATIENCE:
                raise ClusterError(_no_worker(self._address), lost=True)


@contextmanager
def cluster_at(address: str, *, patience: float = PATIENCE) -> Iterator[Cluster]:
    """The cluster of a scheduler; raises UsageError or ClusterError within about that patience."""
    require_closed(address)
    try:
        import distributed
    except ImportError as error:
        from reconciler.installation import Extra, way_to

        raise UsageError(f"--dask needs the extra {Extra.DASK}; {way_to(Extra.DASK)}") from error
    for name in ("distributed", "distributed.client"):  # what they would log, our errors say
        logging.getLogger(name).setLevel(logging.CRITICAL)
    with ExitStack() as stack:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that versions differ, which is asked below
            client = _connected(distributed.Client, address, patience)
        stack.callback(client.close, timeout=2)
        try:
            client.wait_for_workers(1, timeout=patience)
        except TimeoutError as error:
            raise ClusterError(_no_worker(address)) from error
        cluster = Cluster(client, address)
        cluster.require_alike()
        yield cluster


def _connected(make: "type[Client]", address: str, patience: float) -> "Client":
    # Whoever takes a connection and says nothing would be waited for without end. The thread that
    # waits for it ends with the process.
    made: Queue[Client | Exception] = Queue()

    def connect() -> None:
        try:
            made.put(make(address, timeout=patience, set_as_default=False))
        except (TypeError, ValueError, OSError) as error:
            made.put(error)

    threading.Thread(target=connect, daemon=True).start()
    try:
        found = made.get(timeout=patience + 1)
        if isinstance(found, Exception):
            raise found
    except Empty as error:
        raise _unanswered(address, patience) from error
    except (ssl.SSLError, TypeError, ValueError) as error:
        raise ClusterError(f"no connection to {address}: {_TLS}") from error
    except OSError as error:
        raise _unanswered(address, patience) from error
    return found


def _lost(address: str) -> ClusterError:
    return ClusterError(f"the connection to the scheduler at {address} was lost", lost=True)


def _unanswered(address: str, patience: float) -> ClusterError:
    secure = f". {_TLS}" if address.startswith("tls") else ""
    return ClusterError(
        f"no scheduler answers at {address}, within {patience:.0f} seconds: start it, or mend the "
        f"address{secure}"
    )


def _no_worker(address: str) -> str:
    return (
        f"the scheduler at {address} has no worker: start some, with `dask worker` or as your "
        "cluster does"
    )


def _named(found: Sequence[str]) -> str:
    return f"reconciler {found[0]}, Python {found[1]} and distributed {found[2]}"


def _other(theirs: object) -> str:
    match theirs:
        case (str(), str(), str()):
            return f"has {_named(theirs)}"
        case _:
            return f"has no reconciler that answers ({type(theirs).__name__})"
