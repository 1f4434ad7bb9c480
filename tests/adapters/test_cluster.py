"""The connection to a Dask cluster: which addresses it takes, and what it says of what fails."""

import os
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from reconciler.adapters.cluster import cluster_at, require_closed, versions
from reconciler.errors import ClusterError, UsageError
from tests.support.dask_cluster import (
    LocalCluster,
    dask_cluster,
    joined_by_another_version,
    lone_scheduler,
)


@pytest.mark.parametrize(
    "address",
    [
        "tls://scheduler.example.com:8786",
        "tls://192.0.2.7:8786",
        "tls://[2001:db8::1]:8786/",
        "tcp://127.0.0.1:8786",
        "tcp://127.9.9.9:8786",
        "tcp://[::1]:8786",
        "tcp://localhost:8786",
    ],
)
def test_a_cluster_is_reached_by_tls_or_on_this_machine(address: str):
    require_closed(address)


@pytest.mark.parametrize(
    "address",
    [
        "tcp://scheduler.example.com:8786",
        "tcp://192.0.2.7:8786",
        "tcp://0.0.0.0:8786",
        "tcp://[::]:8786",
        "tcp://[::ffff:127.0.0.1]:8786",
        "tcp://localhost.example.com:8786",
        "tcp://127.0.0.1.example.com:8786",
        "tcp://2130706433:8786",
    ],
)
def test_no_other_machine_is_reached_without_tls(address: str):
    with pytest.raises(UsageError, match="a scheduler runs what it is sent"):
        require_closed(address)


@pytest.mark.parametrize(
    "address",
    [
        "",
        "127.0.0.1:8786",
        "tcp://127.0.0.1",
        "ws://127.0.0.1:8786",
        "wss://scheduler.example.com:8786",
        "inproc://127.0.0.1/1/1",
        "ucx://127.0.0.1:8786",
        "unix:///run/scheduler",
        "TCP://127.0.0.1:8786",
        "tcp://127.0.0.1@scheduler.example.com:8786",
        "tcp://127.0.0.1:8786@scheduler.example.com:8786",
        "tcp://127.0.0.1:8786\ntls://x:1",
        "tls://:8786",
        "tls://scheduler.example.com:8786?x=1",
    ],
)
def test_what_is_no_address_of_a_scheduler_is_refused(address: str):
    with pytest.raises(UsageError, match="tls://HOST:PORT"):
        require_closed(address)


def test_a_scheduler_that_does_not_answer_is_waited_for_as_long_as_was_said():
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        address = f"tcp://127.0.0.1:{silent.getsockname()[1]}"
        begun = time.monotonic()

        with (
            pytest.raises(ClusterError, match=f"no scheduler answers at {address}"),
            cluster_at(address, patience=0.5),
        ):
            pass

    assert time.monotonic() - begun < 10


def test_an_address_by_tls_without_certificates_is_told_with_the_settings_that_help():
    with (
        pytest.raises(ClusterError, match="DASK_DISTRIBUTED__COMM__TLS__CA_FILE"),
        cluster_at("tls://127.0.0.1:9", patience=0.5),
    ):
        pass


def nothing() -> None:
    """Wait on."""


def die(_: int) -> int:
    os.kill(os.getpid(), 9)
    return 0


def fail(number: int) -> int:
    raise ValueError(f"a secret {number}")


def double(number: int) -> int:
    return 2 * number


@pytest.fixture(scope="module")
def workers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalCluster]:
    environ = {"DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES": "0"}
    with dask_cluster(tmp_path_factory.mktemp("cluster"), environ) as cluster:
        yield cluster


@pytest.mark.process
def test_a_task_is_done_by_a_worker(workers: LocalCluster):
    with cluster_at(workers.address) as cluster:
        assert cluster.at_once in (2, 4)  # a worker that a test has ended may not be back
        assert cluster.call(double, 21, named="answer", waiting=nothing) == 42


@pytest.mark.process
def test_a_task_that_ends_its_workers_fails_alone(workers: LocalCluster):
    with cluster_at(workers.address) as cluster:
        with pytest.raises(ClusterError, match=r"1 workers? ended .*allowed-failures") as caught:
            cluster.call(die, 1, named="die", waiting=nothing)

        assert caught.value.lost
        assert cluster.call(double, 4, named="answer", waiting=nothing) == 8


@pytest.mark.process
def test_an_error_of_a_worker_is_named_without_its_words(workers: LocalCluster):
    with (
        cluster_at(workers.address) as cluster,
        pytest.raises(ClusterError, match="ValueError") as caught,
    ):
        cluster.call(fail, 7, named="fail", waiting=nothing)

    assert "secret" not in str(caught.value)


@pytest.mark.process
def test_a_scheduler_without_workers_is_told_in_time(tmp_path: Path):
    with (
        lone_scheduler(tmp_path) as address,
        pytest.raises(ClusterError, match="has no worker: start some"),
        cluster_at(address, patience=0.5),
    ):
        pass


@pytest.mark.process
def test_a_worker_of_another_version_is_told_with_both(tmp_path: Path):
    ours, python, distributed = versions()
    with (
        lone_scheduler(tmp_path) as address,
        joined_by_another_version(tmp_path, address),
        pytest.raises(ClusterError) as caught,
        cluster_at(address),
    ):
        pass

    assert f"what runs here, reconciler {ours}, Python {python}" in str(caught.value)
    assert f"has reconciler 0.0.1, Python {python} and distributed {distributed}" in str(
        caught.value
    )
