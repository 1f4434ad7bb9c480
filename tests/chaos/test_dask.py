"""A worker of a cluster is killed at twenty instants of an apply: it costs time, and no more."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.dask_runs import Worked, worked
from tests.support.fleet.manifests import ENVIRON
from tests.support.fleet.service import running
from tests.support.postgres import Server

pytestmark = pytest.mark.chaos

INSTANTS = 20
TENANTS = 6
REQUESTS = 90  # of an apply that nobody disturbs: tokens, reads, creates, webhooks


@pytest.fixture
def work(tmp_path: Path, postgres: Server) -> Iterator[Worked]:
    # Each of its own: a nanny of Dask can give up a worker that is killed again as it begins.
    with running() as service, worked(tmp_path, service, postgres.url()) as work:
        yield work


@pytest.mark.parametrize("instant", range(INSTANTS))
def test_nothing_is_lost_or_done_twice_where_a_worker_is_killed(work: Worked, instant: int):
    folder = work.folder_of(tenants=TENANTS, live=1, delay=0.03)
    after = REQUESTS * instant // INSTANTS
    done = work.applied_while_killed(folder, after=after, number=instant)

    assert done.code == 0, done.everything
    work.require_once(folder, changes=2 * TENANTS)
    alone = folder.run("plan", "--out", "done-alone.json", **ENVIRON)
    workers = folder.run("plan", "--dask", work.address, "--out", "done.json")
    assert (alone.code, workers.code) == (0, 0), alone.everything + workers.everything
    files = ("done-alone.json", "done.json")
    assert len({(folder.path / name).read_bytes() for name in files}) == 1
    assert "No changes." in workers.out


def test_a_plan_is_that_of_one_machine_where_a_worker_is_killed(work: Worked):
    folder = work.folder_of(tenants=TENANTS, live=1, delay=0.1)
    assert folder.run("plan", "--out", "alone.json", **ENVIRON).code == 0
    before = work.counted()

    done = work.run_while_killed(
        folder, "plan", "--dask", work.address, "--out", "workers.json", after=before + 8, number=0
    )

    assert done.code == 0, done.everything
    files = ("alone.json", "workers.json")
    assert len({(folder.path / name).read_bytes() for name in files}) == 1
