"""Runs over the workers of a cluster: a fleet, its service, a store and what it has of a run."""

import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

from tests.support.dask_cluster import LocalCluster, dask_cluster
from tests.support.fleet.manifests import CLIENT_SECRET, ENVIRON, Fleet
from tests.support.fleet.service import Running
from tests.support.program import Folder
from tests.support.warm import Done

EXTENSIONS = 3


@dataclass(frozen=True)
class Worked:
    """A cluster whose workers have the secrets of a fleet, and a store that they share."""

    path: Path
    service: Running
    cluster: LocalCluster
    state: str
    numbers: "count[int]" = field(default_factory=count)

    @property
    def address(self) -> str:
        return self.cluster.address

    @property
    def apply(self) -> tuple[str, ...]:
        """An apply by the workers, which asks nobody and waits for no filter."""
        return ("apply", "--auto-approve", "--dask", self.address, "--searchable-timeout", "0")

    def folder_of(self, *, tenants: int, live: int, delay: float = 0.0) -> Folder:
        """A fleet of a service that has forgotten all others; its folder has no secret."""
        self.service.set(reset=True, hr=204, delay=delay)
        path = self.path / str(next(self.numbers))
        fleet = Fleet(
            origin=self.service.origin,
            tenants=tenants,
            extensions=EXTENSIONS,
            live=live,
            webhooks=True,
        )
        fleet.write(path / "desired-state")
        return Folder(path, {"RECONCILER_STATE": self.state})

    def counted(self) -> int:
        """All requests since the fleet was made."""
        return sum(sum(kinds.values()) for kinds in self.service.counted().tenants.values())

    def creates(self) -> dict[str, int]:
        """The POSTs of schemas, by tenant."""
        tenants = self.service.counted().tenants.items()
        return {name: kinds["create"] for name, kinds in tenants if "create" in kinds}

    def wait_for_creates(self, number: int) -> None:
        ends = time.monotonic() + 60
        while sum(self.creates().values()) < number:
            assert time.monotonic() < ends
            time.sleep(0.02)

    def applied_while_killed(self, folder: Folder, *, after: int, number: int) -> Done:
        """An apply in which a worker is killed once the service has had so many requests."""
        return self.run_while_killed(folder, *self.apply, after=after, number=number)

    def run_while_killed(self, folder: Folder, *words: str, after: int, number: int) -> Done:
        """The same of any command."""
        with folder.start(*words) as process:
            while self.counted() < after and process.poll() is None:
                time.sleep(0.005)
            assert process.poll() is None, "the apply was over before"
            self.cluster.kill_worker(number)
            out, err = process.communicate(timeout=110)
        return Done(process.returncode, out, err)

    def require_once(self, folder: Folder, *, changes: int) -> None:
        """The last run has made each change once, told it once, and left a whole trail."""
        tenants = self.service.counted().tenants
        assert {kinds["create"] for name, kinds in tenants.items() if name != "hr"} == {2}
        records = folder.audit()
        [*_, last] = (each["run_id"] for each in records if each["event"] == "RUN_STARTED")
        run = [each for each in records if each["run_id"] == last]
        assert [each["event"] for each in (run[0], run[-1])] == ["RUN_STARTED", "RUN_COMPLETED"]
        told = Counter(_event(each) for each in run if each["event"] == "HR_SYNC_QUEUED")
        heard = Counter(_event(each) for each in run if each["status"] == "SYNCED")
        assert told == heard
        assert (len(told), set(told.values())) == (changes, {1})
        assert folder.run("audit", "verify").code == 0


def _event(record: dict) -> str:
    return str(record["detail"]).split()[0]


@contextmanager
def worked(
    path: Path, service: Running, state: str, *, workers: int = 2, threads: int = 2
) -> Iterator[Worked]:
    secrets = path / "secrets"
    secrets.mkdir()
    (secrets / "client-secret").write_text(CLIENT_SECRET)
    environ = {
        **ENVIRON,
        "RECONCILER_SECRETS_DIR": str(secrets),
        "RECONCILER_STATE": state,
        "RECONCILER_ALLOWED_ORIGINS": service.origin,
    }
    with dask_cluster(path / "cluster", environ, workers=workers, threads=threads) as cluster:
        yield Worked(path, service, cluster, state)
