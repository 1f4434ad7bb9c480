"""`--dask`: the tenants are worked on by the workers of a cluster, with secrets of their own."""

import json
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import trustme

from tests.support.dask_cluster import dask_cluster
from tests.support.dask_runs import Worked, worked
from tests.support.fleet.manifests import CLIENT_SECRET, ENVIRON, WEBHOOK_SECRET
from tests.support.fleet.places import service
from tests.support.fleet.service import Running
from tests.support.postgres import Server
from tests.support.program import Folder, assert_reported

__all__ = ["service"]

pytestmark = pytest.mark.process


@pytest.fixture(scope="module")
def work(
    tmp_path_factory: pytest.TempPathFactory, service: Running, postgres: Server
) -> Iterator[Worked]:
    with worked(tmp_path_factory.mktemp("dask"), service, postgres.url()) as work:
        yield work


def test_a_plan_of_workers_is_that_of_one_machine_to_the_byte(work: Worked):
    folder = work.folder_of(tenants=5, live=1)

    workers = folder.run("plan", "--dask", work.address, "--out", "workers.json")
    alone = folder.run("plan", "--out", "alone.json", **ENVIRON)

    assert (workers.code, alone.code) == (0, 0), workers.everything + alone.everything
    assert workers.out == alone.out
    saved = (folder.path / "workers.json").read_bytes()
    assert saved == (folder.path / "alone.json").read_bytes()
    assert json.loads(saved)["summary"]["create"] == 10


def test_a_saved_plan_is_applied_by_workers_whose_secrets_the_caller_does_not_have(work: Worked):
    folder = work.folder_of(tenants=5, live=1)
    manifest = "desired-state/tenants/acme-00003.yaml"
    folder.edit(manifest, "env: FLEET_CLIENT_SECRET", "file: client-secret")
    assert folder.run("plan", "--dask", work.address, "--out", "plan.json").code == 0

    done = folder.run("apply", "plan.json", "--dask", work.address, "--report", "report.json")

    assert done.code == 0, done.everything
    assert "Apply complete! Extensions: 10 added" in done.out
    assert "Webhooks: 10 delivered, 0 pending" in done.out
    work.require_once(folder, changes=10)
    shown = done.everything + (folder.path / "report.json").read_text()
    assert not any(secret in shown for secret in (CLIENT_SECRET, WEBHOOK_SECRET))
    again = folder.run("plan", "--dask", work.address, "--detailed-exitcode")
    assert again.code == 0, again.everything


def test_a_saved_plan_that_is_stale_is_refused_for_its_tenants(work: Worked):
    folder = work.folder_of(tenants=2, live=1)
    assert folder.run("plan", "--dask", work.address, "--out", "plan.json").code == 0
    path = folder.path / "desired-state/extensions/department-2.yaml"
    path.write_text(path.read_text().replace("returned: default", "returned: always", 1))

    assert folder.run("apply", "plan.json", "--dask", work.address).code == 4
    assert work.creates() == {}


def test_a_worker_that_is_killed_costs_time_only(work: Worked):
    folder = work.folder_of(tenants=4, live=1, delay=0.05)

    done = work.applied_while_killed(folder, after=24, number=0)

    assert done.code == 0, done.everything
    work.require_once(folder, changes=8)


def test_what_cannot_be_done_by_workers_is_refused_before_they_are_called(
    work: Worked, folder: Folder
):
    local = "tcp://127.0.0.1:9"
    refused = {
        ("apply", "--auto-approve"): "apply --dask needs the store that all workers share",
        ("apply", "--recover-only"): "apply --dask needs the store that all workers share",
    }
    for command, reason in refused.items():
        assert_reported(folder.run(*command, "--dask", local), 1, reason)
    state = ("--state", work.state)
    built_in = folder.run("plan", "--dask", local)
    assert_reported(built_in, 1, "is a built-in tenant, which this machine alone can serve")
    there = work.folder_of(tenants=1, live=1)
    gate = there.run("apply", "--auto-approve", "--dask", local, "--gate", "gate", *state)
    assert_reported(gate, 1, "--gate writes files into a folder of this machine")
    away = folder.run("plan", "--dask", "tcp://192.0.2.1:8786")
    assert_reported(away, 1, "give tls://HOST:PORT, or tcp:// with an address of this machine")


def test_a_tenant_has_to_be_allowed_by_the_caller_and_by_the_worker(work: Worked):
    folder = work.folder_of(tenants=3, live=1)
    folder.edit("desired-state/tenants/acme-00002.yaml", "127.0.0.1", "localhost")
    allowed = f"acme-00000={work.service.origin} https://a.example.com"

    done = folder.run("plan", "--dask", work.address, RECONCILER_ALLOWED_ORIGINS=allowed)

    assert_reported(done, 1, "2 tenants could not be read")
    assert "not readable: tenant acme-00001 (" in done.out
    assert "RECONCILER_ALLOWED_ORIGINS of the machine that called the workers" in done.out
    assert "at http://localhost" in done.out
    assert {*work.service.counted().tenants} == {"acme-00000"}


def test_workers_with_another_store_write_nothing(work: Worked, postgres: Server):
    folder = work.folder_of(tenants=1, live=1)
    assert folder.run("apply", "--recover-only", **ENVIRON).code == 0  # makes their store

    done = folder.run(*work.apply, "--state", postgres.url())

    assert_reported(done, 1, "is not that of the caller: give both the same RECONCILER_STATE")
    assert work.creates() == {}


def test_a_signal_ends_the_run_in_time_and_the_next_goes_on(work: Worked):
    folder = work.folder_of(tenants=8, live=1, delay=0.3)
    with folder.start(*work.apply, "--report", "report.json") as process:
        work.wait_for_creates(2)
        begun = time.monotonic()
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)

    assert process.returncode == 130, out + err
    assert time.monotonic() - begun < 8
    assert "Traceback" not in err
    report = json.loads((folder.path / "report.json").read_text())
    assert not report["finished"]
    work.service.set(delay=0.0)
    done = folder.run(*work.apply)
    assert done.code == 0, done.everything
    assert set(work.creates().values()) == {2}


@pytest.fixture
def certified(tmp_path: Path) -> dict[str, str]:
    """Dask's settings for certificates of an authority of its own."""
    authority = trustme.CA()
    files = {"CA_FILE": authority.cert_pem}
    for who in ("CLIENT", "SCHEDULER", "WORKER"):
        issued = authority.issue_cert(f"{who.lower()}.dask.internal")
        files[f"{who}__CERT"] = issued.cert_chain_pems[0]
        files[f"{who}__KEY"] = issued.private_key_pem
    for name, blob in files.items():
        blob.write_to_path(str(tmp_path / f"{name}.pem"))
    return {f"DASK_DISTRIBUTED__COMM__TLS__{n}": str(tmp_path / f"{n}.pem") for n in files}


def test_a_cluster_is_reached_by_tls_with_a_certificate_of_its_authority(
    work: Worked, tmp_path: Path, certified: dict[str, str]
):
    folder = work.folder_of(tenants=1, live=1)
    environ = {**ENVIRON, **certified}
    with dask_cluster(tmp_path / "cluster", environ, workers=1, threads=1) as secure:
        assert secure.address.startswith("tls://")
        done = folder.run("plan", "--dask", secure.address, **certified)
        stranger = trustme.CA().issue_cert("client.dask.internal")
        stranger.cert_chain_pems[0].write_to_path(str(tmp_path / "CLIENT__CERT.pem"))
        stranger.private_key_pem.write_to_path(str(tmp_path / "CLIENT__KEY.pem"))
        refused = folder.run("plan", "--dask", secure.address, **certified)

    assert done.code == 0, done.everything
    assert "Plan: 2 to add" in done.out
    assert_reported(refused, 1, "DASK_DISTRIBUTED__COMM__TLS__CA_FILE")
