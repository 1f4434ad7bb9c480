"""A real PgBouncer of Debian between the program and a server of the tests."""

import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg

from tests.support.faultserver import unused_port
from tests.support.postgres import Server, started
from tests.support.proxies import program


@dataclass(frozen=True)
class Pooler:
    """A PgBouncer that runs, in front of one server."""

    port: int
    process: "subprocess.Popen[bytes]"

    def url(self, database: str) -> str:
        """As `--state` takes it."""
        return f"postgresql+psycopg://postgres@127.0.0.1:{self.port}/{database}"

    def connect(self, database: str) -> "psycopg.Connection[Any]":
        """A connection of our own, which commits each statement."""
        return psycopg.connect(
            host="127.0.0.1", port=self.port, user="postgres", dbname=database, autocommit=True
        )

    def kill(self) -> None:
        """End it as a crash does."""
        self.process.kill()
        self.process.wait(20)


@contextmanager
def pooler(server: Server, mode: str, **settings: str) -> Iterator[Pooler]:
    """One in that `pool_mode`, five connections a pool; ends with the block."""
    name = program("pgbouncer")
    with tempfile.TemporaryDirectory(prefix="pooler-") as folder:
        port = unused_port()
        Path(folder).chmod(0o755)
        wanted = {
            "listen_addr": "127.0.0.1",
            "listen_port": str(port),
            "unix_socket_dir": "",
            "auth_type": "any",
            "pool_mode": mode,
            "default_pool_size": "5",
            "ignore_startup_parameters": "extra_float_digits",
        } | settings
        lines = "".join(f"{key} = {value}\n" for key, value in wanted.items())
        target = f"host=127.0.0.1 port={server.port} user=postgres"
        configuration = Path(folder, "pgbouncer.ini")
        configuration.write_text(f"[databases]\n* = {target}\n[pgbouncer]\n{lines}")
        log = Path(folder, "log")
        process = started([name, configuration], log)
        made = Pooler(port, process)
        try:
            _wait(made, log)
            yield made
        finally:
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)  # at once, with all connections
            process.wait(20)


def _wait(made: Pooler, log: Path) -> None:
    ends = time.monotonic() + 20
    while time.monotonic() < ends and made.process.poll() is None:
        with suppress(psycopg.OperationalError), closing(made.connect("postgres")):
            return
        time.sleep(0.02)
    raise AssertionError(log.read_text())
