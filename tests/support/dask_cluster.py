"""A Dask cluster of processes on this machine, in a process of its own.

`python -m tests.support.dask_cluster FILE WORKERS THREADS` serves one until its standard input
ends, and keeps in FILE where its scheduler is.
"""

import json
import os
import select
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from tests.support.program import ROOT


@dataclass(frozen=True)
class LocalCluster:
    """A scheduler and worker processes, each begun anew by its nanny where it ends."""

    address: str
    file: Path
    log: Path
    size: int

    def workers(self) -> list[int]:
        """The processes of the workers that the scheduler knows."""
        return list(json.loads(self.file.read_text())["workers"])

    def kill_worker(self, number: int = 0) -> None:
        """Kill one of all workers as the kernel does, once all of them are there."""
        # A nanny gives up a worker that is killed while it begins.
        ends = time.monotonic() + 60
        while len(workers := self.workers()) < self.size:
            assert time.monotonic() < ends, self.log.read_text()
            time.sleep(0.01)
        os.kill(workers[number % self.size], signal.SIGKILL)
        while workers == self.workers():  # or the next call would find it, too
            assert time.monotonic() < ends, self.log.read_text()
            time.sleep(0.01)


@contextmanager
def dask_cluster(
    folder: Path, environ: Mapping[str, str], *, workers: int = 2, threads: int = 2
) -> Iterator[LocalCluster]:
    """A cluster whose workers have that environment, and no other variable of ours."""
    folder.mkdir(exist_ok=True, parents=True)
    file, log = folder / "scheduler.json", folder / "cluster.log"
    command = [sys.executable, "-m", __name__, str(file), str(workers), str(threads)]
    kept = {"PATH": os.environ["PATH"], "HOME": str(folder), "PYTHONPATH": str(ROOT)}
    with log.open("wb") as output:
        process = subprocess.Popen(
            command,
            cwd=folder,
            env={**kept, **environ},
            stdin=subprocess.PIPE,
            stdout=output,
            stderr=output,
        )
    try:
        ends = time.monotonic() + 60
        while not file.exists():
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < ends, log.read_text()
            time.sleep(0.05)
        yield LocalCluster(json.loads(file.read_text())["address"], file, log, workers)
    finally:
        assert process.stdin is not None
        process.stdin.close()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


@contextmanager
def lone_scheduler(folder: Path) -> Iterator[str]:
    """A scheduler without workers; its address."""
    file = folder / "lone.json"
    command = ["scheduler", "--host", "127.0.0.1", "--port", "0", "--no-dashboard"]
    with dask_process(folder, *command, "--scheduler-file", str(file)):
        ends = time.monotonic() + 60
        while not (file.exists() and file.read_text()):
            assert time.monotonic() < ends
            time.sleep(0.05)
        yield json.loads(file.read_text())["address"]


@contextmanager
def joined_by_another_version(folder: Path, address: str) -> Iterator[None]:
    """A worker at that scheduler whose reconciler is of another version."""
    package = shutil.copytree(ROOT / "reconciler", folder / "other/reconciler")
    (package / "__init__.py").write_text("__version__ = '0.0.1'")
    command = ("worker", address, "--no-nanny", "--no-dashboard")
    with dask_process(folder, *command, environ={"PYTHONPATH": "other"}):
        yield


@contextmanager
def dask_process(
    folder: Path, *command: str, environ: Mapping[str, str] = MappingProxyType({})
) -> Iterator[None]:
    """The program `dask`, which Dask has for schedulers and workers."""
    with (folder / f"{command[0]}.log").open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "dask", *command],
            cwd=folder,
            env={"PATH": os.environ["PATH"], "HOME": str(folder), **environ},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
        )
    try:
        yield
    finally:
        process.terminate()
        process.wait(20)


def main() -> None:
    """Serve one."""
    import distributed

    file, workers, threads = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
    secure = "DASK_DISTRIBUTED__COMM__TLS__CA_FILE" in os.environ
    with distributed.LocalCluster(
        n_workers=workers,
        threads_per_worker=threads,
        processes=True,
        host="127.0.0.1",
        protocol="tls" if secure else "tcp",
        security=distributed.Security() if secure else None,
        dashboard_address=None,
        memory_limit=0,
    ) as cluster:
        while not select.select([sys.stdin], [], [], 0.02)[0]:
            known = set(cluster.scheduler.workers)
            there = [
                nanny.pid
                for nanny in cluster.workers.values()
                if nanny.worker_address in known and nanny.status is distributed.Status.running
            ]
            made = file.with_suffix(".new")
            made.write_text(json.dumps({"address": cluster.scheduler_address, "workers": there}))
            made.rename(file)


if __name__ == "__main__":
    main()
